"""Figures that compare the scores of captioning decoders and decoding methods."""

import itertools

import numpy as np
from matplotlib.ticker import FixedLocator, NullLocator

from recipe_kit.figures._figure import (
    COLORS,
    MARGIN,
    _annotate,
    _clipped,
    _extent,
    _head,
    caption,
    default_style,
    new_axes,
    visible_text,
)

LETTERS, SMALL = 10.5, 8.5  # points
LONGEST_NAME = 40


@default_style()
def decoder_scores(rows, metrics, title="", errors=None, published=None):
    """Draws scores of several models or decoders: one group of bars a metric.

    Args:
        rows: Names to K scores, one a metric.
        metrics: K names, such as "BLEU-1" to "BLEU-4".
        title: The figure's title.
        errors: Names to K standard errors; not every name needs to have them.
        published: Names to K scores to compare with, drawn as dashed marks. NaN: not known.

    Returns:
        The Figure.

    Raises:
        ValueError: if there is no model.
    """
    if not rows:
        raise ValueError("no scores to draw: decoder_scores needs at least one model")
    # Each bar has room for its number.
    figure, ax = new_axes(max(6.4, 1.6 + 0.48 * len(metrics) * (len(rows) + 0.6)), 4.4)
    width = min(0.3, 0.82 / len(rows))
    scores = np.array([*rows.values()], "float64").reshape(len(rows), len(metrics))
    others = np.array([*(published or {}).values()], "float64").reshape(-1, len(metrics))
    highest = max(np.nanmax(scores, initial=0), np.nanmax(others, initial=0))
    digits = 3 if highest <= 1 else 1
    for index, (name, row, color) in enumerate(zip(rows, scores, itertools.cycle(COLORS))):
        at = np.arange(len(metrics)) + (index - (len(rows) - 1) / 2) * width
        error = (errors or {}).get(name)
        filled = index < len(COLORS)
        ax.bar(
            at, row, 0.92 * width, label=_named(name), facecolor=color if filled else "white",
            edgecolor=color, yerr=error, error_kw={"elinewidth": 1, "capsize": 2.5, "ecolor": "0.15"},
        )  # fmt: skip
        for x, score in zip(at, row, strict=True):
            if np.isfinite(score):
                # At the bar's foot, away from its error bar and published mark.
                inside = score > 0.16 * highest
                ax.annotate(
                    f"{score:.{digits}f}", (x, 0 if inside else score), xytext=(0, 4), ha="center",
                    va="bottom", textcoords="offset points", fontsize=SMALL,
                    color="white" if inside and filled else color,
                )  # fmt: skip
    styles = itertools.cycle(((0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (2, 3))))
    for (name, row), dashes in zip((published or {}).items(), styles, strict=False):
        middle, half = np.arange(len(metrics)), len(rows) * width / 2 + 0.04
        ax.hlines(
            row, middle - half, middle + half, linestyles=[dashes], colors="0.1", lw=1.4,
            label=_named(name), zorder=4,
        )  # fmt: skip
    ax.set_xticks(range(len(metrics)), [visible_text(metric) for metric in metrics])
    ax.set_xlim(-0.55, len(metrics) - 0.45)
    ax.set_ylim(0, 1.06 * ax.get_ylim()[1])
    ax.tick_params(axis="x", length=0)
    ax.set_ylabel("score")
    handles, labels = ax.get_legend_handles_labels()
    models = len(labels) - len(rows)  # matplotlib lists them last
    handles, labels = handles[models:] + handles[:models], labels[models:] + labels[:models]
    widest = max(_extent(label, LETTERS)[0] for label in labels) / 72 + 0.6  # with its key
    figure.legend(
        handles, labels, loc="outside lower center", frameon=False, fontsize=LETTERS - 1,
        ncols=int(np.clip((figure.get_figwidth() - 2 * MARGIN) // widest, 1, 3)),
    )  # fmt: skip
    _head(figure, title)
    return caption(
        figure,
        "Higher is better: a group of bars a score, a colour a model. Strokes on bars: their spread.",
    )


@default_style()
def beam_curve(widths, scores, others, title="", metric="BLEU-4"):
    """Draws a score against the beam's width, with other decoders' scores as horizontal lines.

    Args:
        widths: N, each at least 1.
        scores: N.
        others: Names of other decoders, such as "greedy" and "sampling", to their scores.
        title: The figure's title.
        metric: The score's name.

    Returns:
        The Figure.

    Raises:
        ValueError: if there is no width.
    """
    if len(widths) == 0:
        raise ValueError("no scores to draw: beam_curve needs at least one width")
    figure, ax = new_axes(7.2, 4.2)
    order = np.argsort(widths, kind="stable")
    widths, scores = np.asarray(widths, "float64")[order], np.asarray(scores, "float64")[order]
    digits = 3 if max([*scores, *others.values()]) <= 1 else 1
    ax.plot(widths, scores, "o-", ms=5, lw=1.6, color=COLORS[0])
    ax.set_xscale("log", base=2)
    ax.set_xlim(widths[0] / 1.25, widths[-1] * 1.25)
    # Leaves out numbers that would overlap.
    ticks = [widths[0]]
    for width in widths[1:]:
        if np.log(width / ticks[-1]) > 0.06 * np.log(1.5625 * widths[-1] / widths[0]):
            ticks.append(width)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel("width of the beam")
    ax.set_ylabel(visible_text(metric))
    _head(figure, title)
    ax.margins(y=0.15)
    caption(
        figure,
        "Higher is better. To the right more sentences are kept in view at every word; lines across: "
        "without a beam.",
    )
    styles = itertools.cycle(((0, (5, 3)), (0, (1, 2)), (3, (5, 3, 1, 3)), (0, (8, 3))))
    lines = [
        (value, name, color, ax.axhline(value, ls=dashes, lw=1.3, color=color))
        for (name, value), color, dashes in zip(
            others.items(), itertools.cycle(COLORS[1:]), styles, strict=False
        )
    ]
    figure.draw_without_rendering()  # lays the axes out
    lines.sort(key=lambda line: line[0])
    at = [ax.transData.transform((1, value))[1] * 72 / figure.dpi for value, *_ in lines]
    for (value, name, color, _), y, own in zip(lines, _apart(at, 14), at, strict=True):
        ax.annotate(
            f"{_clipped(name, LONGEST_NAME)}: {value:.{digits}f}", (1, value), xytext=(6, y - own),
            xycoords=("axes fraction", "data"), textcoords="offset points", va="center", color=color,
        )  # fmt: skip
    _annotate(ax, [(x, y, f"{y:.{digits}f}", COLORS[0]) for x, y in zip(widths, scores, strict=True)])
    return figure


def _apart(places, least):
    """Returns sorted places, moved minimally so that they are at least `least` apart."""
    groups = []  # lists of places, spread evenly around their middle
    for place in places:
        groups.append([place])
        while len(groups) > 1 and _ends(groups[-2], least)[1] + least > _ends(groups[-1], least)[0]:
            groups[-2:] = [groups[-2] + groups[-1]]
    return [_ends(group, least)[0] + least * i for group in groups for i in range(len(group))]


def _ends(group, least):
    middle, half = sum(group) / len(group), least * (len(group) - 1) / 2
    return middle - half, middle + half


def _named(name):
    """Returns a name that a legend shows even if it starts with _."""
    name = _clipped(name, LONGEST_NAME)
    return "\u200a" + name if name.startswith("_") else name
