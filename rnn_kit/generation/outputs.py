"""Detects whether a model outputs logits or the probabilities of a softmax."""

import keras
import numpy as np
from keras import layers, ops


def ends_in_softmax(model):
    """Returns whether a model's last operation is a softmax over the last axis, however nested."""
    last = model
    while isinstance(last, keras.Model) and getattr(last, "outputs", None):
        sequential = isinstance(last, keras.Sequential)
        last = (
            last.layers[-1] if sequential else keras.Function(last.inputs, last.outputs).operations[-1]
        )
    last = last.layer if isinstance(last, layers.TimeDistributed) else last
    return (
        isinstance(last, layers.Softmax)
        or type(last).__name__ == "Softmax"  # from `keras.ops`
        or getattr(last, "activation", None) is keras.activations.softmax
    )


def are_probabilities(outputs):
    """Returns whether a model's outputs `(..., V)` are probabilities: each in [0, 1], a row's sum 1.

    Returns:
        `True`; `False` if one is negative; `None` if they could be either, such as rows of zeros and a
        one.
    """
    exact = keras.backend.standardize_dtype(outputs.dtype) in ("float32", "float64")
    outputs = ops.convert_to_numpy(ops.cast(outputs, "float32"))
    if (outputs < 0).any():
        return False
    sums = outputs.sum(axis=-1)
    one = np.allclose(sums, 1, rtol=0, atol=1e-4 if exact else 2e-2)
    return True if one and not np.isin(outputs, (0, 1)).all() else None
