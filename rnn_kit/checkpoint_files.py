"""Checkpoints on disk: arrays and notes, whole or not at all, and always one more to fall back on."""

import json
import os
import re
import secrets
import time
from pathlib import Path

import ml_dtypes
import numpy as np

from rnn_kit.errors import CheckpointError
from rnn_kit.jsonable import jsonable

_NOTES = "notes"  # the entry that holds the notes; those of the arrays begin with "array/"
_NAME = re.compile(r"checkpoint-(\d+)\.npz")


class TimedSessions:
    """What counts the seconds of a training over all its sessions: set `seconds` to those of before."""

    def __init__(self):
        self.seconds = 0.0

    @property
    def seconds(self):
        return self._seconds_before + time.perf_counter() - self._begun

    @seconds.setter
    def seconds(self, value):
        self._seconds_before, self._begun = value, time.perf_counter()


class Checkpoints:
    """A folder of numbered checkpoints, of which the last few are kept.

    Each is one `.npz` file without pickles: the arrays, and beside them the notes as JSON. It is
    written aside, brought to the disk and renamed, so that a file with a final name is whole; should
    one be damaged later, its checksums tell, and the one before it is used.

    Args:
        folder: Where they go; made when the first is saved.
        keep: How many are kept, at least 1. Default: 2.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoints = Checkpoints(folder)
    ...     for number in (10, 20, 30):
    ...         checkpoints.save(number, {"w": np.full(2, number)}, {"epoch": number // 10})
    ...     [path.name for path in checkpoints.paths()], checkpoints.load()[1]
    (['checkpoint-00000020.npz', 'checkpoint-00000030.npz'], {'epoch': 3})
    """

    def __init__(self, folder, keep=2):
        self.folder = Path(folder)
        self.keep = keep

    def paths(self):
        """The checkpoints' files, oldest first."""
        if not os.path.isdir(self.folder):
            return []
        numbered = [(_NAME.fullmatch(path.name), path) for path in self.folder.iterdir()]
        return [path for _, path in sorted((int(m[1]), path) for m, path in numbered if m)]

    def save(self, number, arrays, notes):
        """Writes a checkpoint and removes those that are too old.

        Args:
            number: A checkpoint with a higher number is a later one.
            arrays: Names to arrays, none of them of Python objects.
            notes: Numbers, text, `None`, and dicts and lists of them. NumPy's numbers and tensors come
                back as Python's; NaN and infinities as they are.

        Raises:
            CheckpointError: if it cannot be written; the checkpoints before it are untouched.
            ValueError: naming the entry of `notes` that is something else.
            TypeError: naming the array that holds Python objects.
        """
        path = self.folder / f"checkpoint-{number:08d}.npz"
        aside = path.with_name(f".part-{secrets.token_hex(6)}-{path.name}")
        notes = jsonable(notes, "notes", finite=False)  # which Python alone reads
        named = {f"array/{name}": np.asarray(array) for name, array in arrays.items()}
        for name, array in named.items():
            if array.dtype.hasobject:
                raise TypeError(f"{name} holds Python objects, which a checkpoint does not take")
        # NumPy's files forget types that are not NumPy's own, such as bfloat16.
        dtypes = {name: a.dtype.name for name, a in named.items() if a.dtype.isbuiltin == 2}
        named |= {name: named[name].view(f"u{named[name].itemsize}") for name in dtypes}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                with open(aside, "wb") as file:
                    about = json.dumps({"notes": notes, "arrays": list(arrays), "dtypes": dtypes})
                    np.savez(file, **{_NOTES: np.array(about)}, **named)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(aside, path)
            finally:
                aside.unlink(missing_ok=True)
        except OSError as error:
            raise CheckpointError(
                f"Cannot write the checkpoint {path} ({error.strerror or error})."
            ) from None
        # One with a higher number was passed over as damaged when this training went on.
        paths = self.paths()
        this = paths.index(path)
        for superfluous in [*paths[this + 1 :], *paths[: max(0, this + 1 - self.keep)]]:
            superfluous.unlink(missing_ok=True)

    def load(self, say=print):
        """The latest checkpoint that is whole.

        Args:
            say: Called with a line about each damaged one that is passed over.

        Returns:
            `(arrays, notes)`, or `None` if there is no checkpoint.

        Raises:
            CheckpointError: if there are some, and all are damaged.
        """
        damaged = []
        for path in reversed(self.paths()):
            try:
                arrays, notes = _read(path)
            except Exception as error:  # a damaged zip file can end in nearly any
                damaged.append(f"{path} is cut short or damaged ({error})")
                continue
            for line in damaged:
                say(f"{line}: going on from {path.name}, the one before it.")
            return arrays, notes
        if damaged:
            raise CheckpointError(
                f"No checkpoint is left to go on from: {'; '.join(damaged)}. Start anew in another "
                "folder."
            )
        return None


def _read(path):
    with np.load(path, allow_pickle=False) as file:
        about = json.loads(str(file[_NOTES]))
        dtypes = {name: getattr(ml_dtypes, dtype) for name, dtype in about.get("dtypes", {}).items()}

        def array(name):
            return file[name].view(dtypes[name]) if name in dtypes else file[name]

        return {name: array(f"array/{name}") for name in about["arrays"]}, about["notes"]
