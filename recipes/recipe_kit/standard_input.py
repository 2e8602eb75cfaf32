"""Reads lines of standard input as they become available."""

import codecs
import io

from recipe_kit import cli
from rnn_kit.text.decoding import encoding_of

_BLOCK = 1 << 20  # the most bytes of a read; a pipe gives fewer


def lines_as_they_come(stream, encoding=None):
    """Yields lists of the lines of a stream that can be read without waiting for more.

    Lines that are typed, or that a program writes now and then, come one by one; those of a file come
    by the thousand.

    Args:
        stream: A text stream, such as `sys.stdin`.
        encoding: Its bytes' encoding. Default: what a byte-order mark says, or else the stream's.

    Yields:
        Lists of pairs of a name for messages and a line, without blank lines.

    Raises:
        UserError: if the stream cannot be read.
        TextError: if its encoding needs a byte-order mark, and there is none.
    """
    number = 0
    for block in _blocks(stream, encoding):
        named = [(f"line {n} of standard input", line) for n, line in enumerate(block, number + 1)]
        number += len(block)
        if named := [(name, line) for name, line in named if line.strip("\ufeff \t\r\n")]:
            yield named


def _blocks(stream, encoding):
    if stream is None:  # closed from the start
        return
    buffer = getattr(stream, "buffer", None)
    if buffer is None:  # a text in memory
        yield stream.read().split("\n")
        return
    data = _read(buffer)
    named = encoding_of(data, "Standard input", encoding, default=stream.encoding)
    characters = codecs.getincrementaldecoder(named)(stream.errors)
    decoder = io.IncrementalNewlineDecoder(characters, translate=True)
    rest = ""
    while data:
        *lines, rest = (rest + decoder.decode(data)).split("\n")
        yield lines
        data = _read(buffer)
    yield [rest + decoder.decode(b"", final=True)]


def _read(buffer):
    try:
        return buffer.read1(_BLOCK)
    except OSError as error:
        raise cli.UserError(
            f"Standard input cannot be read ({error.strerror or error}): expected lines of text, as of "
            "`predict - < reviews.txt`."
        ) from None
