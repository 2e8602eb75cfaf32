"""Writing with a model that sees a window of the text and predicts the one id after it."""

import keras
import numpy as np
import tensorflow as tf

from rnn_kit.generation.loops import Loops, at_least
from rnn_kit.generation.plan import all_layers
from rnn_kit.generation.recurrence import inference


class WindowGenerator(Loops):
    """Slides the window of a many-to-one model over what it writes, in one compiled loop.

        logits(w_(t+1)) = model(w_(t-W+1) ... w_t)

    Before W ids are there, the window is as long as the text so far, without padding. Each step runs
    the model on the whole window: W steps of a recurrent network for one id. Where a model gives logits
    at every position, `Generator` carries its states and takes one.

        logits, state = prefill(ids)          the last W of ids (B, T)
        logits, state = step(next_ids, state) drops the oldest id a row, appends the new one

    Both are compiled once, for any B and T. The model's weights are read when a step runs; its seeds
    and losses are never written.

    Args:
        model: A built Keras model of any kind whose call maps `(B, T)` int ids to `(B, V)` logits of
            the next id, for every T up to `window`. It is called with `training=False` where it takes
            that.
        window: W, the most ids that the model sees, at least 1.

    Attributes:
        vocabulary: V.
        window: W.

    Raises:
        ValueError: if `window` is below 1, or the model is not built, is stateful or does not map to
            `(B, V)`.

    Source: Jian Li, "Deep Learning: RNN" (IIS Tsinghua), the loop of the text generation example.

    Example:

    >>> from rnn_kit.generation import WindowGenerator
    >>> model = keras.Sequential([
    ...     keras.Input((None,), dtype="int32"), keras.layers.Embedding(5, 4),
    ...     keras.layers.LSTM(8), keras.layers.Dense(5)])
    >>> generator = WindowGenerator(model, window=3)
    >>> generator.generate([[1, 2]], length=6).shape
    (1, 8)
    >>> logits, (ids, count) = generator.prefill([[1, 2]])
    >>> ids.numpy(), count.numpy()
    (array([[0, 1, 2]], dtype=int32), array([2], dtype=int32))
    """

    def __init__(self, model, window):
        self.window = window = at_least(1, window, "window")
        _check_model(model)

        def last(ids, state):
            held, count = state  # the ids stand at the window's right end
            held = tf.concat([held, ids], axis=1)[:, -window:]
            held = tf.ensure_shape(held, [None, window])
            count = tf.minimum(count + tf.shape(ids)[1], window)
            time = tf.maximum(tf.reduce_max(count), 1)  # the same in every row; 1 if there are none
            with keras.StatelessScope():
                logits = model(held[:, window - time :], **inference(model))
            return logits, [held, count]

        super().__init__(
            last, [tf.TensorSpec([None, window], tf.int32), tf.TensorSpec([None], tf.int32)]
        )
        logits, _ = self._last.get_concrete_function().structured_outputs
        self.vocabulary = _vocabulary(model, getattr(logits, "shape", None))

    def initial_state(self, batch_size):
        """The state before any id: the window `(batch_size, W)`, and how many ids are there, a row."""
        return [tf.zeros((batch_size, self.window), tf.int32), tf.zeros(batch_size, tf.int32)]

    def _read(self, ids, state):
        return self._last(ids[:, -self.window :], state)

    def _check_rows(self, ids, state):
        super()._check_rows(ids, state)
        count = state[1]
        if not tf.is_symbolic_tensor(count) and np.unique(count).size > 1:
            raise ValueError(
                "The rows of a state must hold equally many ids, since the model reads them at once. "
                f"Received: {np.asarray(count).tolist()} ids"
            )


def _check_model(model):
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' is not built yet. Give it an Input, or call it once on ids."
        )
    for layer in all_layers(model):
        if getattr(layer, "stateful", False):
            raise ValueError(
                f"Layer '{layer.name}' is stateful, and every window is read anew: "
                "rebuild the model with stateful=False."
            )


def _vocabulary(model, shape):
    """V, from the output's shape for ids of any `(B, T)`."""
    if shape is not None and len(shape) == 3:
        raise ValueError(
            f"Model '{model.name}' maps (B, T) ids to (B, T, V), logits at every position: "
            "use Generator, which carries its states."
        )
    if shape is None or len(shape) != 2 or shape[1] is None:
        raise ValueError(
            f"Model '{model.name}' must map (B, T) ids to (B, V) logits. Its output is {shape}."
        )
    return shape[1]
