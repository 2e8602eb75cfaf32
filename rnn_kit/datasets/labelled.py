"""Texts of two classes from the user's own files: a table with a header, or a folder of texts."""

import difflib
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnn_kit.datasets._files import DataError
from rnn_kit.datasets._tables import a_few, comma_or_semicolon, entries, read, records, short
from rnn_kit.text.decoding import composed
from rnn_kit.text.words import SEPARATORS

_POSITIVE = {"pos", "positive", "1", "+1", "true", "yes", "good"}
_NEGATIVE = {"neg", "negative", "0", "-1", "false", "no", "bad"}

_TABLES = (".csv", ".tsv", ".tab")
_LAYOUTS = (
    "a .csv, .tsv or .tab file with a header row, or a folder that holds train.csv (and test.csv), "
    "or train/<class>/*.txt (and test/<class>/*.txt), or <class>/*.txt, with two classes"
)

# Finds the first character of a first word, so that no whole text need be cut to see if it has one.
_WORD = re.compile(rf"[^\s{re.escape(SEPARATORS)}]")


@dataclass(frozen=True, eq=False)  # `==` of two arrays is an array, not an answer
class LabelledTexts:
    """Texts, each of one of two classes.

    Attributes:
        texts: A list of N `str`.
        labels: An int8 array `(N,)` of 0 and 1.
        classes: What 0 and 1 are called, a tuple of two `str`.
    """

    texts: list[str]
    labels: np.ndarray
    classes: tuple[str, str]

    def __len__(self):
        return len(self.texts)


def read_labelled(path, text_column="text", label_column="label"):
    """Reads texts of two classes from a table or from a folder.

    The path is one of:

    - a `.csv`, `.tsv` or `.tab` file whose first row names its columns. Fields with delimiters,
      line breaks or quotes in them stand in double quotes, and a quote within is doubled (RFC
      4180). A `.csv` file whose header has semicolons and no comma is cut at semicolons.
    - a folder with such a file called `train`, and perhaps one called `test`
    - a folder as aclImdb is: `train/<class>/*.txt`, and perhaps `test/<class>/*.txt`; `unsup` is
      passed over, as are names that begin with a dot
    - a folder of two classes: `<class>/*.txt`

    Text is UTF-8 with or without a byte-order mark, with any line ends, and is composed to
    Unicode's NFC. The texts of a table are in its order; those of a folder are class by class, the
    files in the sorted order of their names.

    Class 1 is the positive one, where the names tell: `pos`, `positive`, `1`, `+1`, `true`, `yes`,
    `good` against `neg`, `negative`, `0`, `-1`, `false`, `no`, `bad`, in upper or lower case; of
    `1` and `2`, it is `2`. Other names are taken in sorted order.

    Args:
        path: The file or folder, as a string or a path.
        text_column: Name of a table's column of texts.
        label_column: Name of a table's column of classes.

    Returns:
        A tuple of the training part and the test part, both `LabelledTexts`; the second is `None`
        where the path has none.

    Raises:
        DataError: If a file or column is missing, cannot be read or is damaged, a text or label is
            empty, or there are not two classes; the message is one line that names the place.

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
    if os.path.isfile(path):
        return _from_table(path, text_column, label_column), None
    if not os.path.isdir(path):
        raise DataError(f"{path} is neither a regular file nor a folder: expected {_LAYOUTS}")
    part = _part(path, "train")
    if part is None:
        return _from_folder(path), None
    test = _part(path, "test")
    if os.path.isdir(part):
        if test is not None and not os.path.isdir(test):
            raise DataError(
                f"{test} is a file beside the folder {part}: make both files or both folders"
            )
        train = _from_folder(part)
        return train, None if test is None else _from_folder(test, train.classes)
    if test is not None and os.path.isdir(test):
        raise DataError(f"{test} is a folder beside the file {part}: make both files or both folders")
    train = _from_table(part, text_column, label_column)
    return train, None if test is None else _from_table(test, text_column, label_column, train.classes)


def _part(folder, name):
    """The folder or table of that name, or None."""
    inside = entries(folder)
    found = [entry.name for entry in inside if entry.name == name and entry.is_dir()]
    found += [entry.name for entry in inside if entry.name.lower() in {name + s for s in _TABLES}]
    if len(found) > 1:
        raise DataError(
            f"{folder} holds {a_few(found)}: expected one {name} part; take the other ones away"
        )
    return folder / found[0] if found else None


# Tables


def _from_table(path, text_column, label_column, classes=None):
    texts, labels, lines = [], [], []
    for line, text, label in _rows(path, text_column, label_column):
        if not _WORD.search(text):
            raise DataError(
                f"{path}, line {line}: the text (column {text_column!r}) is empty: expected at least "
                "one word; fill it in or delete the row"
            )
        if not label:
            raise DataError(
                f"{path}, line {line}: the label (column {label_column!r}) is empty: expected the "
                "name of a class; fill it in or delete the row"
            )
        if classes is not None and label not in classes:
            raise DataError(
                f"{path}, line {line}: the label {short(label)} is not a class of the training "
                f"part: expected {classes[0]!r} or {classes[1]!r}; correct it or delete the row"
            )
        texts.append(text)
        labels.append(label)
        lines.append(line)
    if not texts:
        raise DataError(f"{path} has a header and no rows: expected a row for each text; add them")
    if classes is None:
        counts = Counter(labels)
        if len(counts) != 2:
            raise DataError(
                f"{path}: expected two classes in the column {label_column!r}, found "
                f"{_counted(counts)}; keep two, or name another column with --label-column"
            )
        classes = _in_order(counts)
    return LabelledTexts(texts, np.array([label == classes[1] for label in labels], np.int8), classes)


def _rows(path, text_column, label_column):
    """Yields (line number, text, label) of each row below the header."""
    if path.suffix.lower() not in _TABLES:
        raise DataError(f"{path} is not of a known kind: expected {_LAYOUTS}; rename or convert it")
    content = read(path)
    delimiter = comma_or_semicolon(content) if path.suffix.lower() == ".csv" else "\t"
    rows = records(path, content, delimiter)
    if not rows:
        raise DataError(f"{path} is empty: expected a header row and a row for each text")
    header = [composed(name).strip() for name in rows[0][1]]
    text_at = _column(path, header, text_column, "--text-column")
    label_at = _column(path, header, label_column, "--label-column")
    for line, fields in rows[1:]:
        if len(fields) != len(header):
            raise DataError(
                f"{path}, line {line}: expected {len(header)} fields, as in the header, found "
                f"{len(fields)}; put a field that holds the delimiter into double quotes"
            )
        yield line, composed(fields[text_at]), composed(fields[label_at]).strip()


def _column(path, header, name, flag):
    name = composed(name).strip()
    found = [i for i, column in enumerate(header) if column == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"{path} has {len(found)} columns called {name!r}: expected one; rename one")

    def unlike(column):  # a file without a header may have a whole review here
        return -difflib.SequenceMatcher(None, name.lower(), column[:40].lower()).ratio()

    raise DataError(
        f"{path} has no column {name!r}: its first row names {a_few(sorted(header, key=unlike))}; "
        f"give the column's name with {flag}, or add a header row"
    )


# Folders


def _from_folder(folder, classes=None):
    folders = {composed(e.name): e.path for e in entries(folder) if e.is_dir() and e.name != "unsup"}
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
    parts = [_texts_in(folders[name]) for name in classes]
    labels = np.repeat(np.arange(2, dtype=np.int8), [len(part) for part in parts])
    return LabelledTexts(parts[0] + parts[1], labels, classes)


def _texts_in(folder):
    texts = []
    for entry in entries(folder):
        if entry.name.lower().endswith(".txt") and entry.is_file():
            text = composed(read(entry.path))
            if not _WORD.search(text):
                raise DataError(f"{entry.path} is empty: expected at least one word; fill or delete it")
            texts.append(text)
    if not texts:
        raise DataError(f"{folder} holds no .txt files: expected one for each text of the class")
    return texts


# Both


def _in_order(names):
    """Two class names, the negative one first."""
    first, second = sorted(names)
    # The sorted order is right already for "0" and "1", "neg" and "pos", "1" and "2".
    if first.lower() in _POSITIVE and second.lower() in _NEGATIVE:
        return second, first
    return first, second


def _counted(counts, most=5):
    shown = ", ".join(f"{short(name)} ({count})" for name, count in counts.most_common(most))
    more = f" and {len(counts) - most} more" if len(counts) > most else ""
    return f"{len(counts)}: {shown}{more}"
