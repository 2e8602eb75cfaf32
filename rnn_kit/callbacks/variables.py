"""A model's variables as the arrays of a checkpoint, whether it is on one device or on several."""

import keras

from rnn_kit.callbacks.carry_state import carried_states, stateful_layers
from rnn_kit.distribution import gather, scatter

PERSISTENT, TRANSIENT = "model", "passing"  # as a checkpoint names the arrays of the two kinds


def persistent_variables(model):
    """Lists the variables that last over epochs: weights, seeds' counters, the optimizer's."""
    return [*_without_metrics(model), *model.optimizer.variables]


def transient_variables(model):
    """Lists the variables that each epoch resets: RNN states, and the sums of the metrics."""
    return [*carried_states(stateful_layers(model)), *model.metrics_variables]


def signature_of(model):
    """Returns names and shapes that distinguish a model from others.

    Excludes the variables' paths, which depend on the number of models made before.
    """
    states = _state_ids(model)
    weights = [
        [v.name, list(gather(v).shape if id(v) in states else v.shape)] for v in _without_metrics(model)
    ]
    return weights + [list(v.shape) for v in model.optimizer.variables]


def arrays_of(model, variables, kind):
    """Reads variables: names of the arrays to arrays."""
    states = _state_ids(model)
    return {
        f"{kind}/{n}": gather(v) if id(v) in states else keras.ops.convert_to_numpy(v)
        for n, v in enumerate(variables)
    }


def assign(model, variables, arrays, kind):
    """Writes the arrays of `arrays_of` back into variables."""
    states = _state_ids(model)
    for n, variable in enumerate(variables):
        if id(variable) in states:
            scatter(variable, arrays[f"{kind}/{n}"])
        else:
            variable.assign(arrays[f"{kind}/{n}"])


def _without_metrics(model):
    sums = {id(variable) for variable in model.metrics_variables}
    return [variable for variable in model.variables if id(variable) not in sums]


def _state_ids(model):
    """Returns the ids of the RNN states, of which each device has its own rows."""
    return {id(state) for state in carried_states(stateful_layers(model))}
