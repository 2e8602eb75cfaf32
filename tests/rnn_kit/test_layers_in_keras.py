"""The layers wherever a Keras layer goes: wrappers, states, masks, training, configs."""

import inspect

import forms
import keras
import numpy as np
import pytest
from forms import FORMS, MASKS, to_numpy

from rnn_kit.layers import GRU, GRUCell, MaskedGlobalMaxPooling1D, PeepholeLSTM, PeepholeLSTMCell

pytestmark = pytest.mark.backends

LAYERS = [
    pytest.param(PeepholeLSTM, {}, id="lstm"),
    pytest.param(GRU, {}, id="gru-after"),
    pytest.param(GRU, {"reset_gate": "before", "update_gate": "write"}, id="gru-before-write"),
    pytest.param(GRU, {"reset_gate": None}, id="gru-None"),
]


@pytest.fixture
def x(rng):
    return rng.normal(size=(forms.B, forms.T, forms.F)).astype("float32")


@pytest.mark.parametrize(
    ("kit", "stock", "replaced"),
    [
        (PeepholeLSTM, keras.layers.LSTM, {}),
        (PeepholeLSTMCell, keras.layers.LSTMCell, {}),
        (GRU, keras.layers.GRU, {"reset_after": "reset_gate"}),
        (GRUCell, keras.layers.GRUCell, {"reset_after": "reset_gate"}),
        (MaskedGlobalMaxPooling1D, keras.layers.GlobalMaxPooling1D, {}),
    ],
)
def test_arguments_are_kerass_own_in_their_order_and_new_ones_are_keyword_only(kit, stock, replaced):
    def arguments(layer):
        return dict(inspect.signature(layer.__init__).parameters)

    expected, got = arguments(stock), arguments(kit)
    by_place = [name for name, p in got.items() if p.kind is not p.KEYWORD_ONLY]
    assert by_place == [replaced.get(name, name) for name in expected]
    assert all(got[name].default == p.default for name, p in expected.items() if name not in replaced)


@pytest.mark.parametrize("kit", [PeepholeLSTM, PeepholeLSTMCell, GRU, GRUCell])
def test_every_named_argument_is_in_the_config(kit):
    named = [
        name
        for name, p in inspect.signature(kit.__init__).parameters.items()
        if name != "self" and p.kind is not p.VAR_KEYWORD
    ]
    assert set(named) <= set(kit(3).get_config())


def test_config_round_trip_keeps_what_was_asked_for():
    config = {
        "activation": "softsign",
        "recurrent_activation": "hard_sigmoid",
        "use_bias": False,
        "kernel_regularizer": keras.regularizers.L2(0.1),
        "recurrent_constraint": keras.constraints.MaxNorm(2.0),
        "activity_regularizer": keras.regularizers.L1(0.2),
        "dropout": 0.1,
        "recurrent_dropout": 0.2,
        "seed": 5,
        "return_sequences": True,
        "return_state": True,
        "go_backwards": True,
        "stateful": True,
        "unroll": True,
        "zero_output_for_mask": True,
        "fused": False,
        "use_cudnn": False,
        "dtype": "mixed_bfloat16",
        "trainable": False,
        "name": "a_name",
    }
    lstm = {
        "unit_forget_bias": False,
        "output_activation": "relu",
        "peephole_initializer": "ones",
        "peephole_regularizer": keras.regularizers.L1(0.3),
        "peephole_constraint": keras.constraints.NonNeg(),
    }
    for layer in (
        PeepholeLSTM(4, **config, **lstm),
        GRU(4, **config, reset_gate=None, update_gate="write"),
    ):
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config()
        for name in {**config, **(lstm if isinstance(layer, PeepholeLSTM) else {})}:
            got, asked = (
                keras.saving.serialize_keras_object(getattr(one, name))
                if name != "dtype"
                else one.dtype_policy.name
                for one in (again, layer)
            )
            assert got == asked, name
        assert again.cell.dtype_policy.name == "mixed_bfloat16" and not again.cell.trainable


@pytest.mark.slow
@pytest.mark.parametrize("merge_mode", ["concat", "sum", None])
@pytest.mark.parametrize(("layer", "kwargs"), LAYERS)
def test_bidirectional_reads_from_both_ends_and_masks_neither(layer, kwargs, merge_mode, x):
    both = keras.layers.Bidirectional(
        layer(2, return_sequences=True, unroll=True, **kwargs), merge_mode=merge_mode
    )
    mask = MASKS["right"]
    got = both(x, mask=keras.ops.convert_to_tensor(mask))
    one_way, other_way = (
        layer(2, return_sequences=True, zero_output_for_mask=True, go_backwards=back, **kwargs)
        for back in (False, True)
    )
    for alone, inside in ((one_way, both.forward_layer), (other_way, both.backward_layer)):
        alone.build(x.shape)
        alone.set_weights(inside.get_weights())
    forward = to_numpy(one_way(x, mask=keras.ops.convert_to_tensor(mask)))
    backward = to_numpy(other_way(x, mask=keras.ops.convert_to_tensor(mask)))[:, ::-1]
    expected = {
        "concat": np.concatenate([forward, backward], -1),
        "sum": forward + backward,
        None: (forward, backward),
    }[merge_mode]
    np.testing.assert_allclose(to_numpy(got), expected, rtol=1e-5, atol=1e-6)
    assert np.abs(backward[0, 0]).min() > 0  # it did read back to the first step


@pytest.mark.parametrize(("layer", "kwargs"), LAYERS)
def test_time_distributed_runs_the_layer_on_every_slice(layer, kwargs, rng):
    x = rng.normal(size=(2, 3, forms.T, forms.F)).astype("float32")
    inner = layer(2, **kwargs)
    got = to_numpy(keras.layers.TimeDistributed(inner)(x))
    expected = np.stack([to_numpy(inner(x[:, i])) for i in range(3)], axis=1)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("layer", "kwargs"), LAYERS)
def test_stateful_in_two_halves_is_stateless_in_one(layer, kwargs, rng):
    x = rng.normal(size=(forms.B, 6, forms.F)).astype("float32")
    whole = layer(2, return_sequences=True, **kwargs)
    expected = to_numpy(whole(x))
    halves = layer(2, return_sequences=True, stateful=True, **kwargs)
    halves.build((forms.B, 3, forms.F))
    halves.set_weights(whole.get_weights())
    for _ in range(2):  # and again after a reset
        got = np.concatenate([to_numpy(halves(x[:, :3])), to_numpy(halves(x[:, 3:]))], axis=1)
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
        halves.reset_state()


def test_stateful_needs_a_batch_size():
    with pytest.raises(ValueError, match="batch size"):
        PeepholeLSTM(2, stateful=True).build((None, 3, 3))


@pytest.mark.parametrize(("layer", "kwargs"), LAYERS)
def test_returned_state_starts_the_next_call(layer, kwargs, x):
    one = layer(2, return_state=True, **kwargs)
    expected = to_numpy(one(x))
    _, *state = one(x[:, :2])
    got = to_numpy(one(x[:, 2:], initial_state=state))
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("layer", "kwargs"), LAYERS)
def test_symbolic_shapes_and_dtypes_are_the_real_ones(layer, kwargs, x):
    for options in ({}, {"return_sequences": True}, {"return_sequences": True, "return_state": True}):
        inputs = keras.Input((None, forms.F))
        outputs = keras.tree.flatten(layer(2, **options, **kwargs)(inputs))
        model = keras.Model(inputs, outputs)
        for symbolic, real in zip(outputs, keras.tree.flatten(model(x)), strict=True):
            assert len(symbolic.shape) == len(real.shape)
            assert all(s in (None, r) for s, r in zip(symbolic.shape, real.shape, strict=True))
            assert symbolic.dtype == keras.backend.standardize_dtype(real.dtype)


def test_dropout_is_for_training_alone_and_drops_the_same_at_every_step(x):
    layer = GRU(2, dropout=0.5, seed=1, return_sequences=True, recurrent_initializer="zeros")
    np.testing.assert_array_equal(to_numpy(layer(x)), to_numpy(layer(x)))
    assert np.abs(to_numpy(layer(x, training=True)) - to_numpy(layer(x))).max() > 1e-3
    # Without recurrence a step depends on its own input: with equal inputs, and one mask for all
    # steps, what differs from step to step is the decay alone, and the last steps agree.
    constant = np.repeat(x[:, :1], 200, axis=1)
    y = to_numpy(layer(constant, training=True))
    np.testing.assert_allclose(y[:, -1], y[:, -2], atol=1e-4)


def test_a_random_bias_has_no_numbers_twice_beside_the_open_forget_gate():
    cell = PeepholeLSTMCell(4, bias_initializer=keras.initializers.RandomNormal(seed=3))
    cell.build((None, 2))
    b_i, b_f, b_c, b_o = np.split(to_numpy(cell.bias), 4)
    assert np.array_equal(b_f, np.ones(4)) and len(np.unique([b_i, b_c, b_o])) == 12


def test_regularizers_and_constraints_reach_their_weights(x):
    layer = PeepholeLSTM(
        2,
        peephole_initializer="ones",
        peephole_regularizer=keras.regularizers.L1(0.5),
        kernel_regularizer=keras.regularizers.L2(0.1),
        peephole_constraint=keras.constraints.MaxNorm(0.1),
    )
    layer(x)
    kernel = layer.get_weights()[0]
    got = sum(float(loss) for loss in layer.losses)
    np.testing.assert_allclose(got, 0.5 * 6 + 0.1 * np.sum(kernel**2), rtol=1e-5)
    projected = to_numpy(layer.cell.peephole_kernel.constraint(layer.cell.peephole_kernel.value))
    assert np.linalg.norm(projected, axis=0).max() < 0.1001


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize(("layer", "kwargs"), LAYERS)
def test_mixed_precision_computes_low_and_keeps_its_weights_high(layer, kwargs, policy, x):
    one = layer(2, dtype=policy, return_state=True, **kwargs)
    outputs = one(x)
    assert {keras.backend.standardize_dtype(y.dtype) for y in outputs} == {policy.split("_")[1]}
    assert {w.dtype for w in one.weights if "seed" not in w.path} == {"float32"}
    exact = layer(2, return_state=True, **kwargs)
    exact.build(x.shape)
    exact.set_weights(one.get_weights())
    for low, high in zip(outputs, exact(x), strict=True):
        np.testing.assert_allclose(
            to_numpy(keras.ops.cast(low, "float32")), to_numpy(high), rtol=5e-2, atol=2e-2
        )


def defaults(layer):
    """The arguments that a layer takes by their place, with their defaults, in order."""
    parameters = inspect.signature(layer).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}


# Keras's own arguments by their place: `reset_after=True` stands where the kit has `reset_gate`.
KERAS_GRU, KERAS_GRU_CELL = defaults(keras.layers.GRU), defaults(keras.layers.GRUCell)


@pytest.mark.parametrize("kind", [PeepholeLSTM, GRU])
def test_masks_are_supported_whatever_keras_next_recurrent_layer_says(kind, monkeypatch):
    init = keras.layers.RNN.__init__

    def next_release(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.supports_masking = False

    monkeypatch.setattr(keras.layers.RNN, "__init__", next_release)
    assert kind(2).supports_masking
    ids = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])
    embedding = keras.layers.Embedding(4, 2, mask_zero=True)
    model = keras.Sequential([embedding, kind(2, return_sequences=True), kind(2)])
    np.testing.assert_allclose(to_numpy(model(ids)), to_numpy(model(ids[:, :2])), atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PeepholeLSTM(0), "units"),
        (lambda: GRU(-1), "units"),
        (lambda: GRU(2, reset_gate="later"), "reset_gate"),
        (lambda: GRU(2, update_gate=None), "update_gate"),
        (lambda: GRU(2, reset_after=True), "reset_gate='after'"),
        (lambda: GRUCell(2, reset_after=False), "reset_gate='before'"),
        (lambda: PeepholeLSTM(2, fused=True), "fused"),
        (lambda: PeepholeLSTM(2, use_cudnn="never"), "use_cudnn"),
        (lambda: GRU(2, *list(KERAS_GRU.values())[1:-1]), "reset_gate='after'"),
        (lambda: GRUCell(2, *list(KERAS_GRU_CELL.values())[1:-1]), "reset_gate='after'"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.slow
def test_a_fit_learns(rng):
    """Remember the first of five inputs: a task that only a memory solves."""
    x = rng.normal(size=(64, 5, 1)).astype("float32")
    model = keras.Sequential([keras.Input((None, 1)), PeepholeLSTM(8), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    losses = model.fit(x, x[:, 0], epochs=40, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.2 * losses[0]
    peepholes = model.layers[0].cell.peephole_kernel
    assert np.abs(to_numpy(peepholes.value)).min() > 0  # the peepholes were trained too


def test_clone_model_makes_an_equal_model_with_weights_of_its_own(x):
    model = keras.Sequential(
        [
            keras.Input((None, forms.F)),
            keras.layers.Bidirectional(PeepholeLSTM(2, return_sequences=True)),
            GRU(2, reset_gate="before"),
        ]
    )
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(to_numpy(clone(x)), to_numpy(model(x)), rtol=1e-6)
    assert not {id(w) for w in clone.weights} & {id(w) for w in model.weights}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_kerass_own_layer_checks_pass(form):
    """`run_layer_test`: build, call, symbolic call, config, saving, training, mixed precision."""
    from keras.src.testing import TestCase

    layer_class, _, form_kwargs, _, _ = FORMS[form]
    weights = 4 if form == "lstm" else 3
    TestCase().run_layer_test(
        layer_class,
        init_kwargs={"units": 3, "dropout": 0.5, "recurrent_dropout": 0.5, **form_kwargs},
        input_shape=(3, 2, 4),
        call_kwargs={"training": True},
        expected_output_shape=(3, 3),
        expected_num_trainable_weights=weights,
        expected_num_non_trainable_weights=0,
        expected_num_non_trainable_variables=1,
        supports_masking=True,
    )
    TestCase().run_layer_test(
        layer_class,
        init_kwargs={"units": 3, "return_sequences": True, "return_state": False, **form_kwargs},
        input_shape=(3, 2, 4),
        expected_output_shape=(3, 2, 3),
        expected_num_trainable_weights=weights,
        expected_num_non_trainable_weights=0,
        supports_masking=True,
    )
