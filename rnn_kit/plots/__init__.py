"""Every picture of the recipes: functions from data to a matplotlib Figure.

Save one with `save`, or in your own way with `figure.savefig(path)`. None of them needs a display. They
are drawn in matplotlib's own style, whatever your matplotlibrc says.
"""

from matplotlib.figure import Figure

from rnn_kit.plots._figure import COLORS, _visible, caption, default_style
from rnn_kit.plots.captions import (
    attention_maps,
    caption_grid,
    captioned,
)
from rnn_kit.plots.cells import CELL_NAMES, cell_name, colors_of
from rnn_kit.plots.classification import (
    accuracy_by_length,
    accuracy_curves,
    comparison,
    roc_and_calibration,
)
from rnn_kit.plots.decoders import beam_curve, decoder_scores
from rnn_kit.plots.language import (
    agreement_by_distance,
    loss_curves,
    perplexity_curves,
    surprise,
    temperatures,
)
from rnn_kit.plots.opinion import opinion_trace, opinion_traces
from rnn_kit.plots.saving import CHUNK, about_picture, about_run, save, save_comparison, write
from rnn_kit.plots.show import show

__all__ = [
    "CELL_NAMES",
    "CHUNK",
    "COLORS",
    "Figure",
    "_visible",
    "about_picture",
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
    "opinion_trace",
    "opinion_traces",
    "perplexity_curves",
    "roc_and_calibration",
    "save",
    "save_comparison",
    "show",
    "surprise",
    "temperatures",
    "write",
]
