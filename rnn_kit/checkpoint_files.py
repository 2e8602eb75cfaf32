"""Checkpoints on disk: files of arrays and notes, of which the last two are kept."""

import json
import os
import re
import time
from pathlib import Path

import ml_dtypes
import numpy as np

from rnn_kit.errors import CheckpointError
from rnn_kit.files import atomic_write
from rnn_kit.jsonable import jsonable

_NOTES = "notes"  # the entry of the notes; entries of arrays begin with "array/"
_NAME = re.compile(r"checkpoint-(\d+)\.npz")


class TimedSessions:
    """Counts the seconds of a training over all its sessions.

    Attributes:
        seconds: The duration so far. Set it to the seconds of the earlier sessions.
    """

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

    Each is one `.npz` file without pickles, of the arrays and, as JSON, of the notes. It is written
    whole or not at all; if its checksums show damage later, the one before it is used.

    Args:
        folder: The folder, which is made when the first is saved.
        keep: The number of checkpoints to keep, at least 1. Default: 2.

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
        """Lists the checkpoints' files, oldest first."""
        if not os.path.isdir(self.folder):
            return []
        numbered = [(_NAME.fullmatch(path.name), path) for path in self.folder.iterdir()]
        return [path for _, path in sorted((int(m[1]), path) for m, path in numbered if m)]

    def save(self, number, arrays, notes):
        """Writes a checkpoint, and removes older ones beyond the number to keep.

        Args:
            number: A checkpoint with a higher number is a later one.
            arrays: Names to arrays, none of them of Python objects.
            notes: Numbers, text, `None`, and dicts and lists of them. NumPy's numbers and tensors are
                loaded as Python's, NaN and infinities as they are.

        Raises:
            CheckpointError: if it cannot be written; the checkpoints before it are untouched.
            ValueError: naming the entry of `notes` that is none of these.
            TypeError: naming the array that holds Python objects.
        """
        path = self.folder / f"checkpoint-{number:08d}.npz"
        notes = jsonable(notes, "notes", finite=False)
        named = {f"array/{name}": np.asarray(array) for name, array in arrays.items()}
        for name, array in named.items():
            if array.dtype.hasobject:
                raise TypeError(f"{name} holds Python objects, which a checkpoint does not take")
        # NumPy's files lose types that are not NumPy's own, such as bfloat16.
        dtypes = {name: a.dtype.name for name, a in named.items() if a.dtype.isbuiltin == 2}
        named |= {name: named[name].view(f"u{named[name].itemsize}") for name in dtypes}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as tmp_path, open(tmp_path, "wb") as file:
                about = json.dumps({"notes": notes, "arrays": list(arrays), "dtypes": dtypes})
                np.savez(file, **{_NOTES: np.array(about)}, **named)
        except OSError as error:
            raise CheckpointError(
                f"Cannot write the checkpoint {path} ({error.strerror or error})."
            ) from None
        paths = self.paths()
        this = paths.index(path)
        # Those with a higher number were skipped as damaged when this training resumed.
        damaged, too_old = paths[this + 1 :], paths[: max(0, this + 1 - self.keep)]
        for superfluous in [*damaged, *too_old]:
            superfluous.unlink(missing_ok=True)

    def load(self, say=print):
        """Loads the latest checkpoint that is not damaged.

        Args:
            say: Called with a line on each damaged one.

        Returns:
            `(arrays, notes)`, or `None` if there is no checkpoint.

        Raises:
            CheckpointError: if there are some, and all are damaged.
        """
        damaged = []
        for path in reversed(self.paths()):
            try:
                arrays, notes = _read(path)
            except Exception as error:  # a damaged zip file may raise nearly any
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
