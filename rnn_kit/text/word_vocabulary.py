"""The words that a model reads, and their ids, numbered as in `keras.datasets.imdb`."""

from collections import Counter
from typing import ClassVar

import numpy as np

from rnn_kit.checks import at_least
from rnn_kit.text.checks import as_ids, refuse_string
from rnn_kit.text.errors import TextError
from rnn_kit.text.tokenization import tokenize
from rnn_kit.text.vocabulary import WordListVocabulary, by_frequency

# As in `keras.datasets.imdb.load_data(start_char=1, oov_char=2, index_from=3)`.
PAD_ID = 0
"""Id of padding in a `WordVocabulary`."""
START_ID = 1
"""Id of the start of a text in a `WordVocabulary`."""
OOV_ID = 2
"""Id of a word that is too rare to have one of its own in a `WordVocabulary`."""
FIRST_WORD_ID = 4
"""Id of the most frequent word in a `WordVocabulary`; 3 stands for nothing."""

_SPECIAL = ("<pad>", "<start>", "<unk>")


class WordVocabulary(WordListVocabulary):
    """The words that a model reads, most frequent first, numbered from `FIRST_WORD_ID`.

    The numbering is that of `keras.datasets.imdb`: 0 pads, 1 starts a review, 2 stands for a word
    too rare to have an id below `size`, 3 is not used, and the word of frequency rank r = 1, 2, ...
    has the id r + 3. A word that is not in the vocabulary at all is left out, as in the test reviews
    of `keras.datasets.imdb`; `unseen` names such words.

    A vocabulary is immutable, and two are equal if they hold the same words in the same order and have
    the same `size`.

    Args:
        words: Distinct words, most frequent first.
        size: All ids that `encode` gives are below it, as with `num_words` in Keras: the number of
            rows that an embedding needs. By default every word has its id:
            `len(words) + FIRST_WORD_ID`.

    Attributes:
        words: The words, a tuple.
        size: As above; never `None`.

    Raises:
        TextError: If there is no word, one occurs twice, an item is not a word, or `size` leaves no
            word an id.

    Example:

    >>> vocabulary = WordVocabulary(["the", "film", "dull"], size=6)
    >>> ids = vocabulary.encode(["the", "dull", "old", "film"])
    >>> ids  # "dull" is too rare, "old" not in the vocabulary
    array([1, 4, 2, 5], dtype=int32)
    >>> vocabulary.decode(ids)
    ['<start>', 'the', '<unk>', 'film']
    """

    _FORMAT = "rnn_kit.WordVocabulary"
    _FIELDS: ClassVar = {"size": int, "words": list}
    _ADVICE = "split it with tokenize"

    def __init__(self, words, size=None):
        self.words = self._set_words("words", words, FIRST_WORD_ID)
        if size is None:
            size = FIRST_WORD_ID + len(self)
        self.size = at_least("size", size, FIRST_WORD_ID + 1, TextError)

    @classmethod
    def from_counts(cls, counts, size=None):
        """Makes the vocabulary of counted words: most frequent first, ties in alphabetical order.

        Args:
            counts: A mapping of words to numbers, such as a `collections.Counter`.
            size: As for the class.

        Returns:
            A `WordVocabulary`.

        Raises:
            TextError: As for the class.

        Example:

        >>> WordVocabulary.from_counts({"b": 1, "c": 2, "a": 1}).words
        ('c', 'a', 'b')
        """
        return cls(by_frequency(counts), size)

    @classmethod
    def from_texts(cls, texts, size=None):
        """Makes the vocabulary of the words that `tokenize` finds in texts.

        Args:
            texts: An iterable of `str`, read once.
            size: As for the class.

        Returns:
            A `WordVocabulary`.

        Raises:
            TextError: If the texts hold no word, or `size` leaves no word an id.

        Example:

        >>> WordVocabulary.from_texts(["A dull film.", "A film!"]).words
        ('a', 'film', 'dull')
        """
        refuse_string("texts", texts, "texts", "put it into a list")
        counts = Counter()
        for text in texts:
            counts.update(tokenize(text))
        return cls.from_counts(counts, size)

    def __repr__(self):
        return f"<WordVocabulary of {len(self)} words, size={self.size}>"

    def encode(self, words, replace_oov=True):
        """Maps words to ids, after the id `START_ID`; unseen words are left out.

        Args:
            words: Words, as from `tokenize`, possibly none.
            replace_oov: Whether ids of `size` or more become `OOV_ID`.

        Returns:
            An int32 array of shape `(1 + T,)` for T words that the vocabulary has.

        Raises:
            TextError: If `words` is one `str`.

        Example:

        >>> vocabulary = WordVocabulary(["the", "film", "dull"], size=6)
        >>> vocabulary.encode(["dull", "film"]), vocabulary.encode(["dull", "film"], replace_oov=False)
        (array([1, 2, 5], dtype=int32), array([1, 6, 5], dtype=int32))
        """
        refuse_string("words", words, "words", self._ADVICE)
        ids = [START_ID]
        ids += [i for i in map(self._ids.get, words) if i is not None]
        ids = np.array(ids, dtype=np.int32)
        if replace_oov:
            ids[ids >= self.size] = OOV_ID
        return ids

    def decode(self, ids):
        """Maps T ids back to words.

        Args:
            ids: Integers of shape `(T,)`, including those of `size` or more.

        Returns:
            A list of T words, including `"<pad>"`, `"<start>"` and `"<unk>"`.

        Raises:
            TextError: If the ids are not a one-dimensional array of integers, or one of them
                stands for nothing.
        """
        ids, end = as_ids(ids), FIRST_WORD_ID + len(self)
        wrong = (ids < 0) | (ids >= end) | (ids == FIRST_WORD_ID - 1)
        if wrong.any():
            raise TextError(
                f"Expected ids from 0 to {end - 1}, of which {FIRST_WORD_ID - 1} is not used; "
                f"received {ids[wrong][0]}"
            )
        words = self.words
        return [words[i - FIRST_WORD_ID] if i >= FIRST_WORD_ID else _SPECIAL[i] for i in ids.tolist()]

    def rare(self, words):
        """Lists the distinct words that `encode` maps to `OOV_ID`, in the order of first appearance.

        Args:
            words: Words, as for `encode`.

        Returns:
            A list of words.

        Raises:
            TextError: If `words` is one `str`.

        Example:

        >>> WordVocabulary(["the", "film"], size=5).rare(["the", "old", "film"])
        ['film']
        """
        refuse_string("words", words, "words", self._ADVICE)
        return [word for word in dict.fromkeys(words) if self._ids.get(word, 0) >= self.size]
