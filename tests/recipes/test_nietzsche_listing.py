"""The lecture's listing against this project: arrays by formula, writing by the text."""

import keras
import numpy as np
import pytest

from parts.nietzsche_generation import listing
from rnn_kit.generation import WindowGenerator, generate
from rnn_kit.sampling import TemperatureSampler

L = keras.layers
V, W = 7, 5


@pytest.fixture
def every_position_model():
    return _randomized([L.Embedding(V, 4), L.LSTM(6, return_sequences=True), L.Dense(V)])


@pytest.fixture
def window_model():
    return _randomized(
        [L.Embedding(V, V, embeddings_initializer="identity", trainable=False), L.LSTM(6), L.Dense(V)]
    )


def _randomized(layers):
    model = keras.Sequential([keras.Input((None,), dtype="int32"), *layers])
    rng = np.random.default_rng(0)
    for w in model.trainable_weights:
        w.assign(rng.normal(0, 1, w.shape))
    return model


@pytest.mark.parametrize("text", ["abcabdacbbdacdba" * 5, "abcd" * 11, "abcabdab" * 5])
@pytest.mark.parametrize(("window", "step"), [(40, 3), (40, 1), (7, 4)])
def test_the_formula_counts_the_bytes_of_the_listings_arrays(text, window, step):
    starts = range(0, len(text) - window, step)
    x = np.zeros((len(starts), window, len(set(text))), dtype=bool)
    y = np.zeros((len(starts), len(set(text))), dtype=bool)
    assert listing.array_bytes(len(text), len(set(text)), window, step) == (x.nbytes, y.nbytes)


def test_what_the_arrays_of_nietzsche_take():
    assert listing.array_bytes(600_893, 57) == (456_649_800, 11_416_245)


def test_the_twin_predicts_what_the_window_model_does(window_model, rng):
    ids = rng.integers(0, V, (4, W))
    p = listing.one_hot_twin(window_model, W)(np.eye(V)[ids])
    np.testing.assert_allclose(p, keras.ops.softmax(window_model(ids)), atol=1e-6)


def test_predict_on_the_whole_text_writes_what_generate_writes(every_position_model):
    prompt = np.array([1, 4, 2])
    slow = listing.write_with_predict(every_position_model, prompt, 12)
    fast = generate(every_position_model, prompt[None], 12, TemperatureSampler(0))[0]
    np.testing.assert_array_equal(slow, fast)


@pytest.mark.slow
def test_the_listings_loop_writes_what_a_window_generator_writes(window_model):
    prompt = np.array([1, 4, 2, 6, 0, 3, 3])  # longer than the window, as both must cut it
    slow = listing.write_as_the_listing(listing.one_hot_twin(window_model, W), prompt, 12)
    fast = WindowGenerator(window_model, W).generate(prompt[None], 12, TemperatureSampler(0))[0]
    np.testing.assert_array_equal(slow, fast)


@pytest.mark.slow
def test_measure_times_all_four_and_the_report_says_it(every_position_model, window_model, rng):
    ids = rng.integers(0, V, 20)
    metrics = listing.measure(every_position_model, window_model, ids, W, 6, 30)
    assert all(value > 0 for value in metrics.values())
    assert metrics["generate_same_text"] == metrics["window_same_text"] == 1
    for slow, fast in (("predict", "generate"), ("listing", "window")):
        rates = [metrics[f"{name}_characters_per_second"] for name in (slow, fast)]
        assert metrics[f"{fast}_speedup"] == rates[1] / rates[0]
    with pytest.raises(ValueError, match="a window of 40 ids"):
        listing.measure(every_position_model, window_model, ids)


@pytest.mark.slow
def test_texts_that_differ_are_told_and_do_not_stop_the_measurement(
    every_position_model, window_model, rng, monkeypatch
):
    right = listing.write_as_the_listing

    def wrong(model, ids, length):
        ids = right(model, ids, length)
        ids[W + 2 :] = -1
        return ids

    monkeypatch.setattr(listing, "write_as_the_listing", wrong)
    ids = rng.integers(0, V, W)
    metrics = listing.measure(every_position_model, window_model, ids, W, 6, 8)
    assert metrics["generate_same_text"] == 1
    assert (metrics["window_same_text"], metrics["window_same_characters"]) == (0, 2)
    assert "differs at character 3 of 6" in listing.report(metrics, 100, V, W)


def test_the_report_has_every_figure_with_its_unit():
    metrics = {
        "predict_characters_per_second": 21.26,
        "generate_characters_per_second": 23_456.78,
        "generate_speedup": 1103.3,
        "generate_same_text": 1,
        "generate_same_characters": 60,
        "listing_characters_per_second": 19.84,
        "window_characters_per_second": 987.64,
        "window_speedup": 49.8,
        "window_same_text": 0,
        "window_same_characters": 36,
        "compared_characters": 60,
    }
    table = listing.report(metrics, 600_893, 57)
    for figure in ("21.3", "23,456.8", "1,103 x", "19.8", "987.6", "50 x", "characters/s"):
        assert figure in table
    assert "the same 60 characters" in table and "differs at character 37 of 60" in table
    assert "468,066,045 bytes" in table and "2,403,572" in table and "195 times" in table
    lines = table.splitlines()
    assert len(lines) == 6 and max(map(len, lines)) <= 104
