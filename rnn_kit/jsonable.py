"""Converts numbers, text and their containers to what JSON and CSV files can hold."""

import contextlib
import json
import math
import numbers
import os
import re
from collections.abc import Mapping

import numpy as np

_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_NUMBERS = {math.inf: "Infinity", -math.inf: "-Infinity"}


def jsonable(value, name="The value", finite=True):
    """Converts a value into dicts, lists, numbers, strings, booleans and `None`, which JSON can hold.

    NumPy's scalars and arrays and the tensors of any backend become numbers and lists of numbers,
    tuples become lists, paths strings. JSON cannot write NaN and infinities: they become the strings
    "NaN", "Infinity" and "-Infinity", which `float` reads.

    Args:
        value: Any nesting of dicts, lists and tuples of the above, strings, booleans and `None`.
        name: The value's name in an error.
        finite: Whether NaN and infinities become strings. `False` leaves them to Python's `json`,
            whose spelling other readers refuse. Default: `True`.

    Returns:
        The converted value.

    Raises:
        ValueError: naming the entry that cannot be converted, or the dict two of whose keys would be
            the same string.

    Example:

    >>> from rnn_kit.jsonable import jsonable
    >>> jsonable({"nats": np.float32(0.5), "hits": np.arange(2), "best": float("nan")})
    {'nats': 0.5, 'hits': [0, 1], 'best': 'NaN'}
    """
    if value is None or isinstance(value, (bool, np.bool_)):
        return None if value is None else bool(value)
    if isinstance(value, str):
        return str.__str__(value)  # an enumeration's own `str` returns its name, not its text
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        value = float(value)
        return value if not finite or math.isfinite(value) else _NO_NUMBERS.get(value, "NaN")
    if isinstance(value, Mapping):
        parts = {
            _key(key, name): jsonable(part, f"{name}[{key!r}]", finite) for key, part in value.items()
        }
        if len(parts) < len(value):
            raise ValueError(
                f"{name} has several keys that are the same in JSON, whose keys are strings. Received: "
                f"{_brief(list(value))}"
            )
        return parts
    if isinstance(value, (list, tuple)):
        return [jsonable(part, f"{name}[{n}]", finite) for n, part in enumerate(value)]
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    return jsonable(_listed(value, name), name, finite)


def json_text(content, name, **how):
    """Returns the text of a JSON file, made `jsonable`.

    A path whose bytes are not UTF-8 has lone surrogates in Python, which UTF-8 cannot encode. They are
    written as JSON's escapes, and restored on reading.

    Args:
        content: The file's content.
        name: The content's name in an error.
        **how: Arguments of `json.dumps`.
    """
    text = json.dumps(jsonable(content, name), allow_nan=False, **{"ensure_ascii": False, **how})
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def csv_row(row):
    """Converts a dict to a row of numbers for a CSV file, with a column for each number of an array.

    Raises:
        ValueError: naming the entry that holds no numbers.
    """
    columns = {}
    for name, value in row.items():
        values = value if isinstance(value, numbers.Real) else _listed(value, name)
        if isinstance(values, list):
            flat = np.asarray(values).ravel().tolist()
            columns |= {f"{name}_{n}": number for n, number in enumerate(flat)}
        else:
            columns[name] = values if isinstance(values, numbers.Integral) else float(values)
    return columns


def _key(key, name):
    if isinstance(key, str):
        return str.__str__(key)
    key = jsonable(key, f"A key of {name}")
    if isinstance(key, (dict, list)):
        raise ValueError(f"{name} has a key that is no string and no number. Received: {key!r}")
    return json.dumps(key)


def _listed(value, name):
    """Converts an array or a tensor to lists of lists of numbers, or to a number."""
    import keras

    array = None
    if hasattr(value, "__array__"):
        # A symbolic tensor has no numbers yet, and raises its backend's own error.
        with contextlib.suppress(Exception):
            try:
                array = keras.ops.convert_to_numpy(value)
            except ValueError:  # one number in bfloat16, which TensorFlow converts only by `numpy()`
                array = np.asarray(value.numpy())
    if array is not None and array.dtype.kind in "biuf":
        return array.tolist()
    if array is not None and array.dtype.name.startswith(("bfloat", "float")):  # not NumPy's own
        return array.astype("float32").tolist()
    raise ValueError(
        f"{name} is {_brief(value)} of type {type(value).__name__}, which cannot be written to a file. "
        "Expected a number, an array or tensor of numbers, text, None, or a list or dict of these."
    )


def _brief(value):
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
