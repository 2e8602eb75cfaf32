"""Compares two presets on the same text: in one figure, and by the time to the same loss."""

import dataclasses
from pathlib import Path

from recipe_kit.cli.flags import settings_without_effect
from recipe_kit.runs import RunError, differing, finished_runs, jsonable, machine, same_machine

EPOCH = 10  # of the lecture's preset; the other preset has to reach its loss


def comparable_runs(run, presets, root="runs"):
    """Returns histories of this run and of each other preset's latest finished run on the same text.

    Searches beside this run's folder and in `root`, and compares texts by their hashes. Another run
    counts if it ran on a machine like this with its preset's settings, save for the number of epochs.

    Args:
        run: This trained run.
        presets: A dict of names to settings.
        root: The folder of runs.

    Returns:
        A dict of presets to histories, this run's first. Its name says so if its settings are not the
        preset's.
    """
    recipe, preset = run.config["recipe"], run.config["preset"]
    beside = run.path.parent.parent if run.path.name.startswith("seed-") else run.path.parent
    name = preset if _as_preset(run, presets) else f"{preset}, with other settings"
    histories = {name: run.history()}
    for other in reversed(finished_runs(recipe, {Path(root, recipe), beside})):
        its_preset = other.config["preset"]
        if its_preset in {preset, *histories} or _text(other) != _text(run):
            continue
        # A fault in another run must not stop this run.
        try:
            history = other.history()
            whole = history and {"seconds", "tokens", "loss", "val_loss"} <= set(history[0])
            here = same_machine(other.result()["machine"], machine())
            if whole and here and _as_preset(other, presets):
                histories[its_preset] = history
        except (RunError, KeyError, TypeError, AttributeError):
            continue
    return histories


def _text(run):
    return (run.config.get("data") or {}).get("sha256"), run.config["settings"].get("lower")


def _as_preset(run, presets):
    settings = presets.get(run.config["preset"])
    if settings is None:
        return False
    without_effect = settings_without_effect(settings)
    mine, its = jsonable(run.config["settings"]), jsonable(dataclasses.asdict(settings))
    return not differing(mine, its, [*without_effect, "epochs", "data", "limit", "lower"])


def seconds_to_reach(history, loss):
    """Returns seconds of training up to the first epoch with this validation loss, or `None`."""
    return next((row["seconds"] for row in history if row["val_loss"] <= loss), None)


def verdict(histories, fast="cpu", slow="lecture"):
    """Returns a sentence on how long `fast` took to the loss of `slow` at `EPOCH`, or `None`."""
    if fast not in histories or slow not in histories:
        return None
    row = histories[slow][:EPOCH][-1]
    mark = f"{slow}'s validation loss after epoch {row['epoch']:.0f}, {row['val_loss']:.4f} nats"
    seconds = seconds_to_reach(histories[fast], row["val_loss"])
    if seconds is None:
        return f"{fast} did not reach {mark}."
    return (
        f"{fast} passed {mark}, after {seconds:.0f} s of training; {slow} had trained for "
        f"{row['seconds']:.0f} s: {seconds / row['seconds']:.3f} of its time."
    )
