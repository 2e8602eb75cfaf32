"""Names of the files that every run has, and how a run's files are written: whole, or not at all."""

import contextlib
import errno
import os
from pathlib import Path

from recipe_kit.runs.errors import RunError
from rnn_kit import files

CONFIG, RESULT, MODEL = "config.json", "result.json", "model.keras"
HISTORY, SAMPLES = "history.csv", "samples.txt"
VOCABULARY = "vocabulary.json"
LOGS = (HISTORY, SAMPLES)  # which grow as a run goes on
CHECKPOINTS = "checkpoints"
OWN_FILES = (CONFIG, RESULT, MODEL, *LOGS, CHECKPOINTS)  # what every run writes

# What the system says of a disk that is full or fails, without saying which file it speaks of.
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ESTALE}


@contextlib.contextmanager
def atomic_write(path, only_new=False):
    """Yields a temporary path, and renames that file to `path` when the block has ended.

    As `rnn_kit.files.atomic_write`, with errors of one line.

    Args:
        path: Of the file. Its folder is made if it is not there.
        only_new: Whether to refuse a file that is there already. Default: `False`.

    Raises:
        RunError: if the disk is full or fails, or the folder cannot be written. Any other `OSError` of
            the block is not one of writing this file, and goes through as it is.
        FileExistsError: if the file is there, and `only_new` is `True`.
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
    """Gives a file its final name; of two processes that do so at once, one gets `FileExistsError`."""
    try:
        os.link(tmp_path, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, which has no such way
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None


@contextlib.contextmanager
def write_errors(path):
    """Turns an `OSError` of the block into the `RunError` that this path cannot be written."""
    try:
        yield
    except OSError as error:
        raise _cannot_write(path, error) from None


def _cannot_write(path, error):
    return RunError(f"Cannot write {path} ({error.strerror or error}).")
