"""The base of the generators: reading and writing ids, the compiled loops, and checks."""

import contextlib
import threading

import keras
import numpy as np

from rnn_kit.checks import at_least
from rnn_kit.generation.cache import LRUCache, owner_and_key
from rnn_kit.generation.ids import as_ids, stop_ids
from rnn_kit.guards import TRACING_LOCK, Guard
from rnn_kit.sampling import TemperatureSampler

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "rnn_kit.generation compiles its loops with TensorFlow, and the Keras backend is "
        f"'{keras.backend.backend()}'. Set KERAS_BACKEND=tensorflow before Keras is imported."
    )

import tensorflow as tf

from rnn_kit.generation.graphs import trace

_STREAM_CHUNK = 16  # ids a compiled call while streaming: few look smooth, many are fast
_LOCKS = LRUCache(max_size=None)  # one for each sampler that keeps its seed in a variable


class BaseGenerator:
    """Reads prompts and continues them, with graphs of a model.

    The graphs are rebuilt at the next call if more of the model has changed than its weights' values:
    see `rnn_kit.guards`. Any number of threads may use a generator at once.

    A subclass has `_make_graphs(model)`, which returns the `ModelGraphs` with `vocabulary_size` and
    `probabilities` set.

    Args:
        model: The model.
        from_logits: Whether it outputs logits or probabilities. `None` detects which.
    """

    def __init__(self, model, from_logits=None):
        self._model = lambda: model
        self._from_logits = from_logits
        self._graphs = None
        self._current()

    @property
    def vocabulary_size(self):
        return self._current().vocabulary_size

    @property
    def from_logits(self):
        return self._current().from_logits

    def _guarded_objects(self):
        """Returns the objects that a `Guard` watches in place of this generator."""
        return [self._model()]

    def _current(self):
        """Returns the graphs of the model as it is now."""
        graphs = self._graphs
        if graphs is None or not graphs.are_current():
            with TRACING_LOCK, tf.init_scope():  # a user's own trace may be under way
                graphs = self._graphs
                if graphs is None or not graphs.are_current():
                    graphs = self._checked_graphs()
                    self._graphs = graphs
        return graphs

    def _checked_graphs(self):
        model = self._model()
        graphs = self._make_graphs(model)
        graphs.from_logits = self._from_logits
        if graphs.from_logits is None:
            graphs.from_logits = graphs.probabilities is not True
        if not graphs.from_logits and graphs.probabilities is False:
            raise ValueError(
                f"Model '{model.name}' puts out negative numbers, which are no probabilities: leave "
                "out from_logits=False."
            )
        return graphs

    def initial_state(self, batch_size):
        """Returns the state before any id: a list of tensors with `batch_size` rows each."""
        return self._current().initial_state(batch_size)

    def prefill(self, ids, state=None):
        """Reads a prompt.

        Args:
            ids: `(B, T)` ids, integers of any type, T at least 1.
            state: The state before them. Default: `initial_state(B)`.

        Returns:
            `(B, V)` logits of the next id (probabilities, if the model outputs those), and the state: a
            list of tensors with B rows each.

        Raises:
            ValueError: if `ids` has another shape, or an id outside [0, V).
        """
        graphs = self._current()
        ids = self._checked_ids(ids, graphs)
        if state is None:
            rows = ids.shape[0]
            state = graphs.initial_state(tf.shape(ids)[0] if rows is None else rows)
        return self._read(graphs, ids, self._checked_state(ids, state, graphs))

    def _read(self, graphs, ids, state):
        return graphs.read(ids, state)

    def step(self, ids, state):
        """Reads one more id a row: `(B,)` ids and the state to `(B, V)` logits and the new state.

        A `tf.function` may call it.

        Raises:
            ValueError: if the state has other rows than `ids`, or an id is no integer or outside
                [0, V).
        """
        graphs = self._current()
        ids = as_ids(ids, "Ids", 1, "(B,)", graphs.vocabulary_size)
        return graphs.step(ids, self._checked_state(ids, state, graphs))

    def step_log_probabilities(self, ids, state):
        """Returns `step` with log-probabilities `(B, V)` in place of logits, for `beam_search`.

        If the model outputs probabilities, takes their logarithm.
        """
        outputs, state = self.step(ids, state)
        return log_probabilities(outputs, self._current().from_logits), state

    def generate(self, prompt_ids, length, sampler=None, stop_id=None):
        """Writes `length` ids after each prompt: see `rnn_kit.generation.generate`."""
        length = at_least("length", length, 0)
        refuse_symbolic(prompt_ids)
        graphs = self._current()
        stop = stop_ids(stop_id, graphs.vocabulary_size)
        sampler = self._checked_sampler(sampler, graphs)
        prompt_ids = self._checked_ids(prompt_ids, graphs)
        logits, state = self.prefill(prompt_ids)
        rows = len(prompt_ids)
        last, done = tf.zeros(rows, tf.int32), tf.zeros(rows, tf.bool)
        ids, *_ = self._run_loop(sampler, logits, state, last, done, length, stop)
        return np.concatenate([prompt_ids, ids.numpy().T], axis=1)

    def stream(self, prompt_ids, length=None, sampler=None, stop_id=None):
        """Continues a prompt, and yields the ids as they are drawn.

        Args:
            prompt_ids: `(B, T0)` ids.
            length: The number of ids to write a row. Default: `None`, endless.
            sampler: As in `generate`.
            stop_id: As in `generate`; the stream ends when every row has reached one.

        Yields:
            `(B,)` int32 ids, one array a step.

        Raises:
            ValueError: as `generate`, before the first id.
        """
        length = None if length is None else at_least("length", length, 0)
        refuse_symbolic(prompt_ids)
        graphs = self._current()
        stop = stop_ids(stop_id, graphs.vocabulary_size)
        sampler = self._checked_sampler(sampler, graphs)
        logits, state = self.prefill(prompt_ids)
        return self._stream(logits, state, length, sampler, stop)

    def _stream(self, logits, state, length, sampler, stop):
        rows = logits.shape[0]
        last, done = tf.zeros(rows, tf.int32), tf.zeros(rows, tf.bool)
        written = 0
        while (length is None or written < length) and not bool(tf.reduce_all(done)):
            chunk = _STREAM_CHUNK if length is None else min(_STREAM_CHUNK, length - written)
            ids, logits, state, last, done, steps = self._run_loop(
                sampler, logits, state, last, done, chunk, stop
            )
            yield from ids.numpy()[: int(steps)]
            written += chunk

    def _checked_ids(self, ids, graphs):
        return as_ids(ids, "Ids", 2, "(B, T) with T of at least 1", graphs.vocabulary_size)

    def _checked_state(self, ids, state, graphs):
        """Converts the state to tensors and checks it: one row would be broadcast over all rows."""
        state = [tf.convert_to_tensor(tensor) for tensor in state]
        for tensor in state:
            if ids.shape[0] is not None and tensor.shape[0] not in (None, ids.shape[0]):
                raise ValueError(
                    f"`ids` and `state` must have the same rows. Received: {ids.shape[0]} rows of ids, "
                    f"{tensor.shape[0]} of state"
                )
        specs = graphs.state_spec
        if len(state) != len(specs) or not all(map(_fits, state, specs)):
            raise ValueError(
                "`state` is none of the model as it is now: begin with `initial_state` or `prefill`. "
                f"Expected: {_shapes(specs)}. Received: {_shapes(state)}"
            )
        return state

    def _checked_sampler(self, sampler, graphs):
        """Returns the sampler, or the default one. Raises if it does not suit the model's outputs."""
        if sampler is None:
            if graphs.default_sampler is None:
                with TRACING_LOCK:
                    if graphs.default_sampler is None:
                        graphs.default_sampler = TemperatureSampler(from_logits=graphs.from_logits)
            return graphs.default_sampler
        takes_logits = getattr(sampler, "from_logits", None)
        name = getattr(self._model(), "name", "")
        if takes_logits is True and not graphs.from_logits:
            raise ValueError(
                f"Model '{name}' puts out the probabilities of a softmax, and the sampler takes them "
                "for logits, from which it would draw nearly uniformly: make the sampler with "
                "from_logits=False (the default sampler, sampler=None, takes the probabilities as they "
                "are)."
            )
        if takes_logits is False and graphs.from_logits and graphs.probabilities is False:
            raise ValueError(
                f"Model '{name}' puts out logits, of which some are negative, and the sampler takes "
                "them for probabilities: make it without from_logits=False."
            )
        return sampler

    def _run_loop(self, sampler, logits, state, last, done, length, stop):
        """Runs the loop of a sampler, as it and the model are now."""
        graphs = self._current()
        loop, lock = self._compiled_loop(sampler, 1 if logits.shape[0] == 1 else None, graphs)
        state = self._checked_state(logits, state, graphs)
        with lock:
            return loop(
                logits, state, last, done, tf.constant(length, tf.int32), tf.constant(stop, tf.int32)
            )

    def _compiled_loop(self, sampler, rows, graphs):
        """Returns the loop of a sampler, which is compiled at its first call.

        Each sampler has two: for any number of rows, and for one, which TensorFlow runs twice as fast
        if the number is known.

        Returns:
            The graph, and a lock to hold while it runs: threads that draw from one sampler take turns,
            as otherwise two might draw the same numbers.
        """
        owner, key = owner_and_key(sampler)
        loops, key = graphs.loops.of(owner), (key, rows)
        found = loops.get(key)
        if found is None or not found[-1].holds():
            with TRACING_LOCK, tf.init_scope():
                found = loops.get(key)
                if found is None or not found[-1].holds():
                    loop = self._compile_loop(sampler, rows, graphs)
                    lock = contextlib.nullcontext()
                    if _variables(loop) - _variables(graphs.read.graph):  # the seed of the draws
                        lock = _LOCKS.of(owner).setdefault("lock", threading.Lock())
                    found = loops[key] = loop, lock, Guard(sampler)
        return found[:2]

    def _compile_loop(self, sampler, rows, graphs):
        def loop(logits, state, last, done, length, stop):
            """Draws up to `length` ids a row, until every row is done: `(length, B)` ids and more."""

            def body(time, logits, state, last, done, written):
                last = tf.where(done, last, _drawn(sampler, logits))
                written = written.write(time + 1, last)
                # Not `graphs.step`: a function call at each step costs a third of the loop's speed.
                logits, state = graphs.read.function(last[:, None], state)
                done |= tf.reduce_any(last[:, None] == stop, axis=1)
                return time + 1, logits, state, last, done, written

            # Entry 0 is dropped from the result: an empty array cannot be stacked.
            written = tf.TensorArray(tf.int32, 1, True, element_shape=[None])
            written = written.write(0, last)
            time, logits, state, last, done, written = tf.while_loop(
                lambda time, logits, state, last, done, written: (time < length) & ~tf.reduce_all(done),
                body,
                (0, logits, state, last, done, written),
            )
            rest = tf.repeat(last[None], length - time, axis=0)
            return tf.concat([written.stack()[1:], rest], 0), logits, state, last, done, time

        logits_spec, _ = graphs.read.graph.structured_outputs
        return trace(
            loop,
            tf.TensorSpec([rows, graphs.vocabulary_size], logits_spec.dtype),
            [tf.TensorSpec([rows, *spec.shape[1:]], spec.dtype) for spec in graphs.state_spec],
            tf.TensorSpec([rows], tf.int32),
            tf.TensorSpec([rows], tf.bool),
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([None], tf.int32),
        )


def log_probabilities(outputs, from_logits):
    """Computes log p `(..., V)` in float32, from logits or probabilities that need not add up to 1."""
    outputs = tf.cast(outputs, tf.float32)
    if from_logits:
        return tf.nn.log_softmax(outputs)
    return tf.math.log(outputs) - tf.math.log(tf.reduce_sum(outputs, axis=-1, keepdims=True))


def _drawn(sampler, logits):
    """Draws ids with a sampler, and checks them."""
    ids = tf.convert_to_tensor(sampler(logits))
    if not ids.dtype.is_integer or ids.shape.rank not in (None, 1):
        raise ValueError(
            "A sampler must map (B, V) logits to (B,) integer ids. "
            f"It gave: shape={tuple(ids.shape)}, dtype={ids.dtype.name}"
        )
    return tf.cast(ids, tf.int32)


def _variables(graph):
    """Identifies the variables that a graph reads or writes, by their handles."""
    return {id(handle) for handle in graph.captured_inputs if handle.dtype == tf.resource}


def _fits(tensor, spec):
    return tensor.dtype == spec.dtype and spec.shape.is_compatible_with(tensor.shape)


def _shapes(specs):
    return [f"{spec.dtype.name}{(None, *spec.shape[1:])}" for spec in specs]


def refuse_symbolic(ids):
    """Raises `ValueError` on a tensor of a graph, which has no values yet."""
    if tf.is_symbolic_tensor(ids):
        raise ValueError(
            "A text is written eagerly, not inside a `tf.function`: call `prefill` and `step` there."
        )
