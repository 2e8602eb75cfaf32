"""A rolling backtest: from every step of a part a forecast, by what was known then."""

from typing import NamedTuple

import numpy as np

from parts.time_series import baselines, windows
from parts.time_series.choices import BAND
from recipe_kit import figures
from recipe_kit.datasets import series

CLOSE = 0.9  # correlation with the last value, from which on a forecast may be that value again
MEMORY = 100  # forecasts whose errors set the band's width
REPEATS = 0.98  # share of the last value's error, from which on a repeated value is no forecast


class Backtest(NamedTuple):
    """Forecasts from each origin of a part, in the series' own units.

    Attributes:
        origins: `(N,)`, the last steps that were known.
        truth: `(N, H, T)`, NaN where a value was filled.
        quantiles: `(N, H, T, 3)`, by the network: low, median, high.
        as_trained: The same, before the band's width was set.
        distances: `(N, H, T)`, of the truth from the median, in widths of the band on its side.
        widths: `(N, T)`, by what the band is multiplied.
        widen: The same for forecasts after these, T numbers.
        others: Names of what it is compared with to forecasts `(N, H, T)`.
        last: `(N, 1, T)`, the last value that was known.
    """

    origins: np.ndarray
    truth: np.ndarray
    quantiles: np.ndarray
    as_trained: np.ndarray
    distances: np.ndarray
    widths: np.ndarray
    widen: list
    others: dict
    last: np.ndarray


def run(model, data, linear, part, before=None):
    """Forecasts from each origin of a part.

    Args:
        model: The network.
        data: `windows.Data`.
        linear: `baselines.LinearAutoregression`.
        part: Its name.
        before: `Backtest` of the part before, from which on the band's width follows the errors of the
            forecasts whose values were known. Default: the band is as trained.

    Returns:
        `Backtest`.
    """
    origins = data.origins[part]
    scaled = model.predict(windows.ordered_batches(data, origins), verbose=0).astype("float64")
    last = baselines.last_value(data, origins)
    others = {"last": last}
    if data.scaling.season > 1:
        others["season"] = baselines.season_ago(data, origins)
    others["linear"] = linear(origins)
    targets = len(data.series.targets)
    values = np.where(data.series.observed, data.series.values, np.nan)[:, :targets]

    def unscaled(forecasts):
        return data.scaling.unscaled(forecasts[..., None])[..., 0]

    distances = distances_from_median(scaled, data.ahead(data.truth, origins))
    known = np.zeros((0, *distances.shape[1:])) if before is None else before.distances
    widths, widen = band_widths(known, distances)
    return Backtest(
        origins,
        data.ahead(values, origins),
        data.scaling.unscaled(scaled if before is None else widened(scaled, widths[:, None])),
        data.scaling.unscaled(scaled),
        distances,
        widths,
        widen.tolist(),
        {name: unscaled(forecasts) for name, forecasts in others.items()},
        unscaled(last[:, :1]),
    )


def widened(quantiles, widths):
    """Returns quantiles `(..., T, 3)` with a band that is wider by factors `(..., T)`."""
    middle = quantiles[..., 1:2]
    return middle + (quantiles - middle) * np.asarray(widths)[..., None]


def distances_from_median(quantiles, truth):
    """Returns how far values are from the median, in widths of the band on their side, `(N, H, T)`."""
    low, middle, high = np.moveaxis(quantiles, -1, 0)
    off = truth - middle
    return np.abs(off) / np.maximum(np.where(off > 0, high - middle, middle - low), 1e-12)


def band_widths(before, distances, memory=MEMORY):
    """Returns by what the band is multiplied at each origin, so that it holds its share.

    It is the quantile of the distances of the latest forecasts whose values were all known at the
    origin: what is later is not used.

    Args:
        before: Distances `(M, H, T)` of the part before.
        distances: `(N, H, T)`.
        memory: Forecasts to use.

    Returns:
        Factors `(N, T)`, and those after the last origin, `(T,)`.

    Source: after Romano, Patterson and Candès 2019, "Conformalized Quantile Regression"
    (arXiv:1905.03222), which adds a width, from a part held out, where this multiplies, from the
    latest forecasts.
    """
    count, steps, targets = distances.shape
    known = np.concatenate([before, distances])
    factors = np.ones((count, targets))
    every = max(1, memory // 10)
    for n in range(0, count, every):
        # The values of the part before are known at the first origin, and then those of H steps ago.
        stop = max(len(before), len(before) + n - steps + 1)
        if stop:
            factors[n : n + every] = _share_of(known[max(0, stop - memory) : stop])
    return factors, _share_of(known[-memory:])


def _share_of(distances):
    flat = distances.reshape(-1, distances.shape[-1])
    return np.nan_to_num(np.nanquantile(flat, BAND, axis=0), nan=1.0)


def widths_by_time(data, backtest):
    """Returns the widths of a backtest as `Scaling` keeps them: a pair where they change."""
    changed = np.any(np.diff(backtest.widths, axis=0, prepend=np.nan) != 0, axis=1)
    times = data.series.times[backtest.origins[changed]]
    texts = [str(time) for time in times]
    return list(map(list, zip(texts, backtest.widths[changed].tolist(), strict=True)))


def scores(data, backtest):
    """Returns what a part came to, as names to numbers: of the network, and `_last`, `_linear` ...

    `mae`, `rmse` in the series' unit, if there is one series; `mae_scaled` and `mse_scaled` in
    standard deviations of the training part, and `nmse` in variances of this part, as means over the
    targets.
    """
    found, truth = {}, backtest.truth
    std = np.array(data.scaling.unit)
    first, last = backtest.origins[0] + 1, backtest.origins[-1] + data.horizon
    observed, values = data.series.observed, data.series.values
    part = np.where(observed, values, np.nan)[first : last + 1, : len(std)]
    variance = np.nanvar(part, axis=0)
    forecasts = {"": backtest.quantiles[..., 1]}
    forecasts |= {f"_{name}": forecast for name, forecast in backtest.others.items()}
    for name, forecast in forecasts.items():
        error = forecast - truth
        if len(std) == 1:
            found[f"mae{name}"] = np.nanmean(np.abs(error))
            found[f"rmse{name}"] = np.sqrt(np.nanmean(error**2))
        found[f"mae_scaled{name}"] = np.nanmean(np.abs(error) / std)
        found[f"mse_scaled{name}"] = np.nanmean((error / std) ** 2)
        by_target = np.nanmean(error**2, axis=(0, 1))
        found[f"nmse{name}"] = np.mean(by_target / np.maximum(variance, 1e-12))
    found["coverage"] = coverage(truth, backtest.quantiles)
    found["coverage_as_trained"] = coverage(truth, backtest.as_trained)
    found |= repetition(backtest)
    found["forecasts"] = len(truth)
    return {name: float(value) for name, value in found.items()}


def coverage(truth, quantiles):
    """Returns the share of the values that are inside the band."""
    there = np.isfinite(truth)
    inside = (truth >= quantiles[..., 0]) & (truth <= quantiles[..., -1])
    return inside[there].mean()


def repetition(backtest):
    """Returns whether the forecasts are little more than the last value again, as names to numbers.

    `correlation_last` is the correlation of the forecasts with the last value that was known (the
    series, shifted by the horizon), `correlation_truth` that with what came; each a mean over the steps
    ahead and the targets. `repeats` is 1 if the first is higher, and above `CLOSE`, and the error is
    not below `REPEATS` of the last value's.
    """
    median = backtest.quantiles[..., 1]
    last = np.broadcast_to(backtest.last, median.shape)
    pairs = {"correlation_last": last, "correlation_truth": backtest.truth}
    found = {name: _correlation(median, other) for name, other in pairs.items()}
    errors = [np.nanmean(np.abs(of - backtest.truth), axis=(0, 1)) for of in (median, last)]
    share = np.mean(errors[0] / np.maximum(errors[1], 1e-12))
    closer = found["correlation_last"] > max(found["correlation_truth"], CLOSE)
    repeats = closer and share >= REPEATS
    return {**found, "error_of_last": share, "repeats": repeats}


def _correlation(one, other):
    """Returns the mean correlation over the steps ahead and the targets."""
    found = []
    for step in range(one.shape[1]):
        for target in range(one.shape[2]):
            a, b = one[:, step, target], other[:, step, target]
            there = np.isfinite(a) & np.isfinite(b)
            if there.sum() > 2 and a[there].std() > 0 and b[there].std() > 0:
                found.append(np.corrcoef(a[there], b[there])[0, 1])
    return float(np.mean(found)) if found else 0.0


def report(metrics, settings, data):
    """Prints the table of the test part, and what is to be said of it."""
    one = len(data.series.targets) == 1
    error = "mae" if one else "mae_scaled"
    columns = {f"validation_{error}": "validation MAE", f"test_{error}": "test MAE"}
    columns |= {"test_rmse": "RMSE"} if one else {"test_mse_scaled": "MSE"}
    columns["test_nmse"] = "NMSE"
    lags = settings.lags or settings.window
    rows = {
        "_last": "the last value",
        "_season": f"a season ago ({data.scaling.season})",
        "_linear": f"linear, {lags} lags",
        "": f"{figures.cell_name(settings.cell)} of {settings.units}",
    }
    steps = f"{settings.horizon} step{'s' * (settings.horizon > 1)}"
    unit = "" if one else "; errors in standard deviations of the training part"
    print()
    for part in ("validation", "test"):
        origins, times = data.origins[part], data.series.times
        first, end = (series.text_of(times[n]) for n in (origins[0] + 1, origins[-1] + data.horizon))
        print(f"{part}: {len(origins):,} forecasts of {steps}, {first} to {end}{unit}")
    print(f"{'':28}" + "".join(f"{head:>15}" for head in columns.values()))
    for name, told in rows.items():
        if f"test_nmse{name}" in metrics:
            print(f"{told:28}" + "".join(f"{metrics[f'{of}{name}']:>15,.5g}" for of in columns))
    print(
        f"inside the band of {BAND:.0%}: {metrics['test_coverage']:.1%} of the test's values; "
        f"{metrics['test_coverage_as_trained']:.1%} before its width followed the errors of the latest "
        f"{MEMORY} forecasts"
    )
    print(verdict(metrics))


def verdict(metrics):
    """Returns a line on whether the forecasts are the last value again."""
    last, truth = metrics["test_correlation_last"], metrics["test_correlation_truth"]
    share = metrics["test_error_of_last"]
    if metrics["test_repeats"]:
        return (
            "It repeats the last value: its forecasts correlate more with the series shifted by the "
            f"horizon ({last:.4f}) than with what came ({truth:.4f}), and their error is {share:.0%} "
            "of the last value's. Nothing is forecast here."
        )
    return (
        f"Its error is {share:.0%} of the last value's; its forecasts correlate {truth:.4f} with what "
        f"came, and {last:.4f} with the series shifted by the horizon."
    )


def table(data, backtest):
    """Returns CSV of forecasts that do not overlap: time, series, truth, low, median, high."""
    lines = ["time,series,truth,low,median,high"]
    times = series.texts_of(data.series.times)
    for n in without_overlap(backtest.origins, data.horizon):
        for step in range(data.horizon):
            time = times[backtest.origins[n] + 1 + step]
            for target, name in enumerate(data.series.targets):
                truth = backtest.truth[n, step, target]
                numbers = [truth, *backtest.quantiles[n, step, target]]
                shown = ["" if np.isnan(value) else f"{value:.8g}" for value in numbers]
                lines.append(",".join([time, csv_field(name), *shown]))
    return "\n".join(lines) + "\n"


def without_overlap(origins, horizon):
    """Returns indexes of origins whose forecasts do not overlap."""
    chosen, free = [], -1
    for n, origin in enumerate(origins):
        if origin >= free:
            chosen.append(n)
            free = origin + horizon
    return chosen


def csv_field(name):
    """Returns a name as a field of CSV."""
    return '"' + name.replace('"', '""') + '"' if set(name) & set(',"\n') else name
