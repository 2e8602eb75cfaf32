"""The words of a language model, and their ids: a word too rare or unknown is one of them."""

from collections import Counter
from itertools import repeat

import numpy as np

from rnn_kit.text.errors import TextError, at_least, one_dimensional
from rnn_kit.text.saving import load_vocabulary, save_json

END = "<eos>"  # the end of a line
UNKNOWN = "<unk>"  # any word that is not in the vocabulary

_FORMAT = "rnn_kit.TokenVocabulary"
_SMALLEST = 3  # the end of a line, the unknown word, and one word


class TokenVocabulary:
    """The V words that a language model reads and predicts, with ids from 0 to V - 1.

    Every id is a class of the model's output, so that none is set aside for padding or a start: the
    end of a line is a word like another, `END` (`"<eos>"`), and so is what stands for words that
    are not in the vocabulary, `UNKNOWN` (`"<unk>"`), where there is one. Order is the caller's;
    `from_counts` puts the most frequent first. A vocabulary does not change once it is made, and
    two are equal when they hold the same words in the same order.

    Args:
        tokens: Distinct words, `END` among them, and `UNKNOWN` where unseen words are to be taken.

    Attributes:
        tokens: The words, a tuple.

    Raises:
        TextError: If `END` is not there, a word comes twice, or an item is not a word.

    Example:

    >>> vocabulary = TokenVocabulary(["<unk>", "the", "<eos>", "cat"])
    >>> vocabulary.end, vocabulary.unknown
    (2, 0)
    >>> vocabulary.encode(["the", "cat", "purrs", "<eos>"])
    array([1, 3, 0, 2], dtype=int32)
    >>> vocabulary.decode([1, 3, 2])
    ['the', 'cat', '<eos>']
    """

    def __init__(self, tokens):
        _not_a_text("tokens", tokens)
        self.tokens = tuple(tokens)
        for token in self.tokens:
            if not isinstance(token, str) or not token:
                raise TextError(
                    "A vocabulary is made of words, each a string that is not empty; received "
                    f"{token!r}"
                )
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        if len(self._ids) < len(self.tokens):
            repeated = [token for token, count in Counter(self.tokens).items() if count > 1]
            raise TextError(
                f"Each word of a vocabulary comes once; received more than once: {_a_few(repeated)}"
            )
        if END not in self._ids:
            raise TextError(
                f"A language model's vocabulary needs {END!r}, the end of a line; received "
                f"{len(self.tokens)} words without it: end each line in it"
            )

    @classmethod
    def from_counts(cls, counts, size=None):
        """The vocabulary of counted words: most frequent first, ties in alphabetical order.

        Args:
            counts: A mapping of words to numbers, such as a `collections.Counter`.
            size: V, the number of words to keep. Where that cuts any off, `END` and `UNKNOWN` are
                two of the V, and the counts of what is cut off are added to `UNKNOWN`'s, so that
                ids are in the order in which the encoded words are frequent. Where there are no
                more than `size` words, and by default, the words are those counted.

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

        def ranked(words):
            return sorted(words, key=lambda word: (-counts[word], word))

        if size is not None and len(counts) > at_least("size", size, _SMALLEST):
            counts = {END: 0, UNKNOWN: 0, **counts}
            words = [word for word in ranked(counts) if word not in (END, UNKNOWN)]
            for word in words[size - 2 :]:
                counts[UNKNOWN] += counts.pop(word)
        return cls(ranked(counts))

    def __len__(self):
        """V, the number of words, `END` and `UNKNOWN` among them."""
        return len(self.tokens)

    def __eq__(self, other):
        if not isinstance(other, TokenVocabulary):
            return NotImplemented
        return self.tokens == other.tokens

    def __hash__(self):
        return hash(self.tokens)

    def __repr__(self):
        return f"<TokenVocabulary of {len(self)} words>"

    @property
    def end(self):
        """The id of `END`, an `int`."""
        return self._ids[END]

    @property
    def unknown(self):
        """The id of `UNKNOWN`, an `int`, or `None` where the vocabulary has none."""
        return self._ids.get(UNKNOWN)

    def id_of(self, word):
        """The id of a word, or `None` if the vocabulary does not have it.

        Args:
            word: A `str`.

        Returns:
            An `int` from 0 to V - 1, or `None`.

        Example:

        >>> TokenVocabulary(["the", "<eos>"]).id_of("the")
        0
        """
        return self._ids.get(word)

    def encode(self, words):
        """Maps T words to ids; words that are not in the vocabulary become `UNKNOWN`.

        Args:
            words: An iterable of words; there may be none. No `END` is added.

        Returns:
            An int32 array of shape `(T,)`.

        Raises:
            TextError: If there are words that the vocabulary does not have, and it has no
                `UNKNOWN` (the message names a few), or if `words` is one `str`.

        Example:

        >>> TokenVocabulary(["the", "cat", "<eos>"]).encode(["the", "cat", "<eos>"])
        array([0, 1, 2], dtype=int32)
        >>> try:
        ...     TokenVocabulary(["the", "cat", "<eos>"]).encode(["the", "dog"])
        ... except TextError as error:
        ...     print(error)
        1 word is not in this vocabulary of 3, which has no '<unk>' for it: 'dog'
        """
        _not_a_text("words", words)
        words = list(words)
        fallback = -1 if self.unknown is None else self.unknown
        ids = np.fromiter(map(self._ids.get, words, repeat(fallback)), np.int32, len(words))
        if fallback < 0 and (ids < 0).any():
            unseen = self.unseen(words)
            are, it = ("word is", "it") if len(unseen) == 1 else ("words are", "them")
            raise TextError(
                f"{len(unseen)} {are} not in this vocabulary of {len(self)}, which has no "
                f"{UNKNOWN!r} for {it}: {_a_few(unseen)}"
            )
        return ids

    def unseen(self, words):
        """The distinct words that the vocabulary does not have, in the order of first appearance.

        Args:
            words: An iterable of words, as for `encode`.

        Returns:
            A list of words.

        Raises:
            TextError: If `words` is one `str`.

        Example:

        >>> TokenVocabulary(["the", "<eos>"]).unseen(["a", "cat", "the", "a"])
        ['a', 'cat']
        """
        _not_a_text("words", words)
        return [word for word in dict.fromkeys(words) if word not in self._ids]

    def decode(self, ids):
        """Maps T ids back to words.

        Args:
            ids: Integers of shape `(T,)`: a list, an array, or a tensor that NumPy can read.

        Returns:
            A list of T words, `END` and `UNKNOWN` as they are.

        Raises:
            TextError: If the ids are not a one-dimensional array of integers, or one of them is
                not in `[0, V)`.
        """
        ids = one_dimensional(ids)
        wrong = (ids < 0) | (ids >= len(self))
        if wrong.any():
            raise TextError(f"Expected ids from 0 to {len(self) - 1}; received {ids[wrong][0]}")
        tokens = self.tokens
        return [tokens[i] for i in ids.tolist()]

    def save(self, path):
        """Writes the vocabulary as JSON, aside first, so that a file is never left half-written.

        Args:
            path: The file; its folder must exist. A file of that name is replaced.
        """
        save_json(path, {"format": _FORMAT, "tokens": self.tokens})

    @classmethod
    def load(cls, path):
        """Reads a vocabulary that `save` wrote.

        Args:
            path: The file.

        Returns:
            A `TokenVocabulary`, equal to the one that was saved.

        Raises:
            TextError: If the file is missing, cannot be read, is cut short, or holds no vocabulary.

        Example:

        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "vocabulary.json")
        ...     TokenVocabulary(["the", "cat", "<eos>"]).save(file)
        ...     TokenVocabulary.load(file)
        <TokenVocabulary of 3 words>
        """
        return load_vocabulary(cls, path, _FORMAT, {"tokens": list})


def _not_a_text(name, words):
    # A text is iterable too: each of its characters would be looked up as a word.
    if isinstance(words, str):
        raise TextError(f"`{name}` is a list of words; received one text: cut it with its split()")


def _a_few(words, most=8):
    shown = ", ".join(map(repr, words[:most]))
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"
