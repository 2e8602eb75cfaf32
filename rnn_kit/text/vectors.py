"""Reads pretrained word vectors from text files."""

import codecs
import contextlib
import itertools
import os
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np

from rnn_kit.text.checks import refuse_string
from rnn_kit.text.decoding import (
    explain_damage,
    iter_decode,
    marked_encoding,
    normalize_nfc,
    open_binary,
    utf_16_without_mark,
)
from rnn_kit.text.errors import TextError

_SAMPLE = 100  # lines from which the size of the vectors is found


def read_vectors(path, words, *, size=None, notes=None):
    """Reads the vectors of some words from a text file in the form of word2vec or GloVe.

    A line is a word and the D numbers of its vector, with spaces or tabs between; D is the
    count in most of the first lines. word2vec's text form begins with a line of the number of words and
    D; GloVe's does not. The numbers are counted from the right, since a word may have spaces in it, as
    in GloVe's largest file. A byte-order mark, the kind of line end and trailing spaces do not matter.
    Words are compared unchanged, or else normalised to Unicode's NFC. The file is read line by line,
    and only the vectors of `words` are kept.

    Empty lines, lines without a word and words that are not UTF-8 are skipped.

    Args:
        path: The file, which may be compressed (`.gz`, `.bz2`, `.xz`), or a `.zip` archive of it.
            UTF-16 is read if a byte-order mark says so.
        words: V distinct words.
        size: D, which chooses one of several files in an archive, such as those of `glove.6B.zip`. It
            is ignored if there is only one.
        notes: A list that gets a sentence with the counts of what was skipped, if anything.

    Returns:
        A tuple `(vectors, found)`: float32 `(V, D)`, zeros for a word that the file does not have; and
        bool `(V,)`, whether it has the word. The first vector of a repeated word counts.

    Raises:
        TextError: If a word is given twice; if the file is missing, cannot be read, is word2vec's
            binary form, has a line of fewer numbers than the others, announces vectors of another
            size than it has, has one of `words` with a number that is not finite, or has none of
            `words`; or if not exactly one of several files in an archive has vectors of `size`.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "vectors.txt")
    ...     _ = file.write_text("2 3\\ncat 1 2 3\\ndog 4 5 6\\n")
    ...     vectors, found = read_vectors(file, ["a", "dog"])
    >>> vectors.tolist(), found.tolist()
    ([[0.0, 0.0, 0.0], [4.0, 5.0, 6.0]], [False, True])
    """
    path, rows = Path(path), _rows(words)
    lines = _lines(path, _member(path, size))
    first = list(itertools.islice(lines, _SAMPLE))
    if utf_16_without_mark(b"".join(line for _, line in first)):
        raise TextError(f"{path} is UTF-16 without a byte-order mark: expected UTF-8; save it as UTF-8")
    size, has_heading = _form(path, first)
    vectors = None
    found, skipped = np.zeros(len(rows), bool), Counter()
    for number, line in itertools.chain(first[has_heading:], lines):
        if not line.strip():
            skipped["empty"] += 1
            continue
        fields = line.rsplit(None, size)  # at ASCII white space: a no-break space stays in its word
        if not size or len(fields) < size:
            raise _short_line(path, number, line, size)
        if len(fields) == size:
            if not line[:1].isspace():  # the first field is a word, so a number is missing
                raise _short_line(path, number, line, size)
            skipped["without a word"] += 1
            continue
        try:
            row = rows.get(_word(fields[0], rows))
        except UnicodeDecodeError:
            if b"\0" in line:
                raise _binary(path, number) from None
            skipped["whose word is not UTF-8"] += 1
            continue
        if row is None or found[row]:
            continue
        vector = _numbers(fields[1:])
        if vector is None:
            word = fields[0].decode()
            raise TextError(
                f"{path}, line {number}: expected {size} finite numbers after {word!r}; mend the line "
                "or take it out"
            )
        if vectors is None:
            vectors = np.zeros((len(rows), size), "float32")
        vectors[row], found[row] = vector, True
    if vectors is None:
        raise TextError(
            f"{path} has none of the {len(rows):,} words that were looked for: expected vectors of "
            "words like these, in lower or upper case as they are"
        )
    if skipped and notes is not None:
        notes.append(f"Skipped in {path}: {_counted(skipped)}.")
    return vectors, found


def _rows(words):
    """Numbers the words: a dict of words to rows."""
    refuse_string("words", words, "words", "put it into a list")
    words = list(words)
    rows = {word: row for row, word in enumerate(words)}
    if len(rows) < len(words):
        twice = [word for word, count in Counter(words).items() if count > 1]
        raise TextError(f"Each word is looked for once; received more than once: {twice[0]!r}")
    return rows


def _word(data, rows):
    """Decodes the word of a line: as it is, if it is one of `rows`, or else normalised."""
    word = data.decode("utf-8")
    return word if word in rows else normalize_nfc(word)


def _form(path, lines):
    """Finds the size of the vectors, and whether the first line is word2vec's heading."""
    heading = []
    if lines and len(fields := lines[0][1].split()) == 2 and all(f.isdigit() for f in fields):
        heading = [int(field) for field in fields]
    counts = Counter(_trailing_numbers(line) for _, line in lines[bool(heading) :] if line.strip())
    if not counts:  # there is only a heading, or not even that
        return (heading[1] if heading else 1), bool(heading)
    most = max(counts.values())
    # Of equally frequent sizes the largest: the others are from truncated lines.
    size = max(size for size, count in counts.items() if count == most)
    # The next lines distinguish a heading from a word of digits with a vector of one number.
    if not heading or (size == 1 != heading[1]):
        return size, False
    if size != heading[1] and size:
        raise TextError(
            f"{path}, line 1: announces vectors of {heading[1]} numbers, and the lines after it have "
            f"{size}; correct one or the other"
        )
    return heading[1], True


def _trailing_numbers(line):
    """Counts the numbers at the end of a line's fields, without the first, which is always a word."""
    count = 0
    for field in reversed(line.split()[1:]):
        try:
            float(field)
        except ValueError:
            break
        count += 1
    return count


def _numbers(fields):
    """Parses the fields to a vector; `None`, if one of them is not a finite number."""
    try:
        vector = np.array([float(field) for field in fields])
    except ValueError:
        return None
    finite = np.abs(vector) <= np.finfo("float32").max  # also false for NaN
    return vector.astype("float32") if finite.all() else None


def _short_line(path, number, line, size):
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return _binary(path, number)
    if b"\0" in line:
        return _binary(path, number)
    shown = repr(line.decode().strip())
    shown = shown if len(shown) <= 40 else f"{shown[:37]}..."
    return TextError(
        f"{path}, line {number}: expected a word and {size or 'some'} numbers, found {shown}; the text "
        "form of word2vec or GloVe is needed, whole"
    )


def _binary(path, number):
    return TextError(
        f"{path}, line {number}: not UTF-8 text. Is it word2vec's binary form? The text form is "
        "needed, as gensim's save_word2vec_format writes it"
    )


def _counted(skipped):
    parts = [f"{n:,} line{'s' * (n != 1)} {what}" for what, n in skipped.items() if what != "empty"]
    if empty := skipped["empty"]:
        parts.append(f"{empty:,} empty line{'s' * (empty != 1)}")
    return ", ".join(parts)


def _lines(path, member=None):
    """Yields the numbers, from 1, and the lines, as bytes, of a file or of a member of an archive."""
    try:
        with explain_damage(path), _opened(path, member) as file:
            mark = marked_encoding(file.peek(4)[:4])
            for number, line in enumerate(file if mark in (None, "utf-8") else _utf_8(file, path), 1):
                yield number, line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
    except (RuntimeError, NotImplementedError) as error:  # from zipfile: encrypted, or another method
        raise TextError(f"{path} cannot be unpacked ({error}): unpack it, and give the file") from None
    except OSError as error:
        if os.path.isdir(path):
            raise TextError(
                f"{path} is a folder: expected a text file of words and their vectors; give the file"
            ) from None
        raise TextError(
            f"{path} cannot be read ({error.strerror or error}): expected a text file of words and "
            "their vectors; check the path"
        ) from None


@contextlib.contextmanager
def _opened(path, member):
    if member is None:
        with open_binary(path) as file:
            yield file
    else:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            yield file


def _utf_8(file, path):
    """Yields the lines of a UTF-16 or UTF-32 text with a byte-order mark, encoded in UTF-8."""
    held = ""
    for piece in iter_decode(file, path):
        *lines, held = (held + piece).split("\n")
        yield from (line.encode() for line in lines)
    yield held.encode()


def _member(path, size):
    """Chooses the file of vectors in an archive.

    Args:
        path: The path of the archive, or of another file.
        size: The wanted size of the vectors, if there are several files; or `None`.

    Returns:
        The member's name; `None` if the file is no archive.
    """
    try:
        with open(path, "rb") as file:
            if file.read(4) not in (b"PK\x03\x04", b"PK\x05\x06"):
                return None
        with explain_damage(path), zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not _is_hidden(name)]
    except OSError:
        return None  # `_lines` raises the error
    if len(names) == 1:
        return names[0]
    samples = {name: list(itertools.islice(_lines(path, name), _SAMPLE)) for name in names}
    sizes = {name: _form(path, sample)[0] for name, sample in samples.items()}
    matching = [name for name, its in sizes.items() if its == size]
    if len(matching) == 1:
        return matching[0]
    listed = ", ".join(f"{name} (vectors of {its})" for name, its in list(sizes.items())[:8])
    wanted = "" if size is None else f", and vectors of {size} are wanted"
    raise TextError(
        f"{path} is an archive of {len(names):,} files{wanted}: {listed or 'none'}; unpack it, and "
        "give one of them"
    )


def _is_hidden(name):
    parts = PurePosixPath(name).parts
    return name.endswith("/") or any(part.startswith(".") or part == "__MACOSX" for part in parts)
