"""The comparison: plain RNN, LSTM and GRU, and the linear autoregression that all must beat."""

import dataclasses

import keras
from matplotlib.ticker import MaxNLocator

from recipe_kit import cli, figures

PICTURE = "comparison.png"
RATES = (1e-3, 3e-3, 1e-2)  # learning rates to choose from, for each, on validation
CELLS = ("simple", "lstm", "gru")


def compare(recipe, flags, presets, train_runs, build_model, load_data):
    """Trains each cell with each seed, and prints and draws the errors of validation and test.

    The recurrent layers have equally many weights. Each cell is trained at the best of three learning
    rates, which the error on validation chooses with the first seed.

    Args:
        recipe: The recipe's name.
        flags: As parsed.
        presets: Of the recipe.
        train_runs: `train_runs(flags) -> metrics`.
        build_model: `build_model(settings, data)`.
        load_data: `load_data(settings)`.

    Returns:
        A dict of cells to their metrics.

    Raises:
        RunError, UserError: one line for the user.
        KeyboardInterrupt: with the command that goes on.
    """
    preset = flags.preset or "cpu"
    settings = cli.override(presets[preset], flags)
    out = cli.variants_folder(recipe, flags, preset, [PICTURE])
    flags.seeds = flags.seeds or [0, 1, 2]
    data = load_data(settings)
    units = _equal_units(settings, build_model, data)
    variants = {cell: {"preset": preset, "cell": cell, "units": units[cell]} for cell in CELLS}

    def preference(metrics):
        return cli.mean_and_std(metrics["validation_mae_scaled"])[0]

    chosen, _, results = cli.at_own_rates(
        recipe, flags, out, settings, variants, RATES, preference, train_runs
    )
    error = "mae" if len(data.series.targets) == 1 else "mae_scaled"
    rows = _rows(results, error, data.scaling.season)
    print(f"\n{'mean absolute error':24}{'units':>7}{'rate':>8}{'validation':>22}{'test':>22}")
    for name, (cell, values) in rows.items():
        of = f"{units[cell]:7}{chosen[cell]:8g}" if cell else " " * 15
        print(f"{name:24}{of}" + "".join(f"{_shown(value):>22}" for value in values))
    linear = cli.seed_values(results[CELLS[0]][f"test_{error}_linear"])
    for cell in CELLS:
        found = cli.seed_values(results[cell][f"test_{error}"])
        if len(found) < 2:
            print("one seed: this is no ranking (--seeds 0 1 2 trains three)")
            break
        # Less is better: what is ahead has the smaller error. No seed changes the linear one.
        gains = [theirs - ours for ours, theirs in zip(found, linear, strict=True)]
        difference = cli.difference(gains, [0.0] * len(gains))
        name = figures.cell_name(cell)
        print("by error: " + difference.verdict(name, "the linear autoregression"))
    cli.draw_comparison(out / PICTURE, lambda: _figure(rows), recipe, results)
    return results


def _equal_units(settings, build_model, data):
    """Returns the units with which the cells have as many recurrent weights as the settings' own."""

    def weights(cell, units):
        model = build_model(dataclasses.replace(settings, cell=cell, units=units), data)
        layers = (layer for layer in model.layers if isinstance(layer, keras.layers.RNN))
        return sum(layer.count_params() for layer in layers)

    budget = weights(settings.cell, settings.units)
    return {
        cell: cli.equal_units(lambda units, cell=cell: weights(cell, units), budget) for cell in CELLS
    }


def _rows(results, error, season):
    """Returns names to a cell, empty for what is not trained, and errors on validation and test."""
    rows = {}
    first = results[CELLS[0]]
    others = {"_last": "the last value", "_season": f"a season ago ({season})"}
    for name, told in {**others, "_linear": "linear autoregression"}.items():
        if f"test_{error}{name}" in first:
            rows[told] = "", [first[f"{part}_{error}{name}"] for part in ("validation", "test")]
    for cell, metrics in results.items():
        rows[figures.cell_name(cell)] = (
            cell,
            [metrics[f"{part}_{error}"] for part in ("validation", "test")],
        )
    return rows


def _figure(rows):
    figure, ax = figures.new_axes(6.6, 0.5 * len(rows) + 1.8)
    colors = figures.colors_of(CELLS)
    for row, (cell, (_, test)) in enumerate(rows.values()):
        values, color = cli.seed_values(test), colors.get(cell, "0.4")
        ax.plot(values, [row] * len(values), "o", color=color, alpha=0.7)
        ax.plot([sum(values) / len(values)], [row], "|", ms=18, color="0.2")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.invert_yaxis()
    ax.set_xlabel("mean absolute error, test")
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.grid(axis="x", lw=0.5, color="0.9")
    return figures.caption(
        figure, "Further left is better. A dot is a seed, the line their mean; grey: nothing recurrent."
    )


def _shown(value):
    mean, std = cli.mean_and_std(value)
    return f"{mean:,.5g}" + (f" ± {std:,.3g}" if std else "")
