"""The layers against the lectures' equations in NumPy, against differences, and against Keras's own."""

import itertools

import forms
import keras
import numpy as np
import oracles
import pytest
from forms import FORMS, MASKS, to_numpy

from rnn_kit.layers import GRU, GRUCell, PeepholeLSTM, PeepholeLSTMCell

pytestmark = pytest.mark.backends


JAX = keras.backend.backend() == "jax"


def _tensor(array):
    return keras.ops.convert_to_tensor(array, dtype="bool" if array.dtype == bool else forms.DTYPE)


def _apply(layer, x, mask=None, states=None, **kwargs):
    kwargs["mask"] = None if mask is None else _tensor(mask)
    if states is not None:
        kwargs["initial_state"] = [_tensor(s) for s in states]
    return to_numpy(layer(_tensor(x), **kwargs))


@pytest.mark.parametrize(
    ("form", "options"),
    [(form, options) for form in FORMS for options in forms.options_of(form)],
)
def test_oracle_cell_takes_one_step_from_non_zero_states(form, options, rng):
    _, cell_class, form_kwargs, _, _ = FORMS[form]
    options = forms.options_of(form)[options]
    cell = cell_class(forms.UNITS, dtype=forms.DTYPE, **form_kwargs, **options)
    cell.build((forms.B, forms.F))
    forms.randomize(cell, rng)
    x, states = rng.normal(size=(forms.B, forms.F)), forms.random_states(form, rng)

    output, new_states = cell(_tensor(x), [_tensor(s) for s in states])

    expected, expected_states = forms.oracle_step(form, cell.get_weights(), options)(x, states)
    np.testing.assert_allclose(to_numpy(output), expected, **forms.EXACT)
    for state, expected_state in zip(to_numpy(list(new_states)), expected_states, strict=True):
        np.testing.assert_allclose(state, expected_state, **forms.EXACT)


@pytest.mark.parametrize(("form", "masked", "go_backwards", "zero_output", "unroll"), forms.sequences())
def test_oracle_layer_runs_a_sequence(form, masked, go_backwards, zero_output, unroll, rng):
    loop = {"go_backwards": go_backwards, "zero_output_for_mask": zero_output}
    layer = forms.build(form, rng, return_sequences=True, return_state=True, unroll=unroll, **loop)
    mask = forms.EVERY_MASK if masked else None
    rows = len(mask) if masked else forms.B
    x, states = rng.normal(size=(rows, forms.T, forms.F)), forms.random_states(form, rng, rows)

    output, *new_states = _apply(layer, x, mask, states)

    expected, expected_states = oracles.run(
        forms.oracle_step(form, layer.get_weights(), {}),
        x,
        states,
        mask,
        before="state" if JAX and not unroll else "zeros",
        **loop,
    )
    np.testing.assert_allclose(output, expected, **forms.EXACT)
    for state, expected_state in zip(new_states, expected_states, strict=True):
        np.testing.assert_allclose(state, expected_state, **forms.EXACT)


@pytest.mark.parametrize("mask", [None, forms.EVERY_MASK], ids=["none", "every"])
@pytest.mark.parametrize("form", FORMS)
def test_oracle_layer_returns_the_last_output_alone(form, mask, rng):
    rows = forms.B if mask is None else len(mask)
    layer = forms.build(form, rng)
    x = rng.normal(size=(rows, forms.T, forms.F))
    zeros = [np.zeros((rows, forms.UNITS))] * FORMS[form][4]
    step = forms.oracle_step(form, layer.get_weights(), {})
    expected, _ = oracles.run(step, x, zeros, mask, before="state" if JAX else "zeros")
    np.testing.assert_allclose(_apply(layer, x, mask), expected[:, -1], **forms.EXACT)


def _gradients(layer, x, states, mask, weight_of_output):
    """Gradients of Σ output * weight with respect to x, the states and the weights."""
    ops = keras.ops
    weight_of_output = _tensor(weight_of_output)
    mask = None if mask is None else _tensor(mask)

    def loss(x, states):
        output, *last = layer(x, initial_state=states, mask=mask)
        return ops.sum(output * weight_of_output) + sum(ops.sum(s * s) for s in last)

    backend = keras.backend.backend()
    x, states = _tensor(x), [_tensor(s) for s in states]
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch([x, *states])
            value = loss(x, states)
        return tape.gradient(value, [x, *states, *[w.value for w in layer.trainable_weights]])
    if backend == "torch":
        import torch

        leaves = [t.clone().requires_grad_() for t in (x, *states)]
        weights = [w.value for w in layer.trainable_weights]
        return torch.autograd.grad(loss(leaves[0], leaves[1:]), [*leaves, *weights])
    import jax

    def pure(x, states, weights):
        mapping = zip(layer.trainable_weights, weights, strict=True)
        with keras.StatelessScope(state_mapping=list(mapping)):
            return loss(x, states)

    weights = [w.value for w in layer.trainable_weights]
    dx, dstates, dweights = jax.grad(pure, argnums=(0, 1, 2))(x, states, weights)
    return [dx, *dstates, *dweights]


@pytest.mark.parametrize("mask", ["none", "holes"])
@pytest.mark.parametrize("form", FORMS)
def test_oracle_gradients_are_central_differences(form, mask, rng):
    layer = forms.build(form, rng, return_sequences=True, return_state=True)
    x, states = rng.normal(size=(forms.B, forms.T, forms.F)), forms.random_states(form, rng)
    weight_of_output = rng.normal(size=(forms.B, forms.T, forms.UNITS))

    def loss(x, *arrays):
        states, weights = arrays[: FORMS[form][4]], arrays[FORMS[form][4] :]
        step = forms.oracle_step(form, weights, {})
        before = "state" if JAX else "zeros"
        output, last = oracles.run(step, x, list(states), MASKS[mask], before=before)
        return np.sum(output * weight_of_output) + sum(np.sum(s * s) for s in last)

    weights = [w.astype("float64") for w in layer.get_weights()]
    expected = oracles.central_differences(loss, [x, *states, *weights])
    gradients = _gradients(layer, x, states, MASKS[mask], weight_of_output)
    for gradient, difference in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(to_numpy(gradient), difference, **forms.GRADIENT)


# --- Reduction to Keras's own layers: same weights, same numbers ------------------------------------

KERAS_TWINS = {
    "lstm": (PeepholeLSTM, {}, keras.layers.LSTM, {}),
    "gru-after": (GRU, {"reset_gate": "after"}, keras.layers.GRU, {"reset_after": True}),
    "gru-before": (GRU, {"reset_gate": "before"}, keras.layers.GRU, {"reset_after": False}),
}
REDUCTIONS = {
    "default": {},
    "no-bias": {"use_bias": False},
    "backwards": {"go_backwards": True},
    "unroll": {"unroll": True},
    "last-output": {"return_sequences": False},
    "zero-output": {"zero_output_for_mask": True},
    "dropout": {"dropout": 0.4, "seed": 7},
    "recurrent-dropout": {"recurrent_dropout": 0.4, "seed": 7},
    "both-dropouts": {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 7},
    "per-gate-dropout": {"dropout": 0.3, "implementation": 1, "seed": 7},
    "relu-hard_sigmoid": {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
    "stateful": {"stateful": True},
}


def _twins(name, rng, dtype="float32", rows=forms.B, **kwargs):
    """The kit's layer and Keras's with the same weights; peepholes are zero."""
    kit_class, kit_kwargs, keras_class, keras_kwargs = KERAS_TWINS[name]
    kwargs = {"return_sequences": True, "return_state": True, "dtype": dtype, **kwargs}
    if name == "lstm" and "activation" in kwargs:
        kit_kwargs = {"output_activation": kwargs["activation"]}
    kit = kit_class(forms.UNITS, **kit_kwargs, **kwargs)
    stock = keras_class(forms.UNITS, **keras_kwargs, **kwargs)
    if "implementation" in kwargs:
        stock.use_cudnn = False  # Keras 3.15 cannot broadcast a list of masks on its way to cuDNN
    kit.build((rows, forms.T, forms.F))
    stock.build((rows, forms.T, forms.F))
    weights = [
        rng.normal(0, 0.6, w.shape) for w in stock.cell.get_weights()[: 3 - (not stock.use_bias)]
    ]
    stock.cell.kernel.assign(weights[0])
    stock.cell.recurrent_kernel.assign(weights[1])
    kit.cell.kernel.assign(weights[0])
    kit.cell.recurrent_kernel.assign(weights[1])
    if stock.use_bias:
        stock.cell.bias.assign(weights[2])
        kit.cell.bias.assign(weights[2])
    return kit, stock


MASKED = [
    pytest.param(None, marks=pytest.mark.slow, id="none"),
    pytest.param(forms.EVERY_MASK, id="every"),
]


@pytest.mark.parametrize("mask", MASKED)
@pytest.mark.parametrize("options", REDUCTIONS)
@pytest.mark.parametrize("name", KERAS_TWINS)
def test_reduction_to_the_keras_layer(name, options, mask, rng):
    rows = forms.B if mask is None else len(mask)
    kit, stock = _twins(name, rng, rows=rows, **REDUCTIONS[options])
    for _ in range(2):  # twice, for what is carried: states and seeds
        x = rng.normal(size=(rows, forms.T, forms.F)).astype("float32")
        got = _apply(kit, x, mask, training=True)
        expected = _apply(stock, x, mask, training=True)
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "float64"])
@pytest.mark.parametrize("name", KERAS_TWINS)
def test_reduction_to_the_keras_layer_at_another_precision(name, dtype, rng):
    kit, stock = _twins(name, rng, dtype=dtype)
    x = rng.normal(size=(forms.B, forms.T, forms.F))
    tolerance = {"float64": forms.EXACT["rtol"], "mixed_float16": 2e-3, "mixed_bfloat16": 2e-2}[dtype]
    for a, b in zip(_apply(kit, x), _apply(stock, x), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(
            a.astype("float64"), b.astype("float64"), rtol=tolerance, atol=tolerance
        )


@pytest.mark.parametrize("name", KERAS_TWINS)
def test_reduction_starts_from_the_weights_that_keras_draws(name):
    kit_class, kit_kwargs, keras_class, keras_kwargs = KERAS_TWINS[name]
    keras.utils.set_random_seed(3)
    kit = kit_class(forms.UNITS, **kit_kwargs)
    kit.build((None, None, forms.F))
    keras.utils.set_random_seed(3)
    stock = keras_class(forms.UNITS, **keras_kwargs)
    stock.build((None, None, forms.F))
    for attribute in ("kernel", "recurrent_kernel", "bias"):
        a, b = (to_numpy(getattr(layer.cell, attribute).value) for layer in (kit, stock))
        np.testing.assert_array_equal(a, b)


def test_an_lstm_with_fixed_gates_is_a_plain_rnn(rng):
    """Input and output gate at one, forget gate at zero (lecture after Graves, slide 48)."""
    layer = forms.build("lstm", rng, return_sequences=True, output_activation=None)
    kernel, recurrent_kernel, peepholes, bias = layer.get_weights()
    u = forms.UNITS
    for gate, value in ((0, 50.0), (1, -50.0), (3, 50.0)):  # i open, f closed, o open
        columns = slice(gate * u, (gate + 1) * u)
        kernel[:, columns] = recurrent_kernel[:, columns] = 0
        bias[columns] = value
    layer.set_weights([kernel, recurrent_kernel, 0 * peepholes, bias])
    plain = keras.layers.SimpleRNN(u, return_sequences=True, dtype=forms.DTYPE)
    plain.build((forms.B, forms.T, forms.F))
    c = slice(2 * u, 3 * u)
    plain.set_weights([kernel[:, c], recurrent_kernel[:, c], bias[c]])
    x = rng.normal(size=(forms.B, forms.T, forms.F))
    np.testing.assert_allclose(_apply(layer, x), _apply(plain, x), **forms.EXACT)


def test_write_is_keep_with_the_gate_turned_round(rng):
    """σ(-a) = 1 - σ(a): the two update gates of the slides are one unit in two notations."""
    keep, write = (forms.build(f"gru-before-{name}", rng) for name in ("keep", "write"))
    weights = keep.get_weights()
    for w in weights:
        w[..., : forms.UNITS] *= -1
    write.set_weights(weights)
    x = rng.normal(size=(forms.B, forms.T, forms.F))
    np.testing.assert_allclose(_apply(write, x), _apply(keep, x), **forms.EXACT)


def test_peepholes_reach_the_output(rng):
    layer = forms.build("lstm", rng)
    x = rng.normal(size=(forms.B, forms.T, forms.F))
    before = _apply(layer, x)
    for row, _ in enumerate("ifo"):
        weights = layer.get_weights()
        weights[2][row] += 0.5
        other = forms.build("lstm", rng)
        other.set_weights(weights)
        assert np.abs(_apply(other, x) - before).max() > 1e-3


@pytest.mark.parametrize(("layer", "cell"), [(PeepholeLSTM, PeepholeLSTMCell), (GRU, GRUCell)])
@pytest.mark.parametrize("wrap", ["cell-in-rnn", "stacked", "stacked-in-rnn"], ids=lambda wrap: wrap)
def test_cells_step_alike_wherever_they_stand(layer, cell, wrap, rng):
    if JAX and wrap != "cell-in-rnn":
        pytest.skip("Keras 3.15 cannot scan a stack of one cell on JAX")
    keras.config.set_dtype_policy(forms.DTYPE)  # RNN builds its StackedRNNCells at the global policy
    x = rng.normal(size=(forms.B, forms.T, forms.F))
    alone = layer(forms.UNITS, return_sequences=True)
    expected = _apply(alone, x)
    cells = cell(forms.UNITS)
    if wrap == "stacked":
        cells = [cells]
    elif wrap == "stacked-in-rnn":
        cells = keras.layers.StackedRNNCells([cells])
    rnn = keras.layers.RNN(cells, return_sequences=True)
    rnn.build(x.shape)
    rnn.set_weights(alone.get_weights())
    np.testing.assert_allclose(_apply(rnn, x), expected, **forms.EXACT)


def test_two_stacked_cells_are_two_layers(rng):
    keras.config.set_dtype_policy(forms.DTYPE)
    x = rng.normal(size=(forms.B, forms.T, forms.F))
    stacked = keras.layers.RNN(
        [PeepholeLSTMCell(3), GRUCell(2, reset_gate=None)], return_sequences=True
    )
    got = _apply(stacked, x)
    first = PeepholeLSTM(3, return_sequences=True)
    second = GRU(2, reset_gate=None, return_sequences=True)
    second(first(x))
    weights = stacked.get_weights()
    first.set_weights(weights[: len(first.get_weights())])
    second.set_weights(weights[len(first.get_weights()) :])
    np.testing.assert_allclose(got, _apply(second, _apply(first, x)), **forms.EXACT)


def test_the_six_gru_forms_differ(rng):
    """No two of the lectures' forms are the same unit (else a form would not be tested at all)."""
    x = rng.normal(size=(forms.B, forms.T, forms.F))
    results = {}
    for form in FORMS:
        if form.startswith("gru"):
            results[form] = _apply(forms.build(form, np.random.default_rng(0)), x)
    for (a, ya), (b, yb) in itertools.combinations(results.items(), 2):
        assert np.abs(ya - yb).max() > 1e-3, (a, b)
