"""Sequences of ids of unequal lengths, and their labels."""

from dataclasses import dataclass

import numpy as np

from rnn_kit.text.checks import as_ids
from rnn_kit.text.errors import TextError


class Sequences:
    """n sequences of ids in one flat array, without padding.

    Attributes:
        flat: int32 `(N,)`, all ids.
        lengths: int64 `(n,)`, whose sum is N.
        starts: int64 `(n,)`, the start of each sequence in `flat`.

    Args:
        flat: Integers `(N,)`.
        lengths: Integers `(n,)`.

    Raises:
        TextError: if the lengths do not match the ids.

    Example:

    >>> reviews = Sequences([1, 5, 6, 1, 7], [3, 2])
    >>> len(reviews), reviews[1].tolist()
    (2, [1, 7])
    >>> reviews.take([1, 0]).flat.tolist()
    [1, 7, 1, 5, 6]
    >>> reviews.last(2).replace_oov(7, oov_id=2).flat.tolist()
    [5, 6, 1, 2]
    """

    def __init__(self, flat, lengths):
        self.flat = as_ids(flat).astype("int32", copy=False)
        self.lengths = as_ids(lengths).astype("int64", copy=False)
        if (self.lengths < 0).any() or self.lengths.sum() != len(self.flat):
            raise TextError(
                f"The lengths of the sequences add up to {self.lengths.sum():,}, and there are "
                f"{len(self.flat):,} ids: the two are not of one set"
            )
        self.starts = np.cumsum(self.lengths) - self.lengths

    @classmethod
    def of(cls, sequences):
        """Makes `Sequences` of a list of arrays of ids."""
        flat = np.concatenate(sequences) if len(sequences) else np.zeros(0, "int32")
        return cls(flat, np.array([len(ids) for ids in sequences], "int64"))

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, index):
        start = self.starts[index]
        return self.flat[start : start + self.lengths[index]]

    def take(self, indexes):
        """Selects the sequences of these indexes, in their order."""
        indexes = np.asarray(indexes, "int64")
        return self._slice(self.starts[indexes], self.lengths[indexes])

    def last(self, n):
        """Truncates each sequence to its last n ids."""
        lengths = np.minimum(self.lengths, n)
        return self._slice(self.starts + self.lengths - lengths, lengths)

    def replace_oov(self, size, oov_id):
        """Replaces ids of `size` and above by `oov_id`."""
        return Sequences(np.where(self.flat < size, self.flat, np.int32(oov_id)), self.lengths)

    def frequent_bigrams(self, min_count):
        """Finds the pairs of neighbouring ids that occur in at least `min_count` sequences.

        Args:
            min_count: At least 1; a pair counts once a sequence.

        Returns:
            Integers `(K, 2)`, in rising order.
        """
        of = np.repeat(np.arange(len(self)), self.lengths)
        within = of[:-1] == of[1:]
        size = int(self.flat.max(initial=0)) + 1
        codes = self.flat[:-1].astype("int64")[within] * size + self.flat[1:][within]
        once = np.unique(of[:-1][within] * size**2 + codes)  # each pair once a sequence
        codes, counts = np.unique(once % size**2, return_counts=True)
        return np.stack(np.divmod(codes[counts >= min_count], size), axis=1)

    def _slice(self, starts, lengths):
        """Returns sequences of these lengths, which begin at these positions of `flat`."""
        ends = np.cumsum(lengths)
        within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
        return Sequences(self.flat[np.repeat(starts, lengths) + within], lengths)


@dataclass(frozen=True)
class LabelledSequences:
    """Sequences, and a label for each.

    Attributes:
        sequences: n `Sequences`.
        labels: Integers `(n,)`.
    """

    sequences: Sequences
    labels: np.ndarray

    def __len__(self):
        return len(self.sequences)

    @property
    def lengths(self):
        """The lengths of the sequences, `(n,)`."""
        return self.sequences.lengths

    def take(self, indexes):
        """Selects the sequences and labels of these indexes, in their order."""
        return LabelledSequences(self.sequences.take(indexes), self.labels[indexes])

    def split(self, fraction, seed):
        """Splits at random into two parts, the second with `fraction` of each label's sequences.

        A label with at least two sequences is in both parts.
        """
        rng = np.random.default_rng(seed)
        labels, counts = np.unique(self.labels, return_counts=True)
        # Rounded after they are summed, so that the size of the second part is right too.
        ends = np.round(fraction * np.cumsum(counts)).astype(int)
        second = []
        for label, n in zip(labels, np.diff(ends, prepend=0), strict=True):
            its = rng.permutation(np.flatnonzero(self.labels == label))
            second.append(its[: min(max(n, 1), len(its) - 1)])
        chosen = np.zeros(len(self.labels), bool)
        chosen[np.concatenate(second)] = True
        return self.take(np.flatnonzero(~chosen)), self.take(np.flatnonzero(chosen))
