"""Inspects a recurrent layer while its model reads: states, gates and gradients over time."""

from rnn_kit.inspection.finding import recurrent_layers
from rnn_kit.inspection.gradients import GradientsOverTime, gradient_function, gradients_over_time
from rnn_kit.inspection.states import StatesOverTime, states_over_time

__all__ = [
    "GradientsOverTime",
    "StatesOverTime",
    "gradient_function",
    "gradients_over_time",
    "recurrent_layers",
    "states_over_time",
]
