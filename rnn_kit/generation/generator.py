"""Writing with a language model: one compiled step that carries the state, and loops over it."""

import weakref

import numpy as np
import tensorflow as tf

from rnn_kit.generation.compiled import IDS, Graphs
from rnn_kit.generation.loops import Loops, log_probabilities, refuse_symbolic
from rnn_kit.generation.plan import Plan
from rnn_kit.guards import TRACING

_PREFILL_CHUNK = 256  # tokens at once: bounds the memory that (B, T, V) logits take


class Generator(Loops):
    """Steps a language model token by token, with its states outside of it.

    Where `model.predict` on the whole text so far costs T steps for every token, a step here costs one,
    because the recurrent states after the text so far are kept:

        logits, state = prefill(ids)          all of ids (B, T) at once
        logits, state = step(next_ids, state) one more id a row

    Both are compiled once, for any B and T. The model's weights are read when a step runs (train on,
    and the generator writes better); its own carried states, seeds and losses are never written. When
    more of the model has changed than its weights' values (`enable_lora`, `quantize`, an activation, a
    dtype policy, a layer that was added), the next call compiles anew; what a function of yours, an
    activation say, reads from an array that is changed in place stays as it was. Any number of threads
    may use one generator at once.

    Args:
        model: Maps `(B, T)` ids to `(B, T, V)` logits: a built `keras.Sequential` or functional model,
            nested too, of position-wise layers and causal recurrent layers (from Keras or this kit,
            stateful or not, any cell) with `return_sequences=True`. A masked id (of an `Embedding` with
            `mask_zero=True`) leaves the states as they are, so that rows may be padded. A
            `LearnedInitialState` around a recurrent layer is where a text's states begin.
        from_logits: Whether the model puts out logits, or probabilities. Default: `None`, recognised:
            probabilities come from a softmax at the end, or are positive and add up to 1.

    Attributes:
        vocabulary: V.
        from_logits: Whether the model's outputs are taken for logits.

    Raises:
        ValueError: naming the layer that cannot be stepped through: `Bidirectional`, `go_backwards`,
            attention, convolution or pooling over time, a subclassed model, a layer of yours that is
            not declared with `rnn_kit.generation.position_wise`; or if `from_logits=False` is given for
            a model that puts out negative numbers.

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

    def _trace(self, model):
        plan = Plan(model)
        state_spec = [
            tf.TensorSpec([None, *shape], dtype) for r in plan.recurrences for shape, dtype in r.shapes
        ]

        def last(ids, state):
            outputs, state = plan.run(ids, state)
            return outputs[:, -1], state

        graphs = Graphs(model, last, state_spec, plan.initial_states)
        graphs.vocabulary, graphs.probabilities = plan.vocabulary, plan.probabilities
        graphs.sequence = graphs.traced(lambda ids, state: plan.run(ids, state), IDS, state_spec)
        return graphs

    def _read(self, graphs, ids, state):
        if ids.shape[1] is None:  # inside a `tf.function`
            return graphs.last(ids, state)
        for start in range(0, ids.shape[1], _PREFILL_CHUNK):
            logits, state = graphs.last(ids[:, start : start + _PREFILL_CHUNK], state)
        return logits, state

    def score(self, ids, lengths=None):
        """Log-probability of each row's sentence given its first id.

            log p(w_2 ... w_T | w_1) = Σ_t log softmax(logits(w_1 ... w_{t-1}))[w_t]

        Of a model that puts out probabilities p, log p(w_1 ... w_{t-1})[w_t] is summed.

        Args:
            ids: `(B, T)` ids, T at least 2; the first is what the sentence starts from.
            lengths: `(B,)` ids that count in each row, the first included; the rest is padding.
                Default: all.

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
        """Log-probability of each id of a row, given those before it.

            log p(w_t | w_1 ... w_{t-1}) = log softmax(logits(w_1 ... w_{t-1}))[w_t]

        Args:
            ids: `(B, T)` ids, T at least 2.

        Returns:
            `(B, T - 1)` float32 array, in nats: of the second id of each row, the third ...

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
            outputs, state = graphs.sequence(ids[:, here], state)
            outputs, targets = tf.cast(outputs, tf.float32), ids[:, 1:][:, here]
            if graphs.from_logits:
                log_p = -tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)
            else:
                log_p = tf.gather(log_probabilities(outputs, False), targets, batch_dims=2)
            pieces.append(log_p.numpy())
        return np.concatenate(pieces, axis=1)


# An attribute of the model, so that a cycle of what was compiled, a list and the model goes when nobody
# else holds it. Keras does not know of it: it is in no config, no file and no copy.
_ATTRIBUTE = "_rnn_kit_generator"


def generator_of(model):
    """The model's `Generator`, made at first and kept as long as the model is."""
    generator = _kept_generator(model)
    if generator is None:
        with TRACING:  # several threads make one
            generator = _kept_generator(model)
            if generator is None:
                generator = Generator(model)
                generator._model = weakref.ref(model)  # the model goes at once, without a collection
                vars(model)[_ATTRIBUTE] = generator
    return generator


def _kept_generator(model):
    generator = getattr(model, "__dict__", {}).get(_ATTRIBUTE)
    # One whose attributes were copied from another model has that one's.
    return generator if generator is not None and generator._model() is model else None


def generate(model, prompt_ids, length, sampler=None, stop_id=None):
    """Writes `length` ids after each prompt: one compiled loop that carries the state.

    Args:
        model: As for `Generator`. Its generator is kept, so that only the first call compiles; other
            lengths, prompts and batch sizes compile nothing, and a model that has been changed by more
            than its weights' values is compiled anew.
        prompt_ids: `(B, T0)` integer ids, T0 at least 1.
        length: How many ids to write a row, at least 0.
        sampler: A callable from `(B, V)` logits to `(B,)` integer ids. Default: `TemperatureSampler()`;
            for a model that ends in a softmax `TemperatureSampler(from_logits=False)`. The loops of the
            last 8 samplers are kept; one whose temperature, say, was set anew is compiled anew.
            Threads that share a sampler with a seed take turns at it.
        stop_id: An id, or several: after the first of them that it writes a row is filled with that
            one. Default: `None`.

    Returns:
        `(B, T0 + length)` int32 array: the prompts and what follows. In float32 its logits agree with
        running the whole prefix through the model to 1e-5, and so do greedy ids except where the best
        two logits are closer than that.

    Raises:
        ValueError: for a model that cannot be stepped through, ids that are not `(B, T0)` integers in
            [0, V), a stop id that is none of these, a negative length, or a sampler with another
            `from_logits` than the model's outputs have.

    Example:

    >>> from rnn_kit.generation import generate
    >>> model = keras.Sequential([
    ...     keras.Input((None,), dtype="int32"), keras.layers.Embedding(5, 4),
    ...     keras.layers.LSTM(8, return_sequences=True), keras.layers.Dense(5)])
    >>> generate(model, np.array([[1, 2], [3, 4]]), length=6).shape
    (2, 8)
    """
    return generator_of(model).generate(prompt_ids, length, sampler, stop_id)
