"""One name and one colour for each recurrent cell, in every figure and table."""

import itertools
from typing import NamedTuple

from recipe_kit.figures._figure import COLORS


class _Look(NamedTuple):
    name: str
    color: str


# Two blues for the LSTMs, two oranges for the GRUs, black and grey for cells without gates: distinct
# for the colour-blind too, which a test measures.
_CELLS = {
    "lstm": _Look("LSTM", "#1f5fa8"),
    "peephole": _Look("peephole LSTM", "#5fb3e6"),
    "gru": _Look("GRU", "#c9480c"),
    "kit-gru": _Look("kit GRU", "#e8a317"),
    "simple": _Look("plain RNN", "#2b2b2b"),
    "irnn": _Look("IRNN", "#8c8c8c"),
}
CELL_NAMES = {cell: look.name for cell, look in _CELLS.items()}
_BY_NAME = {look.name: look.color for look in _CELLS.values()}
_PRESETS = {"lecture": COLORS[1], "cpu": COLORS[0]}  # presets in several figures


def cell_name(cell):
    """Returns a cell's name in figures, tables and text: "plain RNN" for `simple`.

    Args:
        cell: A value of `--cell`, or `irnn`. Anything else is its own name.
    """
    return CELL_NAMES.get(cell, cell)


def colors_of(names):
    """Returns a colour for each name: its cell's or its preset's, else one of `COLORS`.

    Args:
        names: Names of curves or bars: values of `--cell`, cells' names, or anything else.

    Returns:
        A dict of names to colours, which differ as long as `COLORS` suffice.
    """
    known = {name: _BY_NAME.get(cell_name(name)) or _PRESETS.get(name) for name in names}
    taken = {color for color in known.values() if color}
    others = itertools.cycle([color for color in COLORS if color not in taken] or COLORS)
    return {name: color or next(others) for name, color in known.items()}
