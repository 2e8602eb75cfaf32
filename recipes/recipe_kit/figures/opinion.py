"""Draws how a classifier's opinion of a text forms, word by word."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from recipe_kit.figures._figure import (
    _annotate,
    _clipped,
    _extent,
    _wrapped,
    default_style,
    visible_text,
)

# Red to blue, distinct for the colour-blind, and light enough at both ends for black text. White is
# exactly at 0.5: an odd number of colours has a middle one.
OPINION = LinearSegmentedColormap.from_list("opinion", ("#ef8a62", "#ffffff", "#67a9cf"), 257)

MOST_WORDS = 600  # the most words of a text shown whole
LONGEST_WORD = 60  # characters

# In inches, and points for font sizes: the text determines the figure's height.
WIDTH, LEFT, RIGHT = 9.0, 1.15, 0.25
TITLE, CURVE, AXIS, LINE, GAP, TOP = 0.4, 2.1, 0.62, 0.29, 0.3, 0.45
LETTERS, NOTE = 12, 12
READ = (
    "The curve is what the network makes of the text as far as it has read, from {0} at the bottom to "
    "{1} at the top; a word has the colour of the curve after it. Named: the words that moved it most."
)
SPACE = 4.0  # points


def opinion_trace(words, probabilities, title="", classes=("negative", "positive"), marked=()):
    """Draws one text, each word coloured by the score after it, below the curve of that score.

    Args:
        words: T strings, as read.
        probabilities: (T,) of the second class, after each word.
        title: The figure's title.
        classes: Names of the two classes.
        marked: Indexes of words outside the vocabulary, drawn grey and in brackets.

    Returns:
        The Figure, whose height depends on the text's length. For a text of more than 600 words it
        shows the first and the last 300; the curve is complete.
    """
    trace = {"words": words, "probabilities": probabilities, "title": title, "marked": marked}
    return opinion_traces([trace], classes=classes)


@default_style()
def opinion_traces(traces, title="", classes=("negative", "positive")):
    """Draws several texts one below the other, each as in `opinion_trace`.

    Args:
        traces: One dict a text, with `words`, `probabilities` and, if wanted, `title` and `marked`.
        title: The whole figure's title.
        classes: Names of the two classes.

    Returns:
        The Figure.
    """
    traces = list(traces)
    texts = [_paragraph(trace["words"], trace.get("marked", ())) for trace in traces]
    heights = [TITLE + CURVE + AXIS + LINE * (1 + lines[-1][1]) + GAP for lines in texts]
    top = TOP if title else 0.05
    read = _wrapped(READ.format(*classes), NOTE, WIDTH - 2 * RIGHT, 3)
    below = len(read) * 1.3 * NOTE / 72 + 0.05
    height = top + sum(heights) + below
    figure = Figure(figsize=(WIDTH, height), dpi=150)
    for number, line in enumerate(reversed(read)):
        y = (0.1 + number * 1.3 * NOTE / 72) / height
        figure.text(RIGHT / WIDTH, y, line, fontsize=NOTE, color="0.3", va="bottom", gid="caption")
    if title:
        figure.suptitle(visible_text(title), y=1 - 0.12 / height, va="top", fontsize=14)
    inner = (WIDTH - LEFT - RIGHT) / WIDTH
    above = height - top
    for trace, text, own in zip(traces, texts, heights, strict=True):
        probabilities = np.asarray(trace["probabilities"], "float64").ravel()
        curve = figure.add_axes((LEFT / WIDTH, (above - TITLE - CURVE) / height, inner, CURVE / height))
        bottom, tall = above - own + GAP, own - TITLE - CURVE - AXIS - GAP
        # The paragraph is as wide as the figure, as it has no axis labels at its left.
        page = figure.add_axes(
            (RIGHT / WIDTH, bottom / height, 1 - 2 * RIGHT / WIDTH, tall / height), frameon=False
        )
        _draw_text(page, text, probabilities)
        _draw_curve(curve, trace["words"], probabilities, classes)
        curve.set_title(visible_text(trace.get("title", "")), loc="left", fontsize=12)
        above -= own
    return figure


def _draw_curve(ax, words, probabilities, classes):
    count = len(probabilities)
    ends = (0.5, max(count, 1) + 0.5)
    # The colours behind the curve explain the paragraph's.
    ax.imshow(
        np.linspace(0, 1, 257)[:, None],
        cmap=OPINION,
        extent=(*ends, -0.05, 1.05),
        origin="lower",
        aspect="auto",
        alpha=0.55,
        zorder=0,
    )
    ax.axhline(0.5, color="0.5", lw=0.8, ls=":")
    small = {"marker": "o", "ms": 3} if count <= 80 else {}
    ax.plot(np.arange(1, count + 1), probabilities, color="0.15", lw=1.5, **small)
    ax.set(xlim=ends, ylim=(-0.05, 1.05))
    ax.set_yticks(
        (0, 0.5, 1), (f"{_clipped(classes[0], 10)} 0", "0.5", f"{_clipped(classes[1], 10)} 1")
    )
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_xlabel("words read")
    ax.spines[["top", "right"]].set_visible(False)
    jumps = _jumps(probabilities)
    notes = [
        (
            i + 1,
            probabilities[i],
            _clipped(words[i], 18) + f" {jump:+.2f}".replace("-", "−"),
            "#1f5a8c" if jump > 0 else "#a8381f",
        )
        for i, jump in jumps
    ]
    _annotate(ax, notes)


def _jumps(probabilities, most=4, least=0.03):
    """Returns the largest jumps up and down: (index, difference), the largest first.

    The first word's jump is from 0.5, before any opinion. Leaves out jumps that are small relative to
    the largest: their words decided nothing.
    """
    differences = np.diff(probabilities, prepend=0.5)
    least = max(least, np.abs(differences).max(initial=0) / 4)
    order = np.argsort(-np.abs(differences), kind="stable")
    kept = []
    for up in (True, False):
        kept += [i for i in order if abs(differences[i]) >= least and (differences[i] > 0) == up][:most]
    return [(int(i), float(differences[i])) for i in sorted(kept, key=lambda i: -abs(differences[i]))]


def _paragraph(words, marked=()):
    """Lays words out in lines.

    Returns:
        For each word shown (x, line, width, text, index, whether it is marked): x and width in points;
        the index is `None` for the ellipsis. At least one.
    """
    marked = set(marked)
    room = (WIDTH - 2 * RIGHT) * 72
    shown = list(range(len(words)))
    if len(words) > MOST_WORDS:
        shown[MOST_WORDS // 2 : -MOST_WORDS // 2] = [None]
    placed, x, line = [], 0.0, 0
    for i in shown or [None]:
        if i is None:
            left_out = len(words) - MOST_WORDS
            text = f"… {left_out} words …" if left_out > 0 else ""
        else:
            text = _clipped(words[i], LONGEST_WORD)
            text = f"[{text}]" if i in marked else text
        width = _extent(text, LETTERS)[0] + 2 * SPACE
        if x and x + width > room:
            x, line = 0.0, line + 1
        placed.append((x, line, width, text, i))
        x += width
    return [(x, line, width, text, i, i in marked) for x, line, width, text, i in placed]


def _draw_text(ax, paragraph, probabilities):
    lines = 1 + paragraph[-1][1]
    ax.set(xlim=(0, (WIDTH - 2 * RIGHT) * 72), ylim=(lines, 0), xticks=(), yticks=())
    for x, line, width, text, i, unknown in paragraph:
        if i is not None:
            ax.add_patch(
                Rectangle((x, line + 0.08), width, 0.84, fc=OPINION(probabilities[i]), ec="none")
            )
        ax.text(
            x + SPACE,
            line + 0.68,
            text,
            fontsize=LETTERS,
            color="0.3" if unknown or i is None else "black",
        )
