"""Converted layers compute what their sources do: held to Keras, to torch, and to its equations."""

import doctest
import inspect

import keras
import numpy as np
import pytest
from forms import EXACT, FORMS, MASKS, B, F, T, build, randomize, to_numpy

import rnn_kit
from rnn_kit.convert import (
    from_keras,
    from_torch,
    set_torch_weights,
    to_keras,
    to_torch,
    to_torch_weights,
)
from rnn_kit.layers import GRU, PeepholeLSTM

pytestmark = pytest.mark.backends

UNITS = 2
EVERYTHING = {"return_sequences": True, "return_state": True, "dtype": "float64"}


def _tensor(array):
    return keras.ops.convert_to_tensor(array, dtype=str(array.dtype))  # float64 stays float64


def _apply(layer, x, states=None, mask=None, **kwargs):
    """Output and final states from non-zero initial states, as NumPy arrays in one list."""
    kwargs["mask"] = None if mask is None else _tensor(mask)
    if states is not None:
        kwargs["initial_state"] = [_tensor(s) for s in states]
    result = to_numpy(layer(_tensor(x), **kwargs))
    return list(result) if isinstance(result, (list, tuple)) else [result]


def _states(layer, rng):
    return [rng.normal(0, 0.8, (B, layer.units)) for _ in layer.state_size]


def _x(rng):
    return rng.normal(size=(B, T, F))


def _assert_same(source, target, rng, mask=None, **kwargs):
    x, states = _x(rng), _states(source, rng)
    expected = _apply(source, x, states, mask, **kwargs)
    for a, b in zip(_apply(target, x, states, mask, **kwargs), expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, **EXACT)


def _randomized(layer, rng, shape=(B, T, F)):
    layer.build(shape)
    randomize(layer, rng)
    return layer


# --- Keras ------------------------------------------------------------------------------------------

KERAS = {
    "lstm": (keras.layers.LSTM, {}),
    "gru-after": (keras.layers.GRU, {"reset_after": True}),
    "gru-before": (keras.layers.GRU, {"reset_after": False}),
}
OPTIONS = {
    "default": {},
    "no-bias": {"use_bias": False},
    "relu-hard_sigmoid": {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
    "lambda": {"activation": lambda a: keras.ops.tanh(2 * a)},
    "backwards": {"go_backwards": True},
    "zero-output": {"zero_output_for_mask": True},
    "unroll": {"unroll": True},
}
# What the kit has and Keras writes in another way, or just so.
KIT = {
    "lstm": ("lstm", {"peephole_initializer": "zeros"}),
    "gru-after": ("gru-after-keep", {}),
    "gru-before": ("gru-before-keep", {}),
    "write-after": ("gru-after-write", {}),
    "write-before": ("gru-before-write", {}),
    "write-hard_sigmoid": ("gru-after-write", {"recurrent_activation": "hard_sigmoid"}),
    "write-no-bias": ("gru-after-write", {"use_bias": False}),
}


def _keras(name, rng, **kwargs):
    keras_class, form = KERAS[name]
    return _randomized(keras_class(UNITS, **form, **{**EVERYTHING, **kwargs}), rng)


def _kit(name, rng, **kwargs):
    form, options = KIT[name]
    layer = build(form, rng, **{**EVERYTHING, **options, **kwargs})
    if isinstance(layer, PeepholeLSTM):
        layer.cell.peephole_kernel.assign(np.zeros((3, layer.units)))
    return layer


@pytest.mark.parametrize(("options", "mask"), [("default", "none"), *[(o, "holes") for o in OPTIONS]])
@pytest.mark.parametrize("name", KERAS)
def test_from_keras_computes_the_same(name, options, mask, rng):
    source = _keras(name, rng, **OPTIONS[options])
    _assert_same(source, from_keras(source), rng, MASKS[mask])


@pytest.mark.parametrize(
    ("options", "mask"), [("default", "none"), ("backwards", "holes"), ("zero-output", "holes")]
)
@pytest.mark.parametrize("name", KIT)
def test_to_keras_computes_the_same(name, options, mask, rng):
    source = _kit(name, rng, **OPTIONS[options])
    target = to_keras(source)
    assert type(target) in (keras.layers.LSTM, keras.layers.GRU)
    _assert_same(source, target, rng, MASKS[mask])


@pytest.mark.parametrize("name", KIT)
def test_to_keras_leaves_its_source_as_it_was(name, rng):
    source = _kit(name, rng)
    before = source.get_weights()
    randomize(to_keras(source), rng)
    for a, b in zip(source.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def _unusual_arguments(keras_class):
    """A value other than the default for every argument that a Keras layer has."""
    values = {
        "units": UNITS,
        "activation": "softsign",
        "recurrent_activation": "hard_sigmoid",
        "kernel_initializer": keras.initializers.RandomNormal(seed=1),
        "recurrent_initializer": keras.initializers.RandomUniform(seed=2),
        "bias_initializer": keras.initializers.Constant(0.5),
        "kernel_regularizer": keras.regularizers.L1(0.1),
        "recurrent_regularizer": keras.regularizers.L2(0.2),
        "bias_regularizer": keras.regularizers.L1L2(0.3, 0.4),
        "activity_regularizer": keras.regularizers.L2(0.5),
        "kernel_constraint": keras.constraints.MaxNorm(3),
        "recurrent_constraint": keras.constraints.UnitNorm(),
        "bias_constraint": keras.constraints.NonNeg(),
        "dropout": 0.1,
        "recurrent_dropout": 0.2,
        "seed": 7,
        "use_cudnn": False,
    }
    arguments = {}
    for name, parameter in inspect.signature(keras_class).parameters.items():
        if parameter.kind is not parameter.VAR_KEYWORD:
            flipped = not parameter.default if isinstance(parameter.default, bool) else None
            arguments[name] = values[name] if flipped is None else flipped
    policy = keras.DTypePolicy("mixed_bfloat16")
    base = {"zero_output_for_mask": True, "name": "odd", "trainable": False, "dtype": policy}
    return arguments | base


@pytest.mark.parametrize("name", KERAS)
def test_every_argument_of_keras_comes_along_and_back(name):
    keras_class, form = KERAS[name]
    arguments = {**_unusual_arguments(keras_class), **form}
    source = keras_class(**arguments)
    kit = from_keras(source)
    there, expected = kit.get_config(), source.get_config()
    shared = [key for key in expected if key != "reset_after"]
    assert {key: there[key] for key in shared} == {key: expected[key] for key in shared}
    assert kit.fused is False
    assert kit.cell.trainable is False
    back = to_keras(kit)
    assert back.get_config() == expected
    assert back.use_cudnn is False
    assert not (source.built or kit.built or back.built)


def test_a_faster_loop_is_allowed_where_the_source_allows_it():
    assert from_keras(keras.layers.GRU(2)).fused == "auto"
    assert from_keras(keras.layers.LSTM(2, use_cudnn=True)).fused == "auto"
    assert to_keras(GRU(2)).use_cudnn == "auto"


def test_use_cudnn_goes_both_ways():
    for kind in (keras.layers.GRU, keras.layers.LSTM):
        assert from_keras(kind(2)).use_cudnn == "auto"
        assert from_keras(kind(2, use_cudnn=False)).use_cudnn is False
    assert from_keras(keras.layers.GRU(2, use_cudnn=True)).use_cudnn is True
    assert from_keras(keras.layers.LSTM(2, use_cudnn=True)).use_cudnn == "auto"
    assert to_keras(GRU(2, use_cudnn=False)).use_cudnn is False
    assert to_keras(GRU(2, use_cudnn=True)).use_cudnn is True
    assert to_keras(PeepholeLSTM(2, fused=False)).use_cudnn is False


@pytest.mark.parametrize("name", KERAS)
def test_round_trip_from_keras_keeps_every_bit(name, rng):
    source = _keras(name, rng)
    back = to_keras(from_keras(source))
    assert type(back) is type(source)
    for a, b in zip(back.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["lstm", "gru-after", "gru-before"])
def test_round_trip_from_the_kit_keeps_every_bit(name, rng):
    source = _kit(name, rng)
    back = from_keras(to_keras(source))
    assert back.get_config() == source.get_config()
    for a, b in zip(back.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", KERAS)
def test_an_unbuilt_source_gives_an_unbuilt_layer(name, rng):
    keras_class, form = KERAS[name]
    kit = from_keras(keras_class(UNITS, **form))
    assert not kit.built
    assert not to_keras(kit).built
    assert kit(np.zeros((B, T, F))).shape == (B, UNITS)


@pytest.mark.parametrize("name", KERAS)
def test_carried_states_come_along(name, rng):
    source = _keras(name, rng, stateful=True)
    _apply(source, _x(rng))
    kit = from_keras(source)
    back = to_keras(kit)
    x = _x(rng)
    expected = _apply(source, x)
    for layer in (kit, back):
        for a, b in zip(_apply(layer, x), expected, strict=True):
            np.testing.assert_allclose(a, b, **EXACT)


@pytest.mark.parametrize(
    "dropout",
    [
        {"dropout": 0.3, "recurrent_dropout": 0.4},
        # One mask a gate. Without cuDNN, as Keras 3.15 cannot take four masks that way.
        {"dropout": 0.3, "implementation": 1, "use_cudnn": False},
    ],
    ids=["both", "per-gate"],
)
@pytest.mark.parametrize("name", KERAS)
def test_the_same_seed_drops_the_same_units(name, dropout, rng):
    source = _keras(name, rng, seed=7, **dropout)
    kit = from_keras(source)
    back = to_keras(kit)
    _assert_same(source, kit, rng, training=True)
    _assert_same(from_keras(source), back, rng, training=True)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "float16", "bfloat16"])
@pytest.mark.parametrize("name", KERAS)
def test_another_precision_comes_along(name, dtype, rng):
    # Not the default initializer, because TensorFlow cannot compute that one in bfloat16.
    source = _keras(name, rng, dtype=dtype, recurrent_initializer="glorot_uniform")
    kit = from_keras(source)
    assert kit.dtype_policy == source.dtype_policy
    for weight, other in zip(to_keras(kit).get_weights(), source.get_weights(), strict=True):
        assert weight.dtype == other.dtype
        np.testing.assert_array_equal(weight, other)


# --- Keras: refusals --------------------------------------------------------------------------------


class Subclass(keras.layers.LSTM):
    """May compute anything."""


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.layers.SimpleRNN(2, name="odd"),
        lambda: Subclass(2, name="odd"),
        lambda: keras.layers.Bidirectional(keras.layers.LSTM(2), name="odd"),
        lambda: GRU(2, name="odd"),
    ],
    ids=["simple", "subclass", "bidirectional", "kit"],
)
def test_from_keras_refuses_other_layers(make):
    with pytest.raises(ValueError, match=r"Expected a keras.layers.LSTM or keras.layers.GRU.*'odd'"):
        from_keras(make())


@pytest.mark.parametrize("convert", [to_keras, to_torch_weights, lambda x: set_torch_weights(x, {})])
def test_what_reads_a_kit_layer_refuses_others(convert):
    message = r"Expected a PeepholeLSTM or GRU.*Layer 'odd' \(LSTM\).*from_keras"
    with pytest.raises(ValueError, match=message):
        convert(keras.layers.LSTM(2, name="odd"))
    with pytest.raises(ValueError, match="Received: str"):
        convert("odd")


REFUSED_BY_KERAS = {
    "identity-output": (
        lambda: PeepholeLSTM(2, output_activation=None, name="odd"),
        "has output_activation=linear and activation=tanh",
    ),
    "peephole-initializer": (
        lambda: PeepholeLSTM(2, peephole_initializer="ones", name="odd"),
        "has peepholes that are not all zero",
    ),
    "no-reset": (lambda: GRU(2, reset_gate=None, name="odd"), "has reset_gate=None"),
    "write-softsign": (
        lambda: GRU(2, update_gate="write", recurrent_activation="softsign", name="odd"),
        "has update_gate='write' and recurrent_activation=softsign",
    ),
    "write-unbuilt": (
        lambda: GRU(2, update_gate="write", name="odd"),
        "has update_gate='write'.* no weights yet. Build it",
    ),
}


@pytest.mark.parametrize("case", REFUSED_BY_KERAS)
def test_to_keras_refuses_what_keras_cannot_express(case):
    make, message = REFUSED_BY_KERAS[case]
    with pytest.raises(ValueError, match=rf"Layer 'odd' \(\w+\) {message}"):
        to_keras(make())


@pytest.mark.parametrize("convert", [to_keras, to_torch_weights])
@pytest.mark.parametrize("row", range(3))
def test_a_single_peephole_is_refused(row, convert):
    layer = PeepholeLSTM(2, name="odd")
    layer.build((None, None, F))
    convert(layer)
    peepholes = np.zeros((3, 2))
    peepholes[row, 1] = -1e-3
    layer.cell.peephole_kernel.assign(peepholes)
    with pytest.raises(ValueError, match=r"'odd' \(PeepholeLSTM\) has peepholes that are not all"):
        convert(layer)


def test_the_symmetry_that_write_is_converted_by():
    a = np.linspace(-8, 8, 101)
    for name, holds in {"sigmoid": True, "hard_sigmoid": True, "softsign": False}.items():
        function = keras.activations.get(name)
        left = 1 - to_numpy(function(_tensor(a)))
        right = to_numpy(function(_tensor(-a)))
        assert np.allclose(left, right, **EXACT) is holds


# --- torch's state dicts, held to torch's equations in NumPy ----------------------------------------


def _sigma(a):
    return 1 / (1 + np.exp(-a))


def _torch_lstm_step(x, states, w, suffix):
    h, c = states
    a = x @ w["weight_ih" + suffix].T + w.get("bias_ih" + suffix, 0)
    a = a + h @ w["weight_hh" + suffix].T + w.get("bias_hh" + suffix, 0)
    i, f, g, o = np.split(a, 4, axis=1)
    c = _sigma(f) * c + _sigma(i) * np.tanh(g)
    return [_sigma(o) * np.tanh(c), c]


def _torch_gru_step(x, states, w, suffix):
    (h,) = states
    from_x = x @ w["weight_ih" + suffix].T + w.get("bias_ih" + suffix, 0)
    from_h = h @ w["weight_hh" + suffix].T + w.get("bias_hh" + suffix, 0)
    i_r, i_z, i_n = np.split(from_x, 3, axis=1)
    h_r, h_z, h_n = np.split(from_h, 3, axis=1)
    r, z = _sigma(i_r + h_r), _sigma(i_z + h_z)
    n = np.tanh(i_n + r * h_n)
    return [(1 - z) * n + z * h]


TORCH = {
    "lstm": (PeepholeLSTM, {}, _torch_lstm_step, 4),
    "gru": (GRU, {}, _torch_gru_step, 3),
    "gru-write": (GRU, {"update_gate": "write"}, _torch_gru_step, 3),
}


def _torch_run(name, x, states, weights, suffix="_l0"):
    """Output and final states, in one list, by torch's equations."""
    outputs = []
    for t in range(x.shape[1]):
        states = TORCH[name][2](x[:, t], states, weights, suffix)
        outputs.append(states[0])
    return [np.stack(outputs, axis=1), *states]


def _random_torch_weights(name, rng, bias=True, suffix="_l0"):
    rows = TORCH[name][3] * UNITS
    shapes = {"weight_ih": (rows, F), "weight_hh": (rows, UNITS)}
    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
    return {key + suffix: rng.normal(0, 0.6, shape) for key, shape in shapes.items()}


def _torch_kit(form, rng=None, **kwargs):
    kit_class, arguments, _, _ = TORCH[form]
    layer = kit_class(UNITS, **arguments, **{**EVERYTHING, **kwargs})
    if rng is not None:
        _randomized(layer, rng)
        if form == "lstm":
            layer.cell.peephole_kernel.assign(np.zeros((3, UNITS)))
    return layer


@pytest.mark.parametrize("use_bias", [True, False], ids=["bias", "no-bias"])
@pytest.mark.parametrize("name", TORCH)
def test_to_torch_weights_fits_the_equations_of_torch(name, use_bias, rng):
    layer = _torch_kit(name, rng, use_bias=use_bias)
    weights = to_torch_weights(layer)
    keys = ["weight_ih_l0", "weight_hh_l0", *(["bias_ih_l0", "bias_hh_l0"] if use_bias else [])]
    assert list(weights) == keys
    x, states = _x(rng), _states(layer, rng)
    expected = _torch_run(name, x, states, weights)
    for a, b in zip(_apply(layer, x, states), expected, strict=True):
        np.testing.assert_allclose(a, b, **EXACT)


@pytest.mark.parametrize("built", [True, False], ids=["built", "unbuilt"])
@pytest.mark.parametrize("use_bias", [True, False], ids=["bias", "no-bias"])
@pytest.mark.parametrize("name", TORCH)
def test_set_torch_weights_fits_the_equations_of_torch(name, use_bias, built, rng):
    weights = _random_torch_weights(name, rng, use_bias)
    layer = _torch_kit(name, use_bias=use_bias)
    if built:
        _randomized(layer, rng)  # peepholes too, which become zero
    set_torch_weights(layer, weights)
    x, states = _x(rng), _states(layer, rng)
    expected = _torch_run(name, x, states, weights)
    for a, b in zip(_apply(layer, x, states), expected, strict=True):
        np.testing.assert_allclose(a, b, **EXACT)


@pytest.mark.parametrize("name", TORCH)
def test_weights_go_to_torch_and_back_bit_by_bit(name, rng):
    source, target = _torch_kit(name, rng), _torch_kit(name)
    set_torch_weights(target, to_torch_weights(source))
    for a, b in zip(target.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", TORCH)
def test_layer_index_and_direction_choose_the_keys(name, rng):
    parts = {("_l0", 0, False), ("_l1", 1, False), ("_l0_reverse", 0, True)}
    together = {}
    for suffix, _, _ in parts:
        together |= _random_torch_weights(name, rng, suffix=suffix)
    for suffix, index, reverse in parts:
        layer = _torch_kit(name)
        set_torch_weights(layer, together, layer_index=index, reverse=reverse)
        x, states = _x(rng), _states(layer, rng)
        expected = _torch_run(name, x, states, together, suffix)
        np.testing.assert_allclose(_apply(layer, x, states)[0], expected[0], **EXACT)
        back = to_torch_weights(layer, layer_index=index, reverse=reverse)
        assert set(back) == {key for key in together if key.endswith(suffix)}
        for key, array in back.items():
            if "weight" in key:  # an LSTM's two biases have become one and zero
                np.testing.assert_allclose(array, together[key], **EXACT)


@pytest.mark.parametrize("features", [1, F])
@pytest.mark.parametrize("name", TORCH)
def test_torch_weights_are_contiguous_copies(name, features, rng):
    layer = _randomized(TORCH[name][0](1, dtype="float32"), rng, (B, T, features))
    if name == "lstm":
        layer.cell.peephole_kernel.assign(np.zeros((3, 1)))
    before = layer.get_weights()
    for array in to_torch_weights(layer).values():
        assert array.flags.c_contiguous
        assert array.dtype == "float32"
        array[...] = 9.0
    for a, b in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_set_torch_weights_copies(rng):
    source, target = (_randomized(GRU(64), rng, (B, T, 64)) for _ in range(2))
    weights = to_torch_weights(source)
    set_torch_weights(target, weights)
    for array in weights.values():
        array[...] = 9.0
    for a, b in zip(target.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# --- torch's state dicts: refusals ------------------------------------------------------------------

REFUSED_BY_TORCH = {
    "activation": (lambda: GRU(2, "relu", name="odd"), "has activation=relu.* has tanh there"),
    "recurrent": (
        lambda: PeepholeLSTM(2, recurrent_activation="hard_sigmoid", name="odd"),
        "has recurrent_activation=hard_sigmoid.* has sigmoid there",
    ),
    "output": (
        lambda: PeepholeLSTM(2, output_activation=None, name="odd"),
        "has output_activation=linear.* has tanh there",
    ),
    "before": (lambda: GRU(2, reset_gate="before", name="odd"), "has reset_gate='before'"),
    "none": (lambda: GRU(2, reset_gate=None, name="odd"), "has reset_gate=None"),
}


@pytest.mark.parametrize("convert", [to_torch_weights, lambda x: set_torch_weights(x, {})])
@pytest.mark.parametrize("case", REFUSED_BY_TORCH)
def test_torch_weights_refuse_other_equations(case, convert):
    make, message = REFUSED_BY_TORCH[case]
    layer = make()
    layer.build((None, None, F))
    with pytest.raises(ValueError, match=rf"Layer 'odd' \(\w+\) {message}"):
        convert(layer)


@pytest.mark.parametrize("name", TORCH)
def test_to_torch_weights_refuses_an_unbuilt_layer(name):
    with pytest.raises(ValueError, match=r"Layer 'odd'.* has no weights yet. Build it"):
        to_torch_weights(_torch_kit(name, name="odd"))


def _without(key):
    return lambda weights: {k: w for k, w in weights.items() if k != key}


BAD_WEIGHTS = {
    "missing-weight": (_without("weight_hh_l0"), "needs weight_hh_l0. The weights hold bias_hh_l0"),
    "missing-bias": (_without("bias_hh_l0"), "with use_bias=True needs bias_hh_l0"),
    "no-bias": (
        lambda w: {k: v for k, v in w.items() if "bias" not in k},
        "with use_bias=True needs bias_ih_l0, bias_hh_l0",
    ),
    "prefix": (
        lambda w: {"encoder." + k: v for k, v in w.items()},
        "needs weight_ih_l0, .*The weights hold encoder.bias_hh_l0",
    ),
    "empty": (lambda w: {}, "The weights hold nothing"),
    "projection": (
        lambda w: {**w, "weight_hr_l0": np.zeros((1, UNITS))},
        "hold 'weight_hr_l0', the projection of a torch.nn.LSTM with proj_size",
    ),
    "transposed": (
        lambda w: {**w, "weight_ih_l0": w["weight_ih_l0"].T},
        r"expects 'weight_ih_l0' of shape \(\d+, 3\). Received: shape \(3, \d+\)",
    ),
    "flat": (
        lambda w: {**w, "weight_ih_l0": w["weight_ih_l0"].ravel()},
        r"expects 'weight_ih_l0' of shape \(\d+, .*\). Received: shape \(\d+,\)",
    ),
    "recurrent": (
        lambda w: {**w, "weight_hh_l0": w["weight_hh_l0"][:, :1]},
        r"expects 'weight_hh_l0' of shape \(\d+, 2\). Received: shape \(\d+, 1\)",
    ),
    "bias": (
        lambda w: {**w, "bias_hh_l0": w["bias_hh_l0"][1:]},
        r"expects 'bias_hh_l0' of shape \(\d+,\)",
    ),
}


@pytest.mark.parametrize("built", [True, False], ids=["built", "unbuilt"])
@pytest.mark.parametrize("case", BAD_WEIGHTS)
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_set_torch_weights_refuses_weights_that_do_not_fit(name, case, built, rng):
    spoil, message = BAD_WEIGHTS[case]
    if case == "transposed" and not built:
        message = "expects 'weight_ih_l0'"
    layer = _torch_kit(name, rng if built else None, name="odd")
    before = layer.get_weights()
    with pytest.raises(ValueError, match=message) as refusal:
        set_torch_weights(layer, spoil(_random_torch_weights(name, rng)))
    assert "Layer 'odd'" in str(refusal.value)
    assert layer.built is built
    for a, b in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_set_torch_weights_refuses_another_kind_and_biases_without_a_place(rng):
    lstm, gru = (_random_torch_weights(name, rng) for name in ("lstm", "gru"))
    with pytest.raises(ValueError, match=r"\(GRU\) expects 'weight_ih_l0' of shape \(6, 3\)"):
        set_torch_weights(_torch_kit("gru"), lstm)
    with pytest.raises(ValueError, match=r"\(PeepholeLSTM\) expects 'weight_ih_l0' of shape \(8, 3"):
        set_torch_weights(_torch_kit("lstm"), gru)
    with pytest.raises(ValueError, match=r"hold 'bias_ih_l0', and Layer 'odd' .*use_bias=False"):
        set_torch_weights(_torch_kit("gru", use_bias=False, name="odd"), gru)


# --- torch's modules, where torch is installed ------------------------------------------------------


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="torch is not installed: its modules are not there")


MODULES = {
    "one": {},
    "two": {"num_layers": 2},
    "no-bias": {"num_layers": 2, "bias": False},
    "bidirectional": {"bidirectional": True},
    "two-bidirectional": {"num_layers": 2, "bidirectional": True},
    "dropout": {"num_layers": 3, "dropout": 0.25},
}


def _module(torch, kind, **kwargs):
    torch.manual_seed(0)
    module = getattr(torch.nn, kind)(F, UNITS, batch_first=True, dtype=torch.float64, **kwargs)
    with torch.no_grad():
        for weight in module.parameters():
            weight.normal_(0, 0.6)
    return module.eval()


def _run_module(torch, module, x, states=None):
    """The output of a module and its final states, each `(layers * directions, B, units)`."""
    if states is not None:
        states = tuple(torch.from_numpy(s) for s in states)
        states = states if isinstance(module, torch.nn.LSTM) else states[0]
    with torch.no_grad():
        output, last = module(torch.from_numpy(x), states)
    last = last if isinstance(last, tuple) else (last,)
    return output.numpy(), [s.numpy() for s in last]


def _run_stack(layers, x, states=None):
    """The same of a list of layers, which return their states."""
    finals = []
    for layer in layers:
        if isinstance(layer, keras.layers.Dropout):
            continue
        parts = [layer]
        if isinstance(layer, keras.layers.Bidirectional):
            parts = [layer.forward_layer, layer.backward_layer]
        for part in (layer, *parts):
            part.return_state = True
        start = len(finals)
        mine = [s[start + i] for i in range(len(parts)) for s in (states if states is not None else [])]
        x, *last = _apply(layer, x, mine if states is not None else None)
        n = len(last) // len(parts)
        finals += [last[i * n : (i + 1) * n] for i in range(len(parts))]
    return x, [np.stack(s) for s in zip(*finals, strict=True)]


def _assert_module_and_stack_agree(torch, module, layers, rng):
    shape = (module.num_layers * (1 + module.bidirectional), B, module.hidden_size)
    x = rng.normal(size=(B, T, module.input_size))
    states = [rng.normal(0, 0.8, shape) for _ in range(1 + isinstance(module, torch.nn.LSTM))]
    expected, expected_states = _run_module(torch, module, x, states)
    output, last = _run_stack(layers, x, states)
    np.testing.assert_allclose(output, expected, **EXACT)
    for a, b in zip(last, expected_states, strict=True):
        np.testing.assert_allclose(a, b, **EXACT)


@pytest.mark.parametrize("case", MODULES)
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_from_torch_computes_the_same_and_goes_back(torch, kind, case, rng):
    module = _module(torch, kind, **MODULES[case])
    layers = from_torch(module)
    _assert_module_and_stack_agree(torch, module, layers, rng)
    back = to_torch(layers)
    assert repr(back) == repr(module)
    x = rng.normal(size=(B, T, F))
    expected = _run_module(torch, module, x)[0]
    np.testing.assert_allclose(_run_module(torch, back.eval(), x)[0], expected, **EXACT)


def test_from_torch_gives_a_model_that_predicts_and_saves(torch, rng, tmp_path):
    module = _module(torch, "LSTM", num_layers=2, bidirectional=True).float()
    x = rng.normal(size=(B, T, F)).astype("float32")
    model = keras.Sequential([keras.Input((None, F)), *from_torch(module)])
    model.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    expected = _run_module(torch, module, x)[0]
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)


def test_from_torch_puts_dropout_between_the_layers(torch):
    layers = from_torch(_module(torch, "GRU", num_layers=3, dropout=0.25))
    kinds = [type(layer).__name__ for layer in layers]
    assert kinds == ["GRU", "Dropout", "GRU", "Dropout", "GRU"]
    assert {layer.rate for layer in layers[1::2]} == {0.25}


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_mask_is_a_packed_sequence(torch, kind, rng):
    module = _module(torch, kind, bidirectional=True)
    x, lengths = rng.normal(size=(B, T, F)), [5, 3, 1, 4]
    pack = torch.nn.utils.rnn.pack_padded_sequence
    packed = pack(torch.from_numpy(x), lengths, batch_first=True, enforce_sorted=False)
    with torch.no_grad():
        expected = torch.nn.utils.rnn.pad_packed_sequence(module(packed)[0], batch_first=True)[0]
    (layer,) = from_torch(module)
    output = _apply(layer, x, mask=MASKS["right"])[0]
    np.testing.assert_allclose(output, expected.numpy(), **EXACT)


@pytest.mark.parametrize("bidirectional", [False, True], ids=["one-way", "bidirectional"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_dtype_goes_from_torch_and_back(torch, bidirectional, dtype):
    module = _module(torch, "GRU", bidirectional=bidirectional).to(getattr(torch, dtype))
    (layer,) = from_torch(module)
    assert layer.compute_dtype == dtype
    back = to_torch(layer).state_dict()
    for key, weight in module.state_dict().items():
        assert back[key].dtype == weight.dtype
        assert torch.equal(back[key], weight)


@pytest.mark.parametrize("name", TORCH)
def test_to_torch_computes_the_same(torch, name, rng):
    layer = _torch_kit(name, rng)
    _assert_module_and_stack_agree(torch, to_torch(layer), [layer], rng)


def _stack(name="gru", wrap=None, units=(UNITS, UNITS), **kwargs):
    """Two layers, built one after the other."""
    layers, features = [], F
    for index, width in enumerate(units):
        layer = TORCH[name][0](width, **{**EVERYTHING, "name": f"odd{index}", **kwargs})
        if wrap is not None:
            layer = keras.layers.Bidirectional(layer, dtype="float64", **wrap)
        layer.build((None, None, features))
        layers.append(layer)
        features = width * (1 if wrap is None else 2)
    return layers


@pytest.mark.parametrize("wrap", [None, {}], ids=["one-way", "bidirectional"])
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_to_torch_stacks_layers(torch, name, wrap, rng):
    layers = _stack(name, wrap=wrap)
    module = to_torch([layers[0], keras.layers.Dropout(0.5), layers[1]])
    assert (module.num_layers, module.bidirectional, module.dropout) == (2, wrap is not None, 0.5)
    assert module.batch_first
    _assert_module_and_stack_agree(torch, module.eval(), layers, rng)


def test_to_torch_takes_the_last_layer_without_its_sequence(torch):
    layers = _stack()
    layers[-1].return_sequences = False
    assert to_torch(layers).num_layers == 2


def test_the_examples_that_need_torch_run(torch):
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    for function in (from_torch, to_torch):
        text = function.__doc__.replace("# doctest: +SKIP", "")
        names = {"np": np, "keras": keras, "rnn_kit": rnn_kit}
        runner.run(parser.get_doctest(text, names, function.__name__, None, 0))
    assert runner.summarize(verbose=False) == (0, 10)


# --- torch's modules: refusals ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda torch: torch.nn.RNN(3, 2), "Expected a torch.nn.LSTM or torch.nn.GRU.*RNN"),
        (lambda torch: torch.nn.LSTMCell(3, 2), "Received: LSTMCell"),
        (lambda torch: type("Mine", (torch.nn.GRU,), {})(3, 2), "Received: Mine"),
        (lambda torch: torch.nn.LSTM(3, 4, proj_size=2), "'weight_hr_l0'.* with proj_size"),
    ],
    ids=["rnn", "cell", "subclass", "projection"],
)
def test_from_torch_refuses(torch, make, message):
    with pytest.raises(ValueError, match=message):
        from_torch(make(torch))


def _backwards():
    forward, backward = (GRU(2, go_backwards=b, return_sequences=True) for b in (True, False))
    layer = keras.layers.Bidirectional(forward, backward_layer=backward)
    layer.build((None, None, F))
    return layer


def _other_directions():
    (first, _), second = _stack(), keras.layers.Bidirectional(GRU(UNITS), dtype="float64")
    second.build((None, None, UNITS))
    return [first, second]


def _uneven_directions():
    backward = GRU(3, go_backwards=True, return_sequences=True, name="odd1")
    layer = keras.layers.Bidirectional(GRU(2, return_sequences=True), backward_layer=backward)
    layer.build((None, None, F))
    return layer


def _with_dropout(*places, rates=(0.5, 0.5), **kwargs):
    layers = _stack()
    for place, rate in zip(places, rates, strict=False):
        layers.insert(place, keras.layers.Dropout(rate, **kwargs))
    return layers


def _mixed_bias():
    layers = _stack(use_bias=True)
    return [layers[0], _stack(use_bias=False)[1]]


REFUSED_STACKS = {
    "empty": (list, "at least one layer"),
    "dense": (lambda: keras.layers.Dense(2, name="odd1"), r"Layer 'odd1' \(Dense\)"),
    "keras": (lambda: keras.layers.LSTM(2, name="odd1"), r"Layer 'odd1' \(LSTM\).*from_keras"),
    "bidirectional-keras": (
        lambda: keras.layers.Bidirectional(keras.layers.GRU(2, name="odd1")),
        r"Layer 'forward_odd1' \(GRU\)",
    ),
    "before": (lambda: _stack(reset_gate="before"), "'odd0' .*reset_gate='before'"),
    "relu": (lambda: _stack(activation="relu"), "'odd0' .*activation=relu"),
    "peepholes": (
        lambda: _stack("lstm", peephole_initializer="ones"),
        "'odd0' .*peepholes that are not all zero",
    ),
    "unbuilt": (lambda: GRU(2, name="odd0"), "'odd0' .*no weights yet"),
    "backwards": (lambda: _stack(go_backwards=True), "'odd0' .*go_backwards=True"),
    "backwards-first": (_backwards, "go_backwards=True"),
    "merge": (lambda: _stack(wrap={"merge_mode": "sum"}), "merge_mode='sum'"),
    "kind": (lambda: [_stack()[0], _stack("lstm")[1]], "'odd1' .*has kind 'PeepholeLSTM'.*'GRU'"),
    "units": (lambda: _stack(units=(2, 3)), r"'odd1' .*has units 3. .*'odd0' \(GRU\) .* be 2"),
    "bias": (_mixed_bias, "'odd1' .*has use_bias False.* be True"),
    "dtype": (
        lambda: [_stack()[0], _stack(dtype="float32")[1]],
        "'odd1' .*has dtype 'float32'.* be 'float64'",
    ),
    "input-size": (lambda: [_stack()[1], _stack()[0]], "'odd0' .*has input size 3. .* be 2"),
    "directions": (_other_directions, r"has directions 2. .*'odd0' \(GRU\) it would be 1"),
    "uneven-directions": (_uneven_directions, r"'odd1' .*has units 3. .*\(Bidirectional\) .* be 2"),
    "last-output": (lambda: _stack(return_sequences=False), "'odd0' .*return_sequences=False"),
    "dropout-first": (lambda: _with_dropout(0), "torch.nn drops .* between any two layers"),
    "dropout-last": (lambda: _with_dropout(2), "torch.nn drops"),
    "dropout-rates": (
        lambda: [*_with_dropout(1), keras.layers.Dropout(0.1), *_stack()],
        r"torch.nn drops .*rates \[0.1, 0.5\]",
    ),
    "dropout-shape": (lambda: _with_dropout(1, noise_shape=(None, 1, 2)), "drops single elements"),
}


@pytest.mark.parametrize("case", REFUSED_STACKS)
def test_to_torch_refuses(torch, case):
    make, message = REFUSED_STACKS[case]
    with pytest.raises(ValueError, match=message):
        to_torch(make())


def test_every_form_of_the_kit_converts_or_is_refused(rng):
    """No form is passed over: what converts is tested above, and the rest raises."""
    for form in FORMS:
        layer = build(form, rng)
        if form == "lstm":
            with pytest.raises(ValueError, match="peepholes that are not all zero"):
                to_keras(layer)
        elif layer.reset_gate is None:
            with pytest.raises(ValueError, match="reset_gate=None"):
                to_keras(layer)
        else:
            assert form in {kit_form for kit_form, _ in KIT.values()}
