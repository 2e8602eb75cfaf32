"""Locates Flickr8k, and checks its files against the published counts."""

from recipe_kit.datasets._caption_parts import PARTS
from recipe_kit.datasets._files import DataError, data_folder, first_there, unlike_published

IMAGES = (6_000, 1_000, 1_000)  # images of the three parts
CAPTIONS = 40_460  # five of each of 8,092 images, 92 of which are in no part
URL = "https://github.com/jbrownlee/Datasets"

_PUBLISHED = (
    "Hodosh, Young and Hockenmaier (2013, University of Illinois) gave the data set out on request, "
    "and there are copies of it"
)


def caption_file():
    """Returns the path of the caption file.

    Raises:
        DataError: If the file is not on this machine.
    """
    tried = []
    target = data_folder() / "flickr8k" / "Flickr8k.token.txt"
    if place := first_there(target, tried):
        return place
    raise DataError(
        "Flickr8k's captions are not on this machine; its photos belong to their owners, and nothing "
        f"is downloaded. Tried: {'; '.join(tried)}. {_PUBLISHED}, such as {URL} "
        "(Flickr8k_text.zip): put Flickr8k.token.txt and Flickr_8k.{train,dev,test}Images.txt into "
        f"{target.parent}, or use `--data shapes`, which needs no data."
    )


def where_photos_are(folder):
    """Returns a clause, without a full stop, on where to put missing photos."""
    return (
        f"put the photos into {folder / 'Images'}: {_PUBLISHED}, such as {URL} (Flickr8k_Dataset.zip)"
    )


def check(file, written, split):
    """Refuses files that differ from the published data set.

    Args:
        file: The path of the caption file.
        written: Its images' names to their captions.
        split: Three lists of names, or `None` without them.

    Raises:
        DataError: naming the counts that differ.
    """
    if not split:
        raise DataError(
            f"{file.parent} holds no files that name the images of each part: expected "
            "Flickr_8k.trainImages.txt, Flickr_8k.devImages.txt and Flickr_8k.testImages.txt, of "
            f"Flickr8k_text.zip; put them in, or use `--data {file.parent}` for parts drawn at random"
        )
    rows = [
        (f"images of the {part} part", len(names), expected)
        for part, names, expected in zip(PARTS, split, IMAGES, strict=True)
    ]
    rows.append((f"captions in {file.name}", sum(map(len, written.values())), CAPTIONS))
    if wrong := unlike_published(rows):
        raise DataError(
            f"{file.parent} does not hold Flickr8k as published: {wrong}. Replace the files "
            f"by those of Flickr8k_text.zip ({URL}), or use `--data {file.parent}` to take "
            "them as they are."
        )
