"""The attention cell and its layer: the papers' equations in NumPy, gradients, masks, saving."""

import itertools

import forms
import keras
import numpy as np
import oracles
import pytest
from forms import to_numpy
from keras import layers
from oracles import ACTIVATIONS
from test_layer_equations import _gradients as gradients

import rnn_kit
from rnn_kit.layers import AttentionCell, AttentionRNN

pytestmark = pytest.mark.backends

B, T, F, S, U = forms.B, forms.T, forms.F, 6, 3
JAX = keras.backend.backend() == "jax"
TENSORFLOW = keras.backend.backend() == "tensorflow"
WAYS = {
    "bahdanau": {},
    "hidden layer of 4 with a bias": {"units": 4, "use_bias": True},
    "luong, dot": {"attention": "dot", "context": "output"},
    "luong, general": {"attention": "general", "context": "output"},
    "xu": {"units": 4, "use_bias": True, "gated": True, "context": "both"},
    "general, gated": {"attention": "general", "gated": True},
}
MEMORY_MASKS = {
    "none": None,
    "right": np.arange(S) < np.array([[6], [3], [1], [4]]),
    "holes": np.array([[1, 0, 1, 0, 1, 1], [0, 1, 1, 0, 0, 0], [1] * 6, [0, 0, 1, 0, 1, 0]], bool),
    "empty row": np.arange(S) < np.array([[6], [0], [2], [4]]),
}


def tensor(array):
    return keras.ops.convert_to_tensor(array, dtype="bool" if array.dtype == bool else forms.DTYPE)


def memory_size(way):
    return U if WAYS[way].get("attention") == "dot" else 5


def build(way, rng, cell=layers.GRUCell, batch=B, **kwargs):
    """A layer with random weights."""
    cell = AttentionCell(cell(U, dtype=forms.DTYPE), dtype=forms.DTYPE, **WAYS[way])
    layer = AttentionRNN(cell, dtype=forms.DTYPE, **kwargs)
    layer.build((batch, T, F), (batch, S, memory_size(way)))
    forms.randomize(layer, rng)
    return layer


def data(way, rng):
    """Sequences, memory and a first state."""
    shapes = (B, T, F), (B, S, memory_size(way)), (B, U)
    return [rng.normal(0, 0.8, shape) for shape in shapes]


def looked(q, memory, mask, weights, attention, use_bias, gated):
    """Energies, softmax and context of a query, in NumPy, from the weights in the docstring's order."""
    weights = list(weights)
    if attention == "dot":
        energies = np.einsum("bu,bsu->bs", q, memory)
    elif attention == "general":
        energies = np.einsum("bu,bsd,du->bs", q, memory, weights.pop(0))
    else:
        w_m, w_q = weights.pop(0), weights.pop(0)
        bias = weights.pop(0) if use_bias else 0
        energies = np.tanh(memory @ w_m + (q @ w_q)[:, None] + bias) @ weights.pop(0)
    alpha = np.zeros_like(energies)
    for row in range(len(alpha)):
        seen = np.ones(S, bool) if mask is None else mask[row]
        if seen.any():
            exponentials = np.exp(energies[row][seen])
            alpha[row, seen] = exponentials / exponentials.sum()
    z = np.einsum("bs,bsd->bd", alpha, memory)
    if gated:
        z *= ACTIVATIONS["sigmoid"](q @ weights[0] + weights[1])[:, None]
    return z, alpha


def oracle_step(way, all_weights, memory, mask):
    """One step of a GRU of Keras with attention: y and α side by side, and the new state."""
    way = {"attention": "additive", "context": "input", "use_bias": False, "gated": False} | WAYS[way]
    of_cell, of_attention = all_weights[:3], all_weights[3:]
    about = way["attention"], way["use_bias"], way["gated"]

    def step(x, states):
        if way["context"] == "output":
            h, states = oracles.gru_step(x, states, of_cell)
            z, alpha = looked(h, memory, mask, of_attention, *about)
        else:
            z, alpha = looked(states[0], memory, mask, of_attention, *about)
            h, states = oracles.gru_step(np.concatenate([x, z], -1), states, of_cell)
        y = h if way["context"] == "input" else np.concatenate([h, z], -1)
        return np.concatenate([y, alpha], -1), states

    return step


def weights_of(layer):
    """The cell's weights first, then those of the attention, as the docstring lists them."""
    cell = layer.cell
    inner = {id(w) for w in cell.cell.weights}
    return [
        *[to_numpy(w.value) for w in cell.cell.weights],
        *[to_numpy(w.value) for w in cell.weights if id(w) not in inner],
    ]


@pytest.mark.parametrize("memory_mask", MEMORY_MASKS)
@pytest.mark.parametrize("way", WAYS)
def test_oracle_cell_takes_one_step_from_a_state_that_is_not_zero(way, memory_mask, rng):
    layer = build(way, rng)
    x, memory, h = data(way, rng)
    mask = MEMORY_MASKS[memory_mask]
    constants = layer.cell.constants(tensor(memory), None if mask is None else tensor(mask))
    y, alpha, states = layer.cell.weighted(tensor(x[:, 0]), [tensor(h)], constants)
    expected, expected_states = oracle_step(way, weights_of(layer), memory, mask)(x[:, 0], [h])
    np.testing.assert_allclose(
        np.concatenate([to_numpy(y), to_numpy(alpha)], -1), expected, **forms.EXACT
    )
    np.testing.assert_allclose(to_numpy(states[0]), expected_states[0], **forms.EXACT)


LOOPS = {  # way, masks of sequences and memory, and how the loop goes
    "plain": ("bahdanau", "none", "none", {}),
    "padded": ("bahdanau", "right", "right", {}),
    "holes": ("xu", "holes", "empty row", {}),
    "backwards": ("luong, dot", "right", "right", {"go_backwards": True}),
    "empty row": ("luong, general", "empty-row", "holes", {}),
    "unrolled": ("hidden layer of 4 with a bias", "left", "right", {"unroll": True}),
    "zeros": ("bahdanau", "holes", "none", {"zero_output_for_mask": True}),
}


@pytest.mark.parametrize("name", LOOPS)
def test_oracle_layer_runs_a_sequence(name, rng):
    way, mask, memory_mask, loop = LOOPS[name]
    layer = build(
        way,
        rng,
        return_sequences=True,
        return_state=True,
        return_attention_weights=True,
        **loop,
    )
    x, memory, h = data(way, rng)
    masks = forms.MASKS[mask], MEMORY_MASKS[memory_mask]
    given = {
        name: None if value is None else tensor(value)
        for name, value in zip(("mask", "memory_mask"), masks, strict=True)
    }
    y, alpha, state = layer(tensor(x), tensor(memory), initial_state=[tensor(h)], **given)
    step = oracle_step(way, weights_of(layer), memory, masks[1])
    zero_output = loop.get("zero_output_for_mask", False)
    outputs, states = run(step, x, h, masks[0], loop.get("go_backwards", False), zero_output)
    size = layer.cell.output_size
    for ours, theirs in ((y, outputs[..., :size]), (alpha, outputs[..., size:])):
        np.testing.assert_allclose(to_numpy(ours), theirs, **forms.EXACT)
    np.testing.assert_allclose(to_numpy(state), states[0], **forms.EXACT)


def run(step, x, h, mask, go_backwards=False, zero_output=False):
    """`oracles.run`, of outputs that are larger than the state."""
    outputs, states, output = [], [h], 0
    order = range(T)[::-1] if go_backwards else range(T)
    for t in order:
        y, new = step(x[:, t], states)
        seen = np.ones((B, 1), bool) if mask is None else mask[:, t, None]
        output = np.where(seen, y, output * (not zero_output))
        states = [np.where(seen, a, b) for a, b in zip(new, states, strict=True)]
        outputs.append(output)
    return np.stack(outputs, axis=1), states


@pytest.mark.parametrize("way", WAYS)
def test_oracle_gradients_are_central_differences(way, rng):
    layer = build(way, rng, return_sequences=True, return_state=True)
    x, memory, h = data(way, rng)
    mask = MEMORY_MASKS["empty row"]
    weight_of_output = rng.normal(size=(B, T, layer.cell.output_size))
    ids = [id(w) for w in layer.trainable_weights]
    order = [ids.index(id(w)) for w in _ordered(layer)]

    class Bound:
        """The layer as a function of sequences and states, of which the memory is one."""

        trainable_weights = layer.trainable_weights

        def __call__(self, x, initial_state, mask):
            h, memory = initial_state
            return layer(x, memory, initial_state=[h], memory_mask=tensor(memory_mask))

    memory_mask = mask
    size = layer.cell.output_size

    def loss(x, h, memory, *weights):
        step = oracle_step(way, list(weights), memory, mask)
        outputs, last = run(step, x, h, None)
        return np.sum(outputs[..., :size] * weight_of_output) + np.sum(last[0] ** 2)

    weights = [w.astype("float64") for w in weights_of(layer)]
    expected = oracles.central_differences(loss, [x, h, memory, *weights])
    ours = gradients(Bound(), x, [h, memory], None, weight_of_output)
    found = [*ours[:3], *[ours[3 + index] for index in order]]
    for gradient, difference in zip(found, expected, strict=True):
        np.testing.assert_allclose(to_numpy(gradient), difference, **forms.GRADIENT)


def _ordered(layer):
    inner = {id(w) for w in layer.cell.cell.weights}
    return [*layer.cell.cell.weights, *[w for w in layer.cell.weights if id(w) not in inner]]


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_with_a_memory_of_nothing_it_is_the_layer_of_keras(kind, rng):
    """A memory that is masked as a whole gives a context of zeros: the rest is the cell."""
    cell = getattr(layers, f"{kind}Cell")(U)
    layer = AttentionRNN(AttentionCell(cell), return_sequences=True)
    x = rng.normal(size=(B, T, F)).astype("float32")
    memory = rng.normal(size=(B, S, 5)).astype("float32")
    ours = to_numpy(layer(x, memory, memory_mask=np.zeros((B, S), bool)))
    plain = getattr(layers, kind)(U, return_sequences=True)
    plain.build((B, T, F))
    kernel, *others = cell.get_weights()
    plain.set_weights([kernel[:F], *others])
    np.testing.assert_allclose(ours, to_numpy(plain(x)), atol=1e-6)


CELLS = {
    "peephole": lambda: rnn_kit.layers.PeepholeLSTMCell(U),
    "kit gru": lambda: rnn_kit.layers.GRUCell(U, reset_gate=None),
    "stack": lambda: layers.StackedRNNCells([layers.LSTMCell(4), layers.GRUCell(U)]),
    "stack of lstm": lambda: layers.StackedRNNCells([layers.GRUCell(4), layers.LSTMCell(U)]),
}


@pytest.mark.parametrize("cell", CELLS)
def test_any_cell_goes_in_is_saved_and_loaded_and_takes_any_batch(cell, rng, tmp_path):
    queries, memory = keras.Input((None, F)), keras.Input((None, 5))
    wrapped = AttentionCell(
        CELLS[cell](), "general", context="both", kernel_regularizer=keras.regularizers.L2(0.01)
    )
    layer = AttentionRNN(wrapped, return_sequences=True, return_attention_weights=True)
    y, alpha = layer(queries, memory)
    assert y.shape == (None, None, U + 5) and alpha.shape == (None, None, None)
    model = keras.Model([queries, memory], [y, alpha])
    x = [rng.normal(size=(2, n, d)).astype("float32") for n, d in ((4, F), (3, 5))]
    before = to_numpy(model(x))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for a, b in zip(to_numpy(loaded(x)), before, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert len(loaded.losses) == len(model.losses) == 1
    assert to_numpy(model([a[:1, :2] for a in x]))[1].shape == (1, 2, 2)


@pytest.mark.parametrize("context", ["input", "output", "both"])
def test_the_topmost_cell_of_a_stack_looks(context, rng):
    """What the lower cells remember changes nothing of where the first step looks."""
    stack = layers.StackedRNNCells([layers.GRUCell(U), layers.GRUCell(U)])
    cell = AttentionCell(stack, "dot", context=context)
    layer = AttentionRNN(cell, return_attention_weights=True)
    x, memory, h = (rng.normal(size=s).astype("float32") for s in ((B, 1, F), (B, S, U), (B, U)))
    states = [h, h[::-1].copy()]
    _, alpha = layer(x, memory, initial_state=states)
    expected = rnn_kit.layers.AttentionCell(layers.GRUCell(U), "dot")
    expected.build((B, F), (B, S, U))
    query = states[-1]
    if context == "output":
        query = to_numpy(stack(x[:, 0], states)[0])
    _, theirs = expected.look(query, expected.constants(memory))
    np.testing.assert_allclose(to_numpy(alpha), to_numpy(theirs), atol=1e-6)


def translator(**kwargs):
    source, target = (keras.Input((None,), dtype="int32") for _ in range(2))
    memory = layers.Embedding(9, 4, mask_zero=True)(source)
    x = layers.Embedding(9, 4, mask_zero=True)(target)
    cell = AttentionCell(layers.GRUCell(U, **kwargs), context="both")
    x = AttentionRNN(cell, return_sequences=True)(x, memory)
    return keras.Model([source, target], layers.Dense(9)(x))


def test_padding_of_either_side_changes_nothing_and_needs_no_flag(rng):
    model = translator()
    source, target = rng.integers(1, 9, (2, 5)), rng.integers(1, 9, (2, 4))
    short = to_numpy(model([source, target]))
    padded = [np.pad(ids, [(0, 0), (0, 3)]) for ids in (source, target)]
    np.testing.assert_allclose(to_numpy(model(padded))[:, :4], short, atol=1e-6)
    other = to_numpy(model([source % 8 + 1, target]))
    assert np.abs(other - short).max() > 1e-4  # the memory matters


@pytest.mark.slow
def test_it_learns_to_say_what_stands_only_in_the_memory(rng):
    source = np.repeat(rng.integers(2, 9, (64, 1)), 3, axis=1)
    target = np.ones_like(source)  # which tells nothing
    model = translator()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss)
    model.fit([source, target], source, epochs=40, verbose=0)
    said = model.predict([source, target], verbose=0).argmax(-1)
    np.testing.assert_array_equal(said, source)


@pytest.mark.skipif(not TENSORFLOW, reason="tf.function is TensorFlow's")
def test_it_runs_in_a_graph_that_is_called_twice_with_other_lengths(rng):
    import tensorflow as tf

    model = translator()
    graph = tf.function(
        lambda source, target: model([source, target]),
        input_signature=[tf.TensorSpec([None, None], tf.int32)] * 2,
    )
    for batch, long, short in ((2, 5, 3), (3, 2, 6)):
        ids = rng.integers(1, 9, (batch, long)), rng.integers(1, 9, (batch, short))
        ids = [tf.constant(i, tf.int32) for i in ids]
        np.testing.assert_allclose(graph(*ids), model(list(ids)), atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_word_by_word_with_the_cells_constants_it_says_what_it_says_of_a_sequence(way, rng):
    layer = build(way, rng, return_sequences=True, return_state=True, return_attention_weights=True)
    sequences, memory, h = map(tensor, data(way, rng))
    mask = tensor(MEMORY_MASKS["holes"])
    outputs, weights, last = layer(sequences, memory, initial_state=[h], memory_mask=mask)
    constants = layer.cell.constants(memory, mask)
    for step in range(T):
        word = sequences[:, step : step + 1]
        output, looked, h = layer(word, constants, initial_state=[h])
        np.testing.assert_allclose(to_numpy(output[:, 0]), to_numpy(outputs[:, step]), atol=1e-6)
        np.testing.assert_allclose(to_numpy(looked[:, 0]), to_numpy(weights[:, step]), atol=1e-6)
    np.testing.assert_allclose(to_numpy(h), to_numpy(last), atol=1e-6)


@pytest.mark.parametrize("context", ["input", "output", "both"])
def test_the_shape_of_the_output_is_known_before_the_weights_are(context):
    def layer():
        cell = AttentionCell(layers.GRUCell(U), context=context)
        return AttentionRNN(cell, return_sequences=True, return_attention_weights=True)

    inputs = keras.Input((T, F)), keras.Input((S, 5))
    foretold = layer().compute_output_shape((B, T, F), (B, S, 5))
    made = [tuple(output.shape) for output in layer()(*inputs)]
    assert [shape[1:] for shape in foretold] == [shape[1:] for shape in made]


def test_half_precision_looks_where_full_precision_does(rng):
    x, memory = (rng.normal(size=s).astype("float32") for s in ((B, T, F), (B, S, 5)))
    mask = MEMORY_MASKS["empty row"]
    full = AttentionRNN(AttentionCell(layers.GRUCell(U)), return_sequences=True)
    expected = to_numpy(full(x, memory, memory_mask=mask))
    policy = "mixed_bfloat16"
    cell = AttentionCell(layers.GRUCell(U, dtype=policy), dtype=policy)
    half = AttentionRNN(cell, return_sequences=True, dtype=policy)
    half.build(x.shape, memory.shape)
    half.set_weights(full.get_weights())
    ours = half(x, memory, memory_mask=mask)
    assert keras.backend.standardize_dtype(ours.dtype) == "bfloat16"
    assert all(keras.backend.standardize_dtype(w.dtype) == "float32" for w in half.weights)
    np.testing.assert_allclose(to_numpy(keras.ops.cast(ours, "float32")), expected, atol=0.05)


def test_a_stateful_layer_goes_on_where_it_ended(rng):
    x = rng.normal(size=(B, 4, F)).astype("float32")
    memory = rng.normal(size=(B, S, 5)).astype("float32")
    whole = AttentionRNN(AttentionCell(layers.LSTMCell(U)), return_sequences=True)
    expected = to_numpy(whole(x, memory))
    cell = AttentionCell(layers.LSTMCell(U))
    stateful = AttentionRNN(cell, return_sequences=True, stateful=True)
    stateful.build((B, 2, F), (B, S, 5))
    stateful.set_weights([*whole.get_weights()])
    for start in (0, 2):
        ours = to_numpy(stateful(x[:, start : start + 2], memory))
        np.testing.assert_allclose(ours, expected[:, start : start + 2], atol=1e-6)


def test_the_cells_dropout_drops_the_same_units_at_every_step():
    cell = AttentionCell(layers.SimpleRNNCell(16, activation="linear", dropout=0.5, seed=1))
    layer = AttentionRNN(cell, return_sequences=True)
    x, memory = np.ones((2, 4, 8), "float32"), np.ones((2, S, 8), "float32")
    layer(x, memory)
    kernel, recurrent, *others = cell.cell.get_weights()
    cell.cell.set_weights([np.eye(*kernel.shape), np.zeros_like(recurrent), *others])
    y = to_numpy(layer(x, memory, training=True))
    assert set(np.unique(y.round(4))) == {0.0, 2.0}
    np.testing.assert_array_equal(y, np.repeat(y[:, :1], 4, axis=1))


def test_what_cannot_be_is_said(rng):
    with pytest.raises(ValueError, match="`attention` must be one of"):
        AttentionCell(layers.GRUCell(U), "luong")
    with pytest.raises(ValueError, match="`context` must be one of"):
        AttentionCell(layers.GRUCell(U), context="between")
    with pytest.raises(ValueError, match="`cell` must be a recurrent cell"):
        AttentionCell(layers.GRU(U))
    with pytest.raises(ValueError, match="`units` is the size of the hidden layer"):
        AttentionCell(layers.GRUCell(U), "dot", units=3)
    x, memory = np.zeros((B, T, F), "float32"), np.zeros((B, S, 5), "float32")
    with pytest.raises(ValueError, match="a hidden state of 3, a memory of 5"):
        AttentionRNN(AttentionCell(layers.GRUCell(U), "dot"))(x, memory)
    with pytest.raises(ValueError, match=r"rnn_kit\.layers\.AttentionRNN"):
        layers.RNN(AttentionCell(layers.GRUCell(U)))(x)


def test_every_combination_of_arguments_comes_back_from_its_config():
    for attention, context, gated in itertools.product(
        ("additive", "dot", "general"), ("input", "output", "both"), (False, True)
    ):
        cell = AttentionCell(layers.LSTMCell(U), attention, context=context, gated=gated, use_bias=True)
        layer = AttentionRNN(cell, return_state=True, return_attention_weights=True)
        again = AttentionRNN.from_config(layer.get_config())
        assert again.get_config() == layer.get_config()
        assert (again.cell.attention, again.cell.context) == (attention, context)
