"""A cell has one name and one colour in every picture, which the colour-blind tell apart; captions."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from recipe_kit import cli, figures

# Machado, Oliveira and Fernandes 2009, "A physiologically-based model for simulation of color vision
# deficiency", table 1, severity 1: on linear RGB.
SEEN = {
    "all": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
XYZ = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.072175],
    [0.0193339, 0.119192, 0.9503041],
]
WHITE = (0.95047, 1.0, 1.08883)
APART = 20  # of CIELAB's distance, of which 2.3 is what can just be seen


def lab(color, seen):
    """CIELAB of a colour as it is seen."""
    color = np.array(to_rgb(color))
    linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
    x, y, z = XYZ @ np.clip(np.array(SEEN[seen]) @ linear, 0, 1) / WHITE
    fx, fy, fz = (np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


def nearest(colors, seen):
    points = [lab(color, seen) for color in colors]
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(points, 2))


def test_distances_are_those_that_are_known():
    assert lab("white", "all") == pytest.approx([100, 0, 0], abs=0.01)
    assert lab("#ff0000", "all") == pytest.approx([53.24, 80.09, 67.20], abs=0.05)
    red, green = "#c00000", "#608000"  # far apart, and to the red-green blind nearly one
    assert nearest((red, green), "all") > 80 > 40 > nearest((red, green), "deuteranopia")


@pytest.mark.parametrize("seen", SEEN)
def test_colours_of_cells_are_apart_for_the_colour_blind_too(seen):
    colors = figures.colors_of(figures.CELL_NAMES)
    assert nearest(colors.values(), seen) > APART


@pytest.mark.parametrize("seen", SEEN)
def test_the_other_colours_are_apart_for_the_colour_blind_too(seen):
    assert nearest(figures.COLORS, seen) > APART


def test_every_cell_of_the_recipes_has_a_name_and_a_colour():
    assert set(figures.CELL_NAMES) == {*cli.CELLS, "irnn"}
    assert figures.cell_name("simple") == "plain RNN" and figures.cell_name("my own") == "my own"


def test_a_cell_has_its_colour_under_its_flag_and_under_its_name_and_whatever_stands_beside_it():
    alone, beside = figures.colors_of(["gru"]), figures.colors_of(["lstm", "GRU", "something"])
    assert alone["gru"] == beside["GRU"]
    assert len(set(beside.values())) == 3
    assert figures.colors_of(["cpu", "lecture"])["lecture"] == figures.colors_of(["lecture"])["lecture"]


def test_more_names_than_colours_go_round():
    names = [f"run {n}" for n in range(len(figures.COLORS) + 1)]
    colors = figures.colors_of(names)
    assert colors["run 0"] == colors[names[-1]] and len(set(colors.values())) == len(figures.COLORS)


HISTORY = [
    {"epoch": e, "seconds": 10 * e, "tokens": 100 * e, "loss": 2 / e, "val_loss": 2.1 / e}
    | {"accuracy": 0.7, "val_accuracy": 0.6}
    for e in (1, 2, 3)
]
SHARES = (["1", "2 to 9"], [10, 10])


@pytest.mark.parametrize(
    "figure",
    [
        figures.loss_curves({"gru": HISTORY, "lstm": HISTORY}),
        figures.accuracy_curves({"gru": HISTORY, "lstm": HISTORY}),
        figures.agreement_by_distance({"gru": [1, 0.9], "lstm": [1, 1]}, *SHARES),
        figures.comparison({"gru": [0.5, 0.6], "lstm": [0.4, 0.5]}),
    ],
    ids=["loss", "accuracy", "agreement", "comparison"],
)
def test_every_picture_draws_a_cell_in_its_colour(figure):
    wanted = figures.colors_of(["gru", "lstm"])
    drawn = [to_hex(line.get_color()) for ax in figure.axes for line in ax.lines]
    cells = set(figures.colors_of(figures.CELL_NAMES).values())
    assert {color for color in drawn if color in cells} == set(wanted.values())
    words = [t.get_text() for ax in figure.axes for t in ax.get_yticklabels()]
    for legend in [*figure.legends, *(ax.get_legend() for ax in figure.axes)]:
        words += [text.get_text() for text in legend.get_texts()] if legend else []
    assert {"GRU", "LSTM"} <= set(words)


# --- captions ---------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
PROBABILITIES, LABELS = RNG.random(50), RNG.integers(0, 2, 50)
FIGURES = {
    "loss": figures.loss_curves({"cpu": HISTORY}),
    "accuracy": figures.accuracy_curves({"lecture": HISTORY, "cpu": HISTORY}, best={"lecture": 2}),
    "perplexity": figures.perplexity_curves(HISTORY),
    "temperatures": figures.temperatures([1.0, 2.0, 0.0], "abc"),
    "surprise": figures.surprise(list("abcdefgh"), [1.0] * 8),
    "agreement": figures.agreement_by_distance({"gru": [1, 0.9]}, *SHARES),
    "comparison": figures.comparison({"a": [0.5, 0.6]}, reference={"others": 0.4}),
    "roc": figures.roc_and_calibration(PROBABILITIES, LABELS),
    "length": figures.accuracy_by_length(RNG.integers(1, 99, 50), LABELS, others={"b": LABELS}),
    "decoders": figures.decoder_scores({"a": [10, 20], "b": [11, 19]}, ["x", "y"]),
    "beam": figures.beam_curve([1, 2], [10, 11], {"greedy": 9}),
    "opinion": figures.opinion_trace("a fine film".split(), [0.5, 0.8, 0.9]),
}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_a_picture_says_how_to_read_it_below_everything_else(figure):
    figure.draw_without_rendering()
    caption = [text for text in figure.texts if text.get_gid() == "caption"]
    assert caption
    whole = figure.bbox
    top = max(text.get_window_extent().y1 for text in caption)
    for text in caption:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= whole.x1 and box.y0 >= 0  # none of it is cut off
    parts = [*figure.axes, *figure.legends]
    assert all(part.get_tightbbox().y0 > top - 1 for part in parts)
    for legend in figure.legends:
        assert not any(legend.get_window_extent().overlaps(ax.get_tightbbox()) for ax in figure.axes)


def test_a_legend_beside_the_axes_keeps_its_room():
    figure = figures.Figure((5, 3), layout="constrained")
    ax = figure.subplots()
    handles = ax.plot([1, 2], label="a long name of a line")
    figure.legend(handles=handles, loc="outside right upper")
    figures.caption(
        figure, "How to read it, in as many words as it takes to fill more than one line. " * 2
    )
    figure.draw_without_rendering()
    assert not figure.legends[0].get_window_extent().overlaps(ax.get_tightbbox())
    assert len([t for t in figure.texts if t.get_gid() == "caption"]) > 1
