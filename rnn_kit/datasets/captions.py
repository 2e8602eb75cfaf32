"""Images that people described in sentences: Flickr8k, and the user's own folder."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnn_kit.datasets._caption_files import (
    EXPECTED,
    PARTS,
    caption_file,
    pictures_in,
    read_captions,
    read_split,
    split_files,
)
from rnn_kit.datasets._files import DataError, data_folder, own_places
from rnn_kit.datasets._tables import a_few
from rnn_kit.text import cut_letters
from rnn_kit.text.decoding import composed

FLICKR8K_IMAGES = (6_000, 1_000, 1_000)  # of the three parts
FLICKR8K_CAPTIONS = 40_460  # five of each of 8,092 images, 92 of which are in no part
FLICKR8K_URL = "https://github.com/jbrownlee/Datasets"

_PUBLISHED = (
    "Hodosh, Young and Hockenmaier (2013, University of Illinois) gave the data set out on request, "
    "and there are copies of it"
)


@dataclass(frozen=True, eq=False)
class CaptionedImages:
    """N images of one part of the data, each with its captions.

    Attributes:
        names: N file names, as in the caption file.
        captions: Of each image its captions as they were written, one or more, without the white
            space at their ends and composed to Unicode's NFC.
        paths: Of each image its file, a `pathlib.Path`, or `None` where it isn't there.
    """

    names: list[str]
    captions: list[list[str]]
    paths: list[Path | None]

    def __len__(self):
        return len(self.names)

    def words(self):
        """Of each image, of each of its captions the words, as `cut_caption` finds them."""
        return [[cut_caption(caption) for caption in captions] for captions in self.captions]

    def take(self, indexes):
        """The images of these indexes, in their order, as `CaptionedImages`."""
        return CaptionedImages(
            [self.names[i] for i in indexes],
            [self.captions[i] for i in indexes],
            [self.paths[i] for i in indexes],
        )


class Captions(NamedTuple):
    """Captioned images in three parts.

    Attributes:
        train, validation, test: `CaptionedImages`.
        info: What a result should record: `name`, `sha256`, `images_train`, `images_validation`,
            `images_test` and `captions`, the number of captions of all three. The hash does not depend
            on where the files are: it is the SHA-256, in hexadecimal, of the UTF-8 bytes of a JSON
            text, a list of three lists of pairs of an image's name and the list of its captions.
        notes: A list of lines that the user should be told: what was counted, and what left out.
    """

    train: CaptionedImages
    validation: CaptionedImages
    test: CaptionedImages
    info: dict
    notes: list


def cut_caption(text):
    """The words of a caption in lower case, as `rnn_kit.text.cut_letters` finds them.

    Example:

    >>> cut_caption("A dog, wet, doesn't move .")
    ['a', 'dog', 'wet', "doesn't", 'move']
    """
    return cut_letters(text)


def load_captions(source, *, seed=0, image_names=None):
    """Captioned images by the name of the known set, or from the user's own files.

    The images are not opened: one is there if a file has its name and the suffix `.jpg`, `.jpeg`,
    `.png`, `.bmp`, `.gif` or `.webp`. Captions of images that are not there, images that have no
    caption, and captions without a word are left out, and `notes` says how many.

    Args:
        source: `"flickr8k"`, the 8,000 photos of Hodosh, Young and Hockenmaier (2013), which is looked
            for in `$RNN_KIT_DATA/flickr8k` and `flickr8k` of the data folder, is never downloaded, and
            whose published counts are checked; or a path to

            - a folder that holds one caption file: `captions.csv`, `captions.txt` or `captions.tsv`
              with a header `image,caption` (RFC 4180), or a `*.token.txt` as Flickr8k's, whose lines
              are `name.jpg#0`, a tab and the caption. Its images are in it or in one folder in it,
              whichever has most of them.
            - a caption file, whose folder is then read in the same way.

            Files beside the caption file that name the images of each part, one a line, make the
            parts: `*trainImages.txt`, `*devImages.txt` and `*testImages.txt`, or `train.txt`,
            `validation.txt` (`valid.txt`, `dev.txt`) and `test.txt`. Without them, a tenth of the
            images to validate on, a tenth for the test and the rest to train on are drawn at random.
        seed: Seed of that draw.
        image_names: Names of the images that the caller can provide, perhaps as stored features; only
            they are taken then, whether there is a file or not. `None` takes those that are files.

    Returns:
        `Captions`.

    Raises:
        DataError: If the source is unknown, cannot be had or read, or is not what it should be, or if a
            part is left without an image; the message is one line that names the place.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lines = ["image,caption", "1.jpg,A dog.", "2.jpg,A cat.", "3.jpg,A cow.", "4.jpg,A pig."]
    ...     _ = Path(folder, "captions.csv").write_text("\\n".join(lines))
    ...     data = load_captions(folder, image_names={"1.jpg", "2.jpg", "3.jpg"})
    >>> len(data.train), len(data.validation), len(data.test), data.info["captions"]
    (1, 1, 1, 3)
    >>> data.notes[0]
    "1 caption of 1 image without a picture is left out: '4.jpg'"
    """
    if source == "flickr8k":
        file = _flickr8k_file()
    elif isinstance(source, os.PathLike) or os.path.lexists(source):
        file = caption_file(Path(source))
    else:
        raise DataError(
            f"There is no data set and no file or folder called {str(source)!r}. The known set is "
            f"flickr8k; a path works too, to {EXPECTED}."
        )
    written = read_captions(file)
    files = split_files(file.parent)
    split = files and read_split(files, (file, written))
    if source == "flickr8k":
        _check_flickr8k(file, written, split)
    pictures = pictures_in(file.parent, written.keys())
    there = pictures.keys() if image_names is None else {composed(name) for name in image_names}

    captions = {name: [c for c in texts if cut_caption(c)] for name, texts in written.items()}
    usable = [name for name in captions if captions[name] and name in there]
    notes = _left_out(written, captions, there)
    if split:
        elsewhere = set(usable).difference(*split)
        if elsewhere:
            notes.append(
                f"{_count(elsewhere, 'image')} in no part of the split {_are(elsewhere)} left out"
            )
    elif len(usable) >= len(PARTS):
        split = _drawn(sorted(usable), seed)
        notes.append(f"no files name the images of each part: drawn at random, by the seed {seed}")
    usable = set(usable)
    kept = [[name for name in names if name in usable] for names in split or ([], [], [])]
    if not all(kept):
        get = _flickr8k_images(file.parent) if source == "flickr8k" else None
        raise DataError(_too_few(file, captions, usable, pictures, image_names, kept, get))

    parts = [
        CaptionedImages(
            names, [captions[name] for name in names], [pictures.get(name) for name in names]
        )
        for names in kept
    ]
    total = sum(len(captions[name]) for names in kept for name in names)
    counts = {f"images_{part}": len(names) for part, names in zip(PARTS, kept, strict=True)}
    info = {"name": str(source), "sha256": _sha256(parts), **counts, "captions": total}
    train, validation, test = (f"{count:,}" for count in counts.values())
    notes.append(
        f"{sum(counts.values()):,} images with {total:,} captions: {train} to train on, {validation} "
        f"to validate on, {test} for the test"
    )
    return Captions(*parts, info, notes)


def _drawn(names, seed):
    """Names in three parts, a tenth in each of the last two, and at least one."""
    names = np.random.default_rng(seed).permutation(names).tolist()
    held = max(1, len(names) // 10)
    return names[: -2 * held], names[-2 * held : -held], names[-held:]


def _sha256(parts):
    pairs = [list(zip(part.names, part.captions, strict=True)) for part in parts]
    return hashlib.sha256(json.dumps(pairs, ensure_ascii=False).encode()).hexdigest()


# What the user is told


def _left_out(written, captions, there):
    notes = []
    empty = [text for name in written for text in written[name] if not cut_caption(text)]
    if empty:
        notes.append(f"{_count(empty, 'caption')} without a word {_are(empty)} left out")
    missing = [name for name, texts in captions.items() if texts and name not in there]
    lost = [caption for name in missing for caption in captions[name]]
    if lost:
        notes.append(
            f"{_count(lost, 'caption')} of {_count(missing, 'image')} without a picture {_are(lost)} "
            f"left out: {a_few(missing)}"
        )
    silent = [name for name in there if not captions.get(name)]
    if silent:
        notes.append(f"{_count(silent, 'image')} without a caption {_are(silent)} left out")
    return notes


def _count(things, noun):
    return f"{len(things):,} {noun}{'' if len(things) == 1 else 's'}"


def _are(things):
    return "is" if len(things) == 1 else "are"


def _too_few(file, captions, usable, pictures, image_names, kept, get):
    """Why a part has no image, and what to do."""
    lacking = [part for part, names in zip(PARTS, kept, strict=True) if not names]
    if image_names is not None:
        found = f"the {len(image_names):,} names of images that can be provided"
        advice = "give the features of the images that it names"
    else:
        found = "no picture file there or in a folder there"
        if pictures:
            folder = next(iter(pictures.values())).parent
            found = f"{_count(pictures, 'picture file')} in {folder}"
        advice = get or f"put the images into {file.parent}, or into one folder in it, such as Images"
        advice += (
            ", or give a file of the images' features in their place (`--features`), or use `--data "
            "shapes`, which needs no data"
        )
    return (
        f"{len(usable):,} of {_count(captions, 'image')} of {file} {_are(usable)} there with a "
        f"caption, too few for: {', '.join(lacking)}. Expected one or more in each part, such as "
        f"{a_few(list(captions)[:2])}, found {found}; {advice}."
    )


# Flickr8k


def _flickr8k_file():
    tried = []
    target = data_folder() / "flickr8k" / "Flickr8k.token.txt"
    for place in own_places(target, tried):
        if os.path.isfile(place):
            return place
        tried.append(f"{place} (no such file)")
    raise DataError(
        "Flickr8k's captions are not on this machine; its photos belong to their owners, and nothing "
        f"is downloaded. Tried: {'; '.join(tried)}. {_PUBLISHED}, such as {FLICKR8K_URL} "
        "(Flickr8k_text.zip): put Flickr8k.token.txt and Flickr_8k.{train,dev,test}Images.txt into "
        f"{target.parent}, or use `--data shapes`, which needs no data."
    )


def _flickr8k_images(folder):
    return (
        f"put the photos into {folder / 'Images'}: {_PUBLISHED}, such as {FLICKR8K_URL} "
        "(Flickr8k_Dataset.zip)"
    )


def _check_flickr8k(file, written, split):
    if not split:
        raise DataError(
            f"{file.parent} holds no files that name the images of each part: expected "
            "Flickr_8k.trainImages.txt, Flickr_8k.devImages.txt and Flickr_8k.testImages.txt, of "
            f"Flickr8k_text.zip; put them in, or use `--data {file.parent}` for parts drawn at random"
        )
    rows = [
        (f"images of the {part} part", len(names), expected)
        for part, names, expected in zip(PARTS, split, FLICKR8K_IMAGES, strict=True)
    ]
    rows.append((f"captions in {file.name}", sum(map(len, written.values())), FLICKR8K_CAPTIONS))
    wrong = [
        f"{found:,} {what}, {abs(found - expected):,} {'more' if found > expected else 'fewer'} than "
        f"{expected:,}"
        for what, found, expected in rows
        if found != expected
    ]
    if wrong:
        raise DataError(
            f"{file.parent} does not hold Flickr8k as published: {'; '.join(wrong)}. Replace the files "
            f"by those of Flickr8k_text.zip ({FLICKR8K_URL}), or use `--data {file.parent}` to take "
            "them as they are."
        )
