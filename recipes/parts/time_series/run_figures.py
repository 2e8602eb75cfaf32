"""The figures of a run: its training, its forecasts of the test part, and their error by step."""

from pathlib import Path

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import MaxNLocator

from parts.time_series import backtest as tests
from parts.time_series.choices import BAND
from recipe_kit import figures
from recipe_kit.datasets import series

MOST = 240  # steps of the test part that are drawn; of single steps half as many
WIDE = 8  # largest loss by the smallest, from which on the axis is logarithmic
STYLES = {
    "last": ("the last value", figures.COLORS[4]),
    "season": ("a season ago", figures.COLORS[2]),
    "linear": ("linear autoregression", figures.COLORS[3]),
}
NETWORK = figures.COLORS[1]


def draw(run, settings, history, data, test):
    """Draws a run's figures into its folder.

    Args:
        run: The `Run`.
        settings: Of the run.
        history: Its rows.
        data: `windows.Data`.
        test: `backtest.Backtest` of the test part.
    """
    name = name_of(data.series)
    figures.save(run, "learning.png", learning_curve(history, f"{name}: pinball loss"))
    cell = figures.cell_name(settings.cell)
    figures.save(run, "backtest.png", forecasts(data, test, cell, f"{name}, test"))
    if data.horizon > 1:
        figures.save(run, "by_step.png", error_by_step(data, test, cell, f"{name}, test"))


def name_of(found):
    """Returns the name of a series for a title: of a file without its folder."""
    return Path(found.info["name"]).name


def learning_curve(history, title):
    """Draws the loss of training and validation, epoch by epoch."""
    figure, ax = figures.new_axes()
    epochs = [row["epoch"] for row in history]
    losses = {"training": "loss", "validation": "val_loss"}
    for (label, column), color in zip(losses.items(), figures.COLORS, strict=False):
        ax.plot(epochs, [row[column] for row in history], "o-", ms=3.5, color=color, label=label)
    ax.set(xlabel="epoch", ylabel="pinball loss, scaled", title=figures.visible_text(title))
    shown = [row[column] for row in history for column in losses.values()]
    if max(shown) > WIDE * min(shown) > 0:
        ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False)
    return figures.caption(
        figure,
        "Lower is better. Validation is later than all of training, so that its level may differ; what "
        "counts is where it stops falling.",
    )


def forecasts(data, test, cell, title, target=0):
    """Draws the beginning of the test part, and forecasts of it that do not overlap."""
    figure, ax = figures.new_axes(8.6, 4.2)
    chosen = tests.without_overlap(test.origins, data.horizon)
    chosen = chosen[: max(1, MOST // max(2, data.horizon))]
    at = np.concatenate([test.origins[n] + 1 + np.arange(data.horizon) for n in chosen])
    quantiles = test.quantiles[chosen][:, :, target].reshape(-1, 3)
    x = _positions(data.series.times, at)
    ax.fill_between(
        x, quantiles[:, 0], quantiles[:, 2], color=NETWORK, alpha=0.2, lw=0, label=f"band of {BAND:.0%}"
    )
    for name, forecast in test.others.items():
        label, color = STYLES[name]
        values = forecast[chosen][:, :, target].reshape(-1)
        ax.plot(x, values, lw=0.7, color=color, alpha=0.8, label=label)
    ax.plot(x, quantiles[:, 1], lw=1.4, color=NETWORK, label=f"{cell}, median")
    truth = test.truth[chosen][:, :, target].reshape(-1)
    ax.plot(x, truth, ".-", ms=3, lw=0.9, color="0.15", label="what came")
    ax.set_ylabel(figures.visible_text(data.series.targets[target]))
    _name_axis(ax, data.series)
    ax.set_title(figures.visible_text(title))
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    steps = f"{data.horizon} steps, each from its last known value" if data.horizon > 1 else "one step"
    return figures.caption(
        figure,
        f"Forecasts of {steps}, one after another: they know nothing of what is drawn to the right of "
        f"where they begin. Of the values {BAND:.0%} should be inside the band.",
    )


def error_by_step(data, test, cell, title):
    """Draws the mean absolute error and the band's share by the steps ahead."""
    figure, (left, right) = figures.new_axes(8.6, 4.0, columns=2)
    steps = np.arange(1, data.horizon + 1)
    std = np.array(data.scaling.unit)
    shown = {f"{cell}, median": (test.quantiles[..., 1], NETWORK, 1.8)}
    for name, forecast in test.others.items():
        label, color = STYLES[name]
        shown[label] = forecast, color, 1.0
    for label, (forecast, color, width) in shown.items():
        error = np.nanmean(np.abs(forecast - test.truth) / std, axis=(0, 2))
        left.plot(
            steps, error, "o-" if len(steps) < 30 else "-", ms=3, lw=width, color=color, label=label
        )
    left.set(xlabel="steps ahead", ylabel="mean absolute error, in standard deviations")
    left.set_ylim(bottom=0)
    left.legend(frameon=False)
    quantiles = test.quantiles
    inside = (test.truth >= quantiles[..., 0]) & (test.truth <= quantiles[..., 2])
    share = np.nanmean(np.where(np.isnan(test.truth), np.nan, inside), axis=(0, 2))
    right.plot(steps, share, color=NETWORK)
    right.axhline(BAND, ls=":", color="0.4")
    right.set(xlabel="steps ahead", ylabel="share inside the band", ylim=(0, 1.02))
    for ax in (left, right):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.suptitle(figures.visible_text(title))
    return figures.caption(
        figure,
        "Left: lower is better; standard deviations are those of the training part. Right: the nearer "
        f"to the dotted line ({BAND:.0%}), the better the band says how sure the forecast is.",
    )


def forecast(data, origin, quantiles, truth, title, targets=3):
    """Draws what is forecast from one origin, behind the window that it reads.

    Args:
        data: `windows.Data`-like: `series`, `window`, `horizon`.
        origin: The last step that is known.
        quantiles: `(H, T, 3)`.
        truth: `(H, T)`, NaN where it is not known.
        title: The figure's title.
        targets: How many of them are drawn at most.
    """
    found = data.series
    shown = min(targets, len(found.targets))
    figure, axes = figures.new_axes(7.6, 3.8) if shown == 1 else _stacked(shown)
    before = np.arange(max(0, origin + 1 - max(2 * data.horizon, min(data.window, 120))), origin + 1)
    at = np.append(origin, np.arange(origin + 1, origin + 1 + data.horizon))
    times = _extended(found, at[-1])
    for target, ax in enumerate(np.atleast_1d(axes)):
        now = found.values[origin, target]
        low, middle, high = (np.append(now, quantiles[:, target, n]) for n in range(3))
        x = _positions(times, at)
        ax.fill_between(x, low, high, color=NETWORK, alpha=0.2, lw=0, label=f"band of {BAND:.0%}")
        ax.plot(x, middle, color=NETWORK, label="median")
        ax.plot(_positions(times, before), found.values[before, target], color="0.15", label="known")
        if np.isfinite(truth[:, target]).any():
            ax.plot(x[1:], truth[:, target], ".", ms=4, color=figures.COLORS[0], label="what came")
        ax.set_ylabel(figures.visible_text(found.targets[target]))
    _name_axis(np.atleast_1d(axes)[-1], found)
    np.atleast_1d(axes)[0].legend(frameon=False)
    figure.suptitle(figures.visible_text(title))
    return figures.caption(figure, f"Of what comes, {BAND:.0%} should be inside the band.")


def _stacked(count):
    figure = figures.Figure(figsize=(7.6, 1.9 * count + 1.2), dpi=150, layout="constrained")
    axes = figure.subplots(count, 1, sharex=True)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _extended(found, last):
    """Returns the times up to a step, also those behind the last one."""
    more = last + 1 - len(found.times)
    if more <= 0:
        return found.times
    return np.concatenate([found.times, found.times[-1] + found.step * np.arange(1, more + 1)])


def _positions(times, at):
    found = times[at]
    return found.astype("datetime64[us]") if found.dtype.kind == "M" else found


def _name_axis(ax, found):
    """Labels the axis of times."""
    if found.times.dtype.kind != "M":
        ax.set_xlabel(f"step ({series.step_text(found.step)})")
        return
    locator = AutoDateLocator(minticks=3, maxticks=9)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
