"""RNN against BRNN, each with and without a conditional random field, with equally many weights."""

import dataclasses

from parts.gene_finding import networks
from recipe_kit import cli, figures

FIGURE = "comparison.png"
RATES = (1e-3, 3e-3, 1e-2)  # learning rates to choose from, for each, on validation
VARIANTS = {
    "RNN": {"bidirectional": False, "crf": False},
    "RNN and CRF": {"bidirectional": False, "crf": True},
    "BRNN": {"bidirectional": True, "crf": False},
    "BRNN and CRF": {"bidirectional": True, "crf": True},
}
REFERENCE = "BRNN"  # whose number of weights all match


def compare(recipe, flags, presets, train_runs):
    """Trains each with three seeds, at the best of three learning rates, and prints a table.

    The first seed's accuracy on validation chooses the rate. Each training is a run in a folder of its
    own under `--out`, so that `--resume` trains those that are missing.

    Args:
        recipe: The recipe's name.
        flags: The parsed flags.
        presets: Of the recipe.
        train_runs: `train_runs(flags) -> metrics`.

    Returns:
        A dict of the variants' names to their metrics.

    Raises:
        RunError, UserError: with one line for the user.
        KeyboardInterrupt: with the command that resumes.
    """
    preset = flags.preset or flags.default_preset
    settings = cli.override(presets[preset], flags)
    out = cli.variants_folder(recipe, flags, preset, [FIGURE])
    flags.seeds = flags.seeds or [0, 1, 2]
    variants = {
        _folder(name): {
            "preset": preset,
            "baselines": False,
            **change,
            "units": units(settings, change),
        }
        for name, change in VARIANTS.items()
    }

    def preference(metrics):
        return -cli.seed_values(metrics["validation_accuracy"])[0]

    chosen, variants, trained = cli.at_own_rates(
        recipe, flags, out, settings, variants, RATES, preference, train_runs
    )
    results = {name: trained[_folder(name)] for name in VARIANTS}
    heads = ("units", 6), ("weights", 10), ("rate", 8), ("validation", 12), ("test", 10), ("stops", 10)
    print(f"\n{'':16}" + "".join(f"{head:>{width}}" for head, width in heads))
    for name, metrics in results.items():
        shown = [
            _mean(metrics[key]) for key in ("validation_accuracy", "test_accuracy", "test_stops_found")
        ]
        print(
            f"{name:16}{variants[_folder(name)]['units']:6}{_mean(metrics['weights']):10,.0f}"
            f"{chosen[_folder(name)]:8g}{shown[0]:12.4f}{shown[1]:10.4f}{shown[2]:10.4f}"
        )
    for name, other in (("BRNN", "RNN"), ("RNN and CRF", "RNN"), ("BRNN and CRF", "BRNN")):
        print(_verdict(results, name, other))
    rows = {name: cli.seed_values(metrics["test_accuracy"]) for name, metrics in results.items()}
    title = f"{settings.data}: networks with equally many weights"
    cli.draw_comparison(out / FIGURE, lambda: figures.comparison(rows, title), recipe, results)
    return results


def units(settings, change):
    """Returns the units with which a variant has the number of weights of `REFERENCE`."""

    def weights(units, change):
        return networks.labeller(dataclasses.replace(settings, units=units, **change)).count_params()

    wanted = weights(settings.units, VARIANTS[REFERENCE])
    return cli.equal_units(lambda units: weights(units, change), wanted)


def _verdict(results, name, other):
    ours, theirs = (results[key]["test_accuracy"] for key in (name, other))
    return cli.verdict(ours, theirs, name, other)


def _folder(name):
    return name.replace(" ", "-").lower()


def _mean(value):
    return cli.mean_and_std(value)[0]
