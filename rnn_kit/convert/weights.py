"""Converts weights to one common form, that of an update gate that keeps.

[kernel, recurrent_kernel] or [kernel, recurrent_kernel, bias], as NumPy arrays.
"""

import keras
import numpy as np

from rnn_kit.layers import PeepholeLSTM


def variables(layer):
    """Lists the variables of these weights."""
    cell = layer.cell
    return [cell.kernel, cell.recurrent_kernel, *([cell.bias] if layer.use_bias else [])]


def weights_of(layer):
    """Reads the weights of a layer."""
    return keeping(layer, [keras.ops.convert_to_numpy(variable) for variable in variables(layer)])


def assign(layer, weights):
    """Sets the weights of a layer, and its peepholes to zeros."""
    for variable, array in zip(variables(layer), keeping(layer, weights), strict=True):
        variable.assign(array)
    if isinstance(layer, PeepholeLSTM):
        layer.cell.peephole_kernel.assign(np.zeros((3, layer.units)))


def keeping(layer, weights):
    """Converts weights of the layer's update gate to those of one that keeps, or back.

    1 - σ(a) = σ(-a): the blocks of z are negated, which is its own inverse.
    """
    if getattr(layer, "update_gate", "keep") == "keep":
        return weights
    u = layer.units
    return [np.concatenate([-w[..., :u], w[..., u:]], axis=-1) for w in weights]


def swap_z_r(layer, weight):
    """Reorders the kit's gates z, r, candidate to torch's r, z, n, or back; not those of an LSTM."""
    if isinstance(layer, PeepholeLSTM):
        return weight
    first, second, candidate = np.split(weight, 3, axis=-1)
    return np.concatenate([second, first, candidate], axis=-1)
