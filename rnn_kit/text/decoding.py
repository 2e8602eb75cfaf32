"""Decodes bytes to text: UTF-8, UTF-16 if a byte-order mark says so, or a named encoding."""

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import re
import unicodedata
import zipfile
import zlib

from rnn_kit.text.errors import TextError

# Longer ones first: UTF-32's little-endian mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD = 10
_COMPRESSED = (  # the first bytes of each form
    (re.compile(rb"\x1f\x8b\x08"), gzip.open),
    (re.compile(rb"BZh[1-9]1AY&SY"), bz2.open),
    (re.compile(rb"\xfd7zXZ\x00"), lzma.open),
)
_NO_TEXT = (  # the first bytes of files often mistaken for text, their kind, and what to do
    (b"%PDF", "a PDF document: save its text as UTF-8"),
    (b"PK\x03\x04", "a zip archive, as .docx, .odt, .xlsx and .epub files are: unpack it, or save its "
     "text as UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an Office document of the old form: save its text as UTF-8"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"),
    (b"Rar!\x1a\x07", "a rar archive: unpack it"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd: unpack it"),
)  # fmt: skip
_OF_NO_FILE = ("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape")
_BLOCK = 1 << 20  # bytes to decode at once
_ZERO = "a zero character"  # a `reason` of a UnicodeDecodeError
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile)


class NotTextError(TextError):
    """Bytes that are not text in the expected encoding."""


def check_encoding(name):
    """Checks the name of an encoding, and returns it.

    Args:
        name: An encoding, such as `"latin-1"`, `"cp1252"` or `"utf-16-le"`; or `None`.

    Raises:
        TextError: If Python knows no such encoding, or if it is not one of text, such as `"hex"`.
    """
    if name is None:
        return None
    try:
        io.TextIOWrapper(io.BytesIO(), name)  # looks it up; `b"".decode` takes any name
        known = codecs.lookup(name).name.replace("_", "-") not in _OF_NO_FILE
    except (LookupError, ValueError, TypeError):
        known = False
    if not known:
        raise TextError(
            f"{name!r} is not an encoding of text that Python knows: expected a name such as utf-8, "
            "latin-1, cp1252, utf-16 or gb18030"
        )
    return name


def decode(data, where, encoding=None):
    r"""Decodes bytes to text with "\n" for line ends; Unicode is not normalised.

    Args:
        data: The bytes. A byte-order mark is removed, and distinguishes UTF-16 and UTF-32 from UTF-8.
        where: The name of their source, for messages.
        encoding: As in `check_encoding`; it overrides a mark. Default: that of the mark, or UTF-8.

    Returns:
        A `str`.

    Raises:
        NotTextError: If the bytes are not text in that encoding; the message names the first wrong
            byte, and says what to do.

    Example:

    >>> decode(b"\xff\xfea\x00\r\x00\n\x00b\x00", "notes.txt")
    'a\nb'
    >>> decode(b"caf\xe9", "menu.txt", encoding="latin-1")
    'café'
    """
    return "".join(iter_decode(io.BytesIO(data), where, encoding))


def iter_decode(file, where, encoding=None):
    """Decodes a binary file piece by piece, so that it need not fit into memory.

    Args:
        file: A binary file, at its beginning.
        where, encoding: As in `decode`.

    Yields:
        Strings, which joined equal the result of `decode` for all bytes.

    Raises:
        NotTextError: As `decode`, when the wrong byte is reached; or if the file is compressed, and cut
            short or damaged.
        OSError: If the file cannot be read.
    """
    data = head = _read(file, where, _BLOCK)
    named = encoding_of(head, where, encoding)
    # The decoder of utf-8-sig counts from after the mark.
    codec = codecs.lookup(named.removesuffix("-sig"))
    characters = codec.incrementaldecoder()
    lines = io.IncrementalNewlineDecoder(characters, translate=True)
    offset, line = 0, 1
    while True:
        state, held = lines.getstate(), characters.getstate()[0]  # bytes of a split character
        try:
            if codec.name == "utf-8" and b"\0" in data:
                zero = len(held) + data.index(b"\0")
                raise UnicodeDecodeError("utf-8", held + data, zero, zero + 1, _ZERO)
            text = lines.decode(data, final=not data)
            if "\0" in text:
                raise UnicodeDecodeError(codec.name, held + data, 0, 1, _ZERO)
        except UnicodeDecodeError as error:
            at = error.start - len(held)
            before = io.IncrementalNewlineDecoder(codec.incrementaldecoder("ignore"), translate=True)
            before.setstate(state)
            line += before.decode(data[: max(at, 0)], final=True).count("\n")
            raise _not_text(error, where, head, offset + at, line, encoding) from None
        yield text if offset else text.removeprefix("\ufeff")
        if not data:
            return
        offset, line = offset + len(data), line + text.count("\n")
        data = _read(file, where, _BLOCK)


def encoding_of(head, where, encoding=None, default="utf-8"):
    """Finds the encoding of bytes: the named one, or that of their mark, or the default.

    Args:
        head: The first bytes.
        where: The name of their source, for messages.
        encoding: As in `check_encoding`.
        default: The encoding of bytes without a mark.

    Returns:
        Python's name for it.

    Raises:
        NotTextError: If the encoding needs a byte-order mark, and there is none.
    """
    marked = marked_encoding(head)
    named = codecs.lookup(check_encoding(encoding) or marked or default).name
    if named in ("utf-16", "utf-32") and head and not marked:
        guess = utf_16_without_mark(head) or f"{named}-le"
        raise NotTextError(
            f"{where} has no byte-order mark, without which {named} may be read in two ways: give "
            f"encoding='{guess}', or leave `encoding` out for UTF-8"
        )
    return named


def marked_encoding(data):
    """Finds the encoding of a byte-order mark at the beginning of bytes, or `None`."""
    return next((its for mark, its in _MARKS if data.startswith(mark)), None)


def normalize_nfc(text):
    """Normalises text to Unicode's NFC, in which an accent and its letter are one character."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def open_binary(path):
    """Opens a file for reading bytes, decompressing gzip, bzip2 and xz.

    Raises:
        OSError: If the file cannot be opened.
    """
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    return open_compressed(head, path) or open(path, "rb")


def open_compressed(head, path):
    """Opens a gzip, bzip2 or xz file for reading the decompressed bytes.

    Args:
        head: Its first bytes, at least 10 if it has as many.
        path: The file's path, or a binary file at its beginning.

    Returns:
        A binary file, or `None` if the first bytes are of none of the three.
    """
    opener = next((its for magic, its in _COMPRESSED if magic.match(head)), None)
    return opener(path, "rb") if opener else None


def read_binary(path):
    """Reads all bytes of a file, decompressed as by `open_binary`.

    Raises:
        OSError: If the file cannot be opened or read.
        NotTextError: If it is compressed, and cut short or damaged.
    """
    with open_binary(path) as file:
        return _read(file, path)


def _read(file, where, size=-1):
    with explain_damage(where):
        return file.read(size)


@contextlib.contextmanager
def explain_damage(where):
    """Raises `NotTextError` in place of Python's errors on decompressing damaged files.

    Args:
        where: The name of the file, for the message.
    """
    try:
        yield
    except (*_DAMAGE, OSError) as error:
        # bzip2 has no error of its own: it raises an `OSError` without a number.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise NotTextError(
            f"{where} is cut short or damaged ({error}): expected a whole file; get it again"
        ) from None


def _not_text(error, where, head, at, line, encoding):
    """Makes the error for bytes that are not text in the expected encoding.

    Args:
        error: The codec's error.
        where: The name of the bytes' source.
        head: The first bytes.
        at, line: The wrong byte's offset, from 0, and line, from 1.
        encoding: The given encoding, or `None`.
    """
    for magic, form in _NO_TEXT:
        if head.startswith(magic):
            return NotTextError(f"{where} is {form}")
    named = encoding or marked_encoding(head) or "utf-8"
    if error.reason == _ZERO and codecs.lookup(named).name.startswith("utf-8"):
        if guess := utf_16_without_mark(head):
            return NotTextError(
                f"{where} is UTF-16 without a byte-order mark, and UTF-8 was expected: give "
                f"encoding='{guess}', or save it as UTF-8"
            )
        return NotTextError(
            f"{where} is not UTF-8 text: a NUL byte at byte offset {at} (line {line}), which no text "
            "has; give a text file"
        )
    if error.reason == _ZERO:
        return NotTextError(
            f"{where} is not text in {named}: it holds characters U+0000; save it as UTF-8, or name "
            "its encoding with `encoding`"
        )
    advice = (
        "name its encoding, such as encoding='cp1252' for an old Windows file, or save it as UTF-8"
        if encoding is None
        else "name another with `encoding`"
    )
    named, byte = named.upper(), error.object[error.start]
    return NotTextError(
        f"{where} is not {named} text: the byte 0x{byte:02x} at byte offset {at} (line {line}), where "
        f"{named} was expected; {advice}"
    )


def utf_16_without_mark(data, sample=4096):
    """Guesses `utf-16-le` or `utf-16-be` if mostly every other byte is zero; else `None`."""
    head = data[:sample]
    half = len(head) // 2
    for name, start in (("utf-16-le", 1), ("utf-16-be", 0)):
        zeros, others = head[start::2].count(0), head[1 - start :: 2].count(0)
        if zeros > max(1, 0.4 * half) and zeros > 4 * others:
            return name
    return None
