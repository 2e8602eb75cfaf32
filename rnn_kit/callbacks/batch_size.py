"""Rebuilding a stateful model at another batch size."""

import warnings

import keras
from keras import tree

from rnn_kit._internals import compile_arguments, copy_metric, flatten_layers, remove_sublayer
from rnn_kit.callbacks.carry_state import stateful_layers


def with_batch_size(model, batch_size):
    """Builds a model with the same weights and another batch size, with states of its own.

    The states bind a model to one batch size. The new model shares the weights: a language model that
    is trained on 20 streams can be evaluated on one, and training one of the two trains the other.

    Args:
        model: A built Sequential or functional model, nested too.
        batch_size: The new batch size; `None` (any) only if no layer is stateful.

    Returns:
        A model of the same class, compiled with the same arguments. Its metrics are copies with sums of
        their own, and its optimizer is a new one with the same settings.

    Raises:
        ValueError: for a model that is not built, or is subclassed; for a layer, other than Keras's
            wrappers, that holds a stateful layer; or for `batch_size=None` and a stateful model.

    Example:

    >>> from rnn_kit.callbacks import with_batch_size
    >>> model = keras.Sequential([
    ...     keras.Input(batch_shape=(20, None, 3)), keras.layers.LSTM(4, stateful=True)])
    >>> one = with_batch_size(model, 1)
    >>> one.input_shape, one.layers[0].cell is model.layers[0].cell
    ((1, None, 3), True)
    """
    if batch_size is None and stateful_layers(model):
        raise ValueError("A stateful model needs a batch size. Received: batch_size=None")
    if not model.built:
        raise ValueError(f"Model '{model.name}' is not built. Give it an Input, or call it once.")
    inputs = tree.map_structure(
        lambda x: keras.Input(batch_shape=(batch_size, *x.shape[1:]), dtype=x.dtype, name=x.name),
        model.inputs[0] if isinstance(model, keras.Sequential) else model.input,
    )
    # Cloned as if not compiled: Keras would compile the clone from a config, which a loss that is a
    # user's own function lacks.
    compiled, model.compiled = model.compiled, False
    try:
        clone = keras.models.clone_model(
            model, input_tensors=inputs, clone_function=lambda layer: _share(layer, batch_size)
        )
    finally:
        model.compiled = compiled
    if compiled:
        clone.compile(**_compilation(model))
    return clone


def _compilation(model):
    """Makes the arguments of `compile` for another model with the same weights."""
    arguments = compile_arguments(model)
    for name in ("metrics", "weighted_metrics"):
        arguments[name] = tree.map_structure(lambda m: _fresh_metric(model, m), arguments[name])
    # These can be changed after `compile`.
    for name in ("run_eagerly", "jit_compile", "steps_per_execution"):
        arguments[name] = getattr(model, name)
    # The optimizer already scales the loss, if needed; `compile` must not wrap it in another that does.
    return {**arguments, "optimizer": _fresh_optimizer(model), "auto_scale_loss": False}


def _fresh_metric(model, metric):
    if not isinstance(metric, keras.metrics.Metric):
        return metric  # a name, or a function
    shared = [model, model.optimizer, *flatten_layers(model), *model.variables]
    fresh = copy_metric(metric, {id(thing): thing for thing in shared})
    fresh.reset_state()
    return fresh


def _fresh_optimizer(model):
    optimizer = model.optimizer
    if optimizer is None:
        return None
    try:
        return type(optimizer).from_config(optimizer.get_config())
    except Exception as error:
        warnings.warn(
            f"The optimizer of model '{model.name}' cannot be made anew from its config ({error}): the "
            "new model has none. Compile it before you train it.",
            stacklevel=3,
        )
        return None


def _share(layer, batch_size):
    """Returns the layer itself, or, if it holds states, another one with the same weights."""
    if not isinstance(layer, keras.layers.Layer) or not stateful_layers(layer):
        return layer  # an operation such as `x + y`, or a layer without states
    if isinstance(layer, keras.Model):
        return with_batch_size(layer, batch_size)
    if not isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional)):
        raise ValueError(
            f"Cannot rebuild '{layer.name}' ({type(layer).__name__}) at another batch size: it holds a "
            "stateful layer, and only RNN, Bidirectional and models of these can be rebuilt."
        )
    clone = type(layer).from_config(layer.get_config())
    for part in ("cell", "forward_layer", "backward_layer"):
        if hasattr(layer, part):
            shared = getattr(layer, part)
            remove_sublayer(clone, getattr(clone, part))  # its own, which may have weights already
            setattr(clone, part, shared if part == "cell" else _share(shared, batch_size))
    return clone
