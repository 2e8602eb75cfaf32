"""Reads text files and folders as one normalised string."""

import hashlib
import os
from pathlib import Path

from rnn_kit.text.decoding import NotTextError, decode, normalize_nfc, read_binary
from rnn_kit.text.errors import TextError

_NAMED = 5  # the most files named in a note


def read_text(path, encoding=None, notes=None):
    """Reads a file, or all text files of a folder, as one normalised string.

    The text is UTF-8 with or without a byte-order mark, UTF-16 with one, or in a named encoding; gzip,
    bzip2 and xz files are decompressed. CRLF and CR become LF; the characters are
    normalised to Unicode's NFC. A folder is read recursively, its files in the sorted order of their
    relative POSIX paths and joined with a newline. Names that begin with a dot and `__pycache__` are
    skipped, and links to folders are not followed; other files that are not text in the encoding
    (pictures, archives) are left out, and `notes` says so.

    Args:
        path: A file or a folder, as a string or a path.
        encoding: An encoding, such as `"latin-1"`. Default: UTF-8, or UTF-16 if a byte-order mark says
            so.
        notes: A list that gets a line on what was left out, if anything.

    Returns:
        The text, a `str` that is not empty.

    Raises:
        TextError: If the path is missing, cannot be read, holds no text, or is one file that is
            not text (the message gives the byte), or if the encoding is unknown.

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
        text = "\n".join(_texts_in(path, encoding, notes))
    elif os.path.isfile(path):
        text = normalize_nfc(decode(read_bytes(path), path, encoding))
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
    """Hashes a text: SHA-256 of its UTF-8 bytes, in hexadecimal.

    Args:
        text: A `str`.

    Returns:
        64 hexadecimal digits.

    Example:

    >>> text_sha256("abc")[:16]
    'ba7816bf8f01cfea'
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _texts_in(folder, encoding, notes):
    files, texts, left_out = _files_in(folder), [], []
    for file in files:
        try:
            texts.append(normalize_nfc(decode(read_bytes(file), file, encoding)))
        except NotTextError:
            left_out.append(file.relative_to(folder).as_posix())
    if not texts:
        named = f", and none of its {len(left_out):,} files is any" if left_out else ""
        raise TextError(
            f"{folder} holds no text files: expected at least one file of {encoding or 'UTF-8'} text "
            f"in it or below it (hidden names are passed over){named}; put one there, give another "
            "folder, or name the files' encoding with `encoding`"
        )
    if left_out and notes is not None:
        more = f" and {len(left_out) - _NAMED:,} more" if len(left_out) > _NAMED else ""
        notes.append(
            f"Read {len(texts):,} of {len(files):,} files in {folder}; passed over as not "
            f"{encoding or 'UTF-8'}: {', '.join(map(repr, left_out[:_NAMED]))}{more} (another "
            "encoding may be named)."
        )
    return texts


def _files_in(folder):
    files = []
    for parent, folders, names in os.walk(folder, onerror=_raise_unreadable):
        folders[:] = [name for name in folders if not _passed_over(name)]
        files += [Path(parent, name) for name in names if not _passed_over(name)]
    # os.walk's order is the file system's; isfile() excludes pipes, whose reading would block.
    files = [file for file in files if os.path.isfile(file)]
    return sorted(files, key=lambda file: file.relative_to(folder).as_posix())


def _passed_over(name):
    return name.startswith(".") or name == "__pycache__"


def read_bytes(file):
    """Reads all bytes of a file, decompressed.

    Raises:
        TextError: If the file cannot be read.
    """
    try:
        return read_binary(file)
    except OSError as error:
        _raise_unreadable(error, file)


def _raise_unreadable(error, path=None):
    raise TextError(
        f"{path or error.filename} cannot be read ({error.strerror or error}): expected a file or "
        "folder that you may read; check its permissions"
    ) from error
