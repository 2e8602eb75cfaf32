"""Pairs of sentences in ids, as batches to learn from, and what a translation costs in nats."""

import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from recipe_kit import sentence_batches
from recipe_kit.datasets import DataError, translations
from rnn_kit.pipelines import padded_rows
from rnn_kit.text import EOS, TokenVocabulary

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
    """Sentences as the encoder reads them: the end behind each, 0 free to pad with."""
    if reverse:
        sentences = [words[::-1] for words in sentences]
    return sentence_batches.numbered(sentences, vocabulary)


def training_batches(settings, lessons, first_batch):
    """Batches translations of about one length, each beside its source: see `sentence_batches`."""
    pairs = _pairs(lessons.train, lessons, settings.reverse)
    return sentence_batches.training_batches(*pairs, settings.batch_size, settings.seed, first_batch)


def evaluation_batches(part, lessons, reverse):
    """Batches every pair of a part once, beside its source: see `sentence_batches`."""
    return sentence_batches.evaluation_batches(*_pairs(part, lessons, reverse), EVALUATED)


def _pairs(part, lessons, reverse):
    """All translations of a part, the index of the source of each, the sources, the id of the end."""
    targets = sentence_batches.numbered(part.targets(), lessons.target_vocabulary)
    sources = padded_rows(source_ids(part.sources, lessons.source_vocabulary, reverse))
    return (
        targets,
        part.indexes(),
        lambda rows: {"source": sources(rows)},
        lessons.target_vocabulary.end,
    )
