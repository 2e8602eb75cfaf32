"""Figures of one run's learning curves, and of the results of all cells."""

import itertools

import numpy as np
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from recipe_kit import figures
from recipe_kit.runs import HISTORY, Run


def learning_curves(settings, history, baseline):
    """Draws validation loss against batches, one line a length, with the baseline's loss dotted."""
    figure, ax = figures.new_axes(7.2, 4.2)
    lengths = dict.fromkeys(row["length"] for row in history)
    for length, color in zip(lengths, itertools.cycle(figures.COLORS)):
        rows = [row for row in history if row["length"] == length]
        label = f"T = {int(length)}" if settings.task == "adding" else "validation"
        ax.plot(_batches(settings, rows), [row["val_loss"] for row in rows], color=color, label=label)
    if baseline is not None:
        ax.axhline(baseline, ls=":", color="0.4", lw=1, label="always 1: 1/6")
    ax.set_yscale("log")
    ax.set_xlabel(f"batches of {settings.batch_size} sequences")
    ax.set_ylabel({"adding": "mean squared error"}.get(settings.task, "cross entropy (nats an output)"))
    state = ", learned initial state" if settings.learned_state else ""
    ax.set_title(f"{settings.task}: {figures.cell_name(settings.cell)} of {settings.units}{state}")
    ax.legend(frameon=False)
    return figures.caption(
        figure,
        "Lower is better. A line stays level until the network finds what is asked, and then falls.",
    )


def compared(recipe, settings, out, results):
    """Draws the results of all cells: `solved` for the adding problem, losses for the other tasks."""
    runs = {
        cell: [Run.open(path.parent, recipe) for path in sorted((out / cell).glob(f"*/{HISTORY}"))]
        for cell in results
    }
    if settings.task == "adding":
        stages = {
            cell: [
                climbed(
                    run.history(), run.result()["metrics"]["test_largest_length"], settings.batch_size
                )
                for run in of_seeds
            ]
            for cell, of_seeds in runs.items()
        }
        return solved(stages, settings.lengths)
    figure, ax = figures.new_axes(7.2, 4.2)
    colors = figures.colors_of(results)
    for cell, of_seeds in runs.items():
        for number, history in enumerate(run.history() for run in of_seeds):
            label = figures.cell_name(cell) if number == 0 else None
            losses = [row["val_loss"] for row in history]
            ax.plot(_batches(settings, history), losses, color=colors[cell], lw=1.1, label=label)
    ax.set_yscale("log")
    ax.set_xlabel(f"batches of {settings.batch_size} sequences")
    ax.set_ylabel("validation loss (nats an output)")
    ax.legend(frameon=False)
    return figures.caption(
        figure,
        "A line a seed. Lower is better; the further left it falls, the sooner it is learned.",
    )


def climbed(history, largest, batch_size):
    """Returns `[length, batches, solved]` for each length that a run tried.

    Args:
        history: The rows of the run's `history.csv`.
        largest: The largest length that the run solved, 0 for none.
        batch_size: Sequences a batch.
    """
    last = {row["length"]: row for row in history}  # the last row of each
    return [[int(t), int(row["tokens"] / batch_size), t <= largest] for t, row in last.items()]


def solved(stages, lengths):
    """Draws batches until solved against the length: one mark a seed, a line through the medians.

    Args:
        stages: A dict of cells to lists of `climbed` results, one a seed.
        lengths: All lengths to try.

    Returns:
        The Figure.
    """
    figure, ax = figures.new_axes(7.2, 4.2)
    colors = figures.colors_of(stages)
    least, most = np.inf, 0
    for number, (cell, of_seeds) in enumerate(stages.items()):
        aside = 1.045 ** (number - (len(stages) - 1) / 2)  # so that the cells stand side by side
        middles = {}
        for length in lengths:
            here = [stage for run in of_seeds for stage in run if stage[0] == length]
            for _, batches, is_solved in here:
                shape = "o" if is_solved else "x"
                ax.plot(length * aside, batches, shape, color=colors[cell], ms=5, mew=1.4, alpha=0.8)
                least, most = min(least, batches), max(most, batches)
            reached = [batches for _, batches, is_solved in here if is_solved]
            if 2 * len(reached) > len(of_seeds):
                middles[length] = np.median(reached)
        ax.plot(
            [length * aside for length in middles], middles.values(), "-o", ms=4.5, lw=1.5,
            color=colors[cell], label=figures.cell_name(cell),
        )  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel="length T", ylabel="batches until solved")
    ax.xaxis.set_major_locator(FixedLocator(lengths))
    ticks = [n for n in (100, 200, 500, 1000, 2500, 5000, 10000) if least <= n <= most]
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_locator(NullLocator())
    ax.grid(axis="y", lw=0.5, color="0.9")
    ax.plot([], [], "x", color="0.4", ms=5, mew=1.4, label="not solved in so many")
    ax.set_title("the adding problem: how far back, and how soon")
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return figures.caption(
        figure,
        "A mark a seed, a line through the medians. Lower is sooner, further right is further "
        "back. A cross: given up after so many batches; longer sequences are then not tried.",
    )


def _batches(settings, rows):
    return [row["tokens"] / settings.batch_size for row in rows]
