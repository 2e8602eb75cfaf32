"""Known sets of time series: their files, columns and seasons."""

from typing import NamedTuple

from recipe_kit.datasets._files import (
    DataError,
    data_folder,
    file_sha256,
    first_there,
    unlike_published,
    unreadable,
)

NO_FILE = "co2, sunspots or sunspots-yearly, which come with the project"


class KnownSet(NamedTuple):
    """A known set.

    Attributes:
        filename: In `series/` of the data folder.
        sha256: Of a file that comes with the project.
        rows: The published number, of a file that does not.
        source: Where such a file is from.
        time, target, inputs, known: Its columns, as in `load_series`.
        season: Steps after which it may repeat.
        names: Of the columns, where the file has none.
    """

    filename: str
    sha256: str | None = None
    rows: int | None = None
    source: str = ""
    time: str = "none"
    target: tuple = ()
    inputs: tuple = ()
    known: tuple = ()
    season: int = 1
    names: tuple | None = None


_EXCHANGE = "australia britain canada switzerland china japan new_zealand singapore".split()
_ETT = "HUFL HULL MUFL MULL LUFL LULL OT".split()
SETS = {
    "sunspots": KnownSet(
        "sunspots_monthly.dat",
        "cc303d26340b6d599bc2878899f8c50c12323dc04b52a26ad047965ea2b9d2a3",
        season=132,
    ),
    "sunspots-yearly": KnownSet(
        "sunspots_yearly.csv",
        "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b",
        time="YEAR",
        target=("SUNACTIVITY",),
        season=11,
    ),
    "co2": KnownSet(
        "co2_weekly.csv",
        "16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f",
        time="date",
        target=("co2",),
        season=52,
    ),
    "chicago": KnownSet(
        "cta_ridership.csv",
        rows=7_701,
        source="data.cityofchicago.org, CTA Ridership, Daily Boarding Totals",
        time="service_date",
        target=("rail_boardings",),
        inputs=("bus",),
        known=("day_type",),
        season=7,
    ),
    "etth1": KnownSet(
        "ETTh1.csv",
        rows=17_420,
        source="github.com/zhouhaoyi/ETDataset, ETT-small",
        time="date",
        target=tuple(_ETT),
        season=24,
    ),
    "exchange": KnownSet(
        "exchange_rate.txt.gz",
        rows=7_588,
        source="github.com/laiguokun/multivariate-time-series-data, exchange_rate",
        target=tuple(_EXCHANGE),
        names=tuple(_EXCHANGE),
    ),
    "laser": KnownSet(
        "santafe_laser.npy",
        rows=10_093,
        source="the Santa Fe time series competition, data set A with its continuation, as an array "
        "of NumPy",
    ),
}


def find_file(name, about):
    """Returns the path of a known set's file, checked if it comes with the project."""
    tried = []
    path = first_there(data_folder() / "series" / about.filename, tried)
    if path is None:
        what = "comes with the project" if about.sha256 else f"is not downloaded ({about.source})"
        raise DataError(
            f"{name} is not on this machine: {about.filename} {what}. Tried: {'; '.join(tried)}. Put "
            f"it into {data_folder() / 'series'}, or use --data {NO_FILE}."
        )
    try:
        found = file_sha256(path)
    except OSError as error:
        raise unreadable(path, error) from None
    if about.sha256 not in (None, found):
        raise DataError(
            f"{path} is not {name} as it came with the project: expected SHA-256 {about.sha256}, found "
            f"{found}. Put that one back, or give the path with --data to use it as it is."
        )
    return path


def unlike(name, count, about):
    """Returns a note in a list, if a set has another number of rows than published."""
    found = unlike_published([("rows", count, about.rows)])
    return [f"{name} has {found}: figures of others may not be comparable."] if found else []
