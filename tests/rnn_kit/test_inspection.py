"""States, gates and gradients over time are those of the layer that was looked into."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from marks import slow_but

import rnn_kit
from rnn_kit.inspection import gradients_over_time, recurrent_layers, states_over_time

LAYERS = {
    "lstm": layers.LSTM,
    "peephole": rnn_kit.layers.PeepholeLSTM,
    "gru": layers.GRU,
    "gru_before": lambda *a, **k: layers.GRU(*a, reset_after=False, **k),
    "kit_gru": rnn_kit.layers.GRU,
    "kit_gru_before": lambda *a, **k: rnn_kit.layers.GRU(*a, reset_gate="before", **k),
    "kit_gru_simplified": lambda *a, **k: rnn_kit.layers.GRU(*a, reset_gate=None, **k),
    "simple": layers.SimpleRNN,
}
PADDED = np.array([[3, 1, 2, 4, 0, 0], [1, 4, 2, 2, 3, 1], [0, 0, 1, 2, 3, 0]])


@pytest.fixture(params=LAYERS)
def kind(request):
    return LAYERS[request.param]


def with_random_weights(layer_or_model, rng):
    for weight in layer_or_model.weights:
        if "seed" not in weight.name:
            weight.assign(rng.normal(scale=0.5, size=weight.shape))


def reader(recurrent, rng, mask_zero=False):
    model = keras.Sequential(
        [keras.Input((None,), dtype="int32"), layers.Embedding(5, 3, mask_zero=mask_zero), recurrent]
    )
    with_random_weights(model, rng)
    return model


@pytest.mark.parametrize("mask_zero", slow_but([True], [False, True]))
@pytest.mark.parametrize("go_backwards", slow_but([False], [False, True]))
def test_hidden_states_are_what_the_layer_returns(kind, mask_zero, go_backwards, rng):
    layer = kind(4, return_sequences=True, go_backwards=go_backwards)
    model = reader(layer, rng, mask_zero)
    seen = states_over_time(model, PADDED)
    expected = model(PADDED).numpy()
    np.testing.assert_allclose(seen.outputs, expected, atol=1e-6)
    in_time = expected[:, ::-1] if go_backwards else expected
    np.testing.assert_allclose(seen.states["h"], in_time, atol=1e-6)


@pytest.mark.parametrize("kind", [layers.LSTM, rnn_kit.layers.PeepholeLSTM])
def test_cell_states_are_the_final_ones_of_every_prefix(kind, rng):
    layer = kind(4, return_state=True)
    model = reader(layer, rng)
    c = states_over_time(model, PADDED).states["c"]
    for length in range(1, 7):
        np.testing.assert_allclose(c[:, length - 1], model(PADDED[:, :length])[2], atol=1e-6)


def sigma(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("kind", [layers.LSTM, rnn_kit.layers.PeepholeLSTM])
@pytest.mark.parametrize("go_backwards", [False, True])
def test_an_lstm_of_these_gates_has_these_states(kind, go_backwards, rng):
    layer = kind(4, return_sequences=True, go_backwards=go_backwards)
    model = reader(layer, rng)
    seen = states_over_time(model, PADDED)
    order = slice(None, None, -1 if go_backwards else 1)
    h, c = (seen.states[name][:, order] for name in "hc")
    i, f, o = (seen.gates[name][:, order] for name in ("input", "forget", "output"))
    x = model.layers[0](PADDED).numpy()[:, order]
    h_tm1, c_tm1 = (np.pad(s, ((0, 0), (1, 0), (0, 0)))[:, :-1] for s in (h, c))
    here = slice(8, 12)  # the candidate's block of i, f, c, o
    kernel, recurrent, bias = (
        w.numpy() for w in (layer.cell.kernel, layer.cell.recurrent_kernel, layer.cell.bias)
    )
    g = np.tanh(x @ kernel[:, here] + h_tm1 @ recurrent[:, here] + bias[here])
    np.testing.assert_allclose(c, f * c_tm1 + i * g, atol=1e-5)
    np.testing.assert_allclose(h, o * np.tanh(c), atol=1e-5)


def test_gates_of_a_gru_are_the_equations_gates(rng):
    for name in ("gru", "gru_before", "kit_gru", "kit_gru_before", "kit_gru_simplified"):
        layer = LAYERS[name](4, return_sequences=True)
        model = reader(layer, rng)
        seen = states_over_time(model, PADDED)
        x = model.layers[0](PADDED).numpy()
        h_tm1 = np.pad(seen.states["h"], ((0, 0), (1, 0), (0, 0)))[:, :-1]
        kernel, recurrent = layer.cell.kernel.numpy(), layer.cell.recurrent_kernel.numpy()
        bias = layer.cell.bias.numpy().reshape(-1, kernel.shape[1]).sum(axis=0)
        expected = sigma(x @ kernel[:, :4] + h_tm1 @ recurrent[:, :4] + bias[:4])
        np.testing.assert_allclose(seen.gates["update"], expected, atol=1e-5)
        assert ("reset" in seen.gates) == (name != "kit_gru_simplified")
        if "reset" in seen.gates:
            expected = sigma(x @ kernel[:, 4:8] + h_tm1 @ recurrent[:, 4:8] + bias[4:8])
            np.testing.assert_allclose(seen.gates["reset"], expected, atol=1e-5)


def test_a_masked_position_keeps_the_state_and_has_no_gates(rng):
    seen = states_over_time(reader(layers.LSTM(4), rng, mask_zero=True), PADDED)
    for state in seen.states.values():
        np.testing.assert_array_equal(state[0, 4], state[0, 3])
        np.testing.assert_array_equal(state[2, :2], 0)
    for gate in seen.gates.values():
        assert np.isnan(gate[PADDED == 0]).all() and np.isfinite(gate[PADDED > 0]).all()


def test_layers_in_bidirectional_and_nested_models_are_found_and_read(rng):
    features = keras.Input((None, 3))
    two = layers.Bidirectional(layers.GRU(4, return_sequences=True, name="two"))
    inner = keras.Model(features, two(layers.Masking()(features)))
    ids = keras.Input((None,), dtype="int32")
    x = inner(layers.Embedding(5, 3, mask_zero=True)(ids))
    model = keras.Model(ids, layers.LSTM(2, name="top")(x))
    with_random_weights(model, rng)
    names = [layer.name for layer in recurrent_layers(model)]
    assert names == ["forward_two", "backward_two", "top"]
    both = inner(model.layers[1](PADDED)).numpy()
    expected = model(PADDED).numpy()
    for index, part in ((0, both[..., :4]), (1, both[..., 4:])):
        seen = states_over_time(model, PADDED, index)
        assert seen.layer == names[index]
        there = PADDED > 0  # `Bidirectional` puts out zeros elsewhere
        np.testing.assert_allclose(seen.states["h"][there], part[there], atol=1e-6)
        np.testing.assert_allclose(seen.outputs, expected, atol=1e-6)


def test_looking_leaves_the_model_as_it_was(rng):
    model = keras.Sequential(
        [
            keras.Input((None,), 3, dtype="int32"),
            layers.Embedding(5, 3),
            layers.Dropout(0.5),
            layers.LSTM(4, stateful=True, dropout=0.5),
        ]
    )
    with_random_weights(model, rng)
    model(PADDED)
    variables = [*model.variables, *model.layers[-1].states]
    before = [v.numpy() for v in variables]
    assert before[-1].any()
    states_over_time(model, PADDED)
    gradients_over_time(model, PADDED, ops.sum)
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert "inner_loop" not in vars(model.layers[-1])


def test_a_carried_state_is_where_reading_starts(rng):
    layer = layers.GRU(4, stateful=True, return_sequences=True)
    model = keras.Sequential([keras.Input((None, 2), 1), layer])
    with_random_weights(layer.cell, rng)
    x = rng.normal(size=(1, 6, 2)).astype("float32")
    whole = states_over_time(model, x).states["h"]
    model(x[:, :2])
    np.testing.assert_allclose(states_over_time(model, x[:, 2:]).states["h"], whole[:, 2:], atol=1e-6)


def test_a_cell_of_ones_own_is_read_by_numbered_states():
    class Counter(layers.Layer):
        """Counts steps in one state, and sums inputs in another."""

        state_size = (1, 2)
        output_size = 2

        def call(self, x, states):
            count, total = states
            return 2 * (total + x), [count + 1, total + x]

    model = keras.Sequential([keras.Input((None, 2)), layers.RNN(Counter(), return_sequences=True)])
    x = np.arange(8.0).reshape(1, 4, 2)
    seen = states_over_time(model, x)
    np.testing.assert_array_equal(seen.states["s0"][0, :, 0], [1, 2, 3, 4])
    np.testing.assert_array_equal(seen.states["s1"][0], np.cumsum(x[0], axis=0))
    np.testing.assert_array_equal(seen.outputs[0], 2 * np.cumsum(x[0], axis=0))
    assert seen.gates == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "peephole", "kit_gru", "simple"])
@pytest.mark.parametrize("go_backwards", [False, True])
def test_gradients_over_time_are_central_differences(name, go_backwards, rng):
    layer = LAYERS[name](
        3, return_sequences=True, return_state=True, go_backwards=go_backwards, dtype="float64"
    )
    inputs = keras.Input((None, 2), dtype="float64")
    model = keras.Model(inputs, layer(inputs)[0])
    with_random_weights(model, rng)
    x = rng.normal(size=(1, 5, 2))
    weights = rng.normal(size=(1, 5, 3))  # every step's output counts

    def loss(outputs):
        return ops.sum(outputs * weights)

    seen = gradients_over_time(model, x, loss)
    assert seen.loss == pytest.approx(float(loss(model(x))))
    read = x[:, ::-1] if go_backwards else x
    forward = LAYERS[name](3, return_sequences=True, return_state=True, dtype="float64")
    forward.build(x.shape)
    forward.set_weights(layer.get_weights())
    for t in range(5):
        _, *states = forward(read[:, : t + 1])
        for s, (_, gradient) in enumerate(seen.states.items()):
            for unit in range(3):
                values = []
                for step in (1e-6, -1e-6):
                    moved = [np.array(state) for state in states]
                    moved[s][0, unit] += step
                    value = float(np.sum(moved[0] * weights[:, t]))  # h(t) is what is put out at t
                    if t < 4:
                        rest = forward(read[:, t + 1 :], initial_state=moved)[0]
                        value += float(np.sum(rest * weights[:, t + 1 :]))
                    values.append(value)
                at = 4 - t if go_backwards else t
                expected = (values[0] - values[1]) / 2e-6
                assert gradient[0, at, unit] == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_norms_are_euclidean_and_zero_where_nothing_was_read(rng):
    model = reader(layers.LSTM(4), rng, mask_zero=True)
    seen = gradients_over_time(model, PADDED, ops.sum)
    np.testing.assert_allclose(seen.norms["c"], np.sqrt((seen.states["c"] ** 2).sum(-1)), rtol=1e-6)
    assert (seen.norms["h"][0, 4:] == 0).all() and (seen.norms["h"][0, :4] > 0).all()


def test_what_cannot_be_looked_into_is_refused_by_name(rng):
    dense = keras.Sequential([keras.Input((3,)), layers.Dense(2)], name="plain")
    with pytest.raises(ValueError, match="'plain' has no recurrent layer"):
        states_over_time(dense, np.zeros((1, 3)))
    two = keras.Sequential(
        [keras.Input((None, 2)), layers.GRU(2, return_sequences=True, name="low"), layers.GRU(2)]
    )
    with pytest.raises(ValueError, match="2 recurrent layers"):
        states_over_time(two, np.zeros((1, 3, 2)))
    for wrong in ("high", 2, -3):
        with pytest.raises(ValueError, match=r"no recurrent layer .*0: 'low'"):
            states_over_time(two, np.zeros((1, 3, 2)), wrong)

    class Mine(layers.GRU):
        def call(self, sequences, initial_state=None, mask=None, training=False):
            return super().call(sequences, initial_state, mask, training)

    own = keras.Sequential([keras.Input((None, 2)), Mine(2, name="mine")])
    with pytest.raises(ValueError, match="'mine'"):
        states_over_time(own, np.zeros((1, 3, 2)))

    x = keras.Input((None, 2))
    shared = layers.GRU(2, return_sequences=True)
    twice = keras.Model(x, shared(shared(x)))
    with pytest.raises(ValueError, match="2 times"):
        states_over_time(twice, np.zeros((1, 3, 2)))
    with pytest.raises(ValueError, match="scalar"):
        gradients_over_time(two, np.zeros((1, 3, 2)), lambda y: y, 0)
    with pytest.raises(ValueError, match="does not depend"):
        gradients_over_time(two, np.zeros((1, 3, 2)), lambda y: ops.convert_to_tensor(1.0), 0)
