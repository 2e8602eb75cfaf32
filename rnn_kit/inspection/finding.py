"""Finds a model's recurrent layers, and the names of their states."""

import keras
from keras import tree

from rnn_kit._internals import flatten_layers


def recurrent_layers(model):
    """Lists every recurrent layer of a model, in the model's order.

    Args:
        model: A Keras model or layer, possibly nested. For a `Bidirectional` its two layers are listed,
            forward first.

    Returns:
        A list of `keras.layers.RNN`s, including this kit's, without `ConvLSTM`s, whose states are
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
    """Finds a recurrent layer of a model.

    Args:
        model: A Keras model.
        layer: The layer, its name, or its index among `recurrent_layers(model)`. `None`: the only one.

    Raises:
        ValueError: if the model has no recurrent layer, not that one, or several for `None`.
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
    """Names a layer's states: "h"; of an LSTM "h", "c"; of other cells with several "s0", "s1" ..."""
    count = len(tree.flatten(layer.cell.state_size))
    if count == 1:
        return ["h"]
    if isinstance(layer.cell, keras.layers.LSTMCell):
        return ["h", "c"]
    return [f"s{i}" for i in range(count)]
