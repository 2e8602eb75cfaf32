"""The gradient of a loss with respect to a recurrent layer's states, step by step."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from rnn_kit.inspection.layers import find_layer, left_alone, only_reading, state_names, stepped


@dataclass(frozen=True)
class GradientsOverTime:
    """How a loss depends on what a recurrent layer held.

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
    """dL/dh(t) at every step t: what back-propagation through time hands from step to step.

    The derivative is the total one, by every way from h(t) to the loss: through what the layer puts out
    at t, and through all later steps. The states of an LSTM are varied one by one: dL/dc(t) is what
    c(t) does to later steps, with h(t) as it is. For a loss that looks at the last step T alone,

        dL/dh(t) = dL/dh(T) · dh(T)/dh(t) = dL/dh(T) · Π_(j = t+1 ... T) dh(j)/dh(j-1),

    the product of Jacobians that vanishes or explodes (Jian Li, "Deep Learning: RNN", IIS Tsinghua,
    "Gradient Vanishing/Exploding problem", after Pascanu, Mikolov and Bengio 2013).

    Args:
        model: As for `states_over_time`.
        inputs: What the model takes, with batch and time.
        loss: From the model's outputs to a scalar, in TensorFlow or `keras.ops`. If it is a sum over
            the batch, each row's gradients are its own loss's.
        layer: The layer, its name, or its index among `recurrent_layers(model)`. Default: the only one.

    Returns:
        `GradientsOverTime`. A masked position has zeros: its state is only repeated.

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
    layer = find_layer(model, layer)

    @tf.function(autograph=False)
    def differentiate(inputs):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            with stepped(layer, tape.watch) as readings:
                outputs = model(inputs, training=False)
            reading = only_reading(layer, readings)
            value = tf.convert_to_tensor(loss(outputs))
            if value.shape.rank != 0:
                raise ValueError(f"`loss` must give a scalar. It gave the shape {tuple(value.shape)}.")
        gradients = tape.gradient(value, reading.changes)
        if all(gradient is None for gradient in gradients):
            raise ValueError(f"The loss does not depend on the states of layer '{layer.name}'.")
        gradients = [
            tf.zeros_like(change) if gradient is None else gradient
            for gradient, change in zip(gradients, reading.changes, strict=True)
        ]
        return value, gradients

    with left_alone(model):
        inputs = tf.nest.map_structure(tf.convert_to_tensor, inputs)
        # Called directly, TensorFlow warns of tracing: each call here is of another model or loss.
        value, gradients = differentiate.get_concrete_function(inputs)(inputs)
    names = state_names(layer)
    return GradientsOverTime(
        layer.name,
        {name: gradient.numpy() for name, gradient in zip(names, gradients, strict=True)},
        float(value),
    )
