"""Reads Python's own standard-library source in place: real text that needs no download."""

import hashlib
import os
import re
import sysconfig
from pathlib import Path

from recipe_kit.datasets._files import DataError, check_limit

# Folders left out, wherever they are.
_FOLDERS_OUT = {
    "__pycache__",
    "site-packages",  # other people's packages
    "dist-packages",
    "test",  # more text than the library itself, and much of it made-up data
    "tests",
    "idle_test",
    "encodings",  # mostly tables of code points, written by a program
    "pydoc_data",  # the language reference as one dictionary, written by Sphinx
}
# Files left out: generated tables, and files added by one build or machine.
_FILES_OUT = {
    "stringprep.py",
    "re/_casefix.py",
    "html/entities.py",
    "sitecustomize.py",
    "usercustomize.py",
}
_BUILD = re.compile(r"_sysconfigdata|config-\d")

_PLAIN_LINE = re.compile(r"[ -~]*")


def load(limit=None):
    """Returns the source of this Python's standard library as one text.

    Takes every `.py` file under `sysconfig.get_path("stdlib")`, except tests, generated tables
    (codecs, HTML entities, the pydoc topics), the build's own configuration, and files that are not
    UTF-8. In each file a tab becomes four spaces, trailing white space is removed, and a line with
    any character beyond printable ASCII is dropped: in Python 3.11 these are 24
    lines of 276,000, whose 72 characters would nearly double the vocabulary. At most 96 distinct
    characters remain, the printable ones and the newline. An empty line stands between two files.

    The files are ordered by the SHA-256 of their relative path: fixed, but shuffled, so that the
    first `limit` characters are a fair sample and not all of `_` to `asyncio`. The text depends on
    the Python version and its distributor, so record its hash.

    Args:
        limit: Number of characters to take from the start, or `None` for all: some 10
            million in Python 3.11.

    Returns:
        A `str`, shorter than `limit` if there is no more.

    Raises:
        DataError: If this Python comes without its source, or `limit` is below 1.

    Example:

    >>> text = load(limit=1000)
    >>> len(text), text.isascii(), "\\t" in text
    (1000, True, False)
    """
    limit = check_limit(limit)
    folder = Path(sysconfig.get_path("stdlib"))
    texts, length = [], 0
    for name in _shuffled(_source_files(folder)):
        text = _clean_text(folder / name)
        if not text:
            continue
        texts.append(text)
        length += len(text) + 1
        if limit is not None and length > limit:
            break
    if not texts:
        raise DataError(
            f"This Python has no standard-library source in {folder} (it may be kept in a zip "
            "archive or be frozen into the program). Run an ordinary installation of Python, or "
            "give a text file or a folder of your own with --data."
        )
    return "\n".join(texts)[:limit]


def _source_files(folder):
    """Yields relative POSIX paths of the files to read, in no particular order."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _FOLDERS_OUT]
        for name in names:
            path = Path(parent, name).relative_to(folder).as_posix()
            if name.endswith(".py") and path not in _FILES_OUT and not _BUILD.match(path):
                yield path


def _shuffled(paths):
    return sorted(paths, key=lambda path: hashlib.sha256(path.encode()).digest())


def _clean_text(file):
    """Returns the text of one file, ending in one newline, or "" if it has none."""
    try:
        source = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""
    # Not splitlines(), which also cuts at form feeds and other separators.
    lines = source.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ").split("\n")
    text = "\n".join(line.rstrip() for line in lines if _PLAIN_LINE.fullmatch(line)).strip("\n")
    return text + "\n" if text else ""
