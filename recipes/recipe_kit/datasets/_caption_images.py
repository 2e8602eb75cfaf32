"""The pictures that a caption file speaks of, and the files that name those of each part."""

import os
import posixpath
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from recipe_kit.datasets._files import DataError
from recipe_kit.datasets._tables import a_few, entries, read, short
from rnn_kit.text.decoding import normalize_nfc

PARTS = ("train", "validation", "test")
PICTURES = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_SPLITS = (  # patterns of the file names of each part, the families in the order of preference
    (r".*trainImages\.txt", r".*devImages\.txt", r".*testImages\.txt"),
    (r"train\.txt", r"(validation|valid|val|dev)\.txt", r"test\.txt"),
)


# Names

_BYTES = {0xDC00 + byte: byte for byte in range(0x80, 0x100)}  # what Python makes of such a byte


def plain_name(name):
    r"""A picture's name in the one form in which names are compared.

    It is composed, has `/` between folders, and no `./`. A byte of a file name that is not UTF-8 is the
    Latin-1 character of its number.

    Example:

    >>> plain_name(r" .\Images\1.jpg")
    'Images/1.jpg'
    """
    if not name.isascii():
        name = normalize_nfc(name.translate(_BYTES).encode("utf-8", "replace").decode())
    name = name.strip().replace("\\", "/")
    return posixpath.normpath(name) if name else ""


def is_picture(name):
    """Whether a file name has the suffix of a picture, in any case."""
    return name.lower().endswith(PICTURES)


def stem(name):
    """A name without folders, without the suffix of a picture, and in lower case."""
    name = posixpath.basename(name).casefold()
    return posixpath.splitext(name)[0] if is_picture(name) else name


class Names:
    """Names of pictures as people write them, to be matched with names that there are.

    The whole name goes first, then the file name without its folders, then upper case is as lower case,
    then the suffix of a picture may be another or lack. A name that could be two of those that there
    are, or that shares the one with another name, is matched by what comes before only.

    Args:
        names: An iterable of names, each of `plain_name`.

    Example:

    >>> Names(["Images/1.JPG", "2"]).matched(["1.jpg", "2.jpg", "3.jpg"])
    {'Images/1.JPG': '1.jpg', '2': '2.jpg'}
    """

    def __init__(self, names):
        names = list(dict.fromkeys(names))
        self._by_key = [_only(names, key) for key in _KEYS]

    def matched(self, there):
        """A dict of names to those of `there` that they mean; no two mean the same one."""
        there = list(dict.fromkeys(there))
        found = {}
        for key, names in zip(_KEYS, self._by_key, strict=True):
            for value, one in _only(there, key).items():
                name = names.get(value)
                if name is not None and one is not None:
                    found.setdefault(name, one)
        return found


_KEYS = (str, posixpath.basename, lambda name: posixpath.basename(name).casefold(), stem)


def _only(names, key):
    """Keys to the one name that has it, or to `None` where several have."""
    only = {}
    for name in names:
        value = key(name)
        only[value] = None if value in only else name
    return only


# Pictures


class Pictures(NamedTuple):
    """Picture files.

    Attributes:
        paths: Names to the files that they mean.
        unnamed: The other picture files of the folders that these lie in; where there are none, those
            of the folder with most of them.
    """

    paths: dict
    unnamed: list


def pictures_in(folder, names):
    """Finds the picture files that names mean.

    A name with a folder means the one in that folder, below `folder` or below a folder in it, if there
    is such a folder. Otherwise they are looked for in `folder` and the folders in it; the one with most
    of them goes first.

    Args:
        folder: The path.
        names: Names of `plain_name`.

    Returns:
        `Pictures`.
    """
    below = [Path(folder), *(Path(entry.path) for entry in entries(folder) if entry.is_dir())]
    held = {place: _pictures_of(place) for place in below}
    in_folders = defaultdict(dict)  # folders that names name: file names to whole names
    for name in names:
        inner, file = posixpath.split(name)
        if inner:
            in_folders[inner][file] = name
    found, sought = {}, set(names)
    for inner, files in in_folders.items():
        place = next((place / inner for place in below if os.path.isdir(place / inner)), None)
        if place is not None:
            if place not in held:
                held[place] = _pictures_of(place)
            for file, there in Names(files).matched(held[place]).items():
                found[files[file]] = held[place][there]
            sought.difference_update(files.values())
    wanted = Names(names)
    matched = {place: wanted.matched(its) for place, its in held.items()}
    used = set(found.values())
    for place in sorted(held, key=lambda place: (-len(matched[place]), -len(held[place]))):
        for name, there in matched[place].items():
            if name in sought and held[place][there] not in used:
                found[name] = held[place][there]
                used.add(found[name])
                sought.discard(name)
    places = {path.parent for path in used} or {max(held, key=lambda place: len(held[place]))}
    there = [path for place in held if place in places for path in held[place].values()]
    return Pictures(found, [path for path in there if path not in used])


def _pictures_of(folder):
    """Names to paths of the picture files of one folder."""
    return {
        plain_name(entry.name): Path(entry.path)
        for entry in entries(folder)
        if is_picture(entry.name) and entry.is_file()
    }


# Parts


def split_files(folder):
    """The three files that name the images of each part, or `None` where there are none.

    Raises:
        DataError: If the folder has some of the three, or two for one part.
    """
    names = [entry.name for entry in entries(folder) if entry.is_file()]
    missing = None
    for patterns in _SPLITS:
        found = [[n for n in names if re.fullmatch(p, n, re.IGNORECASE)] for p in patterns]
        for part, files in zip(PARTS, found, strict=True):
            if len(files) > 1:
                raise DataError(
                    f"{folder} holds {len(files)} files that name the images of the {part} part, "
                    f"{a_few(files)}: expected one; take the others away"
                )
        if all(found):
            return [folder / files[0] for files in found]
        if any(found):
            there = a_few([file for files in found for file in files])
            lacking = ", ".join(part for part, files in zip(PARTS, found, strict=True) if not files)
            missing = f"{folder} holds {there}, and no file that names the images of: {lacking}"
    if missing:
        raise DataError(
            f"{missing}. Expected *trainImages.txt, *devImages.txt and *testImages.txt, or train.txt, "
            "validation.txt (or valid.txt, val.txt, dev.txt) and test.txt, all three or none; add what "
            "is missing, or take them away for parts drawn at random"
        )
    return None


def read_split(files, captions, encoding=None):
    """The image names of each file, one a line, as the caption file writes them.

    Args:
        files: Three paths.
        captions: The path of the caption file, for messages, and its images' names.
        encoding: Of the files.

    Raises:
        DataError: If a name comes twice, in one part or in two, has no line in the caption file, or a
            file holds none.
    """
    caption_path, known = captions
    lines = [
        (path, number, line.strip())
        for path in files
        for number, line in enumerate(normalize_nfc(read(path, encoding)).split("\n"), 1)
        if line.strip()
    ]
    meant = Names(plain_name(name) for _, _, name in lines).matched(known)
    seen, parts = {}, {path: [] for path in files}
    for path, number, written in lines:
        name = meant.get(plain_name(written))
        place = f"{path}, line {number}"
        if name in seen:
            raise DataError(
                f"{place}: {short(written, 60)} is named already in {seen[name]}: expected each image "
                "once, in one part; delete one of the two lines"
            )
        if name is None:
            raise DataError(
                f"{place}: {short(written, 60)} is not an image of {caption_path}: expected names as "
                f"they stand there, such as {short(next(iter(known)), 60)}; correct or delete it"
            )
        seen[name] = f"{path.name}, line {number}"
        parts[path].append(name)
    for path, named in parts.items():
        if not named:
            raise DataError(f"{path} names no image: expected one name a line; put them in")
    return list(parts.values())
