"""What the kit uses of Keras and TensorFlow that is not public there: here, and nowhere else.

Private names may go with any release, so `pyproject.toml` gives both packages a ceiling: the last
release that this module's tests (`tests/rnn_kit/test_internals.py`) passed on. To raise it, install the
new release, run them, and mend here what fails; each function says why there is no public way, and so
what to look for in the release notes.

A name that is gone raises `UnsupportedVersion` where it is used, not where `rnn_kit` is imported: a
release that drops one of them leaves the rest of the kit usable.

Not here, since they are only undocumented: attributes without an underscore on public classes
(`RNN.inner_loop`, `Layer.supports_jit`, `LSTMCell.get_dropout_mask`, `Model.train_function`).
"""

import contextlib
import copy
import functools
import importlib
import importlib.metadata

import keras

# As in pyproject.toml, which a test compares: an installed copy has no pyproject.toml to read.
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
    """`owner.name`; an `UnsupportedVersion` where there is none."""
    try:
        return getattr(owner, name)
    except AttributeError:
        kind = owner if isinstance(owner, type) else type(owner)
        raise UnsupportedVersion(package, f"{kind.__name__}.{name}") from None


def _imported(module, name):
    """`from module import name`; an `UnsupportedVersion` where there is none."""
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise UnsupportedVersion("keras", f"{module}.{name}") from None


def get_keras_mask(x):
    """The mask that Keras has attached to a tensor, or `None`.

    `x._keras_mask`, which the guide on masking reads, is private too, and a JAX array has none: its
    mask stands in a table that Keras alone reads.
    """
    return _imported("keras.src.backend", "get_keras_mask")(x)


def set_keras_mask(x, mask):
    """Attaches a mask to a tensor, as a layer does to what it puts out: see `get_keras_mask`."""
    _imported("keras.src.backend", "set_keras_mask")(x, mask)


def is_functional(model):
    """Whether a model is functional and runs its graph: with no `call` of its own.

    `keras.Model(inputs, outputs)` makes an instance of a class that Keras does not export.
    """
    functional = _imported("keras.src.models.functional", "Functional")
    return isinstance(model, functional) and type(model).call is functional.call


def is_graph(model):
    """Whether a model is its graph: Sequential or functional, with no `call` of its own."""
    sequential = isinstance(model, keras.Sequential) and type(model).call is keras.Sequential.call
    return sequential or is_functional(model)


# What the call of a model that `is_graph` reads of it. Only `layers` and `operations` are public,
# which are made anew each time.
GRAPH_ATTRIBUTES = tuple(
    "_dtype_policy _functional _input_spec _inputs _inputs_struct _layers _operations _outputs "
    "_outputs_struct _remat_mode _supports_masking _trainable autocast built".split()
)


def run_through_graph(function, inputs, operation_fn):
    """The outputs of a `keras.Function`, a list, with `operation_fn(op)` in the place of each `op`.

    The public call of a `keras.Function` runs the operations as they are; `clone_model` swaps them, and
    makes a new model of copied layers for it.
    """
    return _attribute(function, "_run_through_graph")(inputs, operation_fn=operation_fn)


def flatten_layers(layer, recursive=True, include_self=True):
    """The layers in a layer or model: itself, and with `recursive` those in them too.

    Public is `Model.layers` alone, which leaves out what a layer that is no model holds: the layer in a
    wrapper, the attributes of a user's layer.
    """
    return list(_attribute(layer, "_flatten_layers")(recursive=recursive, include_self=include_self))


def remove_sublayer(layer, sublayer):
    """Makes a layer forget a layer that it tracks, before another takes its place.

    Keras tracks what is assigned to an attribute, and goes on tracking it when the attribute is
    assigned anew: its weights would be saved with the layer's.
    """
    _attribute(layer, "_layers").remove(sublayer)


def rnn_loop(*args, **kwargs):
    """The backend's loop over time, which `keras.layers.RNN` runs its cell in.

    `keras.layers.RNN` alone is public, whose steps put out what its cell puts out.
    """
    return _imported("keras.src.backend", "rnn")(*args, **kwargs)


def cudnn_gru(*args, **kwargs):
    """cuDNN's gated recurrent unit, as `keras.layers.GRU` calls it; TensorFlow only.

    `keras.layers.GRU` alone is public, which makes its own weights. `tf.raw_ops.CudnnRNNV3` is public
    too, and leaves to its caller the order of gates and weights in one flat parameter.

    Raises:
        NotImplementedError: where Keras or TensorFlow finds that cuDNN cannot run.
    """
    return _imported("keras.src.backend", "gru")(*args, **kwargs)


def compile_arguments(model):
    """What a model was compiled with: a dict of arguments of `compile`, as they were given.

    `Model.get_compile_config` gives them as a config, which a user's own functions and metrics lack.
    `auto_scale_loss` is not among them; `Model.optimizer` shows what came of it.
    """
    return dict(_attribute(_attribute(model, "_compile_config"), "config"))


def copied_metric(metric, memo):
    """A metric with sums of its own and the same attributes.

    Not by its config, which a user's own may lack, or which may lack arguments; nor by `copy.deepcopy`,
    which Keras makes go by the config too.

    Args:
        metric: A `keras.metrics.Metric`.
        memo: Of `copy.deepcopy`: ids of objects to what stands for them in the copy.
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
        track("metrics", copied_metric(part, memo))
    for name, value in vars(metric).items():
        if name in ("_tracker", "_variables", "_metrics"):
            continue
        for kind in (list, dict, set):  # Keras's own, which track what is put into them
            value = kind(value) if isinstance(value, kind) else value
        with contextlib.suppress(Exception):  # a lock, a table: no sum, and both may have it
            value = copy.deepcopy(value, memo)
        setattr(fresh, name, value)
    return fresh


def memory_of_callback(callback):
    """Names of the attributes in which a callback of Keras keeps what it learns from epoch to epoch.

    None of its callbacks says what a resumed run must know, and some of the names are private.

    Returns:
        A list, empty for a callback that remembers nothing or is not known.
    """
    known = {
        keras.callbacks.EarlyStopping: "wait stopped_epoch best best_epoch best_weights",
        keras.callbacks.ReduceLROnPlateau: "wait best cooldown_counter",
        keras.callbacks.ModelCheckpoint: "best _batches_seen_since_last_saving _last_batch_seen",
        keras.callbacks.SwapEMAWeights: "_ema_weights_in_model",
    }
    return next((names.split() for kind, names in known.items() if isinstance(callback, kind)), [])


def read_memory(callback):
    """The attributes of `memory_of_callback` with their values, in a training that has begun."""
    return {name: _attribute(callback, name) for name in memory_of_callback(callback)}


def average_in_model(callback):
    """Whether a `SwapEMAWeights` has put the averaged weights into its model just now.

    Keras keeps it to itself, and a resumed run must know it.
    """
    return _attribute(callback, "_ema_weights_in_model")


def set_average_in_model(callback, value):
    """Tells a `SwapEMAWeights` what `average_in_model` was when its run was saved."""
    _attribute(callback, "_ema_weights_in_model")  # a new name would leave this one without effect
    callback._ema_weights_in_model = value


@functools.cache
def bookkeeping(of_a_model):
    """Names of the attributes that Keras writes on a layer or model as it is used, and no call reads.

    Nothing public tells them from what a layer is. A name that a release adds makes a `Guard` take a
    layer for a changed one, and a graph be compiled anew; one that is gone changes nothing.
    """
    import keras

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
