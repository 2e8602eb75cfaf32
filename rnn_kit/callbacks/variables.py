"""A model's variables, as arrays that a checkpoint holds: one device's, or those of several."""

import keras

from rnn_kit.callbacks.carry_state import carried_states, stateful_layers
from rnn_kit.distribution import gather, scatter


def lasting_variables(model):
    """Weights, seeds' counters and the optimizer: what lasts from epoch to epoch."""
    return [*_lasting(model), *model.optimizer.variables]


def _lasting(model):
    sums = {id(variable) for variable in model.metrics_variables}
    return [variable for variable in model.variables if id(variable) not in sums]


def passing_variables(model):
    """RNN states and the sums of the metrics: what an epoch starts anew."""
    return [*carried_states(stateful_layers(model)), *model.metrics_variables]


def signature_of(model):
    """What to know a model by. Not the variables' paths, in which Keras counts the models before it."""
    states = _states(model)
    weights = [[v.name, list(gather(v).shape if id(v) in states else v.shape)] for v in _lasting(model)]
    return weights + [list(v.shape) for v in model.optimizer.variables]


def _states(model):
    """The ids of the variables that each device has its own rows of."""
    return {id(state) for state in carried_states(stateful_layers(model))}


def arrays_of(model, variables, kind):
    states = _states(model)
    return {
        f"{kind}/{n}": gather(v) if id(v) in states else keras.ops.convert_to_numpy(v)
        for n, v in enumerate(variables)
    }


def assign(model, variables, arrays, kind):
    states = _states(model)
    for n, variable in enumerate(variables):
        if id(variable) in states:
            scatter(variable, arrays[f"{kind}/{n}"])
        else:
            variable.assign(arrays[f"{kind}/{n}"])
