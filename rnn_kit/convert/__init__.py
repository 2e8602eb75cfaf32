"""Converts LSTMs and GRUs of `keras.layers` and `torch.nn` into the kit's layers, and back.

                    LSTM                     GRU                      kernel of the inputs
    rnn_kit         i, f, c, o               z, r, candidate          (F, gates * units)
    keras.layers    i, f, c, o               z, r, candidate          (F, gates * units)
    torch.nn        i, f, g, o               r, z, n                  (gates * units, F)

A layer that the other side cannot express raises a `ValueError` that names it: no conversion changes an
output at inference.
"""

from rnn_kit.convert.keras_layers import from_keras, to_keras
from rnn_kit.convert.torch_modules import from_torch, set_torch_weights, to_torch, to_torch_weights

__all__ = [
    "from_keras",
    "from_torch",
    "set_torch_weights",
    "to_keras",
    "to_torch",
    "to_torch_weights",
]
