"""Forecasts of a saved run: what comes after the last value, as a table and a picture."""

import dataclasses
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from parts.time_series import backtest, run_figures, windows
from parts.time_series.scaling import Scaling
from parts.time_series.settings import Settings
from recipe_kit import cli, figures
from recipe_kit.datasets import DataError, series
from recipe_kit.runs import RunError, atomic_write


class Known(NamedTuple):
    """What is known when a forecast is made.

    Attributes:
        series: `recipe_kit.datasets.series.Series`.
        scaling: `Scaling` of the run.
        origin: The last step that is known.
        window, horizon: In steps.
    """

    series: series.Series
    scaling: Scaling
    origin: int
    window: int
    horizon: int


def settings_of(run, flags):
    """Returns a run's settings with the data that were given, and the columns that it learned from."""
    settings = run.settings(Settings)
    given = cli.given(flags, Settings)
    if given.get("data", settings.data) != settings.data:
        scaling = scaling_of(run)
        given |= {
            "target": tuple(scaling.targets),
            "inputs": tuple(scaling.inputs) or ("none",),
            "known": tuple(scaling.known) or ("none",),
        }
    return dataclasses.replace(settings, **given)


def scaling_of(run):
    """Reads what a run has fitted to its series.

    Raises:
        RunError: if it is missing or broken.
    """
    try:
        return Scaling.load(run.file("series.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError) as error:
        raise RunError(
            f"Cannot read {run.file('series.json')} ({error}): the run has not come to its end. Go on "
            f"with --resume --out {run.path}"
        ) from None


def forecast(run, settings, at=None, output=None):
    """Prints or writes a table of forecasts, and draws them into the run's folder.

    Args:
        run: The saved `Run`.
        settings: Of the run, with the data that were given.
        at: The time of the last value to use, as text. Default: the last of all.
        output: A file for the table. Default: standard output.

    Returns:
        Times `(H,)`, and quantiles `(H, T, 3)` in the series' units.

    Raises:
        DataError, UserError, RunError: with one line for the user.
    """
    scaling = scaling_of(run)
    known = _known(settings, scaling, at)
    quantiles, notes = quantiles_of(run.load_model(), known)
    for note in (*known.series.notes, *notes):
        sys.stderr.write(f"{note}\n")
    steps = np.arange(known.origin + 1, known.origin + 1 + known.horizon)
    times = known.series.times[0] + known.series.step * steps
    text = table(times, scaling.targets, quantiles)
    if output:
        with atomic_write(Path(output)) as tmp_path:
            tmp_path.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    said = f"written to {output}" if output else "the table is above"
    try:
        with figures.default_style():
            title = f"{run_figures.name_of(known.series)}, from {series.text_of(times[0])}"
            figure = run_figures.forecast(known, known.origin, quantiles, _truth(known), title)
            figures.save(run, "forecast.png", figure)
        said += f"; drawn in {run.file('forecast.png')}"
    except RunError as error:
        said += f"; the picture is not drawn: {error}"
    sys.stderr.write(f"{said}\n")
    return times, quantiles


def quantiles_of(model, known):
    """Returns forecasts `(H, T, 3)` in the series' units, and lines for the user."""
    scaling, stop = known.scaling, known.origin + 1
    found = known.series
    # A value that was filled from what came later is filled again, from what was known.
    there = found.observed[:stop]
    values = np.where(there, found.values[:stop], np.nan)
    for column in range(values.shape[1]):
        first = int(there[:, column].argmax())
        values[first:, column] = series.filled(values[first:, column], "linear")
    past = scaling.scaled(values[-known.window :])[None]
    if not np.isfinite(past).all():
        raise DataError(
            f"{found.info['name']}: a column has no value before the window of {known.window} steps: "
            "forecast from a later time (--at)."
        )
    ahead, notes = scaling.known_ahead(found, known.horizon)
    inputs = {"past": past.astype("float32")}
    if ahead.shape[1]:
        if len(ahead) < stop + known.horizon:
            columns = ", ".join(map(repr, scaling.known))
            raise DataError(
                f"{columns} must be known for {known.horizon} steps after "
                f"{series.text_of(found.times[known.origin])}, and the data end there: give data whose "
                "last rows have these columns and no values, or an earlier time with --at."
            )
        beside = ahead[stop - known.window + 1 : stop + 1][None]
        inputs["past"] = np.concatenate([past, beside], axis=-1).astype("float32")
        inputs["ahead"] = ahead[stop : stop + known.horizon][None].astype("float32")
    made = np.asarray(model(inputs, training=False), "float64")[0]
    widen = scaling.width_at(found.times[known.origin])
    return scaling.unscaled(backtest.widened(made, widen)), notes


def table(times, targets, quantiles):
    """Returns CSV: `time,median,low,high`; for several targets a column `series` behind the time."""
    several = len(targets) > 1
    lines = ["time,series,median,low,high" if several else "time,median,low,high"]
    for time, of_time in zip(series.texts_of(times), quantiles, strict=True):
        for target, (low, middle, high) in zip(targets, of_time, strict=True):
            name = [backtest.csv_field(target)] if several else []
            numbers = (f"{value:.8g}" for value in (middle, low, high))
            lines.append(",".join([time, *name, *numbers]))
    return "\n".join(lines) + "\n"


def _known(settings, scaling, at):
    """Loads the data of a forecast, and finds the last step that is known."""
    found = windows.load_series(settings)
    columns = [*found.targets, *found.inputs]
    if columns != [*scaling.targets, *scaling.inputs]:
        raise DataError(
            f"{found.info['name']} has the columns {', '.join(columns)}, and the run learned from "
            f"{', '.join([*scaling.targets, *scaling.inputs])}: give data with those."
        )
    if series.step_text(found.step) != scaling.step:
        raise DataError(
            f"{found.info['name']} has steps of {series.step_text(found.step)}, and the run learned "
            f"from steps of {scaling.step}: give data with those."
        )
    origin = len(found.values) - 1
    if at is not None:
        time = series.time_at(at, found.times, "--at")
        origin = int(np.searchsorted(found.times[: origin + 1], time, "right")) - 1
        if origin < 0 or time > found.times[len(found.values) - 1]:
            raise DataError(
                f"--at {at} is not among the times of the series, from {found.info['first']} to "
                f"{found.info['last']}."
            )
    if origin + 1 < settings.window:
        raise DataError(
            f"A forecast reads {settings.window} steps, and there are {origin + 1:,} up to "
            f"{series.text_of(found.times[origin])}: give longer data, or a later time with --at."
        )
    return Known(found, scaling, origin, settings.window, settings.horizon)


def _truth(known):
    """Returns what came `(H, T)`, NaN where it is not known."""
    targets = len(known.scaling.targets)
    truth = np.full((known.horizon, targets), np.nan)
    later = slice(known.origin + 1, known.origin + 1 + known.horizon)
    came, observed = known.series.values[later, :targets], known.series.observed[later, :targets]
    truth[: len(came)] = np.where(observed, came, np.nan)
    return truth
