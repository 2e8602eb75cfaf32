"""Cuts a text into batches, smaller ones for a small text."""

import numpy as np
import tensorflow as tf

from recipe_kit import cli
from rnn_kit import pipelines
from rnn_kit.text import streams

LEAST_BATCHES = 20  # an epoch; a text that gives fewer is read in smaller batches


def batch_and_window(settings, train, validation):
    """Returns batch size and window, halved until a text gives `LEAST_BATCHES` batches, or one."""
    batch_size, window = settings.batch_size, settings.window

    def batches():
        if settings.many_to_many:
            return (train - 1) // (batch_size * window)
        return max(0, train - window) // (settings.step * batch_size)

    while batch_size > 1 and (batches() < LEAST_BATCHES or batch_size > validation):
        batch_size //= 2
    while window > 1 and train <= window:
        window //= 2
    return batch_size, window


def training_data(settings, text, first_batch):
    """Cuts a text into windows.

    Args:
        settings: Settings with `many_to_many`, `step` and `seed`.
        text: The text in ids, with `info`.
        first_batch: Index of the first training batch.

    Returns:
        Endless training batches; the numbers of batches and of targets in an epoch; and the validation
        batches.
    """
    batch_size, window = text.info["batch_size"], text.info["window"]
    if settings.many_to_many:
        dataset, batches = pipelines.stream_dataset(
            text.train, batch_size, window, settings.seed, first_batch
        )
        ids = np.concatenate([text.train[-1:], text.validation])  # its first character is predicted too
        cut = streams(ids, batch_size, min(window, len(text.validation) // batch_size))
        targets = batches * batch_size * window
        return dataset, batches, targets, tf.data.Dataset.from_tensor_slices(cut)
    dataset, batches = pipelines.window_dataset(
        text.train, batch_size, window, settings.step, settings.seed, first_batch
    )
    ids = np.concatenate([text.train[-window:], text.validation])
    targets = len(range(0, len(text.train) - window, settings.step))
    return dataset, batches, targets, pipelines.ordered_windows(ids, 1024, window)


def described(settings, text):
    """Returns a line that describes the text, and a list of notes on how it is read."""
    info, notes = text.info, cli.text_notes(text.info)
    if (info["batch_size"], info["window"]) != (settings.batch_size, settings.window):
        notes.append(
            f"A small text: read in batches of {info['batch_size']} windows of {info['window']}, "
            f"not of {settings.batch_size} of {settings.window}."
        )
    line = (
        f"{info['name']}{', in lower case' * settings.lower}: {info['characters']:,} characters, "
        f"{len(text.vocabulary)} distinct; training on {info['train']:,}, validating on "
        f"{info['validation']:,}, held out {info['test']:,}"
    )
    return line, notes
