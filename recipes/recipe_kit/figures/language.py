"""Figures of a language model: its training, and its predictions."""

import textwrap

import numpy as np
from matplotlib.ticker import EngFormatter, FixedLocator, MaxNLocator, NullLocator, ScalarFormatter

from recipe_kit.figures._figure import COLORS, _wilson, caption, default_style, new_axes, visible_text
from recipe_kit.figures.cells import cell_name, colors_of

MOST_STEPS = 12  # the most steps of a learning rate that are marked individually


@default_style()
def loss_curves(runs, title="", unit="character"):
    """Draws training and validation loss by seconds of training and by tokens seen.

    Args:
        runs: Names to histories: one dict an epoch, with `seconds`, `tokens`, `loss` and `val_loss` in
            nats a token. Each run has a colour: training is dashed, validation solid.
        title: The figure's title.
        unit: The name of a token.
    """
    figure, panels = new_axes(8.4, 4.0, columns=2, sharey=True)
    colors = colors_of(runs)
    for ax, x, label in zip(
        panels,
        ("seconds", "tokens"),
        ("seconds of training", f"{unit}s predicted in training"),
        strict=True,
    ):
        for name, history in runs.items():
            color = colors[name]
            at = [row[x] for row in history]
            validation = [row["val_loss"] for row in history]
            ax.plot(at, [row["loss"] for row in history], "--", lw=1, color=color, alpha=0.6)
            ax.plot(at, validation, "o-", ms=3, color=color, label=visible_text(cell_name(name)))
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
    figure.suptitle(visible_text(title))
    return caption(
        figure,
        f"A point an epoch: the lower, the less the next {unit} surprises the network. Left, by "
        f"time; right, by {unit}s predicted. A dashed line far below its full one: learned by "
        "heart.",
    )


@default_style()
def temperatures(logits, labels, context="", temperatures=(0.2, 0.5, 1.0, 1.2), top=8, ax=None):
    """Draws the next character's distribution at several temperatures: softmax(logits / T).

    Args:
        logits: `(V,)`.
        labels: V names, one an id.
        context: The text before, for the title.
        temperatures: Each above 0.
        top: The number of likeliest characters to draw.
        ax: Axes to draw on. Default: a figure of its own.
    """
    figure = None
    if ax is None:
        figure, ax = new_axes()
    logits = np.asarray(logits, "float64")
    best = np.argsort(-logits, kind="stable")[:top]
    width = 0.8 / len(temperatures)
    shades = np.linspace(0.25, 0.85, len(temperatures))
    for index, (temperature, shade) in enumerate(zip(temperatures, shades, strict=True)):
        scaled = (logits - logits.max()) / temperature
        p = np.exp(scaled) / np.exp(scaled).sum()
        at = np.arange(len(best)) + (index - (len(temperatures) - 1) / 2) * width
        ax.bar(at, p[best], width, color=str(shade), label=f"T = {temperature}")
    ax.set_xticks(range(len(best)), [visible_text(labels[i]) for i in best])
    ax.set_ylabel("probability")
    ax.set_xlabel("next character")
    ax.set_title(f"after “{visible_text(context)}”" if context else "")
    ax.legend(frameon=False)
    if figure is None:
        return ax.figure
    return caption(
        figure,
        "A bar a temperature T, for each of the likeliest next characters (↵: end of line). A low "
        "T sharpens: it raises what was likely. A high T flattens.",
    )


@default_style()
def surprise(tokens, nats, title=""):
    """Draws the surprise of each token of a text, -ln p(token | those before), as bars.

    Args:
        tokens: N characters or words, few enough to be readable.
        nats: `(N,)`, not negative.
        title: The figure's title.

    Raises:
        ValueError: if their numbers differ, or a value is negative.
    """
    if len(tokens) != len(nats):
        raise ValueError(
            f"`nats` must hold a number a token. Received: {len(tokens)} tokens, {len(nats)} numbers"
        )
    if any(value < 0 for value in nats):
        raise ValueError(f"`nats` must not be negative, as -ln p is not. Received: {min(nats)}")
    width = max(map(len, tokens), default=1)
    figure, ax = new_axes(max(4.0, min(14.0, 0.6 + len(tokens) * (0.16 if width == 1 else 0.42))), 3.0)
    ax.bar(range(len(tokens)), nats, 0.85, color=COLORS[1])
    turn = {} if width == 1 else {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(range(len(tokens)), [visible_text(token) for token in tokens], fontsize=9, **turn)
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.8, len(tokens) - 0.2)
    ax.set_ylabel("-ln p (nats)")
    ax.set_title(visible_text(title))
    return caption(
        figure,
        "The higher the bar, the less the network expected what stands below it; 0: it was sure.",
    )


@default_style()
def perplexity_curves(history, rates=(), smooth=False, marks=None, title=""):
    """Draws training and validation perplexity by epoch, with the learning rate's steps.

    Args:
        history: One dict an epoch, with `epoch`, `loss` and `val_loss` in nats a word.
        rates: The learning rate at the start of each epoch. Few steps are marked individually;
            the rate of a smooth schedule, or of one with many steps, has its own axis.
        smooth: Whether the rate changes within epochs too.
        marks: Names to perplexities to draw as horizontal lines, such as the test set's.
        title: The figure's title.
    """
    figure, ax = new_axes(7.2, 4.2)
    epochs = [row["epoch"] for row in history]
    for name, style, color in (("loss", "--", COLORS[1]), ("val_loss", "o-", COLORS[0])):
        values = np.exp([row[name] for row in history])
        label = "validation" if name == "val_loss" else "training"
        ax.plot(epochs, values, style, ms=3, lw=1.3, color=color, label=label)
    styles = zip(COLORS[2:], ((0, (1, 2)), (3, (5, 3, 1, 3)), (0, (5, 5))), strict=True)
    for (name, value), (color, dashes) in zip((marks or {}).items(), styles, strict=False):
        label = f"{visible_text(name)}: {value:.4g}"
        ax.axhline(value, ls=dashes, lw=1.2, color=color, label=label)
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(FixedLocator(_round_numbers(low, high)))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_xlabel("epoch")
    ax.set_ylabel("perplexity")
    rates = list(rates[: len(epochs)])
    steps = [n for n in range(1, len(rates)) if rates[n] != rates[n - 1]]
    if smooth or len(steps) > MOST_STEPS:
        _rate_axis(ax, rates, smooth)
    else:
        for n in steps:
            ax.axvline(n + 0.5, lw=0.8, color="0.8", zorder=0)
        if steps:
            factor = rates[steps[0]] / rates[steps[0] - 1]
            ax.plot([], [], lw=0.8, color="0.8", label=f"learning rate × {factor:.3g}")
    ax.legend(frameon=False)
    ax.set_title(visible_text(title))
    return caption(
        figure,
        "Lower is better: among how many equally likely words the network has to guess. Where "
        "training falls and validation does not, the text is learned by heart.",
    )


def _round_numbers(low, high):
    """Returns round numbers 1, 2, 5, 10, ... in a range, or finer ones if these are too few."""
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in (
        (1, 2, 5),
        (1, 1.5, 2, 3, 4, 5, 6, 8),
        np.arange(1, 10, 0.25),
        np.arange(1, 10, 0.02),
    ):
        ticks = np.outer(decades, steps).ravel()
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if len(ticks) >= 3:
            return ticks[:: -(-len(ticks) // 9)]
    return ticks


def _rate_axis(ax, rates, smooth):
    """Draws rates over the epochs that they are for: epoch n lasts from n - 1 to n."""
    right = ax.twinx()
    style = "default" if smooth else "steps-post"
    right.plot(range(len(rates)), rates, lw=1, color="0.7", drawstyle=style)
    ax.set_xlim(left=0)
    right.set_ylim(bottom=0)
    right.set_ylabel("learning rate", color="0.5")
    right.tick_params(colors="0.5")
    right.spines["top"].set_visible(False)
    ax.set_zorder(right.get_zorder() + 1)
    ax.patch.set_visible(False)


@default_style()
def agreement_by_distance(runs, bins, counts, title=""):
    """Draws how often a model prefers the agreeing verb, by its distance from the noun.

    For one seed, the error bars are 95 % Wilson intervals over the sentences. For several, a curve is
    their mean, and the error bars span all their intervals.

    Args:
        runs: Names to shares `(K,)`, one a bin, or `(S, K)` of S seeds; NaN without a measurement.
        bins: K names of bins of distances, in words.
        counts: `(K,)` sentences in each bin.
        title: The figure's title.
    """
    figure, ax = new_axes(7.2, 4.2)
    counts = np.where(np.asarray(counts) > 0, counts, np.nan)
    colors = colors_of(runs)
    for index, (name, shares) in enumerate(runs.items()):
        seeds = np.atleast_2d(np.asarray(shares, "float64"))
        low, high = _wilson(seeds * counts, counts)
        shares, low, high = seeds.mean(axis=0), low.min(axis=0), high.max(axis=0)
        low, high = np.minimum(low, shares), np.maximum(high, shares)  # against rounding at 0 and 1
        at = np.arange(len(bins)) + 0.06 * (index - (len(runs) - 1) / 2)
        ax.errorbar(
            at, shares, [shares - low, high - shares], fmt="o-", ms=4, lw=1.3, elinewidth=0.8,
            capsize=2, color=colors[name], label=visible_text(cell_name(name)),
        )  # fmt: skip
    ax.axhline(0.5, ls=":", lw=1, color="0.5")
    beside = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    ax.annotate("a coin", (1, 0.5), xytext=(4, 0), va="center", color="0.5", fontsize=9, **beside)
    ax.set_xticks(range(len(bins)), [textwrap.fill(name, 6) for name in bins])
    ax.set_xlabel("words from the noun to its verb")
    ax.set_ylabel("share of verbs that agree")
    ax.set_ylim(min(0.45, ax.get_ylim()[0]), 1.02)
    ax.legend(frameon=False, loc="center")
    ax.set_title(visible_text(title))
    return caption(
        figure,
        "Higher is better: 1, every verb agrees with its noun; 0.5, a coin. To the right the noun "
        "lies further back. Bars: 95 % intervals, of all seeds.",
    )
