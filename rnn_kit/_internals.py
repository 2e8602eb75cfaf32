"""The parts of Keras and TensorFlow that the kit uses although they are not public.

Private names may disappear in any release, so `pyproject.toml` gives both packages a ceiling: the last
release that this module's tests (`tests/rnn_kit/test_internals.py`) passed on. To raise it, install the
new release, run the tests, and fix here what fails; each function says why there is no public way, and
so what to look for in the release notes.

A missing name raises `UnsupportedVersion` when it is used, not when `rnn_kit` is imported, so that the
rest of the kit stays usable.

Attributes without an underscore on public classes are not included, since they are only undocumented
(`RNN.inner_loop`, `Layer.supports_jit`, `LSTMCell.get_dropout_mask`, `Model.train_function`).
"""

import contextlib
import copy
import functools
import importlib
import importlib.metadata

import keras

# As in pyproject.toml (a test compares them), which an installed copy does not have.
SUPPORTED = {"keras": ">=3.12,<3.16", "tensorflow": ">=2.20,<2.22"}


class UnsupportedVersion(ImportError):
    """A release of Keras or TensorFlow without a private name that the kit needs."""

    def __init__(self, package, name):
        try:
            installed = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:  # tensorflow-cpu, a build of one's own
            installed = "of an unknown version"
        super().__init__(
            f"rnn_kit needs `{name}`, which the installed {package} {installed} does not have. Install "
            f"a release that rnn_kit is tested with: pip install '{package}{SUPPORTED[package]}'"
        )


def _attribute(owner, name, package="keras"):
    """Returns `owner.name`, or raises `UnsupportedVersion`."""
    try:
        return getattr(owner, name)
    except AttributeError:
        kind = owner if isinstance(owner, type) else type(owner)
        raise UnsupportedVersion(package, f"{kind.__name__}.{name}") from None


def _imported(module, name):
    """Returns `module.name`, or raises `UnsupportedVersion`."""
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise UnsupportedVersion("keras", f"{module}.{name}") from None


def get_keras_mask(x):
    """Returns the mask that Keras has attached to a tensor, or `None`.

    `x._keras_mask`, which the guide on masking reads, is private too, and a JAX array has none: its
    mask is in a table that only Keras reads.
    """
    return _imported("keras.src.backend", "get_keras_mask")(x)


def set_keras_mask(x, mask):
    """Attaches a mask to a tensor, as a layer does to its output: see `get_keras_mask`."""
    _imported("keras.src.backend", "set_keras_mask")(x, mask)


def is_functional(model):
    """Returns whether a model is functional and has no `call` of its own.

    Its class, which `keras.Model(inputs, outputs)` makes an instance of, is not exported.
    """
    functional = _imported("keras.src.models.functional", "Functional")
    return isinstance(model, functional) and type(model).call is functional.call


def is_graph(model):
    """Returns whether a model is Sequential or functional, without a `call` of its own."""
    sequential = isinstance(model, keras.Sequential) and type(model).call is keras.Sequential.call
    return sequential or is_functional(model)


# What a model's call reads from it, if it `is_graph`. Only `layers` and `operations` are public, and
# these are new objects each time.
GRAPH_ATTRIBUTES = tuple(
    "_dtype_policy _functional _input_spec _inputs _inputs_struct _layers _operations _outputs "
    "_outputs_struct _remat_mode _supports_masking _trainable autocast built".split()
)


def run_through_graph(function, inputs, operation_fn):
    """Runs a `keras.Function` with `operation_fn(op)` in place of each `op`. Returns a list.

    The public call of a `keras.Function` runs the operations as they are; `clone_model` swaps them, but
    makes a new model of copied layers.
    """
    return _attribute(function, "_run_through_graph")(inputs, operation_fn=operation_fn)


def flatten_layers(layer, recursive=True, include_self=True):
    """Lists the layers in a layer or model, including itself, and with `recursive` nested ones.

    Only `Model.layers` is public, which leaves out the layers in a layer that is no model, such as a
    wrapper or the attributes of a user's layer.
    """
    return list(_attribute(layer, "_flatten_layers")(recursive=recursive, include_self=include_self))


def remove_sublayer(layer, sublayer):
    """Makes a layer stop tracking a layer in it, before another takes its place.

    Keras tracks what is assigned to an attribute, even after the attribute is reassigned: the old
    layer's weights would be saved too.
    """
    _attribute(layer, "_layers").remove(sublayer)


def rnn_loop(*args, **kwargs):
    """Runs the backend's loop over time, in which `keras.layers.RNN` runs its cell.

    Only `keras.layers.RNN` is public, whose steps output only the cell's output.
    """
    return _imported("keras.src.backend", "rnn")(*args, **kwargs)


def draw_dropout_masks(layer, cell, inputs, states):
    """Makes a cell draw the dropout masks of a sequence, `inputs (B, F)` being its first step's.

    `keras.layers.RNN` does it before its loop only for its own cell, not for one within that cell.
    """
    _attribute(layer, "_maybe_config_dropout_masks")(cell, inputs, states)


def forget_dropout_masks(layer, cell):
    """Makes a cell forget the masks that `draw_dropout_masks` made it draw."""
    _attribute(layer, "_maybe_reset_dropout_masks")(cell)


def cudnn_gru(*args, **kwargs):
    """Runs cuDNN's gated recurrent unit, as `keras.layers.GRU` does; TensorFlow only.

    The public ways are `keras.layers.GRU`, which makes its own weights, and `tf.raw_ops.CudnnRNNV3`,
    whose caller must know the order of gates and weights in one flat parameter.

    Raises:
        NotImplementedError: if Keras or TensorFlow finds that cuDNN cannot run.
    """
    return _imported("keras.src.backend", "gru")(*args, **kwargs)


def compile_arguments(model):
    """Returns the arguments that `compile` was given, a dict.

    `Model.get_compile_config` gives them as a config, which a user's own functions and metrics lack.
    `auto_scale_loss` is not among them; `Model.optimizer` shows its effect.
    """
    return dict(_attribute(_attribute(model, "_compile_config"), "config"))


def copy_metric(metric, memo):
    """Copies a metric, with variables of its own and the same attributes.

    A copy by config fails for a user's own metric whose config is missing or incomplete; Keras makes
    `copy.deepcopy` a copy by config too.

    Args:
        metric: A `keras.metrics.Metric`.
        memo: As in `copy.deepcopy`: ids of objects to their replacements in the copy.
    """
    fresh = type(metric).__new__(type(metric))
    memo[id(metric)] = fresh
    keras.metrics.Metric.__init__(fresh, metric.dtype, metric.name)
    track = _attribute(_attribute(fresh, "_tracker"), "add_to_store")
    for variable in _attribute(metric, "_variables"):
        memo[id(variable)] = keras.Variable(
            keras.ops.convert_to_numpy(variable),
            dtype=variable.dtype,
            trainable=False,
            aggregation=variable.aggregation,
            synchronization=variable.synchronization,
            name=variable.name,
        )
        track("variables", memo[id(variable)])
    for part in _attribute(metric, "_metrics"):
        track("metrics", copy_metric(part, memo))
    for name, value in vars(metric).items():
        if name in ("_tracker", "_variables", "_metrics"):
            continue
        for kind in (list, dict, set):  # Keras's own containers track their items
            value = kind(value) if isinstance(value, kind) else value
        with contextlib.suppress(Exception):  # uncopyable objects, such as locks, may be shared
            value = copy.deepcopy(value, memo)
        setattr(fresh, name, value)
    return fresh


def state_attributes(callback):
    """Lists the attributes in which a Keras callback keeps its state from epoch to epoch.

    No Keras callback exposes what a resumed run must know, and some of the names are private.

    Returns:
        Names; none for a callback that has no state or is not known.
    """
    known = {
        keras.callbacks.EarlyStopping: "wait stopped_epoch best best_epoch best_weights",
        keras.callbacks.ReduceLROnPlateau: "wait best cooldown_counter",
        keras.callbacks.ModelCheckpoint: "best _batches_seen_since_last_saving _last_batch_seen",
        keras.callbacks.SwapEMAWeights: "_ema_weights_in_model",
    }
    return next((names.split() for kind, names in known.items() if isinstance(callback, kind)), [])


def read_state(callback):
    """Reads the `state_attributes` of a callback, once its training has begun: names to values."""
    return {name: _attribute(callback, name) for name in state_attributes(callback)}


def average_in_model(callback):
    """Returns whether the model of a `SwapEMAWeights` now has the averaged weights."""
    return _attribute(callback, "_ema_weights_in_model")


def set_average_in_model(callback, value):
    """Sets the value of `average_in_model`, as it was when the run was saved."""
    _attribute(callback, "_ema_weights_in_model")  # raises if a release renames it
    callback._ema_weights_in_model = value


@functools.cache
def bookkeeping_attributes(of_a_model):
    """Names the attributes that Keras writes on a layer or model while it is used, and no call reads.

    Nothing public distinguishes them from a layer's definition. A name that a release adds makes a
    `Guard` report a change, so that a graph is retraced; a removed name changes nothing.
    """
    read = "_dtype_policy _input_spec _remat_mode _supports_masking _trainable autocast built"
    names = set(vars(keras.layers.Layer(name="any"))) - set(read.split())
    names |= set(
        "_dropout_mask _recurrent_dropout_mask _self_name_based_restores "
        "_self_saveable_object_factories _self_unconditional_checkpoint_dependencies "
        "_self_unconditional_deferred_dependencies _self_unconditional_dependency_names "
        "_self_update_uid inner_loop predict_function test_function train_function".split()
    )
    if not of_a_model:
        return frozenset(names)
    # A model's graph is in `_layers` and `_operations`; the rest is what training adds.
    return frozenset(names - {"_layers"}) | set(
        "_compile_config _compile_loss _compile_metrics _compiled_trainable_state "
        "_compute_loss_has_training_arg _distribute_strategy _eval_epoch_iterator _initial_epoch "
        "_jit_compile _loss_tracker _nodes _nodes_by_depth _operations_by_depth _run_eagerly compiled "
        "history loss optimizer steps_per_execution stop_evaluating stop_predicting stop_training "
        "unrolled_steps_per_execution".split()
    )
