"""A training outlives its standard output: a reader that goes, a full disk, a closed stream."""

import contextlib
import io
import os
import sys

import pytest

from recipe_kit import cli
from recipe_kit.cli import output

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no /dev/full")
FULL = "/dev/full"


@pytest.fixture
def broken(monkeypatch, tmp_path):
    """`broken(kind)`: standard output that cannot be written; returns the file of standard error."""
    opened = []

    def make(kind, unbuffered=False):
        if kind == "pipe":
            reading, writing = os.pipe()
            os.close(reading)
        else:
            writing = os.open(FULL, os.O_WRONLY)
        raw = io.FileIO(writing, "w")
        buffer = raw if unbuffered else io.BufferedWriter(raw)
        stream = io.TextIOWrapper(buffer, "utf-8", write_through=unbuffered)
        error = open(tmp_path / "error", "w", encoding="utf-8")  # noqa: SIM115  closed below
        opened.extend([stream, error])
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", error)
        monkeypatch.setattr(sys, "argv", ["toy.py"])
        return tmp_path / "error"

    yield make
    for stream in opened:
        with contextlib.suppress(OSError, cli.UserError):
            stream.close()


def run(main):
    try:
        cli.run_recipe(main)
        code = 0
    except SystemExit as exit:
        code = exit.code
    sys.stderr.flush()
    return code


@pytest.mark.parametrize("unbuffered", [False, True], ids=["", "python -u"])
@pytest.mark.parametrize(
    ("kind", "reason"), [("pipe", "Broken pipe"), ("disk", "No space left on device")]
)
def test_a_training_goes_on_without_its_output_and_says_so_once(kind, reason, unbuffered, broken):
    error, reached = broken(kind, unbuffered), []

    def training():
        cli.outlive_output()
        for epoch in range(3):
            print("epoch", epoch, flush=True)
            reached.append(epoch)

    assert run(training) == 0 and reached == [0, 1, 2]
    said = f"standard output cannot be written ({reason}): going on without it\n"
    assert error.read_text() == said


def test_a_text_that_was_asked_for_and_cannot_be_written_is_an_error(broken):
    error = broken("disk")
    assert run(lambda: print("text")) == 2
    assert error.read_text() == (
        "toy.py: error: standard output cannot be written (No space left on device)\n"
    )


def test_a_text_whose_reader_has_gone_ends_at_once_without_a_word(broken):
    error, written = broken("pipe"), []

    def write():
        for line in range(3):
            print(line, flush=True)
            written.append(line)

    assert run(write) == 0
    assert written == [] and error.read_text() == ""


def test_a_standard_error_that_cannot_be_written_stops_nothing(broken, monkeypatch):
    broken("disk")
    with open(FULL, "w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        monkeypatch.setattr(sys.stdout, "reconfigure", lambda **how: None, raising=False)
        output.prepare()
        sys.stderr.write("progress\n")
        sys.stderr.flush()
        with pytest.raises(OSError):
            full.write("x")
            full.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())


def test_output_that_can_be_written_again_is_written(monkeypatch, tmp_path):
    """A disk that had no room for a moment leaves a gap, not a log that ends there."""

    class Disk(io.FileIO):
        is_full = True

        def write(self, data):
            if self.is_full:
                raise OSError(28, "No space left on device")
            return super().write(data)

    disk = Disk(tmp_path / "log", "w")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(disk), "utf-8"))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys.stderr, "reconfigure", lambda **how: None, raising=False)
    output.prepare()
    output.outlive_output()
    print("lost", flush=True)
    Disk.is_full = False
    print("kept", flush=True)
    assert (tmp_path / "log").read_text() == "kept\n"
    assert sys.stderr.getvalue().count("\n") == 1


def test_a_pipe_that_does_not_wait_for_its_reader_is_waited_for(monkeypatch):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    stream = io.TextIOWrapper(io.BufferedWriter(io.FileIO(writing, "w")))
    raw = output._Output(stream, "stdout")
    monkeypatch.setattr(output.select, "select", lambda *files: os.read(reading, 1 << 16))
    sent = 0
    while sent < 1 << 18:  # a pipe holds a quarter of it
        sent += raw.write(b"x" * (1 << 16))
    os.close(reading)


def test_a_character_that_the_output_has_not_is_escaped(monkeypatch, tmp_path):
    with open(tmp_path / "log", "w", encoding="ascii") as log:
        monkeypatch.setattr(sys, "stdout", log)
        output.prepare()
        print("Σ caf\udce9", flush=True)
    assert (tmp_path / "log").read_text() == "\\u03a3 caf\\udce9\n"
