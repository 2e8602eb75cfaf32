"""Names of the files that every run has, and atomic writing of a run's files."""

import contextlib
import errno
import os
from pathlib import Path

from recipe_kit.runs.errors import RunError
from rnn_kit import files

CONFIG, RESULT, MODEL = "config.json", "result.json", "model.keras"
HISTORY, SAMPLES = "history.csv", "samples.txt"
VOCABULARY = "vocabulary.json"
LOGS = (HISTORY, SAMPLES)  # grow during a run
CHECKPOINTS = "checkpoints"
OWN_FILES = (CONFIG, RESULT, MODEL, *LOGS, CHECKPOINTS)  # written by every run

# Errors of a full or failing disk, which do not name the file.
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ESTALE}


@contextlib.contextmanager
def atomic_write(path, only_new=False):
    """Yields a temporary path, and renames that file to `path` when the block ends.

    As `rnn_kit.files.atomic_write`, with one-line errors.

    Args:
        path: The file. Its folder is made if missing.
        only_new: Whether to refuse an existing file. Default: `False`.

    Raises:
        RunError: if the disk is full or fails, or the folder cannot be written. Any other `OSError` of
            the block does not concern this file, and is passed on.
        FileExistsError: if the file exists, and `only_new` is `True`.
    """
    path, tmp_path = Path(path), None
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with files.atomic_write(path) as tmp_path:
            yield tmp_path
            if only_new:
                _claim(path, tmp_path)
    except FileExistsError:
        raise
    except OSError as error:
        is_at_file = str(error.filename) in (str(path), str(tmp_path))
        if not (is_at_file or (error.filename is None and error.errno in _OF_THE_DISK)):
            raise
        raise _cannot_write(path, error) from None


def _claim(path, tmp_path):
    """Gives a file its final name; raises `FileExistsError` if another process was first."""
    try:
        os.link(tmp_path, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None


@contextlib.contextmanager
def write_errors(path):
    """Turns an `OSError` of the block into a `RunError` that this path cannot be written."""
    try:
        yield
    except OSError as error:
        raise _cannot_write(path, error) from None


def _cannot_write(path, error):
    return RunError(f"Cannot write {path} ({error.strerror or error}).")
