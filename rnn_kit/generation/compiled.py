"""Graphs that are traced from a model when they are first needed, and the guard of what they read."""

import weakref

import tensorflow as tf

from rnn_kit.guards import TRACING, Guard, Kept

IDS = tf.TensorSpec([None, None], tf.int32)


def concrete(function, *signature):
    """The graph of a function of TensorFlow operations; the function is not kept."""
    compiled = tf.function(function, input_signature=signature, autograph=False)
    return compiled.get_concrete_function()


class Traced:
    """A function of tensors that becomes one graph, for every shape that its signature allows.

    Any number of threads may call it.

    Args:
        function: Of TensorFlow operations.
        signature: The `tf.TensorSpec`s of its arguments.
        after: Called when it has been traced.
    """

    def __init__(self, function, signature, after):
        self.function = function
        self._signature, self._after = signature, after
        self._graph = None

    @property
    def graph(self):
        """The `tf.ConcreteFunction`."""
        if self._graph is None:
            with TRACING, tf.init_scope():  # a user's own trace may be under way
                if self._graph is None:
                    self._graph = concrete(self.function, *self._signature)
                    self._after()
        return self._graph

    def __call__(self, *args):
        return self.graph(*args)


class Graphs:
    """What is compiled of a model as it is.

    Args:
        model: The model, which is not kept alive.
        last: `last(ids (B, T), state) -> logits (B, V), state`, of TensorFlow operations: the logits of
            the id after the last, and the state after it.
        state_spec: `tf.TensorSpec`s of the state, a list of tensors with B rows each.
        initial_state: From B to the state before any id.

    Attributes:
        last, state_spec, initial_state: These, `last` compiled.
        step: `step(ids (B,), state) -> logits (B, V), state`, compiled.
        vocabulary: V.
        probabilities: Whether the model puts out probabilities, as `Plan` has it.
        from_logits: Whether its outputs are taken for logits.
        loops: What was compiled for the last samplers.
    """

    def __init__(self, model, last, state_spec, initial_state):
        def step(ids, state):
            return last(ids[:, None], state)

        self._model = weakref.ref(model)
        self.state_spec = state_spec
        self.initial_state = initial_state
        self.last = self.traced(last, IDS, state_spec)
        self.step = self.traced(step, tf.TensorSpec([None], tf.int32), state_spec)
        self.vocabulary = self.probabilities = self.from_logits = None
        self.default_sampler = None
        self.loops = Kept()
        self._guard = Guard(model)

    def traced(self, function, *signature):
        return Traced(function, signature, self._watch)

    def _watch(self):
        # After a trace, not before: a layer may note in an attribute that it was called.
        model = self._model()
        if model is not None:
            self._guard = Guard(model)

    def hold(self):
        """Whether the model is as it was when it was traced. One that is gone is."""
        return self._model() is None or self._guard.holds()
