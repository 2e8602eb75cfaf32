"""Callbacks that recurrent models need in `fit` and that `keras.callbacks` lacks."""

from rnn_kit.callbacks.averaging import AveragedWeights
from rnn_kit.callbacks.batch_size import with_batch_size
from rnn_kit.callbacks.carry_state import CarryState, stateful_layers
from rnn_kit.callbacks.checkpoint import Checkpoint
from rnn_kit.callbacks.early_stopping import EarlyStopping
from rnn_kit.callbacks.history import EpochLog, StopOnNaN
from rnn_kit.callbacks.sample_text import SampleText
from rnn_kit.callbacks.throughput import Throughput
from rnn_kit.callbacks.validation import ValidateStream
from rnn_kit.errors import CheckpointError, DivergedError

__all__ = [
    "AveragedWeights",
    "CarryState",
    "Checkpoint",
    "CheckpointError",
    "DivergedError",
    "EarlyStopping",
    "EpochLog",
    "SampleText",
    "StopOnNaN",
    "Throughput",
    "ValidateStream",
    "stateful_layers",
    "with_batch_size",
]
