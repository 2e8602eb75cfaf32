"""The settings of the recipe and their presets."""

import argparse
from dataclasses import dataclass

from parts.time_series.choices import CALENDARS, FILLS, NORMALIZATIONS, RESIDUALS, SETS, TRANSFORMS
from recipe_kit import cli
from recipe_kit.cli import setting

DATA = "data and run"


def share_or_time(text):
    """Parses a share such as 0.15, or a time or a row's number: an argument type."""
    try:
        value = float(text)
    except ValueError:
        return text
    if 0 < value < 1:
        return value
    if value >= 1 and text.isdecimal():
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1, or a time")


def _column(default, help):
    return setting(default, help, group=DATA, of_data=True)


@dataclass(frozen=True)
class Settings:
    DATA = DATA
    FILES = (
        *("series.json", "backtest.csv"),
        *("learning.png", "backtest.png", "by_step.png", "forecast.png"),
    )

    data: str = cli.data(
        "co2",
        "co2, sunspots, sunspots-yearly (they come with the project), chicago, laser, etth1, exchange "
        "(you bring them), mackey-glass, sines (generated), or a table of your own",
        SETS,
    )
    time: str | None = _column(
        None, "the column of times, or none (default: one called time, date, ...)"
    )
    target: tuple[str, ...] = _column((), "columns to forecast (default: the only one of numbers)")
    inputs: tuple[str, ...] = _column((), "columns to read beside them")
    known: tuple[str, ...] = _column((), "columns that are known ahead, such as the kind of the day")
    calendar: tuple[str, ...] = setting(
        (), "known ahead from the time itself", choices=CALENDARS, group=DATA, of_data=True
    )
    fill: str = setting(
        "linear",
        "how steps that are missing are filled: between the values around, or by the last one",
        choices=FILLS,
        group=DATA,
    )
    encoding: str | None = cli.encoding()
    begin: str | None = _column(None, "first time to use")
    end: str | None = _column(None, "last time to use")
    validation: float | str = setting(
        0.15,
        "share of the steps, or the first time of the part",
        share_or_time,
        group=DATA,
        of_data=True,
    )
    test: float | str = setting(
        0.15, "the same of the last part", share_or_time, group=DATA, of_data=True
    )
    overlap: bool = setting(
        True, "windows of validation and test may begin in the part before", group=DATA, of_data=True
    )
    horizon: int = setting(24, "steps to forecast at once", cli.positive_int, group=DATA)
    window: int = setting(104, "steps that are read", cli.int_at_least(2), group=DATA)
    season: int | None = setting(
        None,
        "steps after which the series may repeat; 1 for none (default: the set's, or by the step)",
        cli.positive_int,
        group=DATA,
        of_data=True,
    )
    lags: int | None = setting(
        None,
        "steps that the linear autoregression reads (default: the window)",
        cli.positive_int,
        group=DATA,
    )
    seed: int = setting(0, "of weights and order", cli.seed, group=DATA)
    checkpoint_seconds: float = cli.checkpoint_seconds()
    cell: str = setting("gru", "the recurrent layers", choices=cli.CELLS)
    layers: int = setting(1, "recurrent layers", cli.positive_int)
    units: int = setting(32, "of each layer", cli.positive_int)
    transform: str = setting(
        "none", "what is taken of the values first", choices=TRANSFORMS, of_data=True
    )
    residual: str = setting(
        "last",
        "what is forecast: the value itself, or its difference from the last value or from that of a "
        "season ago",
        choices=RESIDUALS,
        of_data=True,
    )
    normalize: str = setting(
        "none",
        "subtract from each window its last value or its mean, or divide by its spread too",
        choices=NORMALIZATIONS,
        of_data=True,
    )
    joint: bool = setting(True, "read all targets together, else each by itself with the same weights")
    segment: int = setting(1, "steps of the series that are one step of the network", cli.positive_int)
    highway: bool = setting(False, "a linear autoregression of the window, learned with the network")
    dropout: float = setting(0.0, "before the forecast", cli.fraction)
    batch_size: int = setting(32, "windows", cli.positive_int)
    epochs: int = setting(20, "passes over the windows", cli.positive_int)
    learning_rate: float = setting(
        2e-3, "of Adam, at the start; half a cosine, to nothing", cli.positive
    )
    clip_norm: float | None = setting(1.0, "largest norm of all gradients together", cli.positive)
    dtype: str = setting("float32", "dtype policy", choices=cli.DTYPES)


# fmt: off
PRESETS = {
    "smoke": Settings(
        data="sunspots-yearly", horizon=2, window=22, lags=9, cell="simple", units=12, batch_size=16,
        epochs=12, learning_rate=1e-2,
    ),
    "lecture": Settings(
        data="sunspots", horizon=1, window=36, cell="simple", units=16, residual="none",
        learning_rate=1e-3, epochs=20,
    ),
    "cpu": Settings(residual="season", normalize="last", highway=True),
    "chicago": Settings(
        data="chicago", time="service_date", target=("rail_boardings",), inputs=("bus",),
        known=("day_type",), begin="2016-01-01", validation="2019-01-01", test="2019-06-01",
        overlap=False, horizon=1, window=56, residual="none", normalize="mean",
        epochs=50, learning_rate=4e-3,
    ),
    "laser": Settings(
        data="laser", horizon=1, window=50, units=64, residual="none", batch_size=64, epochs=60,
        learning_rate=5e-3,
    ),
    "etth1": Settings(
        data="etth1", end="2018-02-20T23:00", validation="2017-06-26", test="2017-10-24",
        horizon=96, window=336, joint=False, segment=24, highway=True, normalize="mean",
        residual="none", units=64, dropout=0.3, batch_size=64, epochs=6, learning_rate=1e-3,
    ),
    "exchange": Settings(
        data="exchange", horizon=3, window=30, epochs=10, batch_size=64, learning_rate=1e-3,
    ),
}
# fmt: on
