"""Draws the figures and the page of a look, in its folder."""

import numpy as np

from parts.visualize_cells.page import colour_scale, page
from recipe_kit import figures

FILES = "cells.html", "cells.png", "saturation.png"
COLUMNS = 72  # characters a line of a strip
LINES = 4  # lines a strip
SATURATED = 0.1, 0.9  # a gate below is left-saturated, above right-saturated (Karpathy et al. 2015)
BLUE, ORANGE = (92, 160, 230), (242, 145, 56)


def draw(folder, seen, vocabulary, about, characters, unit=None):
    """Draws the strips, the gates and the page. Returns their paths.

    Args:
        folder: The look's `Run`, which has no settings.
        seen: The `Look`.
        vocabulary: The model's vocabulary.
        about: A sentence on what the page shows.
        characters: Length of the held-out text on the page.
        unit: The initially selected cell. Default: the best.
    """
    best = seen.best()
    first = best[0] if best else None
    state = first.state if first and unit is None else next(reversed(seen.states))
    names = ["cells.html", "cells.png"]
    start = (state, first.unit if first and unit is None else unit or 0, None)
    if first and unit is None:
        start = (*start[:2], first.property)
    here = liveliest(seen.held_out, characters)
    html = page(
        about,
        seen.held_out.text[here],
        vocabulary.characters,
        seen.probabilities[here],
        {name: values[here] for name, values in seen.states.items()},
        {name: values[here] for name, values in seen.gates.items()},
        [p.cut(here.start, here.stop) for p in seen.held_out.properties],
        seen.listed(),
        start,
    )
    folder.write_text("cells.html", html)
    figures.save(folder, "cells.png", strips(seen, start[:2] if unit is not None else None))
    if seen.gates:
        figures.save(folder, "saturation.png", saturation(seen.gates))
        names.append("saturation.png")
    return [folder.file(name) for name in names]


def liveliest(part, characters):
    """Returns the slice of so many characters, from a line's start, in which properties vary most."""
    varying = [(p.values, p.values.std()) for p in part.properties if p.values.std() > 0]
    last = len(part.text) - characters
    starts = [0, *(t + 1 for t, c in enumerate(part.text) if c == "\n" and t < last)]

    def variety(start):
        shares = (values[start : start + characters].std() / std for values, std in varying)
        return min(shares, default=0)

    start = max(starts, key=variety)
    return slice(start, min(start + characters, len(part.text)))


def strips(seen, cell=None):
    """Draws a few lines of text for each property, coloured by the cell that follows it best.

    Underlines the positions where the property holds. The lines are those in which it varies most.

    Args:
        seen: The `Look`.
        cell: (state, unit) of a cell to draw above the others.
    """
    by_name = {p.name: p for p in seen.held_out.properties}
    rows = []
    if cell:
        rows.append((f"{cell[0]} {cell[1]}, the cell asked for", *cell, None))
    for m in seen.best():
        sign = "low where it holds: " if m.sign < 0 and m.measure == "AUC" else ""
        title = f"{m.property}: {m.state} {m.unit} ({sign}{m.measure} {m.shown(m.held_out)})"
        rows.append((title, m.state, m.unit, by_name[m.property]))
    figure = figures.Figure(figsize=(8.4, 0.3 + 1.15 * len(rows)), dpi=150, layout="constrained")
    axes = figure.subplots(max(1, len(rows)), 1, squeeze=False)[: len(rows), 0]
    for ax, (title, state, unit, p) in zip(axes, rows, strict=True):
        values = seen.states[state][:, unit]
        lines = _lines(seen.held_out.text)
        middle, full = colour_scale(values)
        shades = np.clip((values - middle) / full, -1, 1)
        _strip(ax, seen.held_out.text, shades, _liveliest(lines, p), p)
        ax.set_title(title, fontsize=11, loc="left")
    return figures.caption(
        figure,
        "Behind each character the cell's state once it has read it: white at the cell's median, blue "
        "above, orange below. Underlined: where the property holds. In brackets, on text that was "
        "held out: AUC, 0.5 is a coin and 1 never wrong; r, the correlation with what is counted.",
    )


def _lines(text):
    """Returns (start, stop) of every line of a text, cut where it is longer than a strip."""
    spans, start = [], 0
    for line in text.splitlines(keepends=True):
        spans += [
            (at, min(at + COLUMNS, start + len(line)))
            for at in range(start, start + len(line), COLUMNS)
        ]
        start += len(line)
    return spans


def _liveliest(lines, p):
    """Returns the `LINES` consecutive lines in which a property varies most; the first without one."""
    if p is None:
        return lines[:LINES]

    def spread(at):
        return p.values[lines[at][0] : lines[min(at + LINES, len(lines)) - 1][1]].std()

    starts = range(max(1, len(lines) - LINES + 1))
    return lines[(at := max(starts, key=spread)) : at + LINES]


def _strip(ax, text, shades, lines, p):
    pixels = np.ones((LINES, COLUMNS, 3))
    for row, (start, stop) in enumerate(lines):
        for column, t in enumerate(range(start, stop)):
            tone = np.array(BLUE if shades[t] > 0 else ORANGE) / 255
            pixels[row, column] = 1 + (tone - 1) * abs(shades[t])
            character = "↵" if text[t] == "\n" else text[t]
            ax.text(
                column, row, figures.visible_text(character) if character != " " else " ",
                family="monospace",
                fontsize=8.5, ha="center", va="center",
                color="0.45" if character == "↵" else "black",
            )  # fmt: skip
            if p is not None and p.is_binary and p.values[t]:
                ax.plot([column - 0.5, column + 0.5], [row + 0.42] * 2, color="black", lw=1)
    ax.imshow(pixels, aspect="auto", interpolation="nearest")
    ax.set(xlim=(-0.5, COLUMNS - 0.5), ylim=(LINES - 0.5, -0.5), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def saturation(gates):
    """Draws how often each gate of each cell is shut or open: one point a cell.

    As in Karpathy, Johnson and Li 2015 (arXiv:1506.02078): the x-axis is the share of positions at
    which the gate is below 0.1, the y-axis the share above 0.9. Their sum is at most 1.
    """
    figure = figures.Figure(figsize=(3.3 * len(gates) + 0.3, 3.7), dpi=150, layout="constrained")
    axes = figure.subplots(1, len(gates), squeeze=False, sharex=True, sharey=True)[0]
    for ax, (name, gate), color in zip(axes, gates.items(), figures.COLORS, strict=False):
        shut, opened = (gate < SATURATED[0]).mean(axis=0), (gate > SATURATED[1]).mean(axis=0)
        ax.plot([0, 1], [1, 0], "--", lw=0.8, color="0.6")
        ax.scatter(shut, opened, s=14, color=color, alpha=0.5, lw=0)
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", title=f"{name} gate")
        ax.set_xlabel("share of positions below 0.1")
    axes[0].set_ylabel("share of positions above 0.9")
    return figures.caption(
        figure,
        "A point a cell: the further right, the more often its gate is shut; the further up, the "
        "more often open. On the dashed line it is never in between.",
    )
