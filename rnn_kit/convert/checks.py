"""Checks that the other side can express a layer; each raises a `ValueError` that names it."""

import keras
import numpy as np

from rnn_kit.layers import GRU, PeepholeLSTM


def called(layer):
    """Names a layer and its class, for messages."""
    name = getattr(layer, "name", None)
    kind = type(layer).__name__
    return f"Layer '{name}' ({kind})" if isinstance(name, str) else kind


def name_of(function):
    """Names an activation function, for messages."""
    return getattr(function, "__name__", function)


def check_kit_layer(layer):
    if type(layer) not in (PeepholeLSTM, GRU):
        raise ValueError(
            f"Expected a PeepholeLSTM or GRU of rnn_kit.layers. Received: {called(layer)}. "
            "(A layer of keras.layers goes through rnn_kit.convert.from_keras first.)"
        )


def check_no_peepholes(layer):
    if layer.built:
        zero = not np.any(keras.ops.convert_to_numpy(layer.cell.peephole_kernel))
    else:
        zero = isinstance(layer.peephole_initializer, keras.initializers.Zeros)
    if not zero:
        raise ValueError(
            f"{called(layer)} has peepholes that are not all zero. Only this kit has peepholes."
        )


def check_update_gate(layer):
    if layer.update_gate == "keep":
        return
    symmetric = (keras.activations.sigmoid, keras.activations.hard_sigmoid)
    if layer.recurrent_activation not in symmetric:
        raise ValueError(
            f"{called(layer)} has update_gate='write' and recurrent_activation="
            f"{name_of(layer.recurrent_activation)}. Only sigmoid and hard_sigmoid have the "
            "symmetry 1 - σ(a) = σ(-a), by which a gate that writes becomes one that keeps."
        )
    if not layer.built:
        raise ValueError(
            f"{called(layer)} has update_gate='write', which is converted by negating weights, and "
            "has no weights yet. Build it, or call it, first."
        )


def check_torch_equations(layer):
    expected = {"activation": "tanh", "recurrent_activation": "sigmoid"}
    if isinstance(layer, PeepholeLSTM):
        expected["output_activation"] = "tanh"
    for argument, name in expected.items():
        function = getattr(layer, argument)
        if function is not keras.activations.get(name):
            raise ValueError(
                f"{called(layer)} has {argument}={name_of(function)}. torch.nn has {name} there."
            )
    if isinstance(layer, GRU) and layer.reset_gate != "after":
        raise ValueError(
            f"{called(layer)} has reset_gate={layer.reset_gate!r}. torch.nn.GRU resets 'after' "
            "the product."
        )


def check_directions(layer, parts):
    if len(parts) == 2 and layer.merge_mode != "concat":
        raise ValueError(f"{called(layer)} has merge_mode={layer.merge_mode!r}. torch.nn concatenates.")
    if getattr(parts[0], "go_backwards", False):
        raise ValueError(
            f"{called(parts[0])} has go_backwards=True. torch.nn goes backwards only beside a "
            "forward direction, as the backward_layer of a Bidirectional does."
        )
