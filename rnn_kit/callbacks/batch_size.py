"""The same model at another batch size, which its states bind it to."""

import warnings

import keras
from keras import tree

from rnn_kit._internals import compile_arguments, copied_metric, flatten_layers, remove_sublayer
from rnn_kit.callbacks.carry_state import stateful_layers


def with_batch_size(model, batch_size):
    """The same model at another batch size: shared weights, states of its own.

    A stateful model is bound to one batch size. This builds another model around the same weights, so
    that a language model trained on 20 streams can be evaluated on one, without a copy of anything but
    the states. Train either, and the other has learned it too.

    Args:
        model: A built Sequential or functional model, nested too.
        batch_size: Of the new model; `None` (any) only if no layer is stateful.

    Returns:
        A model of the same kind. It is compiled as `model` is, with the same loss, its weights, and
        whatever else `compile` takes; metrics have sums of their own, and the optimizer is a new one
        with the same settings.

    Raises:
        ValueError: for a model that is not built, a subclassed one, a layer of another kind that holds
            a stateful one, or `batch_size=None` for a stateful model.

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
    # Cloned without its compilation, which Keras would redo from a config: a loss that is a function
    # of the user's own has none.
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
    """Arguments of `compile` for another model around the same weights."""
    arguments = compile_arguments(model)
    for name in ("metrics", "weighted_metrics"):
        arguments[name] = tree.map_structure(lambda m: _fresh_metric(model, m), arguments[name])
    # These can be set behind `compile` too.
    for name in ("run_eagerly", "jit_compile", "steps_per_execution"):
        arguments[name] = getattr(model, name)
    # Of a scaled loss the optimizer is the scaling one already; without, it must not become one.
    return {**arguments, "optimizer": _fresh_optimizer(model), "auto_scale_loss": False}


def _fresh_metric(model, metric):
    if not isinstance(metric, keras.metrics.Metric):
        return metric  # a name, or a function
    shared = [model, model.optimizer, *flatten_layers(model), *model.variables]
    fresh = copied_metric(metric, {id(thing): thing for thing in shared})
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
    """The layer itself, or, where it holds states, another around the same weights."""
    if not isinstance(layer, keras.layers.Layer) or not stateful_layers(layer):
        return layer  # an operation such as `x + y`, or a layer without states
    if isinstance(layer, keras.Model):
        return with_batch_size(layer, batch_size)
    if not isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional)):
        raise ValueError(
            f"Cannot rebuild '{layer.name}' ({type(layer).__name__}) at another batch size: it holds a "
            "stateful layer in a way that is its own."
        )
    clone = type(layer).from_config(layer.get_config())
    for part in ("cell", "forward_layer", "backward_layer"):
        if hasattr(layer, part):
            shared = getattr(layer, part)
            remove_sublayer(clone, getattr(clone, part))  # its own, which may have weights already
            setattr(clone, part, shared if part == "cell" else _share(shared, batch_size))
    return clone
