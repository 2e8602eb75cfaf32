"""Pairs of sentences in ids, as batches to learn from, and what a translation costs in nats."""

import re
from collections import Counter
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recipe_kit.datasets import DataError, translations
from rnn_kit.pipelines import sequence_batches, sequence_dataset
from rnn_kit.text import EOS, Sequences, TokenVocabulary

EVALUATED = 128  # pairs a batch, where nothing is trained

# A word keeps an apostrophe that ends it ("l'", "don't" is "don'" and "t") and the hyphens within it;
# every other character that is no white space is a word by itself.
_WORD = re.compile(r"\w+(?:-\w+)*['’]?|[^\w\s]")


def split_words(text, level):
    """The words of a sentence, by `choices.LEVELS`.

    Args:
        text: A string.
        level: "words" cuts at white space and punctuation; "tokens" at white space, for text that is
            cut already; "characters" takes each character, spaces too.

    Example:

    >>> split_words("J'aime les pommes.", "words")
    ["J'", 'aime', 'les', 'pommes', '.']
    """
    if level == "characters":
        return list(text)
    return _WORD.findall(text) if level == "words" else text.split()


def joined(words, level):
    """A sentence of words, as it is shown and scored: with spaces between them."""
    return "".join(words) if level == "characters" else " ".join(words)


class Part(NamedTuple):
    """Sentences in words, and of each its right translations.

    Attributes:
        sources: n lists of words.
        references: n lists of lists of words.
    """

    sources: list
    references: list

    def __len__(self):
        return len(self.sources)

    def first(self, count):
        """The part's first sentences, so many."""
        return Part(self.sources[:count], self.references[:count])

    def indexes(self):
        """Of every pair of a sentence and a translation, the index of the sentence."""
        return np.repeat(np.arange(len(self.sources)), [len(of) for of in self.references])

    def targets(self):
        """Of every pair the translation, a list of words."""
        return [words for of in self.references for words in of]


class Lessons(NamedTuple):
    """What is learned from: parts in words, and the words that are known.

    Attributes:
        train, validation, test: `Part`s.
        others: Names to further test `Part`s.
        source_vocabulary, target_vocabulary: `TokenVocabulary` of the training part.
        translations: The `datasets.translations.Translations` that they come from.
        notes: Lines that the user should be told, a tuple.
    """

    train: Part
    validation: Part
    test: Part
    others: dict
    source_vocabulary: TokenVocabulary
    target_vocabulary: TokenVocabulary
    translations: translations.Translations
    notes: tuple


def load(settings):
    """The data, in words."""
    found = translations.load_translations(
        settings.data,
        settings.source,
        settings.target,
        columns=settings.columns and settings.columns.split(","),
        encoding=settings.encoding,
    )
    parts = {
        "train": found.train,
        "validation": found.validation,
        "test": found.test,
        **{f"test {name}": part for name, part in found.others.items()},
    }
    cut = {name: _in_words(part, settings) for name, part in parts.items()}
    if settings.limit:
        cut = {name: part.first(settings.limit) for name, part in cut.items()}
    train, left_out = _short_enough(cut["train"], settings.longest)
    notes = [*found.notes]
    if left_out:
        notes.append(
            f"{left_out:,} of {len(cut['train'].targets()):,} training pairs, in which a side has more "
            f"than {settings.longest} words, are left out: --longest says how many."
        )
    if not len(train):
        raise DataError(
            f"--longest {settings.longest}: no pair to learn from is as short. Give a greater number."
        )
    vocabularies = [
        _vocabulary(words, settings.min_count) for words in (train.sources, train.targets())
    ]
    for language, vocabulary in zip(found.languages, vocabularies, strict=True):
        notes.append(f"{language}: {len(vocabulary):,} words are known, <unk> and <eos> among them.")
    others = {name.removeprefix("test "): p for name, p in cut.items() if name.startswith("test ")}
    return Lessons(train, cut["validation"], cut["test"], others, *vocabularies, found, tuple(notes))


def _in_words(part, settings):
    def words(text):
        return split_words(text.lower() if settings.lower else text, settings.level)

    merged = {}
    for source, of in zip(part.sources, part.references, strict=True):
        targets = merged.setdefault(tuple(words(source)), {})
        targets |= {tuple(words(target)): None for target in of}
    return Part([list(s) for s in merged], [[list(t) for t in of] for of in merged.values()])


def _short_enough(part, longest):
    """The pairs neither of whose sides is longer; and how many are."""
    sources, references, left_out = [], [], 0
    for source, of in zip(part.sources, part.references, strict=True):
        short = [words for words in of if len(words) <= longest and len(source) <= longest]
        left_out += len(of) - len(short)
        if short:
            sources.append(source)
            references.append(short)
    return Part(sources, references), left_out


def _vocabulary(sentences, min_count):
    counts = Counter(word for words in sentences for word in words)
    rare = sum(count for count in counts.values() if count < min_count)
    known = {word: count for word, count in counts.items() if count >= min_count}
    return TokenVocabulary.from_counts({EOS: len(sentences), "<unk>": rare, **known})


def source_ids(sentences, vocabulary, reverse=False):
    """Sentences as the encoder reads them: the end behind each, ids one higher so that 0 can pad."""
    return Sequences.of(
        [
            np.append(vocabulary.encode(words[::-1] if reverse else words), vocabulary.end) + 1
            for words in sentences
        ]
    )


def target_ids(sentences, vocabulary):
    """Translations as the decoder is to write them: the end behind each."""
    return Sequences.of([np.append(vocabulary.encode(words), vocabulary.end) for words in sentences])


def training_batches(settings, lessons, first_batch):
    """Endless batches of pairs of about one length.

    Returns:
        A dataset of `(inputs, next words (B, T), weights (B, T))`, 0 for padding and with a mean of 1;
        the batches of an epoch, and its target words.
    """
    sources = source_ids(lessons.train.sources, lessons.source_vocabulary, settings.reverse)
    targets = target_ids(lessons.train.targets(), lessons.target_vocabulary)
    of = lessons.train.indexes()
    # What is sorted by is the target's length, of which its source has about as much.
    dataset, batches = sequence_dataset(
        Sequences.of([ids + 1 for ids in _each(targets)]),
        of,
        settings.batch_size,
        settings.seed,
        first_batch,
    )
    lesson = _lesson(sources, lessons.target_vocabulary.end)
    dataset = dataset.map(lesson, tf.data.AUTOTUNE).map(_weigh).prefetch(2)
    return dataset, batches, len(targets.flat)


def _each(sequences):
    return [sequences[n] for n in range(len(sequences))]


def evaluation_batches(part, lessons, reverse):
    """Batches every pair of a part once, the shortest first.

    Returns:
        A dataset of `(inputs, next words (B, T), weights (B, T))`, 0 for padding; and how many words
        the translations have, their ends counted.
    """
    targets = target_ids(part.targets(), lessons.target_vocabulary)
    order = np.argsort(targets.lengths, kind="stable")
    shifted = Sequences.of([targets[n] + 1 for n in order])
    sources = source_ids(part.sources, lessons.source_vocabulary, reverse)
    dataset = sequence_batches(shifted, part.indexes()[order], EVALUATED)
    return dataset.map(_lesson(sources, lessons.target_vocabulary.end)), len(targets.flat)


def _lesson(sources, end):
    """From target ids `(B, T)` one too high, padded with 0, and the indexes of their sources."""
    flat, starts = tf.constant(sources.flat), tf.constant(sources.starts)
    lengths = tf.constant(sources.lengths)

    def lesson(ids, of):
        rows = tf.cast(of, tf.int32)
        ours = tf.gather(lengths, rows)[:, None]
        steps = tf.range(tf.reduce_max(ours))[None]
        inside = steps < ours
        at = tf.gather(starts, rows)[:, None] + tf.where(inside, steps, 0)
        source = tf.where(inside, tf.gather(flat, at), 0)
        present = tf.cast(ids > 0, tf.float32)
        targets = tf.maximum(ids - 1, 0)
        words = tf.concat([tf.fill([tf.shape(ids)[0], 1], end), targets[:, :-1]], axis=1)
        return {"source": source, "words": words}, targets, present

    return lesson


def _weigh(inputs, targets, present):
    """Weights whose mean is 1: the mean over all of `(B, T)` is then the mean over the words."""
    return inputs, targets, present / tf.reduce_mean(present)
