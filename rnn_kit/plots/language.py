"""Pictures of a language model: its training, and what it expects next."""

import itertools

import numpy as np
from matplotlib.ticker import EngFormatter, ScalarFormatter

from rnn_kit.plots._figure import COLORS, _axes, _visible


def loss_curves(runs, title="", unit="character"):
    """Training and validation loss, against the seconds of training and against the tokens seen.

    Args:
        runs: Names to histories: one dict an epoch, with `seconds`, `tokens`, `loss` and `val_loss` in
            nats a token. Each run has a colour: training is dashed, validation drawn through.
        title: The picture's title.
        unit: What a token is called.
    """
    figure, panels = _axes(11, 4.2, columns=2, sharey=True)
    for ax, x, label in zip(
        panels,
        ("seconds", "tokens"),
        ("seconds of training", f"{unit}s predicted in training"),
        strict=True,
    ):
        for (name, history), color in zip(runs.items(), itertools.cycle(COLORS)):
            at = [row[x] for row in history]
            validation = [row["val_loss"] for row in history]
            ax.plot(at, [row["loss"] for row in history], "--", lw=1, color=color, alpha=0.6)
            ax.plot(at, validation, "o-", ms=3, color=color, label=_visible(name))
            ax.annotate(
                f"{validation[-1]:.3f}",
                (at[-1], validation[-1]),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                color=color,
            )
        ax.set_xlim(left=0)
        ax.set_xlabel(label)
        ax.xaxis.set_major_formatter(EngFormatter(sep="") if x == "tokens" else ScalarFormatter())
    panels[0].set_ylabel(f"cross entropy (nats a {unit})")
    panels[0].plot([], [], "-", color="0.4", label="validation")
    panels[0].plot([], [], "--", lw=1, color="0.4", alpha=0.6, label="training")
    panels[0].legend(frameon=False)
    figure.suptitle(_visible(title))
    return figure


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
