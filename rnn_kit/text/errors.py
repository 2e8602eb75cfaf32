"""The one error of this package, and the checks that its parts share."""

import operator

import numpy as np


class TextError(ValueError):
    """A text, a vocabulary or a cut that cannot be used; the message is one line for the user."""


def one_dimensional(ids):
    ids = np.asarray(ids)
    if ids.ndim == 1 and ids.size == 0:
        return ids.astype(np.int32)
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise TextError(
            "Expected ids as a one-dimensional array of integers; "
            f"received shape {ids.shape} and dtype {ids.dtype}"
        )
    return ids


def at_least(name, value, least):
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise TextError(f"`{name}` is a whole number of at least {least}; received {value!r}")
    return number
