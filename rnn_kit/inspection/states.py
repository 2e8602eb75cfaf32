"""The states of a recurrent layer over time."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from keras import ops

from rnn_kit.guards import TRACING_LOCK
from rnn_kit.inspection.finding import find_layer, state_names
from rnn_kit.inspection.gates import gates_over_time
from rnn_kit.inspection.recording import only_call, record_calls, state_preserved


@dataclass(frozen=True)
class StatesOverTime:
    """The states and gates of a recurrent layer while its model read.

    Attributes:
        layer: The layer's name.
        states: Names to `(B, T, units)` arrays: "h"; of an LSTM "h" and "c"; of other cells with
            several states "s0", "s1" ... Position t holds the state after reading t. A masked
            position holds the state of the last unmasked one.
        gates: Names to `(B, T, units)` arrays: "input", "forget", "output", or "update", "reset". NaN
            at masked positions.
        outputs: The model's outputs, not the layer's.
    """

    layer: str
    states: dict
    gates: dict
    outputs: np.ndarray


def states_over_time(model, inputs, layer=None):
    """Reads `inputs` with a model, and returns the states of a recurrent layer after every step.

        h_t, c_t = cell(x_t, h_(t-1), c_(t-1))      t = 1 ... T

    Args:
        model: A Keras model with a recurrent layer: of Keras, of this kit, or `keras.layers.RNN` with
            a cell of yours, possibly nested (in a `Bidirectional`, for instance). Its weights and
            carried states are not changed; dropout is off.
        inputs: The model's inputs, with batch and time: ids `(B, T)`, features `(B, T, F)`, a dict.
        layer: The layer, its name, or its index among `recurrent_layers(model)`. Default: the only one.

    Returns:
        `StatesOverTime`. For a layer with `go_backwards`, time is the input's.

    Raises:
        ValueError: if there is no such layer, or several to choose from; if it is called more than
            once, or has a `call` of its own.

    Example:

    >>> from rnn_kit.inspection import states_over_time
    >>> model = keras.Sequential([
    ...     keras.layers.Embedding(5, 4), keras.layers.LSTM(3), keras.layers.Dense(1)])
    >>> seen = states_over_time(model, np.array([[1, 2, 3, 4]]))
    >>> {name: state.shape for name, state in seen.states.items()}
    {'h': (1, 4, 3), 'c': (1, 4, 3)}
    >>> sorted(seen.gates), seen.outputs.shape
    (['forget', 'input', 'output'], (1, 1))
    """
    layer = find_layer(model, layer)

    # As a graph: stepping through 10,000 characters from Python takes minutes.
    @tf.function(autograph=False)
    def read(inputs):
        with record_calls(layer) as calls:
            outputs = model(inputs, training=False)
        call = only_call(layer, calls)
        before = [
            _states_before(after, initial, layer.go_backwards)
            for after, initial in zip(call.states, call.initial, strict=True)
        ]
        gates = gates_over_time(layer.cell, call.inputs, before, call.states)
        if call.mask is not None:
            counts = ops.expand_dims(call.mask, -1)
            gates = {name: ops.where(counts, gate, np.nan) for name, gate in gates.items()}
        return outputs, call.states, gates

    with TRACING_LOCK, state_preserved(model):
        inputs = tf.nest.map_structure(tf.convert_to_tensor, inputs)
        # A direct call makes TensorFlow warn of retracing, since each call here is for another model.
        outputs, states, gates = read.get_concrete_function(inputs)(inputs)
    return StatesOverTime(
        layer.name,
        {name: _array(state) for name, state in zip(state_names(layer), states, strict=True)},
        {name: _array(gate) for name, gate in gates.items()},
        tf.nest.map_structure(_array, outputs),
    )


def _states_before(after, initial, go_backwards):
    """Returns the states before each step, from those after it and the initial ones."""
    initial = ops.expand_dims(initial, 1)
    if go_backwards:
        return ops.concatenate([after[:, 1:], initial], axis=1)
    return ops.concatenate([initial, after[:, :-1]], axis=1)


def _array(tensor):
    array = tensor.numpy()
    return array if array.dtype in ("float32", "float64") else array.astype("float32")
