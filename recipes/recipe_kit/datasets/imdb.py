"""Loads the 50,000 film reviews of Maas et al. 2011, encoded as in Keras.

Each review is a sequence of word ids, the most frequent word 4, and begins with the start id 1
(`rnn_kit.text.WordVocabulary`). `keras.datasets.imdb` downloads the reviews as pickled arrays; a
flat file without pickles is preferred if it exists.
"""

import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from recipe_kit.datasets._files import DataError, data_folder, find_or_fetch, first_there
from rnn_kit.text import FIRST_WORD_ID, START_ID, LabelledSequences, Sequences, WordVocabulary

ENCODED = "imdb_encoded.npz"
INDEX = "imdb_word_index.json"
INDEX_URL = f"https://storage.googleapis.com/tensorflow/tf-keras-datasets/{INDEX}"
INDEX_SHA256 = "027313fe9a320280f3bf0fac5baf58c4a683cf39a7ed9c3d3d3912bde4284cf6"
CLASSES = ("negative", "positive")
_EACH = 25_000  # reviews of the training part, and of the test part
_ADVICE = "use `--data generated`, which needs no download"
_FORM = (
    "expected flat arrays of integers without pickles, train_flat, train_len, train_label and the same "
    "of test: the words' frequency ranks from 1 on, the reviews' lengths, and 0 or 1 for each"
)


def load():
    """Loads both parts of the data set and the vocabulary.

    Looks for `imdb/imdb_encoded.npz` in `$RNN_KIT_DATA` and the data folder, see `read_encoded`; else
    uses `keras.datasets.imdb.load_data()`, with its own cache, download and hash.

    Returns:
        A tuple `(train, test, vocabulary)`: two `LabelledSequences` of 25,000 reviews, half of them
        positive (1), in the same order from every source; and the `WordVocabulary` of 88,584 words.

    Raises:
        DataError: if the reviews or the words are not on this machine and cannot be downloaded, or are
            malformed.
    """
    tried = []
    place = first_there(data_folder() / "imdb" / ENCODED, tried)
    train, test = read_encoded(place) if place else _from_keras(tried)
    for part, reviews in (("training", train), ("test", test)):
        if len(reviews.labels) != _EACH or reviews.labels.sum() * 2 != _EACH:
            raise DataError(
                f"The {part} part of the IMDB reviews has {len(reviews.labels):,} reviews, "
                f"{reviews.labels.sum():,} of them positive; expected {_EACH:,} and half of them: the "
                "file is not the known data set. Remove it, or give its path with --data to use it as "
                "it is."
            )
    path = find_or_fetch(
        "Keras's index of the IMDB words", INDEX, INDEX_SHA256, INDEX_URL, "imdb", _ADVICE
    )
    return train, test, read_index(path)


def read_encoded(path):
    """Reads reviews from an `.npz` file of flat arrays.

    `{train,test}_flat` are the words' frequency ranks, 1 for the most frequent, of all reviews
    concatenated; `_len` the reviews' lengths; `_label` 0 or 1.

    Args:
        path: The file. It is read without pickles.

    Returns:
        A tuple `(train, test)` of `LabelledSequences`, in Keras's numbering and with the start id.

    Raises:
        DataError: if the file is missing, cut short, holds Python objects, or has another form.
    """
    try:
        # Otherwise NumPy would take a text for pickles, and return a .npy file's array.
        zipfile.ZipFile(path).close()
        with np.load(path, allow_pickle=False) as file:
            arrays = [
                [np.asarray(file[f"{part}_{n}"]) for n in ("flat", "len", "label")]
                for part in ("train", "test")
            ]
        return tuple(_reviews(*part) for part in arrays)
    except FileNotFoundError:
        raise DataError(f"{path} is missing: {_FORM}.") from None
    except (IsADirectoryError, PermissionError) as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): {_FORM}.") from None
    except KeyError as error:
        raise DataError(f"{path} has no array {error.args[0].split(' ')[0]}: {_FORM}.") from None
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is cut short or damaged ({error}): {_FORM}.") from None
    except ValueError as error:
        pickled = "allow_pickle" in str(error)
        reason = (
            "holds pickled Python objects, which are not read" if pickled else f"is unfit ({error})"
        )
        raise DataError(f"{path} {reason}: {_FORM}.") from None


def read_index(path):
    """Reads the `WordVocabulary` of a JSON file of words and their frequency ranks.

    Raises:
        DataError: if the file is missing, broken, or its ranks are not 1 to the number of words.
    """
    try:
        ranks = json.loads(Path(path).read_text(encoding="utf-8"))
        words = sorted(ranks, key=ranks.get)
        if [ranks[word] for word in words] != list(range(1, len(words) + 1)):
            raise ValueError("the ranks do not go from 1 to the number of words")
        return WordVocabulary(words)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise DataError(
            f"{path} is no index of words ({error}): expected a JSON object of words and their "
            "frequency ranks, from 1 on, beside the encoded reviews."
        ) from None


def _reviews(ranks, lengths, labels):
    for array in (ranks, lengths, labels):
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ValueError(f"an array of shape {array.shape} and dtype {array.dtype}")
    if len(lengths) != len(labels) or not len(labels) or not set(np.unique(labels)) <= {0, 1}:
        raise ValueError(
            f"{len(lengths)} lengths and {len(labels)} labels, of which some are not 0 or 1"
        )
    if not len(ranks) or ranks.min() < 1 or lengths.min() < 1:
        raise ValueError("a rank or a length below 1")
    each = Sequences(ranks.astype("int32") + (FIRST_WORD_ID - 1), lengths)
    return _ordered(
        [np.concatenate([[START_ID], ids]) for ids in map(each.__getitem__, range(len(each)))], labels
    )


def _ordered(reviews, labels):
    """Orders reviews by content, so that their order is the same from every source."""
    reviews = [np.asarray(ids, "int32") for ids in reviews]
    order = sorted(range(len(reviews)), key=lambda i: (reviews[i].tobytes(), labels[i]))
    return LabelledSequences(
        Sequences.of([reviews[i] for i in order]), np.asarray(labels)[order].astype("int64")
    )


def _from_keras(tried):
    import keras

    try:
        # With a limit on the ids; without it Keras takes the rarest word for an unknown one.
        parts = keras.datasets.imdb.load_data(num_words=2**31 - 1)
    except Exception as error:  # any error of its download or reading
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"The IMDB reviews are not on this machine and could not be downloaded. Tried: "
            f"{'; '.join(tried)}; keras.datasets.imdb ({reason}). Get imdb.npz by other means into "
            f"~/.keras/datasets, or {_ADVICE}."
        ) from error
    return tuple(_ordered(list(reviews), labels) for reviews, labels in parts)
