"""Figures of a binary classifier: its training, its probabilities, and comparisons."""

import itertools

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from recipe_kit.figures._figure import (
    COLORS,
    _annotate,
    _clipped,
    _wilson,
    caption,
    default_style,
    new_axes,
    visible_text,
)
from recipe_kit.figures.cells import CELL_NAMES, cell_name, colors_of

LONGEST_NAME = 36  # characters of a name in a legend


@default_style()
def accuracy_curves(histories, title="", best=None):
    """Draws loss and accuracy by epoch, and marks where each run's validation loss turns.

    After the mark the validation loss rises while the training loss keeps falling: the run overfits its
    training reviews.

    Args:
        histories: Names to histories: one dict an epoch, with `epoch`, `loss`, `accuracy`, `val_loss`
            and `val_accuracy`. Each run has a colour: training is dashed, validation solid.
        title: The figure's title.
        best: Names to the epoch to mark, such as that of the kept weights. Default, also for missing
            runs: the epoch of lowest `val_loss`.

    Returns:
        The Figure.
    """
    figure, panels = new_axes(8.4, 4.2, columns=2)
    colors = colors_of(histories)
    marked = {name: _turn(history, (best or {}).get(name)) for name, history in histories.items()}
    last = max((row["epoch"] for history in histories.values() for row in history), default=1)
    notes = {"loss": [], "accuracy": []}
    for ax, metric, label in zip(
        panels, notes, ("cross entropy (nats a review)", "accuracy"), strict=True
    ):
        for name, history in histories.items():
            color = colors[name]
            at = [row["epoch"] for row in history]
            # A line of one point shows as a small mark.
            small = {"marker": ".", "ms": 4} if len(at) == 1 else {}
            training, validation = ([row[k + metric] for row in history] for k in ("", "val_"))
            ax.plot(at, training, "--", lw=1.2, color=color, alpha=0.7, **small)
            ax.plot(at, validation, "o-", ms=3.5, color=color)
            if row := marked[name]:
                x, y = row["epoch"], row[f"val_{metric}"]
                ax.plot(x, y, "o", ms=10, mfc="none", mec=color, mew=1.6)
                notes[metric].append((x, y, f"{y:.3f}, epoch {x:g}", color))
        ax.set_xlim(0.5, last + 0.5)
        ax.margins(y=0.12)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.set_xlabel("epoch")
        ax.set_ylabel(label)
        ax.grid(axis="y", lw=0.5, color="0.9")
    first = panels[0]
    handles = [
        first.plot([], [], "o-", ms=3.5, color=color, label=_clipped(cell_name(name), LONGEST_NAME))[0]
        for name, color in colors.items()
    ]
    handles += first.plot([], [], "-", color="0.4", label="validation")
    handles += first.plot([], [], "--", lw=1.2, color="0.4", label="training")
    mark = {"ls": "", "marker": "o", "ms": 9, "mfc": "none", "mec": "0.4", "mew": 1.6}
    handles += first.plot([], [], label="epoch kept" if best else "lowest validation loss", **mark)
    _legend_below(figure, handles, columns=4 if len(handles) == 4 else 3)
    figure.get_layout_engine().set(wspace=0.05)
    figure.suptitle(visible_text(title))
    caption(
        figure,
        "Left, lower is better; right, higher. Where the full line turns while the dashed one goes"
        " on, the network learns its training reviews by heart.",
    )
    for ax, metric in zip(panels, notes, strict=True):
        # From the top: the highest mark has free space above it.
        _annotate(ax, sorted(notes[metric], key=lambda note: -note[1]))
    return figure


@default_style()
def roc_and_calibration(
    probabilities, labels, title="", others=None, name="model", classes=("negative", "positive")
):
    """Draws the ROC curve with its area, and the calibration of the probabilities.

    Left: the true positive rate against the false positive rate for every threshold. Right: for ten
    bins of equal size by predicted probability, the fraction of positive reviews (with its 95 % Wilson
    interval) against the mean prediction. The expected calibration error is the
    mean distance from the diagonal over all reviews.

    Args:
        probabilities: (N,) of the positive class.
        labels: (N,), 0 or 1.
        title: The figure's title.
        others: Names to (N,) probabilities of other models for the same labels.
        name: What the legend calls the first.
        classes: Names of the two classes.

    Returns:
        The Figure.
    """
    labels = np.asarray(labels).astype("int64").ravel()
    models = {
        model: np.asarray(p, "float64").ravel()
        for model, p in {name: probabilities, **(others or {})}.items()
    }
    figure, (left, right) = new_axes(10.4, 5.4, columns=2)
    for ax in (left, right):
        ax.plot([0, 1], [0, 1], ":", color="0.6", lw=1)
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    right.lines[0].set_label("perfectly calibrated")
    first = True
    colors = colors_of(models)
    for model, p in models.items():
        color = colors[model]
        shown, width = _clipped(model, LONGEST_NAME), 2.0 if first else 1.2
        order = 4 if first else 3
        false, true, area = _roc(p, labels)
        area = "no AUC, one class only" if area is None else f"AUC {area:.3f}"
        left.plot(false, true, color=color, lw=width, label=f"{shown}: {area}", zorder=order)
        predicted, positive, count = _reliability(p, labels)
        error = f"{_calibration_error(predicted, positive, count):.3f}"
        right.plot(
            predicted,
            positive,
            "o-",
            color=color,
            lw=width,
            ms=5 if first else 3.5,
            label=f"{shown}: ECE {error}",
            zorder=order,
        )
        if first:
            low, high = _wilson(positive * count, count)
            right.vlines(predicted, low, high, color=color, lw=1, alpha=0.6)
            height, edges = np.histogram(p, 20, (0, 1))
            right.bar(
                edges[:-1],
                0.2 * height / max(1, height.max()),
                np.diff(edges),
                align="edge",
                color="0.88",
                edgecolor="white",
                zorder=0,
                label="how often it is predicted",
            )
        first = False
    left.set_xlabel("false positive rate")
    left.set_ylabel("true positive rate")
    right.set_xlabel(f"predicted probability of {visible_text(classes[1])}")
    right.set_ylabel(f"fraction that is {visible_text(classes[1])}")
    for ax, heading in (
        (left, "area under the curve (AUC)"),
        (right, "expected calibration error (ECE)"),
    ):
        # Below the axes, as a calibration curve may pass through any corner.
        ax.legend(
            title=heading,
            frameon=False,
            loc="upper center",
            bbox_to_anchor=(0.5, -0.12),
            fontsize=9,
            title_fontsize=9,
        )
    figure.suptitle(visible_text(title))
    return caption(
        figure,
        "Left: the nearer a curve comes to the upper left corner, the better; the diagonal is a "
        "coin. Right: on the diagonal, what is called probable at 0.8 is so in 8 of 10 cases.",
    )


@default_style()
def accuracy_by_length(lengths, correct, title="", others=None, bins=8, name="model"):
    """Draws the accuracy by review length, with 95 % Wilson intervals.

    Args:
        lengths: (N,) words of each review.
        correct: (N,) whether the model's answer is right.
        title: The figure's title.
        others: Names to (N,) `correct` of other models.
        bins: The number of bins, of as equal a size as equal lengths allow.
        name: What the legend calls the first.

    Returns:
        The Figure.
    """
    lengths = np.maximum(1, np.asarray(lengths).ravel())  # a length of 0 has no logarithm
    models = {name: correct, **(others or {})}
    figure, ax = new_axes(7.8, 4.8)
    index, uppers = _quantile_bins(lengths, bins)
    count = np.bincount(index)
    middle = np.array([np.median(lengths[index == i]) for i in range(len(uppers))])
    edges = np.concatenate([[max(0.8, lengths.min() - 0.5)], uppers + 0.5])
    lowest, highest = 1.0, 0.0
    colors = colors_of(models)
    for number, (model, right) in enumerate(models.items()):
        right = np.asarray(right, "float64").ravel()
        hits = np.bincount(index, weights=right)
        low, high = _wilson(hits, count)
        # The models' intervals side by side, not on top of each other.
        aside = 1.025 ** (number - (len(models) - 1) / 2)
        accuracy = hits / count
        ax.errorbar(
            middle * aside,
            accuracy,
            np.maximum(0, [accuracy - low, high - accuracy]),
            fmt="o-",
            ms=5 if number == 0 else 4,
            lw=1.6 if number == 0 else 1,
            elinewidth=1,
            capsize=2.5,
            color=colors[model],
            label=f"{_clipped(model, LONGEST_NAME)} ({right.mean():.3f} of all)",
        )
        lowest, highest = min(lowest, low.min()), max(highest, high.max())
    span = max(highest - lowest, 0.02)
    ax.set_ylim(lowest - 0.28 * span, min(highest + 0.08 * span, 1 + 0.02 * span))
    # Lengths are integers, so a bin ends half a word after its longest. Heights are fractions of the
    # axes: they show the relative number of reviews in a bin, not an accuracy.
    ax.bar(
        edges[:-1],
        0.15 * count / count.max(),
        np.diff(edges),
        align="edge",
        color="0.92",
        edgecolor="white",
        transform=ax.get_xaxis_transform(),
        zorder=0,
        label="reviews in the bin",
    )
    for left, right, n in zip(edges[:-1], edges[1:], count, strict=True):
        ax.text(
            np.sqrt(left * right),
            0.02,
            str(n),
            transform=ax.get_xaxis_transform(),
            ha="center",
            fontsize=7,
            color="0.45",
        )
    ax.set_xscale("log")
    ax.set_xlim(edges[0] / 1.05, edges[-1] * 1.05)
    # More ticks than decades, which would leave one or two numbers on the axis.
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    if edges[-1] / edges[0] < 4:
        ax.set_xticks(np.unique(np.round(middle)))
    ticks = MaxNLocator(6, steps=(1, 2, 5, 10)).tick_values(*ax.get_ylim())
    low, high = ax.get_ylim()
    ax.set_yticks([t for t in ticks if max(0, low) <= t <= min(1, high)])
    ax.set_xlabel("words of the review")
    ax.set_ylabel("accuracy")
    _legend_below(figure, ax.get_legend_handles_labels()[0], columns=2)
    figure.suptitle(visible_text(title))
    return caption(
        figure,
        "Higher is better; to the right the reviews are longer. Bars on the points: 95 % intervals.",
    )


@default_style()
def comparison(rows, title="", metric="test accuracy", reference=None):
    """Draws models one below the other: a dot a seed, the mean, ± the sample standard deviation.

    Args:
        rows: Names to lists of values, one a seed, from top to bottom.
        title: The figure's title.
        metric: The name of the values.
        reference: Names to values to draw as dashed vertical lines.

    Returns:
        The Figure.

    Raises:
        ValueError: if a row has no values.
    """
    if empty := [name for name, values in rows.items() if not len(values)]:
        raise ValueError(f"comparison expects at least one value a row; received none for {empty}.")
    figure, ax = new_axes(8.4, 1.5 + 0.46 * len(rows))
    colors = colors_of(rows) if any(cell_name(name) in CELL_NAMES.values() for name in rows) else {}
    for y, (name, values) in enumerate(rows.items()):
        color = colors.get(name, COLORS[1])
        values = np.asarray(values, "float64")
        mean = values.mean()
        label = f"{mean:.3f}"
        if len(values) > 1:
            std = values.std(ddof=1)
            label += f" ± {std:.3f}"
            ax.plot([mean - std, mean + std], [y, y], color=color, lw=7, alpha=0.25)
        ax.plot(values, np.full(len(values), y), "o", ms=5, color=color, alpha=0.75, mew=0)
        ax.plot(mean, y, "|", ms=19, mew=2.2, color=color)
        ax.text(1.02, y, label, transform=ax.get_yaxis_transform(), va="center")
    lines = [
        ax.axvline(
            value, ls="--", lw=1.3, color=color, label=f"{_clipped(name, LONGEST_NAME)} {value:.3f}"
        )
        for (name, value), color in zip(
            (reference or {}).items(), itertools.cycle((COLORS[0], COLORS[2], COLORS[3], COLORS[4]))
        )
    ]
    ax.margins(x=0.06)
    ax.set_yticks(range(len(rows)), [_clipped(cell_name(name), LONGEST_NAME) for name in rows])
    ax.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", lw=0.5, color="0.9")
    ax.set_axisbelow(True)
    ax.xaxis.set_major_locator(MaxNLocator(7, steps=(1, 2, 5, 10)))
    ax.set_xlabel(metric)
    if lines:
        _legend_below(figure, lines)
    figure.suptitle(visible_text(title))
    return caption(
        figure,
        f"A dot a seed: its {metric}. The upright stroke is their mean, the bar one standard "
        "deviation to either side.",
    )


def _turn(history, epoch=None):
    """Returns the row of an epoch, or the first row of the lowest val_loss."""
    if epoch is None:
        return min(history, key=lambda row: row["val_loss"], default=None)
    return next((row for row in history if row["epoch"] == epoch), None)


def _legend_below(figure, handles, columns=3):
    """Draws a legend below the axes, where no curve can run through it."""
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)


def _roc(probabilities, labels):
    """Returns false and true positive rates, and the area below; `None` if a class is missing."""
    from sklearn.metrics import auc, roc_curve

    if len(np.unique(labels)) < 2:
        return np.empty(0), np.empty(0), None
    false, true, _ = roc_curve(labels, probabilities)
    return false, true, auc(false, true)


def _quantile_bins(values, bins):
    """Splits values into non-empty bins of as equal a count as ties allow.

    Returns:
        (N,) the bin of each value, and (K,) the largest value of each bin, K at most `bins`.
    """
    # Every edge is one of the values, so that each bin has at least its edge.
    uppers = np.unique(np.quantile(values, np.arange(1, bins + 1) / bins, method="inverted_cdf"))
    return np.searchsorted(uppers, values), uppers


def _reliability(probabilities, labels, bins=10):
    """Returns for each quantile bin the mean prediction, fraction of positive labels, and count."""
    index, _ = _quantile_bins(probabilities, bins)
    count = np.bincount(index)
    predicted = np.bincount(index, weights=probabilities) / count
    return predicted, np.bincount(index, weights=labels) / count, count


def _calibration_error(predicted, positive, count):
    """Returns Σ n_k / N · |predicted_k − positive_k|, with bins of equal count."""
    return float((count * np.abs(predicted - positive)).sum() / count.sum())
