"""Validation of one stream, and what is shown of it."""

import io
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_kit.callbacks import CarryState, EpochLog, Throughput, ValidateStream, stateful_layers
from rnn_kit.generation import Generator
from rnn_kit.pipelines import stream_dataset

L = keras.layers
V, B, T = 7, 4, 5


def model_of(batch_size=B):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((None,), batch_size, dtype="int32"),
            L.Embedding(V, 4),
            L.LSTM(6, stateful=batch_size is not None, return_sequences=True),
            L.Dense(V),
        ]
    )


def fit(*callbacks, epochs=2, model=None):
    model = model or model_of()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ids = np.random.default_rng(0).integers(0, V, 101)
    dataset, batches = stream_dataset(ids, B, T)
    return model.fit(
        dataset, steps_per_epoch=batches, epochs=epochs, shuffle=False, verbose=0,
        callbacks=[CarryState(), *callbacks],
    )  # fmt: skip


@pytest.fixture
def text():
    return np.random.default_rng(1).integers(0, V, 40)


def test_it_is_the_cross_entropy_of_the_whole_text_from_fresh_states(text):
    model, rows = model_of(), []
    fit(ValidateStream(text), EpochLog(rows.append, 100), model=model)
    free = model_of(None)
    free.set_weights(model.get_weights())
    nats = keras.losses.sparse_categorical_crossentropy(
        text[1:], free(text[None, :-1])[0], from_logits=True
    )
    assert rows[-1]["val_loss"] == pytest.approx(float(tf.reduce_mean(nats)), rel=1e-5)
    assert rows[0]["val_loss"] != rows[1]["val_loss"]


@pytest.mark.slow
def test_the_training_states_and_weights_are_as_without_it(text):
    with_it, without = model_of(), model_of()
    fit(ValidateStream(text), model=with_it)
    fit(model=without)
    for a, b in zip(with_it.get_weights(), without.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    states = [
        keras.tree.flatten([layer.states for layer in stateful_layers(m)]) for m in (with_it, without)
    ]
    for a, b in zip(*states, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert any(np.abs(v.numpy()).max() > 0 for v in states[0])


def test_another_generator_can_be_judged_than_the_model_that_is_trained(text):
    model = model_of()
    other = model_of(None)
    rows = []
    fit(ValidateStream(text, Generator(other)), EpochLog(rows.append, 100), model=model)
    expected = -Generator(other).score(text[None])[0] / 39
    assert [row["val_loss"] for row in rows] == pytest.approx([expected] * 2)


@pytest.mark.slow
def test_perplexities_are_shown_for_losses(text):
    rows, lines = [], io.StringIO()
    fit(
        ValidateStream(text),
        EpochLog(rows.append, 100),
        Throughput(100, "words", stream=lines, perplexity=True),
    )
    for row, line in zip(rows, lines.getvalue().splitlines(), strict=True):
        perplexity, validation = np.exp(row["loss"]), np.exp(row["val_loss"])
        assert f": perplexity {perplexity:.2f}, val_perplexity {validation:.2f}; " in line
        assert "loss" not in line


def test_the_seconds_of_validation_are_not_those_of_training(text):
    class Slow(ValidateStream):
        def on_epoch_end(self, epoch, logs=None):
            time.sleep(1.5)
            super().on_epoch_end(epoch, logs)

    rows, lines = [], io.StringIO()
    fit(
        Slow(text), Throughput(100, stream=lines), EpochLog(rows.append, 100),
        epochs=3,
    )  # fmt: skip
    assert rows[2]["seconds"] - rows[0]["seconds"] < 2 * 1.5  # of two epochs


def test_log_probabilities_are_those_of_the_softmax(text, monkeypatch):
    monkeypatch.setattr("rnn_kit.generation.generator._PREFILL_CHUNK", 7)
    model = model_of(None)
    generator, ids = Generator(model), text.reshape(2, 20)
    expected = np.asarray(tf.nn.log_softmax(model(ids[:, :-1])))
    expected = np.take_along_axis(expected, ids[:, 1:, None], -1)[..., 0]
    log_p = generator.log_probabilities(ids)
    assert log_p.shape == (2, 19) and log_p.dtype == "float32"
    np.testing.assert_allclose(log_p, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(generator.score(ids), expected.sum(1), rtol=1e-5)
    with pytest.raises(ValueError, match="two ids a row"):
        generator.log_probabilities([[1]])
