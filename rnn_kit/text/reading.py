"""Reading text files and folders as one normalised string."""

import hashlib
import os
import unicodedata
from pathlib import Path

from rnn_kit.text.errors import TextError

_BOM = "\ufeff"


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
        text = _decode(path, read_bytes(path))
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
            texts.append(_decode(file, read_bytes(file)))
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


def read_bytes(file):
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
