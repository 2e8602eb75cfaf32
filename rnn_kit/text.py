"""Character text: reading it, numbering it, and cutting it for truncated back-propagation.

NumPy and the standard library only; no deep-learning framework is imported here.
"""

import hashlib
import json
import operator
import os
import unicodedata
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np

_BOM = "\ufeff"
_FORMAT = "rnn_kit.CharVocabulary"


class TextError(ValueError):
    """A text, a vocabulary or a cut that cannot be used; the message is one line for the user."""


# Reading


def read_text(path):
    """Reads a file, or all text files of a folder, as one normalised string.

    UTF-8 with or without a byte-order mark; CRLF and CR become LF; the characters are composed to
    Unicode's NFC. A folder is read recursively, its files in the sorted order of their relative
    POSIX paths and joined with a newline. Names that begin with a dot, `__pycache__` and whatever
    is not UTF-8 text (pictures, archives) are passed over; links to folders are not followed.

    Args:
        path: A file or a folder, as a string or a path.

    Returns:
        The text, a `str` that is not empty.

    Raises:
        TextError: If the path is missing, cannot be read, holds no text, or is one file that is
            not UTF-8 text (the message gives the byte).

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "b.txt").write_bytes(b"two\\r\\nlines")
    ...     _ = Path(folder, "a.txt").write_bytes(b"\\xef\\xbb\\xbfone")
    ...     read_text(folder)
    'one\\ntwo\\nlines'
    """
    path = Path(path)
    if os.path.isdir(path):
        text = "\n".join(_texts_in(path))
    elif os.path.isfile(path):
        text = _decode(path, _read_bytes(path))
    elif os.path.lexists(path):
        raise TextError(
            f"{path} is neither a regular file nor a folder: give a text file (UTF-8) or a folder "
            "of them"
        )
    else:
        raise TextError(
            f"{path} is missing: expected a text file (UTF-8) or a folder of them; check the path"
        )
    if not text:
        raise TextError(f"{path} is empty: expected at least one character of text; give another")
    return text


def text_sha256(text):
    """The SHA-256 of a text's UTF-8 bytes, in hexadecimal.

    Args:
        text: A `str`.

    Returns:
        64 hexadecimal digits.

    Example:

    >>> text_sha256("abc")[:16]
    'ba7816bf8f01cfea'
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _texts_in(folder):
    texts = []
    for file in _files_in(folder):
        try:
            texts.append(_decode(file, _read_bytes(file)))
        except _NotTextError:
            continue
    if not texts:
        raise TextError(
            f"{folder} holds no text files: expected at least one file of UTF-8 text in it or "
            "below it (hidden names are passed over); put one there or give another folder"
        )
    return texts


def _files_in(folder):
    files = []
    for parent, folders, names in os.walk(folder, onerror=_raise_unreadable):
        folders[:] = [name for name in folders if not _passed_over(name)]
        files += [Path(parent, name) for name in names if not _passed_over(name)]
    # os.walk's order is the file system's; isfile() keeps out pipes, whose reading would block.
    files = [file for file in files if os.path.isfile(file)]
    return sorted(files, key=lambda file: file.relative_to(folder).as_posix())


def _passed_over(name):
    return name.startswith(".") or name == "__pycache__"


def _read_bytes(file):
    try:
        return file.read_bytes()
    except OSError as error:
        _raise_unreadable(error, file)


def _raise_unreadable(error, path=None):
    raise TextError(
        f"{path or error.filename} cannot be read ({error.strerror or error}): expected a file or "
        "folder that you may read; check its permissions"
    ) from error


class _NotTextError(TextError):
    """Bytes that are not UTF-8 text."""


def _decode(file, data):
    zero = data.find(b"\0")
    if zero >= 0:
        raise _not_text(file, zero, "a NUL byte")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_text(file, error.start, f"the byte 0x{data[error.start]:02x}") from None
    text = text.removeprefix(_BOM).replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text)


def _not_text(file, offset, what):
    return _NotTextError(
        f"{file} is not UTF-8 text: {what} at byte offset {offset}, where UTF-8 was expected; save "
        "it as UTF-8 or give another file"
    )


# Characters and ids


class CharVocabulary:
    """The characters that a model knows, numbered from 0 in the order given.

    With V characters c_0 ... c_(V-1): `encode` maps a text of T characters to ids `(T,)`, and
    `decode` maps them back. A vocabulary does not change once it is made, and two are equal when
    they hold the same characters in the same order.

    Args:
        characters: A string, or any iterable of one-character strings, without repetition.

    Raises:
        TextError: If there is no character, one comes twice, or an item is not one character.

    Example:

    >>> vocabulary = CharVocabulary.from_text("hello")
    >>> vocabulary.characters, len(vocabulary)
    ('ehlo', 4)
    >>> vocabulary.encode("hole")
    array([1, 3, 2, 0], dtype=int32)
    >>> vocabulary.decode([1, 0, 2, 2, 3])
    'hello'
    """

    def __init__(self, characters):
        characters = list(characters)
        for character in characters:
            if not isinstance(character, str) or len(character) != 1:
                raise TextError(
                    "A vocabulary is made of single characters, each a string of length 1; "
                    f"received {character!r}"
                )
        if not characters:
            raise TextError("A vocabulary needs at least one character; received none")
        self.characters = "".join(characters)
        repeated = [c for c, count in Counter(characters).items() if count > 1]
        if repeated:
            raise TextError(
                "Each character of a vocabulary comes once; received more than once: "
                f"{_a_few(repeated)}"
            )
        self._codes = _code_points(self.characters)
        # Code point -> id, -1 for the unseen; the last entry stands for all code points above.
        self._ids = np.full(int(self._codes.max()) + 2, -1, dtype=np.int32)
        self._ids[self._codes] = np.arange(len(self._codes), dtype=np.int32)

    @classmethod
    def from_text(cls, text):
        """The vocabulary of the distinct characters of a text, sorted by code point.

        Args:
            text: A `str` that is not empty.

        Returns:
            A `CharVocabulary`.

        Raises:
            TextError: If the text is empty.
        """
        return cls(sorted(set(text)))

    def __len__(self):
        return len(self.characters)

    def __eq__(self, other):
        if not isinstance(other, CharVocabulary):
            return NotImplemented
        return self.characters == other.characters

    def __hash__(self):
        return hash(self.characters)

    def __repr__(self):
        return f"CharVocabulary({self.characters!r})"

    def encode(self, text):
        """Maps a text of T characters to ids.

        Args:
            text: A `str`; it may be empty.

        Returns:
            An int32 array of shape `(T,)`.

        Raises:
            TextError: If the text has characters that the vocabulary does not; it names a few.

        Example:

        >>> CharVocabulary("ab").encode("abba")
        array([0, 1, 1, 0], dtype=int32)
        >>> try:
        ...     CharVocabulary("ab").encode("abc")
        ... except TextError as error:
        ...     print(error)
        1 character is not in this vocabulary of 2: 'c'
        """
        ids = self._lookup(text)
        if (ids < 0).any():
            unseen = self.unseen(text)
            count = "1 character is" if len(unseen) == 1 else f"{len(unseen)} characters are"
            raise TextError(f"{count} not in this vocabulary of {len(self)}: {_a_few(unseen)}")
        return ids

    def unseen(self, text):
        """The distinct characters of a text that are not in the vocabulary.

        Args:
            text: A `str`.

        Returns:
            A `str`, in the order of their first appearance; empty if `encode` takes the text.

        Example:

        >>> CharVocabulary("ab").unseen("a dab, bad")
        ' d,'
        """
        missing = _code_points(text)[self._lookup(text) < 0]
        return "".join(dict.fromkeys(_characters(missing)))

    def decode(self, ids):
        """Maps T ids back to a text.

        Args:
            ids: Integers of shape `(T,)`: a list, an array, or a tensor that NumPy can read.

        Returns:
            A `str` of T characters.

        Raises:
            TextError: If the ids are not a one-dimensional array of integers, or one of them is
                not in `[0, V)`.
        """
        ids = _one_dimensional(ids)
        if ids.size and (ids.min() < 0 or ids.max() >= len(self)):
            first = ids[(ids < 0) | (ids >= len(self))][0]
            raise TextError(f"Expected ids from 0 to {len(self) - 1}; received {first}")
        return _characters(self._codes[ids])

    def save(self, path):
        """Writes the vocabulary as JSON, aside first, so that a file is never left half-written.

        Args:
            path: The file; its folder must exist. A file of that name is replaced.
        """
        path = Path(path)
        aside = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with open(aside, "w", encoding="ascii", newline="\n") as file:
                json.dump({"format": _FORMAT, "characters": self.characters}, file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise

    @classmethod
    def load(cls, path):
        """Reads a vocabulary that `save` wrote.

        Args:
            path: The file.

        Returns:
            A `CharVocabulary`, equal to the one that was saved.

        Raises:
            TextError: If the file is missing, cannot be read, is cut short, or holds no vocabulary.

        Example:

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "vocabulary.json")
        ...     CharVocabulary("abc").save(file)
        ...     CharVocabulary.load(file)
        CharVocabulary('abc')
        """
        path = Path(path)
        if not os.path.isfile(path):
            raise TextError(f"{path} is missing: expected a vocabulary that CharVocabulary.save wrote")
        try:
            content = json.loads(_read_bytes(path))
        except ValueError as error:
            if isinstance(error, TextError):
                raise
            raise TextError(
                f"{path} is cut short or damaged: expected a vocabulary in JSON ({error})"
            ) from None
        if (
            not isinstance(content, dict)
            or content.get("format") != _FORMAT
            or not isinstance(content.get("characters"), str)
        ):
            raise TextError(
                f'{path} is not a vocabulary: expected JSON with "format": "{_FORMAT}" and '
                '"characters", as CharVocabulary.save writes it'
            )
        try:
            return cls(content["characters"])
        except TextError as error:
            raise TextError(f"{path} is not a usable vocabulary: {error}") from None

    def _lookup(self, text):
        return self._ids[np.minimum(_code_points(text), len(self._ids) - 1)]


def _code_points(text):
    # "surrogatepass", because a prompt from a terminal may hold bytes that were no UTF-8.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _characters(code_points):
    return code_points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def _a_few(characters, most=8):
    shown = ", ".join(repr(c) for c in list(characters)[:most])
    return shown if len(characters) <= most else f"{shown} and {len(characters) - most} more"


def _one_dimensional(ids):
    ids = np.asarray(ids)
    if ids.ndim == 1 and ids.size == 0:
        return ids.astype(np.int32)
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise TextError(
            "Expected ids as a one-dimensional array of integers; "
            f"received shape {ids.shape} and dtype {ids.dtype}"
        )
    return ids


# Cutting


def split_text(ids, validation=0.1, test=0.1):
    """Cuts a text or its ids into three contiguous parts: training, validation, test.

    With n items the test part begins at `floor(n (1 - test))` and the validation part at
    `floor(n (1 - test - validation))`, so that a fraction of an item goes to the later part. The
    fractions are taken as the decimals that they are written as: `0.1` is one tenth exactly, and
    no binary rounding moves a boundary.

    Args:
        ids: A `str`, or a one-dimensional array of length n.
        validation: Fraction of the items in the validation part, in `[0, 1)`.
        test: Fraction of the items in the test part, in `[0, 1)`.

    Returns:
        A tuple `(train, validation, test)`, slices of `ids`; a part may be empty if n is small.

    Raises:
        TextError: If a fraction is not in `[0, 1)` or the two leave nothing to train on.

    Example:

    >>> split_text("abcdefghij", validation=0.2, test=0.1)
    ('abcdefg', 'hi', 'j')
    """
    for name, fraction in (("validation", validation), ("test", test)):
        if not 0 <= fraction < 1:
            raise TextError(f"`{name}` is a fraction from 0 to below 1; received {fraction}")
    validation, test = Fraction(str(validation)), Fraction(str(test))
    if validation + test >= 1:
        raise TextError(
            "`validation` and `test` must leave a part to train on: expected a sum below 1; "
            f"received {float(validation)} + {float(test)}"
        )
    n = len(ids)
    validation_start = int(n * (1 - test - validation))
    test_start = int(n * (1 - test))
    return ids[:validation_start], ids[validation_start:test_start], ids[test_start:]


def streams(ids, batch_size, window, offset=0):
    """Cuts ids into parallel streams for truncated back-propagation with a carried state.

    `ids[offset:]` is cut into B contiguous rows of K T ids each, and each row into K windows of T:

        x[k, b, t] = ids[offset + (b K + k) T + t]        K = floor((n - 1) / (B T))
        y[k, b, t] = ids[offset + (b K + k) T + t + 1]    n = len(ids) - offset

    Row b of window k + 1 goes on where row b of window k ended, so the state after one window is
    the state before the next. The last `n - 1 - K B T` ids are dropped, which is fewer than B T;
    another `offset` in each epoch moves the cuts.

    Args:
        ids: Integers of shape `(N,)`.
        batch_size: B, the number of rows.
        window: T, the number of steps that the gradient goes back.
        offset: How many ids to leave out at the start.

    Returns:
        A tuple `(x, y)` of int32 arrays of shape `(K, B, T)`, where `y` is the id that follows.
        They are views of `ids` if that is int32 already, so do not write to them.

    Raises:
        TextError: If not even one window fits, which takes `B T + 1` ids after the offset, or an
            argument is out of range.

    Example:

    >>> x, y = streams(np.arange(10), batch_size=2, window=2)
    >>> x.tolist()
    [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]
    >>> y.tolist()
    [[[1, 2], [5, 6]], [[3, 4], [7, 8]]]
    """
    batch_size = _at_least("batch_size", batch_size, 1)
    window = _at_least("window", window, 1)
    offset = _at_least("offset", offset, 0)
    ids = _one_dimensional(ids)[offset:].astype(np.int32, copy=False)
    windows = (len(ids) - 1) // (batch_size * window)
    if windows < 1:
        raise TextError(
            f"The text is too short for one window: {len(ids)} ids after offset {offset}, and "
            f"batch_size * window + 1 = {batch_size} * {window} + 1 = {batch_size * window + 1} "
            "are needed; give a longer text, or a smaller batch_size or window"
        )
    end = windows * batch_size * window

    def rows(flat):
        return flat.reshape(batch_size, windows, window).swapaxes(0, 1)

    return rows(ids[:end]), rows(ids[1 : end + 1])


def _at_least(name, value, least):
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise TextError(f"`{name}` is a whole number of at least {least}; received {value!r}")
    return number
