"""How the weights start."""

import keras


def uniform(scale):
    """Starts weights evenly in ± scale.

    One for each weight: a Keras initializer gives the same numbers every time.
    """
    return keras.initializers.RandomUniform(-scale, scale)


def initializers(settings, *weights):
    """Returns a layer's arguments for how these weights start, where the settings say so."""
    scale = settings.init_scale
    return {f"{name}_initializer": uniform(scale) for name in weights} if scale else {}
