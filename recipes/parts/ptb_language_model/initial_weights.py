"""Initializers of the weights."""

import keras


def uniform(scale):
    """Returns an initializer that draws evenly from ± scale.

    Each weight needs its own: a Keras initializer gives the same numbers every time.
    """
    return keras.initializers.RandomUniform(-scale, scale)


def initializers(settings, *weights):
    """Returns a layer's initializer arguments for these weights, if the settings name a scale."""
    scale = settings.init_scale
    return {f"{name}_initializer": uniform(scale) for name in weights} if scale else {}
