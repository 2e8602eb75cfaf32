"""Graphs traced from a model on demand, and a guard of the objects that they read."""

import weakref

import tensorflow as tf

from rnn_kit.generation.cache import LRUCache
from rnn_kit.guards import TRACING_LOCK, Guard

IDS_SPEC = tf.TensorSpec([None, None], tf.int32)


def trace(function, *signature):
    """Traces a function of TensorFlow operations to a `tf.ConcreteFunction`, which does not hold it."""
    compiled = tf.function(function, input_signature=signature, autograph=False)
    return compiled.get_concrete_function()


class LazyGraph:
    """A function of tensors that is traced at its first call, to one graph for all shapes.

    Any number of threads may call it.

    Args:
        function: A function of TensorFlow operations.
        signature: The `tf.TensorSpec`s of its arguments.
        on_trace: Called after tracing.
    """

    def __init__(self, function, signature, on_trace):
        self.function = function
        self._signature, self._on_trace = signature, on_trace
        self._graph = None

    @property
    def graph(self):
        """The `tf.ConcreteFunction`."""
        if self._graph is None:
            with TRACING_LOCK, tf.init_scope():  # a user's own trace may be under way
                if self._graph is None:
                    self._graph = trace(self.function, *self._signature)
                    self._on_trace()
        return self._graph

    def __call__(self, *args):
        return self.graph(*args)


class ModelGraphs:
    """The graphs of a model in its current form.

    Args:
        model: The model, which is not kept alive.
        read: `read(ids (B, T), state) -> logits (B, V), state`, of TensorFlow operations: the logits of
            the id that follows, and the state after the ids.
        state_spec: `tf.TensorSpec`s of the state, a list of tensors with B rows each.
        initial_state: Function from B to the state before any id.

    Attributes:
        read, state_spec, initial_state: As above, `read` as a graph.
        step: `step(ids (B,), state) -> logits (B, V), state`, a graph.
        vocabulary_size: V.
        probabilities: Whether the model outputs probabilities, as in `StepwiseModel`.
        from_logits: Whether its outputs are treated as logits.
        default_sampler: The default sampler, made on demand.
        loops: The compiled loops of the last samplers.
    """

    def __init__(self, model, read, state_spec, initial_state):
        def step(ids, state):
            return read(ids[:, None], state)

        self._model = weakref.ref(model)
        self.state_spec = state_spec
        self.initial_state = initial_state
        self.read = self.lazy(read, IDS_SPEC, state_spec)
        self.step = self.lazy(step, tf.TensorSpec([None], tf.int32), state_spec)
        self.vocabulary_size = self.probabilities = self.from_logits = None
        self.default_sampler = None
        self.loops = LRUCache()
        self._guard = Guard(model)

    def lazy(self, function, *signature):
        """Makes a `LazyGraph` of a function that runs the model."""
        return LazyGraph(function, signature, self._renew_guard)

    def _renew_guard(self):
        # After a trace, not before: a call may set attributes of a layer.
        model = self._model()
        if model is not None:
            self._guard = Guard(model)

    def are_current(self):
        """Returns whether the model is unchanged since it was traced; also if it was deleted."""
        return self._model() is None or self._guard.holds()
