"""The characters that a model knows, and their ids."""

from typing import ClassVar

import numpy as np

from rnn_kit.text.checks import a_few
from rnn_kit.text.errors import TextError
from rnn_kit.text.vocabulary import Vocabulary


class CharVocabulary(Vocabulary):
    """The characters that a model knows, numbered from 0 in the order given.

    With V characters c_0 ... c_(V-1): `encode` maps a text of T characters to ids `(T,)`, and
    `decode` maps them back. A vocabulary is immutable, and two are equal if they hold the same
    characters in the same order.

    Args:
        characters: A string, or any iterable of one-character strings, without repetition.

    Attributes:
        characters: The characters, a string.

    Raises:
        TextError: If there is no character, one occurs twice, or an item is not one character.

    Example:

    >>> vocabulary = CharVocabulary.from_text("hello")
    >>> vocabulary.characters, len(vocabulary)
    ('ehlo', 4)
    >>> vocabulary.encode("hole")
    array([1, 3, 2, 0], dtype=int32)
    >>> vocabulary.decode([1, 0, 2, 2, 3])
    'hello'
    """

    _FORMAT = "rnn_kit.CharVocabulary"
    _FIELDS: ClassVar = {"characters": str}

    def __init__(self, characters):
        characters = self._distinct(
            characters,
            lambda character: isinstance(character, str) and len(character) == 1,
            "character",
            "single characters, each a string of length 1",
        )
        self.characters = "".join(characters)
        self._code_points = _code_points(self.characters)
        # Code point -> id, -1 for the unseen; the last entry stands for all code points above.
        self._ids = np.full(int(self._code_points.max()) + 2, -1, dtype=np.int32)
        self._ids[self._code_points] = np.arange(len(self), dtype=np.int32)

    @classmethod
    def from_text(cls, text):
        """Makes the vocabulary of the distinct characters of a text, sorted by code point.

        Args:
            text: A `str` that is not empty.

        Returns:
            A `CharVocabulary`.

        Raises:
            TextError: If the text is empty.
        """
        return cls(sorted(set(text)))

    def __len__(self):
        return len(self.characters)

    def __repr__(self):
        return f"CharVocabulary({self.characters!r})"

    def encode(self, text):
        """Maps a text of T characters to ids.

        Args:
            text: A `str`; it may be empty.

        Returns:
            An int32 array of shape `(T,)`.

        Raises:
            TextError: If the text has characters that the vocabulary does not; it names a few.

        Example:

        >>> CharVocabulary("ab").encode("abba")
        array([0, 1, 1, 0], dtype=int32)
        >>> try:
        ...     CharVocabulary("ab").encode("abc")
        ... except TextError as error:
        ...     print(error)
        1 character is not in this vocabulary of 2: 'c'
        """
        ids = self._lookup(text)
        if (ids < 0).any():
            unseen = self.unseen(text)
            count = "1 character is" if len(unseen) == 1 else f"{len(unseen)} characters are"
            raise TextError(f"{count} not in this vocabulary of {len(self)}: {a_few(unseen)}")
        return ids

    def unseen(self, text):
        """Finds the distinct characters of a text that are not in the vocabulary.

        Args:
            text: A `str`.

        Returns:
            A `str`, in the order of their first appearance; empty if `encode` takes the text.

        Example:

        >>> CharVocabulary("ab").unseen("a dab, bad")
        ' d,'
        """
        missing = _code_points(text)[self._lookup(text) < 0]
        return "".join(dict.fromkeys(_characters(missing)))

    def decode(self, ids):
        """Maps T ids back to a text.

        Args:
            ids: Integers of shape `(T,)`: a list, an array, or a tensor that NumPy can read.

        Returns:
            A `str` of T characters.

        Raises:
            TextError: If the ids are not a one-dimensional array of integers, or one of them is
                not in `[0, V)`.
        """
        return _characters(self._code_points[self._checked_ids(ids)])

    def _lookup(self, text):
        return self._ids[np.minimum(_code_points(text), len(self._ids) - 1)]


def _code_points(text):
    # "surrogatepass", because a prompt from a terminal may hold bytes that are not UTF-8.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _characters(code_points):
    return code_points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
