"""The words of a language model, including the end of a line and the unknown word, and their ids."""

from itertools import repeat
from typing import ClassVar

import numpy as np

from rnn_kit.checks import at_least
from rnn_kit.text.checks import a_few, refuse_string
from rnn_kit.text.errors import TextError
from rnn_kit.text.vocabulary import WordListVocabulary, by_frequency

EOS = "<eos>"  # the end of a line
UNK = "<unk>"  # any word that is not in the vocabulary

_SMALLEST = 3  # the end of a line, the unknown word, and one word


class TokenVocabulary(WordListVocabulary):
    """The V words that a language model reads and predicts, with ids from 0 to V - 1.

    Every id is a class of the model's output, so that none stands for padding or a start: the end of a
    line is a word like any other, `EOS` (`"<eos>"`), and so is the optional stand-in for unknown words,
    `UNK` (`"<unk>"`). The order is the caller's; `from_counts` puts the most frequent first. A
    vocabulary is immutable, and two are equal if they hold the same words in the same order.

    Args:
        tokens: Distinct words, including `EOS`, and `UNK` if unseen words are to be encoded.

    Attributes:
        tokens: The words, a tuple.

    Raises:
        TextError: If `EOS` is missing, a word occurs twice, or an item is not a word.

    Example:

    >>> vocabulary = TokenVocabulary(["<unk>", "the", "<eos>", "cat"])
    >>> vocabulary.end, vocabulary.unknown
    (2, 0)
    >>> vocabulary.encode(["the", "cat", "purrs", "<eos>"])
    array([1, 3, 0, 2], dtype=int32)
    >>> vocabulary.decode([1, 3, 2])
    ['the', 'cat', '<eos>']
    """

    _FORMAT = "rnn_kit.TokenVocabulary"
    _FIELDS: ClassVar = {"tokens": list}
    _ADVICE = "split it with its split()"

    def __init__(self, tokens):
        self.tokens = self._set_words("tokens", tokens, 0)
        if EOS not in self._ids:
            raise TextError(
                f"A language model's vocabulary needs {EOS!r}, the end of a line; received "
                f"{len(self)} words without it: end each line in it"
            )

    @classmethod
    def from_counts(cls, counts, size=None):
        """Makes the vocabulary of counted words: most frequent first, ties in alphabetical order.

        Args:
            counts: A mapping of words to numbers, such as a `collections.Counter`.
            size: V, the number of words to keep. If that removes any, the V include `EOS` and
                `UNK`, and the removed counts are added to `UNK`'s, so that ids are ordered by the
                frequency of the encoded words. With no more than `size` words, and by default, all
                are kept.

        Returns:
            A `TokenVocabulary`.

        Raises:
            TextError: If `size` is below 3, or as for the class.

        Example:

        >>> counts = {"a": 9, "b": 2, "c": 3, "d": 3, "<eos>": 4}
        >>> TokenVocabulary.from_counts(counts).tokens
        ('a', '<eos>', 'c', 'd', 'b')
        >>> TokenVocabulary.from_counts(counts, size=4).tokens  # "d" and "b" are 5 unknown words
        ('a', '<unk>', '<eos>', 'c')
        """
        if size is not None and len(counts) > at_least("size", size, _SMALLEST, TextError):
            counts = {EOS: 0, UNK: 0, **counts}
            words = [word for word in by_frequency(counts) if word not in (EOS, UNK)]
            for word in words[size - 2 :]:
                counts[UNK] += counts.pop(word)
        return cls(by_frequency(counts))

    def __repr__(self):
        return f"<TokenVocabulary of {len(self)} words>"

    @property
    def end(self):
        """The id of `EOS`, an `int`."""
        return self._ids[EOS]

    @property
    def unknown(self):
        """The id of `UNK`, an `int`, or `None` if the vocabulary has none."""
        return self._ids.get(UNK)

    def encode(self, words):
        """Maps T words to ids; words that are not in the vocabulary become `UNK`.

        Args:
            words: An iterable of words, possibly empty. No `EOS` is added.

        Returns:
            An int32 array of shape `(T,)`.

        Raises:
            TextError: If there are words that the vocabulary does not have, and it has no
                `UNK` (the message names a few), or if `words` is one `str`.

        Example:

        >>> TokenVocabulary(["the", "cat", "<eos>"]).encode(["the", "cat", "<eos>"])
        array([0, 1, 2], dtype=int32)
        >>> try:
        ...     TokenVocabulary(["the", "cat", "<eos>"]).encode(["the", "dog"])
        ... except TextError as error:
        ...     print(error)
        1 word is not in this vocabulary of 3, which has no '<unk>' for it: 'dog'
        """
        refuse_string("words", words, "words", self._ADVICE)
        words = list(words)
        fallback = -1 if self.unknown is None else self.unknown
        ids = np.fromiter(map(self._ids.get, words, repeat(fallback)), np.int32, len(words))
        if fallback < 0 and (ids < 0).any():
            unseen = self.unseen(words)
            are, it = ("word is", "it") if len(unseen) == 1 else ("words are", "them")
            raise TextError(
                f"{len(unseen)} {are} not in this vocabulary of {len(self)}, which has no "
                f"{UNK!r} for {it}: {a_few(unseen)}"
            )
        return ids

    def decode(self, ids):
        """Maps T ids back to words.

        Args:
            ids: Integers of shape `(T,)`: a list, an array, or a tensor that NumPy can read.

        Returns:
            A list of T words, including `EOS` and `UNK`.

        Raises:
            TextError: If the ids are not a one-dimensional array of integers, or one of them is
                not in `[0, V)`.
        """
        tokens = self.tokens
        return [tokens[i] for i in self._checked_ids(ids).tolist()]
