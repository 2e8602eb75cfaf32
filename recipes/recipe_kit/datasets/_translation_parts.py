"""Sentences with their translations, and parts of them that share no sentence."""

import random
from collections import defaultdict
from typing import NamedTuple

FIXED = 20_111  # seed of what must be the same in runs of all seeds


class Part(NamedTuple):
    """Sentences, and of each its right translations.

    Attributes:
        sources: n distinct sentences, strings.
        references: n lists of strings, none of them empty.
    """

    sources: list
    references: list

    @property
    def pairs(self):
        """Every sentence with each of its translations, a list of pairs."""
        both = zip(self.sources, self.references, strict=True)
        return [(source, target) for source, targets in both for target in targets]

    @classmethod
    def of(cls, pairs):
        """From pairs, in which a sentence may come with several translations."""
        found = defaultdict(dict)
        for source, target in pairs:
            found[source][target] = None
        return cls(list(found), [list(targets) for targets in found.values()])


def split(pairs, validation, test):
    """Parts at random, the same each time, none of which shares a sentence with another.

    Tatoeba gives one English sentence many French ones: of a split by pairs, half of the English test
    sentences would be in the training part too. Pairs that share a sentence on either side are one
    group here, and go into one part together.

    Args:
        pairs: Of strings, source and target.
        validation, test: How many pairs each is to have, at least; a large group is trained on.

    Returns:
        Three `Part`s: to train on, to validate on, to test on.

    Example:

    >>> pairs = [("a", "x"), ("a", "y"), ("b", "y"), ("c", "z"), ("d", "v"), ("e", "w")]
    >>> train, validation, test = split(pairs, 1, 1)
    >>> sorted(train.sources), len(validation.sources), len(test.sources)
    (['a', 'b', 'c'], 1, 1)
    """
    groups = _groups(pairs)
    draw = random.Random(FIXED)
    order = sorted(groups)
    draw.shuffle(order)
    wanted, largest = [test, validation], max(1, min(validation, test) // 20)
    parts = [[], []]
    train = []
    for name in order:
        group = groups[name]
        short = next((n for n in (0, 1) if len(parts[n]) < wanted[n]), None)
        if short is None or len(group) > largest:
            train += group
        else:
            parts[short] += group
    return Part.of(train), Part.of(parts[1]), Part.of(parts[0])


def _groups(pairs):
    """Lists of pairs that are linked by a sentence of either side: by the least index of each."""
    parent = list(range(len(pairs)))

    def root(n):
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    seen = {}
    for n, pair in enumerate(pairs):
        for side in (0, 1):
            first = seen.setdefault((side, pair[side].casefold()), n)
            a, b = root(first), root(n)
            parent[max(a, b)] = min(a, b)
    groups = defaultdict(list)
    for n, pair in enumerate(pairs):
        groups[root(n)].append(pair)
    return groups
