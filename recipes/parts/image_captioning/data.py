"""Loads the images, as numbers, and the captions that the network learns from."""

import dataclasses
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parts.image_captioning import extraction
from parts.image_captioning import features as image_features
from parts.image_captioning.captioner import PIXELS
from recipe_kit import cli
from recipe_kit.datasets import (
    cut_caption,
    data_folder,
    file_sha256,
    generated_shapes,
    load_captions,
    own_places,
)
from rnn_kit.text import EOS, UNK, TokenVocabulary, read_vectors

KNOWN = ("flickr8k",)
SHAPES = "shapes"
HELD_OUT = 1000  # generated images for validation, and as many for the test


@dataclass(frozen=True, eq=False)
class Part:
    """N images of one part of the data.

    Attributes:
        names: N names.
        images: A dict of arrays `(N, ...)`, as a `Captioner` takes them.
        words: The captions of each image, lists of words.
        paths: The file of each image, or `None`.
        scenes: The contents of generated images, else `None`.
    """

    names: list
    images: dict
    words: list
    paths: list
    scenes: list | None = None

    def __len__(self):
        return len(self.names)


@dataclass(frozen=True, eq=False)
class Data:
    """Three parts, their vocabulary, and the data's description for a result.

    `word_vectors` is `None`, or the settings' file's vectors `(V, D)` and which words it has, `(V,)`.
    """

    train: Part
    validation: Part
    test: Part
    vocabulary: TokenVocabulary
    info: dict
    notes: list
    word_vectors: tuple | None = None

    @property
    def image_shapes(self):
        """Names to shapes of an image's inputs."""
        return {name: values.shape[1:] for name, values in self.train.images.items()}


def needed(settings):
    """Returns the kinds of features that the settings need: `pooled`, `grid`, or both."""
    kinds = {settings.vector} | ({"grid"} if settings.decoder == "attention" else set())
    return tuple(sorted(kinds, reverse=True))


def load(settings, show=print):
    """Loads the data that the settings name, as `Data`."""
    if settings.data == SHAPES:
        for flag, why in (
            ("features", "whose pixels the network sees"),
            ("encoding", "which is no file"),
        ):
            if getattr(settings, flag):
                raise cli.UserError(
                    f"--{flag} has no meaning with --data {SHAPES}, {why}: leave it out."
                )
        parts, info, notes = _shapes(settings.pictures)
    else:
        parts, info, notes = _photos(settings, show)
    vocabulary = known_words(parts[0], settings.min_count)
    notes = [*notes, *what_is_not_learned(parts[0], vocabulary, settings)]
    return Data(*parts, vocabulary, info | {"words": len(vocabulary)}, notes)


def with_word_vectors(held, settings):
    """Returns the data with the word vectors of the settings' file added."""
    notes = list(held.notes)
    vectors, found = read_vectors(
        settings.word_vectors, held.vocabulary.tokens, size=settings.embedding, notes=notes
    )
    if vectors.shape[1] != settings.embedding:
        raise cli.UserError(
            f"--word-vectors {settings.word_vectors}: its vectors have {vectors.shape[1]} numbers, "
            f"and --embedding is {settings.embedding}: say --embedding {vectors.shape[1]}."
        )
    path = Path(settings.word_vectors)
    info = held.info | {"word_vectors": {"source": path.name, "sha256": file_sha256(path)}}
    return dataclasses.replace(held, word_vectors=(vectors, found), info=info, notes=notes)


def load_all(settings):
    """Loads the data that the settings name, with their word vectors, if any, as `Data`."""
    if settings.word_vectors is None:
        return load(settings)
    if not Path(settings.word_vectors).is_file():  # fails before the features are computed
        is_folder = Path(settings.word_vectors).is_dir()
        raise cli.UserError(
            f"--word-vectors {settings.word_vectors}: "
            f"{'that is a folder' if is_folder else 'there is no such file'}. Give the text form of "
            "word2vec or GloVe."
        )
    return with_word_vectors(load(settings), settings)


def known_words(part, min_count):
    """Builds the vocabulary of words seen `min_count` times, the most frequent first, and `<unk>`."""
    counts = Counter(word for image in part.words for words in image for word in words)
    known = {word: count for word, count in counts.items() if count >= min_count}
    if not known:
        raise cli.UserError(
            f"--min-count {min_count}: no word comes so often in the captions to train on. Give a "
            "smaller one."
        )
    known[EOS] = sum(len(image) for image in part.words)
    known[UNK] = counts.total() - sum(known.values()) + known[EOS]
    return TokenVocabulary.from_counts(known)


def what_is_not_learned(part, vocabulary, settings):
    """Returns lines on the training captions' unknown words and on captions too long to write."""
    notes, captions = [], [words for image in part.words for words in image]
    counts = Counter(word for words in captions for word in words)
    rare = [word for word in counts if vocabulary.id_of(word) is None]
    if rare:
        share = sum(counts[word] for word in rare) / counts.total()
        notes.append(
            f"{len(rare):,} of {len(counts):,} distinct words stand less than {settings.min_count} "
            f"times in the captions and become {UNK}, {share:.1%} of all words: --min-count 1 "
            "knows all"
        )
    longer = sum(len(words) > settings.length for words in captions)
    if longer:
        notes.append(
            f"{longer:,} of {len(captions):,} captions have more than the {settings.length} words that "
            "are written at most: --length says how many"
        )
    return notes


def _shapes(count):
    parts, seen, notes = [], None, []
    for seed, size in enumerate((count, min(count, HELD_OUT), min(count, HELD_OUT))):
        made = generated_shapes(size, seed)
        names = [f"shapes-{seed}-{n}" for n in range(size)]
        words = [[cut_caption(caption) for caption in captions] for captions in made.captions]
        parts.append(Part(names, {PIXELS: made.images}, words, [None] * size, made.scenes))
        scenes = {scene.description for scene in made.scenes}
        seen = seen or scenes
        unseen = scenes - seen
    notes.append(f"{len(unseen):,} of the test's {len(scenes):,} scenes are in no image of training")
    info = {"name": SHAPES, "sha256": made_by(count), **dict(zip(_PARTS, map(len, parts), strict=True))}
    return parts, info, notes


_PARTS = ("train", "validation", "test")


def made_by(count):
    """Returns the stand-in for a generated set's hash: its size determines it."""
    return f"generated-{count}"


def find_features(name, source):
    """Finds a feature file by its path or beside the captions."""
    if source in KNOWN:
        beside = own_places(data_folder() / source / name, [])
    else:
        beside = [(Path(source) if Path(source).is_dir() else Path(source).parent) / name]
    return next((place for place in [Path(name), *beside] if place.is_file()), Path(name))


def check_features(settings, pairs):
    """Raises if the feature files lack what one of these pairs of decoder and vector needs."""
    if settings.features and settings.data != SHAPES:
        given = _given_features(settings)
        for decoder, vector in pairs:
            _check_kinds(given, dataclasses.replace(settings, decoder=decoder, vector=vector))


def _given_features(settings):
    files = [find_features(name, settings.data) for name in settings.features]
    return image_features.merge([image_features.read(path) for path in files])


def _check_kinds(given, settings):
    for kind in needed(settings):
        if getattr(given, kind) is None:
            what = {"pooled": "pooled vectors", "grid": "a grid"}[kind]
            raise cli.UserError(
                f"--features {' '.join(settings.features)}: no file has {what}, which --decoder "
                f"{settings.decoder} with --vector {settings.vector} needs. Give one that has beside "
                "them, or another decoder or vector."
            )


def _photos(settings, show):
    given = _given_features(settings) if settings.features else None
    captions = load_captions(
        settings.data, image_names=set(given.names) if given else None, encoding=settings.encoding
    )
    kinds = needed(settings)
    if given is None:
        paths = {
            name: path
            for part in captions[:3]
            for name, path in zip(part.names, part.paths, strict=True)
        }
        unreadable = {}
        given = extraction.extract(
            paths,
            settings.backbone,
            Path(settings.cache or data_folder() / "features"),
            weights=settings.weights,
            kinds=kinds,
            show=show,
            unreadable=unreadable,
        )
        captions = captions.without(unreadable)
    _check_kinds(given, settings)
    parts = []
    for part in captions[:3]:
        values = given.values(given.rows(part.names))
        largest = max(float(np.abs(values[kind]).max()) for kind in kinds)
        # Half precision halves their memory, if they fit its range.
        small = "float16" if largest < np.finfo("float16").max else "float32"
        images = {kind: values[kind].astype(small) for kind in kinds}
        parts.append(Part(part.names, images, part.words(), part.paths))
    return parts, captions.info | {"features": given.info}, captions.notes
