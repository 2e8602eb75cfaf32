"""The lectures' comparison: one direction or both, and what letters, depth and a CRF add to it."""

import dataclasses

import keras
from matplotlib.ticker import MaxNLocator

from recipe_kit import cli, figures

PICTURE = "comparison.png"
RATES = (1e-3, 4e-3)  # learning rates to choose from, for each, on validation
BASE = {"bidirectional": True, "characters": "none", "crf": False, "layers": 1}
VARIANTS = {
    "one direction": {"bidirectional": False},
    "both directions": {},
    "two layers": {"layers": 2},
    "CRF": {"crf": True},
    "letters": {"characters": "cnn"},
    "letters and CRF": {"characters": "cnn", "crf": True},
}
BESIDE = "both directions"  # what each is compared with


def compare(recipe, flags, presets, train_runs, build_model, load_data):
    """Trains each variant with each seed, and prints and draws F1 of validation and test.

    The recurrent layers of all have as many weights as the settings' own in both directions; letters
    come on top. Each variant is trained at the better of two learning rates, which F1 on validation
    chooses with the first seed.

    Args:
        recipe: The recipe's name.
        flags: As parsed.
        presets: Of the recipe.
        train_runs: `train_runs(flags) -> metrics`.
        build_model: `build_model(settings, encoder)`.
        load_data: `load_data(settings)`.

    Returns:
        A dict of variants to their metrics.

    Raises:
        RunError, UserError: one line for the user.
        KeyboardInterrupt: with the command that goes on.
    """
    preset = flags.preset or "cpu"
    settings = cli.override(presets[preset], flags)
    out = cli.variants_folder(recipe, flags, preset, [PICTURE])
    flags.seeds = flags.seeds or [0, 1, 2]
    encoder = load_data(settings).encoder
    variants = {}
    for name, change in VARIANTS.items():
        of = {**BASE, **change}
        of["units"] = _equal_units(settings, build_model, encoder, of)
        variants[name.replace(" ", "-")] = {"preset": preset, **of}

    def preference(metrics):
        return -cli.mean_and_std(metrics["validation_f1"])[0]

    _, variants, trained = cli.at_own_rates(
        recipe, flags, out, settings, variants, RATES, preference, train_runs
    )
    results = dict(zip(VARIANTS, trained.values(), strict=True))
    columns = {"validation_f1": "validation F1", "test_f1": "test F1"}
    if all("test_f1_PER" in metrics for metrics in results.values()):
        columns["test_f1_PER"] = "persons"
    columns["test_accuracy_in_doubt"] = "words in doubt"
    heads = "".join(f"{head:>18}" for head in columns.values())
    print(f"\n{'':20}{'units':>7}{'rate':>8}{'weights':>11}{heads}")
    for (name, metrics), change in zip(results.items(), variants.values(), strict=True):
        shown = "".join(f"{_shown(metrics.get(column)):>18}" for column in columns)
        weights = cli.mean_and_std(metrics["weights"])[0]
        rate = change["learning_rate"]
        print(f"{name:20}{change['units']:7}{rate:8g}{weights:11,.0f}{shown}")
    for name in VARIANTS:
        if name != BESIDE:
            ours, theirs = (results[of]["test_f1"] for of in (name, BESIDE))
            print(f"by F1: {cli.verdict(ours, theirs, name, BESIDE)}")
    cli.draw_comparison(out / PICTURE, lambda: _figure(results), recipe, trained)
    return results


def _equal_units(settings, build_model, encoder, change):
    """The units whose recurrent layers have as many weights as the settings' in both directions."""

    def weights(units, **change):
        model = build_model(dataclasses.replace(settings, units=units, **change), encoder)
        recurrent = (keras.layers.RNN, keras.layers.Bidirectional)
        return sum(layer.count_params() for layer in model.layers if isinstance(layer, recurrent))

    # Letters widen what the layers read: the units are those of the same network without them.
    without = {**change, "characters": "none", "crf": False}
    return cli.equal_units(lambda units: weights(units, **without), weights(settings.units, **BASE))


def _figure(results):
    figure, ax = figures.new_axes(6.6, 0.5 * len(results) + 1.8)
    for row, metrics in enumerate(results.values()):
        values = cli.seed_values(metrics["test_f1"])
        ax.plot(
            values, [row] * len(values), "o", color=figures.COLORS[row % len(figures.COLORS)], alpha=0.7
        )
        ax.plot([sum(values) / len(values)], [row], "|", ms=18, color="0.2")
    ax.set_yticks(range(len(results)), list(results))
    ax.invert_yaxis()
    ax.set_xlabel("F1, test")
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.grid(axis="x", lw=0.5, color="0.9")
    return figures.caption(figure, "Further right is better. A dot is a seed, the line their mean.")


def _shown(value):
    if value is None:
        return ""
    mean, std = cli.mean_and_std(value)
    return f"{mean:.4f}" + (f" ± {std:.4f}" if std is not None else "")
