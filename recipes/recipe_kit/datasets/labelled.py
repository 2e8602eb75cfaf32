"""Reads texts of two classes from the user's own files: a table, or a folder of texts."""

import difflib
import os
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipe_kit.datasets._files import DataError
from recipe_kit.datasets._tables import PACKED, TABLES, a_few, entries, read, read_table, short
from rnn_kit.text import tokenize
from rnn_kit.text.decoding import normalize_nfc

TEXT, LABEL = "text", "label"
_USUAL = {  # other usual names of the columns
    TEXT: ("review", "sentence", "content", "message", "tweet", "comment", "body", "document"),
    LABEL: ("sentiment", "class", "category", "target", "polarity"),
}

_POSITIVE = {"pos", "positive", "1", "+1", "true", "yes", "good"}
_NEGATIVE = {"neg", "negative", "0", "-1", "false", "no", "bad"}

_NO_TABLES = (".xlsx", ".xls", ".ods", ".parquet", ".zip", ".pdf", ".docx")
_LAYOUTS = (
    "a table (.csv, .tsv, .jsonl; .gz too) with a header row, or a folder that holds train.csv (and "
    "test.csv), or train/<class>/*.txt (and test/<class>/*.txt), or <class>/*.txt, with two classes"
)
_SHOWN = 5  # the most lines or files named in a note


@dataclass(frozen=True, eq=False)  # `==` of two arrays is an array, not an answer
class LabelledTexts:
    """Texts, each of one of two classes.

    Attributes:
        texts: A list of N `str`.
        labels: An int8 array `(N,)` of 0 and 1.
        classes: The names of 0 and 1, a tuple of two `str`.
        notes: Lines for the user: what was left out, and which columns were taken.
    """

    texts: list[str]
    labels: np.ndarray
    classes: tuple[str, str]
    notes: tuple[str, ...] = ()

    def __len__(self):
        return len(self.texts)


def read_labelled(path, text_column=TEXT, label_column=LABEL, *, encoding=None, columns=None):
    """Reads texts of two classes from a table or from a folder.

    The path is one of:

    - a table whose first row names its columns, or whose columns are named by `columns`: delimiters
      and quotes as in `.csv` and `.tsv` files, with or without RFC 4180's quoting, or JSON lines. See
      `docs/data.md`.
    - a folder with such a file called `train`, and perhaps one called `test`
    - a folder like aclImdb: `train/<class>/*.txt`, and perhaps `test/<class>/*.txt`; `unsup` and
      names that begin with a dot are skipped
    - a folder of two classes: `<class>/*.txt`

    Text is UTF-8 with or without a byte-order mark, or UTF-16 with one, or in the given encoding, with
    any line ends, and is normalised to Unicode's NFC. The texts of a table are in its order; those of a
    folder are class by class, sorted by file name. Texts without a word or label are left out, and
    `notes` says so.

    Class 1 is the positive one, if the names show it: `pos`, `positive`, `1`, `+1`, `true`, `yes`,
    `good` against `neg`, `negative`, `0`, `-1`, `false`, `no`, `bad`, in upper or lower case; of
    `1` and `2`, it is `2`. Other names are sorted.

    Args:
        path: The file or folder, as a string or a path.
        text_column: Name of a table's column of texts. If there is no `"text"`, a column with a usual
            name, such as `review`, is taken, and `notes` says so.
        label_column: Name of a table's column of classes; for `"label"` likewise, such as `sentiment`.
        encoding: An encoding, such as `"latin-1"`. Default: UTF-8, or UTF-16 if a byte-order mark says
            so.
        columns: Names of a table's columns, a list of `str`, if its first row does not name them.

    Returns:
        A tuple of the training part and the test part, both `LabelledTexts`; the second is `None`
        if the path has none.

    Raises:
        DataError: If a file or column is missing, cannot be read or is damaged, or there are not two
            classes; the message is one line that names the place.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "reviews.csv")
    ...     _ = file.write_text('text,label\\n"Fun, and short.",pos\\nA bore.,neg\\n')
    ...     train, test = read_labelled(file)
    >>> train.texts, train.labels, train.classes
    (['Fun, and short.', 'A bore.'], array([1, 0], dtype=int8), ('neg', 'pos'))
    >>> print(test)
    None
    """
    path = Path(path)
    if not os.path.lexists(path):
        raise DataError(f"{path} is missing: expected {_LAYOUTS}; check the path")
    how = {"text": text_column, "label": label_column, "encoding": encoding, "columns": columns}
    if os.path.isfile(path):
        return _from_table(path, how), None
    if not os.path.isdir(path):
        raise DataError(f"{path} is neither a regular file nor a folder: expected {_LAYOUTS}")
    part = _part(path, "train")
    if part is None:
        return _from_folder(path, encoding), None
    test = _part(path, "test")
    if os.path.isdir(part):
        if test is not None and not os.path.isdir(test):
            raise DataError(
                f"{test} is a file beside the folder {part}: make both files or both folders"
            )
        train = _from_folder(part, encoding)
        return train, None if test is None else _from_folder(test, encoding, train.classes)
    if test is not None and os.path.isdir(test):
        raise DataError(f"{test} is a folder beside the file {part}: make both files or both folders")
    train = _from_table(part, how)
    return train, None if test is None else _from_table(test, how, train.classes)


def _part(folder, name):
    """Returns the folder or table of that name, or `None`."""
    inside = entries(folder)
    found = [entry.name for entry in inside if entry.name == name and entry.is_dir()]
    names = {name + suffix + packed for suffix in TABLES for packed in ("", *PACKED)}
    found += [entry.name for entry in inside if entry.name.lower() in names]
    if len(found) > 1:
        raise DataError(
            f"{folder} holds {a_few(found)}: expected one {name} part; take the other ones away"
        )
    return folder / found[0] if found else None


# Tables


def _from_table(path, how, classes=None):
    texts, labels, left_out = [], [], defaultdict(list)
    rows, notes = _rows(path, how)
    for line, text, label in rows:
        if not _has_a_word(text):
            left_out["without a word"].append(line)
        elif not label:
            left_out["without a label"].append(line)
        elif classes is not None and label not in classes:
            raise DataError(
                f"{path}, line {line}: the label {short(label)} is not a class of the training "
                f"part: expected {classes[0]!r} or {classes[1]!r}; correct it or delete the row"
            )
        else:
            texts.append(text)
            labels.append(label)
    for what, lines in left_out.items():
        notes.append(
            f"{path.name}: {len(lines):,} row{'s' * (len(lines) > 1)} {what} left out, "
            f"line{'s' * (len(lines) > 1)} {_some(lines)}"
        )
    if not texts:
        raise DataError(
            f"{path} has a header and no rows with a text and a label: expected a row for each text; "
            "add them"
        )
    if classes is None:
        counts = Counter(labels)
        if len(counts) != 2:
            raise DataError(
                f"{path}: expected two classes in the column {how['label']!r}, found "
                f"{_counted(counts)}; keep two, or name another column with --label-column"
            )
        classes = _in_order(counts)
    labels = np.array([label == classes[1] for label in labels], np.int8)
    return LabelledTexts(texts, labels, classes, tuple(notes))


def _rows(path, how):
    """Returns triples of line number, text and label of each row, and notes on the columns."""
    if path.suffix.lower() in _NO_TABLES:
        raise DataError(
            f"{path} is no table of text: expected {_LAYOUTS}; save it as .csv (in Excel: CSV UTF-8), "
            "or unpack it"
        )
    table = read_table(path, how["encoding"], how["columns"])
    notes = []
    text_at = _column(path, table.header, how["text"], TEXT, "--text-column", notes)
    label_at = _column(path, table.header, how["label"], LABEL, "--label-column", notes)
    rows = []
    for line, fields in table.rows:
        if not any(map(str.strip, fields)):
            rows.append((line, "", ""))
            continue
        fitted = table.fitted(fields, text_at)
        if fitted is None:
            raise DataError(
                f"{path}, line {line}: expected {len(table.header)} fields, as in the header, found "
                f"{len(fields)}; put a field that holds the delimiter into double quotes"
            )
        rows.append((line, normalize_nfc(fitted[text_at]), normalize_nfc(fitted[label_at]).strip()))
    return rows, notes


def _column(path, header, name, default, flag, notes):
    name = normalize_nfc(name).strip()
    found = [i for i, column in enumerate(header) if column == name]
    if not found:
        names = _USUAL[default] if name == default else ()
        lower = [column.lower() for column in header]
        found = [i for i, column in enumerate(lower) if column == name.lower()]
        found = found or [i for i, column in enumerate(lower) if column in names]
        if len(found) == 1:
            notes.append(f"{path.name}: the column {header[found[0]]!r} is taken for the {default}")
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(
            f"{path} has {len(found)} columns that may be the {default}, "
            f"{a_few([header[i] for i in found])}: expected one; name it with {flag}, or rename one"
        )

    def unlike(column):  # a file without a header may have a whole review there
        return -difflib.SequenceMatcher(None, name.lower(), column[:40].lower()).ratio()

    raise DataError(
        f"{path} has no column {name!r}: its first row names {a_few(sorted(header, key=unlike))}; "
        f"give the column's name with {flag}, or where the first row is a text already, name the "
        f"columns in their order with --columns, such as --columns {LABEL},{TEXT}"
    )


# Folders


def _from_folder(folder, encoding, classes=None):
    folders = {
        normalize_nfc(e.name): e.path for e in entries(folder) if e.is_dir() and e.name != "unsup"
    }
    if len(folders) != 2:
        found = f"{len(folders)}: {a_few(sorted(folders))}" if folders else "none"
        raise DataError(
            f"{folder}: expected two folders, one for each class, found {found}; give {_LAYOUTS}"
        )
    if classes is None:
        classes = _in_order(folders)
    elif set(folders) != set(classes):
        raise DataError(
            f"{folder} holds {a_few(sorted(folders))}: expected the classes of the training part, "
            f"{classes[0]!r} and {classes[1]!r}; rename the folders"
        )
    notes = []
    parts = [_texts_in(folders[name], encoding, notes) for name in classes]
    labels = np.repeat(np.arange(2, dtype=np.int8), [len(part) for part in parts])
    return LabelledTexts(parts[0] + parts[1], labels, classes, tuple(notes))


def _texts_in(folder, encoding, notes):
    texts, empty = [], []
    for entry in entries(folder):
        if entry.name.lower().endswith(".txt") and entry.is_file():
            text = normalize_nfc(read(entry.path, encoding))
            if _has_a_word(text):
                texts.append(text)
            else:
                empty.append(entry.name)
    if not texts:
        raise DataError(
            f"{folder} holds no .txt files with a word: expected one for each text of the class"
        )
    if empty:
        notes.append(
            f"{folder}: {len(empty):,} file{'s' * (len(empty) > 1)} without a word left out, "
            f"{_some(empty)}"
        )
    return texts


# Both


def _has_a_word(text):
    # A letter or digit is quick to find; `tokenize` knows other words, such as emoji.
    return bool(re.search(r"[^\W_]", text) or tokenize(text))


def _some(items):
    more = f" and {len(items) - _SHOWN:,} more" if len(items) > _SHOWN else ""
    return ", ".join(map(str, items[:_SHOWN])) + more


def _in_order(names):
    """Returns two class names, the negative one first."""
    first, second = sorted(names)
    # The sorted order is already right for "0" and "1", "neg" and "pos", "1" and "2".
    if first.lower() in _POSITIVE and second.lower() in _NEGATIVE:
        return second, first
    return first, second


def _counted(counts, most=5):
    shown = ", ".join(f"{short(name)} ({count})" for name, count in counts.most_common(most))
    more = f" and {len(counts) - most} more" if len(counts) > most else ""
    return f"{len(counts)}: {shown}{more}"
