"""Figures of the recipes: functions from data to a matplotlib Figure.

Save one with `save`, or in your own way with `figure.savefig(path)`. None needs a display. All are
drawn in matplotlib's default style, independent of your matplotlibrc.
"""

from matplotlib.figure import Figure

from recipe_kit.figures._figure import COLORS, caption, default_style, new_axes, visible_text
from recipe_kit.figures.captions import (
    attention_maps,
    caption_grid,
    captioned,
)
from recipe_kit.figures.cells import CELL_NAMES, cell_name, colors_of
from recipe_kit.figures.classification import (
    accuracy_by_length,
    accuracy_curves,
    comparison,
    roc_and_calibration,
)
from recipe_kit.figures.decoders import beam_curve, decoder_scores
from recipe_kit.figures.language import (
    agreement_by_distance,
    loss_curves,
    perplexity_curves,
    surprise,
    temperatures,
)
from recipe_kit.figures.opinion import opinion_trace, opinion_traces
from recipe_kit.figures.saving import CHUNK, about_figure, about_run, save, save_comparison, write
from recipe_kit.figures.show import show

__all__ = [
    "CELL_NAMES",
    "CHUNK",
    "COLORS",
    "Figure",
    "about_figure",
    "about_run",
    "accuracy_by_length",
    "accuracy_curves",
    "agreement_by_distance",
    "attention_maps",
    "beam_curve",
    "caption",
    "caption_grid",
    "captioned",
    "cell_name",
    "colors_of",
    "comparison",
    "decoder_scores",
    "default_style",
    "loss_curves",
    "new_axes",
    "opinion_trace",
    "opinion_traces",
    "perplexity_curves",
    "roc_and_calibration",
    "save",
    "save_comparison",
    "show",
    "surprise",
    "temperatures",
    "visible_text",
    "write",
]
