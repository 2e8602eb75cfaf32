"""Compares gradients of the same networks in NumPy and in Keras, with the same weights."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

import rnn_kit
from parts.hello_characters import backpropagation


@dataclass(frozen=True)
class Difference:
    """The difference between two gradients of one parameter.

    Attributes:
        network, parameter: Names.
        shape: The parameter's shape on the slides.
        largest: The largest absolute value of its gradient.
        difference: The largest absolute difference between NumPy's gradient and TensorFlow's.
    """

    network: str
    parameter: str
    shape: tuple
    largest: float
    difference: float


def compare(x, targets, units, rng):
    """Computes all networks' gradients both ways, from random weights and non-zero initial states.

    Args:
        x: `(T, V)`, one-hot.
        targets: `(T,)` ids.
        units: n.
        rng: Generator of the weights and states.

    Returns:
        A list of `Difference`s; that of the losses has the parameter "L".
    """
    rows = []
    for network, (numpy_side, keras_side, shapes) in NETWORKS.items():
        p = {
            name: rng.normal(scale=0.7, size=shape) for name, shape in shapes(units, x.shape[1]).items()
        }
        if network == "LSTM without peepholes":
            p["w_c"][:] = 0
        loss, _, ours = numpy_side(p, x, targets)
        their_loss, theirs = keras_side(p, x, targets)
        rows.append(Difference(network, "L", (), float(loss), abs(float(loss) - float(their_loss))))
        for name, gradient in theirs.items():
            if name == "w_c" and network == "LSTM without peepholes":
                continue  # the peepholes, which are zero and not learned
            difference = np.abs(ours[name] - gradient).max()
            rows.append(
                Difference(
                    network, name, p[name].shape, float(np.abs(gradient).max()), float(difference)
                )
            )
    return rows


def table(rows):
    """Returns lines: network, parameter, shape, its gradient, and the difference."""
    lines = [
        f"{'network':24}{'parameter':11}{'shape':10}{'gradient up to':>14}  NumPy and TensorFlow differ"
    ]
    for before, row in zip([None, *rows], rows, strict=False):
        network = row.network if before is None or before.network != row.network else ""
        shape = " x ".join(map(str, row.shape))
        what = "loss L" if row.parameter == "L" else row.parameter
        lines.append(
            f"{network:24}{what:11}{shape:10}{row.largest:14.4f}  by up to {row.difference:.1e}"
        )
    return "\n".join(lines)


def gates_fixed(x, units, rng):
    """Measures how far a plain RNN is from an LSTM with fixed gates i = 1, f = 0, o = 1.

        c_t = f c_(t-1) + i tanh(a_t) = tanh(a_t),    h_t = o c_t = tanh(a_t)

    as in the plain RNN; or h_t = o tanh(c_t), if the LSTM keeps its second tanh. From the lecture after
    Graves (001), "LSTM Gating", which says that this "almost" gives a standard RNN.

    Args:
        x: `(T, V)`.
        units: n.
        rng: Generator of the weights.

    Returns:
        The largest differences of the two networks' states h, without the second tanh and with it.
    """
    p = {
        name: rng.normal(scale=0.7, size=shape)
        for name, shape in _layer_shapes(units, x.shape[1]).items()
    }
    plain = backpropagation.states(p["W_hh"], p["W_hx"], p["b"], x, p["h_0"])[1:]
    h_0, differences = p["h_0"][None], []
    for activation in ("linear", "tanh"):
        lstm = rnn_kit.layers.PeepholeLSTM(
            units, output_activation=activation, return_sequences=True, dtype="float64"
        )
        lstm.build((1, *x.shape))
        open_, shut = np.full(units, 100.0), np.full(units, -100.0)  # σ of them is 1, and 4e-44
        blocks = {
            "W_x": [0 * p["W_hx"], 0 * p["W_hx"], p["W_hx"], 0 * p["W_hx"]],  # gates i, f, c, o
            "W_h": [0 * p["W_hh"], 0 * p["W_hh"], p["W_hh"], 0 * p["W_hh"]],
            "w_c": [np.zeros((units, 3))],
            "b": [open_, shut, p["b"], open_],
        }
        _assign(lstm, {name: np.concatenate(of) for name, of in blocks.items()})
        h = lstm(x[None], initial_state=[h_0, rng.normal(size=h_0.shape)]).numpy()
        differences.append(float(np.abs(h[0] - plain).max()))
    return tuple(differences)


# --- the networks in Keras, their weights set from the slides' matrices ------------------------------


def _layer_shapes(n, v, mark=""):
    shapes = {"W_hh": (n, n), "W_hx": (n, v), "b": (n,), "h_0": (n,)}
    return {mark + name: shape for name, shape in shapes.items()}


def _plain(p, x, targets):
    layer = keras.layers.SimpleRNN(len(p["b"]), return_sequences=True, dtype="float64")
    layer.build((1, *x.shape))
    W_hy = tf.Variable(p["W_hy"].T)
    of_layer = _assign(layer, {"W_hx": p["W_hx"], "W_hh": p["W_hh"], "b": p["b"]})
    h_0 = tf.Variable(p["h_0"][None])

    def scores():
        return layer(x[None], initial_state=h_0)[0] @ W_hy

    return _gradients(scores, targets, {**of_layer, "W_hy": W_hy, "h_0": h_0})


def _bidirectional(p, x, targets):
    n = len(p["→b"])
    both = keras.layers.Bidirectional(
        keras.layers.SimpleRNN(n, return_sequences=True, dtype="float64"), dtype="float64"
    )
    both.build((1, *x.shape))
    variables, states = {}, []
    for mark, layer in (("→", both.forward_layer), ("←", both.backward_layer)):
        weights = {f"{mark}{name}": p[f"{mark}{name}"] for name in ("W_hx", "W_hh", "b")}
        variables |= _assign(layer, weights)
        variables[f"{mark}h_0"] = tf.Variable(p[f"{mark}h_0"][None])
        states.append(variables[f"{mark}h_0"])
    U, c = tf.Variable(p["U"].T), tf.Variable(p["c"])

    def scores():
        return both(x[None], initial_state=states)[0] @ U + c

    return _gradients(scores, targets, {**variables, "U": U, "c": c})


def _lstm(p, x, targets):
    n = len(p["h_0"])
    layer = rnn_kit.layers.PeepholeLSTM(n, return_sequences=True, dtype="float64")
    layer.build((1, *x.shape))
    weights = {"W_x": p["W_x"], "W_h": p["W_h"], "w_c": p["w_c"].T, "b": p["b"]}
    variables = _assign(layer, weights)
    W_hy = tf.Variable(p["W_hy"].T)
    states = {name: tf.Variable(p[name][None]) for name in ("h_0", "c_0")}

    def scores():
        return layer(x[None], initial_state=list(states.values()))[0] @ W_hy

    loss, gradients = _gradients(scores, targets, {**variables, "W_hy": W_hy, **states})
    return loss, {**gradients, "w_c": gradients["w_c"].T}  # already in the kit's rows


def _assign(layer, weights):
    """Sets a layer's weights, transposed as they stand to the right of what they multiply."""
    variables = dict(zip(weights, layer.cell.weights, strict=True))
    for name, value in weights.items():
        variables[name].assign(value.T)
    return {name: variable.value for name, variable in variables.items()}


def _gradients(scores, targets, variables):
    """Returns the loss and its gradients in TensorFlow, transposed to the slides' shapes."""
    with tf.GradientTape() as tape:
        nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, scores())
        loss = tf.reduce_mean(nats)
    gradients = tape.gradient(loss, variables)
    states = ("h_0", "c_0", "→h_0", "←h_0")
    return loss, {
        name: gradient.numpy()[0] if name in states else gradient.numpy().T
        for name, gradient in gradients.items()
    }


def _lstm_shapes(n, v):
    return {
        **{"W_x": (4 * n, v), "W_h": (4 * n, n), "b": (4 * n,), "w_c": (3, n), "W_hy": (v, n)},
        **{"h_0": (n,), "c_0": (n,)},
    }


def _plain_rnn_shapes(n, v):
    return {**_layer_shapes(n, v), "W_hy": (v, n)}


def _bidirectional_shapes(n, v):
    return {**_layer_shapes(n, v, "→"), **_layer_shapes(n, v, "←"), "U": (v, 2 * n), "c": (v,)}


NETWORKS = {  # in NumPy, in Keras, shapes of the parameters
    "plain RNN": (backpropagation.plain, _plain, _plain_rnn_shapes),
    "bidirectional": (backpropagation.bidirectional, _bidirectional, _bidirectional_shapes),
    "LSTM without peepholes": (backpropagation.lstm, _lstm, _lstm_shapes),
    "LSTM with peepholes": (backpropagation.lstm, _lstm, _lstm_shapes),
}
