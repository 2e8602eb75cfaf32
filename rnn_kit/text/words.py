"""The words that a model knows, and their ids, numbered as `keras.datasets.imdb` numbers them."""

import unicodedata
from collections import Counter

import numpy as np

from rnn_kit.text.errors import TextError, at_least, one_dimensional
from rnn_kit.text.saving import load_vocabulary, save_json

PADDING, START, UNKNOWN = 0, 1, 2
FIRST = 4  # the id of the most frequent word; 3 stands for nothing

# The ASCII characters that end a word, as the space does. Not the apostrophe: "don't" is one word.
SEPARATORS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'

_APOSTROPHES = "\u2019\u02bc\uff07"
# Written without spaces; of their scripts only these are cut, character by character.
_ALONE = ("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH", "HIRAGANA ", "KATAKANA ")


class _Cutting(dict):
    """For `str.translate`: what stands for each character beyond ASCII, found when it first comes."""

    def __missing__(self, code):
        character = chr(code)
        kind, name = unicodedata.category(character), unicodedata.name(character, "")
        if character in _APOSTROPHES:
            becomes = "'"
        elif character in "\u200b\ufeff" or kind[0] in "PZ" or character.isspace():
            becomes = " "
        elif character == "\u00ad" or name.startswith("VARIATION SELECTOR"):  # a soft hyphen; of emoji
            becomes = ""
        elif kind == "So" or name.startswith(_ALONE):
            becomes = f" {character} "
        else:
            becomes = character
        self[code] = becomes
        return becomes


class _Letters(_Cutting):
    """The same, where all but letters with their marks, digits and apostrophes ends a word."""

    def __missing__(self, code):
        becomes = super().__missing__(code)
        if becomes.strip() and unicodedata.category(becomes.strip())[0] not in "LMN" and becomes != "'":
            becomes = self[code] = " "
        return becomes


_WHITE = "\t\n\r\v\f"
_ASCII = {code: chr(code) for code in range(128)}
_TO_SPACES = _Cutting(_ASCII | str.maketrans(dict.fromkeys(SEPARATORS + _WHITE, " ")))
_TO_LETTERS = _Letters({code: c if c.isalnum() or c == "'" else " " for code, c in _ASCII.items()})
_SPECIAL = ("<pad>", "<start>", "<unk>")
_FORMAT = "rnn_kit.WordVocabulary"


def cut_words(text):
    r"""Cuts a text into lower-case words, as the `Tokenizer` of Keras 2 does by default.

    Each of the characters ``!"#$%&()*+,-./:;<=>?@[\]^_`{|}~`` becomes a space, and the words are what
    stands between white space. An apostrophe stays in its word, and `<br />` leaves the word "br".

    Beyond ASCII, where that `Tokenizer` leaves everything in its word: punctuation and white space (a
    no-break space too) end a word, a typographic apostrophe is an apostrophe, and each Chinese
    character, kana and emoji is a word of its own, since no spaces stand around them.

    Args:
        text: A `str`; it may be empty.

    Returns:
        A list of words, none of them empty.

    Example:

    >>> cut_words("Don't miss it!<br />A well-made film.")
    ["don't", 'miss', 'it', 'br', 'a', 'well', 'made', 'film']
    >>> cut_words("Don’t miss «Été»")
    ["don't", 'miss', 'été']
    >>> cut_words("好电影！ 5 stars")
    ['好', '电', '影', '5', 'stars']
    """
    return [word for word in text.lower().translate(_TO_SPACES).split(" ") if word]


def cut_letters(text):
    """Cuts a text into lower-case words of letters, digits and apostrophes; all else ends a word.

    A letter keeps its marks, a typographic apostrophe is an apostrophe, and each Chinese character and
    kana is a word of its own.

    Args:
        text: A `str`; it may be empty.

    Returns:
        A list of words, none of them empty.

    Example:

    >>> cut_letters("Zwei Mädchen — mit 3 Hunden_!")
    ['zwei', 'mädchen', 'mit', '3', 'hunden']
    """
    return text.lower().translate(_TO_LETTERS).split()


class WordVocabulary:
    """The words that a model knows, most frequent first, numbered from `FIRST`.

    The numbering is that of `keras.datasets.imdb`: 0 pads, 1 starts a review, 2 stands for a word
    too rare to have an id below `size`, 3 is not used, and the word of frequency rank r = 1, 2, ...
    has the id r + 3. A word that is not in the vocabulary at all is left out, as it is in the test
    reviews of `keras.datasets.imdb`; `unseen` names such words.

    A vocabulary does not change once it is made, and two are equal when they hold the same words
    in the same order and have the same `size`.

    Args:
        words: Distinct words, most frequent first.
        size: All ids that `encode` gives are below it, as with `num_words` in Keras: the number of
            rows that an embedding needs. By default every word has its id: `len(words) + FIRST`.

    Attributes:
        words: The words, a tuple.
        size: As above; never `None`.

    Raises:
        TextError: If there is no word, one comes twice, an item is not a word, or `size` leaves no
            word an id.

    Example:

    >>> vocabulary = WordVocabulary(["the", "film", "dull"], size=6)
    >>> ids = vocabulary.encode(["the", "dull", "old", "film"])
    >>> ids  # "dull" is too rare, "old" not in the vocabulary
    array([1, 4, 2, 5], dtype=int32)
    >>> vocabulary.decode(ids)
    ['<start>', 'the', '<unk>', 'film']
    """

    def __init__(self, words, size=None):
        _not_a_text("words", words)
        self.words = tuple(words)
        if not self.words:
            raise TextError("A vocabulary needs at least one word; received none")
        for word in self.words:
            if not isinstance(word, str) or not word:
                raise TextError(
                    f"A vocabulary is made of words, each a string that is not empty; received {word!r}"
                )
        self._ids = {word: FIRST + rank for rank, word in enumerate(self.words)}
        if len(self._ids) < len(self.words):
            repeated = [word for word, count in Counter(self.words).items() if count > 1]
            raise TextError(
                f"Each word of a vocabulary comes once; received more than once: {_a_few(repeated)}"
            )
        if size is None:
            size = FIRST + len(self.words)
        self.size = at_least("size", size, FIRST + 1)

    @classmethod
    def from_counts(cls, counts, size=None):
        """The vocabulary of counted words: most frequent first, ties in alphabetical order.

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
        return cls(sorted(counts, key=lambda word: (-counts[word], word)), size)

    @classmethod
    def from_texts(cls, texts, size=None):
        """The vocabulary of the words that `cut_words` finds in texts.

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
        if isinstance(texts, str):
            raise TextError("`texts` is a list of texts; received one text: put it into a list")
        counts = Counter()
        for text in texts:
            counts.update(cut_words(text))
        return cls.from_counts(counts, size)

    def __len__(self):
        """The number of words known, those too rare for `size` among them."""
        return len(self.words)

    def __eq__(self, other):
        if not isinstance(other, WordVocabulary):
            return NotImplemented
        return (self.size, self.words) == (other.size, other.words)

    def __hash__(self):
        return hash((self.size, self.words))

    def __repr__(self):
        return f"<WordVocabulary of {len(self)} words, size={self.size}>"

    def id_of(self, word):
        """The id of a word whatever `size` is, or `None` if the vocabulary does not have it.

        Args:
            word: A `str`, in lower case as `cut_words` gives it.

        Returns:
            An `int` of at least `FIRST`, or `None`.

        Example:

        >>> WordVocabulary(["the", "film"], size=5).id_of("film")
        5
        """
        return self._ids.get(word)

    def encode(self, words, limited=True):
        """Maps words to ids, behind the id `START`; unseen words are left out.

        Args:
            words: Words, as `cut_words` gives them; there may be none.
            limited: Whether ids of `size` or more become `UNKNOWN`.

        Returns:
            An int32 array of shape `(1 + T,)` for T words that the vocabulary has.

        Raises:
            TextError: If `words` is one `str`.

        Example:

        >>> vocabulary = WordVocabulary(["the", "film", "dull"], size=6)
        >>> vocabulary.encode(["dull", "film"]), vocabulary.encode(["dull", "film"], limited=False)
        (array([1, 2, 5], dtype=int32), array([1, 6, 5], dtype=int32))
        """
        _not_a_text("words", words)
        ids = [START]
        ids += [i for i in map(self._ids.get, words) if i is not None]
        ids = np.array(ids, dtype=np.int32)
        if limited:
            ids[ids >= self.size] = UNKNOWN
        return ids

    def decode(self, ids):
        """Maps T ids back to words.

        Args:
            ids: Integers of shape `(T,)`; those of `size` or more are taken too.

        Returns:
            A list of T words, among them `"<pad>"`, `"<start>"` and `"<unk>"`.

        Raises:
            TextError: If the ids are not a one-dimensional array of integers, or one of them
                stands for nothing.
        """
        ids = one_dimensional(ids)
        wrong = (ids < 0) | (ids >= FIRST + len(self)) | (ids == FIRST - 1)
        if wrong.any():
            raise TextError(
                f"Expected ids from 0 to {FIRST + len(self) - 1}, of which {FIRST - 1} is not used; "
                f"received {ids[wrong][0]}"
            )
        words = self.words
        return [words[i - FIRST] if i >= FIRST else _SPECIAL[i] for i in ids.tolist()]

    def unseen(self, words):
        """The distinct words that `encode` leaves out, in the order of their first appearance.

        Args:
            words: Words, as for `encode`.

        Returns:
            A list of words.

        Raises:
            TextError: If `words` is one `str`.

        Example:

        >>> WordVocabulary(["the", "film"]).unseen(["the", "old", "film", "old"])
        ['old']
        """
        _not_a_text("words", words)
        return [word for word in dict.fromkeys(words) if word not in self._ids]

    def rare(self, words):
        """The distinct words that `encode` maps to `UNKNOWN`, in the order of first appearance.

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
        _not_a_text("words", words)
        return [word for word in dict.fromkeys(words) if self._ids.get(word, 0) >= self.size]

    def save(self, path):
        """Writes the vocabulary as JSON, aside first, so that a file is never left half-written.

        Args:
            path: The file; its folder must exist. A file of that name is replaced.
        """
        save_json(path, {"format": _FORMAT, "size": self.size, "words": self.words})

    @classmethod
    def load(cls, path):
        """Reads a vocabulary that `save` wrote.

        Args:
            path: The file.

        Returns:
            A `WordVocabulary`, equal to the one that was saved.

        Raises:
            TextError: If the file is missing, cannot be read, is cut short, or holds no vocabulary.

        Example:

        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "vocabulary.json")
        ...     WordVocabulary(["the", "film"], size=5).save(file)
        ...     WordVocabulary.load(file)
        <WordVocabulary of 2 words, size=5>
        """
        return load_vocabulary(cls, path, _FORMAT, {"size": int, "words": list})


def _not_a_text(name, words):
    # A text is iterable too: each of its characters would be looked up as a word.
    if isinstance(words, str):
        raise TextError(f"`{name}` is a list of words; received one text: cut it with cut_words")


def _a_few(words, most=8):
    shown = ", ".join(map(repr, words[:most]))
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"
