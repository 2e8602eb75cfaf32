"""What the readers of the user's own files share: folders, text, and tables of every common form."""

import csv
import json
import os
from pathlib import Path
from typing import NamedTuple

from recipe_kit.datasets._files import DataError
from rnn_kit.text.decoding import NotTextError, composed, decode, read_binary

PACKED = (".gz", ".bz2", ".xz")
JSON_LINES = (".jsonl", ".ndjson", ".json")
TABLES = (".csv", ".tsv", ".tab", *JSON_LINES)


class Table(NamedTuple):
    """A table of texts.

    Attributes:
        header: Names of its columns, composed and without white space around them.
        rows: Pairs of a line number and the fields of the record that begins there. Blank lines are not
            among them. A record may have more fields than the header has names, or fewer.
        delimiter: What stood between two fields.
    """

    header: list
    rows: list
    delimiter: str

    def fitted(self, fields, last=None):
        """The fields, as many as the header names; or `None` where they are more or fewer.

        Args:
            fields: Of a row.
            last: Index of a column of text that people write as it comes: if it is the last one,
                delimiters in it that nothing quotes are its own.
        """
        width = len(self.header)
        if len(fields) > width and last == width - 1:
            return [*fields[:last], self.delimiter.join(fields[last:])]
        return fields if len(fields) == width else None


def entries(folder):
    """The entries of a folder that are not hidden, in sorted order."""
    try:
        with os.scandir(folder) as found:
            return sorted((e for e in found if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise _unreadable(folder, error) from error


def read(path, encoding=None):
    """The text of a file with "\\n" for line ends, not yet composed; a `.gz` and its like unpacked.

    Args:
        path: The file.
        encoding: Of `rnn_kit.text.check_encoding`. Default: UTF-8, or UTF-16 with a byte-order mark.
    """
    try:
        return decode(read_binary(path), path, encoding)
    except NotTextError as error:
        raise DataError(str(error)) from None
    except OSError as error:
        raise _unreadable(path, error) from error


def suffix_of(path):
    """The suffix in lower case, below that of a packed file: `.csv` of `reviews.csv.gz`."""
    path = Path(path)
    return Path(path.stem if path.suffix.lower() in PACKED else path.name).suffix.lower()


def read_table(path, encoding=None, columns=None):
    """Reads a table: fields between delimiters, or JSON lines.

    - A `.tsv` or `.tab` file has tabs between its fields. Any other has what its first line holds: in a
      `.csv` file a comma, or else a semicolon, a tab or a bar; elsewhere the tab goes first. A first
      line `sep=;`, as Excel writes it, names the delimiter.
    - Where every line has as many delimiters as the first, a line is a record, and quotes are a text's
      own, but for those around a whole field. Elsewhere, and in a `.csv` file where both are possible
      and a line would end within quotes, fields with delimiters, line breaks or quotes in them stand in
      double quotes, and a quote within is doubled (RFC 4180) or behind a backslash.
    - In a `.jsonl`, `.ndjson` or `.json` file each line is an object, or the whole is a list of them;
      their names are the columns.

    Args:
        path: The file; one that is packed by gzip, bzip2 or xz is unpacked.
        encoding: Of `read`.
        columns: Names of the columns where the first line does not name them: a list of `str`.

    Returns:
        `Table`.

    Raises:
        DataError: If it cannot be read, is empty, or has broken quotes or JSON.
    """
    content = read(path, encoding)
    if suffix_of(path) in JSON_LINES:
        return _objects(path, content)
    delimiter, skipped, content = _delimiter(path, content)
    rows = [(line + skipped, fields) for line, fields in _records(path, content, delimiter)]
    if not rows:
        raise DataError(f"{path} is empty: expected a header row and a row for each text")
    header = [name.strip() for name in columns] if columns else rows.pop(0)[1]
    return Table([composed(name).strip() for name in header], rows, delimiter)


def whole(text):
    """A text of a JSON file in which half a character, as `\\ud83d` of a cut text, becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def short(name, most=40):
    return repr(name if len(name) <= most else name[: most - 3] + "...")


def a_few(names, most=8):
    shown = ", ".join(short(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def _delimiter(path, content):
    """The delimiter, how many lines were taken off the content, and the rest of it."""
    start = len(content) - len(content.lstrip("\n"))
    first, _, rest = content[start:].partition("\n")
    if first.lower().startswith("sep=") and len(first) == 5:
        return first[4], content.count("\n", 0, start) + 1, rest
    suffix = suffix_of(path)
    if suffix in (".tsv", ".tab"):
        return "\t", 0, content
    candidates = ",;\t|" if suffix == ".csv" else "\t,;|"
    return next((c for c in candidates if c in first), candidates[0]), 0, content


def _records(path, content, delimiter):
    """Pairs of the number of its first line and the fields of each record that is not blank."""
    unquoted = _unquoted(content, delimiter)
    if unquoted is not None and (delimiter == "\t" or '"' not in content):
        return unquoted
    try:
        quoted = _quoted(path, content.replace('\\"', '""'), delimiter)
    except DataError:
        if unquoted is not None:
            return unquoted
        raise
    if delimiter == "\t":
        _no_row_is_swallowed(path, content, quoted)
    if unquoted is None or len(unquoted) == len(quoted):
        return quoted
    return quoted if _halves_fields(dict(unquoted), quoted) else unquoted


def _halves_fields(unquoted, quoted):
    """Whether a record a line would cut fields in two, and leave nothing in one of the halves."""
    starts = [line for line, _ in quoted]
    for line, following in zip(starts, [*starts[1:], max(unquoted) + 1], strict=True):
        if following > line + 1:
            halves = [field for n in range(line, following) for field in unquoted.get(n, ())]
            if any(not half.strip(' "') for half in halves):
                return True
    return False


def _unquoted(content, delimiter):
    """A record a line, or `None` where the lines do not have equally many delimiters."""
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
        return field  # such as "Yes" and "no": two quotations, not one field
    return inner.replace('\\"', '"').replace('""', '"')


def _no_row_is_swallowed(path, content, rows):
    """Refuses a table with tabs in which quotes make one record of several rows.

    A quote is a text's own there, by the habit of those who publish such tables.
    """
    lines, width = content.split("\n"), len(rows[0][1]) - 1 if rows else 0
    ends = [line for line, _ in rows[1:]] + [len(lines) + 1]
    for (line, _), end in zip(rows, ends, strict=True):
        whole = [n for n in range(line, end) if width and lines[n - 1].count("\t") == width]
        if len(whole) > 1:
            raise DataError(
                f"{path}, line {line}: a double quote joins the rows of lines {whole[0]} to "
                f"{whole[-1]} into one, and other lines have more tabs or fewer than the header: "
                "expected as many tabs in each line; correct those, or double each quote within a "
                "quoted field"
            )


def _quoted(path, content, delimiter):
    """By RFC 4180."""
    # The csv module takes fields of 131,072 characters and no more, by a limit that all share.
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
    """The table of a JSON file."""
    if content.lstrip().startswith("["):
        try:
            values = json.loads(content)
        except ValueError as error:
            raise DataError(f"{path} is not JSON ({error}): expected a list of objects") from None
        numbered = list(enumerate(values, 1))
        place = "item"
    else:
        numbered, place = [], "line"
        for number, line in enumerate(content.split("\n"), 1):
            if line.strip():
                try:
                    numbered.append((number, json.loads(line)))
                except ValueError as error:
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
    return Table([composed(name).strip() for name in header], rows, "")


def _as_text(value):
    if value is None:
        return ""
    return whole(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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
