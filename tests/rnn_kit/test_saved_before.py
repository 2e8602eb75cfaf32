"""Checkpoints and vocabularies of earlier releases load. (Models: test_bigram_embedding.)"""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from rnn_kit.callbacks import CarryState, Checkpoint, EarlyStopping
from rnn_kit.pipelines import stream_dataset
from rnn_kit.text import CharVocabulary, TokenVocabulary, WordVocabulary

L = keras.layers
B, T, V = 2, 3, 5
IDS = np.random.default_rng(0).integers(0, V, B * T * 4 + 3)


def train(folder):
    """The checkpoint in `saved` is of this training, after one batch of its second epoch."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(B, None), dtype="int32"),
            L.Embedding(V, 2),
            L.SimpleRNN(3, stateful=True, return_sequences=True, dropout=0.2, seed=3),
            L.Dense(V),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss, metrics=["accuracy"])
    lines = []
    checkpoint = Checkpoint(folder, say=lines.append)
    first_batch = checkpoint.first_batch
    dataset, batches = stream_dataset(IDS, B, T, 1, first_batch)
    stopping = EarlyStopping("loss", patience=5, restore_best_weights=True)
    history = checkpoint.fit(model, dataset, batches, 3, [CarryState(), stopping]).history
    return first_batch, model.get_weights(), history, lines


def test_a_checkpoint_goes_on_to_the_unbroken_end(tmp_path):
    shutil.copy(Path(__file__).parent / "saved" / "checkpoint-00000005.npz", tmp_path)
    first_batch, weights, history, lines = train(tmp_path)
    assert first_batch == 5 and lines[-1] == "Going on after batch 1 of epoch 2."
    _, expected, unbroken, _ = train(tmp_path / "unbroken")
    # Other processors and versions round otherwise than those that the file was written with.
    for a, b in zip(weights, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(history["loss"], unbroken["loss"][1:], rtol=1e-3)
    assert history["accuracy"] == pytest.approx(unbroken["accuracy"][1:])


@pytest.mark.parametrize(
    ("content", "vocabulary"),
    [
        ({"format": "rnn_kit.CharVocabulary", "characters": "abé"}, CharVocabulary("abé")),
        (
            {"format": "rnn_kit.WordVocabulary", "size": 6, "words": ["the", "film", "dull"]},
            WordVocabulary(["the", "film", "dull"], size=6),
        ),
        (
            {"format": "rnn_kit.TokenVocabulary", "tokens": ["the", "<unk>", "<eos>"]},
            TokenVocabulary(["the", "<unk>", "<eos>"]),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_vocabulary_is_what_it_was_and_is_written_as_before(content, vocabulary, tmp_path):
    file = tmp_path / "vocabulary.json"
    file.write_text(json.dumps(content, indent=2) + "\n")
    assert type(vocabulary).load(file) == vocabulary
    before = file.read_bytes()
    vocabulary.save(file)
    assert file.read_bytes() == before
