"""Bytes to text: UTF-8, UTF-16 where a byte-order mark says so, and any encoding that is named."""

import bz2
import codecs
import gzip
import io
import lzma
import re
import unicodedata
import zlib

from rnn_kit.text.errors import TextError

# The longer ones first: UTF-32's little-endian mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COMPRESSED = (  # the first bytes of each form
    (re.compile(rb"\x1f\x8b\x08"), gzip.open),
    (re.compile(rb"BZh[1-9]1AY&SY"), bz2.open),
    (re.compile(rb"\xfd7zXZ\x00"), lzma.open),
)
_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError)


class NotTextError(TextError):
    """Bytes that are not text in the encoding that was expected."""


def check_encoding(name):
    """The name of an encoding of text that Python knows, or `None`.

    Args:
        name: Such as `"latin-1"`, `"cp1252"` or `"utf-16-le"`; or `None`.

    Raises:
        TextError: If Python knows no such encoding, or one of bytes only, such as `"hex"`.
    """
    if name is None:
        return None
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=name)
    except (LookupError, ValueError, TypeError):
        raise TextError(
            f"{name!r} is not an encoding of text that Python knows: expected a name such as utf-8, "
            "latin-1, cp1252, utf-16 or gb18030"
        ) from None
    return name


def decode(data, where, encoding=None):
    r"""Bytes to text, with "\n" for line ends, not composed.

    Args:
        data: The bytes. A byte-order mark is taken off, and tells UTF-16 and UTF-32 from UTF-8.
        where: What holds them, for messages.
        encoding: A name of `check_encoding`, which goes before any mark. By default UTF-8 without one.

    Returns:
        A `str`.

    Raises:
        NotTextError: If they are not text in that encoding; the message names the first wrong byte, and
            says what to do.

    Example:

    >>> decode(b"\xff\xfea\x00\r\x00\n\x00b\x00", "notes.txt")
    'a\nb'
    >>> decode(b"caf\xe9", "menu.txt", encoding="latin-1")
    'café'
    """
    marked = next((its for mark, its in _MARKS if data.startswith(mark)), None)
    named = codecs.lookup(check_encoding(encoding) or marked or "utf-8").name
    zero = data.find(b"\0") if named in ("utf-8", "utf-8-sig") else -1
    if zero >= 0:  # UTF-8 in theory; in practice UTF-16, or no text at all
        raise _zero_byte(data, where, zero)
    try:
        text = data.decode(named)
    except UnicodeDecodeError as error:
        raise _wrong_byte(data, where, error.start, encoding, marked) from None
    text = text.removeprefix("\ufeff")  # of a named encoding's own mark
    if "\0" in text:
        raise NotTextError(f"{where} is not text in {named}: it holds characters U+0000; {_SAVE}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def composed(text):
    """The text in Unicode's NFC, in which an accent and its letter are one character."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def open_binary(path):
    """Opens a file for reading bytes, unpacked where it is a `.gz`, `.bz2` or `.xz` by its first bytes.

    Raises:
        OSError: If it cannot be opened.
    """
    with open(path, "rb") as file:
        head = file.read(10)
    opener = next((its for magic, its in _COMPRESSED if magic.match(head)), open)
    return opener(path, "rb")


def read_binary(path):
    """All bytes of a file, unpacked as by `open_binary`.

    Raises:
        OSError: If it cannot be opened or read.
        NotTextError: If it is packed, and cut short or damaged.
    """
    with open_binary(path) as file:
        try:
            return file.read()
        except _BROKEN as error:
            raise broken(path, error) from None
        except OSError as error:  # bz2 has no error of its own
            if error.errno is None:
                raise broken(path, error) from None
            raise


def broken(path, error):
    """The error of a packed file that is cut short or damaged."""
    return NotTextError(
        f"{path} is cut short or damaged ({error}): expected a whole .gz, .bz2 or .xz file; get it "
        "again"
    )


_SAVE = "save it as UTF-8, or name its encoding with --encoding"


def _zero_byte(data, where, at):
    guess = _utf_16_without_mark(data)
    if guess:
        return NotTextError(
            f"{where} is UTF-16 without a byte-order mark, and UTF-8 was expected: say --encoding "
            f"{guess}, or save it as UTF-8"
        )
    return NotTextError(
        f"{where} is not UTF-8 text: a NUL byte at byte offset {at} (line "
        f"{data.count(10, 0, at) + 1}), which no text has; give a text file"
    )


def _utf_16_without_mark(data, looked_at=4096):
    """`utf-16-le` or `utf-16-be` where every other byte is mostly zero; or `None`."""
    head = data[:looked_at]
    half = len(head) // 2
    for name, start in (("utf-16-le", 1), ("utf-16-be", 0)):
        zeros, others = head[start::2].count(0), head[1 - start :: 2].count(0)
        if zeros > max(1, 0.4 * half) and zeros > 4 * others:
            return name
    return None


def _wrong_byte(data, where, at, encoding, marked):
    named = encoding or marked or "utf-8"
    line = f" (line {data.count(10, 0, at) + 1})"
    advice = (
        "name its encoding with --encoding, such as --encoding cp1252 for an old Windows file, or save "
        "it as UTF-8"
        if encoding is None
        else "name another with --encoding"
    )
    byte = f"the byte 0x{data[at]:02x}" if at < len(data) else "its end"
    return NotTextError(
        f"{where} is not {named.upper()} text: {byte} at byte offset {at}{line}, where {named.upper()} "
        f"was expected; {advice}"
    )
