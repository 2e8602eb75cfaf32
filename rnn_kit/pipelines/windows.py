"""Pipelines of windows of one long text: in parallel streams, or shuffled with one target each."""

import numpy as np
import tensorflow as tf

from rnn_kit.text import TextError, streams


def stream_dataset(ids, batch_size, window, seed=0, first_batch=0):
    """Makes endless windows of parallel streams for truncated back-propagation with a carried state.

    Each epoch goes through the text once, in K batches of shape `(B, T)`. Row b of batch k + 1
    continues where row b of batch k ended, as in `rnn_kit.text.streams`. An epoch begins at an offset
    drawn from (seed, epoch), so that windows begin at other ids each time.

    Args:
        ids: Integers `(n,)`.
        batch_size: B.
        window: T, the number of steps that the gradient goes back.
        seed: Seed of the offsets.
        first_batch: The number of batches to leave out, to continue where a run ended.

    Returns:
        An endless `tf.data.Dataset` of int32 `(x, y)`, each `(B, T)`, y being one id ahead of x; and K,
        the number of batches of an epoch.

    Raises:
        TextError: if the ids do not fill one window, or B or T is below 1.

    Example:

    >>> from rnn_kit.pipelines import stream_dataset
    >>> dataset, batches = stream_dataset(np.arange(9), batch_size=2, window=2)
    >>> batches, [x.tolist() for x, _ in dataset.take(2).as_numpy_iterator()]
    (2, [[[0, 1], [4, 5]], [[2, 3], [6, 7]]])
    """
    batches = len(streams(ids, batch_size, window)[0])
    spare = len(ids) - 1 - batches * batch_size * window
    text = tf.constant(np.asarray(ids, "int32"))
    row_starts = tf.range(batch_size)[:, None] * (batches * window)
    steps = tf.range(window)[None, :]

    def cut(number):
        epoch, batch = number // batches, number % batches
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        offset = tf.random.stateless_uniform([], key, 0, spare + 1, tf.int32)
        at = offset + row_starts + tf.cast(batch, tf.int32) * window + steps
        return tf.gather(text, at), tf.gather(text, at + 1)

    return _numbered(cut, first_batch), batches


def window_dataset(ids, batch_size, window, step=1, seed=0, first_batch=0):
    """Makes endless windows in shuffled order, each with the id that follows it (many to one).

    Each epoch goes once through all windows `ids[k step : k step + W]`, in an order drawn from (seed,
    epoch); its last batch may be smaller. The windows overlap, but only the text is in memory: each
    batch is gathered from it when it is needed.

    Args:
        ids: Integers `(n,)`.
        batch_size: B.
        window: W, the number of ids that a prediction is made from.
        step: The distance between the starts of two windows.
        seed: Seed of the orders.
        first_batch: The number of batches to leave out, to continue where a run ended.

    Returns:
        An endless `tf.data.Dataset` of int32 `(x, y)`, `(B, W)` and `(B,)`; and the number of batches
        of an epoch.

    Raises:
        TextError: if the ids do not fill one window and the id after it.

    Example:

    >>> from rnn_kit.pipelines import window_dataset
    >>> dataset, batches = window_dataset(np.arange(8), batch_size=2, window=3, step=2)
    >>> sorted((x.tolist(), int(y)) for x, y in dataset.take(batches).unbatch().as_numpy_iterator())
    [([0, 1, 2], 3), ([2, 3, 4], 5), ([4, 5, 6], 7)]
    """
    count, batches = _count_windows(ids, batch_size, window, step)
    gather = _gatherer(ids, window)

    def cut(number):
        epoch, batch = number // batches, number % batches
        at = batch * batch_size + tf.range(batch_size, dtype=tf.int64)
        at = at[at < count]
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        return gather(tf.random.experimental.index_shuffle(at, key, count - 1) * step)

    return _numbered(cut, first_batch), batches


def ordered_windows(ids, batch_size, window):
    """Makes batches of every window of a text in order, each with the id that follows: for evaluation.

    All ids but the first W are predicted, once each.

    Args:
        ids: Integers `(n,)`.
        batch_size: B.
        window: W.

    Returns:
        A `tf.data.Dataset` of int32 `(x, y)`, `(B, W)` and `(B,)`; the last batch may be smaller.

    Raises:
        TextError: if the ids do not fill one window and the id after it.
    """
    count, batches = _count_windows(ids, batch_size, window, 1)
    gather = _gatherer(ids, window)

    def cut(batch):
        return gather(tf.range(batch * batch_size, tf.minimum((batch + 1) * batch_size, count)))

    return tf.data.Dataset.range(batches).map(cut).prefetch(tf.data.AUTOTUNE)


def _numbered(cut, first_batch):
    return tf.data.Dataset.counter(start=first_batch).map(cut).prefetch(tf.data.AUTOTUNE)


def _count_windows(ids, batch_size, window, step):
    count = len(range(0, len(ids) - window, step))
    if not count:
        raise TextError(
            f"The text is too short for one window: {len(ids)} ids, and {window} and the one after "
            "them are needed; give a longer text, or a smaller window"
        )
    return count, -(-count // batch_size)


def _gatherer(ids, window):
    """Makes a function from starts `(B,)` to windows `(B, W)` and the ids that follow them `(B,)`."""
    text = tf.constant(np.asarray(ids, "int32"))
    steps = tf.range(window, dtype=tf.int64)

    def gather(starts):
        return tf.gather(text, starts[:, None] + steps), tf.gather(text, starts + window)

    return gather
