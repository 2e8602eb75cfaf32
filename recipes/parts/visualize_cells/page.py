"""Makes the page on which every cell can be chosen: one self-contained HTML file."""

import base64
from pathlib import Path

import numpy as np

from recipe_kit.runs import json_text

TEMPLATE = Path(__file__).with_name("page.html")
EXPECTED = 5  # likeliest next characters shown


def page(about, text, vocabulary, probabilities, states, gates, properties, matches, start):
    """Returns the page as text.

    Args:
        about: One or two sentences on what the page shows.
        text: T characters.
        vocabulary: The V characters that the model knows.
        probabilities: `(T, V)`, of the character that follows each position.
        states: Names to `(T, units)` arrays.
        gates: Names to `(T, units)` arrays of activations from 0 to 1.
        properties: `Property`s of the T positions.
        matches: `Match`es to list.
        start: The initial selection: (state, unit, property's name or `None`).

    Returns:
        HTML, in which the states are rounded to 1/127 of each cell's largest absolute value, the gates
        to 1/255.
    """
    names = [p.name for p in properties]
    state, unit, name = start
    content = {
        "about": about,
        "text": list(text),
        "vocabulary": list(vocabulary),
        "expected": _expected(probabilities),
        "states": {name: _state(state) for name, state in states.items()},
        "gates": {name: _base64(np.rint(255 * gate.T).astype("uint8")) for name, gate in gates.items()},
        "properties": [
            {"name": p.name, "binary": p.is_binary, "values": _plain(p.values)} for p in properties
        ],
        "matches": [
            {**vars(match), "name": match.name, "shown": match.shown(match.held_out)}
            for match in matches
        ],
        "start": {
            "state": state,
            "unit": unit,
            "property": names.index(name) if name in names else -1,
        },
    }
    as_text = json_text(content, "The page", separators=(",", ":")).strip()
    # Inside a script element "</script" would end it, and "<!--" would begin a comment.
    return TEMPLATE.read_text(encoding="utf-8").replace("/*DATA*/", as_text.replace("<", "\\u003c"))


def _state(values):
    """Returns cells in turn, in 127ths of each one's largest absolute value, and their colour scale."""
    scale = np.abs(values).max(axis=0)
    rounded = np.rint(127 * values / np.where(scale > 0, scale, 1)).astype("int8")
    middle, full = colour_scale(values)
    return {
        "scale": [round(float(s), 4) for s in scale],
        "middle": [round(float(m), 4) for m in middle],
        "full": [round(float(f), 4) for f in full],
        "values": _base64(rounded.T),
    }


def colour_scale(values):
    """Returns where each cell of `(T, units)` is white, and the distance of full colour from there.

    White is the cell's median: many cells never come near 0, and would show a single colour.

    Returns:
        Two `(units,)` arrays: the medians, and the distances from them that cover 95 % of the values.
    """
    middle = np.median(values, axis=0)
    return middle, np.maximum(np.quantile(np.abs(values - middle), 0.95, axis=0), 1e-6)


def _expected(probabilities):
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :EXPECTED]
    return [
        [[int(i), round(float(row[i]), 3)] for i in ids]
        for ids, row in zip(best, probabilities, strict=True)
    ]


def _plain(values):
    """Returns numbers for JSON, integers where they are whole."""
    return [int(v) if v == int(v) else round(float(v), 2) for v in values]


def _base64(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
