"""Finding and reading the files of captioned images: captions, the parts' lists of names, pictures."""

import os
import re
from collections import defaultdict
from pathlib import Path

from rnn_kit.datasets._files import DataError
from rnn_kit.datasets._tables import a_few, entries, read, read_table, short
from rnn_kit.text.decoding import composed

PARTS = ("train", "validation", "test")
_PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
_SPLITS = (  # patterns of the file names of each part, the families in the order of preference
    (r".*trainImages\.txt", r".*devImages\.txt", r".*testImages\.txt"),
    (r"train\.txt", r"(validation|valid|dev)\.txt", r"test\.txt"),
)
_CAPTIONS = (
    "captions.csv or captions.txt (header image,caption), captions.tsv (likewise, with tabs) or "
    "*.token.txt (lines of name.jpg#0, a tab and the caption)"
)
EXPECTED = f"a folder of images and one caption file, or that file: {_CAPTIONS}"


def caption_file(path):
    """The caption file that a path is, or that the folder of that path holds.

    Raises:
        DataError: If there is none, or more than one.
    """
    if not os.path.lexists(path):
        raise DataError(f"{path} is missing: expected {EXPECTED}; check the path")
    if os.path.isfile(path):
        return path
    if not os.path.isdir(path):
        raise DataError(f"{path} is neither a regular file nor a folder: expected {EXPECTED}")
    found = [e.name for e in entries(path) if e.is_file() and _has_captions(e.name.lower())]
    if not found:
        raise DataError(f"{path} holds no caption file: expected {_CAPTIONS}; put one in")
    if len(found) > 1:
        raise DataError(
            f"{path} holds {len(found)} caption files, {a_few(found)}: expected one; give the path of "
            "the one to read, or take the others away"
        )
    return path / found[0]


def _has_captions(name):
    # Flickr8k comes with its captions in a second file, each word as its lemma: none to learn to write.
    tokens = name.endswith(".token.txt") and not name.endswith(".lemma.token.txt")
    return tokens or name in ("captions.csv", "captions.txt", "captions.tsv")


def read_captions(path):
    """Of each image its captions, stripped, the empty ones too: a dict in the order of the file.

    Raises:
        DataError: If the file is of no known kind, or a line is not as it should be.
    """
    suffix = path.suffix.lower()
    if suffix not in (".txt", ".csv", ".tsv", ".tab"):
        raise DataError(f"{path} is not of a known kind: expected {_CAPTIONS}; rename or convert it")
    content = composed(read(path))
    first = content.lstrip("\n").partition("\n")[0]
    if path.name.lower().endswith(".token.txt") or (suffix == ".txt" and "\t" in first):
        rows = _token_lines(path, content)
    else:
        rows = _table_rows(path)
    captions = defaultdict(list)
    for name, caption in rows:
        captions[name].append(caption.strip())
    if not captions:
        raise DataError(f"{path} holds no caption: expected one or more for each image; put them in")
    return dict(captions)


def _token_lines(path, content):
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        key, tab, caption = line.partition("\t")
        name, _, index = key.strip().rpartition("#")
        if not tab:
            wrong = "has no tab"
        elif not (name and index.isdecimal()):
            wrong = "has no name, # and number before the tab"
        else:
            yield name, caption
            continue
        raise DataError(
            f"{path}, line {number}: {short(line)} {wrong}: expected lines such as name.jpg#0, a tab "
            "and the caption; correct or delete it"
        )


def _table_rows(path):
    table = read_table(path)
    header = [name.lower() for name in table.header]
    if header.count("image") != 1 or header.count("caption") != 1:
        raise DataError(
            f"{path}, line 1: the header names {a_few(table.header)}: expected one column 'image' and "
            "one 'caption'; add the header image,caption or rename columns"
        )
    image, caption = header.index("image"), header.index("caption")
    for line, fields in table.rows:
        fields = [composed(field) for field in fields]
        if table.fitted(fields, caption) is None:
            raise DataError(
                f"{path}, line {line}: expected {len(header)} fields, as in the header, found "
                f"{len(fields)}; put a field that holds the delimiter into double quotes"
            )
        fields = table.fitted(fields, caption)
        name = fields[image].strip()
        if not name:
            raise DataError(f"{path}, line {line}: expected an image's name, found none; fill it in")
        yield name, fields[caption]


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
            "validation.txt (or valid.txt, dev.txt) and test.txt, all three or none; add what is "
            "missing, or take them away for parts drawn at random"
        )
    return None


def read_split(files, captions):
    """The image names of each file, one a line.

    Args:
        files: Three paths.
        captions: The path of the caption file, for messages, and its images' names.

    Raises:
        DataError: If a name comes twice, in one part or in two, has no line in the caption file, or a
            file holds none.
    """
    caption_path, known = captions
    seen, parts = {}, []
    for path in files:
        parts.append([])
        for number, line in enumerate(composed(read(path)).split("\n"), 1):
            name = line.strip()
            if not name:
                continue
            place = f"{path}, line {number}"
            if name in seen:
                raise DataError(
                    f"{place}: {short(name, 60)} is named already in {seen[name]}: expected each image "
                    "once, in one part; delete one of the two lines"
                )
            if name not in known:
                raise DataError(
                    f"{place}: {short(name, 60)} is not an image of {caption_path}: expected names as "
                    f"they stand there, such as {short(next(iter(known)), 60)}; correct or delete it"
                )
            seen[name] = f"{path.name}, line {number}"
            parts[-1].append(name)
        if not parts[-1]:
            raise DataError(f"{path} names no image: expected one name a line; put them in")
    return parts


def pictures_in(folder, known):
    """Names to paths of the picture files in a folder, or in one of the folders in it.

    Of these places it is the one with most of the known names.
    """
    places = [folder, *(entry.path for entry in entries(folder) if entry.is_dir())]
    found = [
        {
            composed(entry.name): Path(entry.path)
            for entry in entries(place)
            if entry.name.lower().endswith(_PICTURES) and entry.is_file()
        }
        for place in places
    ]
    return max(found, key=lambda pictures: (len(pictures.keys() & known), len(pictures)))
