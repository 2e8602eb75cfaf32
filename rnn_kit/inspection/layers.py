"""Finding a model's recurrent layers, and stepping one of them in a loop of our own."""

import contextlib
import inspect
import threading
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops, tree

from rnn_kit._internals import flatten_layers, rnn_loop

_CALLS = {kind.call for kind in (keras.layers.RNN, keras.layers.LSTM, keras.layers.GRU)} | {
    keras.layers.SimpleRNN.call
}


def recurrent_layers(model):
    """Every recurrent layer of a model, in the order in which the model holds them.

    Args:
        model: A Keras model or layer. What it nests is searched too; a `Bidirectional` counts as the
            two layers in it, forward first.

    Returns:
        A list of `keras.layers.RNN`s, this kit's among them, but for `ConvLSTM`s, whose states are
        images.

    Example:

    >>> from rnn_kit.inspection import recurrent_layers
    >>> model = keras.Sequential([
    ...     keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True, name="lower")),
    ...     keras.layers.GRU(4, name="upper")])
    >>> [layer.name for layer in recurrent_layers(model)]
    ['forward_lower', 'backward_lower', 'upper']
    """
    if isinstance(model, keras.layers.RNN):
        return [] if hasattr(model.cell, "kernel_size") else [model]
    if isinstance(model, keras.layers.Bidirectional):
        inside = [model.forward_layer, model.backward_layer]
    else:
        inside = flatten_layers(model, recursive=False, include_self=False)
    found = [layer for child in inside for layer in recurrent_layers(child)]
    return list({id(layer): layer for layer in found}.values())  # a shared one once


def find_layer(model, layer):
    """The recurrent layer of a model that is meant: by itself, its name or its index; or the only one.

    Raises:
        ValueError: if the model has none, not that one, or more than one to choose from.
    """
    layers = recurrent_layers(model)
    names = ", ".join(f"{index}: '{found.name}'" for index, found in enumerate(layers))
    if not layers:
        raise ValueError(
            f"Model '{model.name}' has no recurrent layer (keras.layers.RNN or a subclass of it), so "
            "it has no states to look at."
        )
    if layer is None:
        if len(layers) > 1:
            raise ValueError(
                f"Model '{model.name}' has {len(layers)} recurrent layers ({names}): say which with "
                "`layer`."
            )
        return layers[0]
    if isinstance(layer, int) and -len(layers) <= layer < len(layers):
        return layers[layer]
    for found in layers:
        if found is layer or found.name == layer:
            return found
    wanted = getattr(layer, "name", layer)
    raise ValueError(f"Model '{model.name}' has no recurrent layer {wanted!r}. It has {names}.")


def state_names(layer):
    """Names of a layer's states: h; of an LSTM h and c; of another cell s0, s1 ..."""
    count = len(tree.flatten(layer.cell.state_size))
    if count == 1:
        return ["h"]
    return (
        ["h", "c"] if isinstance(layer.cell, keras.layers.LSTMCell) else [f"s{i}" for i in range(count)]
    )


@contextlib.contextmanager
def left_alone(model):
    """Puts back what a call of the model may change: carried states, seeds, statistics."""
    variables = list(model.non_trainable_variables)
    for layer in recurrent_layers(model):
        if layer.stateful:  # Keras does not count these among the model's
            variables += [v for v in tree.flatten(layer.states) if v is not None]
    before = [ops.convert_to_numpy(v) for v in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)


@dataclass
class Reading:
    """One call of a recurrent layer, with time as in its input, whatever the layer's direction.

    Attributes:
        inputs: `(B, T, F)`.
        initial: The states before the first step, each `(B, n)`.
        states: The states after every step, each `(B, T, n)`.
        changes: Zeros that were added to them, each `(B, T, n)`, if gradients are wanted.
        mask: `(B, T)`, or `None`.
    """

    inputs: object
    initial: list
    states: list
    changes: list
    mask: object = None


@contextlib.contextmanager
def stepped(layer, watch=None):
    """Within it, calls of `layer` step its cell one by one, and keep the states of every step.

    `inner_loop` is the seam between a recurrent layer and how it runs its cell. The loop that is put
    there runs the layer's own cell for inference, with the layer's own mask, direction and initial
    states, so that the model around it says what it always says.

    Args:
        layer: A `keras.layers.RNN`.
        watch: Is given every tensor of zeros that is then added to the states of a step, before
            anything reads them: a derivative with respect to it is one with respect to those states.

    Yields:
        A list to which every call of the layer adds its `Reading`.

    Raises:
        ValueError: if the layer has a `call` of its own, which may do anything with its cell.
    """
    if type(layer).call not in _CALLS:
        raise ValueError(
            f"Cannot look into '{layer.name}' ({type(layer).__name__}): its `call` is its own, so what "
            "it does with its cell is unknown."
        )
    readings, thread = [], threading.get_ident()
    cell = layer.cell
    takes_training = "training" in inspect.signature(cell.call).parameters
    inference = {"training": False} if takes_training else {}

    def inner_loop(sequences, initial_state, mask, training=False):
        if threading.get_ident() != thread:  # that trains the model, say
            return type(layer).inner_loop(layer, sequences, initial_state, mask, training)
        initial = tree.flatten(initial_state)
        sizes = [int(state.shape[-1]) for state in initial]
        batch, time = ops.shape(sequences)[:2]
        changes = [ops.zeros((batch, time, n), cell.compute_dtype) for n in sizes] if watch else []
        for change in changes:
            watch(change)
        features = sequences.shape[-1]

        def step(inputs, states):
            x, *change = _split(inputs, [features, *sizes] if changes else [features])
            output, new = cell(x, tree.pack_sequence_as(initial_state, list(states)), **inference)
            plain = tree.flatten(new)
            new = [s + d for s, d in zip(plain, change, strict=True)] if changes else plain
            # What an ordinary cell puts out is one of its states: now that state as it was changed.
            output = next((b for a, b in zip(plain, new, strict=True) if a is output), output)
            return ops.concatenate([output, *new], axis=-1), new

        _, every, final = rnn_loop(
            step,
            ops.concatenate([sequences, *changes], axis=-1),
            initial,
            go_backwards=layer.go_backwards,
            mask=mask,
            input_length=sequences.shape[1],
            return_all_outputs=True,
        )
        outputs, *states = _split(every, [every.shape[-1] - sum(sizes), *sizes])
        if mask is not None:
            in_time = ops.flip(mask, 1) if layer.go_backwards else mask
            outputs, states = _masked(outputs, states, initial, in_time, layer.zero_output_for_mask)
        in_order = [ops.flip(s, 1) for s in states] if layer.go_backwards else states
        readings.append(Reading(sequences, initial, in_order, changes, mask))
        return outputs[:, -1], outputs, tree.pack_sequence_as(initial_state, list(final))

    layer.inner_loop = inner_loop
    try:
        yield readings
    finally:
        del layer.inner_loop


def _split(x, sizes):
    ends = np.cumsum(sizes)[:-1].tolist()
    return ops.split(x, ends, axis=-1) if ends else [x]  # Keras 3.15 fails to split into one


def _masked(outputs, states, initial, mask, zero_output):
    """Puts masked steps right, where `rnn_loop` repeats the output before, and zeros at first."""
    begun = ops.expand_dims(ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0, -1)
    states = [
        ops.where(begun, s, ops.expand_dims(s0, 1)) for s, s0 in zip(states, initial, strict=True)
    ]
    if zero_output:
        outputs = ops.where(ops.expand_dims(mask, -1), outputs, ops.zeros_like(outputs))
    return outputs, states


def only_reading(layer, readings):
    """The reading of a layer that was called once.

    Raises:
        ValueError: if it was not called, or more than once.
    """
    if len(readings) != 1:
        raise ValueError(
            f"Layer '{layer.name}' is called {len(readings)} times where its model reads once, so its "
            "states over time are not one sequence."
        )
    return readings[0]
