"""Training fitted to the text: its batches to the length, its learning rate to the epochs."""

import keras
import numpy as np

LEAST_BATCHES = 20  # an epoch: a text that gives fewer is read in smaller batches


def batch_and_window(settings, train, validation):
    """Batch size and window, halved until a small text gives `LEAST_BATCHES` batches, or one."""
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


def learning_rate(settings, batches):
    """The rate, or its schedule over the batches of all epochs."""
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
