"""What is fitted to the training part of time series: scales, and categories of what is known ahead."""

import json
from typing import NamedTuple

import numpy as np

from recipe_kit.datasets import DataError, series

MOST_CATEGORIES = 100  # of a column that is known ahead


class Scaling(NamedTuple):
    """What is subtracted from each column, and what it is divided by: fitted on the training part.

    Attributes:
        targets, inputs: Names of the columns of values.
        transform: What is taken of values first: "none", "log" (ln(1 + y)) or "sqrt".
        transformed: Of which columns, V booleans: all targets, and the inputs that have no sign.
        mean, std: Of these, lists of V numbers.
        unit: Standard deviations of the targets before that, T numbers.
        known: Names of the columns known ahead to `[mean, std]`, or to a list of categories.
        calendar: What is known ahead from the time itself.
        step: The step in words.
        season: In steps.
        widen: By what the band is multiplied, for each target.
        widths: The same at earlier times: pairs of a time, as text, and T numbers.
    """

    targets: list
    inputs: list
    transform: str
    transformed: list
    mean: list
    std: list
    unit: list
    known: dict
    calendar: list
    step: str
    season: int
    widen: list
    widths: list = ()

    @classmethod
    def fit(cls, found, settings, stop, season):
        """Fits to the steps before `stop`.

        Raises:
            DataError: if a target does not change in them, or has a sign where logarithms or roots are
                asked for.
        """
        values, targets = found.values[:stop], len(found.targets)
        unit = values.std(axis=0)[:targets]
        transformed = np.full(values.shape[1], settings.transform != "none") & (values.min(axis=0) >= 0)
        for name, of, spread in zip(found.targets, values.T, unit, strict=False):
            least = found.values[:, found.targets.index(name)].min()
            if settings.transform != "none" and least < 0:
                raise DataError(
                    f"--transform {settings.transform} is for values of at least 0, and {name!r} has "
                    f"{least:g}: leave it out."
                )
            if not _changes(of, spread):
                raise DataError(
                    f"The column {name!r} is {of[0]:g} throughout the training part: there is nothing "
                    "to forecast. Name another with --target."
                )
        values = _transformed(values, settings.transform, transformed)
        mean, std = values.mean(axis=0), values.std(axis=0)
        # A column without change keeps its scale: what a sum is off by rounding is no spread.
        std = np.where(_changes(values, std), std, 1.0)
        known = {}
        for name, column in found.known.items():
            if column.dtype.kind == "f":
                of = column[:stop]
                spread = of.std() if _changes(of, of.std()) else 1.0
                known[name] = [float(of.mean()), float(spread)]
            else:
                known[name] = sorted(set(column[:stop].tolist()))
                if len(known[name]) > MOST_CATEGORIES:
                    raise DataError(
                        f"The column {name!r} has {len(known[name]):,} different texts: expected "
                        f"categories, {MOST_CATEGORIES} at most, or numbers."
                    )
        return cls(
            list(found.targets), list(found.inputs), settings.transform, transformed.tolist(),
            mean.tolist(), std.tolist(), unit.tolist(), known,
            list(settings.calendar), series.step_text(found.step), season, [1.0] * targets,
        )  # fmt: skip

    @classmethod
    def load(cls, text):
        return cls(**json.loads(text))

    def scaled(self, values):
        """Returns values `(..., V)` transformed and scaled."""
        return (_transformed(values, self.transform, self.transformed) - self.mean) / self.std

    def unscaled(self, forecasts):
        """Returns scaled targets `(..., T, Q)` in their own units."""
        count = len(self.targets)
        mean, std = (np.array(of[:count])[:, None] for of in (self.mean, self.std))
        values = forecasts * std + mean
        if self.transform == "log":
            return np.expm1(values)
        return np.maximum(values, 0) ** 2 if self.transform == "sqrt" else values

    def width_at(self, time):
        """Returns by what the band is multiplied for a forecast whose last value is of this time.

        It is the latest width that was known then; before the first one the band is as trained.
        """
        known = [width for at, width in self.widths if np.array(at).astype(time.dtype) <= time]
        if not self.widths or len(known) == len(self.widths):
            return self.widen
        return known[-1] if known else [1.0] * len(self.targets)

    def known_ahead(self, found, more=0):
        """Returns what is known ahead, a row a step `(n + more, K)`.

        Args:
            found: A `Series`.
            more: Steps behind the last time for which the calendar is known.
        """
        parts, notes = [], []
        for name, fitted in self.known.items():
            column = found.known[name]
            if not isinstance(fitted[0], str):
                if column.dtype.kind != "f":
                    raise DataError(
                        f"The column {name!r} has text, and the run learned from numbers in it: give "
                        "data with numbers there."
                    )
                parts.append(((column - fitted[0]) / fitted[1])[:, None])
                continue
            texts = [f"{field:g}" if column.dtype.kind == "f" else field for field in column.tolist()]
            if new := sorted(set(texts) - set(fitted)):
                notes.append(
                    f"{', '.join(new[:8])} of {name!r}: not in the training part, read as none."
                )
            parts.append((np.array(texts)[:, None] == np.array(fitted)).astype("float64"))
        times = found.times
        if more and not self.known:
            times = np.concatenate([times, times[-1] + found.step * np.arange(1, more + 1)])
        parts += [calendar(times, name) for name in self.calendar]
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(times), 0)), notes


def _changes(values, std):
    """Returns whether columns change: whether their spread is more than rounding, relative to them."""
    return std > 1e-12 * np.maximum(1.0, np.abs(values).max(axis=0))


def _transformed(values, transform, of):
    if transform == "none":
        return values
    take = np.log1p if transform == "log" else np.sqrt
    return np.where(of, take(np.maximum(values, 0)), values)


def calendar(times, name):
    """Returns what a time says of itself: two numbers on a circle, or one of seven days.

    Args:
        times: `datetime64` `(n,)`.
        name: "hour", "weekday" or "year" (where in the year).

    Raises:
        DataError: if the series has no times.
    """
    if times.dtype.kind != "M":
        raise DataError(f"--calendar {name} needs a column of times (--time), and there is none.")
    days = times.astype("datetime64[D]")
    if name == "weekday":
        return ((days.astype(int)[:, None] + 3) % 7 == np.arange(7)).astype("float64")
    if name == "hour":
        turn = (times.astype("datetime64[s]") - days).astype(int) / 86_400
    else:
        turn = (days - times.astype("datetime64[Y]")).astype(int) / 365.25
    return np.stack([np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)], axis=1)
