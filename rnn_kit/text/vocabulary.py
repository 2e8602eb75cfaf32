"""The base of the vocabularies: distinct items, their ids, and a JSON file."""

import json
import os
from collections import Counter
from pathlib import Path

from rnn_kit.files import atomic_write
from rnn_kit.text.checks import a_few, as_ids, refuse_string
from rnn_kit.text.errors import TextError
from rnn_kit.text.reading import read_bytes


class Vocabulary:
    """Distinct items, such as characters or words, and the id of each.

    A vocabulary is immutable. Two are equal if they are of one class and were made with equal
    arguments.

    A subclass sets `_FORMAT`, which identifies its files, and `_FIELDS`: the names of its
    arguments, each of which is an attribute too, with the type that the argument has in JSON.
    """

    _FORMAT = None
    _FIELDS = None

    @staticmethod
    def _distinct(items, is_item, noun, definition):
        """Checks the items, and returns them as a tuple.

        Args:
            items: An iterable.
            is_item: Returns whether something is an item of this vocabulary.
            noun: The name of an item, in messages.
            definition: The same in full, in the plural.

        Raises:
            TextError: If there is no item, something is not an item, or an item occurs twice.
        """
        items = tuple(items)
        for item in items:
            if not is_item(item):
                raise TextError(f"A vocabulary is made of {definition}; received {item!r}")
        if not items:
            raise TextError(f"A vocabulary needs at least one {noun}; received none")
        repeated = [item for item, count in Counter(items).items() if count > 1]
        if repeated:
            raise TextError(
                f"Each {noun} of a vocabulary comes once; received more than once: {a_few(repeated)}"
            )
        return items

    def _checked_ids(self, ids):
        """Returns ids as an array, and checks that each is from 0 to `len(self) - 1`."""
        ids = as_ids(ids)
        wrong = (ids < 0) | (ids >= len(self))
        if wrong.any():
            raise TextError(f"Expected ids from 0 to {len(self) - 1}; received {ids[wrong][0]}")
        return ids

    def _arguments(self):
        return {name: getattr(self, name) for name in self._FIELDS}

    def __eq__(self, other):
        if type(other) is not type(self):
            return NotImplemented
        return self._arguments() == other._arguments()

    def __hash__(self):
        return hash(tuple(self._arguments().values()))

    def save(self, path):
        """Writes the vocabulary as JSON, whole or not at all.

        Args:
            path: The file; its folder must exist. A file of that name is replaced.

        Raises:
            OSError: If the file cannot be written; an existing one is unchanged.
        """
        content = {"format": self._FORMAT, **self._arguments()}
        with atomic_write(path) as tmp_path:
            tmp_path.write_text(json.dumps(content, indent=2) + "\n", encoding="ascii", newline="\n")

    @classmethod
    def load(cls, path):
        """Reads a vocabulary that `save` wrote.

        Args:
            path: The file.

        Returns:
            A vocabulary of this class, equal to the one that was saved.

        Raises:
            TextError: If the file is missing, cannot be read, is cut short, or holds no vocabulary of
                this class.

        Example:

        >>> import tempfile
        >>> from pathlib import Path
        >>> from rnn_kit.text import CharVocabulary
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "vocabulary.json")
        ...     CharVocabulary("abc").save(file)
        ...     CharVocabulary.load(file)
        CharVocabulary('abc')
        """
        path = Path(path)
        content = cls._read(path)
        if (
            not isinstance(content, dict)
            or content.get("format") != cls._FORMAT
            or any(type(content.get(field)) is not kind for field, kind in cls._FIELDS.items())
        ):
            *first, last = [f'"format": "{cls._FORMAT}"', *(f'"{field}"' for field in cls._FIELDS)]
            raise TextError(
                f"{path} is not a vocabulary: expected JSON with {', '.join(first)} and {last}, as "
                f"{cls.__name__}.save writes it"
            )
        try:
            return cls(**{field: content[field] for field in cls._FIELDS})
        except TextError as error:
            raise TextError(f"{path} is not a usable vocabulary: {error}") from None

    @classmethod
    def _read(cls, path):
        if not os.path.isfile(path):
            what = "a folder" if os.path.isdir(path) else "missing"
            raise TextError(
                f"{path} is {what}: expected the file of a vocabulary that {cls.__name__}.save wrote"
            )
        data = read_bytes(path)
        try:
            return json.loads(data)
        except ValueError as error:
            raise TextError(
                f"{path} is cut short or damaged: expected a vocabulary in JSON ({error})"
            ) from None


class WordListVocabulary(Vocabulary):
    """A vocabulary of consecutively numbered words."""

    _ADVICE = "split it into words"

    def _set_words(self, name, words, first_id):
        """Checks the words, and numbers them from `first_id` on. Returns them as a tuple."""
        refuse_string(name, words, "words", self._ADVICE)
        words = self._distinct(
            words,
            lambda word: isinstance(word, str) and word,
            "word",
            "words, each a string that is not empty",
        )
        self._ids = {word: first_id + place for place, word in enumerate(words)}
        return words

    def __len__(self):
        """Returns the number of words."""
        return len(self._ids)

    def id_of(self, word):
        """Returns the id of a word, or `None` if the vocabulary does not have it.

        Args:
            word: A `str`.

        Returns:
            An `int`, or `None`.

        Example:

        >>> from rnn_kit.text import TokenVocabulary
        >>> TokenVocabulary(["the", "<eos>"]).id_of("the")
        0
        """
        return self._ids.get(word)

    def unseen(self, words):
        """Lists the distinct words that the vocabulary does not have, in the order of first appearance.

        Args:
            words: An iterable of words, as for `encode`.

        Returns:
            A list of words.

        Raises:
            TextError: If `words` is one `str`.

        Example:

        >>> from rnn_kit.text import TokenVocabulary
        >>> TokenVocabulary(["the", "<eos>"]).unseen(["a", "cat", "the", "a"])
        ['a', 'cat']
        """
        refuse_string("words", words, "words", self._ADVICE)
        return [word for word in dict.fromkeys(words) if word not in self._ids]


def by_frequency(counts):
    """Sorts counted words: most frequent first, ties in alphabetical order."""
    return sorted(counts, key=lambda word: (-counts[word], word))
