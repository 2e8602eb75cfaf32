"""Weights in the one form that every side has: of an update gate that keeps.

[kernel, recurrent_kernel] or [kernel, recurrent_kernel, bias], as NumPy arrays.
"""

import keras
import numpy as np

from rnn_kit.layers import PeepholeLSTM


def variables(layer):
    cell = layer.cell
    return [cell.kernel, cell.recurrent_kernel, *([cell.bias] if layer.use_bias else [])]


def weights_of(layer):
    return keeping(layer, [keras.ops.convert_to_numpy(variable) for variable in variables(layer)])


def assign(layer, weights):
    for variable, array in zip(variables(layer), keeping(layer, weights), strict=True):
        variable.assign(array)
    if isinstance(layer, PeepholeLSTM):
        layer.cell.peephole_kernel.assign(np.zeros((3, layer.units)))


def keeping(layer, weights):
    """From the layer's update gate to one that keeps, or back: 1 - σ(a) = σ(-a) is its own inverse."""
    if getattr(layer, "update_gate", "keep") == "keep":
        return weights
    u = layer.units
    return [np.concatenate([-w[..., :u], w[..., u:]], axis=-1) for w in weights]


def swap_z_r(layer, weight):
    """From the kit's z, r, candidate to torch's r, z, n, or back; an LSTM's order is the same."""
    if isinstance(layer, PeepholeLSTM):
        return weight
    first, second, candidate = np.split(weight, 3, axis=-1)
    return np.concatenate([second, first, candidate], axis=-1)
