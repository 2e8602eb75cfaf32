"""A generator for models that read a window of the text and predict the one id after it."""

import keras
import numpy as np
import tensorflow as tf

from rnn_kit._internals import flatten_layers
from rnn_kit.checks import at_least
from rnn_kit.generation.base import BaseGenerator
from rnn_kit.generation.graphs import ModelGraphs
from rnn_kit.generation.outputs import are_probabilities, ends_in_softmax
from rnn_kit.generation.steppable import check_built
from rnn_kit.layers._inference import inference_arguments

_PROBED, _LONGEST = 5, 256  # windows of the probe, and the most ids of a window


class WindowGenerator(BaseGenerator):
    """Slides the window of a many-to-one model over what it writes, in one compiled loop.

        logits(w_(t+1)) = model(w_(t-W+1) ... w_t)

    While the text has fewer than W ids, the window is the text so far, without padding. Each step
    runs the model on the whole window: W steps of a recurrent network for one id. If a model gives
    logits at every position, `Generator` carries its states and takes one step.

        logits, state = prefill(ids)          the last W of ids (B, T)
        logits, state = step(next_ids, state) drops each row's oldest id, appends the new one

    Both are compiled as in `Generator`: once, for any B and T, until more of the model changes than its
    weights' values. They read the model's weights when they run, and never write its seeds and losses.

    Args:
        model: A built Keras model of any kind whose call maps `(B, T)` int ids to `(B, V)` logits of
            the next id, for every T up to `window`. It is called with `training=False`, if its call
            takes that.
        window: W, the largest number of ids that the model reads, at least 1.
        from_logits: As in `Generator`.

    Attributes:
        vocabulary_size: V.
        from_logits: Whether the model's outputs are treated as logits.
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

    def __init__(self, model, window, from_logits=None):
        self.window = at_least("window", window, 1)
        super().__init__(model, from_logits)

    def _make_graphs(self, model):
        _check_model(model)
        window, training = self.window, inference_arguments(model)

        def read(ids, state):
            held, count = state  # the ids are at the window's right end
            held = tf.concat([held, ids], axis=1)[:, -window:]
            held = tf.ensure_shape(held, [None, window])
            count = tf.minimum(count + tf.shape(ids)[1], window)
            time = tf.maximum(tf.reduce_max(count), 1)  # the same in every row; 1 if there are none
            with keras.StatelessScope():
                logits = model(held[:, window - time :], **training)
            return logits, [held, count]

        def initial_state(rows):
            return [tf.zeros((rows, window), tf.int32), tf.zeros(rows, tf.int32)]

        state_spec = [tf.TensorSpec([None, window], tf.int32), tf.TensorSpec([None], tf.int32)]
        graphs = ModelGraphs(model, read, state_spec, initial_state)
        logits, _ = graphs.read.graph.structured_outputs
        graphs.vocabulary_size = _vocabulary_size(model, getattr(logits, "shape", None))
        graphs.probabilities = ends_in_softmax(model) or _probe(graphs, window)
        return graphs

    def initial_state(self, batch_size):
        """Returns the state before any id.

        The state is the window `(batch_size, W)`, and the number of ids in each of its rows,
        `(batch_size,)`.
        """
        return super().initial_state(batch_size)

    def _read(self, graphs, ids, state):
        return graphs.read(ids[:, -self.window :], state)

    def _checked_state(self, ids, state, graphs):
        state = super()._checked_state(ids, state, graphs)
        count = state[1]
        if not tf.is_symbolic_tensor(count) and np.unique(count).size > 1:
            raise ValueError(
                "The rows of a state must hold equally many ids, since the model reads them at once. "
                f"Received: {np.asarray(count).tolist()} ids"
            )
        return state


def _probe(graphs, window):
    """Returns whether the model puts out probabilities, by its outputs for some windows."""
    ids = np.arange(_PROBED * min(window, _LONGEST)).reshape(_PROBED, -1) % graphs.vocabulary_size
    outputs, _ = graphs.read(tf.constant(ids, tf.int32), graphs.initial_state(_PROBED))
    return are_probabilities(outputs)


def _check_model(model):
    check_built(model)
    for layer in flatten_layers(model, include_self=False):
        if getattr(layer, "stateful", False):
            raise ValueError(
                f"Layer '{layer.name}' is stateful, but each window is read from its beginning: "
                "rebuild the model with stateful=False."
            )


def _vocabulary_size(model, shape):
    """Returns V, by the shape of the outputs for ids of any `(B, T)`."""
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
