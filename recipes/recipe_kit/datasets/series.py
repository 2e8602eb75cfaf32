"""Time series: sunspots and CO2 that come with the project, sets that you bring, generated ones."""

import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from recipe_kit.datasets import _series_generated as generated
from recipe_kit.datasets._files import DataError
from recipe_kit.datasets._series_columns import FILLS, Columns, filled
from recipe_kit.datasets._series_sets import SETS, find_file, unlike
from recipe_kit.datasets._series_times import step_text, text_of, texts_of, time_at
from rnn_kit.text import read_text

__all__ = [
    "FILLS",
    "KNOWN",
    "Series",
    "filled",
    "load_series",
    "step_text",
    "text_of",
    "texts_of",
    "time_at",
]

NONE = ("none",)  # of columns: none of those that a known set has
GENERATED = {
    "mackey-glass": (generated.mackey_glass, 1),
    "sines": (generated.noisy_sines, generated.DAY),
}
KNOWN = (*SETS, *GENERATED)
# Steps after which a series of the user's may repeat: a day of hours, a week, a year.
_SEASONS = {"15 minutes": 96, "30 minutes": 48, "1 hour": 24, "1 day": 7, "7 days": 52, "1 month": 12}


class Series(NamedTuple):
    """Series with one step, without gaps.

    Attributes:
        times: `datetime64` `(n + ahead,)`, or the rows' numbers. Behind the last values there may be
            times of which only the known columns are there.
        step: `timedelta64`, or 1.
        targets: Names of the columns to forecast.
        inputs: Names of the columns to read beside them.
        values: Numbers `(n, targets + inputs)`; what was missing is filled.
        observed: Boolean, as `values`: False where a value was filled.
        known: Names to columns `(n + ahead,)` that are known ahead: numbers, or text.
        season: Steps after which the series may repeat; 1 for none.
        info: The record for a result: `name`, `sha256` of all of this, numbers of steps and columns.
        notes: A tuple of lines for the user.
    """

    times: np.ndarray
    step: object
    targets: tuple
    inputs: tuple
    values: np.ndarray
    observed: np.ndarray
    known: dict
    season: int
    info: dict
    notes: tuple = ()


def load_series(
    name, time=None, target=(), inputs=(), known=(), fill="linear", encoding=None, season=None
):
    """Loads series by the name of a known set, or from the user's own table.

    Args:
        name: A known set, or a path to a table with a row a step:

            - `"sunspots"` (monthly since 1749), `"sunspots-yearly"`, `"co2"` (weekly, on Mauna Loa):
              they come with the project;
            - `"chicago"` (riders), `"laser"`, `"etth1"` (transformers), `"exchange"` (rates): from
              `$RNN_KIT_DATA` or `data/`;
            - `"mackey-glass"`, `"sines"`: generated.
        time: The column of times; `"none"` if there is none, and rows are numbered. Default: that of
            the set, or one called time, date, datetime, timestamp, year or ds.
        target: Columns to forecast. Default: those of the set, or the only column of numbers.
        inputs: Columns to read beside them. `("none",)` reads none of the set's.
        known: Columns that are known ahead; text becomes categories. `("none",)` for none of the set's.
        fill: How missing steps and values are filled: see `_series_columns.filled`.
        encoding: Of the user's file, as in `rnn_kit.text.read_text`.
        season: Steps after which the series may repeat. Default: those of the set, or by the step.

    Returns:
        `Series`.

    Raises:
        DataError: naming the file, and the line or the column, of what cannot be used.
        TextError: if the file is not text.
    """
    columns = {"time": time, "target": target, "inputs": inputs, "known": known}
    if name in GENERATED or name in ("sunspots", "laser"):
        return _plain(name, columns, season)
    if name in SETS:
        about, notes = SETS[name], []
        table = Columns(find_file(name, about), encoding, about.names)
        if about.rows:
            notes = unlike(name, len(table.lines), about)
        columns = {of: given or getattr(about, of) for of, given in columns.items()}
        taken = {*columns["target"]}
        for of in ("inputs", "known"):
            if columns[of] is getattr(about, of):
                columns[of] = tuple(column for column in columns[of] if column not in taken)
        return _of_table(
            name, table, fill, season or about.season, notes, sort=name == "chicago", **columns
        )
    if not os.path.lexists(name):
        raise DataError(
            f"There is no data set and no file called {str(name)!r}. The known sets are "
            f"{', '.join(KNOWN)}; expected one of them, or a table with a row for each step."
        )
    if Path(name).is_dir():
        raise DataError(f"{name} is a folder: expected a table with a row for each step.")
    return _of_table(str(name), Columns(name, encoding), fill, season, [], **columns)


def parse_monthly(text, place):
    """Parses a table of lines `year` and its twelve months, as the sunspots' `.dat` has it.

    Returns:
        Months `datetime64[M]` `(n,)`, and numbers `(n,)`.

    Raises:
        DataError: naming the line that does not follow the one before.
    """
    months, values = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not re.match(r"\s*\d{4}\s", line):
            continue
        year, *found = line.split()
        begins = np.datetime64(year, "M")
        try:
            read = [float(value) for value in found]
        except ValueError:
            read = []
        if not 0 < len(read) <= 12 or (months and begins != months[-1] + 1):
            raise DataError(
                f"{place}, line {number}: expected the year after the one before and its twelve months."
            )
        months += [begins + month for month in range(len(read))]
        values += read
    if not values:
        raise DataError(f"{place} has no line of a year and its months.")
    return np.array(months, "datetime64[M]"), np.array(values)


def _plain(name, columns, season):
    """Loads a set of one series that is no table."""
    asked = [f"--{of} {given if of == 'time' else ' '.join(given)}" for of, given in columns.items()
             if given and given not in (NONE, "none", (name,))]  # fmt: skip
    if asked:
        raise DataError(f"{name} has one series and no named columns: leave {asked[0]} out.")
    notes = []
    if name in GENERATED:
        draw, usual = GENERATED[name]
        values = draw()
        times, step = np.arange(len(values)), 1
    elif name == "laser":
        path, usual = find_file(name, SETS[name]), 1
        values = _array(path)
        notes = unlike(name, len(values), SETS[name])
        times, step = np.arange(len(values)), 1
    else:
        path, usual = find_file(name, SETS[name]), SETS[name].season
        times, values = parse_monthly(read_text(path), path)
        step = np.timedelta64(1, "M")
    values = values[:, None]
    there = np.ones_like(values, bool)
    return _made(name, times, step, (name,), (), values, there, {}, season or usual, notes)


def _array(path):
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as an array of NumPy ({error}): expected numbers."
        ) from None
    if values.dtype.kind not in "iuf" or values.size != max(values.shape, default=0):
        raise DataError(f"{path} has an array {values.shape} of {values.dtype}: expected one series.")
    return values.reshape(-1).astype("float64")


def _of_table(name, table, fill, season, notes, *, time, target, inputs, known, sort=False):
    notes = [*table.notes, *notes]
    if time is None and (time := table.time_column()) is not None:
        notes.append(f"Times are in the column {time!r}.")
    numbered = time in (None, "none")
    inputs, known = (() if of == NONE else tuple(of) for of in (inputs, known))
    target = tuple(target) or _only_target(table, {time, *inputs, *known}, name)
    names = [*([] if numbered else [time]), *target, *inputs, *known]
    if twice := next((column for column in names if names.count(column) > 1), None):
        raise DataError(f"The column {twice!r} is named twice: name it once.")
    for column in names:
        table.text(column)  # refuses a name that is none
    if numbered:
        times, step, rows = np.arange(len(table.lines)), 1, np.arange(len(table.lines))
        notes.append("Without a column of times (--time) the rows are numbered, one a step.")
    else:
        times, step, rows, said = table.times(time, sort)
        notes += said
    at = (times - times[0]) // step
    grid = times[0] + step * np.arange(at[-1] + 1)
    values = np.full((len(grid), len(target) + len(inputs)), np.nan)
    values[at] = np.stack([table.numbers(column)[rows] for column in (*target, *inputs)], axis=1)
    known = {column: table.numbers_or_text(column)[rows] for column in known}
    grid, values, known = _cut(grid, values, known, at, name, notes)
    there = np.isfinite(values)
    gaps = len(grid) - len(at) if len(grid) > len(at) else 0
    if not there.all():
        how = {"linear": "linear interpolation", "last": "the last value before"}[fill]
        empty = int((~there).any(axis=1).sum())
        notes.append(
            f"{empty:,} of {len(values):,} steps lack a value"
            + (f" ({gaps:,} have no row)" if gaps else "")
            + f": filled by {how}, and not counted in any score."
        )
        values = np.stack([filled(column, fill) for column in values.T], axis=1)
    if season is None:
        season = _SEASONS.get(step_text(step), 1)
        if season > 1:
            notes.append(f"A season is taken to be {season} steps of {step_text(step)} (--season).")
    return _made(name, grid, step, target, inputs, values, there, known, season, notes)


def _cut(grid, values, known, at, name, notes):
    """Cuts steps before all columns have values, and behind the last. Spreads `known` over the rest."""
    there = np.isfinite(values)
    if not there.any(axis=0).all():
        raise DataError(f"{name}: one of the columns has no number at all: expected series of numbers.")
    together = there.all(axis=1)  # from where on every gap has a value before it
    if not together.any():
        raise DataError(f"{name}: no step has a value in every column: expected series side by side.")
    first, last = int(together.argmax()), len(there) - int(there[::-1].any(axis=1).argmax())
    if first:
        notes.append(
            f"The first {first:,} steps are left out, before the first with a value in every column."
        )
    nearest = np.searchsorted(at, np.arange(len(grid)), "right") - 1
    spread = {}
    for column, given in known.items():
        if given.dtype.kind == "f":
            if not np.isfinite(given).any():
                raise DataError(f"{name}: the column {column!r} has no value: expected known ones.")
            there = np.flatnonzero(np.isfinite(given))
            before = np.searchsorted(there, np.arange(len(given)), "right") - 1
            given = given[there[np.maximum(before, 0)]]
        spread[column] = given[nearest][first:]
    if spread and len(grid) > len(at):
        notes.append("Steps without a row have the known columns of the row before.")
    end = len(grid) if spread else last
    if end == last < len(grid):
        notes.append(f"The last {len(grid) - last:,} steps have no value, and are left out.")
    elif spread and last < len(grid):
        notes.append(f"Of the last {len(grid) - last:,} steps the known columns alone are there.")
    return grid[first:end], values[first:last], spread


def _only_target(table, others, name):
    numeric = [c for c in table.names if c not in others and table.is_numeric(c)]
    if len(numeric) == 1:
        return tuple(numeric)
    if not numeric:
        raise DataError(
            f"{name} has no column of numbers to forecast: expected one; name it with --target."
        )
    raise DataError(
        f"{name} has several columns of numbers ({', '.join(numeric[:8])}): say with --target which "
        "to forecast."
    )


def _made(name, times, step, targets, inputs, values, there, known, season, notes):
    digest = hashlib.sha256(" ".join([*targets, *inputs]).encode())
    digest.update(" ".join(map(text_of, times)).encode())
    digest.update(values.astype("<f8").tobytes() + there.tobytes())
    for column, of in known.items():
        digest.update("\n".join([column, *map(str, of)]).encode())
    info = {
        "name": name,
        "sha256": digest.hexdigest(),
        "steps": len(values),
        "step": step_text(step),
        "first": text_of(times[0]),
        "last": text_of(times[len(values) - 1]),
        "targets": list(targets),
        "filled": int((~there).any(axis=1).sum()),
    }
    return Series(
        times, step, tuple(targets), tuple(inputs), values, there, known, season, info, tuple(notes)
    )
