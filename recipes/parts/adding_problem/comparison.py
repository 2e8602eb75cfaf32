"""Compares the cells on one task, over several seeds."""

from parts.adding_problem import run_figures
from recipe_kit import cli

SEEDS = (0, 1, 2)
RATES = (1e-3, 3e-3, 1e-2)  # learning rates to choose from, for each cell
CELLS = {
    "adding": ("simple", "irnn", "lstm", "peephole", "gru"),
    "anbn": ("lstm", "peephole"),
    "timing": ("lstm", "peephole"),
}


def compare(recipe, flags, settings, train_runs):
    """Trains every cell with every seed, each at the best of three learning rates, and prints a table.

    The rate is chosen with the first seed, on validation, at the shortest length: the rate that needs
    the fewest batches to solve it; if none does, the one with the smallest loss.

    Args:
        recipe: The recipe's name.
        flags: The parsed flags.
        settings: The settings that they ask for.
        train_runs: `train_runs(flags) -> metrics`.

    Returns:
        A dict of cells to their metrics over the seeds.

    Raises:
        UserError, RunError: with one line for the user.
        KeyboardInterrupt: with the command that resumes.
    """
    out = cli.variants_folder(recipe, flags, "compare")
    cells, seeds = CELLS[settings.task], list(flags.seeds or SEEDS)
    given = cli.given(flags, type(settings))
    rates = [given["learning_rate"]] if "learning_rate" in given else RATES
    preset = {"preset": flags.preset or "compare"}
    variants = {cell: {**preset, "cell": cell, "seeds": seeds} for cell in cells}
    shorter = {"lengths": settings.lengths[:1]} if settings.task == "adding" else {}

    def preference(metrics):
        return metrics["batches"]["mean"], metrics["validation_loss"]["mean"]

    chosen = cli.own_rates(
        recipe, flags, out, settings, variants, rates, preference, train_runs, **shorter
    )
    variants = {cell: {**change, "learning_rate": chosen[cell]} for cell, change in variants.items()}
    results = cli.run_variants(recipe, flags, out, settings, variants, train_runs)
    print("\n" + table(results, chosen, seeds))
    cli.draw_comparison(
        out / "comparison.png",
        lambda: run_figures.compared(recipe, settings, out, results),
        recipe,
        results,
    )
    return results


def table(results, chosen, seeds):
    """Returns the lines of a table of test metrics, one a cell."""
    names = [name for name in next(iter(results.values())) if name.startswith("test_")]
    heads = [
        "cell",
        "rate",
        "weights",
        *(name.removeprefix("test_").replace("_", " ") for name in names),
    ]
    rows = [heads]
    for cell, metrics in results.items():
        row = [cell, f"{chosen[cell]:g}", f"{metrics['weights']['mean']:.0f}"]
        for name in names:
            values = " ".join(f"{value:.4g}" for value in metrics[name]["values"])
            row.append(values)
        rows.append(row)
    lines = cli.columns(rows)
    notes = [f"one value for each of the seeds {' '.join(map(str, seeds))}"]
    weights = [metrics["weights"]["mean"] for metrics in results.values()]
    if max(weights) > 1.05 * min(weights):
        notes.append(
            "(equally many units, not weights: the largest has "
            f"{max(weights) / min(weights):.1f} times as many as the smallest)"
        )
    return "\n".join([notes[0], *lines, *notes[1:]])
