"""What recurrent models need of `fit` that `keras.callbacks` does not have."""

from rnn_kit.callbacks.carry_state import CarryState, stateful_layers, with_batch_size
from rnn_kit.callbacks.history import DivergedError, EpochLog, StopOnNaN
from rnn_kit.callbacks.sample_text import SampleText
from rnn_kit.callbacks.throughput import Throughput

__all__ = [
    "CarryState",
    "DivergedError",
    "EpochLog",
    "SampleText",
    "StopOnNaN",
    "Throughput",
    "stateful_layers",
    "with_batch_size",
]
