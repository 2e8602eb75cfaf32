"""A task that needs a memory, two networks for it, and their sensitivity to the input at step 1.

Every step inputs a number. The network must store the first and output it whenever it is asked for; at
all other steps the answer is 0:

    x(t) = (v(t), [t = 1], asked(t)),   y(t) = v(1) if asked(t), else 0

The sensitivity of a network at t to the number at step 1 is ∂(·)(t)/∂v(1): the shading of Graves's
figures 4.1 and 4.4, shown in the slides of 000 and 001 ("Vanishing gradient problem", "Preservation
of gradient information by LSTM").
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from rnn_kit.inspection import states_over_time

NETWORKS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM}
ASKING = 0.15  # the probability of asking at a step


def sequences(steps, batch_size, seed, first_batch=0):
    """Returns endless batches of the task, batch k drawn from (seed, k), from `first_batch` on.

    Returns:
        A `tf.data.Dataset` of x `(B, T, 3)` and the two networks' targets, y `(B, T, 1)` twice.
    """

    seed = tf.constant(seed, tf.int64)

    def draw(number):
        drawn = tf.random.stateless_uniform((2, batch_size, steps), [seed, number])
        v = 2 * drawn[0] - 1
        at = tf.broadcast_to(tf.range(steps), v.shape)
        asked = ((drawn[1] < ASKING) | (at == steps - 1)) & (at > 0)
        x = tf.stack([v, tf.cast(at == 0, tf.float32), tf.cast(asked, tf.float32)], axis=-1)
        y = tf.where(asked, v[:, :1], 0.0)[..., None]
        return x, dict.fromkeys(NETWORKS, y)

    return tf.data.Dataset.counter(first_batch).map(draw, tf.data.AUTOTUNE).prefetch(2)


def build_model(units):
    """Builds both networks in one model. They share nothing, so each learns as if alone."""
    x = keras.Input((None, 3))
    outputs = {}
    for name, kind in NETWORKS.items():
        h = kind(units, return_sequences=True, name=f"{name}_layer")(x)
        outputs[name] = keras.layers.Dense(1, name=name)(h)
    return keras.Model(x, outputs, name="memory")


@dataclass(frozen=True)
class Sensitivity:
    """Derivatives with respect to the number at step 1.

    Attributes:
        hidden: `(T, units)`, of the state: c of an LSTM, else h.
        output: `(T,)`, of the output.
        gates: Names to `(T, units)` arrays of activations; empty for a plain RNN.
        asked: `(T,)`, whether the number was asked for.
    """

    hidden: np.ndarray
    output: np.ndarray
    gates: dict
    asked: np.ndarray


def sensitivity(model, name, steps, asked_at, seed, step=0.05):
    """Computes ∂/∂v(1) by central differences on one sequence that asks at the given steps, from 1."""
    rng = np.random.default_rng([seed, 7])
    x = np.zeros((2, steps, 3), "float32")
    x[:, :, 0] = rng.uniform(-1, 1, steps)
    x[:, 0, :2] = [[0.3 - step, 1], [0.3 + step, 1]]
    x[:, [t - 1 for t in asked_at], 2] = 1
    seen = states_over_time(model, x, f"{name}_layer")
    state = seen.states["c" if "c" in seen.states else "h"]
    output = seen.outputs[name][..., 0]
    return Sensitivity(
        (state[1] - state[0]) / (2 * step),
        (output[1] - output[0]) / (2 * step),
        {gate: values.mean(axis=0) for gate, values in seen.gates.items()},
        x[0, :, 2] > 0,
    )
