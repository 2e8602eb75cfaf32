"""Builds the optimizer, and its learning rate epoch by epoch."""

import keras
import numpy as np


def learning_rates(settings):
    """Returns a list of the learning rates at the start of each epoch."""
    epochs = np.arange(settings.epochs)
    if settings.decay is None:  # half a cosine, down to zero
        return (settings.learning_rate * (1 + np.cos(np.pi * epochs / settings.epochs)) / 2).tolist()
    late = np.maximum(epochs + 1 - settings.decay_after, 0)
    return (settings.learning_rate * settings.decay**late).tolist()


def build(settings, batches):
    """Builds the optimizer, with a learning-rate schedule over the batches of all epochs.

    The published script sums the loss over the window's T steps, here it is the mean, whose gradient is
    T times smaller. So the clipping norm is divided by T, and SGD's rate multiplied by T (Adam's steps
    do not depend on the gradient's scale): the steps are the same, and the loss is in nats a word for
    every window.
    """
    schedules = keras.optimizers.schedules
    steps = settings.window if settings.sum_steps else 1
    scale = steps if settings.optimizer == "sgd" else 1
    if settings.decay is None:
        rate = schedules.CosineDecay(scale * settings.learning_rate, batches * settings.epochs)
    else:
        rates = [scale * rate for rate in learning_rates(settings)]
        # Boundaries are the last steps of epochs: a rate holds up to its boundary, inclusive.
        ends = [batches * (epoch + 1) - 1 for epoch in range(settings.epochs - 1)]
        rate = schedules.PiecewiseConstantDecay(ends, rates) if ends else rates[0]
    clip = settings.clip_norm and settings.clip_norm / steps
    if settings.optimizer == "sgd":
        return keras.optimizers.SGD(rate, global_clipnorm=clip)
    return keras.optimizers.Adam(rate, global_clipnorm=clip)
