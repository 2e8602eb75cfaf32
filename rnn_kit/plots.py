"""Every picture of the recipes: functions from data to a matplotlib Figure.

Save one with `figure.savefig(path)`. None of them needs a display.
"""

import functools

import numpy as np
from matplotlib import font_manager
from matplotlib.figure import Figure

TRAIN, VALIDATION = "#9aa5b1", "#c0392b"


def _axes(width=6.4, height=4.0, columns=1, **kwargs):
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False, **kwargs)[0]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes if columns > 1 else axes[0]


def loss_curve(history, title="", ax=None):
    """Training and validation loss against the seconds of training.

    Args:
        history: One dict an epoch, with `seconds`, `loss` and `val_loss` in nats a character.
        title: The picture's title.
        ax: Axes to draw on. Default: a figure of its own.
    """
    figure = None
    if ax is None:
        figure, ax = _axes()
    seconds = [row["seconds"] for row in history]
    ax.plot(seconds, [row["loss"] for row in history], "o-", ms=3, color=TRAIN, label="training")
    validation = [row["val_loss"] for row in history]
    ax.plot(seconds, validation, "o-", ms=3, color=VALIDATION, label="validation")
    ax.annotate(
        f"{validation[-1]:.3f}",
        (seconds[-1], validation[-1]),
        xytext=(0, 7),
        textcoords="offset points",
        ha="center",
        color=VALIDATION,
    )
    ax.set_xlabel("seconds of training")
    ax.set_ylabel("cross entropy (nats a character)")
    ax.set_title(title)
    ax.legend(frameon=False)
    return figure or ax.figure


def temperatures(logits, labels, context="", temperatures=(0.2, 0.5, 1.0, 1.2), top=8, ax=None):
    """The next character's distribution at several temperatures: softmax(logits / T).

    Args:
        logits: `(V,)`.
        labels: V names, one an id.
        context: The text before, for the title.
        temperatures: Each above 0.
        top: How many of the likeliest characters to draw.
        ax: Axes to draw on. Default: a figure of its own.
    """
    figure = None
    if ax is None:
        figure, ax = _axes()
    logits = np.asarray(logits, "float64")
    best = np.argsort(-logits, kind="stable")[:top]
    width = 0.8 / len(temperatures)
    shades = np.linspace(0.25, 0.85, len(temperatures))
    for index, (temperature, shade) in enumerate(zip(temperatures, shades, strict=True)):
        scaled = (logits - logits.max()) / temperature
        p = np.exp(scaled) / np.exp(scaled).sum()
        at = np.arange(len(best)) + (index - (len(temperatures) - 1) / 2) * width
        ax.bar(at, p[best], width, color=str(shade), label=f"T = {temperature}")
    ax.set_xticks(range(len(best)), [_visible(labels[i]) for i in best])
    ax.set_ylabel("probability")
    ax.set_xlabel("next character")
    ax.set_title(f"after “{_visible(context)}”" if context else "")
    ax.legend(frameon=False)
    return figure or ax.figure


def training_summary(history, logits, labels, context, title=""):
    """The learning curve beside what the trained model expects next, at several temperatures."""
    figure, (left, right) = _axes(11, 4, columns=2)
    loss_curve(history, title, ax=left)
    temperatures(logits, labels, context, ax=right)
    return figure


def _visible(text):
    """Text whose white space can be seen, and which matplotlib does not take for a formula."""
    text = text.replace("\n", "↵").replace(" ", "␣" if len(text) == 1 else " ")
    # What the font cannot draw would be a box and a warning: its code point says which it is.
    drawable = _charmap()
    hidden = "U+{:04X}" if len(text) == 1 else "·"
    text = "".join(c if ord(c) in drawable else hidden.format(ord(c)) for c in text)
    return text.replace("$", r"\$")


@functools.cache
def _charmap():
    """Code points that matplotlib's default font has."""
    return font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap()
