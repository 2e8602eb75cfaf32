"""What a conditional random field costs: training steps a second with it and without."""

import dataclasses
import time

import keras
import numpy as np

from parts.name_tagging import sentences
from recipe_kit.runs import describe_machine
from rnn_kit import losses

ROUNDS, STEPS = 5, 20  # of each of the two in turn, and batches of a round


def measure(settings, data, build_model):
    """Trains the same network with a CRF and without, in turns, on the same batches.

    Args:
        settings: Of the network.
        data: `sentences.Data`.
        build_model: `build_model(settings, encoder)`.

    Returns:
        A dict: steps a second `with_crf` and `without_crf`, medians over the rounds, and their ratio.
    """
    dataset, *_ = sentences.training_batches(settings, data, 0)
    batches = list(dataset.take(STEPS))
    models = {}
    for crf in (True, False):
        model = build_model(dataclasses.replace(settings, crf=crf), data.encoder)
        model.compile("adam", loss(crf))
        models[crf] = model
        _seconds(model, batches)  # compiles
    seconds = {crf: [] for crf in models}
    for _ in range(ROUNDS):
        for crf, model in models.items():
            seconds[crf].append(_seconds(model, batches))
    ratios = np.array(seconds[False]) / np.array(seconds[True])
    speeds = {crf: STEPS / float(np.median(of)) for crf, of in seconds.items()}
    print(f"steps of training a second, {settings.batch_size} sentences each, on {describe_machine()}")
    print(f"without a CRF {speeds[False]:8.1f}")
    print(
        f"with a CRF    {speeds[True]:8.1f}, {np.median(ratios):.2f} times as many "
        f"({ratios.min():.2f} to {ratios.max():.2f} over {ROUNDS} rounds)"
    )
    told = {"with_crf": speeds[True], "without_crf": speeds[False]}
    return {**told, "ratio": float(np.median(ratios))}


def loss(crf):
    """Returns the loss of a network with a CRF, or of one without, whose padding is left out."""
    if crf:
        return losses.CRFNegativeLogLikelihood()
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=sentences.PADDING)


def _seconds(model, batches):
    began = time.perf_counter()
    for inputs, tags in batches:
        model.train_on_batch(inputs, tags)
    return time.perf_counter() - began
