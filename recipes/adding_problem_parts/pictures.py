"""Learning curves of one run, and what every cell reached."""

import itertools

from rnn_kit import plots
from rnn_kit.runs import HISTORY, Run

NAMES = {
    "simple": "tanh RNN",
    "irnn": "IRNN",
    "lstm": "LSTM",
    "peephole": "peephole LSTM",
    "gru": "GRU",
    "kit-gru": "GRU of the kit",
}


def learning_curves(settings, history, baseline):
    """Validation loss against batches, a line a length; the loss of answering 1 every time, dotted."""
    figure, ax = _axes()
    lengths = dict.fromkeys(row["length"] for row in history)
    for length, color in zip(lengths, itertools.cycle(plots.COLORS)):
        rows = [row for row in history if row["length"] == length]
        label = f"T = {int(length)}" if settings.task == "adding" else "validation"
        ax.plot(_batches(settings, rows), [row["val_loss"] for row in rows], color=color, label=label)
    _baseline(ax, baseline)
    ax.set_yscale("log")
    ax.set_xlabel(f"batches of {settings.batch_size} sequences")
    ax.set_ylabel({"adding": "mean squared error"}.get(settings.task, "cross entropy (nats an output)"))
    state = ", learned initial state" if settings.learned_state else ""
    ax.set_title(f"{settings.task}: {NAMES[settings.cell]} of {settings.units}{state}")
    ax.legend(frameon=False)
    return figure


def compared(recipe, settings, out, results):
    """Every cell's validation loss against batches (adding: at each length), a line a seed."""
    lengths = settings.lengths if settings.task == "adding" else (None,)
    figure = plots.Figure(figsize=(3.1 * len(lengths) + 1.2, 3.9), dpi=150, layout="constrained")
    axes = figure.subplots(1, len(lengths), sharey=True, squeeze=False)[0]
    for cell, color in zip(results, itertools.cycle((*plots.COLORS, "#555555"))):
        for folder in sorted(p.parent for p in (out / cell).glob(f"*/{HISTORY}")):
            history = Run.open(folder, recipe).history()
            for ax, length in zip(axes, lengths, strict=True):
                rows = [row for row in history if length is None or row["length"] == length]
                at, loss = _batches(settings, rows), [row["val_loss"] for row in rows]
                ax.plot(at, loss, color=color, lw=1.1, label=NAMES[cell])
    for ax, length in zip(axes, lengths, strict=True):
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_yscale("log")
        ax.set_xlabel("batches")
        if length is not None:
            ax.set_title(f"T = {length}")
            _baseline(ax, 1 / 6)
    axes[0].set_ylabel("validation loss")
    handles, labels = axes[0].get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(once.values(), once, loc="outside right upper", frameon=False, fontsize=9)
    return figure


def _batches(settings, rows):
    return [row["tokens"] / settings.batch_size for row in rows]


def _axes():
    figure = plots.Figure(figsize=(6.4, 4.2), dpi=150, layout="constrained")
    ax = figure.subplots()
    ax.spines[["top", "right"]].set_visible(False)
    return figure, ax


def _baseline(ax, value):
    if value is not None:
        ax.axhline(value, ls=":", color="0.4", lw=1, label="always 1: 1/6")
