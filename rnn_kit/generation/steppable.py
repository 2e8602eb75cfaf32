"""Checks which models, layers and operations a generator can step through; refuses the others."""

import keras
from keras import layers, tree

from rnn_kit._internals import is_graph
from rnn_kit.layers import GRU, PeepholeLSTM

# Layers whose output at a position depends only on their input there. Exact types: a subclass may do
# anything in its `call`.
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
    """Declares that a layer's output at a position depends only on its input there; a class decorator.

    `Generator` knows Keras's position-wise layers. Your own (a tied output projection, for instance)
    must be declared, because nothing in a layer shows it.

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


def refusal(layer, reason):
    """Returns the error that a layer cannot be stepped through, for a reason."""
    return ValueError(
        f"Cannot generate step by step through '{layer.name}' ({type(layer).__name__}): {reason}."
    )


def check_built(model):
    """Raises `ValueError` on a model that is not built."""
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' is not built yet. Give it an Input, or call it once on ids."
        )


def check_model(model):
    """Raises `ValueError` on a model that is not a graph from ids `(B, T)` to one output."""
    if not is_graph(model):
        raise refusal(model, "it is no Sequential or functional model, so its graph is unknown")
    check_built(model)
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


def check_recurrent(layer):
    """Raises `ValueError` on a recurrent layer that cannot be stepped through."""
    if (type(layer).call, type(layer).inner_loop) not in _LOOPS:
        raise refusal(layer, "its class has a loop of its own, so what it does is unknown")
    if layer.go_backwards:
        raise refusal(layer, "it reads the sequence backwards, from tokens not yet written")
    if not layer.return_sequences:
        raise refusal(layer, "it returns its last output alone; it needs return_sequences=True")


def check_layer(layer):
    """Raises `ValueError` on a layer that is not known to be position-wise."""
    kind = type(layer)
    if isinstance(layer, keras.Model):
        raise refusal(layer, "a subclassed model's graph is unknown")
    if kind is layers.Bidirectional:
        raise refusal(layer, "it reads the sequence from its end too, which is not yet written")
    if kind in _ALONG_LAST_AXIS:
        axis = layer.axis
        if isinstance(axis, (list, tuple)) and len(axis) == 1:
            axis = axis[0]
        if axis not in (-1, 2):
            raise refusal(layer, f"it works along axis {layer.axis}, which is not the features' alone")
    elif kind not in _POSITION_WISE:
        raise refusal(
            layer,
            "it is not known to treat every position by itself (if it does, declare its class "
            "with rnn_kit.generation.position_wise)",
        )


def check_operation(op):
    """Raises `ValueError` on an operation of `keras.ops` that is not known to be position-wise."""
    name = type(op).__name__
    if name in _LAST_AXIS_OPS and getattr(op, "axis", -1) not in (-1, 2):
        raise refusal(op, f"it works along axis {op.axis}, which is not the features'")
    if name not in _ELEMENTWISE_OPS | _LAST_AXIS_OPS | {"Matmul"}:
        raise refusal(op, "it is not known to treat every position by itself")


def check_operands(op, operands):
    """Raises `ValueError` on operands by which a position-wise operation mixes positions."""
    ranks = [len(getattr(x, "shape", ())) for x in tree.flatten(operands)]
    if type(op).__name__ == "Matmul":
        if ranks != [3, 2]:
            raise refusal(op, "it multiplies positions with each other")
    elif len({rank for rank in ranks if rank > 1}) > 1:
        raise refusal(op, "its operands do not all have an axis for time")
