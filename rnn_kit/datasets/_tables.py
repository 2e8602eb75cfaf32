"""What the readers of the user's own files share: folders, UTF-8 text, and tables of quoted fields."""

import csv
import os
import unicodedata

from rnn_kit.datasets._files import DataError


def entries(folder):
    """The entries of a folder that are not hidden, in sorted order."""
    try:
        with os.scandir(folder) as found:
            return sorted((e for e in found if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise _unreadable(folder, error) from error


def read(path):
    """The text of a file with "\\n" for line ends, not yet composed."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise _unreadable(path, error) from error
    offset = data.find(b"\0")  # UTF-8 in theory; in practice UTF-16, or no text at all
    if offset < 0:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            offset = error.start
    if offset >= 0:
        raise DataError(
            f"{path} is not UTF-8 text: the byte 0x{data[offset]:02x} at byte offset {offset} (line "
            f"{data.count(10, 0, offset) + 1}), where UTF-8 was expected; save it as UTF-8"
        )
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def records(path, content, delimiter):
    """Pairs of the number of its first line and the fields of each record that is not blank.

    Fields with delimiters, line breaks or quotes in them stand in double quotes, and a quote within
    is doubled (RFC 4180).

    Args:
        path: For messages.
        content: The text, as of `read`.
        delimiter: The character between two fields.
    """
    # The csv module takes fields of 131,072 characters and no more, by a limit that all share.
    limit = csv.field_size_limit()
    csv.field_size_limit(max(limit, len(content)))
    try:
        return list(_records(path, content, delimiter))
    finally:
        csv.field_size_limit(limit)


def comma_or_semicolon(content):
    """What delimits a `.csv` file: a semicolon where the header has one and no comma."""
    header = content.lstrip("\n").partition("\n")[0]
    return ";" if ";" in header and "," not in header else ","


def composed(text):
    return unicodedata.normalize("NFC", text)


def short(name, most=40):
    return repr(name if len(name) <= most else name[: most - 3] + "...")


def a_few(names, most=8):
    shown = ", ".join(short(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def _records(path, content, delimiter):
    line = 1
    # Not splitlines(), which also cuts at form feeds and other separators.
    reader = csv.reader(_lines(content), delimiter=delimiter, strict=True)
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"{path}, line {line}: the quoting is broken ({error}): expected a field in double "
                "quotes to end before the delimiter or the line's end; double each quote within it"
            ) from None
        if fields is None:
            return
        if fields:
            yield line, fields
        line = reader.line_num + 1


def _lines(content):
    start = 0
    while start < len(content):
        end = content.find("\n", start) + 1 or len(content)
        yield content[start:end]
        start = end


def _unreadable(path, error):
    return DataError(
        f"{path} cannot be read ({error.strerror or error}): expected a file or folder that you may "
        "read; check its permissions"
    )
