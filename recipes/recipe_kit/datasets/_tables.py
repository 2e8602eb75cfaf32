"""Reads folders, text, and tables of every common form, for the readers of the user's files."""

import contextlib
import csv
import json
import os
from pathlib import Path
from typing import NamedTuple

from recipe_kit.datasets._files import DataError, unreadable
from rnn_kit.text.decoding import NotTextError, decode, normalize_nfc, read_binary

PACKED = (".gz", ".bz2", ".xz")
_LABEL = 40  # the most characters of a label
JSON_LINES = (".jsonl", ".ndjson", ".json")
TABLES = (".csv", ".tsv", ".tab", *JSON_LINES)


class Table(NamedTuple):
    """A table of texts.

    Attributes:
        header: Names of its columns, composed and without white space around them.
        rows: Pairs of a line number and the fields of the record that begins there, without blank
            lines. A record may have more or fewer fields than the header has names.
        delimiter: The delimiter between fields.
    """

    header: list
    rows: list
    delimiter: str

    def fitted(self, fields, last=None):
        """Returns as many fields as the header has names, or `None` if there are more or fewer.

        Args:
            fields: A row's fields.
            last: Index of a free-text column: if it is the last column, unquoted delimiters in it are
                part of the text.
        """
        width = len(self.header)
        if len(fields) > width and last == width - 1:
            return [*fields[:last], self.delimiter.join(fields[last:])]
        return fields if len(fields) == width else None


def entries(folder):
    """Returns the entries of a folder that are not hidden, sorted."""
    try:
        with os.scandir(folder) as found:
            return sorted((e for e in found if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise unreadable(folder, error) from error


def read(path, encoding=None):
    """Returns a file's text, decompressed, with "\\n" line ends, not yet Unicode-normalised.

    Args:
        path: The file.
        encoding: As in `rnn_kit.text.check_encoding`. Default: UTF-8, or UTF-16 with a byte-order mark.
    """
    try:
        return decode(read_binary(path), path, encoding)
    except NotTextError as error:
        raise DataError(str(error)) from None
    except OSError as error:
        raise unreadable(path, error) from error


def suffix_of(path):
    """Returns the suffix in lower case, below that of a compressed file: `.csv` of `reviews.csv.gz`."""
    path = Path(path)
    return Path(path.stem if path.suffix.lower() in PACKED else path.name).suffix.lower()


def read_table(path, encoding=None, columns=None):
    """Reads a table: fields between delimiters, or JSON lines.

    - A `.tsv` or `.tab` file has tabs between its fields. In others the first line decides: in a
      `.csv` file by a comma, else a semicolon, a tab or a bar; elsewhere by the tab first. A first line
      `sep=;`, as Excel writes it, names the delimiter.
    - If the delimiter is a tab, and all lines have equally many, a line is a record, and quotes belong
    to
      the text, except around a whole field. Otherwise fields with delimiters, line breaks or quotes are
      in double quotes, and a quote within is doubled (RFC 4180) or escaped by a backslash. If a quote
      is never closed, or would merge several rows, a line is a record if all lines have equally many
      delimiters; if not, the table is refused.
    - In a `.jsonl`, `.ndjson` or `.json` file each line is an object, or the whole is a list of them;
      their names are the columns.

    Args:
        path: The file; gzip, bzip2 and xz are decompressed.
        encoding: As in `read`.
        columns: Names of the columns, a list of `str`, if the first line does not name them.

    Returns:
        `Table`.

    Raises:
        DataError: If the file cannot be read, is empty, or has broken quotes or JSON.
    """
    return table_of(path, read(path, encoding), columns)


def table_of(path, content, columns=None):
    """Parses a text as a table, as `read_table` reads it from the file at `path`."""
    if suffix_of(path) in JSON_LINES:
        return _objects(path, content)
    delimiter, skipped, content = _delimiter(path, content, columns)
    rows = [(line + skipped, fields) for line, fields in _records(path, content, delimiter)]
    if not rows:
        raise DataError(f"{path} is empty: expected a header row and a row for each text")
    header = [name.strip() for name in columns] if columns else rows.pop(0)[1]
    return Table([normalize_nfc(name).strip() for name in header], rows, delimiter)


def whole(text):
    """Returns a JSON text with halves of characters, such as `\\ud83d`, replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def short(name, most=40):
    return repr(name if len(name) <= most else name[: most - 3] + "...")


def a_few(names, most=8, width=40):
    shown = ", ".join(short(name, width) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def count_of(things, noun):
    """Returns the number of things with the noun: "1 caption", "2,000 captions"."""
    return f"{len(things):,} {noun}{'' if len(things) == 1 else 's'}"


def is_or_are(things):
    """Returns the verb after `count_of`."""
    return "is" if len(things) == 1 else "are"


def _delimiter(path, content, columns):
    """Returns the delimiter, the number of lines removed from the content, and the rest of it."""
    start = len(content) - len(content.lstrip("\n"))
    first, _, rest = content[start:].partition("\n")
    if first.lower().startswith("sep=") and len(first) == 5:
        return first[4], content.count("\n", 0, start) + 1, rest
    suffix = suffix_of(path)
    if suffix in (".tsv", ".tab"):
        return "\t", 0, content
    candidates = ",;\t|" if suffix == ".csv" else "\t,;|"
    # A first line that is data may contain commas of its own.
    exact = [c for c in "\t|;," if columns and first.count(c) == len(columns) - 1 > 0]
    there = [c for c in candidates if c in first]
    return (exact or there or candidates)[0], 0, content


def _records(path, content, delimiter):
    """Returns pairs of first line number and fields for each record that is not blank."""
    unquoted = _unquoted(content, delimiter)
    if unquoted is not None and (delimiter == "\t" or '"' not in content):
        return unquoted
    quoted = _quoted_or(unquoted, path, content, delimiter)
    if quoted is unquoted:
        return unquoted
    swallowed = _swallowed(content, quoted, delimiter)
    if swallowed is None:
        return quoted
    if unquoted is not None:
        return unquoted
    line, last = swallowed
    raise DataError(
        f"{path}, line {line}: a double quote joins the rows of lines {line} to {last} into one, and "
        "other lines have more delimiters or fewer than the header: expected as many in each line; "
        "correct those, or double each quote within a quoted field"
    )


def _quoted_or(unquoted, path, content, delimiter):
    """Returns records by RFC 4180, else with backslashes before quotes, else one a line."""
    try:
        return _quoted(path, content, delimiter)
    except DataError:
        with contextlib.suppress(DataError):
            return _quoted(path, content.replace('\\"', '""'), delimiter)
        if unquoted is None:
            raise
        return unquoted


def _swallowed(content, rows, delimiter):
    """Returns the first and last line of a record that looks like rows merged by a stray quote.

    With tabs: if at least two of its lines are as wide as the header. With other delimiters, which
    texts may contain: if a line within it is that wide and shares a column's value, such as a label,
    with another row.
    """
    lines, width = content.split("\n"), len(rows[0][1]) if rows else 0
    ends = [line for line, _ in rows[1:]] + [len(lines) + 1]
    known = [set() for _ in range(width)]
    for _, fields in rows[1:]:
        for column, field in zip(known, fields, strict=False):
            if "\n" not in field and 0 < len(field.strip()) <= _LABEL:
                column.add(field.strip())
    for (line, _), end in zip(rows, ends, strict=True):
        block = [(n, lines[n - 1].split(delimiter)) for n in range(line, end) if lines[n - 1].strip()]
        full = [(n, fields) for n, fields in block if len(fields) == width > 1]
        if len(block) < 2:
            continue
        first, last = block[0][0], block[-1][0]
        if delimiter == "\t":
            if len(full) > 1:
                return full[0][0], full[-1][0]
            continue
        for n, fields in full:
            quoted = [i for i, field in enumerate(fields) if field.count('"') % 2]
            # In the record's first line only the part after the opening quote may belong to another
            # row, in its last line only the part before the closing quote.
            begins = quoted[0] + 1 if n == first and quoted else 0
            stops = quoted[-1] if n == last and quoted else width
            if any(fields[i].strip(' "') in known[i] for i in range(begins, stops)):
                return first, last
    return None


def _unquoted(content, delimiter):
    """Returns one record a line, or `None` if the lines differ in their number of delimiters."""
    lines = [(n, line) for n, line in enumerate(content.split("\n"), 1) if line.strip()]
    if len({line.count(delimiter) for _, line in lines}) > 1:
        return None
    return [(n, [_out_of_quotes(f) for f in line.split(delimiter)]) for n, line in lines]


def _out_of_quotes(field):
    inner = field.strip()
    if len(inner) < 2 or inner[0] != '"' or inner[-1] != '"':
        return field
    inner = inner[1:-1]
    if '"' in inner.replace('\\"', "").replace('""', ""):
        return field  # such as "Yes" and "no": two quotations in one field
    return inner.replace('\\"', '"').replace('""', '"')


def _quoted(path, content, delimiter):
    """Returns the records by RFC 4180."""
    # The csv module limits fields to 131,072 characters, by a global setting.
    limit = csv.field_size_limit()
    csv.field_size_limit(max(limit, len(content)))
    try:
        return list(_parsed(path, content, delimiter))
    finally:
        csv.field_size_limit(limit)


def _parsed(path, content, delimiter):
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


def _objects(path, content):
    """Returns the table of a JSON file."""
    if content.lstrip().startswith("["):
        try:
            values = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} is not JSON ({error}): expected a list of objects") from None
        numbered = list(enumerate(values, 1))
        place = "item"
    else:
        numbered, place = [], "line"
        for number, line in enumerate(content.split("\n"), 1):
            if line.strip():
                try:
                    numbered.append((number, json.loads(line)))
                except (ValueError, RecursionError) as error:
                    raise DataError(
                        f"{path}, line {number} is not JSON ({error}): expected an object on each line"
                    ) from None
    if not numbered:
        raise DataError(f"{path} is empty: expected an object for each text")
    header = {}
    for number, value in numbered:
        if not isinstance(value, dict):
            raise DataError(
                f"{path}, {place} {number}: expected an object with names and values, found "
                f"{short(json.dumps(value, ensure_ascii=False))}"
            )
        header |= dict.fromkeys(value)
    rows = [(number, [_as_text(value.get(name)) for name in header]) for number, value in numbered]
    return Table([normalize_nfc(name).strip() for name in header], rows, "")


def _as_text(value):
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of 1 and 1.0 has one label
    return whole(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _lines(content):
    start = 0
    while start < len(content):
        end = content.find("\n", start) + 1 or len(content)
        yield content[start:end]
        start = end
