"""Windows of time series: scaled, cut into parts by time, and in batches."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from parts.time_series.scaling import Scaling
from recipe_kit.datasets import DataError, series

EVALUATED = 256  # windows a batch, where nothing is trained
PARTS = ("train", "validation", "test")


class Data(NamedTuple):
    """What is learned from.

    Attributes:
        series: `recipe_kit.datasets.series.Series`.
        scaling: `Scaling`.
        values: Scaled float32 `(n, V)`: targets, then inputs.
        truth: Scaled float32 `(n, T)`, NaN where a target was filled.
        known: Float32 `(n + ahead, K)`, known ahead.
        origins: Parts to indexes of the last steps that are known when a forecast is made.
        starts: Parts to their first steps.
        window, horizon: In steps.
        notes: Lines for the user, a tuple.
    """

    series: series.Series
    scaling: Scaling
    values: np.ndarray
    truth: np.ndarray
    known: np.ndarray
    origins: dict
    starts: dict
    window: int
    horizon: int
    notes: tuple

    def ahead(self, of, origins):
        """Returns rows of an array that follow origins, `(N, horizon, ...)`."""
        return of[np.asarray(origins)[:, None] + np.arange(1, self.horizon + 1)]

    def behind(self, of, origins, steps):
        """Returns the last rows of an array up to origins, `(N, steps, ...)`."""
        return of[np.asarray(origins)[:, None] + np.arange(1 - steps, 1)]


def load_series(settings):
    """Loads the series that the settings name."""
    return series.load_series(
        settings.data, settings.time, settings.target, settings.inputs, settings.known, settings.fill,
        settings.encoding, settings.season,
    )  # fmt: skip


def load(settings):
    """Loads series, scales them, and cuts them into parts by time.

    A forecast from origin t reads the values up to t, and what is known ahead. An origin at which a
    value was filled is left out: linear interpolation knows the value behind the gap.

    Raises:
        DataError: if a part has no room for a window and its forecast, or a target is constant.
    """
    found = _between(load_series(settings), settings)
    count = len(found.values)
    season = found.season
    starts = _starts(settings, found)
    notes = list(found.notes)
    before = max(settings.window, season, settings.lags or 0)
    _check_room(settings, count, starts, before, season)
    whole = found.observed.all(axis=1)
    # Behind its last step with all values the training part may be filled from what came later.
    there = np.flatnonzero(whole[: starts["validation"]])
    fitted = there[-1] + 1 if len(there) else 0
    if fitted < before + settings.horizon:
        raise _no_origin("train")
    scaling = Scaling.fit(found, settings, fitted, season)
    known, said = scaling.known_ahead(found)
    targets = len(found.targets)
    values = scaling.scaled(found.values)
    truth = np.where(found.observed, values, np.nan)[:, :targets]
    origins, stops = {}, [fitted, starts["test"], count]
    for part, start, stop in zip(PARTS, starts.values(), stops, strict=True):
        first = max(start, before) if settings.overlap else start + before
        at = np.arange(first - 1, stop - settings.horizon)
        origins[part] = at[whole[at]]
        if not len(origins[part]):
            raise _no_origin(part)
    return Data(
        found, scaling, values.astype("float32"), truth.astype("float32"), known.astype("float32"),
        origins, starts, settings.window, settings.horizon, (*notes, *said),
    )  # fmt: skip


def _no_origin(part):
    return DataError(
        f"The {part} part has no step to forecast from at which all values are there: give longer "
        "series, or other shares (--validation, --test)."
    )


def _between(found, settings):
    """Cuts a series to `--begin` and `--end`."""
    if settings.begin is None and settings.end is None:
        return found
    first, last = found.times[0], found.times[-1]
    first = first if settings.begin is None else series.time_at(settings.begin, found.times, "--begin")
    last = last if settings.end is None else series.time_at(settings.end, found.times, "--end")
    keep = (found.times >= first) & (found.times <= last)
    if not keep.any():
        raise DataError(
            f"No step is between {series.text_of(first)} and {series.text_of(last)}: the series goes "
            f"from {found.info['first']} to {found.info['last']}."
        )
    of_values = keep[: len(found.values)]
    times, values = found.times[keep], found.values[of_values]
    info = {
        **found.info,
        "steps": len(values),
        "first": series.text_of(times[0]),
        "last": series.text_of(times[len(values) - 1]),
        "filled": int((~found.observed[of_values]).any(axis=1).sum()),
    }
    return found._replace(
        times=times, values=values, observed=found.observed[of_values], info=info,
        known={name: column[keep] for name, column in found.known.items()},
    )  # fmt: skip


def _starts(settings, found):
    """Returns the first step of each part."""
    count = len(found.values)
    stop, starts = count, {}
    for part in ("test", "validation"):
        asked = getattr(settings, part)
        if isinstance(asked, float):
            start = stop - max(1, round(asked * count))
        else:
            at = series.time_at(asked, found.times, f"--{part}")
            start = int(np.searchsorted(found.times[:count], at))
        if not 0 < start < stop:
            raise DataError(
                f"--{part} {asked} leaves a part without steps: the series goes from "
                f"{found.info['first']} to {found.info['last']}, and validation comes before the test."
            )
        starts[part] = stop = start
    return {"train": 0, "validation": starts["validation"], "test": starts["test"]}


def _check_room(settings, count, starts, before, season):
    if settings.residual == "season" and season > settings.window:
        raise DataError(
            f"--residual season needs a window of a season at least, and --window is {settings.window} "
            f"where a season has {season} steps: give --window {season} or more."
        )
    if settings.window % settings.segment:
        raise DataError(
            f"--segment {settings.segment} does not divide --window {settings.window}: give a window "
            "of whole segments."
        )
    stops = [*list(starts.values())[1:], count]
    for part, start, stop in zip(PARTS, starts.values(), stops, strict=True):
        apart = part == "train" or not settings.overlap
        needed = settings.horizon + (before if apart else max(0, before - start))
        if stop - start < needed:
            raise DataError(
                f"The {part} part has {stop - start:,} of {count:,} steps, and {needed:,} are needed "
                f"for --window {settings.window} and --horizon {settings.horizon} (a season has "
                f"{season}): give longer series, smaller ones of these, or other shares "
                "(--validation, --test)."
            )


def training_batches(settings, data, first_batch):
    """Batches the training part's windows without end, in an order drawn from (seed, epoch).

    Returns:
        A dataset of `(inputs, truth (B, H, T))`; the batches of an epoch; and its windows.
    """
    cut = cutter(data)
    origins = tf.constant(data.origins["train"], tf.int64)
    count = len(data.origins["train"])
    batches = -(-count // settings.batch_size)

    def batch_of(number):
        epoch, batch = number // batches, number % batches
        at = batch * settings.batch_size + tf.range(settings.batch_size, dtype=tf.int64)
        at = at[at < count]
        key = tf.stack([tf.constant(settings.seed, tf.int64), epoch])
        return cut(tf.gather(origins, tf.random.experimental.index_shuffle(at, key, count - 1)))

    dataset = tf.data.Dataset.counter(first_batch).map(batch_of).prefetch(tf.data.AUTOTUNE)
    return dataset, batches, count


def ordered_batches(data, origins):
    """Batches windows in order, each once: a dataset of `(inputs, truth (B, H, T))`."""
    dataset = tf.data.Dataset.from_tensor_slices(np.asarray(origins, "int64")).batch(EVALUATED)
    return dataset.map(cutter(data)).prefetch(tf.data.AUTOTUNE)


def cutter(data):
    """Makes a function from origins `(B,)` to the network's inputs and the truth.

    Inputs are `past` `(B, W, V + K)`, in which what is known ahead stands a step ahead: beside a value
    is what is known of the next one; and, if anything is known ahead, `ahead` `(B, H, K)`.
    """
    values, truth = tf.constant(data.values), tf.constant(data.truth)
    known = tf.constant(data.known)
    behind = tf.range(1 - data.window, 1, dtype=tf.int64)
    ahead = tf.range(1, data.horizon + 1, dtype=tf.int64)

    def cut(origins):
        at = origins[:, None] + behind
        inputs = {"past": tf.gather(values, at)}
        if known.shape[1]:
            inputs["past"] = tf.concat([inputs["past"], tf.gather(known, at + 1)], axis=-1)
            inputs["ahead"] = tf.gather(known, origins[:, None] + ahead)
        return inputs, tf.gather(truth, origins[:, None] + ahead)

    return cut
