"""Loads reviews of two classes as ids, from every source."""

import hashlib
import itertools
import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from recipe_kit.datasets import imdb
from recipe_kit.datasets._files import DataError
from recipe_kit.datasets.labelled import LABEL, TEXT, LabelledTexts, read_labelled
from recipe_kit.datasets.review_grammar import generated_reviews
from rnn_kit.text import LabelledSequences, Sequences, WordVocabulary, tokenize

_GENERATED = (3000, 1000)  # reviews for training and for the test
_HELD_OUT = 0.2  # of files without a test part
_LONG = 20  # characters; the mean of distinct words in English reviews is 8
_FIXED = 20_111  # seed of draws that are the same for all runs' seeds


class Reviews(NamedTuple):
    """Reviews to train on and to test on.

    Attributes:
        train, test: `LabelledSequences`; each review begins with the start id.
        vocabulary: The `WordVocabulary` of the training part.
        classes: The names of 0 and 1.
        info: The record for a result: `name`, `sha256` (of both parts' ids and labels), `reviews`,
            `test_reviews`, `distinct_words`, `classes`.
        notes: A tuple of lines for the user.
    """

    train: LabelledSequences
    test: LabelledSequences
    vocabulary: WordVocabulary
    classes: tuple
    info: dict
    notes: tuple = ()


def load_reviews(
    source, text_column=TEXT, label_column=LABEL, limit=None, *, encoding=None, columns=None
):
    """Loads reviews by the name of a known set, or from the user's own files.

    Args:
        source: `"imdb"`; `"generated"`, which needs no download; an `.npz` file for
            `recipe_kit.datasets.imdb.read_encoded`, with `imdb_word_index.json` beside it; or
            a table or folder for `read_labelled`. Without a test part, a fifth is held out, the same
            for every seed.
        text_column, label_column, encoding, columns: As in `read_labelled`.
        limit: Number of reviews to use of each part, at random and the same for every seed; `None` for
            all.

    Returns:
        `Reviews`.

    Raises:
        DataError: if the source is unknown, unavailable or unusable.
        TextError: if a file's content cannot be used as text.

    Example:

    >>> reviews = load_reviews("generated", limit=10)
    >>> len(reviews.train.labels), len(reviews.test.labels), reviews.classes
    (10, 10, ('negative', 'positive'))
    """
    notes = ()
    if source == "imdb":
        train, test, vocabulary = imdb.load()
        classes = imdb.CLASSES
    elif source == "generated":
        parts = [generated_reviews(n, seed) for seed, n in enumerate(_GENERATED)]
        train, test, vocabulary = _encoded(*parts)
        classes = parts[0].classes
    elif not (isinstance(source, Path) or os.path.lexists(source)):
        raise DataError(
            f"There is no data set and no file or folder called {str(source)!r}. The known sets are "
            "imdb and generated; a table (.csv, .tsv, .jsonl) with a text and a label column, or a "
            "folder like aclImdb's, works too."
        )
    elif str(source).lower().endswith(".npz"):
        train, test = imdb.read_encoded(source)
        vocabulary = imdb.read_index(Path(source).parent / imdb.INDEX)
        classes = imdb.CLASSES
    else:
        own_train, own_test = read_labelled(
            source, text_column, label_column, encoding=encoding, columns=columns
        )
        notes = own_train.notes + (own_test.notes if own_test else ())
        if own_test is None:
            own_train, own_test = _split(source, own_train)
        train, test, vocabulary = _encoded(own_train, own_test)
        classes = own_train.classes
        notes += _long_words(vocabulary)
    if limit is not None:
        train, test = (_limited(part, limit) for part in (train, test))
    info = {
        "name": str(source),
        "sha256": _sha256(train, test),
        "reviews": len(train.labels),
        "test_reviews": len(test.labels),
        "distinct_words": len(vocabulary),
        "classes": list(classes),
    }
    return Reviews(train, test, vocabulary, tuple(classes), info, notes)


def _long_words(vocabulary):
    """Returns a note if the words are too long to be words."""
    mean = sum(map(len, vocabulary.words)) / len(vocabulary)
    if mean <= _LONG:
        return ()
    return (
        f"Words have {mean:.0f} characters on average. Is the language written without spaces? Put "
        "some between its words: only Chinese characters and kana are words of their own.",
    )


def _encoded(train, test):
    """Encodes texts as ids: `(train, test, vocabulary)`, with the training part's words."""
    words = [tokenize(text) for text in train.texts]
    vocabulary = WordVocabulary.from_counts(Counter(itertools.chain.from_iterable(words)))
    ids = [*map(vocabulary.encode, words)], [vocabulary.encode(tokenize(text)) for text in test.texts]
    parts = [
        LabelledSequences(Sequences.of(its), np.asarray(part.labels, "int64"))
        for its, part in zip(ids, (train, test), strict=True)
    ]
    return *parts, vocabulary


def _split(source, reviews):
    counts = np.bincount(reviews.labels, minlength=2)
    if counts.min() < 5:
        raise DataError(
            f"{source}: {counts.min()} reviews of one class are too few to hold any out for the test: "
            "at least 5 of each are needed. Give more, or a folder with a test part."
        )
    indexes = Sequences(np.arange(len(reviews)), np.ones(len(reviews), int))
    parts = LabelledSequences(indexes, reviews.labels).split(_HELD_OUT, _FIXED)
    return [
        LabelledTexts([reviews.texts[i] for i in part.sequences.flat], part.labels, reviews.classes)
        for part in parts
    ]


def _limited(reviews, limit):
    n = len(reviews.labels)
    if limit >= n:
        return reviews
    counts = np.bincount(reviews.labels, minlength=2)
    if limit < 2:
        raise DataError(f"`limit` is a number of reviews, at least 2, one a class; received {limit}")
    return reviews.split(limit / n, _FIXED)[1] if 1 not in counts else reviews


def _sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        for array in (part.sequences.flat, part.lengths, part.labels):
            digest.update(np.ascontiguousarray(array).astype("<i8").tobytes())
    return digest.hexdigest()
