"""Writing with a language model: one compiled step that carries the state, and loops over it."""

import operator
import weakref

import keras
import numpy as np

from rnn_kit.generation.compiled import Compiled
from rnn_kit.generation.plan import Plan, all_layers
from rnn_kit.sampling import TemperatureSampler

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "rnn_kit.generation compiles its loops with TensorFlow, and the Keras backend is "
        f"'{keras.backend.backend()}'. Set KERAS_BACKEND=tensorflow before Keras is imported."
    )

import tensorflow as tf

_PREFILL_CHUNK = 256  # tokens at once: bounds the memory that (B, T, V) logits take
_STREAM_CHUNK = 16  # tokens a compiled call while streaming: smooth to the eye, cheap to the loop


class Generator:
    """Steps a language model token by token, with its states outside of it.

    Where `model.predict` on the whole text so far costs T steps for every token, a step here costs one,
    because the recurrent states after the text so far are kept:

        logits, state = prefill(ids)          all of ids (B, T) at once
        logits, state = step(next_ids, state) one more id a row

    Both are compiled once, for any B and T. The model's weights are read when a step runs (train on,
    and the generator writes better); its own carried states, seeds and losses are never written.

    Args:
        model: Maps `(B, T)` ids to `(B, T, V)` logits: a built `keras.Sequential` or functional model,
            nested too, of position-wise layers and causal recurrent layers (from Keras or this kit,
            stateful or not, any cell) with `return_sequences=True`. A masked id (of an `Embedding` with
            `mask_zero=True`) leaves the states as they are, so that rows may be padded.

    Attributes:
        vocabulary: V.

    Raises:
        ValueError: naming the layer that cannot be stepped through: `Bidirectional`, `go_backwards`,
            attention, convolution or pooling over time, a subclassed model, a layer of yours that is
            not declared with `rnn_kit.generation.position_wise`.

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

    def __init__(self, model):
        self._plan = plan = Plan(model)
        self.vocabulary = plan.vocabulary
        self._state_spec = [
            tf.TensorSpec([None, *shape], dtype) for r in plan.recurrences for shape, dtype in r.shapes
        ]
        ids_spec = tf.TensorSpec([None, None], tf.int32)

        def last(ids, state):
            outputs, state = plan.run(ids, state)
            return outputs[:, -1], state

        def step(ids, state):
            return last(ids[:, None], state)

        self._sequence = tf.function(
            plan.run, input_signature=[ids_spec, self._state_spec], autograph=False
        )
        self._last = tf.function(last, input_signature=[ids_spec, self._state_spec], autograph=False)
        self._step = tf.function(
            step, input_signature=[tf.TensorSpec([None], tf.int32), self._state_spec], autograph=False
        )
        self._loops = Compiled()
        self._default_sampler = None

    def initial_state(self, batch_size):
        """The state before any token: a list of `(batch_size, ·)` tensors."""
        return self._plan.initial_states(batch_size)

    def prefill(self, ids, state=None):
        """Reads a prompt.

        Args:
            ids: `(B, T)` integer ids, T at least 1.
            state: The state before them. Default: `initial_state(B)`.

        Returns:
            `(B, V)` logits of the next id, and the state: a list of tensors with B rows each.

        Raises:
            ValueError: if `ids` has another shape, or an id outside [0, V).
        """
        ids = self._checked_ids(ids)
        state = self.initial_state(ids.shape[0]) if state is None else state
        _check_rows(ids, state)
        for start in range(0, ids.shape[1], _PREFILL_CHUNK):
            logits, state = self._last(ids[:, start : start + _PREFILL_CHUNK], state)
        return logits, state

    def step(self, ids, state):
        """Reads one more id a row: `(B,)` ids and the state to `(B, V)` logits and the new state.

        Raises:
            ValueError: if the state has other rows than `ids`, or an id is outside [0, V).
        """
        if not tf.is_symbolic_tensor(ids):
            ids = self._checked_ids(np.asarray(ids)[:, None])[:, 0]
        _check_rows(ids, state)
        return self._step(tf.cast(ids, tf.int32), state)

    def generate(self, prompt_ids, length, sampler=None, stop_id=None):
        """See `rnn_kit.generation.generate`."""
        length = _at_least(0, length, "length")
        prompt_ids = self._checked_ids(prompt_ids)
        logits, state = self.prefill(prompt_ids)
        rows = len(prompt_ids)
        ids, *_ = self._loop(sampler)(logits, state, tf.zeros(rows, tf.bool), length, _stop(stop_id))
        return np.concatenate([prompt_ids, ids.numpy().T], axis=1)

    def stream(self, prompt_ids, length=None, sampler=None, stop_id=None):
        """Writes on after a prompt, and hands out the ids as they come.

        Args:
            prompt_ids: `(B, T0)` ids.
            length: How many ids to write a row. Default: `None`, for ever.
            sampler: As in `generate`.
            stop_id: As in `generate`; the stream ends when every row has come to it.

        Yields:
            `(B,)` int32 ids, one array a step.

        Raises:
            ValueError: as `generate`, before the first id.
        """
        length = None if length is None else _at_least(0, length, "length")
        logits, state = self.prefill(prompt_ids)
        return self._stream(logits, state, length, self._loop(sampler), _stop(stop_id))

    def _stream(self, logits, state, length, loop, stop_id):
        done = tf.zeros(logits.shape[0], tf.bool)
        written = 0
        while (length is None or written < length) and not bool(tf.reduce_all(done)):
            chunk = _STREAM_CHUNK if length is None else min(_STREAM_CHUNK, length - written)
            ids, logits, state, done, steps = loop(logits, state, done, chunk, stop_id)
            yield from ids.numpy()[: int(steps)]
            written += chunk

    def score(self, ids, lengths=None):
        """Log-probability of each row's sentence given its first id.

            log p(w_2 ... w_T | w_1) = Σ_t log softmax(logits(w_1 ... w_{t-1}))[w_t]

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
        ids = self._checked_ids(ids)
        rows, time = ids.shape
        if time < 2:
            raise ValueError(f"`ids` must hold two ids a row at least. Received: shape={ids.shape}")
        lengths = np.full(rows, time) if lengths is None else np.asarray(lengths)
        if lengths.shape != (rows,) or (rows and (lengths.min() < 1 or lengths.max() > time)):
            raise ValueError(
                f"`lengths` must be {rows} numbers from 1 to {time}, one a row. Received: {lengths}"
            )
        counts = np.arange(1, time) < lengths[:, None]
        state, total = self.initial_state(rows), np.zeros(rows)
        for start in range(0, time - 1, _PREFILL_CHUNK):
            here = slice(start, min(start + _PREFILL_CHUNK, time - 1))
            logits, state = self._sequence(ids[:, here], state)
            targets = ids[:, 1:][:, here]
            log_p = -tf.nn.sparse_softmax_cross_entropy_with_logits(
                targets, tf.cast(logits, tf.float32)
            )
            total += np.where(counts[:, here], log_p, 0).sum(axis=1, dtype="float64")
        return total

    def _checked_ids(self, ids):
        ids = np.asarray(ids)
        if ids.ndim != 2 or ids.shape[1] == 0 or not np.issubdtype(ids.dtype, np.integer):
            raise ValueError(
                "Ids must be integers of the shape (B, T) with T of at least 1. "
                f"Received: shape={ids.shape}, dtype={ids.dtype}"
            )
        if ids.size and (ids.min() < 0 or ids.max() >= self.vocabulary):
            raise ValueError(
                f"Ids must lie in [0, {self.vocabulary}), the model's vocabulary. "
                f"Received: ids from {ids.min()} to {ids.max()}"
            )
        return ids.astype("int32")

    def _loop(self, sampler):
        """The compiled loop for a sampler; the last few are kept, so that each is compiled once."""
        if sampler is None:
            if self._default_sampler is None:
                self._default_sampler = TemperatureSampler()
            sampler = self._default_sampler
        return self._loops.get_or_compile(sampler, lambda: self._compile_loop(sampler))

    def _compile_loop(self, sampler):
        def loop(logits, state, done, length, stop_id):
            """Samples up to `length` ids a row, until every row is done: `(length, B)` ids and more."""

            def body(time, logits, state, done, written):
                ids = tf.where(done, stop_id, sampler(logits))
                written = written.write(time + 1, ids)
                logits, state = self._step(ids, state)
                return time + 1, logits, state, done | (ids == stop_id), written

            rows = tf.shape(logits)[0]
            # A row of its own at the start, since an empty array cannot be stacked.
            written = tf.TensorArray(tf.int32, 1, True, element_shape=[None])
            written = written.write(0, tf.zeros([rows], tf.int32))
            time, logits, state, done, written = tf.while_loop(
                lambda time, logits, state, done, written: (time < length) & ~tf.reduce_all(done),
                body,
                (0, logits, state, done, written),
            )
            rest = tf.fill([length - time, rows], stop_id)
            return tf.concat([written.stack()[1:], rest], 0), logits, state, done, time

        logits_spec, _ = self._step.get_concrete_function().structured_outputs
        return tf.function(
            loop,
            input_signature=[
                tf.TensorSpec([None, self.vocabulary], logits_spec.dtype),
                self._state_spec,
                tf.TensorSpec([None], tf.bool),
                tf.TensorSpec([], tf.int32),
                tf.TensorSpec([], tf.int32),
            ],
            autograph=False,
        )


_GENERATORS = weakref.WeakKeyDictionary()  # a generator holds its model's layers, not the model


def generator_of(model):
    """The model's `Generator`, made at first and kept as long as the model is."""
    generator = _GENERATORS.get(model)
    # A Sequential may have got another layer since, or one inside of it.
    if generator is None or generator._plan.layers != all_layers(model):
        generator = _GENERATORS[model] = Generator(model)
    return generator


def generate(model, prompt_ids, length, sampler=None, stop_id=None):
    """Writes `length` ids after each prompt: one compiled loop that carries the state.

    Args:
        model: As for `Generator`. Its generator is kept, so that only the first call compiles; other
            lengths, prompts and batch sizes compile nothing.
        prompt_ids: `(B, T0)` integer ids, T0 at least 1.
        length: How many ids to write a row, at least 0.
        sampler: A callable from `(B, V)` logits to `(B,)` int32 ids. Default: `TemperatureSampler()`.
            The loops of the last 8 samplers are kept.
        stop_id: After this id a row is filled with it. Default: `None`.

    Returns:
        `(B, T0 + length)` int32 array: the prompts and what follows. In float32 its logits agree with
        running the whole prefix through the model to 1e-5, and so do greedy ids except where the best
        two logits are closer than that.

    Raises:
        ValueError: for a model that cannot be stepped through, ids that are not `(B, T0)` integers in
            [0, V), or a negative length.

    Example:

    >>> from rnn_kit.generation import generate
    >>> model = keras.Sequential([
    ...     keras.Input((None,), dtype="int32"), keras.layers.Embedding(5, 4),
    ...     keras.layers.LSTM(8, return_sequences=True), keras.layers.Dense(5)])
    >>> generate(model, np.array([[1, 2], [3, 4]]), length=6).shape
    (2, 8)
    """
    return generator_of(model).generate(prompt_ids, length, sampler, stop_id)


def _check_rows(ids, state):
    """A state of one row would be broadcast over all of them in silence."""
    for tensor in state:
        if ids.shape[0] is not None and tensor.shape[0] not in (None, ids.shape[0]):
            raise ValueError(
                f"`ids` and `state` must have the same rows. Received: {ids.shape[0]} rows of ids, "
                f"{tensor.shape[0]} of state"
            )


def _at_least(least, value, name):
    if not (hasattr(value, "__index__") and operator.index(value) >= least):
        raise ValueError(
            f"Argument `{name}` must be an integer of at least {least}. Received: {value!r}"
        )
    return operator.index(value)


def _stop(stop_id):
    return -1 if stop_id is None else operator.index(stop_id)  # no id is -1
