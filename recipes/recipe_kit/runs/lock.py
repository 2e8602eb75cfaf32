"""Locks a run's folder; the lock ends with the process that holds it, even after a crash."""

import contextlib
import os
import platform
from pathlib import Path

from recipe_kit.runs.errors import RunError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

LOCK = ".lock"
_FAR = 1 << 30  # Windows denies reading a locked byte, so this one is beyond the file's end


@contextlib.contextmanager
def locked(folder):
    """Keeps other processes from training in a folder while the block runs.

    The system releases the lock with the process, so that a crash or a kill leaves none behind. Without
    file locks in the file system, or in a read-only folder, there is no lock.

    Args:
        folder: The folder; it is made if missing, and removed at the end if it was made here and is
            still empty.

    Raises:
        RunError: if another process, or another block of this one, holds the lock; or if the folder
            cannot be made.
    """
    folder = Path(folder)
    made = make_folder(folder)
    try:
        lock = _acquire(folder)
        try:
            yield
        finally:
            _release(lock, folder / LOCK)
    finally:
        for empty in made:
            with contextlib.suppress(OSError):
                empty.rmdir()


def make_folder(path, exist_ok=True):
    """Makes a folder and its parents. Returns those that were missing, the lowest first.

    Raises:
        RunError: if it cannot be made.
        FileExistsError: if it exists, and `exist_ok` is `False`.
    """
    missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    try:
        path.mkdir(parents=True, exist_ok=exist_ok)
    except OSError as error:
        if isinstance(error, FileExistsError) and not exist_ok:
            raise
        raise RunError(
            f"Cannot write a run to {path} ({error.strerror}). Give a folder that can be written with "
            "--out."
        ) from None
    return missing


def _acquire(folder):
    """Returns the open file that holds the lock; `None` if locking is impossible."""
    path = folder / LOCK
    while True:
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except PermissionError:  # perhaps another user's: it can still be locked
            try:
                lock = os.open(path, os.O_RDONLY)
            except OSError:
                return None
        except OSError:
            return None
        try:
            _lock(lock)
            if os.path.samestat(os.fstat(lock), os.stat(path)):
                break
        except (BlockingIOError, PermissionError):
            holder = _holder(lock)
            os.close(lock)
            raise RunError(
                f"{folder} is in use: {holder} trains in it. Wait until it has ended, or end it "
                "(Ctrl-C keeps its work), and go on with --resume; or give another folder with --out."
            ) from None
        except FileNotFoundError:
            pass
        except OSError:
            _release(lock, path)
            return None
        os.close(lock)  # its holder deleted the file as it was opened here
    with contextlib.suppress(OSError):  # a full disk
        os.ftruncate(lock, 0)
        os.write(lock, f"process {os.getpid()} on {platform.node()}".encode())
    return lock


def _lock(file):
    if fcntl:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        os.lseek(file, _FAR, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)


def _holder(file):
    try:
        os.lseek(file, 0, os.SEEK_SET)
        return os.read(file, 200).decode("utf-8", "replace") or "another process"
    except OSError:
        return "another process"


def _release(lock, path):
    if lock is None:
        return
    with contextlib.suppress(OSError):
        if fcntl:  # still locked: a later open makes a new file
            path.unlink()
    os.close(lock)
    with contextlib.suppress(OSError):
        if not fcntl:  # Windows does not delete open files
            path.unlink()
