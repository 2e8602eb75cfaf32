"""Compares verb agreement of a plain RNN, a GRU and an LSTM on the generated language."""

import dataclasses

from parts.ptb_language_model import agreement, run_figures
from recipe_kit import cli

CELLS = ("simple", "gru", "lstm")
PRESETS = ("agreement", "smoke")
SEEDS = (0, 1, 2)
FIGURE = "agreement.png"
RATES = (3e-3, 1e-2)  # learning rates to choose from, for each cell, on validation


def equal_units(settings, cell, build_model):
    """Returns the units with which a cell's network comes closest to the settings' number of weights.

    Args:
        settings: Settings with the `cell` and the `units` whose network's weights are counted.
        cell: Another cell, of `recipe_kit.cli.CELLS`.
        build_model: `build_model(settings, vocabulary)`.
    """
    vocabulary = agreement.vocabulary()

    def weights(cell, units):
        its_settings = dataclasses.replace(settings, cell=cell, units=units)
        return build_model(its_settings, vocabulary).count_params()

    budget = weights(settings.cell, settings.units)
    return cli.equal_units(lambda units: weights(cell, units), budget)


def compare(recipe, flags, settings, train_runs, build_model):
    """Trains every cell with every seed, each at the better of two learning rates, and prints a table.

    All networks have about as many weights as the settings' own. Chooses the rate by the validation
    perplexity of the first seed.

    Args:
        recipe: The recipe's name.
        flags: The parsed flags. Each training is a run in a folder of its own under `--out`; `--resume`
            trains those missing or unfinished.
        settings: What the flags ask for.
        train_runs: `train_runs(flags) -> metrics`.
        build_model: `build_model(settings, vocabulary)`.

    Returns:
        A dict of cells to their metrics over the seeds, each with mean, standard deviation and values.

    Raises:
        RunError, UserError: with one line for the user.
        KeyboardInterrupt: with the command that resumes.
    """
    preset = flags.preset or agreement.NAME
    out = cli.variants_folder(recipe, flags, preset, [FIGURE])
    seeds = list(flags.seeds or SEEDS)
    units = {cell: equal_units(settings, cell, build_model) for cell in CELLS}
    common = {"preset": preset, "seeds": seeds}
    variants = {cell: {**common, "cell": cell, "units": units[cell]} for cell in CELLS}
    chosen, _, results = cli.at_own_rates(
        recipe, flags, out, settings, variants, RATES, _validation, train_runs
    )

    print("\n" + table(results, units, chosen, seeds))
    cli.draw_comparison(out / FIGURE, lambda: run_figures.agreement_of(results), recipe, results)
    return results


def _validation(metrics):
    return metrics["validation_perplexity"]["mean"]


def table(results, units, chosen, seeds):
    """Returns lines with each cell's size, its perplexity, and how far its verbs agree."""
    rows = [["cell", "units", "weights", "rate", "perplexity", "above its own", "agrees up to"]]
    for cell, metrics in results.items():
        above = agreement.above_its_own({name: of["mean"] for name, of in metrics.items()})
        rows.append(
            [
                cell,
                f"{units[cell]}",
                f"{metrics['weights']['mean']:,.0f}",
                f"{chosen[cell]:g}",
                _spread(metrics["test_perplexity"]),
                f"{above:.1%}",
                " ".join(f"{value:.0f}" for value in metrics[agreement.LARGEST]["values"]),
            ]
        )
    lines = cli.columns(rows)
    rows = [["verbs that agree, by distance", *results]]
    names = agreement.shares(results[CELLS[0]])[0]
    for name, (first, _) in zip(names, agreement.BINS, strict=True):
        metric = f"test_agreement_{first}"
        rows.append([name, *(_spread(metrics.get(metric)) for metrics in results.values())])
    several = ": mean ± standard deviation" if len(seeds) > 1 else ""
    return "\n".join(
        [
            f"seeds {' '.join(map(str, seeds))}{several}",
            *lines,
            f"(agrees up to: words from noun to verb, a value a seed; {agreement.CRITERION})",
            "",
            *cli.columns(rows),
        ]
    )


def _spread(metric):
    if metric is None:
        return "-"
    spread = "" if metric["std"] is None else f" ± {metric['std']:.3f}"
    return f"{metric['mean']:.3f}{spread}"
