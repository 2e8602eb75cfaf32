"""The layers around a recurrent one: a maximum over time without padding, and dropout of words."""

import keras
import numpy as np
import pytest
from forms import to_numpy
from keras import ops
from keras.src.testing import TestCase

from rnn_kit.layers import MaskedGlobalMaxPooling1D, WordDropout

pytestmark = pytest.mark.backends

L = keras.layers

MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1], [0, 0, 0, 0]], bool)
B, T, F = *MASK.shape, 3


@pytest.fixture
def x(rng):
    return rng.normal(size=(B, T, F)).astype("float32")


def masked_maximum(x, mask):
    """`(B, F)`: over the unmasked steps of each row, zeros where there is none."""
    rows = zip(x, mask, strict=True)
    return np.stack([row[its].max(axis=0) if its.any() else 0 * row[0] for row, its in rows])


def gradient(layer, x, mask):
    """Of the sum of the squares of the layer's output, in its input."""
    mask, backend = ops.convert_to_tensor(mask), keras.backend.backend()

    def loss(x):
        return ops.sum(ops.square(layer(x, mask=mask)))

    x = ops.convert_to_tensor(x)
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(x)
        return to_numpy(tape.gradient(value, x))
    if backend == "torch":
        import torch

        x = x.clone().requires_grad_()
        return to_numpy(torch.autograd.grad(loss(x), x)[0])
    import jax

    return to_numpy(jax.grad(loss)(x))


# The maximum over time


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_without_a_mask_it_is_kerass_own(data_format, keepdims, x):
    how = {"data_format": data_format, "keepdims": keepdims}
    got = MaskedGlobalMaxPooling1D(**how)(x)
    np.testing.assert_array_equal(to_numpy(got), to_numpy(L.GlobalMaxPooling1D(**how)(x)))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("shift", [0.0, 10.0, -1e6])
def test_a_maximum_is_over_the_steps_of_the_mask_alone(data_format, keepdims, shift, x):
    """Of negative values too, beside which a zero in a masked step's place would win."""
    x = x + np.float32(shift)
    expected = masked_maximum(x, MASK)
    time = 1
    if data_format == "channels_first":
        x, time = x.transpose(0, 2, 1), 2
    layer = MaskedGlobalMaxPooling1D(data_format, keepdims)
    got = to_numpy(layer(x, mask=ops.convert_to_tensor(MASK)))
    np.testing.assert_array_equal(got, np.expand_dims(expected, time) if keepdims else expected)


def test_a_mask_of_numbers_is_a_mask(x):
    got = MaskedGlobalMaxPooling1D()(x, mask=ops.convert_to_tensor(MASK.astype("int32")))
    np.testing.assert_array_equal(to_numpy(got), masked_maximum(x, MASK))


@pytest.mark.parametrize("rubbish", [np.nan, np.inf])
def test_what_stands_in_masked_steps_does_not_matter(rubbish, x):
    got = MaskedGlobalMaxPooling1D()(np.where(MASK[..., None], x, rubbish), mask=MASK)
    np.testing.assert_array_equal(to_numpy(got), masked_maximum(x, MASK))


@pytest.mark.parametrize("policy", ["float16", "mixed_float16", "mixed_bfloat16"])
def test_it_pools_in_half_precision(policy, x):
    x = x - np.float32(10)
    got = MaskedGlobalMaxPooling1D(dtype=policy)(x, mask=ops.convert_to_tensor(MASK))
    assert keras.backend.standardize_dtype(got.dtype) == policy.removeprefix("mixed_")
    got = to_numpy(ops.cast(got, "float32"))
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got, masked_maximum(x, MASK), rtol=1e-2)


def test_the_gradient_goes_to_the_greatest_steps_and_is_finite(x):
    """Of a row without any step it is zero, and no NaN of its infinities."""
    got = gradient(MaskedGlobalMaxPooling1D(), x, MASK)
    greatest = masked_maximum(x, MASK)[:, None]
    np.testing.assert_allclose(got, np.where(MASK[..., None] & (x == greatest), 2 * x, 0), rtol=1e-6)


def test_the_mask_ends_here(x):
    pooled = MaskedGlobalMaxPooling1D()
    assert pooled.compute_mask(x, MASK) is None
    ids = keras.Input((None,), dtype="int32")
    outputs = pooled(L.Embedding(9, 4, mask_zero=True)(ids))
    assert getattr(outputs, "_keras_mask", None) is None


def test_padding_does_not_change_what_a_recurrent_layer_found(rng):
    ids = keras.Input((None,), dtype="int32")
    states = L.Bidirectional(L.GRU(8, return_sequences=True))(L.Embedding(20, 5, mask_zero=True)(ids))
    model = keras.Model(ids, [MaskedGlobalMaxPooling1D()(states), L.GlobalMaxPooling1D()(states)])
    x = rng.integers(1, 20, (6, 7))
    alone, others_alone = model.predict_on_batch(x)
    padded, others_padded = model.predict_on_batch(np.pad(x, [(0, 0), (0, 5)]))
    np.testing.assert_allclose(padded, alone, atol=1e-6)
    assert np.abs(others_padded - others_alone).max() > 1e-3  # Keras's own takes the padding's zeros


@pytest.mark.parametrize("keepdims", [False, True])
def test_kerass_own_layer_checks_pass_for_pooling(keepdims):
    TestCase().run_layer_test(
        MaskedGlobalMaxPooling1D,
        init_kwargs={"keepdims": keepdims},
        input_shape=(3, 4, 2),
        expected_output_shape=(3, 1, 2) if keepdims else (3, 2),
        expected_num_trainable_weights=0,
        expected_num_non_trainable_weights=0,
        supports_masking=True,
        assert_built_after_instantiation=True,
    )


# Dropout of words


def dropped(layer, ids, training=True):
    return to_numpy(layer(ids, training=training))


def test_inference_leaves_every_word(rng):
    ids = rng.integers(0, 50, (4, 30))
    layer = WordDropout(0.9, seed=1)
    for how in ({"training": False}, {}):
        np.testing.assert_array_equal(to_numpy(layer(ids, **how)), ids)
    np.testing.assert_array_equal(dropped(WordDropout(0), ids), ids)


@pytest.mark.parametrize("unknown", [0, 2, 5])
def test_words_become_unknown_and_what_is_no_word_stays(unknown):
    ids = np.tile(np.arange(10), (200, 1))
    got = dropped(WordDropout(0.5, unknown, seed=1), ids)
    np.testing.assert_array_equal(got[:, : unknown + 1], ids[:, : unknown + 1])
    words = got[:, unknown + 1 :]
    assert set(np.unique(words)) == set(range(unknown, 10))
    assert ((words == unknown) | (words == ids[:, unknown + 1 :])).all()


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.8])
def test_the_rate_is_that_of_the_words(rate):
    """Within four standard deviations of a binomial variable, over the whole and at each place."""
    n, steps = 2000, 20
    gone = dropped(WordDropout(rate, seed=1), np.full((n, steps), 7)) == 2
    deviation = np.sqrt(rate * (1 - rate))
    assert abs(gone.mean() - rate) < 4 * deviation / np.sqrt(n * steps)
    assert np.abs(gone.mean(axis=0) - rate).max() < 4 * deviation / np.sqrt(n)


def test_draws_are_the_seeds_own_and_new_at_each_call():
    ids = np.full((8, 30), 7)
    one, same, other = (WordDropout(0.5, seed=s) for s in (1, 1, 2))
    first, second = dropped(one, ids), dropped(one, ids)
    assert (first != second).any()
    np.testing.assert_array_equal(dropped(same, ids), first)
    np.testing.assert_array_equal(dropped(same, ids), second)
    assert (dropped(other, ids) != first).any()


def test_without_a_seed_the_draws_follow_kerass_global_one():
    ids = np.full((8, 30), 7)

    def draw(seed):
        keras.utils.set_random_seed(seed)
        return dropped(WordDropout(0.5), ids)

    np.testing.assert_array_equal(draw(1), draw(1))
    assert (draw(1) != draw(2)).any()


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_ids_keep_their_dtype_under_every_policy(dtype, policy):
    layer = WordDropout(0.5, dtype=policy)
    for training in (True, False):
        got = layer(ops.convert_to_tensor(np.full((2, 3), 7, dtype)), training=training)
        assert keras.backend.standardize_dtype(got.dtype) == dtype
    assert layer(keras.Input((None,), dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_large_ids_are_exact_in_half_precision(dtype):
    """float16 holds whole numbers to 2048 alone; ids come as float32 from an `Input` without dtype."""
    ids = np.arange(2049, 90_000, 2).astype(dtype)[None]
    layer = WordDropout(0.5, seed=1, dtype="mixed_float16")
    got = dropped(layer, ids)
    assert ((got == ids) | (got == 2)).all() and 0.4 < (got == ids).mean() < 0.6
    np.testing.assert_array_equal(dropped(layer, ids, training=False), ids)


def test_a_mask_passes_through():
    from keras.src.backend.common.masking import get_keras_mask, set_keras_mask

    ids, mask = ops.convert_to_tensor(np.array([[5, 6, 0]])), ops.convert_to_tensor(MASK[:1, :3])
    set_keras_mask(ids, mask)
    layer = WordDropout(0.5)
    assert layer.supports_masking
    got = get_keras_mask(layer(ids, training=True))
    np.testing.assert_array_equal(to_numpy(got), to_numpy(mask))


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, float("nan")])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match=r"`rate` must be in \[0, 1\).*rate="):
        WordDropout(rate)


def test_the_config_keeps_what_was_asked_for():
    layer = WordDropout(0.25, unknown=4, seed=9, name="a_name", dtype="mixed_float16")
    again = WordDropout.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.rate, again.unknown, again.seed, again.name) == (0.25, 4, 9, "a_name")
    ids = np.full((8, 30), 7)
    np.testing.assert_array_equal(dropped(again, ids), dropped(layer, ids))


def test_kerass_own_layer_checks_pass_for_word_dropout():
    TestCase().run_layer_test(
        WordDropout,
        init_kwargs={"rate": 0.5, "unknown": 2, "seed": 1},
        input_shape=(3, 4),
        input_dtype="int32",
        call_kwargs={"training": True},
        expected_output_shape=(3, 4),
        expected_output_dtype="int32",
        expected_num_trainable_weights=0,
        expected_num_non_trainable_weights=0,
        expected_num_seed_generators=1,
        supports_masking=True,
        run_training_check=False,  # ids have no gradient
    )


# Both in a model


def test_a_model_with_both_trains_saves_and_loads(tmp_path, rng):
    """With nothing but `import rnn_kit`, which has registered them; under half precision too."""
    keras.config.set_dtype_policy("mixed_float16")
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            WordDropout(0.3, seed=1),
            L.Embedding(5000, 6, mask_zero=True),
            MaskedGlobalMaxPooling1D(),
            L.Dense(1, dtype="float32"),
        ]
    )
    ids = rng.integers(3000, 5000, (16, 8)) * (np.arange(8) < rng.integers(1, 9, 16)[:, None])
    model.compile("adam", "mse")
    before = model.get_weights()[0]
    history = model.fit(ids, np.ones((16, 1)), epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    learned = np.abs(model.get_weights()[0] - before).max(axis=1) > 0
    assert learned[2] and not learned[:2].any()  # the unknown word's vector, and not the padding's
    after = model.predict_on_batch(ids)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict_on_batch(ids), after)
    np.testing.assert_array_equal(loaded.predict_on_batch(np.pad(ids, [(0, 0), (0, 3)])), after)
