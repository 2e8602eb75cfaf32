"""Pipelines of whole sequences of unequal lengths with their labels, in padded batches."""

import numpy as np
import tensorflow as tf

from rnn_kit.text import TextError

_JITTER = 0.1  # the relative random variation of lengths when an epoch is sorted


def sequence_dataset(
    sequences, labels, batch_size, seed=0, first_batch=0, *, bucket=True, length=None, padding="post"
):
    """Makes endless shuffled batches of sequences, padded with zeros.

    With `bucket` a batch holds sequences of about one length, so that few steps of the network are
    spent on padding: each epoch sorts the sequences by their lengths, varied at random by a tenth, so
    that batches differ each time; splits them into batches; and shuffles these. All draws derive from
    (seed, epoch). The batch of the longest sequences may be smaller than the others.

    Args:
        sequences: n `rnn_kit.text.Sequences`, none of them empty.
        labels: `(n,)`.
        batch_size: B.
        seed: Seed of the orders.
        first_batch: The number of batches to leave out, to continue where a run ended.
        bucket: Whether to batch sequences of about one length, instead of in random order.
        length: T of every batch. Default: that of the longest sequence of each batch.
        padding: `"pre"` pads before a sequence, `"post"` after it. Default: `"post"`.

    Returns:
        An endless `tf.data.Dataset` of `(ids (B, T) int32, labels (B,) float32)`; and the number of
        batches of an epoch.

    Raises:
        TextError: if there is no sequence, one is empty or longer than `length`, or their number is
            not that of the labels.
        ValueError: if `padding` is neither `"pre"` nor `"post"`.

    Example:

    >>> from rnn_kit.pipelines import sequence_dataset
    >>> from rnn_kit.text import Sequences
    >>> four = Sequences.of([np.full(n, n) for n in (1, 20, 2, 21)])
    >>> dataset, batches = sequence_dataset(four, [0, 1, 0, 1], batch_size=2)
    >>> batches, sorted(ids.shape for ids, _ in dataset.take(2).as_numpy_iterator())
    (2, [(2, 2), (2, 21)])
    """
    gather = _gatherer(sequences, labels, length, padding)
    count = len(sequences)
    batches = -(-count // batch_size)
    lengths = tf.constant(sequences.lengths, tf.float32)

    def order_of(epoch):
        """Draws the indexes of an epoch's batches, `(batches, B)`; -1 where the last one is smaller."""
        blur, keys = tf.unstack(tf.random.stateless_uniform([2, count], [seed, epoch]))
        order = tf.argsort(lengths * (1 + _JITTER * (2 * blur - 1)) if bucket else blur, stable=True)
        rows = tf.reshape(
            tf.pad(order, [[0, batches * batch_size - count]], constant_values=-1), [batches, -1]
        )
        return tf.gather(rows, tf.argsort(keys[:batches])) if bucket else rows

    def epoch_batches(epoch):
        skipped = tf.maximum(first_batch - epoch * batches, 0)
        return tf.data.Dataset.from_tensor_slices(order_of(epoch)[skipped:])

    epochs = tf.data.Dataset.counter(start=first_batch // batches)
    dataset = epochs.flat_map(epoch_batches).map(lambda row: gather(row[row >= 0]))
    return dataset.prefetch(tf.data.AUTOTUNE), batches


def sequence_batches(sequences, labels, batch_size, *, length=None, padding="post"):
    """Makes batches of each sequence once, in order, padded with zeros: for evaluation and prediction.

    If the sequences are sorted by length, few steps are spent on padding.

    Args:
        sequences: n `rnn_kit.text.Sequences`, none of them empty.
        labels: `(n,)`, or `None`.
        batch_size: B.
        length: T of every batch. Default: that of the longest sequence of each batch.
        padding: `"pre"` pads before a sequence, `"post"` after it. Default: `"post"`.

    Returns:
        A `tf.data.Dataset` of `(ids (B, T), labels (B,))`, or of ids alone; the last batch may be
        smaller.

    Raises:
        TextError, ValueError: as `sequence_dataset`.
    """
    gather = _gatherer(
        sequences, np.zeros(len(sequences)) if labels is None else labels, length, padding
    )
    rows = tf.data.Dataset.range(len(sequences)).batch(batch_size)
    dataset = rows.map(gather if labels is not None else lambda row: gather(row)[0])
    return dataset.prefetch(tf.data.AUTOTUNE)


def _gatherer(sequences, labels, length, padding):
    """Makes a function from indexes `(b,)` to padded ids `(b, T)` and labels `(b,)`."""
    if not len(sequences) or len(sequences) != len(labels):
        raise TextError(
            "Expected at least one sequence and as many labels; received "
            f"{len(sequences)} and {len(labels)}"
        )
    pad = padded_rows(sequences, length=length, padding=padding)
    labels = tf.constant(np.asarray(labels, "float32"))
    return lambda rows: (pad(rows), tf.gather(labels, rows))


def padded_rows(sequences, *, length=None, padding="post"):
    """Makes a function that looks sequences up by their indexes, for use in a `tf.data` pipeline.

    Args:
        sequences: n `rnn_kit.text.Sequences`, none of them empty.
        length: Pad to this T. Default: to the longest sequence that is looked up.
        padding: `"pre"` pads before a sequence, `"post"` after it. Default: `"post"`.

    Returns:
        A function from indexes `(B,)` to ids `(B, T)` int32, padded with zeros.

    Raises:
        TextError: if there is no sequence, or one is empty or longer than `length`.
        ValueError: if `padding` is neither `"pre"` nor `"post"`.

    Example:

    >>> from rnn_kit.pipelines import padded_rows
    >>> from rnn_kit.text import Sequences
    >>> padded_rows(Sequences.of([np.array([5]), np.array([6, 7])]))([1, 0]).numpy().tolist()
    [[6, 7], [5, 0]]
    """
    if padding not in ("pre", "post"):
        raise ValueError(f'Argument `padding` must be "pre" or "post". Received: padding={padding!r}')
    if not len(sequences):
        raise TextError("Expected at least one sequence; received none")
    shortest, longest = sequences.lengths.min(), sequences.lengths.max()
    if shortest < 1 or (length is not None and longest > length):
        raise TextError(
            f"Expected sequences of 1 to {length or 'any number of'} ids; received some of {shortest} "
            f"to {longest}"
        )
    flat, starts = tf.constant(sequences.flat), tf.constant(sequences.starts)
    lengths = tf.constant(sequences.lengths)

    def pad(rows):
        row_lengths = tf.gather(lengths, rows)[:, None]
        steps = tf.range(
            tf.reduce_max(row_lengths) if length is None else tf.constant(length, tf.int64)
        )
        if padding == "pre":
            steps = steps - (tf.shape(steps, tf.int64)[0] - row_lengths)
        else:
            steps = tf.broadcast_to(steps, [tf.shape(rows)[0], tf.shape(steps)[0]])
        inside = (steps >= 0) & (steps < row_lengths)
        at = tf.gather(starts, rows)[:, None] + tf.where(inside, steps, 0)
        return tf.where(inside, tf.gather(flat, at), 0)

    return pad
