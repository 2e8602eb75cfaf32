"""Two presets on the same text: in one figure, and by the time that they take to one loss."""

import dataclasses
from pathlib import Path

from recipe_kit.cli.flags import settings_without_effect
from recipe_kit.runs import RunError, differing, finished_runs, jsonable, machine, same_machine

EPOCH = 10  # of the lecture's preset, whose loss the other is to reach


def comparable_runs(run, presets, root="runs"):
    """Histories of this run and of the latest finished one of each other preset on the same text.

    Looked for beside this run's folder and in `root`. The same text is known by its hash. Another run
    counts if it ran on a machine like this, with its preset's settings but for the number of epochs.

    Args:
        run: This run, trained.
        presets: Names to settings.
        root: Where runs go.

    Returns:
        A dict of presets to histories, this run's first. Where its settings are not the preset's its
        name says so.
    """
    recipe, preset = run.config["recipe"], run.config["preset"]
    beside = run.path.parent.parent if run.path.name.startswith("seed-") else run.path.parent
    name = preset if _as_preset(run, presets) else f"{preset}, with other settings"
    histories = {name: run.history()}
    for other in reversed(finished_runs(recipe, {Path(root, recipe), beside})):
        its_preset = other.config["preset"]
        if its_preset in {preset, *histories} or _text(other) != _text(run):
            continue
        # Whatever is wrong with another run is no reason to stop this one's end.
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
    """Seconds of training at the end of the first epoch with this validation loss, or `None`."""
    return next((row["seconds"] for row in history if row["val_loss"] <= loss), None)


def verdict(histories, fast="cpu", slow="lecture"):
    """How long `fast` took to where `slow` came in `EPOCH` epochs, in a sentence; or `None`."""
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
