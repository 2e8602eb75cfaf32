"""Every cell on one task, with several seeds: how far does each of them get?"""

from adding_problem_parts import pictures
from rnn_kit import cli, plots

SEEDS = (0, 1, 2)
RATES = (1e-3, 3e-3, 1e-2)  # learning rates to choose from, for each cell
CELLS = {
    "adding": ("simple", "irnn", "lstm", "peephole", "gru"),
    "anbn": ("lstm", "peephole"),
    "timing": ("lstm", "peephole"),
}


def compare(recipe, flags, settings, train_runs):
    """Trains every cell with every seed, each at the best of three learning rates, and prints a table.

    The rate is chosen with the first seed, on validation: at the shortest length, the one that needs
    the fewest batches, and of those that do not get there, the one with the smallest loss.

    Args:
        recipe: The recipe's name.
        flags: As parsed.
        settings: What they ask for.
        train_runs: `train_runs(flags) -> metrics`.

    Returns:
        A dict of cells to their metrics over the seeds.

    Raises:
        UserError, RunError: one line for the user.
        KeyboardInterrupt: with the command that goes on.
    """
    out = cli.variants_folder(recipe, flags, "compare")
    cells, seeds = CELLS[settings.task], list(flags.seeds or SEEDS)
    given = cli.given(flags, type(settings))
    rates = [given["learning_rate"]] if "learning_rate" in given else RATES
    preset = {"preset": flags.preset or "compare"}
    chosen = dict.fromkeys(cells, rates[0])
    if len(rates) > 1:
        shortest = {"lengths": settings.lengths[:1]} if settings.task == "adding" else {}
        tuning = {
            f"tuning/{cell}-{rate:g}": {
                **preset, **shortest, "cell": cell, "learning_rate": rate, "seeds": seeds[:1],
                "record": False,
            }
            for cell in cells
            for rate in rates
        }  # fmt: skip
        tried = cli.run_variants(recipe, flags, out, settings, tuning, train_runs)

        def preference(cell, rate):
            metrics = tried[f"tuning/{cell}-{rate:g}"]
            return metrics["batches"]["mean"], metrics["validation_loss"]["mean"]

        chosen = {cell: min(rates, key=lambda r, cell=cell: preference(cell, r)) for cell in cells}
    variants = {
        cell: {**preset, "cell": cell, "learning_rate": chosen[cell], "seeds": seeds} for cell in cells
    }
    results = cli.run_variants(recipe, flags, out, settings, variants, train_runs)
    picture = out / "comparison.png"
    figure = pictures.compared(recipe, settings, out, results)
    plots.save_comparison(picture, figure, recipe, results)
    print("\n" + table(results, chosen, seeds))
    print(f"drawn in {picture}")
    return results


def table(results, chosen, seeds):
    """Lines of the test's metrics, cell by cell."""
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
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return f"one value for each of the seeds {' '.join(map(str, seeds))}\n" + "\n".join(lines)
