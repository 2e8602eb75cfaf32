"""Two presets on the same text: in one picture, and by the time that they take to one loss."""

from pathlib import Path

from rnn_kit.runs import Run, RunError

EPOCH = 10  # of the lecture's preset, whose loss the other is to reach


def comparable_runs(recipe, run, root="runs"):
    """Histories of this run and of the latest finished one of each other preset on the same text.

    Looked for beside this run's folder and in `root`. The same text is known by its hash.

    Returns:
        A dict of presets to histories, this run's first.
    """
    beside = run.path.parent
    folders = {
        Path(root, recipe),
        beside,
        beside.parent if run.path.name.startswith("seed-") else beside,
    }
    histories = {run.config["preset"]: run.history()}
    for other in reversed(Run.finished(recipe, folders)):
        preset = other.config["preset"]
        if preset in histories or _text(other) != _text(run):
            continue
        try:
            histories[preset] = other.history()
        except RunError:  # a history that somebody has cut short is no reason to stop this run's end
            continue
    return histories


def _text(run):
    return (run.config.get("data") or {}).get("sha256"), run.config["settings"].get("lower")


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
