"""Vectors of words that others have learned, from text files."""

import gzip
import zlib
from pathlib import Path

import numpy as np

from rnn_kit.text.errors import TextError


def read_vectors(path, words):
    """Reads the vectors of some words from a text file, as word2vec or GloVe write it.

    A line is a word and the D numbers of its vector, with spaces between. word2vec's text form has a
    first line with the number of words and D; GloVe's has none. A word may have spaces in it, as in
    GloVe's largest file. The file is read line by line, and only what is asked for is kept.

    Args:
        path: The file, perhaps compressed (`.gz`).
        words: V distinct words, looked for as they are.

    Returns:
        A tuple of the vectors, float32 `(V, D)`, zeros where the file does not have the word, and
        whether it has it, bool `(V,)`. Of a word that comes twice the first vector counts.

    Raises:
        TextError: If the file is missing, cannot be read, is word2vec's binary form, has a line of
            another number of values or with one that is no finite number, or has none of the words.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "vectors.txt")
    ...     _ = file.write_text("2 3\\ncat 1 2 3\\ndog 4 5 6\\n")
    ...     vectors, found = read_vectors(file, ["a", "dog"])
    >>> vectors.tolist(), found.tolist()
    ([[0.0, 0.0, 0.0], [4.0, 5.0, 6.0]], [False, True])
    """
    rows = {word: row for row, word in enumerate(words)}
    vectors, found, size = None, np.zeros(len(rows), bool), None
    for number, line in _lines(Path(path)):
        fields = line.rstrip("\r\n ").split(" ")
        if number == 1 and len(fields) == 2 and all(field.isdecimal() for field in fields):
            size = int(fields[1])
            continue
        if size is None:
            size = len(fields) - 1
        word, values = " ".join(fields[:-size]), fields[-size:]
        if size < 1 or not word:
            raise TextError(
                f"{path}, line {number}: expected a word and {size or 'some'} numbers, found "
                f"{len(fields)} values; the text form of word2vec or GloVe is needed"
            )
        if word not in rows or found[rows[word]]:
            continue
        try:
            vector = np.array(values, "float32")
        except ValueError:
            vector = np.array([np.nan])
        if not np.isfinite(vector).all():
            raise TextError(
                f"{path}, line {number}: expected {size} finite numbers after {word!r}; mend the line "
                "or take it out"
            )
        if vectors is None:
            vectors = np.zeros((len(rows), size), "float32")
        vectors[rows[word]], found[rows[word]] = vector, True
    if vectors is None:
        raise TextError(
            f"{path} has none of the {len(rows):,} words that were looked for: expected vectors of "
            "words like these, in lower or upper case as they are"
        )
    return vectors, found


def _lines(path):
    """Numbers, from 1, and lines of the file."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield number, line.decode("utf-8")
                except UnicodeDecodeError:
                    raise TextError(
                        f"{path}, line {number}: not UTF-8 text. Is it word2vec's binary form? The "
                        "text form is needed, as gensim's save_word2vec_format writes it"
                    ) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TextError(
            f"{path} is cut short or damaged ({error}): expected a whole .gz file"
        ) from None
    except OSError as error:
        raise TextError(
            f"{path} cannot be read ({error.strerror or error}): expected a text file of words and "
            "their vectors; check the path"
        ) from None
