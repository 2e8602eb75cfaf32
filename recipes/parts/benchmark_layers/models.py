"""Training steps of the recipes' own models, each with Keras's layer and with the kit's."""

import contextlib
import dataclasses
import io

import keras
import numpy as np
import tensorflow as tf

import imdb_sentiment
import nietzsche_generation
import ptb_language_model
from parts.benchmark_layers.timing import median_and_quartiles, take_turns
from rnn_kit.text import TokenVocabulary

BATCHES = 1000  # an epoch, for the learning-rate schedules
CELLS = {"lstm": "peephole", "gru": "kit-gru"}  # Keras's layer, and the kit's counterpart


def language_model(settings):
    """Returns the compiled PTB model of 10,000 words, and a batch `(x, y)`."""
    words = ["<eos>", *(f"w{n}" for n in range(9999))]
    trained, _ = ptb_language_model.build_training(settings, TokenVocabulary(words), BATCHES)
    x, y = np.random.default_rng(0).integers(0, 10_000, (2, settings.batch_size, settings.window))
    return trained, (x, y)


def character_model(settings):
    """Returns the compiled Nietzsche model, 57 characters to the next one, and a batch `(x, y)`."""
    model = nietzsche_generation.build_model(settings, 57)
    model.compile(
        keras.optimizers.RMSprop(settings.learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    x = np.random.default_rng(0).integers(0, 57, (settings.batch_size, settings.window + 1))
    return model, (x[:, :-1], x[:, -1])


def sentiment_model(settings):
    """Returns the compiled IMDB model, and a batch of reviews of `maxlen` words without padding."""
    model = imdb_sentiment.build_model(settings, settings.words)
    imdb_sentiment.compile_model(model, settings, BATCHES)
    rng = np.random.default_rng(0)
    x = rng.integers(4, settings.words, (settings.batch_size, settings.maxlen))
    return model, (x, rng.integers(0, 2, settings.batch_size).astype("float32"))


MODELS = {
    "nietzsche_generation lecture": (character_model, nietzsche_generation.PRESETS["lecture"]),
    "imdb_sentiment lecture": (sentiment_model, imdb_sentiment.PRESETS["lecture"]),
    "ptb_language_model small": (language_model, ptb_language_model.PRESETS["small"]),
    "ptb_language_model medium": (language_model, ptb_language_model.PRESETS["medium"]),
}


def training_step(make, settings):
    """Returns a function that runs one training step, and the number of words in its batch."""
    keras.utils.set_random_seed(0)
    model, batch = make(settings)
    batch = tuple(map(tf.constant, batch))
    step = tf.function(model.train_step)
    return lambda: float(step(batch)["loss"]), batch[0].shape.num_elements()


def measure(kinds, repeats, models=MODELS):
    """Returns one row for each model and cell: words (or characters) a second of training steps."""
    rows = []
    for name, (make, preset) in models.items():
        for cells in (pair for pair in CELLS.items() if pair[0] in kinds):
            steps = {}
            for cell in cells:
                with contextlib.redirect_stdout(io.StringIO()):
                    steps[cell], words = training_step(make, dataclasses.replace(preset, cell=cell))
            times = take_turns(steps, repeats)
            for cell in cells:
                row = {"model": name, "cell": cell, "words": words, **median_and_quartiles(times[cell])}
                row["words_per_second"] = 1000 * words / row["median_ms"]
                row["speedup"] = np.median(times[cells[0]]) / row["median_ms"]
                rows.append(row)
    return rows
