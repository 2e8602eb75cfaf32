"""Recurrent layers and cells: drop-ins for those of `keras.layers`, with what the lectures add."""

from rnn_kit.layers.gru import GRU, GRUCell
from rnn_kit.layers.peephole_lstm import PeepholeLSTM, PeepholeLSTMCell

__all__ = ["GRU", "GRUCell", "PeepholeLSTM", "PeepholeLSTMCell"]
