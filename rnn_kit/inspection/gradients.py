"""The gradient of a loss with respect to a recurrent layer's states, step by step."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from rnn_kit.guards import TRACING_LOCK, Guard
from rnn_kit.inspection.finding import find_layer, state_names
from rnn_kit.inspection.recording import only_call, record_calls, state_preserved


@dataclass(frozen=True)
class GradientsOverTime:
    """Gradients of a loss with respect to the states of a recurrent layer.

    Attributes:
        layer: The layer's name.
        states: Names to `(B, T, units)` arrays dL/ds(t): "h"; of an LSTM "h" and "c".
        loss: L.
    """

    layer: str
    states: dict
    loss: float

    @property
    def norms(self):
        """Names of states to `(B, T)` arrays: the Euclidean norm of dL/ds(t) at every step."""
        return {name: np.linalg.norm(g, axis=-1) for name, g in self.states.items()}


def gradients_over_time(model, inputs, loss, layer=None):
    """Computes dL/dh(t) at every step t, as back-propagation through time passes it between steps.

    The derivative is the total one, over every path from h(t) to the loss: through the layer's output
    at t, and through all later steps. The states of an LSTM are varied one by one: dL/dc(t) is the
    effect of c(t) on later steps, with h(t) fixed. For a loss that depends only on the last step T,

        dL/dh(t) = dL/dh(T) · dh(T)/dh(t) = dL/dh(T) · Π_(j = t+1 ... T) dh(j)/dh(j-1),

    the product of Jacobians that vanishes or explodes (Jian Li, "Deep Learning: RNN", IIS Tsinghua,
    "Gradient Vanishing/Exploding problem", after Pascanu, Mikolov and Bengio 2013).

    Args:
        model: As for `states_over_time`.
        inputs: The model's inputs, with batch and time.
        loss: Function from the model's outputs to a scalar, in TensorFlow or `keras.ops`. If it is a
            sum over the batch, each row has the gradients of its own loss.
        layer: The layer, its name, or its index among `recurrent_layers(model)`. Default: the only one.

    Returns:
        `GradientsOverTime`. A masked position has zeros, as its state is only repeated.

    Raises:
        ValueError: as `states_over_time`; or if the loss is not a scalar, or does not depend on the
            layer.

    Example:

    >>> from rnn_kit.inspection import gradients_over_time
    >>> model = keras.Sequential([keras.Input((50, 3)), keras.layers.SimpleRNN(8)])
    >>> gradients = gradients_over_time(
    ...     model, np.random.default_rng(0).normal(size=(2, 50, 3)), keras.ops.sum)
    >>> gradients.norms["h"].shape
    (2, 50)
    """
    return gradient_function(model, loss, layer)(inputs)


def gradient_function(model, loss, layer=None):
    """Makes a function that computes `gradients_over_time` repeatedly, compiled once.

    The weights of the model may change between calls. It is recompiled if more of the model has
    changed (`enable_lora`, an activation, an added layer), or what `loss` closes over.

    Args:
        model: As for `states_over_time`.
        loss: Function from the model's outputs, and further arguments, to a scalar.
        layer: The layer, its name, or its index among `recurrent_layers(model)`. Default: the only one.

    Returns:
        `function(inputs, *more)`, which returns `GradientsOverTime` of `loss(model(inputs), *more)`.

    Raises:
        ValueError: as `gradients_over_time`; of the loss, when it is called.

    Example:

    >>> from rnn_kit.inspection import gradient_function
    >>> model = keras.Sequential([keras.Input((5, 3)), keras.layers.GRU(4)])
    >>> gradients = gradient_function(model, lambda h, u: keras.ops.sum(h * u))
    >>> gradients(np.ones((2, 5, 3)), keras.ops.ones((2, 4))).states["h"].shape
    (2, 5, 4)
    """
    compiled, guard = _compile(model, loss, layer), Guard(model, loss)

    def gradients(inputs, *more):
        nonlocal compiled, guard
        inputs, more = tf.nest.map_structure(tf.convert_to_tensor, (inputs, more))
        with TRACING_LOCK, state_preserved(model):
            if not guard.holds():
                compiled = _compile(model, loss, layer)
            found, differentiate = compiled
            traces = differentiate.experimental_get_tracing_count()
            # A direct call makes TensorFlow warn of retracing when many models are inspected in turn.
            value, by_state = differentiate.get_concrete_function(inputs, more)(inputs, more)
            if differentiate.experimental_get_tracing_count() > traces:
                guard = Guard(model, loss)
        names = state_names(found)
        states = {name: gradient.numpy() for name, gradient in zip(names, by_state, strict=True)}
        return GradientsOverTime(found.name, states, float(value))

    return gradients


def _compile(model, loss, layer):
    """Finds the layer, and makes the function from inputs to the loss and the states' gradients."""
    layer = find_layer(model, layer)

    @tf.function(autograph=False)
    def differentiate(inputs, more):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            with record_calls(layer, tape.watch) as calls:
                outputs = model(inputs, training=False)
            call = only_call(layer, calls)
            value = tf.convert_to_tensor(loss(outputs, *more))
            if value.shape.rank != 0:
                raise ValueError(f"`loss` must give a scalar. It gave the shape {tuple(value.shape)}.")
        gradients = tape.gradient(value, call.perturbations)
        if all(gradient is None for gradient in gradients):
            raise ValueError(f"The loss does not depend on the states of layer '{layer.name}'.")
        return value, [
            tf.zeros_like(zeros) if gradient is None else gradient
            for gradient, zeros in zip(gradients, call.perturbations, strict=True)
        ]

    return layer, differentiate
