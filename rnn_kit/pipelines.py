"""tf.data pipelines that feed recurrent models."""

import numpy as np
import tensorflow as tf

from rnn_kit.text import streams


def stream_dataset(ids, batch_size, window, seed=0, first_batch=0):
    """Endless windows of parallel streams for truncated back-propagation with a carried state.

    Each epoch goes through the text once, K batches of shape `(B, T)`. Row b of batch k + 1 goes on
    where row b of batch k ended, as in `rnn_kit.text.streams`. Which batch comes when depends on the
    seed and on the batch's number alone: the epoch's cuts start at an offset drawn from (seed, epoch),
    so that not the same ids begin a window every time, and a run that starts at `first_batch` sees what
    an unbroken one sees from there on.

    Args:
        ids: Integers `(n,)`.
        batch_size: B.
        window: T, the steps that the gradient goes back.
        seed: Of the offsets.
        first_batch: How many batches to leave out, to go on where a run ended.

    Returns:
        An endless `tf.data.Dataset` of int32 `(x, y)`, each `(B, T)`, y one id ahead of x; and K, the
        batches of an epoch.

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

    dataset = tf.data.Dataset.counter(start=first_batch).map(cut)
    return dataset.prefetch(tf.data.AUTOTUNE), batches
