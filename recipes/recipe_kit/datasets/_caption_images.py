"""Matches the image names in a caption file with image files."""

import os
import posixpath
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from recipe_kit.datasets._tables import entries
from rnn_kit.text.decoding import normalize_nfc

SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")


# Names

_BYTES = {0xDC00 + byte: byte for byte in range(0x80, 0x100)}  # Python's surrogate for such a byte


def plain_name(name):
    r"""Returns an image's name in the normalised form in which names are compared.

    The form is composed, with `/` between folders and no `./`. A byte of a file name that is not UTF-8
    becomes its Latin-1 character.

    Example:

    >>> plain_name(r" .\Images\1.jpg")
    'Images/1.jpg'
    """
    if not name.isascii():
        name = normalize_nfc(name.translate(_BYTES).encode("utf-8", "replace").decode())
    name = name.strip().replace("\\", "/")
    return posixpath.normpath(name) if name else ""


def is_image(name):
    """Returns whether a file name has the suffix of an image, in any case."""
    return name.lower().endswith(SUFFIXES)


def stem(name):
    """Returns a name without folders, without an image's suffix, and in lower case."""
    name = posixpath.basename(name).casefold()
    return posixpath.splitext(name)[0] if is_image(name) else name


class Names:
    """Names of images as people write them, to be matched with available names.

    Matches by the whole name, then by the file name without folders, then ignoring case, then ignoring
    an image's suffix. A name that is ambiguous under a rule, on either side, is matched only by the
    rules before it.

    Args:
        names: An iterable of names from `plain_name`.

    Example:

    >>> Names(["Images/1.JPG", "2"]).matched(["1.jpg", "2.jpg", "3.jpg"])
    {'Images/1.JPG': '1.jpg', '2': '2.jpg'}
    """

    def __init__(self, names):
        names = list(dict.fromkeys(names))
        self._by_key = [_only(names, key) for key in _KEYS]

    def matched(self, there):
        """Returns a dict of names to those of `there` that they mean, no two to the same one."""
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
    """Returns a dict of keys to the only name with that key, or to `None` if several have it."""
    only = {}
    for name in names:
        value = key(name)
        only[value] = None if value in only else name
    return only


# Images


class ImageFiles(NamedTuple):
    """Image files.

    Attributes:
        paths: Names to the files that they mean.
        unnamed: The other image files of the same folders; if there are no `paths`, those of the
            folder with most images.
    """

    paths: dict
    unnamed: list


def find_images(folder, names):
    """Finds the image files that names mean.

    A name with a folder means the file in that folder, below `folder` or below a folder in it, if there
    is such a folder. Other names are looked for in `folder` and its subfolders, starting with the one
    that has most of them.

    Args:
        folder: The path.
        names: Names from `plain_name`.

    Returns:
        `ImageFiles`.
    """
    below = [Path(folder), *(Path(entry.path) for entry in entries(folder) if entry.is_dir())]
    held = {place: _images_of(place) for place in below}
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
                held[place] = _images_of(place)
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
    return ImageFiles(found, [path for path in there if path not in used])


def _images_of(folder):
    """Returns a dict of names to paths of the image files of one folder."""
    return {
        plain_name(entry.name): Path(entry.path)
        for entry in entries(folder)
        if is_image(entry.name) and entry.is_file()
    }
