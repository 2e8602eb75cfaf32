"""Perplexity and bits a character, weighted by tokens."""

import keras
import numpy as np
import pytest
from marks import slow_but

from rnn_kit._internals import set_keras_mask
from rnn_kit.metrics import BitsPerCharacter, Perplexity

pytestmark = pytest.mark.backends


def nats(ids, logits):
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -np.take_along_axis(log_p, ids[..., None], -1)[..., 0]


def batches(rng):
    """Two batches of different numbers of tokens."""
    for shape in ((2, 5), (3, 1)):
        yield rng.integers(0, 6, shape), rng.normal(0, 2, (*shape, 6)).astype("float32")


def test_both_are_the_mean_over_tokens_not_over_batches(rng):
    perplexity, bits, seen = Perplexity(), BitsPerCharacter(), []
    for ids, logits in batches(rng):
        perplexity.update_state(ids, logits)
        bits.update_state(ids, logits)
        seen.append(nats(ids, logits).ravel())
    mean = np.concatenate(seen).mean()
    np.testing.assert_allclose(float(perplexity.result()), np.exp(mean), rtol=1e-5)
    np.testing.assert_allclose(float(bits.result()), mean / np.log(2), rtol=1e-5)
    assert abs(np.mean([s.mean() for s in seen]) - mean) > 1e-3  # the batches' mean is another


@pytest.mark.parametrize("ignore", [0, 3, -1])
def test_an_ignored_class_counts_nowhere(ignore, rng):
    ids, logits = next(batches(rng))
    ids[0, :2] = ignore
    metric = Perplexity(ignore_class=ignore)
    metric.update_state(ids, logits)
    counted = ids != ignore
    expected = np.exp(nats(np.where(counted, ids, 0), logits)[counted].mean())
    np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-5)


def test_weights_and_masks_multiply(rng):
    ids, logits = next(batches(rng))
    weight = rng.uniform(size=ids.shape).astype("float32")
    mask = rng.uniform(size=ids.shape) < 0.5
    tensor = keras.ops.convert_to_tensor(logits)
    set_keras_mask(tensor, keras.ops.convert_to_tensor(mask))
    metric = BitsPerCharacter()
    metric.update_state(ids, tensor, sample_weight=weight)
    w = weight * mask
    expected = (nats(ids, logits) * w).sum() / w.sum() / np.log(2)
    np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-5)
    rows = BitsPerCharacter()
    rows.update_state(ids, logits, sample_weight=np.array([1.0, 0.0]))
    np.testing.assert_allclose(float(rows.result()), nats(ids, logits)[0].mean() / np.log(2), rtol=1e-5)


def test_one_stream_with_targets_and_weights_in_columns(rng):
    """(1, T, 1) beside (1, T, 1): broadcast, they would make T times T tokens."""
    ids, logits = rng.integers(0, 6, (1, 4)), rng.normal(size=(1, 4, 6)).astype("float32")
    weight = np.array([[1.0, 0.0, 2.0, 1.0]])
    results = []
    for columns in (False, True):
        metric = BitsPerCharacter()
        y, w = (ids[..., None], weight[..., None]) if columns else (ids, weight)
        metric.update_state(y, logits, sample_weight=w)
        results.append((float(metric.result()), float(metric.tokens)))
    assert results[0] == pytest.approx(results[1]) and results[0][1] == 4


def test_a_token_without_weight_may_have_an_infinite_loss():
    logits = np.array([[[0.0, -np.inf], [0.0, 0.0]]], "float32")
    metric = Perplexity(ignore_class=1)
    metric.update_state(np.array([[1, 0]]), logits)
    np.testing.assert_allclose(float(metric.result()), 2.0, rtol=1e-5)


def test_reset_forgets_and_nothing_seen_is_one():
    metric = Perplexity()
    metric.update_state(np.array([[1]]), np.zeros((1, 1, 8), "float32"))
    assert float(metric.result()) == pytest.approx(8)
    metric.reset_state()
    assert float(metric.result()) == 1


def test_half_precision_logits_are_summed_in_single():
    ids, logits = np.zeros((64, 100), int), np.zeros((64, 100, 4), "float16")
    metric = Perplexity()
    metric.update_state(ids, logits)
    assert float(metric.result()) == pytest.approx(4, rel=1e-4)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", slow_but([None], [None, "float64", "float16"]))
def test_single_tokens_count_beyond_two_to_the_24(dtype, compiled):
    """Where float32 adds 1 to 2^24 and gets 2^24."""
    metric = Perplexity(dtype=dtype)
    metric.tokens.assign(2**24)
    metric.nats.assign(2**24 * np.log(8))
    ids, logits = np.zeros((1, 1), "int32"), np.zeros((1, 1, 8), "float32")
    update = metric.update_state
    if compiled and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        update = tf.function(update, jit_compile=True)  # XLA may not simplify (a + b) - a
    elif compiled and keras.backend.backend() == "jax":
        import jax

        step = jax.jit(metric.stateless_update_state)

        def update(ids, logits):
            values = step([v.value for v in metric.variables], ids, logits)
            for variable, value in zip(metric.variables, values, strict=True):
                variable.assign(value)

    for _ in range(101):
        update(ids, logits)
    counted = [float(keras.ops.convert_to_numpy(v)) for v in (metric.tokens, metric.tokens_lost)]
    assert sum(counted) == 2**24 + 101
    summed = [float(keras.ops.convert_to_numpy(v)) for v in (metric.nats, metric.nats_lost)]
    start = float(np.float32(2**24 * np.log(8)))
    assert sum(summed) - start == pytest.approx(101 * np.log(8), abs=1 if dtype is None else 2)
    assert float(metric.result()) == pytest.approx(8, rel=1e-5)


def test_in_float64_the_cross_entropy_is_computed_in_float64(rng):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("Keras takes in NumPy's float64 as float32 on the other backends")
    ids, logits = rng.integers(0, 6, (2, 5)), rng.normal(0, 2, (2, 5, 6))
    metric = BitsPerCharacter(dtype="float64")
    metric.update_state(ids, logits)
    expected = nats(ids, logits).mean() / np.log(2)
    np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-13)


def test_an_infinite_loss_gives_an_infinite_mean_and_not_nan():
    metric = BitsPerCharacter()
    for _ in range(2):
        metric.update_state(np.array([[0]]), np.array([[[-np.inf, 0.0]]], "float32"))
    assert float(metric.result()) == np.inf


@pytest.mark.parametrize("kind", [Perplexity, BitsPerCharacter])
def test_config_round_trip(kind):
    metric = kind(ignore_class=2, name="m")
    again = kind.from_config(metric.get_config())
    assert (again.ignore_class, again.name) == (2, "m")


def test_it_works_in_fit_with_a_masked_embedding(rng):
    ids = rng.integers(1, 5, (8, 6))
    ids[:, 4:] = 0
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(5, 4, mask_zero=True),
            keras.layers.SimpleRNN(4, return_sequences=True),
            keras.layers.Dense(5),
        ]
    )
    model.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[Perplexity()],
    )
    got = model.evaluate(ids, ids, verbose=0, return_dict=True)["perplexity"]
    logits = keras.ops.convert_to_numpy(model(ids))
    np.testing.assert_allclose(got, np.exp(nats(ids, logits)[:, :4].mean()), rtol=1e-4)
