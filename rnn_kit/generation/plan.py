"""A language model taken apart into what a generator steps through: states in, states out.

Keras runs a model over whole sequences. To write a text one token after another without running its
whole beginning again, each recurrent layer must take its states from outside and hand them back. `Plan`
walks a Sequential or functional model once and knows afterwards how to do that; whatever cannot be done
one position at a time is refused here, by the layer's name.
"""

import functools

import keras
import numpy as np
from keras import layers, ops, tree

from rnn_kit._internals import (
    flatten_layers,
    get_keras_mask,
    is_graph,
    run_through_graph,
    set_keras_mask,
)
from rnn_kit.generation.outputs import ends_in_softmax, probabilities
from rnn_kit.generation.recurrence import Recurrence, inference
from rnn_kit.layers import GRU, LearnedInitialState, PeepholeLSTM

# Layers whose output at a position depends on their input at that position alone. Exact types: a
# subclass may do anything in its `call`.
_POSITION_WISE = {
    layers.Activation,
    layers.ActivityRegularization,
    layers.Add,
    layers.AlphaDropout,
    layers.Average,
    layers.Dense,
    layers.Dropout,
    layers.ELU,
    layers.Embedding,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.LeakyReLU,
    layers.Masking,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.ReLU,
    layers.Rescaling,
    layers.ReversibleEmbedding,
    layers.SpatialDropout1D,
    layers.Subtract,
}
# The same, if they work along the last axis.
_ALONG_LAST_AXIS = {
    layers.BatchNormalization,
    layers.Concatenate,
    layers.LayerNormalization,
    layers.RMSNormalization,
    layers.Softmax,
    layers.UnitNormalization,
}
# `keras.ops` in a functional model, by the name of their operation. Comparisons make masks.
_ELEMENTWISE_OPS = set(
    "Abs Absolute Add Cast Clip Divide Elu Equal Exp Gelu Greater GreaterEqual HardSigmoid HardTanh "
    "LeakyRelu Less LessEqual Log Log1p LogicalAnd LogicalNot LogicalOr Maximum Minimum Multiply "
    "Negative NotEqual Power Relu Relu6 Selu Sigmoid Silu Softplus Softsign Sqrt Square Subtract Tanh "
    "TrueDivide".split()
)
_LAST_AXIS_OPS = {"All", "Any", "Concatenate", "LogSoftmax", "Softmax"}
# Recurrent layers whose loop is known. A subclass counts if it has overridden neither of these methods.
_LOOPS = {
    (kind.call, kind.inner_loop)
    for kind in (layers.RNN, layers.LSTM, layers.GRU, layers.SimpleRNN, PeepholeLSTM, GRU)
}


def position_wise(layer_class):
    """Class decorator: declares that a layer's output at a position depends on that position alone.

    `Generator` knows which layers of Keras are so. A layer of your own that is (a tied output
    projection, say) must be declared, because nothing in a layer tells.

    Args:
        layer_class: A subclass of `keras.layers.Layer` that maps `(B, T, ...)` to `(B, T, ...)`.

    Returns:
        `layer_class`.

    Example:

    >>> from rnn_kit.generation import position_wise
    >>> @position_wise
    ... class Scale(keras.layers.Layer):
    ...     def call(self, x):
    ...         return 2 * x
    """
    _POSITION_WISE.add(layer_class)
    return layer_class


class Plan:
    """How to run a model on a stretch of ids, given the states before it.

    It holds the model's layers, not the model, and nothing of a run: several threads may trace it.

    Attributes:
        recurrences: one `Recurrence` for each call of a recurrent layer, in order.
        vocabulary: V, the size of the model's last axis.
        probabilities: Whether the model puts out probabilities: `True`, `False`, or `None` where its
            outputs could be either (none is negative, and they do not add up to 1).

    Raises:
        ValueError: naming the layer that cannot be stepped through, and why.
    """

    def __init__(self, model):
        if not is_graph(model):
            raise _refusal(model, "it is no Sequential or functional model, so its graph is unknown")
        if not model.built:
            raise ValueError(
                f"Model '{model.name}' is not built yet. Give it an Input, or call it once on ids."
            )
        if len(model.inputs) != 1 or len(model.outputs) != 1:
            raise ValueError(
                f"Model '{model.name}' must map ids to logits, one input to one output. It has "
                f"{len(model.inputs)} inputs and {len(model.outputs)} outputs."
            )
        if len(model.inputs[0].shape) != 2:
            raise ValueError(
                f"Model '{model.name}' must take ids of the shape (B, T). Its input has the shape "
                f"{model.inputs[0].shape}: put an Embedding in place of one-hot vectors."
            )
        self._dtype = model.inputs[0].dtype
        self._run = _compile(model)
        self.recurrences, self.vocabulary = self._probe(model)
        outputs = self._check_causality()
        self.probabilities = ends_in_softmax(model) or probabilities(outputs)

    def run(self, ids, states, trace=None):
        """`(B, T)` int ids and the states before them to `(B, T, V)` outputs and the states after.

        No variable of the model is written: not a carried state, not a seed, not a loss.
        """
        states, new_states = iter(states), []
        recurrences = iter(self.recurrences)  # a graph is walked in the same order every time

        def recur(layer, start, x, mask):
            recurrence = next(recurrences)
            y, after = recurrence(x, [next(states) for _ in recurrence.shapes], mask)
            new_states.extend(after)
            return y

        return self._execute(ids, _Run(recur, trace)), new_states

    def initial_states(self, batch_size):
        return [state for r in self.recurrences for state in r.initial_states(batch_size)]

    def _execute(self, ids, run):
        with keras.StatelessScope():
            return self._run(run, ops.cast(ids, self._dtype))

    def _probe(self, model):
        """One run on a little batch: finds the recurrences' order, their masks, and broken shapes."""
        recurrences = []

        def recur(layer, start, x, mask):
            if layer.stateful and any(r.layer is layer for r in recurrences):
                raise _refusal(layer, "it is stateful and called twice, so the calls share one state")
            recurrence = Recurrence(layer, mask is not None, start)
            recurrences.append(recurrence)
            return recurrence(x, recurrence.initial_states(_PROBE[0]), mask)[0]

        outputs = self._execute(ops.zeros(_PROBE, "int32"), _Run(recur, shape=_PROBE))
        if len(outputs.shape) != 3:
            raise ValueError(
                f"Model '{model.name}' must map (B, T) ids to (B, T, V) logits. For input of shape "
                f"{_PROBE} its output has the shape {tuple(outputs.shape)}."
            )
        return recurrences, int(outputs.shape[-1])

    def _check_causality(self):
        """Runs a text whole and in two halves: every layer must say the same of every position.

        An activation function may be anything, so a layer's class alone does not tell.
        """
        ids = ops.convert_to_tensor(_TEXT % self.vocabulary, "int32")
        half = ids.shape[1] // 2
        whole, first, second = [], [], []
        outputs, _ = self.run(ids, self.initial_states(len(_TEXT)), whole)
        _, states = self.run(ids[:, :half], self.initial_states(len(_TEXT)), first)
        self.run(ids[:, half:], states, second)
        for (op, y), (_, y1), (_, y2) in zip(whole, first, second, strict=True):
            halves = np.concatenate([y1, y2], axis=1)
            tolerance = 1e-4 if y.dtype in ("float32", "float64") else 5e-2
            if not np.allclose(y, halves, rtol=tolerance, atol=tolerance / 10, equal_nan=True):
                raise _refusal(op, "what it says of a position changes with where the text is cut")
        return outputs


class _Run:
    """One run of a plan: what recurrent layers do in it, and what is looked at.

    Args:
        recur: `recur(layer, start, x, mask) -> y` runs a recurrent layer, `start` being the
            `LearnedInitialState` around it, or `None`.
        trace: A list that takes what every layer puts out, in order.
        shape: The batch and time that every layer must keep.
    """

    def __init__(self, recur, trace=None, shape=None):
        self.recur, self.trace, self.shape = recur, trace, shape


# --- from layers to functions of a run and tensors ------------------------------------------------


def _compile(layer):
    if is_graph(layer):
        return _compile_graph(layer)
    if isinstance(layer, keras.Model):
        raise _refusal(layer, "a subclassed model's graph is unknown")
    if isinstance(layer, layers.RNN):
        return _compile_recurrent(layer)
    if isinstance(layer, LearnedInitialState) and type(layer).call is LearnedInitialState.call:
        return _compile_recurrent(layer.layer, start=layer)
    if type(layer) is layers.TimeDistributed:
        return _checked(layer, _flattened(layer.layer))
    return _compile_position_wise(layer)


def _compile_graph(model):
    if isinstance(model, keras.Sequential):
        steps = [_compile(layer) for layer in model.layers]

        def chain(run, x, mask=None, **_):
            if mask is not None:
                set_keras_mask(x, mask)
            for step in steps:
                x = step(run, x)
            return x

        return chain
    # A Function of the same tensors holds the graph without holding the model.
    graph = keras.Function(model.inputs, model.outputs)
    steps = {id(op): _compile(op) for op in graph.operations if not isinstance(op, layers.InputLayer)}

    def run_graph(run, *inputs, mask=None, **_):
        if mask is not None:
            set_keras_mask(inputs[0], mask)
        outputs = run_through_graph(
            graph, list(inputs), lambda op: functools.partial(steps[id(op)], run)
        )
        return outputs[0] if len(outputs) == 1 else outputs

    return run_graph


def _compile_recurrent(layer, start=None):
    if (type(layer).call, type(layer).inner_loop) not in _LOOPS:
        raise _refusal(layer, "its class has a loop of its own, so what it does is unknown")
    if layer.go_backwards:
        raise _refusal(layer, "it reads the sequence backwards, from tokens not yet written")
    if not layer.return_sequences:
        raise _refusal(layer, "it returns its last output alone; it needs return_sequences=True")

    def step(run, x, *more, initial_state=None, mask=None, **_):
        if more or initial_state is not None:
            raise _refusal(layer, "its initial state comes from inside the model")
        y = run.recur(layer, start, x, get_keras_mask(x) if mask is None else mask)
        if not layer.return_state:
            return y
        return (y, *[_State(layer) for _ in tree.flatten(layer.state_size)])

    return _checked(layer, step)


def _compile_position_wise(op):
    if not isinstance(op, layers.Layer):
        return _checked(op, _operation(op))
    kind = type(op)
    if kind in _ALONG_LAST_AXIS:
        axis = op.axis[0] if isinstance(op.axis, (list, tuple)) and len(op.axis) == 1 else op.axis
        if axis not in (-1, 2):
            raise _refusal(op, f"it works along axis {op.axis}, which is not the features' alone")
    elif kind is layers.Bidirectional:
        raise _refusal(op, "it reads the sequence from its end too, which is not yet written")
    elif kind not in _POSITION_WISE:
        raise _refusal(
            op,
            "it is not known to treat every position by itself (if it does, declare its class "
            "with rnn_kit.generation.position_wise)",
        )
    training = inference(op)

    def call(run, *args, **kwargs):
        return op(*args, **{**kwargs, **training})

    return _checked(op, call)


def _checked(op, call):
    """`call`, whose output must have kept batch and time while the plan is probed."""

    def checked(run, *args, **kwargs):
        for used in tree.flatten((args, kwargs)):
            if isinstance(used, _State):
                raise _refusal(used.layer, "its state is used inside the model")
        result = call(run, *args, **kwargs)
        y = result[0] if isinstance(result, tuple) else result
        if run.shape is not None and tuple(y.shape[:2]) != run.shape:
            raise _refusal(op, f"it turned batch and time {run.shape} into {tuple(y.shape[:2])}")
        if run.trace is not None:
            run.trace.append((op, ops.convert_to_numpy(y)))
        return result

    return checked


_PROBE = (3, 2)  # batch and time of the probe: no two sizes alike, and not one
_TEXT = np.array([[0, 1, 1, 0], [1, 0, 0, 1], [1, 1, 0, 1]])  # ids that any vocabulary has


class _State:
    """What stands for the final state of a layer with `return_state`, which only a generator has."""

    def __init__(self, layer):
        self.layer = layer


def all_layers(model):
    """Every layer inside a model, however deep."""
    return flatten_layers(model, include_self=False)


def _operation(op):
    """A `keras.ops` operation of a functional model, if it treats every position by itself."""
    name = type(op).__name__
    if name in _LAST_AXIS_OPS and getattr(op, "axis", -1) not in (-1, 2):
        raise _refusal(op, f"it works along axis {op.axis}, which is not the features'")
    if name not in _ELEMENTWISE_OPS | _LAST_AXIS_OPS | {"Matmul"}:
        raise _refusal(op, "it is not known to treat every position by itself")

    def call(run, *args, **kwargs):
        ranks = [len(getattr(x, "shape", ())) for x in tree.flatten((args, kwargs))]
        if name == "Matmul":
            if ranks != [3, 2]:
                raise _refusal(op, "it multiplies positions with each other")
        elif len({rank for rank in ranks if rank > 1}) > 1:
            raise _refusal(op, "its operands do not all have an axis for time")
        return op(*args, **kwargs)

    return call


def _flattened(inner):
    """What `TimeDistributed` means, on all positions at once.

    Keras 3.15's own call, with masks and a time dimension unknown at tracing, applies the mask of one
    length to another.
    """
    training = inference(inner)

    def call(run, x, mask=None, **_):
        mask = get_keras_mask(x) if mask is None else mask
        batch, time = ops.shape(x)[:2]
        y = inner(ops.reshape(x, (-1, *x.shape[2:])), **training)
        y = ops.reshape(y, (batch, time, *y.shape[1:]))
        if mask is not None:
            set_keras_mask(y, mask)
        return y

    return call


def _refusal(layer, reason):
    return ValueError(
        f"Cannot generate step by step through '{layer.name}' ({type(layer).__name__}): {reason}."
    )
