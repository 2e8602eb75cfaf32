"""Measures the product of Jacobians, the gradient of the last step's state over the steps back.

    dL/dh(t) = dL/dh(T) · Π_(j = t+1 ... T) dh(j)/dh(j-1)

and, with β_W the largest singular value of W and β_h the largest slope of the activation function,

    ‖dL/dh(t)‖ ≤ (β_W β_h)^(T-t) ‖dL/dh(T)‖      (Pascanu, Mikolov and Bengio 2013; the slides of 000)
"""

from dataclasses import dataclass

import keras
import numpy as np

import rnn_kit
from rnn_kit.inspection import gradient_function

RADII = (0.8, 1.0, 1.2)  # spectral radii of W
ACTIVATIONS = ("linear", "tanh", "relu")  # each of a slope of at most 1, so that β_h is 1
STARTS = {  # initial recurrent weights, as listed on slide 004 "Initialization of the weights"
    "Glorot": lambda n, rng: rng.uniform(-1, 1, (n, n)) * np.sqrt(3 / n),  # variance 2 / (n + n)
    "1/n": lambda n, rng: rng.normal(0, 1 / np.sqrt(n), (n, n)),
    "orthogonal": lambda n, rng: np.linalg.qr(rng.normal(size=(n, n)))[0],
    "identity": lambda n, rng: np.eye(n),
}
DRIVE = 0.5  # standard deviation of the inputs, if any
GATED = {  # an untrained gated layer forgets by the bias of the gate that keeps the state
    "LSTM, forget bias 0": ("lstm", 0.0),
    "LSTM, forget bias 1": ("lstm", 1.0),
    "LSTM, forget bias 4": ("lstm", 4.0),
    "GRU, update bias 0": ("gru", 0.0),
    "GRU, update bias 4": ("gru", 4.0),
}


@dataclass(frozen=True)
class Fading:
    """Norms of dL/ds(t) relative to that at the last step; s is h, or h and c of an LSTM together.

    Attributes:
        norms: `(N, T)`, of N gradients; column t - 1 is step t.
        bound: `(N, T)`, upper bounds of the norms, or `None`.
    """

    norms: np.ndarray
    bound: np.ndarray | None = None

    @property
    def median(self):
        """The median norms `(T,)`, k steps back at index k."""
        return np.median(self.norms, axis=0)[::-1]

    def quantile(self, q):
        return np.quantile(self.norms, q, axis=0)[::-1]

    def steps_to(self, share):
        """Returns the first step back at which the median norm is below a share, or `None`."""
        below = np.flatnonzero(self.median < share)
        return int(below[0]) if len(below) else None


def with_radius(n, radius, rng):
    """Returns a normal random matrix `(n, n)` of a spectral radius: the largest absolute eigenvalue."""
    weights = rng.normal(size=(n, n))
    return weights * radius / np.abs(np.linalg.eigvals(weights)).max()


class Networks:
    """One-layer networks whose gradients are measured, each compiled once for all its weights.

    Args:
        settings: `steps`, `units`, `networks` (drawn for each curve), and `rows` (random states and
            directions for each network).
        rng: Generator of all random draws.
    """

    def __init__(self, settings, rng):
        self.settings, self.rng = settings, rng
        self._compiled = {}

    def plain(self, activation, matrices, inputs=0.0):
        """Returns `Fading` of h(t) = f(W h(t-1) + x(t)) from random states, for each matrix W in turn.

        Args:
            activation: f.
            matrices: W's, `(units, units)` each, to the left of h; Keras's kernels stand to its right,
                and are their transposes.
            inputs: Standard deviation of the x(t).
        """
        steps, rows = self.settings.steps, self.settings.rows
        layer = self._layer(activation)
        norms, bounds = [], []
        for matrix in matrices:
            layer.cell.recurrent_kernel.assign(matrix.T)
            norms.append(self._measure(activation, inputs))
            largest = np.linalg.svd(matrix, compute_uv=False)[0]
            bounds.append(np.tile(largest ** np.arange(steps)[::-1], (rows, 1)))
        return Fading(np.concatenate(norms), np.concatenate(bounds))

    def gated(self, kind, bias):
        """Returns `Fading` of an LSTM or a GRU with Keras's initial weights and the given gate bias.

        Args:
            kind: "lstm" or "gru".
            bias: Bias of the gate that keeps the state: the forget gate, or the update gate.
        """
        cell = self._layer(kind).cell
        n = self.settings.units
        keeps = (
            np.s_[n : 2 * n] if kind == "lstm" else np.s_[0, :n]
        )  # gates in the order i, f, c, o; z, r, h
        norms = []
        for _ in range(self.settings.networks):
            seed = int(self.rng.integers(2**31))
            start = keras.initializers.Orthogonal(seed=seed)(cell.recurrent_kernel.shape, "float64")
            cell.recurrent_kernel.assign(start)
            biases = np.zeros(cell.bias.shape)
            biases[keeps] = bias
            cell.bias.assign(biases)
            norms.append(self._measure(kind))
        return Fading(np.concatenate(norms))

    def _layer(self, kind):
        if kind not in self._compiled:
            n, steps = self.settings.units, self.settings.steps
            same = {"kernel_initializer": "identity", "dtype": "float64", "return_sequences": True}
            if kind == "lstm":
                layer = keras.layers.LSTM(n, **same)
            elif kind == "gru":
                layer = rnn_kit.layers.GRU(n, **same)
            else:
                layer = keras.layers.SimpleRNN(n, kind, **same)
            x = keras.Input((steps, n), dtype="float64")
            states = [keras.Input((n,), dtype="float64") for _ in range(1 + (kind == "lstm"))]
            model = keras.Model([x, *states], layer(x, initial_state=states))
            # L = u · h(T), u a random direction a row
            compiled = gradient_function(model, lambda h, u: keras.ops.sum(h[:, -1] * u))
            self._compiled[kind] = layer, len(states), compiled
        return self._compiled[kind][0]

    def _measure(self, kind, inputs=0.0):
        """Returns ‖dL/ds(t)‖ / ‖dL/ds(T)‖, `(rows, T)`."""
        rows, steps, n = self.settings.rows, self.settings.steps, self.settings.units
        _, states, compiled = self._compiled[kind]
        x = inputs * self.rng.normal(size=(rows, steps, n))
        begin = [self.rng.normal(size=(rows, n)) for _ in range(states)]
        gradients = compiled([x, *begin], self.rng.normal(size=(rows, n)))
        norms = np.sqrt(sum(norm**2 for norm in gradients.norms.values()))
        return norms / norms[:, -1:]

    def draw(self, draw):
        """Returns as many matrices as each curve has, each from `draw(n, rng)`."""
        return [draw(self.settings.units, self.rng) for _ in range(self.settings.networks)]


def spectral_radii(networks):
    """Returns names to `Fading`s: by activation and spectral radius, and by gated layer."""
    fadings = {}
    for activation in ACTIVATIONS:
        for radius in RADII:
            matrices = networks.draw(lambda n, rng, radius=radius: with_radius(n, radius, rng))
            fadings[f"{activation} {radius}"] = networks.plain(activation, matrices)
    return fadings | {name: networks.gated(*of) for name, of in GATED.items()}


def starts(networks):
    """Returns names to `Fading`s: by activation and initial recurrent weights, with random inputs."""
    return {
        f"{activation} {name}": networks.plain(activation, networks.draw(draw), inputs=DRIVE)
        for activation in ("tanh", "relu")
        for name, draw in STARTS.items()
    }


def largest_share_of_bound(fadings):
    """Returns the largest ratio of a norm to its bound: at most 1 if the bound holds."""
    return max(float((f.norms / f.bound).max()) for f in fadings.values() if f.bound is not None)
