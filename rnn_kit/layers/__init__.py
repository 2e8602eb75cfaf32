"""Recurrent layers and cells, drop-ins for those of `keras.layers`, and layers around them."""

from rnn_kit.layers.attention import AttentionCell, AttentionRNN
from rnn_kit.layers.bigram_embedding import BigramEmbedding
from rnn_kit.layers.conv_gru import ConvGRU1D, ConvGRU2D, ConvGRU3D, ConvGRUCell
from rnn_kit.layers.crf import CRF
from rnn_kit.layers.gru import GRU, GRUCell
from rnn_kit.layers.learned_initial_state import LearnedInitialState
from rnn_kit.layers.peephole_lstm import PeepholeLSTM, PeepholeLSTMCell
from rnn_kit.layers.pooling import MaskedGlobalMaxPooling1D
from rnn_kit.layers.word_dropout import WordDropout

__all__ = [
    "CRF",
    "GRU",
    "AttentionCell",
    "AttentionRNN",
    "BigramEmbedding",
    "ConvGRU1D",
    "ConvGRU2D",
    "ConvGRU3D",
    "ConvGRUCell",
    "GRUCell",
    "LearnedInitialState",
    "MaskedGlobalMaxPooling1D",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "WordDropout",
]
