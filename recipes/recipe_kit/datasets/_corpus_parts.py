"""Numbers the words of a corpus's parts, and splits one text into parts."""

import hashlib
import itertools
from array import array
from collections import defaultdict
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from recipe_kit.datasets._corpus_files import EXPECTED, SPLITS, a_few
from recipe_kit.datasets._files import DataError
from rnn_kit.text import EOS, UNK

SHARES = (Fraction(90, 100), Fraction(5, 100), Fraction(5, 100))  # of one text, as usual for text8
_TRAINED = 1e-3  # least share of <unk> in training, for it to be learned
_BLOCK = 100_000  # words a block


class Part(NamedTuple):
    """A text as numbers that are assigned to words as they appear."""

    where: str  # for messages
    words: list
    numbers: np.ndarray


def numbered(texts):
    """Returns the parts of a corpus, and their hash.

    Args:
        texts: Pairs of a name for messages and lists of words, with `<eos>` after each line; a missing
            final one is added.

    Returns:
        A list of `Part`s, and the SHA-256 of all tokens, each followed by a newline, with an empty line
        after each part, in hexadecimal.

    Raises:
        DataError: If a text holds no word.
    """
    digest, parts = hashlib.sha256(), []
    for where, lists in texts:
        table = defaultdict(itertools.count().__next__)
        numbers = array("i")  # 4 bytes a token; a list of strings takes 60
        for words in _ended(lists):
            numbers.extend(map(table.__getitem__, words))
            digest.update(("\n".join(words) + "\n").encode("utf-8", "surrogatepass"))
        digest.update(b"\n")
        if not table.keys() - {EOS}:
            raise DataError(f"{where} holds no word: expected lines of words; put some in")
        parts.append(Part(str(where), list(table), np.frombuffer(numbers, np.intc)))
    return parts, digest.hexdigest()


def _ended(lists):
    """Yields the lists that are not empty, with a final `<eos>` if missing."""
    last = EOS
    for words in lists:
        if words:
            yield words
            last = words[-1]
    if last != EOS:
        yield [EOS]


def cut_in_three(where, lists):
    """Splits one text in three: nine tenths for training, half of the rest for each other part.

    Cuts at the nearest line end, if one is near, else between two words.

    Args:
        where, lists: As in `numbered`.

    Returns:
        The result of `numbered` for the three, and a line that tells how the text was split.

    Raises:
        DataError: If the text has too few words.
    """
    ((_, words, numbers),), _ = numbered([(where, lists)])
    count = len(numbers)
    is_end = np.array([word == EOS for word in words])
    ends = np.flatnonzero(is_end[numbers]) + 1
    shares = itertools.accumulate(SHARES[:-1])
    cuts = [0, *(_nearest(ends, int(count * share), count * SHARES[-1] / 2) for share in shares), count]
    slices = [numbers[a:b] for a, b in itertools.pairwise(cuts)]
    if any(is_end[part].all() for part in slices):
        raise DataError(
            f"{where} has {count:,} words, too few to be cut into three parts: expected a longer text, "
            f"or a folder of {EXPECTED}"
        )
    parts, sha256 = numbered(
        (f"{where} ({split} part)", _lists(words, part))
        for split, part in zip(SPLITS, slices, strict=True)
    )
    train, validation, test = (len(part) for part in slices)
    note = (
        f"{where} is one text, and is cut into three: its first {train:,} words are to train on, the "
        f"next {validation:,} to validate on, the last {test:,} for the test. (To choose the parts, "
        "give a folder with train.txt, valid.txt and test.txt.)"
    )
    return parts, sha256, note


def _nearest(ends, at, most):
    """Returns the nearest of these positions if it is nearer than `most`, else the position itself."""
    nearest = int(ends[np.abs(ends - at).argmin()])
    return nearest if abs(nearest - at) < most else at


def _lists(words, numbers):
    for start in range(0, len(numbers), _BLOCK):
        yield [words[n] for n in numbers[start : start + _BLOCK].tolist()]


def with_unknown(counts, where, unseen):
    """Replaces the rarest words of a training text without `<unk>` by `<unk>`.

    Words that occur once resemble another text's unseen words in place and frequency (the Good-Turing
    estimate), so that they teach a model where to expect `<unk>`.

    Args:
        counts: Words to their counts in the text.
        where: The text, for messages.
        unseen: Words of the other parts that the text lacks.

    Returns:
        The new counts, and a description of the change.

    Raises:
        DataError: If the text has only one word.
    """
    ranked = sorted((word for word in counts if word != EOS), key=lambda word: (counts[word], word))
    if len(ranked) < 2:
        raise DataError(
            f"{where} has but one word, and other parts have others ({a_few(unseen)}): expected more "
            "text to train on"
        )
    least = _TRAINED * sum(counts.values())
    rare, tokens = [], 0
    for count, words in itertools.groupby(ranked, key=counts.get):
        words = list(words)
        none_is_left = len(rare) + len(words) == len(ranked)
        if tokens >= max(least, 1) or (tokens and none_is_left):
            break
        words = words[-1:] if none_is_left else words
        rare, tokens = rare + words, tokens + count * len(words)
    kept = dict(counts)
    for word in rare:
        del kept[word]
    often = f"{counts[rare[-1]]:,} time{'s' * (counts[rare[-1]] != 1)}"
    which = f"its {len(rare):,} rarest words (at most {often} each)"
    if len(rare) == 1:
        which = f"its rarest word ({often})"
    why = f"since it has no {UNK} for words that only the others have"
    return kept | {UNK: tokens}, f"{which}, {why}"
