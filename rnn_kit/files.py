"""Writes files whole or not at all."""

import contextlib
import os
import secrets
from pathlib import Path

_PREFIX = ".part-"


@contextlib.contextmanager
def atomic_write(path):
    """Yields a temporary path beside `path`, and renames that file to `path` when the block ends.

    The file is flushed to disk before it is renamed, so that a file with its final name is whole even
    after a power cut. If the block raises, its file is removed and `path` is unchanged. Each call
    yields another name: if two processes write one file at once, the last one wins.

    Args:
        path: The file; its folder must exist. A file of that name is replaced.

    Raises:
        OSError: If the file cannot be written.

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from rnn_kit.files import atomic_write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(Path(folder, "notes.txt")) as tmp_path:
    ...         _ = tmp_path.write_text("whole")
    ...     [file.name for file in Path(folder).iterdir()]
    ['notes.txt']
    """
    path = Path(path)
    tmp_path = path.with_name(f"{_PREFIX}{secrets.token_hex(6)}-{path.name}")
    try:
        yield tmp_path
        with open(tmp_path, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(tmp_path, path)
    finally:
        with contextlib.suppress(OSError):
            tmp_path.unlink(missing_ok=True)


def remove_leftovers(folder):
    """Removes the temporary files that killed processes have left in a folder."""
    for tmp_path in Path(folder).glob(f"{_PREFIX}*"):
        tmp_path.unlink(missing_ok=True)
