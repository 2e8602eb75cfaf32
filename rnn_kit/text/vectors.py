"""Vectors of words that others have learned, from text files."""

import contextlib
import itertools
import lzma
import os
import unicodedata
import zipfile
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np

from rnn_kit.text.decoding import iter_decode, marked_encoding, open_binary, utf_16_without_mark
from rnn_kit.text.errors import TextError

_BOM = b"\xef\xbb\xbf"
_SAMPLE = 100  # lines that the size of the vectors is told from


def read_vectors(path, words, *, size=None, notes=None):
    """Reads the vectors of some words from a text file, as word2vec or GloVe write it.

    A line is a word and the D numbers of its vector, with spaces or tabs between; D is what most of
    the first lines have. word2vec's text form has a first line with the number of words and D;
    GloVe's has none. The numbers are counted from the right, since a word may have spaces in it, as
    in GloVe's largest file. A byte-order mark, either line end and spaces at a line's end make no
    difference. Words are compared as they are, or else composed to Unicode's NFC. The file is read
    line by line, and only what is asked for is kept.

    Empty lines, lines without a word and words that are not UTF-8 are passed over.

    Args:
        path: The file, perhaps packed (`.gz`, `.bz2`, `.xz`), or a `.zip` archive of it. UTF-16 is
            read where a byte-order mark says so.
        words: V distinct words, looked for as they are.
        size: D, by which one of the files in an archive is chosen, such as those of `glove.6B.zip`. It
            is not looked at where there is but one.
        notes: A list, to which a sentence is added that counts what was passed over, if anything was.

    Returns:
        A tuple of the vectors, float32 `(V, D)`, zeros where the file does not have the word, and
        whether it has it, bool `(V,)`. Of a word that comes twice the first vector counts.

    Raises:
        TextError: If a word is asked for twice; if the file is missing, cannot be read, is word2vec's
            binary form, has a line of fewer values than the others, announces vectors of another
            size than it has, has a word that is asked for with what is no finite number, or has none
            of the words; or if none of several files in an archive is the one of `size`.

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
    found, passed_over = np.zeros(len(rows), bool), Counter()
    for number, line in itertools.chain(first[has_heading:], lines):
        if not line.strip():
            passed_over["empty"] += 1
            continue
        fields = line.rsplit(None, size)  # at ASCII white space: a no-break space stays in its word
        if not size or len(fields) < size:
            raise _short_line(path, number, line, size)
        if len(fields) == size:
            if not line[:1].isspace():  # what comes first is a word, and a number is missing
                raise _short_line(path, number, line, size)
            passed_over["without a word"] += 1
            continue
        try:
            row = rows.get(_word(fields[0], rows))
        except UnicodeDecodeError:
            if b"\0" in line:
                raise _binary(path, number) from None
            passed_over["whose word is not UTF-8"] += 1
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
    if passed_over and notes is not None:
        notes.append(f"Passed over in {path}: {_counted(passed_over)}.")
    return vectors, found


def _rows(words):
    """Words to their rows."""
    if isinstance(words, str):
        raise TextError("`words` is a list of words; received one text: put it into a list")
    words = list(words)
    rows = {word: row for row, word in enumerate(words)}
    if len(rows) < len(words):
        twice = [word for word, count in Counter(words).items() if count > 1]
        raise TextError(f"Each word is looked for once; received more than once: {twice[0]!r}")
    return rows


def _word(data, rows):
    """The word of a line, as it is among those that are looked for, or else composed."""
    word = data.decode("utf-8")
    return word if word in rows or word.isascii() else unicodedata.normalize("NFC", word)


def _form(path, lines):
    """The size of the vectors, and whether the first line is word2vec's heading and holds none."""
    heading = []
    if lines and len(fields := lines[0][1].split()) == 2 and all(f.isdigit() for f in fields):
        heading = [int(field) for field in fields]
    counts = Counter(_trailing_numbers(line) for _, line in lines[bool(heading) :] if line.strip())
    if not counts:  # nothing but a heading, if that: all that can be said is what it says
        return (heading[1] if heading else 1), bool(heading)
    most = max(counts.values())
    # Of sizes that are as frequent the largest: the others are of lines that were cut short.
    size = max(size for size, count in counts.items() if count == most)
    # A heading is told from a word of digits and its vector of one number by the lines after it.
    if not heading or (size == 1 != heading[1]):
        return size, False
    if size != heading[1] and size:
        raise TextError(
            f"{path}, line 1: announces vectors of {heading[1]} numbers, and the lines after it have "
            f"{size}; correct one or the other"
        )
    return heading[1], True


def _trailing_numbers(line):
    """How many fields at the end of a line are numbers; its first one is a word, whatever it is."""
    count = 0
    for field in reversed(line.split()[1:]):
        try:
            float(field)
        except ValueError:
            break
        count += 1
    return count


def _numbers(fields):
    """The fields as a vector, or `None` if one of them is no finite number."""
    try:
        vector = np.array([float(field) for field in fields])
    except ValueError:
        return None
    finite = np.abs(vector) <= np.finfo("float32").max  # false of what is not a number, too
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


def _counted(passed_over):
    parts = [f"{n:,} line{'s' * (n != 1)} {what}" for what, n in passed_over.items() if what != "empty"]
    if empty := passed_over["empty"]:
        parts.append(f"{empty:,} empty line{'s' * (empty != 1)}")
    return ", ".join(parts)


def _lines(path, member=None):
    """Numbers, from 1, and lines of the file, or of a member of the archive, as bytes."""
    try:
        with _opened(path, member) as file:
            mark = marked_encoding(file.peek(4)[:4])
            for number, line in enumerate(file if mark in (None, "utf-8") else _utf_8(file, path), 1):
                yield number, line.removeprefix(_BOM) if number == 1 else line
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from None
    except (RuntimeError, NotImplementedError) as error:  # zipfile's, of what is encrypted, or packed
        raise TextError(f"{path} cannot be unpacked ({error}): unpack it, and give the file") from None
    except OSError as error:
        if os.path.isdir(path):
            raise TextError(
                f"{path} is a folder: expected a text file of words and their vectors; give the file"
            ) from None
        if error.errno is None:  # of gzip and bzip2
            raise _damaged(path, error) from None
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
    """The lines of a text in another encoding, which its byte-order mark tells, in UTF-8."""
    held = ""
    for piece in iter_decode(file, path):
        *lines, held = (held + piece).split("\n")
        yield from (line.encode() for line in lines)
    yield held.encode()


def _damaged(path, error):
    return TextError(f"{path} is cut short or damaged ({error}): expected a whole file; get it again")


def _member(path, size):
    """The file of vectors in an archive; `None` where the path is not that of an archive.

    Args:
        path: Of the file.
        size: Of the vectors that are wanted, where there are several files; or `None`.
    """
    try:
        with open(path, "rb") as file:
            if file.read(4) not in (b"PK\x03\x04", b"PK\x05\x06"):
                return None
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not _is_hidden(name)]
    except zipfile.BadZipFile as error:
        raise _damaged(path, error) from None
    except OSError:
        return None  # which is said where it is read
    if len(names) == 1:
        return names[0]
    samples = {name: list(itertools.islice(_lines(path, name), _SAMPLE)) for name in names}
    sizes = {name: _form(path, sample)[0] for name, sample in samples.items()}
    fitting = [name for name, its in sizes.items() if its == size]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"{name} (vectors of {its})" for name, its in list(sizes.items())[:8])
    wanted = "" if size is None else f", and vectors of {size} are wanted"
    raise TextError(
        f"{path} is an archive of {len(names):,} files{wanted}: {listed or 'none'}; unpack it, and "
        "give one of them"
    )


def _is_hidden(name):
    parts = PurePosixPath(name).parts
    return name.endswith("/") or any(part.startswith(".") or part == "__MACOSX" for part in parts)
