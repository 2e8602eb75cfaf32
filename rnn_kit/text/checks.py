"""Checks arguments, and formats lists for messages."""

import numpy as np

from rnn_kit.text.errors import TextError


def as_ids(ids):
    """Returns ids as a one-dimensional array of integers.

    Raises:
        TextError: If they are not.
    """
    ids = np.asarray(ids)
    if ids.ndim == 1 and ids.size == 0:
        return ids.astype(np.int32)
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise TextError(
            "Expected ids as a one-dimensional array of integers; "
            f"received shape {ids.shape} and dtype {ids.dtype}"
        )
    return ids


def refuse_string(name, value, items, advice):
    """Raises on one string in place of a list, whose characters would be taken one by one.

    Args:
        name: The argument's name.
        value: The argument.
        items: The name of the list's items.
        advice: How to make the string a list.

    Raises:
        TextError: If `value` is a string.
    """
    if isinstance(value, str):
        raise TextError(f"`{name}` is a list of {items}; received one text: {advice}")


def a_few(items, most=8):
    """Formats the first items for a message, and the number of the others."""
    shown = ", ".join(map(repr, items[:most]))
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
