"""The figures that this recipe alone draws."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from recipe_kit.datasets import genomes
from recipe_kit.figures import COLORS, Figure, caption, default_style, new_axes, visible_text

STRANDS = {1: COLORS[1], -1: COLORS[0]}
GREY = "0.6"
SHOWN = 10_000  # bases of a stretch


@default_style()
def learning_curves(rows, title="", references=None):
    """Draws loss and accuracy by epoch.

    Args:
        rows: One dict an epoch, with `epoch`, `loss`, and perhaps `accuracy`, `val_loss` and
            `val_accuracy`; of several folds, those of all.
        title: The figure's title.
        references: Names to accuracies to draw as dashed lines.

    Returns:
        The Figure.
    """
    figure, (left, right) = new_axes(8.4, 4.0, columns=2)
    epochs = sorted({row["epoch"] for row in rows})

    def mean(name):
        return [np.mean([row[name] for row in rows if row["epoch"] == epoch]) for epoch in epochs]

    for ax, name in ((left, "loss"), (right, "accuracy")):
        for key, style, label in ((name, "--", "training"), (f"val_{name}", "o-", "validation")):
            if rows and key in rows[0]:
                ax.plot(epochs, mean(key), style, ms=3, color=COLORS[1], label=label)
    left.set_ylabel("cross entropy (nats)")
    left.legend(frameon=False)
    for number, (name, value) in enumerate((references or {}).items()):
        color = COLORS[(2 + number) % len(COLORS)]
        right.axhline(value, ls="--", lw=1.2, color=color, label=visible_text(f"{name} {value:.3f}"))
    right.set_ylabel("accuracy")
    right.legend(frameon=False)
    for ax in (left, right):
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.grid(axis="y", lw=0.5, color="0.9")
    figure.suptitle(visible_text(title))
    return caption(figure, "Left, lower is better; right, higher. A point an epoch.")


@default_style()
def stretch(probabilities, begin, annotated, found, title="", first=0):
    """Draws genes as arrows on two strands, and below them what the network says of every base.

    Args:
        probabilities: `(n, 3)`, of the labels of bases `begin` to `begin + n - 1`.
        begin: The first base of the stretch.
        annotated: A list of `genomes.Gene`, or `None` where they are not known.
        found: A list of `genomes.Gene`.
        title: The figure's title.
        first: What is added to base numbers, so that they count from the record's beginning.

    Returns:
        The Figure.
    """
    count = len(probabilities)
    figure = Figure(figsize=(10, 4.6), dpi=150, layout="constrained")
    rows = [("found", found)] if annotated is None else [("annotated", annotated), ("found", found)]
    heights = [1] * len(rows) + [1.6]
    axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    places = first + begin + 1 + np.arange(count)
    for ax, (name, genes) in zip(axes, rows, strict=False):
        _arrows(ax, genes, begin, count, first)
        ax.set_ylabel(name)
        ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
        ax.tick_params(length=0, labelbottom=False)
    ax = axes[-1]
    for label, color in (
        (genomes.NONE, GREY),
        (genomes.FORWARD, STRANDS[1]),
        (genomes.REVERSE, STRANDS[-1]),
    ):
        ax.plot(places, probabilities[:, label], color=color, lw=0.9, label=genomes.LABELS[label])
    ax.set(ylim=(-0.03, 1.03), ylabel="probability", xlabel="base", xlim=(places[0], places[-1]))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(visible_text(title))
    return caption(
        figure,
        "Arrows are genes: above the line those of this strand, read to the right, below it those of "
        "the other, read to the left. Below, the network's probability of each label, base by base.",
    )


def _arrows(ax, genes, begin, count, first):
    ax.axhline(0, color="0.8", lw=0.8)
    ax.set_ylim(-1, 1)
    ax.set_yticks([0.5, -0.5], ["this", "other"])
    head = 0.012 * count
    for gene in genes:
        for start, end, strand in gene.parts:
            start, end = max(start, begin), min(end, begin + count)
            if start >= end:
                continue
            left, right = first + start + 1, first + end
            y, tip = 0.5 * strand, min(head, right - left)
            body = [(left, y - 0.22), (right - tip, y - 0.22), (right, y), (right - tip, y + 0.22),
                    (left, y + 0.22)]  # fmt: skip
            if strand < 0:
                body = [(left + right - x, at) for x, at in body]
            ax.fill(*zip(*body, strict=True), color=STRANDS[strand], lw=0.6, ec="white")


@default_style()
def confusion(table, names, title=""):
    """Draws how many sequences of each class (rows) were given each class (columns)."""
    figure, ax = new_axes(5.2, 4.4)
    shares = table / np.maximum(1, table.sum(axis=1, keepdims=True))
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), number in np.ndenumerate(table):
        color = "white" if shares[row, column] > 0.5 else "0.2"
        text = f"{number:,}\n{shares[row, column]:.1%}"
        ax.text(column, row, text, ha="center", va="center", color=color)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="the network says", ylabel="it is")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    figure.suptitle(visible_text(title))
    return caption(
        figure, "Test sequences of all folds. A row adds up to 100 %; right is the diagonal."
    )
