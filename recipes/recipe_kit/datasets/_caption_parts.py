"""Splits captioned images into parts: as files name them, or at random."""

import re

import numpy as np

from recipe_kit.datasets._caption_images import Names, plain_name
from recipe_kit.datasets._files import DataError
from recipe_kit.datasets._tables import a_few, count_of, entries, is_or_are, read, short
from rnn_kit.text.decoding import normalize_nfc

PARTS = ("train", "validation", "test")
_SPLITS = (  # patterns of the file names of each part, families in order of preference
    (r".*trainImages\.txt", r".*devImages\.txt", r".*testImages\.txt"),
    (r"train\.txt", r"(validation|valid|val|dev)\.txt", r"test\.txt"),
)


def split_files(folder):
    """Returns the three files that name the images of each part, or `None` if there are none.

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
    """Returns the image names of each file, one a line, in the caption file's spelling.

    Args:
        files: Three paths.
        captions: The path of the caption file, for messages, and its images' names.
        encoding: The files' encoding.

    Raises:
        DataError: If a name occurs twice, in one part or in two, or has no line in the caption file, or
            a file has no name.
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


def split_images(listed, written, usable, file_name, seed, notes):
    """Splits the usable images into parts: by lists or the caption file, else at random.

    Args:
        listed: Three lists of names, or `None` if no files list them.
        written: The caption file's content, `Written`.
        usable: Names of the images that exist and have a caption.
        file_name: The caption file's name, for notes.
        seed: Seed of the draw.
        notes: A list that collects lines on the split.

    Returns:
        Three lists of names, of which some may be empty.
    """
    if not listed and written.parts:
        notes.append(f"{file_name} tells the part of each image")
        listed = [[n for n in written.captions if written.parts.get(n) == part] for part in PARTS]
    if listed:
        elsewhere = set(usable).difference(*listed)
        if elsewhere:
            left_out = f"{is_or_are(elsewhere)} left out"
            notes.append(f"{count_of(elsewhere, 'image')} in no part of the split {left_out}")
        listed = _completed(listed, set(usable), seed, notes)
    elif len(usable) >= len(PARTS):
        listed = _drawn(sorted(usable), seed)
        notes.append(f"no files name the images of each part: drawn at random, by the seed {seed}")
    else:
        listed = [[] for _ in PARTS]
    usable = set(usable)
    return [[name for name in names if name in usable] for names in listed]


def _drawn(names, seed):
    """Returns names in three parts, with a tenth, at least one, in each of the last two."""
    names = np.random.default_rng(seed).permutation(names).tolist()
    held = max(1, len(names) // 10)
    return names[: -2 * held], names[-2 * held : -held], names[-held:]


def _completed(split, usable, seed, notes):
    """Returns the split with a tenth of the training part, at least one, in each empty part."""
    train, *others = split
    lacking = [part for part, names in zip(PARTS[1:], others, strict=True) if not names]
    if not lacking:
        return split
    names = [name for name in train if name in usable]
    held = max(1, len(names) // 10)
    drawn = np.random.default_rng(seed).permutation(sorted(names)).tolist()[: held * len(lacking)]
    notes.append(
        f"no image is in the part of: {', '.join(lacking)}; {count_of(drawn, 'image')} to train on "
        f"{is_or_are(drawn)} taken for it, drawn at random by the seed {seed}"
    )
    chunks = iter([drawn[:held], drawn[held:]])
    taken = set(drawn)
    return [[n for n in train if n not in taken], *(names or next(chunks) for names in others)]
