"""The compiled loops over a step: all that generators share, whatever their state is."""

import operator

import keras
import numpy as np

from rnn_kit._internals import without_retracing_warning
from rnn_kit.generation.compiled import Compiled
from rnn_kit.sampling import TemperatureSampler

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "rnn_kit.generation compiles its loops with TensorFlow, and the Keras backend is "
        f"'{keras.backend.backend()}'. Set KERAS_BACKEND=tensorflow before Keras is imported."
    )

import tensorflow as tf

_STREAM_CHUNK = 16  # tokens a compiled call while streaming: smooth to the eye, cheap to the loop
IDS_SPEC = tf.TensorSpec([None, None], tf.int32)


class Loops:
    """Reads prompts and writes on after them, given how some ids change the state.

    A subclass sets `vocabulary`, and says what its state is with `initial_state`.

    Args:
        last: `last(ids (B, T), state) -> logits (B, V), state`, of TensorFlow operations: the logits of
            the id after the last, and the state after it.
        state_spec: `tf.TensorSpec`s of the state, a list of tensors with B rows each.
    """

    def __init__(self, last, state_spec):
        def step(ids, state):
            return last(ids[:, None], state)

        self._state_spec = state_spec
        self._last = tf.function(last, input_signature=[IDS_SPEC, state_spec], autograph=False)
        self._step = tf.function(
            step, input_signature=[tf.TensorSpec([None], tf.int32), state_spec], autograph=False
        )
        self._loops = Compiled(16)  # two for each of the last eight samplers
        self._default_sampler = None

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
        self._check_rows(ids, state)
        return self._read(ids, state)

    def _read(self, ids, state):
        return self._last(ids, state)

    def step(self, ids, state):
        """Reads one more id a row: `(B,)` ids and the state to `(B, V)` logits and the new state.

        Raises:
            ValueError: if the state has other rows than `ids`, or an id is outside [0, V).
        """
        if not tf.is_symbolic_tensor(ids):
            ids = self._checked_ids(np.asarray(ids)[:, None])[:, 0]
        self._check_rows(ids, state)
        return self._step(tf.cast(ids, tf.int32), state)

    def generate(self, prompt_ids, length, sampler=None, stop_id=None):
        """Writes `length` ids after each prompt: see `rnn_kit.generation.generate`."""
        length = at_least(0, length, "length")
        prompt_ids = self._checked_ids(prompt_ids)
        logits, state = self.prefill(prompt_ids)
        rows = len(prompt_ids)
        loop = self._loop(sampler, rows)
        ids, *_ = loop(logits, state, tf.zeros(rows, tf.bool), length, _stop(stop_id))
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
        length = None if length is None else at_least(0, length, "length")
        logits, state = self.prefill(prompt_ids)
        loop = self._loop(sampler, logits.shape[0])
        return self._stream(logits, state, length, loop, _stop(stop_id))

    def _stream(self, logits, state, length, loop, stop_id):
        done = tf.zeros(logits.shape[0], tf.bool)
        written = 0
        while (length is None or written < length) and not bool(tf.reduce_all(done)):
            chunk = _STREAM_CHUNK if length is None else min(_STREAM_CHUNK, length - written)
            ids, logits, state, done, steps = loop(logits, state, done, chunk, stop_id)
            yield from ids.numpy()[: int(steps)]
            written += chunk

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

    def _check_rows(self, ids, state):
        """A state of one row would be broadcast over all of them in silence."""
        for tensor in state:
            if ids.shape[0] is not None and tensor.shape[0] not in (None, ids.shape[0]):
                raise ValueError(
                    f"`ids` and `state` must have the same rows. Received: {ids.shape[0]} rows of ids, "
                    f"{tensor.shape[0]} of state"
                )

    def _loop(self, sampler, rows):
        """The compiled loop for a sampler; the last few are kept, so that each is compiled once.

        Each sampler has two: for one row, which TensorFlow runs twice as fast when it knows that it is
        one, and for any number.
        """
        if sampler is None:
            if self._default_sampler is None:
                self._default_sampler = TemperatureSampler()
            sampler = self._default_sampler
        rows = 1 if rows == 1 else None
        return self._loops.get_or_compile((sampler, rows), lambda: self._compile_loop(sampler, rows))

    def _compile_loop(self, sampler, rows):
        def loop(logits, state, done, length, stop_id):
            """Samples up to `length` ids a row, until every row is done: `(length, B)` ids and more."""

            def body(time, logits, state, done, written):
                ids = tf.where(done, stop_id, sampler(logits))
                written = written.write(time + 1, ids)
                # Not `self._step`: a call of a function at each time costs a third of the loop's speed.
                logits, state = self._last.python_function(ids[:, None], state)
                return time + 1, logits, state, done | (ids == stop_id), written

            batch = tf.shape(logits)[0]
            # A row of its own at the start, since an empty array cannot be stacked.
            written = tf.TensorArray(tf.int32, 1, True, element_shape=[None])
            written = written.write(0, tf.zeros([batch], tf.int32))
            time, logits, state, done, written = tf.while_loop(
                lambda time, logits, state, done, written: (time < length) & ~tf.reduce_all(done),
                body,
                (0, logits, state, done, written),
            )
            rest = tf.fill([length - time, batch], stop_id)
            return tf.concat([written.stack()[1:], rest], 0), logits, state, done, time

        logits_spec, _ = self._step.get_concrete_function().structured_outputs
        compiled = tf.function(
            loop,
            input_signature=[
                tf.TensorSpec([rows, self.vocabulary], logits_spec.dtype),
                [tf.TensorSpec([rows, *spec.shape[1:]], spec.dtype) for spec in self._state_spec],
                tf.TensorSpec([rows], tf.bool),
                tf.TensorSpec([], tf.int32),
                tf.TensorSpec([], tf.int32),
            ],
            autograph=False,
        )
        # Each sampler has a loop of its own, which TensorFlow takes for one that is traced anew.
        return without_retracing_warning(compiled)


def at_least(least, value, name):
    """An integer argument; a `ValueError` that names it where it is none, or below `least`."""
    if not (hasattr(value, "__index__") and operator.index(value) >= least):
        raise ValueError(
            f"Argument `{name}` must be an integer of at least {least}. Received: {value!r}"
        )
    return operator.index(value)


def _stop(stop_id):
    return -1 if stop_id is None else operator.index(stop_id)  # no id is -1
