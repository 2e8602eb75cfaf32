"""A generator for language models that give logits at every position."""

import weakref

import numpy as np
import tensorflow as tf

from rnn_kit.generation.base import BaseGenerator, log_probabilities, refuse_symbolic
from rnn_kit.generation.graphs import IDS_SPEC, ModelGraphs
from rnn_kit.generation.stepwise_model import StepwiseModel
from rnn_kit.guards import TRACING_LOCK

_PREFILL_CHUNK = 256  # ids read at once, which bounds the memory of (B, T, V) logits


class Generator(BaseGenerator):
    """Steps a language model token by token, with its states outside the model.

    `model.predict` on the text so far costs T steps for every token. A step here costs one, because it
    starts from the recurrent states after the text so far:

        logits, state = prefill(ids)          all of ids (B, T) at once
        logits, state = step(next_ids, state) one more id a row

    Both are compiled once, for any B and T. They read the model's weights when they run, so that the
    generator follows a training; they never write the model's carried states, seeds and losses. If
    more of the model has changed than its weights' values (`enable_lora`, `quantize`, an activation, a
    dtype policy, an added layer), the next call recompiles. (It does not notice an in-place change of
    an array that your own activation function reads.) Any number of threads may use one generator at
    once.

    Args:
        model: Maps `(B, T)` ids to `(B, T, V)` logits: a built `keras.Sequential` or functional model,
            nested too, of position-wise layers and causal recurrent layers (from Keras or this kit,
            stateful or not, any cell) with `return_sequences=True`. A masked id (of an `Embedding` with
            `mask_zero=True`) leaves the states unchanged, so that rows may be padded. With a
            `LearnedInitialState` around a recurrent layer, a text begins with the learned states.
        from_logits: Whether the model outputs logits or probabilities. Default: `None`, which detects
            probabilities by a final softmax, or as positive numbers that add up to 1.

    Attributes:
        vocabulary_size: V.
        from_logits: Whether the model's outputs are treated as logits.

    Raises:
        ValueError: naming the layer that cannot be stepped through: `Bidirectional`, `go_backwards`,
            attention, convolution or pooling over time, a subclassed model, a layer of yours that is
            not declared with `rnn_kit.generation.position_wise`; or if `from_logits=False` is given for
            a model that outputs negative numbers.

    Example:

    >>> from rnn_kit.generation import Generator
    >>> model = keras.Sequential([
    ...     keras.Input((None,), dtype="int32"), keras.layers.Embedding(5, 4),
    ...     rnn_kit.layers.GRU(8, return_sequences=True), keras.layers.Dense(5)])
    >>> generator = Generator(model)
    >>> logits, state = generator.prefill([[1, 2, 3]])
    >>> logits, state = generator.step([4], state)
    >>> tuple(logits.shape)
    (1, 5)
    """

    def __init__(self, model, from_logits=None):
        super().__init__(model, from_logits)

    def _make_graphs(self, model):
        stepwise = StepwiseModel(model)
        state_spec = [
            tf.TensorSpec([None, *shape], dtype) for rnn in stepwise.rnns for shape, dtype in rnn.shapes
        ]

        def read(ids, state):
            outputs, state = stepwise.run(ids, state)
            return outputs[:, -1], state

        graphs = ModelGraphs(model, read, state_spec, stepwise.initial_states)
        graphs.vocabulary_size, graphs.probabilities = stepwise.vocabulary_size, stepwise.probabilities
        graphs.every_position = graphs.lazy(
            lambda ids, state: stepwise.run(ids, state), IDS_SPEC, state_spec
        )
        return graphs

    def _read(self, graphs, ids, state):
        if ids.shape[1] is None:  # inside a `tf.function`
            return graphs.read(ids, state)
        for start in range(0, ids.shape[1], _PREFILL_CHUNK):
            logits, state = graphs.read(ids[:, start : start + _PREFILL_CHUNK], state)
        return logits, state

    def score(self, ids, lengths=None):
        """Computes the log-probability of each row's sentence, given its first id.

            log p(w_2 ... w_T | w_1) = Σ_t log softmax(logits(w_1 ... w_{t-1}))[w_t]

        For a model that outputs probabilities p it is Σ_t log p(w_1 ... w_{t-1})[w_t].

        Args:
            ids: `(B, T)` ids, T at least 2; the sentence starts from the first.
            lengths: `(B,)`, the number of ids that count in each row, including the first; the rest is
                padding. Default: all.

        Returns:
            `(B,)` float64 array, in nats.

        Raises:
            ValueError: if `ids` is not `(B, T)` with T of at least 2, has an id outside [0, V), or if
                `lengths` is not `(B,)` numbers up to T.
        """
        log_p = self.log_probabilities(ids)
        rows, time = log_p.shape[0], log_p.shape[1] + 1
        lengths = np.full(rows, time) if lengths is None else np.asarray(lengths)
        if lengths.shape != (rows,) or (rows and (lengths.min() < 1 or lengths.max() > time)):
            raise ValueError(
                f"`lengths` must be {rows} numbers from 1 to {time}, one a row. Received: {lengths}"
            )
        counts = np.arange(1, time) < lengths[:, None]
        return np.where(counts, log_p, 0).sum(axis=1, dtype="float64")

    def log_probabilities(self, ids):
        """Computes the log-probability of each id of a row, given those before it.

            log p(w_t | w_1 ... w_{t-1}) = log softmax(logits(w_1 ... w_{t-1}))[w_t]

        Args:
            ids: `(B, T)` ids, T at least 2.

        Returns:
            `(B, T - 1)` float32 array, in nats, for the second id of each row to the last.

        Raises:
            ValueError: if `ids` is not `(B, T)` with T of at least 2, or has an id outside [0, V).
        """
        refuse_symbolic(ids)
        graphs = self._current()
        ids = self._checked_ids(ids, graphs)
        rows, time = ids.shape
        if time < 2:
            raise ValueError(f"`ids` must hold two ids a row at least. Received: shape={ids.shape}")
        state, pieces = graphs.initial_state(rows), []
        for start in range(0, time - 1, _PREFILL_CHUNK):
            here = slice(start, min(start + _PREFILL_CHUNK, time - 1))
            outputs, state = graphs.every_position(ids[:, here], state)
            outputs, targets = tf.cast(outputs, tf.float32), ids[:, 1:][:, here]
            if graphs.from_logits:
                log_p = -tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)
            else:
                log_p = tf.gather(log_probabilities(outputs, False), targets, batch_dims=2)
            pieces.append(log_p.numpy())
        return np.concatenate(pieces, axis=1)


# An attribute of the model, so that graphs that hold the model are discarded with it. Keras does not
# see it: it is in no config, file or copy.
_ATTRIBUTE = "_rnn_kit_generator"


def generator_of(model):
    """Returns the model's `Generator`, which is made at the first call and lives with the model."""
    generator = _kept_generator(model)
    if generator is None:
        with TRACING_LOCK:  # only one of several threads makes it
            generator = _kept_generator(model)
            if generator is None:
                generator = Generator(model)
                generator._model = weakref.ref(model)  # freed at once, without a collection
                vars(model)[_ATTRIBUTE] = generator
    return generator


def _kept_generator(model):
    generator = getattr(model, "__dict__", {}).get(_ATTRIBUTE)
    # A model with another one's copied attributes has that one's generator.
    return generator if generator is not None and generator._model() is model else None


def generate(model, prompt_ids, length, sampler=None, stop_id=None):
    """Writes `length` ids after each prompt, in one compiled loop that carries the state.

    Args:
        model: As for `Generator`. Only the first call compiles: the model's generator is kept, for
            other lengths, prompts and batch sizes too, until more of the model changes than its
            weights' values.
        prompt_ids: `(B, T0)` integer ids, T0 at least 1.
        length: The number of ids to write in each row, at least 0.
        sampler: A callable from `(B, V)` logits to `(B,)` integer ids. Default: `TemperatureSampler()`;
            for a model that ends in a softmax `TemperatureSampler(from_logits=False)`. The loops of the
            last 8 samplers are kept; changing a sampler's temperature, for instance, recompiles its
            loop. Threads that share a sampler with a seed take turns at it.
        stop_id: An id, or several: a row that has written one of them repeats it. Default:
            `None`.

    Returns:
        `(B, T0 + length)` int32 array: the prompts and what follows. In float32 the logits agree to
        1e-5 with those of the model for the whole prefix, and greedy ids are the same, except where the
        best two logits are closer than that.

    Raises:
        ValueError: for a model that cannot be stepped through, ids that are not `(B, T0)` integers in
            [0, V), a stop id that is not in [0, V), a negative length, or a sampler that takes logits
            from a model that outputs probabilities, or vice versa.

    Example:

    >>> from rnn_kit.generation import generate
    >>> model = keras.Sequential([
    ...     keras.Input((None,), dtype="int32"), keras.layers.Embedding(5, 4),
    ...     keras.layers.LSTM(8, return_sequences=True), keras.layers.Dense(5)])
    >>> generate(model, np.array([[1, 2], [3, 4]]), length=6).shape
    (2, 8)
    """
    return generator_of(model).generate(prompt_ids, length, sampler, stop_id)
