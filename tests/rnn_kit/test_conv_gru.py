"""The convolutional GRU: its equations in NumPy, its gradient, and its reduction to the GRU."""

import itertools

import keras
import numpy as np
import pytest
from forms import to_numpy
from marks import slow_but

from rnn_kit.layers import GRU, ConvGRU1D, ConvGRU2D, ConvGRU3D, ConvGRUCell

pytestmark = pytest.mark.backends
TENSORFLOW = keras.backend.backend() == "tensorflow"
B, T, SIZE, C, F = 2, 3, (4, 5), 2, 3
FORMS = list(itertools.product(("after", "before", None), ("keep", "write")))
LAYERS = {1: ConvGRU1D, 2: ConvGRU2D, 3: ConvGRU3D}
LECTURE = {"reset_gate": "before", "update_gate": "write"}


def randomized(layer, rng, shape):
    layer.build(shape)
    for weight in layer.weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return layer


def convolve(x, kernel):
    """What a "same" convolution with an odd window is, by its definition: `(B, H, W, C)`."""
    height, width = kernel.shape[:2]
    padded = np.pad(x, ((0, 0), (height // 2, height // 2), (width // 2, width // 2), (0, 0)))
    out = np.zeros((*x.shape[:3], kernel.shape[3]))
    for i, j in np.ndindex(x.shape[1:3]):
        window = padded[:, i : i + height, j : j + width]
        out[:, i, j] = np.einsum("bhwc,hwco->bo", window, kernel)
    return out


def oracle_step(x, h, weights, reset_gate, update_gate):
    """The docstring's equations, a gate at a time."""
    kernel, recurrent, bias = (to_numpy(weight).astype("float64") for weight in weights)

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    gates = 2 if reset_gate is None else 3
    w, u = np.split(kernel, gates, -1), np.split(recurrent, gates, -1)
    b, d = bias if reset_gate == "after" else (bias, np.zeros_like(bias))
    b, d = np.split(b, gates), np.split(d, gates)
    z = sigmoid(convolve(x, w[0]) + b[0] + convolve(h, u[0]) + d[0])
    if reset_gate is None:
        candidate = np.tanh(convolve(x, w[1]) + b[1] + convolve(h, u[1]))
    else:
        r = sigmoid(convolve(x, w[1]) + b[1] + convolve(h, u[1]) + d[1])
        if reset_gate == "after":
            candidate = np.tanh(convolve(x, w[2]) + b[2] + r * (convolve(h, u[2]) + d[2]))
        else:
            candidate = np.tanh(convolve(x, w[2]) + b[2] + convolve(r * h, u[2]))
    return z * h + (1 - z) * candidate if update_gate == "keep" else (1 - z) * h + z * candidate


@pytest.mark.parametrize(("reset_gate", "update_gate"), FORMS)
def test_oracle_layer_runs_a_masked_sequence_from_a_state_that_is_not_zero(
    reset_gate, update_gate, rng
):
    layer = ConvGRU2D(
        F, (3, 3), padding="same", return_sequences=True, return_state=True,
        reset_gate=reset_gate, update_gate=update_gate,
    )  # fmt: skip
    randomized(layer, rng, (B, T, *SIZE, C))
    x, h = rng.normal(size=(B, T, *SIZE, C)), rng.normal(size=(B, *SIZE, F))
    mask = np.array([[True, False, True], [False, True, True]])
    outputs, last = layer(x.astype("float32"), initial_state=[h.astype("float32")], mask=mask)
    for t in range(T):
        new = oracle_step(x[:, t], h, layer.weights, reset_gate, update_gate)
        h = np.where(mask[:, t, None, None, None], new, h)
        expected = h.copy()
        if t == 0:
            expected[1] = 0  # before the first step that counts there is no output to repeat
        np.testing.assert_allclose(to_numpy(outputs[:, t]), expected, atol=1e-5)
    np.testing.assert_allclose(to_numpy(last), h, atol=1e-5)


def test_images_of_one_pixel_make_it_the_gru_of_the_kit(rng):
    for reset_gate, update_gate in FORMS:
        form = {"reset_gate": reset_gate, "update_gate": update_gate}
        conv = randomized(ConvGRU2D(F, 1, **form), rng, (B, T, 1, 1, C))
        gru = GRU(F, **form)
        gru.build((B, T, C))
        weights = [to_numpy(weight) for weight in conv.weights]
        gru.set_weights([w.reshape(w.shape[2:]) if w.ndim == 4 else w for w in weights])
        x = rng.normal(size=(B, T, C)).astype("float32")
        got = to_numpy(conv(x[:, :, None, None]))[:, 0, 0]
        np.testing.assert_allclose(got, to_numpy(gru(x)), atol=1e-5)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_layer_is_its_cell_in_the_layer_of_keras(rank, rng):
    options = {"strides": 2, "padding": "valid", **LECTURE}
    shape = (B, T, *(7, 6, 5)[:rank], C)
    layer = randomized(LAYERS[rank](F, 2, return_sequences=True, **options), rng, shape)
    cell = ConvGRUCell(rank, F, 2, **options)
    plain = keras.layers.RNN(cell, return_sequences=True)
    x = rng.normal(size=shape).astype("float32")
    plain.build(shape)
    cell.set_weights([to_numpy(w) for w in layer.weights])
    np.testing.assert_allclose(to_numpy(layer(x)), to_numpy(plain(x)), atol=1e-5)
    assert layer.compute_output_shape(shape) == tuple(layer(x).shape)
    lstm = getattr(keras.layers, f"ConvLSTM{rank}D")(F, 2, strides=2, return_sequences=True)
    assert tuple(layer(x).shape) == tuple(lstm(x).shape)


def gradients(layer, x):
    """Of Σ sin(output), with respect to the weights."""
    weights = [w.value for w in layer.trainable_weights]
    if keras.backend.backend() == "jax":
        import jax

        def loss(weights):
            return jax.numpy.sin(layer.stateless_call(weights, non_trainable, x)[0]).sum()

        non_trainable = [v.value for v in layer.non_trainable_variables]
        return jax.grad(loss)(weights)
    if keras.backend.backend() == "torch":
        import torch

        return torch.autograd.grad(torch.sin(layer(x)).sum(), weights)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = tf.reduce_sum(tf.sin(layer(x)))
    return tape.gradient(value, weights)


@pytest.mark.parametrize("form", slow_but([("before", "write")], FORMS))
def test_gradients_are_central_differences(form, rng):
    layer = ConvGRU1D(2, 3, padding="same", reset_gate=form[0], update_gate=form[1])
    randomized(layer, rng, (B, T, 4, 1))
    x = rng.normal(size=(B, T, 4, 1)).astype("float32")
    for weight, gradient in zip(layer.trainable_weights, gradients(layer, x), strict=True):
        values, gradient = np.array(to_numpy(weight)), to_numpy(gradient)
        for at in list(np.ndindex(values.shape))[::3]:
            told = []
            for change in (1e-2, -1e-2):
                moved = values.copy()
                moved[at] += change
                weight.assign(moved)
                told.append(float(np.sin(to_numpy(layer(x))).sum()))
            weight.assign(values)
            np.testing.assert_allclose(gradient[at], (told[0] - told[1]) / 2e-2, atol=5e-3)


def test_a_stateful_layer_goes_on_where_it_ended(rng):
    shape = (B, T, *SIZE, C)
    whole = randomized(ConvGRU2D(F, 3, padding="same"), rng, shape)
    parts = ConvGRU2D(F, 3, padding="same", stateful=True)
    parts.build(shape)
    parts.set_weights([to_numpy(w) for w in whole.weights])
    x = rng.normal(size=(B, 2 * T, *SIZE, C)).astype("float32")
    parts(x[:, :T])
    np.testing.assert_allclose(to_numpy(parts(x[:, T:])), to_numpy(whole(x)), atol=1e-5)
    parts.reset_state()
    np.testing.assert_allclose(to_numpy(parts(x[:, :T])), to_numpy(whole(x[:, :T])), atol=1e-5)


@pytest.mark.skipif(TENSORFLOW, reason="TensorFlow has no channels_first convolution on a CPU")
def test_channels_first_is_channels_last_turned(rng):
    last = randomized(ConvGRU2D(F, 3, padding="same"), rng, (B, T, *SIZE, C))
    first = ConvGRU2D(F, 3, padding="same", data_format="channels_first")
    first.build((B, T, C, *SIZE))
    first.set_weights([to_numpy(w) for w in last.weights])
    x = rng.normal(size=(B, T, *SIZE, C)).astype("float32")
    turned = to_numpy(first(np.moveaxis(x, -1, 2)))
    np.testing.assert_allclose(np.moveaxis(turned, 1, -1), to_numpy(last(x)), atol=1e-5)


def test_dropout_drops_the_same_pixels_at_every_step_and_none_outside_of_training(rng):
    layer = ConvGRU2D(1, 1, dropout=0.5, seed=1, return_sequences=True, use_bias=False)
    randomized(layer, rng, (1, 4, *SIZE, 1))
    x = np.ones((1, 4, *SIZE, 1), "float32")
    steps = to_numpy(layer(x, training=True))[0, ..., 0]
    dropped = steps[0] == 0  # of zeros before, and no bias
    assert 0 < dropped.sum() < dropped.size
    for step in steps[1:]:
        np.testing.assert_array_equal(step == 0, dropped)
    assert (to_numpy(layer(x)) != 0).all()


@pytest.mark.parametrize("rank", slow_but([2], [1, 2, 3]))
def test_a_model_with_it_learns_and_is_saved(rank, rng, tmp_path):
    shape = (T, *(4, 5, 3)[:rank], 1)
    layer = LAYERS[rank](2, 3, padding="same", **LECTURE)
    model = keras.Sequential([keras.Input(shape), layer, keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    x = rng.normal(size=(16, *shape)).astype("float32")
    y = x[:, -1].reshape(16, -1).mean(-1)
    losses = model.fit(x, y, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(to_numpy(loaded(x)), to_numpy(model(x)), atol=1e-6)
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_half_precision_is_full_precision_to_its_rounding(rng):
    full = randomized(ConvGRU2D(F, 3, padding="same"), rng, (B, T, *SIZE, C))
    half = ConvGRU2D(F, 3, padding="same", dtype="mixed_bfloat16")
    half.build((B, T, *SIZE, C))
    half.set_weights([to_numpy(w) for w in full.weights])
    x = rng.normal(size=(B, T, *SIZE, C)).astype("float32")
    got = half(x)
    assert keras.backend.standardize_dtype(got.dtype) == "bfloat16"
    got = to_numpy(keras.ops.cast(got, "float32"))
    np.testing.assert_allclose(got, to_numpy(full(x)), atol=0.1)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: ConvGRUCell(4, 2, 3), "`rank` must be one of"),
        (lambda: ConvGRU2D(0, 3), "`filters` must be a positive integer"),
        (lambda: ConvGRU2D(2, (3, 3, 3)), "or 2 of them"),
        (lambda: ConvGRU2D(2, 3, padding="causal"), "`padding` must be one of"),
        (lambda: ConvGRU2D(2, 3, strides=2, dilation_rate=2), "may not both exceed 1"),
        (lambda: ConvGRU2D(2, 3, reset_gate="late"), "`reset_gate` must be one of"),
        (lambda: ConvGRU2D(2, 3).build((None, None, None, 5, 1)), "of known sizes"),
    ],
)
def test_what_cannot_be_is_said(make, told):
    with pytest.raises(ValueError, match=told):
        make()
