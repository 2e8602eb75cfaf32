"""Finds the three files of a corpus by their names, and reads a file's words."""

import functools
import itertools
import os
from pathlib import PurePosixPath

from recipe_kit.datasets import _tables
from recipe_kit.datasets._files import DataError, unreadable
from rnn_kit.text import EOS
from rnn_kit.text.decoding import NotTextError, iter_decode, normalize_nfc, open_binary

short = functools.partial(_tables.short, most=60)
a_few = functools.partial(_tables.a_few, width=60)

SPLITS = ("train", "validation", "test")
PACKED = (".gz", ".bz2", ".xz")
_VALIDATION = ("valid", "validation", "val", "dev")
_FAMILIES = (  # file names of each split, families in order of preference
    (("ptb.train.txt",), ("ptb.valid.txt",), ("ptb.test.txt",)),
    *(
        ((f"wiki.train{end}",), (f"wiki.valid{end}",), (f"wiki.test{end}",))
        for end in (".tokens", ".raw")
    ),
    *(
        ((f"train{end}",), tuple(f"{name}{end}" for name in _VALIDATION), (f"test{end}",))
        for end in (".txt", ".tokens", ".raw")
    ),
)
EXPECTED = (
    "ptb.train.txt, ptb.valid.txt and ptb.test.txt, or wiki.train.tokens, wiki.valid.tokens and "
    "wiki.test.tokens (or .raw), or train.txt, valid.txt (or validation.txt, val.txt, dev.txt) and "
    f"test.txt, each perhaps packed ({', '.join(PACKED)}), in it or in a folder data of it"
)


def texts_in_folder(folder, encoding=None):
    """Returns pairs for the texts of a folder: a name for messages, and lazily read lists of words.

    There are three, one a split; or one, if the folder holds a single file that is not named like one
    of the three.

    Raises:
        DataError: If the folder lacks a split, has two files for one, or cannot be read.
    """
    groups, found = [], []
    for below in (folder, folder / "data"):
        entries = _entries(below) if os.path.isdir(below) else []
        found += [e.relative_to(folder).as_posix() + "/" * e.is_dir() for e in entries]
        groups.append([(e.relative_to(folder).as_posix(), e) for e in entries if e.is_file()])
    return [text_of_file(path, encoding) for path in chosen(folder, groups, found)]


def text_of_file(path, encoding=None):
    """Returns such a pair for one file."""
    return path, words_of(path, lambda: open_binary(path), encoding)


def is_one_of_three(path):
    """Returns whether a file is one of the three parts of a corpus in its folder."""
    try:
        files = [(e.name, e) for e in _entries(path.parent) if e.is_file()]
        return any(e.name == path.name for e in chosen(path.parent, [files], ()))
    except DataError:
        return False


def _entries(folder):
    try:
        return sorted(e for e in folder.iterdir() if not e.name.startswith("."))
    except OSError as error:
        raise unreadable(folder, error) from error


def chosen(source, groups, found):
    """Returns the entries that stand for each split, or the one that stands for all the data.

    Args:
        source: The source, for messages.
        groups: Lists of pairs of a name and its entry, the preferred list first.
        found: Names of everything that is there, for messages.
    """
    most, missing = 0, SPLITS
    for group, family in itertools.product(groups, _FAMILIES):
        matches = [_called(names, group) for names in family]
        if all(matches):
            for split, each in zip(SPLITS, matches, strict=True):
                if len(each) > 1:
                    raise DataError(
                        f"{source} holds {len(each)} files for {split}: "
                        f"{a_few([name for name, _ in each])}; expected one: take the others away"
                    )
            return [each[0][1] for each in matches]
        present = sum(map(bool, matches))
        if present > most:
            most = present
            missing = [
                f"{split} ({' or '.join(names)})"
                for split, names, each in zip(SPLITS, family, matches, strict=True)
                if not each
            ]
    files = dict(itertools.chain(*groups))
    if not most and len(files) == len(found) == 1:
        return list(files.values())
    raise DataError(
        f"{source} has no file for {', '.join(missing)}: expected {EXPECTED}; or give one file of "
        f"text, which is cut into three; it holds {a_few(found) or 'nothing'}"
    )


def _called(names, group):
    """Returns a group's entries with one of these names; compressed ones only if there is no other."""
    matches = {True: [], False: []}
    for name, thing in group:
        file = PurePosixPath(name.lower())
        packed = file.suffix in PACKED
        if (file.stem if packed else file.name) in names:
            matches[packed].append((name, thing))
    return matches[False] or matches[True]


# Reading


def words_of(where, open_file, encoding=None):
    """Yields lists of the words of a text, with `<eos>` after each line that has any.

    Args:
        where: The place, for messages.
        open_file: A function that opens the binary file.
        encoding: As in `rnn_kit.text.check_encoding`. Default: UTF-8, or what a byte-order mark says.

    Raises:
        DataError: If the text cannot be read, or is not in that encoding.
    """
    try:
        with open_file() as file:
            yield from _words(iter_decode(file, where, encoding))
    except NotTextError as error:
        raise DataError(str(error)) from None
    except OSError as error:
        raise unreadable(where, error) from error


def _words(pieces):
    last = None  # the last word of the unfinished line
    for piece in _cut_at_white_space(pieces):
        words = []
        *lines, rest = normalize_nfc(piece).split("\n")
        for line in lines:
            found = line.split()
            words += found
            if found or last is not None:
                if (found[-1] if found else last) != EOS:
                    words.append(EOS)
                last = None
        if found := rest.split():
            words += found
            last = found[-1]
        yield words
    if last not in (None, EOS):
        yield [EOS]


def _cut_at_white_space(pieces):
    """Yields the same text in pieces that no word crosses."""
    held = []
    for piece in pieces:
        end = max(piece.rfind("\n"), piece.rfind(" ")) + 1
        if end:
            yield "".join([*held, piece[:end]])
            held = []
        held.append(piece[end:])
    yield "".join(held)
