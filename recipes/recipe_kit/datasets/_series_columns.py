"""Reads the columns of a table of time series, and fills steps that are missing."""

import difflib
import math

import numpy as np

from recipe_kit.datasets import _tables
from recipe_kit.datasets._files import DataError
from recipe_kit.datasets._series_times import read_times

MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "?", "."}
_TIMES = ("time", "date", "datetime", "timestamp", "year", "ds")
FILLS = ("linear", "last")


class Columns:
    """The columns of a table, by name.

    Args:
        path: The file.
        encoding: As in `_tables.read`.
        names: Names of the columns, if the first line does not have them.

    Raises:
        DataError: if the file is empty or is no table.
    """

    def __init__(self, path, encoding=None, names=None):
        self.place, self.notes = str(path), []
        content = _tables.read(path, encoding)
        if not content.strip():
            raise DataError(
                f"{path} is empty: expected a row of columns' names, and a row for each step."
            )
        table = _tables.table_of(path, content, names)
        if names is None and all(_number(name) is not None for name in table.header):
            names = [f"column{n}" for n in range(1, len(table.header) + 1)]
            self.notes.append(f"The first row of {path} has numbers: columns are called column1, ...")
            table = _tables.table_of(path, content, names)
        self.names, self._rows, self._comma = table.header, [], table.delimiter == ";"
        for line, fields in table.rows:
            fitted = table.fitted(fields)
            if fitted is None:
                raise DataError(
                    f"{path}, line {line}: expected {len(self.names)} fields as in the first row, "
                    f"found {len(fields)}."
                )
            self._rows.append((line, fitted))
        if not self._rows:
            raise DataError(f"{path} has a row of names alone: expected a row for each step.")
        self.lines = [line for line, _ in self._rows]

    def text(self, name):
        """Returns the fields of a column.

        Raises:
            DataError: if there is no such column, with the nearest names.
        """
        if name not in self.names:
            near = difflib.get_close_matches(name.lower(), [n.lower() for n in self.names], 3, 0.5)
            near = [n for n in self.names if n.lower() in near]
            meant = f"did you mean {' or '.join(map(repr, near))}?" if near else "give one of these."
            raise DataError(
                f"{self.place} has no column {name!r}. It has {_tables.a_few(self.names)}: {meant}"
            )
        at = self.names.index(name)
        return [fields[at] for _, fields in self._rows]

    def numbers(self, name):
        """Returns a column of numbers, NaN where one is missing.

        Raises:
            DataError: if a field is text.
        """
        found = []
        for line, text in zip(self.lines, self.text(name), strict=True):
            value = math.nan if is_missing(text) else _number(text, self._comma)
            if value is None:
                raise DataError(
                    f"{self.place}, line {line}: {text.strip()[:40]!r} in the column {name!r} is no "
                    "number: expected numbers, and nothing where one is missing."
                )
            found.append(value)
        return np.array(found)

    def numbers_or_text(self, name):
        """Returns a column of numbers, or of text if one of its fields is no number."""
        text = [field.strip() for field in self.text(name)]
        if all(is_missing(field) or _number(field, self._comma) is not None for field in text):
            return self.numbers(name)
        return np.array(["" if is_missing(field) else field for field in text])

    def is_numeric(self, name):
        """Returns whether a column has numbers alone, and one at least."""
        fields = [field for field in self.text(name) if not is_missing(field)]
        return bool(fields) and all(_number(field, self._comma) is not None for field in fields)

    def time_column(self):
        """Returns the name of the column of times, or `None`."""
        return next((name for name in self.names if name.lower() in _TIMES), None)

    def times(self, name, sort=False):
        """Returns the `Times` of a column."""
        return read_times(self.text(name), self.lines, self.place, sort)


def is_missing(text):
    """Returns whether a field stands for a number that is missing."""
    return text.strip().lower() in MISSING


def filled(values, fill):
    """Fills what is missing between two values of a column.

    Args:
        values: `(n,)`, with NaN where a value is missing; the first is there.
        fill: `"linear"` interpolates between the values before and after; `"last"` repeats the one
            before. Behind the last value both repeat it.

    Returns:
        `(n,)` without NaN.

    Example:

    >>> nan = float("nan")
    >>> filled([1, nan, 3, nan], "linear").tolist(), filled([1, nan, 3, nan], "last").tolist()
    ([1.0, 2.0, 3.0, 3.0], [1.0, 1.0, 3.0, 3.0])
    """
    values = np.asarray(values, "float64")
    there = np.flatnonzero(np.isfinite(values))
    if fill == "linear":
        return np.interp(np.arange(len(values)), there, values[there])
    return values[there[np.searchsorted(there, np.arange(len(values)), "right") - 1]]


def _number(text, comma=False):
    """Returns a finite number, or `None` for anything else."""
    text = text.strip()
    if comma and "." not in text:
        text = text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None
