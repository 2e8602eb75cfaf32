"""Standard output and standard error whose failure does not end a training."""

import io
import select
import sys

from recipe_kit.cli.errors import UserError


def prepare():
    """Wraps standard output and standard error so that `outlive_output` can take effect.

    Until then a failed write raises: `BrokenPipeError` if the reader of standard output has gone, as
    `head` does, else a `UserError`. Failed writes to standard error are dropped. A terminal that cannot
    show a character gets its escape, not a traceback.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(getattr(stream, "buffer", None), (io.BufferedWriter, io.FileIO)):
            setattr(sys, name, _over(stream, name))
        else:  # a replaced stream, such as a test's
            stream.reconfigure(errors="backslashreplace")


def outlive_output():
    """Lets this process go on when standard output cannot be written, as a training must.

    Prints one line on standard error. Failed writes are lost; later writes succeed again, for instance
    once the disk has room.
    """
    raw = _raw(sys.stdout)
    if isinstance(raw, _Output):
        raw.is_dispensable = True


def _over(stream, name):
    """Returns a text stream like this one, over the same file."""
    if isinstance(_raw(stream), _Output):  # prepared before
        return stream
    stream.flush()
    buffer = _Output(stream, name)
    if not isinstance(stream.buffer, io.FileIO):  # unbuffered, as with `python -u`
        buffer = io.BufferedWriter(buffer)
    return io.TextIOWrapper(
        buffer,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _raw(stream):
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


class _Output(io.RawIOBase):
    """The raw file of a text stream, below the buffers."""

    def __init__(self, stream, name):
        super().__init__()
        self._stream = stream  # closes the file when garbage-collected
        self._raw = _raw(stream)
        self.is_dispensable = name == "stderr"
        self._said = name == "stderr"

    def writable(self):
        return True

    def fileno(self):
        return self._raw.fileno()

    def isatty(self):
        return self._raw.isatty()

    def write(self, data):
        try:
            written = self._raw.write(data)
            while written is None:  # a full non-blocking pipe
                select.select([], [self._raw], [])
                written = self._raw.write(data)
            return written
        except OSError as error:
            was_dispensable, self.is_dispensable = self.is_dispensable, True  # for the rest, at exit
            what = f"standard output cannot be written ({error.strerror or error})"
            if not was_dispensable:
                self._said = True
                raise error if isinstance(error, BrokenPipeError) else UserError(what) from None
            if not self._said:
                self._said = True
                below_the_bar = "\n" if sys.stderr.isatty() else ""
                sys.stderr.write(f"{below_the_bar}{what}: going on without it\n")
            return len(data)
