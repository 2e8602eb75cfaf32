"""The layers' forms and options that the oracle and reduction tests go through."""

import itertools
from functools import partial

import keras
import numpy as np
from oracles import gru_step, lstm_step

from rnn_kit.layers import GRU, GRUCell, PeepholeLSTM, PeepholeLSTMCell

B, T, F, UNITS = 4, 5, 3, 2

# Off TensorFlow, Keras 3 computes layers of dtype float64 in float32. The proof is TensorFlow's; the
# other backends run the same code, and are held to float32's precision.
if keras.backend.backend() == "tensorflow":
    DTYPE = "float64"
    EXACT = {"rtol": 1e-10, "atol": 1e-12}
    GRADIENT = {"rtol": 1e-6, "atol": 1e-7}
else:
    DTYPE = "float32"
    EXACT = {"rtol": 1e-5, "atol": 2e-6}
    GRADIENT = {"rtol": 1e-3, "atol": 1e-4}

# name: (layer class, cell class, arguments of the form, the oracle's step, number of states)
FORMS = {"lstm": (PeepholeLSTM, PeepholeLSTMCell, {}, lstm_step, 2)}
for _reset, _update in itertools.product(("after", "before", None), ("keep", "write")):
    _form = {"reset_gate": _reset, "update_gate": _update}
    FORMS[f"gru-{_reset}-{_update}"] = (GRU, GRUCell, _form, partial(gru_step, **_form), 1)

MASKS = {
    "none": None,
    "full": np.ones((B, T), bool),
    "right": np.arange(T) < np.array([[5], [3], [1], [4]]),
    "left": np.arange(T) >= np.array([[0], [2], [4], [1]]),
    "holes": np.array([[1, 0, 1, 0, 1], [0, 1, 1, 0, 0], [1, 1, 1, 1, 0], [0, 0, 1, 0, 1]], bool),
    "empty-row": np.array([[1] * T, [0] * T, [1, 1, 0, 0, 0], [0, 0, 0, 1, 1]], bool),
}

# A row's mask is its own, so that one batch holds the rows of every mask.
EVERY_MASK = np.concatenate([mask for mask in MASKS.values() if mask is not None])

# What changes the equations: a cell's arguments.
CELL_OPTIONS = {
    "default": {},
    "no-bias": {"use_bias": False},
    "relu-hard_sigmoid": {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
    "softsign": {"activation": "softsign"},
}
LSTM_OPTIONS = {
    "identity-output": {"output_activation": None},
    "relu-output": {"output_activation": "relu"},
    "closed-forget-bias": {"unit_forget_bias": False},
}


def sequences():
    """Form, masked, go_backwards, zero_output_for_mask, unroll: every combination on TensorFlow.

    The other backends, which compile each one for a second, run Keras's loop over the same cells: there
    every direction is tried with three forms, and the unrolled loop with masks alone.
    """
    both = (False, True)
    every = list(itertools.product(FORMS, both, both, both, both))
    if keras.backend.backend() == "tensorflow":
        return every
    few = ("lstm", "gru-after-keep", "gru-None-write")
    return [s for s in every if s[0] in few and (not s[4] or s[1])]


def options_of(form):
    return {**CELL_OPTIONS, **(LSTM_OPTIONS if form == "lstm" else {})}


def oracle_step(form, weights, options):
    """The oracle's step of a form with a cell's options, `step(x, states)`."""
    names = ("activation", "recurrent_activation", "output_activation")
    chosen = {name: options[name] for name in names if name in options}
    step = FORMS[form][3]
    return lambda x, states: step(x, states, weights, **chosen)


def build(form, rng, dtype=DTYPE, shape=(B, T, F), **kwargs):
    """A layer of a form with random weights (all of them: biases and peepholes too)."""
    layer_class, _, form_kwargs, _, _ = FORMS[form]
    layer = layer_class(UNITS, dtype=dtype, **form_kwargs, **kwargs)
    layer.build(shape)
    randomize(layer, rng)
    return layer


def randomize(layer, rng):
    layer.set_weights([rng.normal(0, 0.6, w.shape) for w in layer.get_weights()])


def random_states(form, rng, batch=B):
    return [rng.normal(0, 0.8, (batch, UNITS)) for _ in range(FORMS[form][4])]


def to_numpy(x):
    return keras.tree.map_structure(keras.ops.convert_to_numpy, x)
