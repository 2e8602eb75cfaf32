"""Images with captions written by people: Flickr8k, and the user's own folder."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from recipe_kit.datasets import _flickr8k
from recipe_kit.datasets._caption_files import EXPECTED, caption_files, read_captions
from recipe_kit.datasets._caption_images import ImageFiles, Names, find_images, plain_name
from recipe_kit.datasets._caption_parts import PARTS, read_split, split_files, split_images
from recipe_kit.datasets._files import DataError
from recipe_kit.datasets._tables import a_few, count_of, is_or_are
from rnn_kit.text import tokenize_alphanumeric

FLICKR8K = "flickr8k"  # the known set


@dataclass(frozen=True, eq=False)
class CaptionedImages:
    """N images of one part of the data, each with its captions.

    Attributes:
        names: N names, as in the caption file, with `/` between folders; or for images that the caller
            provides, the caller's names.
        captions: The captions of each image as written, one or more, stripped and normalised to
            Unicode's NFC.
        paths: The file of each image, a `pathlib.Path`, or `None` if it does not exist.
    """

    names: list[str]
    captions: list[list[str]]
    paths: list[Path | None]

    def __len__(self):
        return len(self.names)

    def words(self):
        """Returns the words of each caption of each image, as `cut_caption` finds them."""
        return [[cut_caption(caption) for caption in captions] for captions in self.captions]

    def take(self, indexes):
        """Returns the images of these indexes, in their order, as `CaptionedImages`."""
        return CaptionedImages(
            [self.names[i] for i in indexes],
            [self.captions[i] for i in indexes],
            [self.paths[i] for i in indexes],
        )


class Captions(NamedTuple):
    """Captioned images in three parts.

    Attributes:
        train, validation, test: `CaptionedImages`.
        info: The record for a result: `name`, `sha256`, `images_train`, `images_validation`,
            `images_test` and `captions`, the number of captions of all three. The hash does not depend
            on the files' location: it is the SHA-256, in hexadecimal, of the UTF-8 bytes of a JSON
            text, a list of three lists of pairs of an image's name and the list of its captions.
        notes: A list of lines for the user: the counts, and what was left out.
    """

    train: CaptionedImages
    validation: CaptionedImages
    test: CaptionedImages
    info: dict
    notes: list

    def without(self, unreadable):
        """Returns the same without some images, as `Captions`, with a note that counts and names them.

        Args:
            unreadable: Names of images to the reasons; it may be empty.

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
            f"{count_of(unreadable, 'image')} that cannot be read {verb} left out: "
            f"{a_few(list(unreadable))}; {next(iter(unreadable.values()))}"
        )
        for name, part in zip(PARTS, kept, strict=True):
            if not part:
                raise DataError(f"no image is left in the {name} part: {left_out}")
        return _with_info(kept, self.info["name"], [*self.notes[:-1], left_out])


def _with_info(parts, name, notes):
    """Returns `Captions` of three parts, with their record for a result and a note on their sizes."""
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
    """Returns a caption's words in lower case, as `rnn_kit.text.tokenize_alphanumeric` finds them.

    Example:

    >>> cut_caption("A dog, wet, doesn't move .")
    ['a', 'dog', 'wet', "doesn't", 'move']
    """
    return tokenize_alphanumeric(text)


def load_captions(source, *, seed=0, image_names=None, encoding=None):
    """Loads captioned images by the name of the known set, or from the user's own files.

    The images are not opened: an image exists if a file with an image's suffix has its name. A name
    that differs in suffix, case or folders stands for the only file that it can mean. Leaves out
    captions of missing images, images without a caption, and captions without a word, and `notes` says
    how many.

    Args:
        source: `"flickr8k"`, the 8,000 photos of Hodosh, Young and Hockenmaier (2013), read from
            `$RNN_KIT_DATA/flickr8k` or `flickr8k` of the data folder, never downloaded, and checked
            against the published counts; or a path to

            - a folder that holds one caption file, or has one in a folder in it: a table whose header
              names a column of images and one of captions (`captions.csv`, `metadata.jsonl`, ...), the
              lines of Flickr8k's `*.token.txt` or Flickr30k's `*.token`, or a JSON file as COCO's or
              Karpathy's; `docs/data.md` has them all. Its images are in it or in folders in it. It may
              be one file for each part, named by the file or its folder.
            - a folder in which a `.txt` file of the same name stands beside each image, with a caption
              a line.
            - a caption file, whose folder is then read in the same way.

            Files beside the caption file that name the images of each part, one a line, make the
            parts: `*trainImages.txt`, `*devImages.txt` and `*testImages.txt`, or `train.txt`,
            `validation.txt` (`valid.txt`, `val.txt`, `dev.txt`) and `test.txt`. Otherwise the caption
            file's own parts are used, if it has any. Missing parts are drawn at random: a tenth of the
            images for validation, and a tenth for the test.
        seed: Seed of that draw.
        image_names: Names of the images that the caller can provide, perhaps as stored features; then
            only these are taken, with or without a file. `None` takes those that are files.
        encoding: Encoding of the captions and lists of names, such as `"latin-1"`. Default: UTF-8, or
            UTF-16 if a byte-order mark says so.

    Returns:
        `Captions`.

    Raises:
        DataError: If the source is unknown, unavailable, unreadable or malformed, or if a part is left
            without an image; the message is one line that names the place.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lines = ["image,caption", "1.jpg,A dog.", "2.jpg,A cat.", "3.jpg,A cow.", "4.jpg,A pig."]
    ...     _ = Path(folder, "captions.csv").write_text("\\n".join(lines))
    ...     data = load_captions(folder, image_names={"1.jpg", "2.jpg", "3.jpg"})
    >>> len(data.train), len(data.validation), len(data.test), data.info["captions"]
    (1, 1, 1, 3)
    >>> data.notes[0]
    "1 caption of 1 image without an image file is left out: '4.jpg'"
    """
    files, folder = _files_of(source)
    file = files[0] if len(files) == 1 else folder
    written = read_captions(files, folder, encoding)
    lists = split_files(file if os.path.isdir(file) else file.parent)
    listed = lists and read_split(lists, (file, written.captions), encoding)
    if source == FLICKR8K:
        _flickr8k.check(file, written.captions, listed)

    images = _images_of(folder, written.captions, image_names)
    captions = {name: [c for c in texts if cut_caption(c)] for name, texts in written.captions.items()}
    usable = [name for name, texts in captions.items() if texts and name in images.names]
    notes = [*written.notes, *_left_out(written.captions, captions, images)]
    split = split_images(listed, written, usable, file.name, seed, notes)
    if not all(split):
        where = _flickr8k.where_photos_are(file.parent) if source == FLICKR8K else None
        raise DataError(_too_few(file, folder, captions, usable, images, image_names, split, where))
    parts = [
        CaptionedImages(
            [images.names[name] for name in names],
            [captions[name] for name in names],
            [images.files.paths.get(name) for name in names],
        )
        for names in split
    ]
    return _with_info(parts, str(source), notes)


def _files_of(source):
    """Returns the caption files that a source means, and the folder in which to look for images."""
    if source == FLICKR8K:
        file = _flickr8k.caption_file()
        return [file], file.parent
    if isinstance(source, os.PathLike) or os.path.lexists(source):
        return caption_files(Path(source))
    raise DataError(
        f"There is no data set and no file or folder called {str(source)!r}. The known set is "
        f"{FLICKR8K}; a path works too, to {EXPECTED}."
    )


class _Images(NamedTuple):
    """The images of a caption file.

    Attributes:
        names: Names in the caption file of existing images, to the caller's names.
        files: The `ImageFiles`.
        unnamed: Existing images without a line in the caption file.
    """

    names: dict
    files: ImageFiles
    unnamed: list


def _images_of(folder, captions, image_names):
    """Finds the images of captions: files, or names that the caller provides."""
    files = find_images(folder, captions)
    if image_names is None:
        return _Images({name: name for name in files.paths}, files, files.unnamed)
    provided = {plain_name(name): name for name in image_names}
    meant = Names(captions).matched(provided)
    names = {name: provided.pop(found) for name, found in meant.items()}
    return _Images(names, files, list(provided))


def _sha256(parts):
    pairs = [list(zip(part.names, part.captions, strict=True)) for part in parts]
    return hashlib.sha256(
        json.dumps(pairs, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ).hexdigest()


# Messages for the user


def _left_out(written, captions, images):
    """Returns lines on captions and images that are left out, each kind counted."""
    notes = []
    empty = [text for name in written for text in written[name] if not cut_caption(text)]
    if empty:
        notes.append(f"{count_of(empty, 'caption')} without a word {is_or_are(empty)} left out")
    missing = [name for name, texts in captions.items() if texts and name not in images.names]
    lost = [caption for name in missing for caption in captions[name]]
    if lost:
        notes.append(
            f"{count_of(lost, 'caption')} of {count_of(missing, 'image')} without an image file "
            f"{is_or_are(lost)} left out: {a_few(missing)}"
        )
    silent = [*images.unnamed, *(name for name in images.names if not captions[name])]
    if silent:
        notes.append(f"{count_of(silent, 'image')} without a caption {is_or_are(silent)} left out")
    return notes


def _too_few(file, folder, captions, usable, images, image_names, split, where_images_are):
    """Returns a message on which parts have no image, what was found, and what to do."""
    lacking = ", ".join(part for part, names in zip(PARTS, split, strict=True) if not names)
    found, advice = _found_and_advice(folder, captions, usable, images, image_names, where_images_are)
    return (
        f"{len(usable):,} of {count_of(captions, 'image')} of {file} {is_or_are(usable)} there with a "
        f"caption, too few for: {lacking}. Expected one or more in each part, such as "
        f"{a_few(list(captions)[:2])}, found {found}; {advice}."
    )


def _found_and_advice(folder, captions, usable, images, image_names, where_images_are):
    if image_names is not None:
        found = f"the {len(image_names):,} names of images that can be provided"
        return found, "give the features of the images that it names"
    instead = (
        ", or give a file of the images' features in their place (`--features`), or use `--data "
        "shapes`, which needs no data"
    )
    seen = [*images.files.paths.values(), *images.files.unnamed]
    if not seen:
        put = f"put the images into {folder}, or into one folder in it, such as Images"
        return "no image file there or in a folder there", (where_images_are or put) + instead
    found = f"{count_of(seen, 'image file')} in {seen[0].parent}, such as {seen[0].name!r}"
    if not images.files.paths:
        return found, "the names do not agree: write each image's file name into the captions"
    if len(usable) < len(captions):
        add = "add the images that lack, with the names that they have there"
        return found, (where_images_are or add) + instead
    return found, "add images and their captions"
