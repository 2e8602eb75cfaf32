"""One training in a folder at a time, and no lock that outlives its process."""

import errno
import os
import signal
import sys
import time

import pytest

from recipe_kit.runs import RunError, lock, locked


def test_a_folder_in_use_is_refused_and_free_again_afterwards(tmp_path):
    folder = tmp_path / "run"
    with locked(folder):
        with pytest.raises(RunError, match="in use") as error, locked(folder):
            pass
        assert f"process {os.getpid()} on " in str(error.value) and "\n" not in str(error.value)
        assert "--resume" in str(error.value) and "--out" in str(error.value)
        (folder / "kept").write_text("")
    with locked(folder):
        pass
    assert os.listdir(folder) == ["kept"]


def test_a_folder_that_was_made_for_nothing_goes_away(tmp_path):
    with locked(tmp_path / "many/seed-0"):
        assert (tmp_path / "many/seed-0").is_dir()
    assert os.listdir(tmp_path) == []
    (tmp_path / "there").mkdir()
    with locked(tmp_path / "there"):
        pass
    assert os.listdir(tmp_path / "there") == []


def test_a_lock_file_that_another_user_owns_keeps_this_one_out(tmp_path, monkeypatch):
    opened = os.open

    def read_alone(path, flags, *mode):
        if os.path.basename(path) == lock.LOCK and flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, flags, *mode)

    with locked(tmp_path):
        monkeypatch.setattr(lock.os, "open", read_alone)
        with pytest.raises(RunError, match="in use"), locked(tmp_path):
            pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork and no SIGKILL")
def test_a_kill_leaves_no_lock_behind(tmp_path):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            with locked(tmp_path):
                os.write(writing, b"locked")
                time.sleep(60)
        finally:
            os._exit(0)
    assert os.read(reading, 6) == b"locked"
    with pytest.raises(RunError, match=f"process {child} "), locked(tmp_path):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with locked(tmp_path):
        assert (tmp_path / lock.LOCK).exists()
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="flock is not Windows's")
def test_a_lock_whose_file_its_holder_took_away_counts_for_nothing(tmp_path, monkeypatch):
    """Who opened it before that would hold a lock that the next process does not see."""
    flock, taken = lock.fcntl.flock, []

    def late(file, how):
        if not taken:
            taken.append((tmp_path / lock.LOCK).unlink())
        flock(file, how)

    monkeypatch.setattr(lock.fcntl, "flock", late)
    with locked(tmp_path), pytest.raises(RunError, match="in use"), locked(tmp_path):
        pass
    assert taken


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_the_file_system_knows_no_locks_training_goes_on(code, tmp_path, monkeypatch):
    def unknown(file):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(lock, "_lock", unknown)
    with locked(tmp_path), locked(tmp_path):
        pass
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"Cannot write a run to .*file"), locked(tmp_path / "file/run"):
        pass
