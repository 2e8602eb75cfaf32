"""Finds caption files of images, and reads them into one form."""

import os
import posixpath
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from recipe_kit.datasets import _caption_forms as forms
from recipe_kit.datasets._caption_images import is_image, plain_name
from recipe_kit.datasets._files import DataError
from recipe_kit.datasets._tables import PACKED, TABLES, a_few, entries, read, short, suffix_of
from rnn_kit.text.decoding import normalize_nfc

EXPECTED = (
    "a folder of images and one caption file, or that file: a table such as captions.csv (header "
    "image,caption) or metadata.jsonl, *.token.txt (lines of name.jpg#0, a tab and the caption), a "
    "JSON file as COCO's or Karpathy's, or a .txt file beside each image"
)
_NAMED = (  # names of files that hold captions, the surest first
    r"captions\.(csv|tsv|tab|txt|json|jsonl|ndjson)|.*\.token(\.txt)?",
    r"(metadata|results)\.(csv|tsv|tab|jsonl|ndjson)|dataset(_.*)?\.json|captions_.*\.json",
    r".*\.(csv|tsv|tab|jsonl|ndjson)",
)
_LEMMAS = ".lemma.token.txt"  # Flickr8k's second file has lemmas: not to be learned
_TEXTS = (".txt", ".caption")
_PART_OF = {  # names of parts; Karpathy's "restval" is commonly used for training
    **dict.fromkeys(("train", "training", "restval"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


class Written(NamedTuple):
    """The content of caption files.

    Attributes:
        captions: Images' names, from `plain_name`, to lists of stripped captions, including empty ones,
            in the file's order.
        parts: Images' names to their parts, if the file states them.
        notes: Lines on what was left out.
    """

    captions: dict
    parts: dict
    notes: list


def caption_files(path):
    """Returns the caption files that a path means, and the folder of their images.

    Returns:
        A tuple of a list of caption files: one, or one for each part, or the folder with a text beside
        each image; and the folder in which to look for images.

    Raises:
        DataError: If there is none, or more than one but not one for each part.
    """
    if not os.path.lexists(path):
        raise DataError(f"{path} is missing: expected {EXPECTED}; check the path")
    if os.path.isfile(path):
        # As COCO's archives are unpacked: annotations/ beside the folders of images.
        return [path], path.parent.parent if path.parent.name == "annotations" else path.parent
    if not os.path.isdir(path):
        raise DataError(f"{path} is neither a regular file nor a folder: expected {EXPECTED}")
    here = entries(path)
    below = [entry.path for entry in here if entry.is_dir()]
    found = _named(here, _NAMED[:2])
    if not found and any(map(_texts_beside, [path, *below])):
        return [path], path
    found = found or _named([entry for folder in below for entry in entries(folder)], _NAMED[:2])
    found = found or _named(here, _NAMED[2:])
    if not found:
        raise DataError(f"{path} holds no caption file: expected {EXPECTED}; put one in")
    found = [Path(file) for file in found]
    parts = [_part_by_name(file, path) for file in found]
    if len(found) > 1 and (None in parts or len(set(parts)) < len(parts)):
        names = a_few([str(file.relative_to(path)) for file in found])
        raise DataError(
            f"{path} holds {len(found)} caption files, {names}: expected one, or one for each part "
            "that is called by it; give the path of the one to read, or take the others away"
        )
    return found, path


def _part_by_name(file, folder):
    """Returns the part named by a file or its folder, such as `captions_val2017.json`, or `None`."""
    words = re.split("[^a-z]+", str(file.relative_to(folder)).lower())
    found = {_PART_OF[word] for word in words if word in _PART_OF}
    return found.pop() if len(found) == 1 else None


def _named(inside, patterns):
    """Returns the paths of the files that match the first pattern with any match."""
    files = {entry.path: _unpacked(entry.name) for entry in inside if entry.is_file()}
    for pattern in patterns:
        found = [path for path, name in files.items() if re.fullmatch(pattern, name)]
        found = [path for path in found if not files[path].endswith(_LEMMAS)]
        if found:
            return found
    return []


def _unpacked(name):
    """Returns a file name in lower case, without the suffix of a compressed file."""
    name = name.lower()
    return name.removesuffix(next((suffix for suffix in PACKED if name.endswith(suffix)), ""))


def read_captions(files, folder, encoding=None):
    """Reads caption files, as `Written`.

    Args:
        files, folder: From `caption_files`.
        encoding: Their encoding.

    Raises:
        DataError: If a file is of no known kind, or a line is malformed.
    """
    notes, captions, parts = [], defaultdict(list), {}
    for path in files:
        count = len(captions)
        told = _part_by_name(path, folder) if len(files) > 1 else None
        inner = ""
        if path != folder and _unpacked(path.name).startswith("metadata."):
            inner = path.parent.relative_to(folder)  # the folder of the images that it names
        for name, texts, part in _rows(path, encoding, notes):
            name = plain_name(os.path.join(inner, plain_name(name)))
            captions[name] += [normalize_nfc(text).strip() for text in texts]
            its = _PART_OF.get(part.strip().lower(), told)
            if its and parts.setdefault(name, its) != its:
                raise DataError(
                    f"{path}: {short(name, 60)} is in the {parts[name]} part and in the {its} part: "
                    "expected each image in one; correct its rows"
                )
        if len(captions) == count:
            raise DataError(
                f"{path} holds no caption: expected one or more for each image; put them in"
            )
    return Written(dict(captions), parts, notes)


def _rows(path, encoding, notes):
    """Returns triples of an image's name, a list of captions, and the name of a part or ""."""
    suffix = suffix_of(path)
    if os.path.isdir(path):
        return _beside_the_images(path, encoding)
    if suffix == ".json":
        return forms.from_json(path, encoding, notes)
    if suffix in (".txt", ".token"):
        content = read(path, encoding)
        first = content.lstrip("\n").partition("\n")[0]
        named = _unpacked(path.name).endswith((".token.txt", ".token"))
        if named or ("\t" in first and not forms.columns(first.split("\t"))):
            return forms.from_lines(path, normalize_nfc(content))
    if suffix in (".txt", *TABLES):
        return forms.from_table(path, encoding, notes)
    raise DataError(f"{path} is not of a known kind: expected {EXPECTED}; rename or convert it")


# Texts beside images


def _texts_beside(folder):
    """Returns images' names to the texts beside them; of two images with one stem the first."""
    files = [entry for entry in entries(folder) if entry.is_file()]
    texts = {
        os.path.splitext(entry.name)[0]: entry.path
        for entry in files
        if entry.name.lower().endswith(_TEXTS)
    }
    images = [entry.name for entry in files if is_image(entry.name)]
    named = {os.path.splitext(name)[0]: name for name in reversed(images)}
    return {name: texts[stem] for stem, name in sorted(named.items()) if stem in texts}


def _beside_the_images(folder, encoding):
    """Yields one caption for each line of each text, in the folder and its subfolders."""
    for place in ["", *(entry.name for entry in entries(folder) if entry.is_dir())]:
        for name, text in _texts_beside(os.path.join(folder, place)).items():
            lines = [line for line in read(text, encoding).split("\n") if line.strip()]
            yield posixpath.join(place, name), lines or [""], ""
