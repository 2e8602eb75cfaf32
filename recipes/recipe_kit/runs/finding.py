"""Finds saved runs in the folder of runs."""

import contextlib
from pathlib import Path

from recipe_kit.runs.errors import RunError
from recipe_kit.runs.files import CONFIG, MODEL, RESULT
from recipe_kit.runs.folder import Run

ROOT = "runs"  # the folder of runs


def saved_run(path, recipe):
    """Opens the run in a folder, by default the recipe's latest with a saved model.

    Raises:
        RunError: if there is none.
    """
    return Run.open(path, recipe) if path else latest_run(recipe)


def latest_run(recipe, root=ROOT):
    """Opens the recipe's latest run with a saved model.

    Raises:
        RunError: if there is none.
    """
    folder = Path(root, recipe).absolute()
    models = _in_runs(folder, MODEL)
    if not models:
        raise RunError(
            f"There is no trained run of {recipe} in {folder}. Train one first, or "
            "name its folder with --run."
        )
    return Run.open(models[-1].parent, recipe)


def latest_unfinished_run(recipe, root=ROOT):
    """Opens the recipe's run that was started last and has no result yet.

    Raises:
        RunError: if there is none.
    """
    folder = Path(root, recipe).absolute()
    unfinished = []
    for config in _in_runs(folder, CONFIG):
        if not (config.parent / RESULT).exists():
            with contextlib.suppress(RunError):
                unfinished.append(Run.open(config.parent, recipe))
    if not unfinished:
        raise RunError(
            f"There is no unfinished run of {recipe} in {folder}. Name the folder of the one to go "
            "on with with --out."
        )
    return max(unfinished, key=lambda run: str(run.config.get("started")))


def finished_runs(recipe, folders):
    """Opens the recipe's runs in these folders that have a result, in the order in which they ended.

    Skips unreadable ones.
    """
    results = {path.resolve() for folder in folders for path in _in_runs(Path(folder), RESULT)}
    runs = []
    for result in sorted(results, key=_age):
        with contextlib.suppress(RunError):
            runs.append(Run.open(result.parent, recipe))
    return runs


def _in_runs(folder, name):
    """Returns files of this name in a folder's runs, oldest first; runs of seeds are a level deeper."""
    return sorted([*folder.glob(f"*/{name}"), *folder.glob(f"*/seed-*/{name}")], key=_age)


def _age(path):
    return path.stat().st_mtime
