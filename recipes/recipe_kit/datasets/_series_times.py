"""Reads columns of times: their forms, zones and order, and the step between them."""

import datetime
import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from recipe_kit.datasets._files import DataError

_YEAR = re.compile(r"\d{4}")
_MONTH = re.compile(r"(\d{4})[-/](\d{1,2})")
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(.*)")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(.*)")
_TWELVE_HOURS = re.compile(r"(\d{1,2}):(\d{2})(:\d{2})?\s*([AaPp])\.?[Mm]\.?")
_WRITE = "write times as 2024-01-31 or 2024-01-31T13:00"
_UNITS = (("day", 86_400_000_000), ("hour", 3_600_000_000), ("minute", 60_000_000))
_CALENDAR = {"Y": "year", "M": "month"}
_SHORTEST_MONTH = np.timedelta64(28, "D")


class Times(NamedTuple):
    """A column of times, ascending, with one step between them or several of it.

    Attributes:
        at: `datetime64` `(n,)` in years, months or microseconds.
        step: `timedelta64` of the same unit.
        rows: Indexes `(n,)` of the rows that they are of, whose repetitions are left out.
        notes: Lines for the user.
    """

    at: np.ndarray
    step: np.timedelta64
    rows: np.ndarray
    notes: list


def read_times(texts, lines, place, sort=False):
    """Reads a column of times.

    Args:
        texts: The column's fields.
        lines: Their lines in the file.
        place: The file, for messages.
        sort: Whether to sort rows that are in no order, instead of refusing them.

    Returns:
        `Times`.

    Raises:
        DataError: if a time cannot be read, rows are in no order, times repeat as those of several
            series do, or the steps between them differ other than by whole steps that are missing.
    """
    wall, offsets = _parsed(texts, lines, place)
    notes, forms = [], [wall]
    zones = sorted(set(offsets), key=str)
    if zones == [datetime.timedelta(0)]:
        notes.append("Times are of UTC.")
    elif len(zones) == 1 and zones[0] is not None:
        notes.append(f"Times are of {_zone(zones[0])}, and are kept so.")
    elif len(zones) > 1:
        utc = wall - np.array(offsets, "timedelta64[us]")
        told = ", ".join(map(_zone, zones))
        notes.append(f"Times of several zones ({told}) are converted to UTC.")
        forms = [utc, wall]
    try:
        return _evenly(forms[0], lines, place, sort, notes)
    except DataError:
        if len(forms) == 1:
            raise
    notes[-1] = f"Times of several zones ({told}) are read by the local clock, where steps are even."
    return _evenly(wall, lines, place, sort, notes)


def text_of(time):
    """Returns a time as text, as short as its unit allows.

    Example:

    >>> text_of(np.datetime64("2024-01-31T00:00:00.000000")), text_of(np.datetime64("2024-01", "M"))
    ('2024-01-31', '2024-01')
    """
    if not isinstance(time, np.datetime64):
        return f"{int(time)}"
    text = str(time)
    if "T" not in text:
        return text
    date, _, clock = text.partition("T")
    clock = clock.removesuffix(".000000").removesuffix(":00")
    return date if clock == "00:00" else f"{date}T{clock}"


def texts_of(times):
    """Returns the texts of times, all with the clock if one of them needs it.

    Example:

    >>> texts_of(np.array(["2024-01-31T23:00", "2024-02-01T00:00"], "datetime64[us]"))
    ['2024-01-31T23:00', '2024-02-01T00:00']
    """
    texts = [text_of(time) for time in times]
    clock = any("T" in text for text in texts)
    return [f"{text}T00:00" if clock and "T" not in text else text for text in texts]


def step_text(step):
    """Returns a step in words.

    Example:

    >>> step_text(np.timedelta64(7 * 86_400_000_000, "us")), step_text(np.timedelta64(1, "M"))
    ('7 days', '1 month')
    """
    if not isinstance(step, np.timedelta64):
        return "1 row"
    count = int(step.astype(int))
    if name := _CALENDAR.get(np.datetime_data(step.dtype)[0]):
        return _count(count, name)
    for name, size in _UNITS:
        if count % size == 0:
            return _count(count // size, name)
    seconds = count / 1e6
    return f"{seconds:g} second{'s' * (seconds != 1)}"


def time_at(text, times, what):
    """Reads a time given by the user, in the unit of a series' times.

    Args:
        text: Such as `2024`, `2024-01`, `2024-01-31`, `2024-01-31T13:00`; a row's number, if the times
            are numbers.
        times: The times of the series.
        what: The flag, for messages.

    Raises:
        DataError: if it cannot be read.
    """
    if times.dtype.kind != "M":
        if text.isdecimal():
            return int(text)
        raise DataError(
            f"{what} {text}: the series has no times, and its rows are numbered from 0: give a number."
        )
    try:
        return np.datetime64(_iso(text)[0]).astype(times.dtype)
    except ValueError:
        raise DataError(
            f"{what} {text} is not a time: expected one such as 2024-01-31 or 2024-01-31T13:00."
        ) from None


def _parsed(texts, lines, place):
    """Returns the times by the clock, `datetime64[us]`, and each one's offset to UTC or `None`."""
    day_first = _is_day_first(texts, lines, place)
    wall, offsets = [], []
    for text, line in zip(texts, lines, strict=True):
        try:
            iso, offset = _iso(text.strip(), day_first)
        except ValueError:
            raise DataError(
                f"{place}, line {line}: {text.strip()[:40]!r} is not a time; {_WRITE}."
            ) from None
        wall.append(iso)
        offsets.append(offset)
    zoned = [line for line, offset in zip(lines, offsets, strict=True) if offset is not None]
    if zoned and None in offsets:
        raise DataError(
            f"{place}, line {zoned[0]}: the time has a zone, and that of line "
            f"{lines[offsets.index(None)]} has none: expected all with one, or all without."
        )
    return np.array(wall, "datetime64[us]"), offsets


def _iso(text, day_first=True):
    """Returns a time by the clock, a `datetime`, and its offset to UTC or `None`."""
    if _YEAR.fullmatch(text):
        return datetime.datetime(int(text), 1, 1), None
    if match := _MONTH.fullmatch(text):
        return datetime.datetime(int(match[1]), int(match[2]), 1), None
    rest = text
    if match := _YEAR_FIRST.fullmatch(text):
        rest = f"{match[1]}-{int(match[2]):02}-{int(match[3]):02}{match[4]}"
    elif match := _YEAR_LAST.fullmatch(text):
        day, month = (match[1], match[3]) if day_first or match[2] == "." else (match[3], match[1])
        rest = f"{match[4]}-{int(month):02}-{int(day):02}{match[5]}"
    rest = re.sub(r"\s*(UTC|GMT)$", "+00:00", rest)
    rest = _TWELVE_HOURS.sub(_24_hours, rest)
    rest = re.sub(r"\s+([+-]\d\d)", r"\1", rest)
    time = datetime.datetime.fromisoformat(rest)
    return time.replace(tzinfo=None), time.utcoffset()


def _24_hours(match):
    hour = int(match[1]) % 12 + 12 * (match[4].lower() == "p")
    return f"{hour:02}:{match[2]}{match[3] or ''}"


def _is_day_first(texts, lines, place):
    """Returns whether 31/12/2024 or 12/31/2024 is the order of dates with slashes or hyphens."""
    dates = [_YEAR_LAST.fullmatch(text.strip()) for text in texts]
    dates = [match for match in dates if match and match[2] != "."]
    if not dates:
        return True
    first, second = (max(int(match[group]) for match in dates) for group in (1, 3))
    if (first > 12) == (second > 12):
        found = "both orders of day and month" if first > 12 else "dates whose day may be the month"
        raise DataError(
            f"{place}, line {lines[0]}: the column has {found}, such as {dates[0].group()!r}; {_WRITE}."
        )
    return first > 12


def _evenly(at, lines, place, sort, notes):
    """Returns `Times` of ascending order, without repetitions, with their step."""
    notes, rows = list(notes), np.arange(len(at))
    if sort:
        rows = np.argsort(at, kind="stable")
    elif len(at) > 1 and (np.diff(at) <= np.timedelta64(0)).all():
        rows = rows[::-1]
        notes.append("Rows from the latest to the earliest are read from the end.")
    back = np.flatnonzero(np.diff(at[rows]) < np.timedelta64(0))
    if len(back):
        before, after = at[rows[back[0]]], at[rows[back[0] + 1]]
        raise DataError(
            f"{place}, line {lines[rows[back[0] + 1]]}: {text_of(after)} comes after "
            f"{text_of(before)}: expected rows in the order of their times. Sort the file."
        )
    at = at[rows]
    fresh = np.append(True, at[1:] != at[:-1])
    if repeated := int((~fresh).sum()):
        if repeated >= len(at) / 2:
            raise DataError(
                f"{place} has {len(at):,} rows of {fresh.sum():,} times, as of several series below "
                "one another: expected one row a time. Give a file with the rows of one series."
            )
        line = lines[rows[np.flatnonzero(~fresh)[0]]]
        notes.append(
            f"{repeated:,} row{'s' * (repeated > 1)} with the time of another (the first in line "
            f"{line}) left out: the first of each counts."
        )
    at, rows = at[fresh], rows[fresh]
    if len(at) < 3:
        raise DataError(f"{place} has {len(at)} times: expected a row for each of many steps.")
    return _with_step(at, rows, lines, place, notes)


def _with_step(at, rows, lines, place, notes):
    if (np.diff(at) >= _SHORTEST_MONTH).all():
        months = at.astype("datetime64[M]")
        in_month = at - months
        to_end = (months + 1).astype("datetime64[us]") - at
        if len(set(in_month)) == 1 or len(set(to_end)) == 1:
            at = months
        years = months.astype("datetime64[Y]")
        if (at == years).all():
            at = years
    gaps = np.diff(at).astype(int)
    counts = Counter(gaps.tolist())
    step = min(counts, key=lambda gap: (-counts[gap], gap))
    unit = np.datetime_data(at.dtype)[0]
    odd = np.flatnonzero(gaps % step)
    steps = int(gaps.sum()) // step + 1
    if len(odd) or steps > 2 * len(at):
        n = int(odd[0] if len(odd) else np.flatnonzero(gaps != step)[0])
        one, other = (step_text(np.timedelta64(int(gap), unit)) for gap in (step, gaps[n]))
        raise DataError(
            f"{place}, line {lines[rows[n + 1]]}: {text_of(at[n + 1])} comes {other} after the time "
            f"before, and most rows are {one} apart: expected one step throughout, or whole steps that "
            "are missing. Bring the rows to one step."
        )
    return Times(at, np.timedelta64(step, unit), rows, notes)


def _zone(offset):
    if not offset:
        return "UTC"
    minutes = int(offset.total_seconds() // 60)
    return f"UTC{'+' if minutes >= 0 else '-'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _count(count, noun):
    return f"{count:,} {noun}{'s' * (count != 1)}"
