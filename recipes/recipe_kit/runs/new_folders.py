"""Folders for new runs, and what is refused lest it be written over."""

import datetime
import os
from pathlib import Path

from recipe_kit.runs.errors import RunError
from recipe_kit.runs.files import CHECKPOINTS, CONFIG, OWN_FILES
from recipe_kit.runs.lock import make_folder
from rnn_kit.checkpoint_files import Checkpoints


def new_folder(recipe, preset, root="runs"):
    """Makes the folder of a new run: `root/<recipe>/<preset>-<date>-<time>`, or -2, -3 ... behind it.

    It is made at once, so that of two runs which start in the same second each has its own.

    Returns:
        Its path.

    Raises:
        RunError: if it cannot be made.
    """
    path = Path(root) / recipe / f"{preset}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    make_folder(path.parent)
    candidate, n = path, 1
    while True:
        try:
            make_folder(candidate, exist_ok=False)
            return candidate
        except FileExistsError:
            n += 1
            candidate = path.with_name(f"{path.name}-{n}")


def check_new(folder, files=()):
    """Refuses a folder in which a new run would write over what is there.

    Args:
        folder: It need not be there.
        files: Names of what the recipe will write beside the files that every run has.

    Raises:
        RunError: if it holds a run, or files of these names.
    """
    folder = Path(folder)
    if os.path.lexists(folder / CONFIG) or Checkpoints(folder / CHECKPOINTS).paths():
        raise holds_a_run(folder)
    # Not for its config.json: a run that starts there at this moment is one, which `create` refuses.
    check_free(folder, [name for name in (*OWN_FILES, *files) if name != CONFIG])


def check_free(folder, files):
    """Refuses a folder in which some of these files are there, which would be written over.

    Raises:
        RunError: naming them.
    """
    there = [name for name in files if os.path.lexists(Path(folder, name))]
    if there:
        raise RunError(
            f"{folder} holds {', '.join(there)} already, which would be written over. Give another "
            "folder with --out, or move what is there."
        )


def holds_a_run(path):
    """Returns the error of a folder in which a run is."""
    return RunError(
        f"{path} already holds a run. Give another folder with --out, or go on with it with --resume."
    )
