"""Data sets, one file each, over one shared way to find, check and download files."""

import os
from pathlib import Path

from recipe_kit.datasets import nietzsche, shakespeare, stdlib
from recipe_kit.datasets._files import (
    DataError,
    check_limit,
    data_folder,
    file_sha256,
    find_or_fetch,
    own_places,
)
from recipe_kit.datasets.captions import CaptionedImages, Captions, cut_caption, load_captions
from recipe_kit.datasets.corpus import Corpus, load_corpus
from recipe_kit.datasets.labelled import LabelledTexts, read_labelled
from recipe_kit.datasets.review_grammar import generated_reviews
from recipe_kit.datasets.reviews import Reviews, load_reviews
from recipe_kit.datasets.shapes import DrawnImages, generated_shapes, is_true
from rnn_kit.text import read_text, text_sha256

__all__ = [
    "TEXTS",
    "CaptionedImages",
    "Captions",
    "Corpus",
    "DataError",
    "DrawnImages",
    "LabelledTexts",
    "Reviews",
    "cut_caption",
    "data_folder",
    "file_sha256",
    "find_or_fetch",
    "generated_reviews",
    "generated_shapes",
    "is_true",
    "load_captions",
    "load_corpus",
    "load_reviews",
    "load_text",
    "own_places",
    "read_labelled",
]

TEXTS = {
    "stdlib": stdlib.load,
    "nietzsche": nietzsche.load,
    "shakespeare": shakespeare.load,
}


def load_text(source, limit=None, encoding=None):
    """Loads a text by the name of a known set, or from the user's own file or folder.

    Args:
        source: `"stdlib"` (no download), `"nietzsche"`, `"shakespeare"`, or a path. A known name
            means the set even where a file of that name exists: write `./nietzsche` or pass a
            `pathlib.Path` for the file.
        limit: Number of characters to take from the start, or `None` for all.
        encoding: Encoding of the user's own file or folder, as in `rnn_kit.text.read_text`.

    Returns:
        A tuple `(text, info)`. `info` is what a result should record: a dict of `name` (the
        source as given), `sha256` (of the text returned), `characters` (their number),
        `distinct` (the number of different ones), if the limit cut the text
        `whole_characters` (their number before; not for `"stdlib"`, which is read no further), and
        if files of a folder were left out `notes`, lines that say which.

    Raises:
        DataError: If the source is unknown or unavailable, or `limit` is below 1.
        TextError: If a path's content cannot be used as text.

    Example:

    >>> text, info = load_text("stdlib", limit=1000)
    >>> info["name"], info["characters"], info["distinct"] == len(set(text))
    ('stdlib', 1000, True)
    """
    limit, notes = check_limit(limit), []
    if source == "stdlib":
        text = stdlib.load(limit)  # reads no more files than it needs
    elif isinstance(source, str) and source in TEXTS:
        text = TEXTS[source]()
    elif isinstance(source, Path) or os.path.lexists(source):
        text = read_text(source, encoding, notes)
    else:
        raise DataError(
            f"There is no data set and no file or folder called {str(source)!r}. The known sets "
            f"are {', '.join(TEXTS)}; a path to a text file or a folder of them works too."
        )
    whole, text = len(text), text[:limit]
    info = {
        "name": str(source),
        "sha256": text_sha256(text),
        "characters": len(text),
        "distinct": len(set(text)),
    }
    if len(text) < whole:
        info["whole_characters"] = whole
    if notes:
        info["notes"] = notes
    return text, info
