"""The wrapper that starts a recurrent layer from a state that is learned."""

import keras
import numpy as np
import pytest
from forms import to_numpy
from keras import layers

import rnn_kit
from rnn_kit.layers import LearnedInitialState

pytestmark = pytest.mark.backends

KINDS = {
    "lstm": layers.LSTM,
    "gru": layers.GRU,
    "simple": layers.SimpleRNN,
    "peephole": rnn_kit.layers.PeepholeLSTM,
    "kit_gru": rnn_kit.layers.GRU,
    "stacked": lambda units, **kwargs: layers.RNN(
        [layers.LSTMCell(units), layers.GRUCell(units)], **kwargs
    ),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture
def x(rng):
    return rng.normal(size=(3, 5, 2)).astype("float32")


def test_from_zeros_it_is_the_layer_itself(kind, x):
    layer = kind(4, return_sequences=True)
    wrapped = LearnedInitialState(layer)
    ours = to_numpy(wrapped(x))
    np.testing.assert_array_equal(ours, to_numpy(layer(x)))
    assert wrapped.compute_output_shape(x.shape) == ours.shape


def test_it_starts_every_row_from_its_weights(kind, x, rng):
    layer = kind(4)
    wrapped = LearnedInitialState(layer)
    wrapped(x)
    values = [rng.normal(size=w.shape).astype("float32") for w in wrapped.initial_states]
    for weight, value in zip(wrapped.initial_states, values, strict=True):
        weight.assign(value)
    rows = [np.tile(value, (3, 1)) for value in values]
    given = keras.tree.pack_sequence_as(layer.get_initial_state(1), rows)
    np.testing.assert_allclose(to_numpy(wrapped(x)), to_numpy(layer(x, initial_state=given)), atol=1e-6)


def test_an_initial_state_that_is_given_wins(x, rng):
    layer = layers.GRU(4)
    wrapped = LearnedInitialState(layer, initializer="ones")
    given = rng.normal(size=(3, 4)).astype("float32")
    ours = to_numpy(wrapped(x, initial_state=[given]))
    np.testing.assert_allclose(ours, to_numpy(layer(x, initial_state=[given])), atol=1e-6)
    assert not np.allclose(ours, to_numpy(wrapped(x)))


def test_a_mask_reaches_the_layer_and_what_comes_after(x):
    ids = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [1, 1, 2, 2]])
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(4, 2, mask_zero=True),
            LearnedInitialState(layers.LSTM(4, return_sequences=True), initializer="ones"),
            layers.LSTM(2),
        ]
    )
    short = to_numpy(model(ids[:2, :2]))
    np.testing.assert_allclose(to_numpy(model(ids))[:2], short, atol=1e-6)


@pytest.mark.slow
def test_training_moves_the_initial_state_to_where_it_is_needed():
    # All inputs are zero: only the initial state can make the first output anything else.
    layer = LearnedInitialState(layers.SimpleRNN(2, use_bias=False, return_sequences=True))
    model = keras.Sequential([keras.Input((3, 1)), layer])
    target = np.tile([[0.6, -0.4]], (8, 1))

    def first_output(y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_pred[:, 0] - y_true))

    model.compile(keras.optimizers.Adam(0.05), first_output)
    x = np.zeros((8, 3, 1), "float32")
    model.fit(x, target, epochs=150, verbose=0)
    np.testing.assert_allclose(to_numpy(model(x))[:, 0], target, atol=0.02)
    assert np.abs(to_numpy(layer.initial_states[0])).max() > 0.1


def test_it_is_saved_and_loaded_with_its_states(kind, x, rng, tmp_path):
    regularizer = keras.regularizers.L2(0.01)
    wrapped = LearnedInitialState(kind(4, return_sequences=True), "ones", regularizer)
    model = keras.Sequential([keras.Input((None, 2)), wrapped, layers.Dense(1)])
    for weight in wrapped.initial_states:
        weight.assign(rng.normal(size=weight.shape))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(to_numpy(loaded(x)), to_numpy(model(x)), atol=1e-6)
    assert type(loaded.layers[0].initializer) is keras.initializers.Ones
    assert float(loaded.layers[0].regularizer.l2) == pytest.approx(0.01)
    assert len(loaded.losses) == len(wrapped.initial_states)


def test_it_goes_into_functional_models_with_any_batch_and_length(kind):
    inputs = keras.Input((None, 2))
    model = keras.Model(inputs, LearnedInitialState(kind(4, return_sequences=True))(inputs))
    assert model.output_shape == (None, None, 4)
    for shape in ((1, 3, 2), (6, 2, 2)):
        assert to_numpy(model(np.ones(shape, "float32"))).shape == (*shape[:2], 4)


SEEDED = {
    "name": lambda: "random_normal",
    "seeded": lambda: keras.initializers.RandomNormal(seed=3),
    "generator": lambda: keras.initializers.RandomNormal(seed=keras.random.SeedGenerator(3)),
    "scaled": lambda: keras.initializers.VarianceScaling(distribution="uniform", seed=3),
}


@pytest.mark.parametrize("initializer", SEEDED)
@pytest.mark.parametrize("name", ["lstm", "stacked"])
def test_every_state_draws_numbers_of_its_own_and_a_seed_fixes_them(name, initializer):
    def drawn():
        wrapped = LearnedInitialState(KINDS[name](4), SEEDED[initializer]())
        wrapped.build((None, None, 2))
        return np.stack([to_numpy(w) for w in wrapped.initial_states])

    first, second = drawn(), drawn()
    assert len(np.unique(first)) == first.size
    assert np.array_equal(first, second) is (initializer != "name")


def test_a_function_as_initializer_is_called_for_every_state():
    wrapped = LearnedInitialState(layers.LSTM(2), lambda shape, dtype=None: keras.ops.full(shape, 0.5))
    wrapped.build((None, None, 2))
    assert all(np.array_equal(to_numpy(w), [0.5, 0.5]) for w in wrapped.initial_states)


def test_what_has_no_initial_state_to_learn_is_refused():
    with pytest.raises(ValueError, match="must be a recurrent layer"):
        LearnedInitialState(layers.Dense(3))
    with pytest.raises(ValueError, match="'carrying' is stateful"):
        LearnedInitialState(layers.LSTM(3, stateful=True, name="carrying"))


def test_an_initializer_without_a_config_of_its_own_is_taken_as_it_is():
    class Constant(keras.initializers.Initializer):
        def __init__(self, value):
            self.value = value

        def __call__(self, shape, dtype=None):
            return keras.ops.full(shape, self.value, dtype)

    layer = LearnedInitialState(keras.layers.LSTM(2), initializer=Constant(3.0))
    layer.build((None, None, 1))
    assert [to_numpy(w).tolist() for w in layer.initial_states] == [[3.0, 3.0]] * 2
