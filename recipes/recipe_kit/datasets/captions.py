"""Images that people described in sentences: Flickr8k, and the user's own folder."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from recipe_kit.datasets import _flickr8k
from recipe_kit.datasets._caption_files import EXPECTED, caption_files, read_captions
from recipe_kit.datasets._caption_images import (
    PARTS,
    Names,
    pictures_in,
    plain_name,
    read_split,
    split_files,
)
from recipe_kit.datasets._files import DataError
from recipe_kit.datasets._tables import a_few
from rnn_kit.text import tokenize_alphanumeric


@dataclass(frozen=True, eq=False)
class CaptionedImages:
    """N images of one part of the data, each with its captions.

    Attributes:
        names: N names, as the caption file writes them, with `/` between folders; or, of images that
            the caller provides, as the caller names them.
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

    def without(self, unreadable):
        """The same without some images, as `Captions`, with a note that counts and names them.

        Args:
            unreadable: Names of images to what is wrong with each; it may be empty.

        Raises:
            DataError: If a part is left without an image.
        """
        if not unreadable:
            return self
        kept = [
            part.take([n for n, name in enumerate(part.names) if name not in unreadable])
            for part in self[:3]
        ]
        verb = "is" if len(unreadable) == 1 else "are"
        left_out = (
            f"{_count(unreadable, 'image')} that cannot be read {verb} left out: "
            f"{a_few(list(unreadable))}; {next(iter(unreadable.values()))}"
        )
        for name, part in zip(PARTS, kept, strict=True):
            if not part:
                raise DataError(f"no image is left in the {name} part: {left_out}")
        return _with_info(kept, self.info["name"], [*self.notes[:-1], left_out])


def _with_info(parts, name, notes):
    """`Captions` of three parts, with what a result should record and the note on their sizes."""
    total = sum(len(captions) for part in parts for captions in part.captions)
    counts = {f"images_{name}": len(part) for name, part in zip(PARTS, parts, strict=True)}
    info = {"name": name, "sha256": _sha256(parts), **counts, "captions": total}
    train, validation, test = (f"{count:,}" for count in counts.values())
    sizes = (
        f"{sum(counts.values()):,} images with {total:,} captions: {train} to train on, {validation} "
        f"to validate on, {test} for the test"
    )
    return Captions(*parts, info, [*notes, sizes])


def cut_caption(text):
    """The words of a caption in lower case, as `rnn_kit.text.tokenize_alphanumeric` finds them.

    Example:

    >>> cut_caption("A dog, wet, doesn't move .")
    ['a', 'dog', 'wet', "doesn't", 'move']
    """
    return tokenize_alphanumeric(text)


def load_captions(source, *, seed=0, image_names=None, encoding=None):
    """Captioned images by the name of the known set, or from the user's own files.

    The images are not opened: one is there if a file with a picture's suffix has its name. A name with
    another suffix or none, in upper or lower case, or with other folders before it, means the one file
    that it can mean. Captions of images that are not there, images that have no caption, and captions
    without a word are left out, and `notes` says how many.

    Args:
        source: `"flickr8k"`, the 8,000 photos of Hodosh, Young and Hockenmaier (2013), which is looked
            for in `$RNN_KIT_DATA/flickr8k` and `flickr8k` of the data folder, is never downloaded, and
            whose published counts are checked; or a path to

            - a folder that holds one caption file, or has one in a folder in it: a table whose header
              names a column of images and one of captions (`captions.csv`, `metadata.jsonl`, ...), the
              lines of Flickr8k's `*.token.txt` or Flickr30k's `*.token`, or a JSON file as COCO's or
              Karpathy's; `docs/data.md` has them all. Its images are in it or in folders in it. It may
              be one file for each part, whose name or folder tells the part.
            - a folder in which a `.txt` file of the same name stands beside each image, with a caption
              a line.
            - a caption file, whose folder is then read in the same way.

            Files beside the caption file that name the images of each part, one a line, make the
            parts: `*trainImages.txt`, `*devImages.txt` and `*testImages.txt`, or `train.txt`,
            `validation.txt` (`valid.txt`, `val.txt`, `dev.txt`) and `test.txt`. Otherwise the caption
            file's own parts do, if it has any. Whatever part there is none of is drawn at random: a
            tenth of the images to validate on, and a tenth for the test.
        seed: Seed of that draw.
        image_names: Names of the images that the caller can provide, perhaps as stored features; only
            they are taken then, whether there is a file or not. `None` takes those that are files.
        encoding: Of the captions and lists of names, such as `"latin-1"`. Default: UTF-8, or UTF-16
            where a byte-order mark says so.

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
        files = [_flickr8k.caption_file()]
        folder = files[0].parent
    elif isinstance(source, os.PathLike) or os.path.lexists(source):
        files, folder = caption_files(Path(source))
    else:
        raise DataError(
            f"There is no data set and no file or folder called {str(source)!r}. The known set is "
            f"flickr8k; a path works too, to {EXPECTED}."
        )
    written = read_captions(files, folder, encoding)
    file = files[0] if len(files) == 1 else folder
    lists = split_files(file if os.path.isdir(file) else file.parent)
    split = lists and read_split(lists, (file, written.captions), encoding)
    if source == "flickr8k":
        _flickr8k.check(file, written.captions, split)
    pictures = pictures_in(folder, written.captions)
    there, given = pictures.paths, pictures.unnamed  # what names mean, and what no name means
    if image_names is not None:
        given = {plain_name(name): name for name in image_names}
        meant = Names(written.captions).matched(given)
        there = {name: given.pop(found) for name, found in meant.items()}

    captions = {name: [c for c in texts if cut_caption(c)] for name, texts in written.captions.items()}
    usable = [name for name in captions if captions[name] and name in there]
    notes = [*written.notes, *_left_out(written.captions, captions, there, given)]
    if not split and written.parts:
        notes.append(f"{file.name} tells the part of each image")
        split = [[n for n in captions if written.parts.get(n) == part] for part in PARTS]
    if split:
        elsewhere = set(usable).difference(*split)
        if elsewhere:
            notes.append(
                f"{_count(elsewhere, 'image')} in no part of the split {_are(elsewhere)} left out"
            )
        split = _completed(split, set(usable), seed, notes)
    elif len(usable) >= len(PARTS):
        split = _drawn(sorted(usable), seed)
        notes.append(f"no files name the images of each part: drawn at random, by the seed {seed}")
    usable = set(usable)
    kept = [[name for name in names if name in usable] for names in split or ([], [], [])]
    if not all(kept):
        get = _flickr8k.where_photos_are(file.parent) if source == "flickr8k" else None
        raise DataError(_too_few(file, folder, captions, usable, pictures, image_names, kept, get))

    parts = [
        CaptionedImages(
            names if image_names is None else [there[name] for name in names],
            [captions[name] for name in names],
            [pictures.paths.get(name) for name in names],
        )
        for names in kept
    ]
    return _with_info(parts, str(source), notes)


def _drawn(names, seed):
    """Names in three parts, a tenth in each of the last two, and at least one."""
    names = np.random.default_rng(seed).permutation(names).tolist()
    held = max(1, len(names) // 10)
    return names[: -2 * held], names[-2 * held : -held], names[-held:]


def _completed(split, usable, seed, notes):
    """A split in which a part that no name is in has a tenth of those to train on, at least one."""
    train, *others = split
    lacking = [part for part, names in zip(PARTS[1:], others, strict=True) if not names]
    if not lacking:
        return split
    names = [name for name in train if name in usable]
    held = max(1, len(names) // 10)
    drawn = np.random.default_rng(seed).permutation(sorted(names)).tolist()[: held * len(lacking)]
    notes.append(
        f"no image is in the part of: {', '.join(lacking)}; {_count(drawn, 'image')} to train on "
        f"{_are(drawn)} taken for it, drawn at random by the seed {seed}"
    )
    chunks = iter([drawn[:held], drawn[held:]])
    taken = set(drawn)
    return [[n for n in train if n not in taken], *(names or next(chunks) for names in others)]


def _sha256(parts):
    pairs = [list(zip(part.names, part.captions, strict=True)) for part in parts]
    return hashlib.sha256(
        json.dumps(pairs, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ).hexdigest()


# What the user is told


def _left_out(written, captions, there, unnamed):
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
    silent = [*unnamed, *(name for name in there if not captions[name])]
    if silent:
        notes.append(f"{_count(silent, 'image')} without a caption {_are(silent)} left out")
    return notes


def _count(things, noun):
    return f"{len(things):,} {noun}{'' if len(things) == 1 else 's'}"


def _are(things):
    return "is" if len(things) == 1 else "are"


def _too_few(file, folder, captions, usable, pictures, image_names, kept, get):
    """Why a part has no image, and what to do."""
    lacking = [part for part, names in zip(PARTS, kept, strict=True) if not names]
    seen = [*pictures.paths.values(), *pictures.unnamed]
    instead = (
        ", or give a file of the images' features in their place (`--features`), or use `--data "
        "shapes`, which needs no data"
    )
    if image_names is not None:
        found = f"the {len(image_names):,} names of images that can be provided"
        advice = "give the features of the images that it names"
    elif not seen:
        found = "no picture file there or in a folder there"
        advice = (get or f"put the images into {folder}, or into one folder in it, such as Images") + (
            instead
        )
    else:
        found = f"{_count(seen, 'picture file')} in {seen[0].parent}, such as {seen[0].name!r}"
        advice = "add images and their captions"
        if not pictures.paths:
            advice = "the names do not agree: write each image's file name into the captions"
        elif len(usable) < len(captions):
            advice = (get or "add the images that lack, with the names that they have there") + instead
    return (
        f"{len(usable):,} of {_count(captions, 'image')} of {file} {_are(usable)} there with a "
        f"caption, too few for: {', '.join(lacking)}. Expected one or more in each part, such as "
        f"{a_few(list(captions)[:2])}, found {found}; {advice}."
    )
