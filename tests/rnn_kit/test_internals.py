"""What the kit uses of Keras and TensorFlow that is private: it is there, and does what is said."""

import ast
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from rnn_kit import _internals as internals

ROOT = Path(__file__).parents[2]
tensorflow_only = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the part of the kit that uses it needs TensorFlow"
)


@pytest.mark.backends
def test_a_mask_is_attached_to_a_tensor_and_found_by_the_next_layer():
    x = ops.ones((2, 3, 1))
    assert internals.get_keras_mask(x) is None
    mask = np.array([[True, True, False], [True, False, False]])
    internals.set_keras_mask(x, ops.convert_to_tensor(mask))
    np.testing.assert_array_equal(ops.convert_to_numpy(internals.get_keras_mask(x)), mask)
    y = ops.convert_to_numpy(keras.layers.RNN(Counter())(x))
    np.testing.assert_array_equal(y[:, 0], mask.sum(1))


class Counter(keras.layers.Layer):
    state_size = output_size = 1

    def call(self, inputs, states):
        return states[0] + inputs, [states[0] + inputs]


def nested_model():
    inputs = keras.Input((4,))
    inner = keras.Sequential([keras.layers.Dense(4, name="inner")], name="nested")
    wrapped = keras.layers.TimeDistributed(keras.layers.Dense(2, name="wrapped"), name="wrapper")
    outputs = wrapped(keras.layers.Reshape((1, 4), name="reshape")(inner(inputs)))
    return keras.Model(inputs, outputs)


@pytest.mark.backends
def test_a_functional_model_is_told_from_a_sequential_and_from_a_subclass_with_a_call():
    class Own(keras.Model):
        def call(self, x):
            return x

    class OwnFunctional(type(nested_model())):
        def call(self, x):
            return x

    x = keras.Input((4,))
    assert internals.is_functional(nested_model())
    assert not internals.is_functional(keras.Sequential([x, keras.layers.Dense(1)]))
    assert not internals.is_functional(Own())
    assert not internals.is_functional(OwnFunctional(x, keras.layers.Dense(1)(x)))


@pytest.mark.backends
def test_a_graph_runs_with_operations_put_in_the_place_of_its_own():
    x = keras.Input((3,))
    function = keras.Function([x], [ops.multiply(ops.add(x, 1.0), 2.0)])
    plain = internals.run_through_graph(function, [ops.ones((1, 3))], lambda op: op)
    np.testing.assert_allclose(ops.convert_to_numpy(plain[0]), 4.0)

    def negative(op):
        return lambda *args, **kwargs: -op(*args, **kwargs)

    swapped = internals.run_through_graph(function, [ops.ones((1, 3))], negative)
    np.testing.assert_allclose(ops.convert_to_numpy(swapped[0]), 4.0)  # -(2 * -(1 + 1))


@pytest.mark.backends
def test_layers_are_found_in_nested_models_and_wrappers():
    model = nested_model()
    names = {layer.name for layer in internals.flatten_layers(model)}
    assert {model.name, "nested", "inner", "wrapper", "wrapped", "reshape"} <= names
    assert model not in internals.flatten_layers(model, include_self=False)
    direct = {layer.name for layer in internals.flatten_layers(model, False, False)}
    assert {"nested", "wrapper", "reshape"} <= direct and "wrapped" not in direct


@pytest.mark.backends
def test_a_sublayer_is_forgotten_with_its_weights():
    first, second = keras.layers.LSTMCell(2), keras.layers.LSTMCell(2)
    first.build((1, 4))
    layer = keras.layers.RNN(first)
    internals.remove_sublayer(layer, first)
    layer.cell = second
    layer.build((1, 3, 4))
    assert {id(w) for w in layer.weights} == {id(w) for w in second.weights}


@pytest.mark.backends
def test_the_loop_over_time_puts_out_what_its_step_does():
    def step(x, states):
        total = states[0] + x
        return ops.concatenate([x, total], axis=-1), [total]

    x = np.arange(6, dtype="float32").reshape(1, 6, 1)
    last, every, final = internals.rnn_loop(
        step, ops.convert_to_tensor(x), [ops.zeros((1, 1))], input_length=6, return_all_outputs=True
    )
    np.testing.assert_allclose(ops.convert_to_numpy(every)[0, :, 1], np.cumsum(x))
    np.testing.assert_allclose(ops.convert_to_numpy(last)[0], [5, 15])
    np.testing.assert_allclose(ops.convert_to_numpy(final[0]), [[15]])


@tensorflow_only
def test_where_there_is_no_gpu_cudnn_says_so():
    layer = keras.layers.GRU(2)
    layer.build((1, 3, 4))
    cell = layer.cell
    arguments = {
        "kernel": cell.kernel,
        "recurrent_kernel": cell.recurrent_kernel,
        "bias": cell.bias,
        "activation": cell.activation,
        "recurrent_activation": cell.recurrent_activation,
    }
    with pytest.raises(NotImplementedError):
        internals.cudnn_gru(ops.ones((1, 3, 4)), ops.zeros((1, 2)), None, **arguments)


@pytest.mark.backends
def test_the_arguments_of_compile_are_those_it_was_given():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    metric = keras.metrics.MeanSquaredError()
    given = {"loss": abs, "metrics": [metric, "mae"], "weighted_metrics": ["mape"], "loss_weights": 2.0}
    model.compile("sgd", **given)
    got = internals.compile_arguments(model)
    assert {name: got[name] for name in given} == given and got["metrics"][0] is metric
    got["loss"] = None  # a dict of the caller's own
    assert internals.compile_arguments(model)["loss"] is abs


@pytest.mark.backends
def test_a_copied_metric_goes_on_alone():
    metric = keras.metrics.Mean(name="m")
    metric.update_state([1.0, 3.0])
    copied = internals.copy_metric(metric, {})
    assert float(copied.result()) == 2.0 and copied.name == "m"
    copied.update_state([8.0])
    assert float(copied.result()) == 4.0 and float(metric.result()) == 2.0
    assert len(copied.variables) == len(metric.variables)


@pytest.mark.backends
@pytest.mark.parametrize(
    "callback",
    [
        keras.callbacks.EarlyStopping(),
        keras.callbacks.ReduceLROnPlateau(),
        keras.callbacks.ModelCheckpoint("x.keras"),
        keras.callbacks.SwapEMAWeights(),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_what_keras_callbacks_remember_is_where_it_is_said_to_be(callback):
    names = internals.state_attributes(callback)
    callback.on_train_begin()
    assert list(internals.read_state(callback)) == names
    if type(callback).on_train_begin is not keras.callbacks.Callback.on_train_begin:
        for name in names:
            setattr(callback, name, 77)
        callback.on_train_begin()  # which begins anew what is remembered
        assert 77 not in internals.read_state(callback).values()
    delattr(callback, names[-1])
    with pytest.raises(internals.UnsupportedVersion, match=names[-1]):
        internals.read_state(callback)


def test_callbacks_that_are_not_known_remember_nothing():
    assert internals.state_attributes(keras.callbacks.History()) == []


@tensorflow_only
def test_swapped_weights_say_whether_they_are_swapped_and_can_be_told():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0, use_ema=True), "mse")
    seen = {}

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen["training"] = internals.average_in_model(swap)

        def on_epoch_end(self, epoch, logs=None):
            seen["epoch ended"] = internals.average_in_model(swap)

    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    x = np.ones((4, 1), "float32")
    model.fit(x, x, callbacks=[swap, Watch()], verbose=0)
    assert seen == {"training": False, "epoch ended": True}

    before = model.get_weights()[0]
    internals.set_average_in_model(swap, False)
    swap.on_epoch_begin(1)  # would exchange the weights again if it held them for exchanged
    np.testing.assert_array_equal(model.get_weights()[0], before)


def test_a_name_that_is_gone_is_one_clear_error(monkeypatch):
    monkeypatch.delattr(keras.src.backend, "rnn")
    installed, supported = re.escape(keras.__version__), re.escape(internals.SUPPORTED["keras"])
    expected = rf"`keras\.src\.backend\.rnn`.* keras {installed} .*pip install 'keras{supported}'"
    with pytest.raises(internals.UnsupportedVersion, match=expected):
        internals.rnn_loop()
    with pytest.raises(internals.UnsupportedVersion, match=r"`int\._flatten_layers`"):
        internals.flatten_layers(1)
    with pytest.raises(internals.UnsupportedVersion, match=r"`object\._ema_weights_in_model`"):
        internals.set_average_in_model(object(), True)


def names_in(tree):
    """Attributes read, and names in `getattr` and its like; and modules imported, of a source."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Attribute):
            yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr", "setattr"):
            yield node.lineno, f".{ast.literal_eval(node.args[1]) if _is_text(node.args[1]) else ''}"


def _is_text(node):
    return isinstance(node, ast.Constant)


def names_defined_in(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@pytest.mark.backends
def test_a_cell_within_another_draws_its_dropout_masks_once_and_forgets_them():
    cell = keras.layers.SimpleRNNCell(3, dropout=0.5, recurrent_dropout=0.5)
    layer, x, h = keras.layers.RNN(keras.layers.GRUCell(2)), ops.ones((2, 8)), [ops.ones((2, 3))]
    internals.draw_dropout_masks(layer, cell, x, h)
    drawn = ops.convert_to_numpy(cell.get_dropout_mask(x))
    np.testing.assert_array_equal(ops.convert_to_numpy(cell.get_dropout_mask(x)), drawn)
    assert set(np.unique(drawn)) <= {0.0, 2.0}
    internals.forget_dropout_masks(layer, cell)
    again = [ops.convert_to_numpy(cell.get_dropout_mask(ops.ones((2, 64))))]
    assert again[0].shape == (2, 64)


def test_nothing_else_reaches_for_what_is_private_in_keras_or_tensorflow():
    trees = {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8"))
        for folder in ("rnn_kit", "recipes", "docs", "notebooks")
        for path in sorted((ROOT / folder).rglob("*.py"))
    }
    del trees["rnn_kit/_internals.py"]
    ours = {name for tree in trees.values() for name in names_defined_in(tree)}
    ours |= {"_internals", "_replace", "_asdict", "_fields"}  # the last are public: of a named tuple
    ours |= {Path(path).stem for path in trees}
    ours |= {"_outside_loc", "_option_string_actions"}  # Matplotlib's, and argparse's
    offences = []
    for path, tree in trees.items():
        for line, name in names_in(tree):
            last = name.rpartition(".")[2]
            underscored = last.startswith("_") and not last.startswith("__") and last not in ours
            if underscored or re.match(
                r"keras\.src|tensorflow\.python|(tf|tensorflow)\.__internal__", name
            ):
                offences.append(f"{path}:{line}: {name}")
    assert not offences
