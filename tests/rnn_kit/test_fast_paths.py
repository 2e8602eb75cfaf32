"""Every faster loop as users run it: in `tf.function`, `fit`, `predict` and `generate`, and run again.

A new fast path is one entry of `PATHS`. Every test then holds it to the plain loop of the same weights,
and counts that it was the fast path that ran: an eager call shows neither a variable that is made while
tracing, nor an option or a weight that is frozen into the graph.
"""

from collections import namedtuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from cudnn_stand_in import stand_in_for_cudnn
from forms import MASKS, B, F, T

from rnn_kit.generation import generate
from rnn_kit.layers import GRU, PeepholeLSTM
from rnn_kit.layers.fused import gru, lstm, sequence
from rnn_kit.sampling import TemperatureSampler

UNITS = 3


def lstm_layer(**options):
    return PeepholeLSTM(UNITS, **{"peephole_initializer": "random_normal", **options})


def gru_layer(**options):
    return GRU(UNITS, **{"bias_initializer": "random_normal", **options})


def counted(monkeypatch, module, name):
    """A list that grows with every call of a function."""
    calls, function = [], getattr(module, name)
    monkeypatch.setattr(module, name, lambda *a, **kw: calls.append(1) or function(*a, **kw))
    return calls


def fused(module):
    return lambda monkeypatch: counted(monkeypatch, module, "loop_over_time")


def xla(monkeypatch):
    """A GPU is announced, and what runs is the program that XLA compiles for the CPU."""
    monkeypatch.setattr(sequence, "has_gpu", lambda: True)
    monkeypatch.setattr(sequence, "is_placed_on_gpu", lambda: True)
    calls, function = [], tf.function

    def recorded(f=None, **kwargs):
        # `fit` compiles its step too; the loops' functions are those made without autograph.
        if kwargs.get("jit_compile") and kwargs.get("autograph") is False:
            calls.append(1)
        return function(f, **kwargs)

    monkeypatch.setattr(tf, "function", recorded)
    return calls


# layer: makes it, given options. prepare: sets up what it runs on; returns a list that grows with every
# use. masks: those that it runs with. known_shape: whether it needs one.
Path = namedtuple("Path", "layer prepare masks known_shape", defaults=(("none", "holes"), False))
PATHS = {
    "fused LSTM": Path(lstm_layer, fused(lstm)),
    "fused GRU": Path(gru_layer, fused(gru)),
    "XLA LSTM": Path(lstm_layer, xla, known_shape=True),
    "XLA GRU": Path(lambda **kw: gru_layer(use_cudnn=False, **kw), xla, known_shape=True),
    "cuDNN GRU": Path(gru_layer, stand_in_for_cudnn, masks=("none",)),
    "cuDNN GRU, masked": Path(
        lambda **kw: gru_layer(use_cudnn=True, **kw), stand_in_for_cudnn, masks=("none", "right")
    ),
}
every_path = pytest.mark.parametrize("path", PATHS)


def pair(path, shape=(B, T, F), **options):
    """A layer that takes the fast path, and one of the same weights that takes the plain loop."""
    fast = PATHS[path].layer(**options)
    kind = type(fast)
    plain = kind.from_config({**fast.get_config(), "fused": False, "use_cudnn": "auto"})
    fast.build(shape)
    plain.build(shape)
    plain.set_weights(fast.get_weights())
    return fast, plain


def same(actual, expected, tolerance=2e-5):
    actual, expected = (tf.nest.flatten(values) for values in (actual, expected))
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        a, e = (np.asarray(tf.cast(v, tf.float64)) for v in (a, e))
        assert a.shape == e.shape and np.abs(a - e).max() <= tolerance * max(1, np.abs(e).max())


def compiled(layer, mask, training):
    """Outputs, states and all gradients of a layer in a `tf.function` of inputs and states."""

    @tf.function
    def run(x, states):
        with tf.GradientTape() as tape:
            tape.watch([x, states])
            outputs = layer(x, initial_state=states, mask=mask, training=training)
            loss = sum(
                tf.reduce_sum(
                    tf.cos(tf.range(tf.size(y), delta=1.0)) * tf.cast(tf.reshape(y, [-1]), "float32")
                )
                for y in tf.nest.flatten(outputs)
            )
        return outputs, tape.gradient(loss, [x, states, [w.value for w in layer.trainable_variables]])

    return run


OPTIONS = {
    "sequences-and-state": {"return_sequences": True, "return_state": True},
    "last-output": {},
    "backwards": {"return_sequences": True, "return_state": True, "go_backwards": True},
    "backwards-last": {"go_backwards": True},
    "zero-output": {"return_sequences": True, "zero_output_for_mask": True},
    "dropout": {"return_sequences": True, "dropout": 0.5, "seed": 7},
}


# What the other paths do with these options `test_fused_layers.py` holds, in functions called once.
WITH_OPTIONS = [
    (path, mask, options)
    for path in PATHS
    for mask in PATHS[path].masks
    for options in OPTIONS
    if path.startswith("cuDNN") or options == "dropout"
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "mask", "options"), WITH_OPTIONS)
def test_in_a_function_called_twice_it_is_the_plain_loop_and_follows_its_weights(
    path, mask, options, monkeypatch, rng
):
    uses = PATHS[path].prepare(monkeypatch)
    fast, plain = pair(path, **OPTIONS[options])
    run_fast, run_plain = (compiled(layer, MASKS[mask], training=True) for layer in (fast, plain))
    for _ in range(2):
        x = tf.constant(rng.normal(size=(B, T, F)), tf.float32)
        states = [tf.constant(rng.normal(size=(B, UNITS)), tf.float32) for _ in fast.state_size]
        same(run_fast(x, states), run_plain(x, states))
        weights = [rng.normal(size=w.shape) for w in fast.get_weights()]
        fast.set_weights(weights)
        plain.set_weights(weights)
    assert uses and run_fast.experimental_get_tracing_count() == 1


@every_path
def test_a_stateful_layer_carries_its_state_from_call_to_call(path, monkeypatch, rng):
    uses = PATHS[path].prepare(monkeypatch)
    fast, plain = pair(path, stateful=True, return_sequences=True)
    run_fast, run_plain = tf.function(fast), tf.function(plain)
    for _ in range(3):
        x = tf.constant(rng.normal(size=(B, T, F)), tf.float32)
        same([run_fast(x), fast.states[0].value], [run_plain(x), plain.states[0].value])
    assert uses and np.abs(fast.states[0].numpy()).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("mixed_float16", 1e-2), ("mixed_bfloat16", 1e-1), ("float64", 1e-9)]
)
@every_path
def test_in_other_dtypes_it_is_the_plain_loop_to_their_rounding(
    path, dtype, tolerance, monkeypatch, rng
):
    uses = PATHS[path].prepare(monkeypatch)
    fast, plain = pair(path, return_sequences=True, dtype=dtype)
    x = tf.constant(rng.normal(size=(B, T, F)), fast.compute_dtype)
    states = [tf.constant(rng.normal(size=(B, UNITS)), x.dtype) for _ in fast.state_size]
    run_fast, run_plain = (compiled(layer, None, training=True) for layer in (fast, plain))
    for _ in range(2):
        outputs, gradients = run_fast(x, states)
        same([outputs, gradients], run_plain(x, states), tolerance)
        assert outputs.dtype == fast.compute_dtype
    assert uses


VOCABULARY = 7


def language_models(path, masked=False, dtype=None, **options):
    """The same language model around the fast path, and around the plain loop."""
    batch, time = (B, T) if PATHS[path].known_shape else (None, None)
    models = []
    for layer in pair(path, (B, T, F), return_sequences=True, dtype=dtype, **options):
        models.append(
            keras.Sequential(
                [
                    keras.Input((time,), batch, dtype="int32"),
                    keras.layers.Embedding(VOCABULARY, F, mask_zero=masked, dtype=dtype),
                    layer,
                    keras.layers.Dense(VOCABULARY, dtype="float32"),
                ]
            )
        )
    models[1].set_weights(models[0].get_weights())
    return models


def texts(rng, masked):
    ids = rng.integers(1, VOCABULARY, (2 * B, T + 1))
    if masked:
        ids[:, T - 1 :][::2] = 0
    return ids[:, :-1], ids[:, 1:]


def change(models, rng):
    weights = [rng.normal(size=w.shape) for w in models[0].get_weights()]
    for model in models:
        model.set_weights(weights)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
@pytest.mark.parametrize("masked", [False, True])
@every_path
def test_fit_and_predict_do_what_they_do_with_the_plain_loop(path, masked, dtype, monkeypatch, rng):
    if masked and len(PATHS[path].masks) < 2:
        pytest.skip("with a mask this path is not taken")
    uses = PATHS[path].prepare(monkeypatch)
    models = language_models(path, masked, dtype, dropout=0.25, seed=3)
    change(models, rng)
    x, y = texts(rng, masked)
    tolerance = 1e-4 if dtype == "float32" else 2e-2
    for model in models:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.1), loss)
        assert model.layers[1].supports_jit or not model.jit_compile
    losses = [m.fit(x, y, B, epochs=2, shuffle=False, verbose=0).history["loss"] for m in models]
    np.testing.assert_allclose(*losses, rtol=tolerance)
    same(*(model.get_weights() for model in models), tolerance)
    for _ in range(2):
        same(*(model.predict(x, B, verbose=0) for model in models), tolerance)
        change(models, rng)
    assert uses


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
@every_path
def test_generate_writes_what_it_writes_with_the_plain_loop(path, dtype, monkeypatch, rng):
    uses = PATHS[path].prepare(monkeypatch)
    models = language_models(path, dtype=dtype)
    prompt = rng.integers(1, VOCABULARY, (B, T))
    for _ in range(2):
        change(models, rng)
        written = [generate(model, prompt, 6, TemperatureSampler(0)) for model in models]
        np.testing.assert_array_equal(*written)
    # A prompt may have any length, so its shape is not known, as XLA needs it.
    assert uses or PATHS[path].known_shape
