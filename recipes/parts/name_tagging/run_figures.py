"""The figures of a run: F1 epoch by epoch, F1 by type, and what is said while a sentence is read."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from recipe_kit import figures

EXAMPLES = {"teddy": "he said , teddy bears are on sale".split()}
LENGTHS = (7, 12)  # words of the test sentence that is shown, of other data


def draw(run, history, metrics, data, tagger):
    """Draws a run's figures into its folder.

    Args:
        run: The `Run`.
        history: Its rows.
        metrics: Its metrics.
        data: `sentences.Data`.
        tagger: A `speaking.Tagger`.
    """
    name = data.sentences.info["name"]
    figures.save(run, "f1.png", learning_curve(history, f"{name}: names found"))
    figures.save(run, "by_type.png", by_type(metrics, data.sentences.types, f"{name}, test"))
    words = EXAMPLES.get(name) or _example(data.sentences.test)
    figures.save(run, "waiting.png", waiting({"": tagger.while_reading(words)}, words))


def _example(part):
    """The first sentence of fair length in which a name begins after some words; else the first one."""
    for sentence in part:
        named = next((n for n, tag in enumerate(sentence.tags) if tag != "O"), 0)
        if LENGTHS[0] <= len(sentence.words) <= LENGTHS[1] and 0 < named < len(sentence.words) - 2:
            return sentence.words
    return part[0].words[: LENGTHS[1]]


def learning_curve(history, title):
    """Draws F1 of validation, and the losses, epoch by epoch."""
    figure, (left, right) = figures.new_axes(8.6, 3.8, columns=2)
    epochs = [row["epoch"] for row in history]
    left.plot(epochs, [row["val_f1"] for row in history], "o-", ms=3.5, color=figures.COLORS[0])
    left.set(xlabel="epoch", ylabel="F1 of validation")
    right.plot(epochs, [row["val_loss"] for row in history], "o-", ms=3.5, color=figures.COLORS[0])
    right.set(xlabel="epoch", ylabel="validation, nats a word")
    for ax in (left, right):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.suptitle(figures.visible_text(title))
    return figures.caption(
        figure,
        "Left: the higher, the more names are found whole, with their type. Right: the lower, the more "
        "probable the right tags are; it may rise again while F1 still does.",
    )


def by_type(metrics, types, title):
    """Draws F1 of each type, as bars."""
    figure, ax = figures.new_axes(5.6, 0.5 * len(types) + 2.2)
    names = [*types, "all"]
    values = [metrics[f"test_f1_{kind}"] for kind in types] + [metrics["test_f1"]]
    bars = ax.barh(names[::-1], values[::-1], color=figures.COLORS[1])
    ax.bar_label(bars, fmt="{:.3f}", padding=3)
    ax.axvline(metrics["test_f1_dictionary"], ls=":", color="0.4", label="a dictionary of names")
    ax.set(xlim=(0, 1.1), xlabel="F1")
    ax.legend(frameon=False, loc="lower right")
    figure.suptitle(figures.visible_text(title))
    return figures.caption(
        figure, "The longer, the better. Dotted: all names of the training part, looked up."
    )


def waiting(networks, words):
    """Draws p(a word is in a name), after each word that has been read: a triangle a network.

    Args:
        networks: Titles to `(T, T)` of `speaking.Tagger.while_reading`.
        words: T words.
    """
    cell = min(0.52, 16 / len(words))
    size = cell * len(words) + 1.6
    figure, axes = figures.new_axes(size * len(networks) + 0.8, size + 0.6, columns=len(networks))
    for ax, (title, p) in zip(np.atleast_1d(axes), networks.items(), strict=True):
        image = ax.imshow(p, cmap="Blues", vmin=0, vmax=1)
        shown = [figures.visible_text(word) for word in words]
        ax.set_xticks(range(len(words)), shown, rotation=60, ha="left", rotation_mode="anchor")
        ax.set_yticks(range(len(words)), shown)
        ax.xaxis.tick_top()
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        for t in range(len(words)):
            for k in range(t + 1):
                ax.text(k, t, f"{p[t, k]:.2f}".removeprefix("0"), ha="center", va="center", fontsize=7,
                        color="white" if p[t, k] > 0.6 else "0.3")  # fmt: skip
        ax.set_ylabel("read up to")
        ax.set_xlabel(figures.visible_text(title))
    figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02).set_label("p(in a name)")
    return figures.caption(
        figure,
        "A column is a word, a row what is said once the row's word has been read. A network that "
        "reads one way, without a CRF, never changes its mind: its columns are of one colour.",
    )
