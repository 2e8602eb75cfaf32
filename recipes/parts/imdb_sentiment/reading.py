"""Prepares reviews for the network: which words it reads, and how batches are padded."""

from typing import NamedTuple

from recipe_kit import cli
from rnn_kit import layers
from rnn_kit.text import FIRST_WORD_ID, OOV_ID, LabelledSequences, WordVocabulary


class Data(NamedTuple):
    """Reviews for training, validation and test, with the ids of all their words, rare ones too."""

    train: LabelledSequences
    validation: LabelledSequences
    test: LabelledSequences
    vocabulary: WordVocabulary
    classes: tuple
    info: dict
    notes: tuple


def check(settings, train, validation, test):
    """Raises if there are too few reviews, or too many words for reading in pairs."""
    if min(len(train), len(validation), len(test)) < 1 or len(set(train.labels)) < 2:
        raise cli.UserError(
            f"--data {settings.data}: {len(train)} reviews to train on, {len(validation)} to validate "
            f"on and {len(test)} for the test are too few: one review, and both classes to train on, "
            "are the least. Give more, or a greater --limit."
        )
    most = layers.BigramEmbedding.MAX_VOCABULARY_SIZE
    if settings.pairs and settings.words > most:
        raise cli.UserError(
            f"--words {settings.words}: with pairs of words, {most} are the most. Give fewer, or "
            "--pairs none."
        )


def readable(settings, vocabulary, sequences):
    """Returns reviews as the network reads them: rare words unknown, long reviews cut to their end."""
    return sequences.replace_oov(vocabulary.size, OOV_ID).last(settings.maxlen)


def what_is_not_read(settings, data):
    """Returns lines on the training words that the network does not know or reach."""
    notes, reviews = [], data.train.sequences
    known, distinct = data.vocabulary.size - FIRST_WORD_ID, len(data.vocabulary)
    if known < distinct:
        words = len(reviews.flat) - len(reviews)  # each review begins with the start id
        share = (reviews.flat >= data.vocabulary.size).sum() / max(1, words)
        notes.append(
            f"The {known:,} most frequent of {distinct:,} distinct words are known; the others, "
            f"{share:.1%} of all that is written, are one unknown word: --words says how many ids."
        )
    longer = int((reviews.lengths - 1 > settings.maxlen).sum())
    if longer:
        notes.append(
            f"Of {longer:,} of {len(reviews):,} training reviews, which are longer, the last "
            f"{settings.maxlen:,} words are read: --maxlen says how many."
        )
    return notes


def padded(settings):
    """Returns how batches are padded: as little as possible, or as in the listing."""
    return {
        "length": None if settings.bucket else settings.maxlen,
        "padding": "post" if settings.mask else "pre",
    }


def described(data):
    """Returns a line that describes the reviews."""
    info = data.info
    return (
        f"{info['name']}: training on {info['train']:,} reviews, validating on {info['validation']:,}, "
        f"held out {info['test']:,}; {info['distinct_words']:,} distinct words; "
        f"is it {data.classes[0]} or {data.classes[1]}?"
    )
