"""Builds the optimizer, and its learning-rate schedule over the batches of all epochs."""

import keras
import numpy as np


def build(settings, batches):
    """Builds the optimizer."""
    kind = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}[settings.optimizer]
    return kind(learning_rate(settings, batches), global_clipnorm=settings.clip_norm)


def learning_rate(settings, batches):
    """Returns the learning rate, or its schedule over the batches of all epochs."""
    schedules = keras.optimizers.schedules
    if settings.schedule == "cosine":
        return schedules.CosineDecay(settings.learning_rate, batches * settings.epochs, alpha=0.01)
    if settings.schedule == "late":
        epochs = np.arange(10, max(11, settings.epochs))
        rates = settings.learning_rate * 0.97 ** np.arange(len(epochs) + 1)
        # Boundaries are the last steps of epochs: a rate holds up to its boundary, inclusive.
        ends = epochs * batches - 1
        return schedules.PiecewiseConstantDecay(ends.tolist(), rates.tolist())
    return settings.learning_rate
