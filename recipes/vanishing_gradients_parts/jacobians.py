"""How the gradient of the last step's state fares on its way back: the product of Jacobians, measured.

    dL/dh(t) = dL/dh(T) · Π_(j = t+1 ... T) dh(j)/dh(j-1)

and, with β_W the largest singular value of W and β_h the largest slope of the activation function,

    ‖dL/dh(t)‖ ≤ (β_W β_h)^(T-t) ‖dL/dh(T)‖      (Pascanu, Mikolov and Bengio 2013; the slides of 000)
"""

from dataclasses import dataclass

import keras
import numpy as np

import rnn_kit
from rnn_kit.inspection import gradients_over_time

RADII = (0.8, 1.0, 1.2)  # spectral radii of W
ACTIVATIONS = ("linear", "tanh", "relu")  # each of a slope of at most 1, so that β_h is 1
STARTS = {  # of the recurrent weights, as slide 004 "Initialization of the weights" lists them
    "Glorot": lambda n, rng: rng.uniform(-1, 1, (n, n)) * np.sqrt(3 / n),  # variance 2 / (n + n)
    "1/n": lambda n, rng: rng.normal(0, 1 / np.sqrt(n), (n, n)),
    "orthogonal": lambda n, rng: np.linalg.qr(rng.normal(size=(n, n)))[0],
    "identity": lambda n, rng: np.eye(n),
}
GATED = {  # what a gated layer forgets at its start depends on the bias of the gate that keeps
    "LSTM, forget bias 0": ("lstm", 0.0),
    "LSTM, forget bias 1": ("lstm", 1.0),
    "LSTM, forget bias 4": ("lstm", 4.0),
    "GRU, update bias 0": ("gru", 0.0),
    "GRU, update bias 4": ("gru", 4.0),
}


@dataclass(frozen=True)
class Fading:
    """Norms of dL/ds(t), relative to that at the last step; s is h, or h and c of an LSTM as one.

    Attributes:
        norms: `(N, T)`, of N gradients; column t - 1 is step t.
        bound: `(N, T)`, what they cannot exceed; or `None`.
    """

    norms: np.ndarray
    bound: np.ndarray | None = None

    @property
    def median(self):
        """`(T,)`, k steps back at index k."""
        return np.median(self.norms, axis=0)[::-1]

    def quantile(self, q):
        return np.quantile(self.norms, q, axis=0)[::-1]

    def steps_to(self, share):
        """How many steps back the median gradient first is below a share of what it was; or `None`."""
        below = np.flatnonzero(self.median < share)
        return int(below[0]) if len(below) else None


def with_radius(n, radius, rng):
    """A normal random matrix `(n, n)` of a spectral radius: the largest absolute eigenvalue."""
    weights = rng.normal(size=(n, n))
    return weights * radius / np.abs(np.linalg.eigvals(weights)).max()


def plain(settings, activation, matrices, rng, inputs=0.0):
    """A plain RNN h(t) = f(W h(t-1) + V x(t)), from random states, with one matrix W after the other.

    Args:
        settings: `steps`, `units` and `rows`, the gradients a matrix.
        activation: f.
        matrices: W's, `(units, units)` each: h(t) = f(W h(t-1)), so that Keras's kernel is W^T.
        rng: Of the states, the inputs and the gradients at the last step.
        inputs: Standard deviation of V x(t).
    """
    n, steps, rows = settings.units, settings.steps, settings.rows
    x = keras.Input((steps, n), dtype="float64")
    h_0 = keras.Input((n,), dtype="float64")
    layer = keras.layers.SimpleRNN(
        n, activation, kernel_initializer="identity", dtype="float64", return_sequences=True
    )
    model = keras.Model([x, h_0], layer(x, initial_state=h_0))
    norms, bounds = [], []
    for matrix in matrices:
        layer.cell.recurrent_kernel.assign(matrix.T)
        driven = inputs * rng.normal(size=(rows, steps, n))
        norms.append(_last_step(model, [driven, _states(rng, rows, n)], rng))
        largest = np.linalg.svd(matrix, compute_uv=False)[0]
        bounds.append(np.tile(largest ** np.arange(steps)[::-1], (rows, 1)))
    return Fading(np.concatenate(norms), np.concatenate(bounds))


def gated(settings, kind, bias, rng, networks):
    """A gated layer from random states, with Keras's start but for the bias of the gate that keeps."""
    n, steps, rows = settings.units, settings.steps, settings.rows
    make = {"lstm": keras.layers.LSTM, "gru": rnn_kit.layers.GRU}[kind]
    states = [keras.Input((n,), dtype="float64") for _ in range(2 if kind == "lstm" else 1)]
    x = keras.Input((steps, n), dtype="float64")
    norms = []
    for _ in range(networks):
        seeds = [int(s) for s in rng.integers(2**31, size=2)]
        layer = make(
            n,
            kernel_initializer=keras.initializers.GlorotUniform(seeds[0]),
            recurrent_initializer=keras.initializers.Orthogonal(seed=seeds[1]),
            dtype="float64",
            return_sequences=True,
        )
        model = keras.Model([x, *states], layer(x, initial_state=states))
        _set_bias(layer.cell, kind, bias)
        values = [np.zeros((rows, steps, n)), *(_states(rng, rows, n) for _ in states)]
        norms.append(_last_step(model, values, rng))
    return Fading(np.concatenate(norms))


def _set_bias(cell, kind, bias):
    """Of the LSTM's forget gate (its second block), or of the GRU's update gate (its first)."""
    values = cell.bias.numpy()
    if kind == "lstm":
        values[cell.units : 2 * cell.units] = bias
    else:
        values[0, : cell.units] = bias
    cell.bias.assign(values)


def _states(rng, rows, n):
    return rng.normal(size=(rows, n))


def _last_step(model, inputs, rng):
    """‖dL/ds(t)‖ / ‖dL/ds(T)‖ for losses L = u · h(T), u a random direction a row."""
    rows, n = inputs[1].shape
    directions = rng.normal(size=(rows, n))
    gradients = gradients_over_time(
        model, inputs, lambda outputs: keras.ops.sum(outputs[:, -1] * directions)
    )
    norms = np.sqrt(sum(norm**2 for norm in gradients.norms.values()))
    return norms / norms[:, -1:]


def spectral_radii(settings, rng):
    """Names to `Fading`s: activation and spectral radius; and the gated layers by their own names."""
    fadings = {}
    for activation in ACTIVATIONS:
        for radius in RADII:
            matrices = [with_radius(settings.units, radius, rng) for _ in range(settings.networks)]
            fadings[f"{activation} {radius}"] = plain(settings, activation, matrices, rng)
    for name, (kind, bias) in GATED.items():
        fadings[name] = gated(settings, kind, bias, rng, settings.networks)
    return fadings


def starts(settings, rng):
    """Names to `Fading`s: activation and start of the recurrent weights, with inputs that drive it."""
    fadings = {}
    for activation in ("tanh", "relu"):
        for name, draw in STARTS.items():
            matrices = [draw(settings.units, rng) for _ in range(settings.networks)]
            fadings[f"{activation} {name}"] = plain(settings, activation, matrices, rng, inputs=0.5)
    return fadings


def largest_share_of_bound(fadings):
    """The largest norm over its bound: at most 1, if the bound is one."""
    return max(float((f.norms / f.bound).max()) for f in fadings.values() if f.bound is not None)
