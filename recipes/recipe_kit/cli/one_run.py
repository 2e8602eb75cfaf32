"""Steps that every recipe shares at a run's start, end and interruption."""

import contextlib
import sys

import keras

from recipe_kit.cli.program import command
from recipe_kit.runs import describe_machine
from rnn_kit import callbacks


def set_seed_and_dtype(settings):
    """Sets Keras's seed and dtype policy to those of the settings."""
    keras.utils.set_random_seed(settings.seed)
    keras.config.set_dtype_policy(settings.dtype)


def report_start(run, data, notes=()):
    """Prints a run's data, the notes on them, the machine, and the run's folder.

    Args:
        run: The `Run`.
        data: A line on the data.
        notes: Lines for the user.
    """
    for line in (data, *notes):
        print(line)
    print(f"on {describe_machine()}; everything goes to {run.path}")


def report_end(run, what, *arguments):
    """Prints what a run has written, and a command that uses the trained model.

    Args:
        run: The `Run`.
        what: What the command does, such as "write with it".
        *arguments: The command's arguments, to which `--run` is added.
    """
    print(f"written to {run.path}: {', '.join(run.names())}")
    print(f"{what}: {command(*arguments, '--run', run.path)}")


@contextlib.contextmanager
def saved_on_interrupt(run, model, what, *arguments):
    """Saves the model when Ctrl-C ends the block, and names a command that uses it.

    Args:
        run: The `Run`.
        model: `model()` returns the model to save.
        what: What the command does, such as "Write".
        *arguments: The command's arguments, to which `--run` is added.

    Raises:
        KeyboardInterrupt: with the command.
    """
    try:
        yield
    except KeyboardInterrupt:
        run.save_model(model())
        again = command(*arguments, "--run", run.path)
        raise KeyboardInterrupt(f"Interrupted.\n{what} with what was learned: {again}") from None


def keep_best(monitor="val_loss", mode="min", patience=None):
    """Makes the callback that leaves a model with the weights of its best epoch.

    Args:
        monitor, mode: The metric, and whether less (`"min"`) or more (`"max"`) is better.
        patience: Epochs without improvement before training stops; `None` never stops.
    """
    patience = sys.maxsize if patience is None else patience
    return callbacks.EarlyStopping(monitor, patience=patience, mode=mode, restore_best_weights=True)


def best_row(history, monitor="val_loss", mode="min"):
    """Returns the history's row of the epoch that `keep_best` keeps: the first of equally good ones."""
    choose = {"min": min, "max": max}[mode]
    return choose(history, key=lambda row: row[monitor])
