"""The figures that this recipe alone draws."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from recipe_kit.figures import COLORS, caption, default_style, new_axes, visible_text

_CELL, _MOST = 0.34, 12  # inches of a word of an alignment, and of all of them
_WORD = 18  # characters of a word that are shown


@default_style()
def alignment(source, words, weights):
    """Where a network looked as it wrote each word of a translation.

    Args:
        source: S words.
        words: T words.
        weights: `(T, S)`, of which each row adds up to 1.

    Returns:
        The Figure: a row for each word that was written, a column for each that was read.
    """
    weights = np.asarray(weights, "float64")
    longest = max(len(_short(word)) for word in (*source, *words))
    room = 0.09 * longest + 0.4
    cell = min(_CELL, _MOST / max(len(source), len(words)))
    size = cell * len(source) + room + 1.2, cell * len(words) + room + 0.4
    figure, ax = new_axes(max(size[0], 4.2), max(size[1], 3.0))
    if cell < _CELL:
        ax.tick_params(labelsize=max(2.0, 10 * cell / _CELL))
    image = ax.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(source)), [_short(word) for word in source], rotation=60, ha="left",
                  rotation_mode="anchor")  # fmt: skip
    ax.set_yticks(range(len(words)), [_short(word) for word in words])
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xticks(np.arange(len(source) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(words) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="0.92", lw=0.6)
    ax.tick_params(which="minor", length=0)
    bar = figure.colorbar(image, ax=ax, shrink=0.7, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label("weight α")
    return caption(
        figure,
        "A row is a word that was written, a column one that was read: dark where the network looked "
        "before it wrote. A row adds up to 1.",
    )


@default_style()
def score_by_length(groups, title="", errors=None):
    """BLEU by the length of the source, a line for each of several networks.

    Args:
        groups: Names to what `scores.by_length` returns.
        title: The figure's title.
        errors: Names to a standard deviation for each of its groups.

    Returns:
        The Figure.
    """
    figure, ax = new_axes(6.4, 4.0)
    names = [_range(group) for group in max(groups.values(), key=len)]
    for index, (name, its) in enumerate(groups.items()):
        at = [names.index(_range(group)) for group in its]
        ax.errorbar(
            at, [group["bleu"] for group in its], yerr=(errors or {}).get(name), marker="o", capsize=3,
            color=COLORS[index % len(COLORS)], label=visible_text(name),
        )  # fmt: skip
    counts = {_range(g): g["sentences"] for its in groups.values() for g in its}
    ax.set_xticks(range(len(names)), [f"{name}\n({counts[name]:,})" for name in names])
    ax.set_xlabel("words of the source (sentences)")
    ax.set_ylabel("BLEU")
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(6))
    ax.grid(axis="y", lw=0.5, color="0.9")
    ax.legend(frameon=False)
    figure.suptitle(visible_text(title))
    return caption(
        figure,
        "The higher, the nearer to what people wrote. A network that has to put a whole sentence into "
        "one vector does worse the longer the sentence is.",
    )


def _range(group):
    return f"{group['least']} to {group['most']}" if group["most"] else f"{group['least']} and more"


def _short(word):
    word = word if len(word) <= _WORD else word[: _WORD - 1] + "…"
    return visible_text(word)
