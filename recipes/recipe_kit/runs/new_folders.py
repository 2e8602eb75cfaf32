"""Makes folders for new runs, and refuses folders whose files a run would overwrite."""

import datetime
import os
from pathlib import Path

from recipe_kit.runs.errors import RunError
from recipe_kit.runs.files import CHECKPOINTS, CONFIG, OWN_FILES
from recipe_kit.runs.lock import make_folder
from rnn_kit.checkpoint_files import Checkpoints


def new_folder(recipe, preset, root="runs"):
    """Makes the folder of a new run: `root/<recipe>/<preset>-<date>-<time>`, perhaps with -2, -3, ...

    It is made at once, so that two runs that start in the same second get different ones.

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
    """Refuses a folder in which a new run would overwrite files.

    Args:
        folder: The folder, which may be missing.
        files: Names of files that the recipe will write beside those of every run.

    Raises:
        RunError: if the folder holds a run, or files of these names.
    """
    folder = Path(folder)
    if os.path.lexists(folder / CONFIG) or Checkpoints(folder / CHECKPOINTS).paths():
        raise holds_a_run(folder)
    # Except config.json: `create` refuses a run that another process starts there at this moment.
    check_free(folder, [name for name in (*OWN_FILES, *files) if name != CONFIG])


def check_free(folder, files):
    """Refuses a folder that already has some of these files.

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
    """Returns the error for a folder that already holds a run."""
    return RunError(
        f"{path} already holds a run. Give another folder with --out, or go on with it with --resume."
    )
