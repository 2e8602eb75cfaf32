"""The fused loops of `PeepholeLSTM` and `GRU`: when they run, and that they compute the plain loop.

That both are the lecture's equations, and their float64 gradients the central differences, is held in
`test_layer_equations.py`, whose layers take the fused loop wherever they may.
"""

import contextlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from forms import EVERY_MASK, FORMS, MASKS, B, F, T
from marks import slow_but

from rnn_kit.layers import GRU, GRUCell, PeepholeLSTM, PeepholeLSTMCell
from rnn_kit.layers.fused import sequence

LAYERS = {
    "lstm": lambda **kw: PeepholeLSTM(
        3, **{"peephole_initializer": "random_normal", "bias_initializer": "random_normal", **kw}
    ),
    "gru": lambda **kw: GRU(3, **{"bias_initializer": "random_normal", **kw}),
}


def pair(name, rows=B, **options):
    """A fused and a plain layer of the same weights."""
    fused, plain = LAYERS[name](**options), LAYERS[name](**options, fused=False)
    shape = (rows, T, F)
    fused.build(shape)
    plain.build(shape)
    plain.set_weights(fused.get_weights())
    assert fused.runs_fused() and not plain.runs_fused()
    return fused, plain


def outputs_and_gradients(layer, x, mask, states, training=False, **compile_options):
    """Outputs, and the gradients of a loss that all of them are in: to x, the states, the weights."""

    @tf.function(**compile_options)
    def run(x, states):
        with tf.GradientTape() as tape:
            tape.watch([x, states])
            outputs = layer(x, initial_state=states, mask=mask, training=training)
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            loss = sum(
                tf.reduce_sum(tf.cos(tf.range(tf.size(y), delta=1.0))[:, None] * y_flat)
                for y in (tf.cast(y, tf.float32) for y in outputs)
                for y_flat in [tf.reshape(y, [-1, 1])]
            )
        weights = [variable.value for variable in layer.trainable_variables]
        return outputs, tape.gradient(loss, [x, states, weights])

    return [np.asarray(tf.cast(value, tf.float32)) for value in tf.nest.flatten(run(x, states))]


def compare(name, rng, mask=None, tolerance=1e-5, compile_options=None, training=False, **options):
    rows = B if mask is None else len(mask)
    fused, plain = pair(name, rows, **options)
    dtype = fused.compute_dtype
    x = tf.constant(rng.normal(size=(rows, T, F)), dtype)
    states = [tf.constant(rng.normal(size=(rows, 3)), dtype) for _ in range(len(fused.state_size))]
    if fused.stateful:
        for layer in (fused, plain):
            for variable, value in zip(layer.states, states, strict=True):
                variable.assign(value)
    mask = None if mask is None else tf.constant(mask)
    expected = outputs_and_gradients(plain, x, mask, states, training)
    actual = outputs_and_gradients(fused, x, mask, states, training, **(compile_options or {}))
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected, strict=True):
        assert np.abs(a - b).max() <= tolerance * max(1, np.abs(b).max())


OPTIONS = {
    "sequences-and-states": {"return_sequences": True, "return_state": True},
    "last-output": {},
    "go_backwards": {"return_sequences": True, "return_state": True, "go_backwards": True},
    "zero_output_for_mask": {"return_sequences": True, "zero_output_for_mask": True},
    "backwards-and-zero": {"go_backwards": True, "zero_output_for_mask": True},
    "no-bias": {"return_sequences": True, "use_bias": False},
    "stateful": {"return_sequences": True, "stateful": True},
}


# The options that change the loop most; the others are left to the slow tests.
KEPT = ("sequences-and-states", "backwards-and-zero")


@pytest.mark.parametrize("mask", [None, EVERY_MASK], ids=["none", "every"])
@pytest.mark.parametrize("options", slow_but(KEPT, OPTIONS))
@pytest.mark.parametrize("name", LAYERS)
def test_outputs_and_gradients_are_those_of_the_plain_loop(name, options, mask, rng):
    compare(name, rng, mask, training=True, **OPTIONS[options])


@pytest.mark.parametrize("name", LAYERS)
def test_outside_training_too_the_gradients_are_those_of_the_plain_loop(name, rng):
    compare(name, rng, MASKS["holes"], training=False, return_sequences=True, return_state=True)


@pytest.mark.slow
@pytest.mark.parametrize("mask", ["none", "holes"])
@pytest.mark.parametrize("name", LAYERS)
def test_under_xla_outputs_and_gradients_are_those_of_the_plain_loop(name, mask, rng):
    options = {"return_sequences": True, "return_state": True}
    compare(name, rng, MASKS[mask], training=True, compile_options={"jit_compile": True}, **options)


@pytest.mark.parametrize("name", LAYERS)
def test_dropout_of_the_inputs_is_that_of_the_plain_loop(name, rng):
    compare(name, rng, training=True, dropout=0.5, seed=7, return_sequences=True)


@pytest.mark.parametrize("name", LAYERS)
def test_a_mask_may_have_an_axis_of_features_and_may_come_in_a_list(name, rng):
    fused, plain = pair(name, return_sequences=True, go_backwards=True)
    x, mask = tf.constant(rng.normal(size=(B, T, F)), tf.float32), tf.constant(MASKS["holes"])
    expected = plain(x, mask=mask)
    for given in (mask[:, :, None], [mask, *[None] * len(fused.state_size)]):
        np.testing.assert_allclose(tf.function(fused)(x, mask=given), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(plain(x, mask=mask[:, :, None]), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [("float64", 1e-6), ("float16", 2e-2), ("bfloat16", 1e-1), ("mixed_bfloat16", 1e-1)],
)
@pytest.mark.parametrize("name", LAYERS)
def test_in_other_dtypes_it_is_the_plain_loop_to_their_rounding(name, dtype, tolerance, rng):
    # TensorFlow has no QR in bfloat16, which Keras's orthogonal initializer needs.
    options = {"recurrent_initializer": "glorot_uniform", "return_sequences": True, "dtype": dtype}
    compare(name, rng, MASKS["holes"], tolerance, **options)


@pytest.mark.parametrize(
    ("layer", "training", "runs_fused"),
    [
        (lambda: PeepholeLSTM(2), False, True),
        (lambda: PeepholeLSTM(2, go_backwards=True, return_sequences=True), False, True),
        (lambda: PeepholeLSTM(2, dropout=0.5), True, True),
        (lambda: PeepholeLSTM(2, use_bias=False), False, True),
        (lambda: PeepholeLSTM(2, zero_output_for_mask=True), False, True),
        (lambda: PeepholeLSTM(2, fused=False), False, False),
        (lambda: PeepholeLSTM(2, unroll=True), False, False),
        (lambda: PeepholeLSTM(2, recurrent_dropout=0.5), True, False),
        (lambda: PeepholeLSTM(2, recurrent_dropout=0.5), False, True),
        (lambda: PeepholeLSTM(2, dropout=0.5, implementation=1), True, False),
        (lambda: PeepholeLSTM(2, activation="relu"), False, False),
        (lambda: PeepholeLSTM(2, recurrent_activation="hard_sigmoid"), False, False),
        (lambda: PeepholeLSTM(2, output_activation=None), False, False),
        (lambda: GRU(2), False, True),
        (lambda: GRU(2, use_bias=False), False, True),
        (lambda: GRU(2, dropout=0.5), True, True),
        (lambda: GRU(2, fused=False), False, False),
        (lambda: GRU(2, reset_gate="before"), False, False),
        (lambda: GRU(2, reset_gate=None), False, False),
        (lambda: GRU(2, update_gate="write"), False, False),
        (lambda: GRU(2, unroll=True), False, False),
        (lambda: GRU(2, recurrent_dropout=0.5), True, False),
        (lambda: GRU(2, activation="relu"), False, False),
        (lambda: GRU(2, recurrent_activation="relu"), False, False),
    ],
)
def test_the_fused_loop_runs_for_the_options_that_it_computes(layer, training, runs_fused, monkeypatch):
    calls = []
    run = sequence.run
    monkeypatch.setattr(sequence, "run", lambda *a, **kw: calls.append(1) or run(*a, **kw))
    layer = layer()
    layer(np.zeros((2, 3, 2), "float32"), training=training)
    assert (len(calls) == 1) is runs_fused
    assert layer.runs_fused(training) is runs_fused


@pytest.mark.parametrize(("kind", "cell_class"), [(PeepholeLSTM, PeepholeLSTMCell), (GRU, GRUCell)])
def test_a_cell_of_ones_own_is_not_replaced_by_the_fused_loop(kind, cell_class):
    class Doubled(cell_class):
        def call(self, inputs, states, training=False):
            return super().call(2 * inputs, states, training=training)

    layer = kind(2)
    layer.cell = Doubled(2)
    assert not layer.runs_fused()


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_a_gradient_of_the_gradient_is_refused_and_the_plain_loop_has_it(name, rng):
    fused, plain = pair(name)
    x = tf.constant(rng.normal(size=(B, T, F)), tf.float32)

    def second(layer):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(layer(x) ** 2)
            penalty = tf.reduce_sum(inner.gradient(y, x) ** 2)
        return outer.gradient(penalty, x)

    assert np.abs(tf.function(second)(plain)).max() > 0
    with pytest.raises(NotImplementedError, match="fused=False"):
        second(fused)
    with pytest.raises(NotImplementedError, match="fused=False"):
        tf.function(second)(fused)


@pytest.mark.slow
def test_with_a_gpu_a_static_loop_is_an_xla_program_and_computes_the_same(monkeypatch, rng):
    monkeypatch.setattr(sequence, "has_gpu", lambda: True)
    monkeypatch.setattr(GRU, "runs_cudnn", lambda self, masked=False: False)
    made = []
    function = tf.function
    monkeypatch.setattr(
        tf, "function", lambda f=None, **kwargs: made.append(kwargs) or function(f, **kwargs)
    )
    for name in LAYERS:
        for mask in (None, MASKS["holes"]):
            compare(name, rng, mask=mask, training=True)
    assert sum(bool(kwargs.get("jit_compile")) for kwargs in made) == 4

    made.clear()
    unknown = function(pair("lstm")[0], input_signature=[tf.TensorSpec([B, None, F])])
    unknown(rng.normal(size=(B, T, F)).astype("float32"))
    pair("lstm")[0](rng.normal(size=(B, T, F)).astype("float32"))
    assert not made


CUDNN = {  # options of a GRU: whether cuDNN may run it
    "default": ({}, True),
    "asked for": ({"use_cudnn": True}, True),
    "half precision": ({"dtype": "mixed_float16"}, True),
    "input dropout": ({"dropout": 0.5}, True),
    "no cuDNN": ({"use_cudnn": False}, False),
    "not fused": ({"fused": False}, False),
    "no bias": ({"use_bias": False}, False),
    "unrolled": ({"unroll": True}, False),
    "recurrent dropout": ({"recurrent_dropout": 0.5}, False),
    "another activation": ({"activation": "relu"}, False),
    "another form": ({"update_gate": "write"}, False),
    "reset before": ({"reset_gate": "before"}, False),
}


@pytest.mark.parametrize("name", CUDNN)
def test_on_a_gpu_xla_is_left_out_for_what_cudnn_runs_before_anything_is_traced(name, monkeypatch):
    options, runs = CUDNN[name]
    assert GRU(2, **options).supports_jit and not GRU(2, **options).runs_cudnn()  # without a GPU
    monkeypatch.setattr(sequence, "has_gpu", lambda: True)
    layer = GRU(2, **options)
    assert layer.supports_jit is not runs
    model = keras.Sequential([layer])
    with contextlib.nullcontext() if not runs else pytest.warns(UserWarning, match="jit_compile"):
        model.compile("sgd", "mse", jit_compile=True)  # "auto" never compiles where there is no GPU
    assert model.jit_compile is not runs
    assert tf.function(lambda: tf.constant(layer.runs_cudnn()))().numpy() == runs
    masked = tf.function(lambda: tf.constant(layer.runs_cudnn(masked=True)))()
    assert masked.numpy() == (runs and layer.use_cudnn is True)
    assert PeepholeLSTM(2).supports_jit


def test_what_is_placed_on_a_cpu_beside_a_gpu_stays_there(monkeypatch):
    monkeypatch.setattr(sequence, "has_gpu", lambda: True)
    layer, placed = GRU(2), {}

    @tf.function
    def ask():
        placed["anywhere"] = layer.runs_cudnn()
        with tf.device("CPU:0"):
            placed["cpu"] = layer.runs_cudnn()
        return 0

    ask()
    assert placed == {"anywhere": True, "cpu": False}


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: GRU(2, use_cudnn=True), "it needs TensorFlow, a GPU"),
        (lambda: PeepholeLSTM(2, use_cudnn=True), "cuDNN has no peepholes"),
    ],
)
def test_cudnn_that_is_asked_for_where_it_cannot_run_is_refused_as_keras_refuses_it(layer, reason):
    for kind in (layer, lambda: keras.layers.GRU(2, use_cudnn=True)):
        with pytest.raises(ValueError, match="use_cudnn=True"):
            kind()(np.zeros((1, 3, 2), "float32"))
    with pytest.raises(ValueError, match=reason):
        layer()(np.zeros((1, 3, 2), "float32"))
    with pytest.raises(ValueError, match="`use_cudnn` must be"):
        GRU(2, use_cudnn="never")


def test_keras_finding_no_cudnn_in_an_eager_call_leaves_the_fused_loop(monkeypatch, rng):
    monkeypatch.setattr(sequence, "is_placed_on_gpu", lambda: True)
    monkeypatch.setattr(sequence, "has_gpu", lambda: True)  # Keras knows that there is none
    layer, plain = pair("gru", return_sequences=True)
    x = rng.normal(size=(B, T, F)).astype("float32")
    assert layer.runs_cudnn()
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-5, atol=1e-6)


TWO_DEVICES = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
from rnn_kit.layers import GRU, PeepholeLSTM

x = np.random.default_rng(0).normal(size=(8, 6, 3)).astype("float32")
y = x[:, :1, 0]

def losses(devices):
    with tf.distribute.MirroredStrategy(devices).scope():
        keras.utils.set_random_seed(1)
        layers = [PeepholeLSTM(4, return_sequences=True), GRU(4), keras.layers.Dense(1)]
        assert all(layer.runs_fused() for layer in layers[:2])
        model = keras.Sequential([keras.Input((None, 3)), *layers])
        model.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=False)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)
    return model.fit(data, epochs=3, verbose=0).history["loss"]

np.testing.assert_allclose(losses(["CPU:0", "CPU:1"]), losses(["CPU:0"]), rtol=1e-5)
print("the same losses")
"""


@pytest.mark.slow
def test_two_devices_of_a_mirrored_strategy_train_as_one_does():
    command = [sys.executable, "-c", TWO_DEVICES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().endswith("the same losses")


def test_the_form_tables_of_the_equation_tests_reach_the_fused_loops():
    fused = {name for name, (kind, _, form, *_) in FORMS.items() if kind(2, **form).runs_fused()}
    assert fused == {"lstm", "gru-after-keep"}
    assert keras.backend.backend() == "tensorflow"
