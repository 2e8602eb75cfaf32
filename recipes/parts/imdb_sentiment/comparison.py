"""The lectures' comparison: LSTM, peephole LSTM, GRU and plain RNN with equally many weights."""

import argparse
import dataclasses
import json
from pathlib import Path

import keras

from recipe_kit import cli, figures
from recipe_kit.runs import (
    CONFIG,
    RunError,
    atomic_write,
    check_free,
    json_text,
    jsonable,
    locked,
    new_folder,
)
from rnn_kit.layers import BigramEmbedding

CELLS = ("simple", "gru", "peephole", "lstm")
RATES = (1e-3, 4e-3)  # learning rates to choose from, for each cell, on validation
SEEDS = (0, 1, 2)
NOTE = "comparison.json"  # what was compared, for --resume
FIGURE = "comparison.png"


def beside_the_embedding(model):
    """Returns the number of a model's weights outside the vectors of words and pairs."""
    of_words = (keras.layers.Embedding, BigramEmbedding)
    return model.count_params() - sum(
        layer.count_params() for layer in model.layers if isinstance(layer, of_words)
    )


def equal_units(settings, build_model, **change):
    """Returns the units with which a changed network comes closest to the settings' number of weights.

    Args:
        settings: Settings of the network whose number of weights is matched.
        build_model: `build_model(settings, vocabulary_size)`.
        **change: Settings that differ, such as `cell="gru"` or `bidirectional=True`.
    """

    def weights(units, **change):
        model = build_model(dataclasses.replace(settings, units=units, **change), 10)
        return beside_the_embedding(model)

    return cli.equal_units(lambda units: weights(units, **change), weights(settings.units))


def compare(recipe, flags, settings, train_seeds, build_model):
    """Trains every cell with every seed, each at the better of two learning rates, and prints a table.

    Chooses the rate by the validation accuracy of the first seed. Each training is a run in a folder of
    its own under `--out`, so that `--resume` trains those that are missing.

    Args:
        recipe: The recipe's name.
        flags: The parsed flags.
        settings: Settings of the network whose number of weights all cells match.
        train_seeds: `train_seeds(flags) -> metrics`, trains what the flags ask for, as by
            `recipe_kit.cli.run_seeds`.
        build_model: `build_model(settings, vocabulary_size)`.

    Returns:
        A dict of cells to their metrics over the seeds, each with mean, standard deviation and values.

    Raises:
        UserError, RunError: with one line for the user.
        KeyboardInterrupt: with the command that resumes.
    """
    seeds = list(flags.seeds or SEEDS)
    preset = flags.preset or "compare"
    out = _opened(recipe, preset, flags, settings, seeds)
    with locked(out):
        return _compare(recipe, flags, settings, train_seeds, build_model, out, preset, seeds)


def _compare(recipe, flags, settings, train_seeds, build_model, out, preset, seeds):
    given = cli.given(flags, type(settings))
    rates = [given["learning_rate"]] if "learning_rate" in given else RATES
    results, table = {}, {}
    try:
        for cell in CELLS:
            units = equal_units(settings, build_model, cell=cell)
            tried = {}
            for rate in rates:
                ours = {**given, "cell": cell, "units": units, "learning_rate": rate}
                folder = out / cell / f"rate-{rate:g}"
                rest = {"preset": preset, "out": str(folder), "argv": flags.argv, "comparison": out}
                tried[rate] = argparse.Namespace(**ours, **rest, run=None)
            rate = rates[0]
            if len(rates) > 1:
                first = {r: _train(train_seeds, f, seeds[:1], False) for r, f in tried.items()}
                rate = max(first, key=lambda r: first[r]["validation_accuracy"]["mean"])
            results[cell] = _train(train_seeds, tried[rate], seeds, flags.record)
            model = build_model(dataclasses.replace(settings, cell=cell, units=units), 10)
            table[cell] = units, beside_the_embedding(model), rate
    except KeyboardInterrupt:
        again = cli.command_to_resume(flags.argv, out)
        raise KeyboardInterrupt(f"Interrupted.\nGo on: {again}") from None

    _print_table(results, table, seeds)
    title = f"{settings.data}: cells with {table['lstm'][1]:,} weights, but for the words' vectors"
    rows = {cell: metrics["test_accuracy"]["values"] for cell, metrics in results.items()}
    cli.draw_comparison(out / FIGURE, lambda: figures.comparison(rows, title), recipe, results)
    return results


def _opened(recipe, preset, flags, settings, seeds):
    """Opens the comparison's folder, new or resumed; raises if it holds another comparison."""
    if flags.resume and not flags.out:
        raise cli.UserError("--resume with compare needs --out, the folder that holds its runs.")
    out = Path(flags.out or new_folder(recipe, preset))
    asked = jsonable({"settings": dataclasses.asdict(settings), "seeds": seeds}, NOTE)
    note = out / NOTE
    if not flags.resume:
        if note.exists() or (out / CONFIG).exists():
            raise RunError(
                f"{out} already holds runs. Give another folder with --out, or add --resume."
            )
    elif note.exists() and json.loads(note.read_text(encoding="utf-8")) != asked:
        raise RunError(
            f"{out} holds a comparison with other settings or seeds. Give the flags that it was "
            "started with, or another folder with --out."
        )
    if not note.exists():
        check_free(out, [FIGURE])
    with atomic_write(note) as tmp_path:
        tmp_path.write_text(json_text(asked, NOTE, indent=2), encoding="utf-8")
    return out


def _train(train_seeds, flags, seeds, record):
    """Returns the metrics of these seeds, training only those not yet trained."""
    begun = any((Path(flags.out) / f"seed-{seed}" / CONFIG).exists() for seed in seeds)
    more = {"seeds": seeds, "record": record, "resume": begun}
    return train_seeds(argparse.Namespace(**vars(flags), **more))


def _print_table(results, table, seeds):
    several = len(seeds) > 1
    print(f"\nseeds {' '.join(map(str, seeds))}" + ": mean ± standard deviation" * several)
    print("cell        units  weights    rate  validation  test accuracy    s an epoch  against lstm")
    lstm = results["lstm"]["test_accuracy"]
    for cell, (units, weights, rate) in table.items():
        metrics = results[cell]
        test, validation = metrics["test_accuracy"], metrics["validation_accuracy"]
        seconds = metrics["train_seconds"]["mean"] / metrics["epochs"]["mean"]
        spread = f"± {test['std']:.4f}" if several else ""
        against = ""
        if cell != "lstm" and several:
            found = cli.difference(test["values"], lstm["values"])
            against = f"{found.mean:+.4f} ({found.low:+.4f} to {found.high:+.4f})"
        print(
            f"{cell:10}  {units:5}  {weights:7,}  {rate:6g}  {validation['mean']:10.4f}  "
            f"{test['mean']:.4f} {spread:8}  {seconds:10.1f}  {against}".rstrip()
        )
    print("(weights: those that are not words' vectors; against lstm: 95 % interval, Welch's t)")
