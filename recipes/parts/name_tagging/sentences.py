"""Tagged sentences in ids, as batches: words, their letters, and a tag for each."""

import re
import unicodedata
from collections import Counter
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recipe_kit.datasets import DataError, tagged
from rnn_kit import entities
from rnn_kit.pipelines import padded_rows, sequence_batches, sequence_dataset
from rnn_kit.text import EOS, UNK, Sequences, TokenVocabulary
from rnn_kit.text.decoding import normalize_nfc

PADDING = -1  # the tag of padding, which no loss counts
EVALUATED = 64  # sentences a batch, where nothing is trained
LONGEST_WORD = 24  # letters of a word that are read; of longer ones the first and the last half
_DIGITS = re.compile(r"\d")
_CHUNK = re.compile(r"\S+")
_CLITIC = re.compile(r"(?i)(n['’]t|['’](?:s|re|ve|ll|d|m))$")  # of "don't" and "Oslo's"


def split_words(text, is_known=lambda word: False, whitespace_only=False):
    """Splits a text into words, about as the news of CoNLL-2003 and Treebanks are split.

    White space splits. Of what is left, punctuation and symbols at either end are words of their own,
    and so are "'s" and "n't" at its end, unless the whole is a word that is known, such as "U.S.".

    Args:
        text: A string.
        is_known: `is_known(word)`: whether a word of the text is to stay whole.
        whitespace_only: Whether the text is split already, and white space alone splits.

    Returns:
        Pairs of a word and the index at which it begins.

    Example:

    >>> split_words("Mr. O'Neill's (U.S.).", {"Mr.", "U.S."}.__contains__)
    [('Mr.', 0), ("O'Neill", 4), ("'s", 11), ('(', 14), ('U.S.', 15), (')', 19), ('.', 20)]
    """
    words = []
    for match in _CHUNK.finditer(text):
        chunk, at = match.group(), match.start()
        words += [(chunk, at)] if whitespace_only else _peeled(chunk, at, is_known)
    return words


def _peeled(chunk, at, is_known):
    """Splits punctuation and clitics off a chunk without white space."""
    before, behind = [], []
    while chunk and not is_known(chunk):
        if len(chunk) > 1 and _is_punctuation(chunk[0]):
            before.append((chunk[0], at))
            chunk, at = chunk[1:], at + 1
        elif len(chunk) > 1 and _is_punctuation(chunk[-1]):
            behind.append((chunk[-1], at + len(chunk) - 1))
            chunk = chunk[:-1]
        elif (clitic := _CLITIC.search(chunk)) and clitic.start():
            behind.append((clitic.group(), at + clitic.start()))
            chunk = chunk[: clitic.start()]
        else:
            break
    return [*before, (chunk, at), *behind[::-1]]


def _is_punctuation(character):
    return unicodedata.category(character)[0] in "PS"


def normalized(word):
    """Returns a word as its vector is looked up: NFC, in lower case, each digit a 0."""
    return _DIGITS.sub("0", normalize_nfc(word).lower())


class Encoder(NamedTuple):
    """Numbers words, letters and tags. Ids of words and letters are from 1, and 0 pads.

    Attributes:
        words: `TokenVocabulary` of normalised words.
        letters: `TokenVocabulary` of characters.
        tags: L tags, `O` first.
        spells: Whether the network reads letters.
    """

    words: TokenVocabulary
    letters: TokenVocabulary
    tags: list
    spells: bool = True

    def word_ids(self, words):
        """Returns the ids `(T,)` of words."""
        return self.words.encode([normalized(word) for word in words]) + 1

    def letter_ids(self, words):
        """Returns the ids `(T, LONGEST_WORD)` of the words' letters, padded with 0."""
        ids = np.zeros((len(words), LONGEST_WORD), "int32")
        half = LONGEST_WORD // 2
        for row, word in zip(ids, words, strict=True):
            if len(word) > LONGEST_WORD:
                word = word[:half] + word[-half:]
            row[: len(word)] = self.letters.encode(list(word)) + 1
        return ids

    def is_known(self, word):
        """Returns whether the training part had a word."""
        return not self.words.unseen([normalized(word)])

    def inputs(self, sentences):
        """Returns what the network reads of B lists of words: ids `(B, T)` and `(B, T, letters)`."""
        longest = max(map(len, sentences))
        ids = {"words": np.zeros((len(sentences), longest), "int32")}
        if self.spells:
            ids["letters"] = np.zeros((len(sentences), longest, LONGEST_WORD), "int32")
        for row, words in enumerate(sentences):
            ids["words"][row, : len(words)] = self.word_ids(words)
            if self.spells:
                ids["letters"][row, : len(words)] = self.letter_ids(words)
        return ids


class Data(NamedTuple):
    """What is learned from.

    Attributes:
        sentences: `datasets.tagged.TaggedSentences`, of the types that are asked for.
        encoder: `Encoder` of the training part.
        singles: Boolean `(V + 1,)`: ids of words that the training part has once.
        notes: Lines for the user, a tuple.
    """

    sentences: tagged.TaggedSentences
    encoder: Encoder
    singles: np.ndarray
    notes: tuple

    def parts(self):
        """Returns the parts by their names: lists of sentences."""
        found = self.sentences
        return {"train": found.train, "validation": found.validation, "test": found.test}


def load(settings):
    """Loads sentences, of the types of names that the settings ask for."""
    found = tagged.load_tagged(settings.data, settings.encoding)
    notes = [*found.notes]
    types = list(dict.fromkeys(settings.types)) or found.types
    if unknown := [kind for kind in types if kind not in found.types]:
        raise DataError(
            f"--types {' '.join(unknown)}: {found.info['name']} has {', '.join(found.types)} alone. "
            "Give some of these."
        )
    parts = {name: getattr(found, name) for name in ("train", "validation", "test")}
    if settings.limit:
        parts = {name: part[: settings.limit] for name, part in parts.items()}
    parts = {name: [_retagged(s, types, settings.scheme) for s in part] for name, part in parts.items()}
    found = found._replace(**parts, types=types)
    counts = Counter(normalized(word) for sentence in found.train for word in sentence.words)
    known = {word: count for word, count in counts.items() if count >= settings.min_count}
    words = TokenVocabulary.from_counts({**known, EOS: 0, UNK: 0})
    letters = Counter(letter for sentence in found.train for word in sentence.words for letter in word)
    letters = TokenVocabulary.from_counts({**letters, EOS: 0, UNK: 0})
    unknown = sum(normalized(w) not in known for s in found.validation for w in s.words)
    total = sum(len(s.words) for s in found.validation)
    notes.append(
        f"{len(known):,} distinct words, in lower case and with 0 for digits; {unknown / total:.1%} of "
        "the validation part's words are unknown."
    )
    single = [False, *(counts[word] == 1 for word in words.tokens)]
    tags, spells = entities.all_tags(types, settings.scheme), settings.characters != "none"
    encoder = Encoder(words, letters, tags, spells)
    return Data(found, encoder, np.array(single), tuple(notes))


def _retagged(sentence, types, scheme):
    found = [entity for entity in entities.from_tags(sentence.tags) if entity.type in types]
    return tagged.Sentence(sentence.words, entities.to_tags(found, len(sentence.words), scheme))


def training_batches(settings, data, first_batch):
    """Batches sentences of about one length, without end.

    In each, a share of the words that the training part has once are read as unknown, so that the
    network learns what to make of words that it does not know. Which ones depends on the seed and on
    the batch's number alone.

    Returns:
        A dataset of `(inputs, tags (B, T))`, `PADDING` behind a sentence; the batches of an epoch; and
        its words.
    """
    forms, look_up = _forms(data.sentences.train, data.encoder)
    of = np.arange(len(forms))
    dataset, batches = sequence_dataset(forms, of, settings.batch_size, settings.seed, first_batch)
    singles, unknown = tf.constant(data.singles), data.encoder.words.unknown + 1

    def example(batch, number):
        inputs, tags = look_up(*batch)
        ids = inputs["words"]
        drawn = tf.random.stateless_uniform(tf.shape(ids), tf.stack([settings.seed, number]))
        hidden = (drawn < settings.single_dropout) & tf.gather(singles, ids)
        return {**inputs, "words": tf.where(hidden, unknown, ids)}, tags

    dataset = tf.data.Dataset.zip(dataset, tf.data.Dataset.counter(first_batch))
    return dataset.map(example, tf.data.AUTOTUNE).prefetch(2), batches, len(forms.flat)


def evaluation_batches(part, encoder):
    """Batches every sentence of a part once, the shortest first.

    Returns:
        A dataset of `(inputs, tags (B, T))`; and the sentences' order, indexes `(n,)`.
    """
    forms, look_up = _forms(part, encoder)
    order = np.argsort(forms.lengths, kind="stable")
    batches = sequence_batches(forms.take(order), order, EVALUATED)
    return batches.map(look_up, tf.data.AUTOTUNE).prefetch(2), order


def _forms(part, encoder):
    """Numbers the distinct words of a part from 1; and looks inputs and tags up by these ids."""
    distinct = list(dict.fromkeys(word for sentence in part for word in sentence.words))
    number = {word: n for n, word in enumerate(distinct, start=1)}
    forms = Sequences.of([np.array([number[w] for w in s.words], "int32") for s in part])
    words = tf.constant(np.append(0, encoder.word_ids(distinct)).astype("int32"))
    spelled = encoder.letter_ids(distinct)
    letters = tf.constant(np.concatenate([np.zeros_like(spelled[:1]), spelled]))
    label = {tag: n for n, tag in enumerate(encoder.tags)}
    tags = padded_rows(Sequences.of([np.array([label[t] for t in s.tags], "int32") for s in part]))

    def look_up(ids, of):
        inputs = {"words": tf.gather(words, ids)}
        if encoder.spells:
            inputs["letters"] = tf.gather(letters, ids)
        return inputs, tf.where(ids > 0, tags(tf.cast(of, tf.int32)), PADDING)

    return forms, look_up
