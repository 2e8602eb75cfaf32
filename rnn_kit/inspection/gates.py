"""Computes the gates of a cell at every step from its states, all steps at once.

Only the recurrence needs a loop. Once the states of every step are known, the gates of all steps are
one matrix product.
"""

import keras
from keras import ops

from rnn_kit.layers import GRUCell, PeepholeLSTMCell


def gates_over_time(cell, inputs, states_before, states_after):
    """Computes the activations of a cell's gates.

    Args:
        cell: `keras.layers.LSTMCell`, `GRUCell`, or one of this kit.
        inputs: `(B, T, F)`.
        states_before, states_after: lists of the states before and after each step, `(B, T, units)`.

    Returns:
        A dict of `(B, T, units)` tensors: "input", "forget" and "output" for an LSTM, "update" and
        "reset" for a GRU; empty for a cell without gates or of an unknown class.
    """
    known = next((gates for kind, gates in _GATES.items() if type(cell) is kind), None)
    if known is None:
        return {}
    inputs = ops.cast(inputs, cell.compute_dtype)
    return known(cell, inputs, states_before, states_after)


def _lstm(cell, x, before, after):
    h_tm1, c_tm1 = before
    z = ops.matmul(x, cell.kernel) + ops.matmul(h_tm1, cell.recurrent_kernel)
    if cell.use_bias:
        z += cell.bias
    i, f, _, o = ops.split(z, 4, axis=-1)
    if isinstance(cell, PeepholeLSTMCell):
        w_ci, w_cf, w_co = ops.unstack(ops.convert_to_tensor(cell.peephole_kernel))
        i, f, o = i + c_tm1 * w_ci, f + c_tm1 * w_cf, o + after[1] * w_co
    sigma = cell.recurrent_activation
    return {"input": sigma(i), "forget": sigma(f), "output": sigma(o)}


def _gru(cell, x, before, after):
    gates = 2 * cell.units if getattr(cell, "reset_gate", True) is not None else cell.units
    z = ops.matmul(x, cell.kernel[:, :gates]) + ops.matmul(before[0], cell.recurrent_kernel[:, :gates])
    if cell.use_bias:  # (2, 3u), one for each side, or (3u,)
        bias = ops.convert_to_tensor(cell.bias)
        z += (bias if len(bias.shape) == 1 else bias[0] + bias[1])[:gates]
    names = ["update", "reset"][: gates // cell.units]
    parts = ops.split(cell.recurrent_activation(z), len(names), axis=-1)
    return dict(zip(names, parts, strict=True))


_GATES = {
    keras.layers.LSTMCell: _lstm,
    PeepholeLSTMCell: _lstm,
    keras.layers.GRUCell: _gru,
    GRUCell: _gru,
}
