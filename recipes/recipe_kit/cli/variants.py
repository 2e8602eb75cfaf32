"""Trains several variants of a recipe's settings, one after another, for comparison."""

import argparse
import math
from pathlib import Path

from recipe_kit.cli.comparing import without_nan
from recipe_kit.cli.errors import UserError
from recipe_kit.cli.flags import given, settings_without_effect
from recipe_kit.cli.jobs import check_no_single_run, extra_files, hashes
from recipe_kit.cli.output import outlive_output
from recipe_kit.cli.program import command_to_resume
from recipe_kit.runs import CONFIG, Run, RunError, check_free, check_new, locked, new_folder


def variants_folder(recipe, flags, preset, files=("comparison.png",)):
    """Returns the folder of a comparison, which contains its runs: `--out`, or a new one.

    Args:
        recipe: The recipe's name.
        flags: The parsed flags.
        preset: The preset's name.
        files: Names of files that the comparison writes into the folder itself.

    Raises:
        RunError: if the folder holds a single run, or without `--resume` one of these files.
        UserError: for `--resume` without `--out`.
    """
    outlive_output()
    if flags.resume and not flags.out:
        raise UserError("--resume with compare needs --out, the folder that holds its runs.")
    out = Path(flags.out or new_folder(recipe, preset))
    check_no_single_run(out)
    if not flags.resume:
        begun = next(out.glob(f"*/**/{CONFIG}"), None)
        if begun and any((out / name).exists() for name in files):  # --resume would continue it
            check_new(begun.parent)
        check_free(out, files)
    return out


def equal_units(weights, budget):
    """Returns the units whose network is nearest to a number of weights, to compare cells fairly.

    Args:
        weights: `weights(units)`, the network's number of weights, which grows with its units.
        budget: The wanted number.

    Returns:
        An integer of at least 1; the smaller of two that are equally near.

    Example:

    >>> equal_units(lambda units: units**2, 50)
    7
    """
    high = 1
    while weights(high) < budget:
        high *= 2
    low = 1
    while low < high:  # finds the smallest that reaches the budget
        middle = (low + high) // 2
        low, high = (middle + 1, high) if weights(middle) < budget else (low, middle)
    return min((max(low - 1, 1), low), key=lambda units: abs(weights(units) - budget))


def run_variants(recipe, flags, out, settings, variants, train_runs):
    """Trains every variant in a folder of its own; with `--resume`, only those missing or unfinished.

    Args:
        recipe: The recipe's name.
        flags: The parsed flags, with `argv`.
        out: From `variants_folder`.
        settings: The settings that the flags ask for.
        variants: Names, also of the folders, to dicts of the settings that differ and of other flags,
            such as `seeds`.
        train_runs: `train_runs(flags) -> metrics`, trains what flags ask for, as by `run_seeds`.

    Returns:
        A dict of names to metrics.

    Raises:
        RunError: before anything is trained, if a run was begun with other settings.
        KeyboardInterrupt: with the command that resumes.
    """
    with locked(out):
        results = {}
        begun = {
            name: _is_begun(recipe, flags, out / name, settings, change)
            for name, change in variants.items()
        }
        for name, change in variants.items():
            print(f"\n===== {name}")
            more = {**change, "out": str(out / name), "resume": begun[name], "comparison": out}
            try:
                results[name] = train_runs(argparse.Namespace(**{**vars(flags), **more}))
            except KeyboardInterrupt:
                again = command_to_resume(flags.argv, out)
                raise KeyboardInterrupt(f"Interrupted.\nGo on: {again}") from None
        return results


def _is_begun(recipe, flags, folder, settings, change):
    """Returns whether a variant is to be resumed. Raises if it was begun with other settings.

    Settings that do not affect results may differ, and so may the location of data, compared by hash.
    """
    configs = list(folder.glob(f"**/{CONFIG}")) if flags.resume else []
    for config in configs:
        run = Run.open(config.parent, recipe)
        was = vars(run.settings(type(settings)))
        free = {"seed", *settings_without_effect(settings), *hashes(run.config.get("data") or {})}
        asked = {**vars(settings), **{k: v for k, v in change.items() if k in was}}
        if any(was[name] != asked[name] for name in was.keys() - free):
            raise RunError(
                f"The run in {run.path} was started with other settings. Give the flags that the "
                "comparison was started with, or another folder with --out."
            )
    if not configs:
        seeds = change.get("seeds") or flags.seeds
        for path in [folder / f"seed-{seed}" for seed in seeds] if seeds else [folder]:
            check_new(path, extra_files(settings))
    return bool(configs)


def own_rates(recipe, flags, out, settings, variants, rates, preference, train_runs, **shorter):
    """Returns for each variant the learning rate that is best on validation.

    Tries each rate with the first seed only, in `tuning/` of the comparison's folder, without recording
    it. A single rate is taken without trying.

    Args:
        recipe, flags, out, settings, variants, train_runs: As in `run_variants`.
        rates: The learning rates to try.
        preference: `preference(metrics)` of one of these runs: the smaller, the better.
        **shorter: Settings for the trials, if a whole training would take too long.

    Returns:
        A dict of names to learning rates.

    Raises:
        RunError, KeyboardInterrupt: as `run_variants`.
    """
    if len(rates) == 1:
        return dict.fromkeys(variants, rates[0])
    tuning = {}
    for name, change in variants.items():
        first = list(change.get("seeds") or flags.seeds or ())[:1] or None
        trial = {**change, **shorter, "seeds": first, "record": False}
        tuning |= {f"tuning/{name}-{rate:g}": {**trial, "learning_rate": rate} for rate in rates}
    tried = run_variants(recipe, flags, out, settings, tuning, train_runs)

    def loss(name, rate):
        return without_nan(preference(tried[f"tuning/{name}-{rate:g}"]), math.inf)

    return {name: min(rates, key=lambda rate, name=name: loss(name, rate)) for name in variants}


def at_own_rates(recipe, flags, out, settings, variants, rates, preference, train_runs):
    """Trains every variant, each at the learning rate that is best on validation.

    Args:
        recipe, flags, out, settings, variants, rates, preference, train_runs: As in `own_rates`. A rate
            that the flags give is taken for all.

    Returns:
        Three dicts, by the variants' names: the learning rates, the variants with them, and metrics.

    Raises:
        RunError, KeyboardInterrupt: as `run_variants`.
    """
    asked = given(flags, type(settings))
    if "learning_rate" in asked:
        rates = [asked["learning_rate"]]
    chosen = own_rates(recipe, flags, out, settings, variants, rates, preference, train_runs)
    variants = {name: {**change, "learning_rate": chosen[name]} for name, change in variants.items()}
    return chosen, variants, run_variants(recipe, flags, out, settings, variants, train_runs)
