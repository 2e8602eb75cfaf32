"""Descends the error surface of a network of one unit, with and without gradient clipping.

    h(0) = 1/2,   h(t) = σ(w h(t-1) + b),   E(w, b) = (h(50) - 0.7)²

After the error surface of a network of one hidden unit in Pascanu, Mikolov and Bengio 2013, shown in
the slides of Jian Li (000) and Tollef Jahren (004).
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

STEPS, TARGET, START = 50, 0.7, 0.5
BEGIN = 4.6, -2.0  # w and b where descent begins, above the foot of the wall
RATE, THRESHOLD = 0.5, 1.0


@dataclass(frozen=True)
class Path:
    """A descent on the error surface.

    Attributes:
        points: `(S + 1, 2)`, w and b before each step and after the last.
        errors: `(S + 1,)`, E at the points.
        norms: `(S,)`, the gradient's norm at each step, before any clipping.
    """

    points: np.ndarray
    errors: np.ndarray
    norms: np.ndarray


def unit():
    """Builds the network: a `SimpleRNN` of one sigmoid unit, whose inputs have no effect."""
    # In float32, the descent beyond the wall would depend on rounding.
    x, h_0 = keras.Input((STEPS, 1), dtype="float64"), keras.Input((1,), dtype="float64")
    layer = keras.layers.SimpleRNN(
        1, "sigmoid", kernel_initializer="zeros", dtype="float64", name="unit"
    )
    return keras.Model([x, h_0], layer(x, initial_state=h_0))


def _error(model):
    h = model([tf.zeros((1, STEPS, 1), "float64"), tf.constant([[START]], "float64")])
    return tf.square(h[0, 0] - TARGET)


def descend(steps, rule="none"):
    """Runs gradient descent on the network's two weights.

    Args:
        steps: S.
        rule: "none"; "norm", the slides' algorithm: a gradient g with ‖g‖ above the threshold becomes
            threshold / ‖g‖ · g; or "squared", slide 003's snippet, which takes Σ g² for ‖g‖.

    Returns:
        `Path`.
    """
    model = unit()
    cell = model.get_layer("unit").cell
    w, b = cell.recurrent_kernel, cell.bias
    w.assign([[BEGIN[0]]])
    b.assign([BEGIN[1]])
    clip = {"global_clipnorm": THRESHOLD} if rule == "norm" else {}
    optimizer = keras.optimizers.SGD(RATE, **clip)
    optimizer.build([w, b])

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            error = _error(model)
        gradients = tape.gradient(error, [w.value, b.value])
        norm = tf.linalg.global_norm(gradients)
        if rule == "squared":
            scale = tf.where(norm**2 > THRESHOLD, THRESHOLD / norm**2, tf.ones_like(norm))
            gradients = [scale * gradient for gradient in gradients]
        optimizer.apply(gradients, [w, b])
        return error, norm

    points, errors, norms = [BEGIN], [], []
    for _ in range(steps):
        error, norm = step()
        points.append((float(w.numpy()[0, 0]), float(b.numpy()[0])))
        errors.append(float(error))
        norms.append(float(norm))
    errors.append(float(_error(model)))
    return Path(np.array(points), np.array(errors), np.array(norms))


def surface(w, b):
    """Returns E on a grid, `(len(b), len(w))`, computing the network for all points in parallel."""
    w, b = np.meshgrid(w, b)
    h = np.full(w.shape, START)
    for _ in range(STEPS):
        h = 1 / (1 + np.exp(-(w * h + b)))
    return (h - TARGET) ** 2
