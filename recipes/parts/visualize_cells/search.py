"""Finds which cell follows which property of a text on one part, and measures it on another."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

CANDIDATES = 5  # cells that the search returns for each property


@dataclass(frozen=True)
class Match:
    """A cell that follows a property.

    Attributes:
        property: The property's name.
        measure: "AUC", the probability that the cell is higher at a random position where the property
            holds than at one where it does not; or "r", the correlation with a counted property.
        state: "c" or "h".
        unit: The cell's index.
        sign: -1 if the cell is low where the property is high.
        found: The score of the cell times its sign on the searched text: r at least 0, AUC at least
            1/2.
        held_out: The score of the cell times the same sign on the held-out text: the higher, the better
            it follows. Below 0 (r) or 1/2 (AUC) it follows with the opposite sign there.
    """

    property: str
    measure: str
    state: str
    unit: int
    sign: int
    found: float
    held_out: float

    def shown(self, score):
        """Returns a score as printed: an r with the cell's own sign, an AUC as it is."""
        return f"{self.sign * score:+.3f}".replace("-", "−") if self.measure == "r" else f"{score:.3f}"

    @property
    def name(self):
        """The cell's name, with a minus sign if its AUC is that of low values."""
        return f"{'−' if self.sign < 0 and self.measure == 'AUC' else ''}{self.state} {self.unit}"


def search(states, properties, split):
    """Scores every cell against every property.

    Args:
        states: Names to `(T, units)` arrays.
        properties: `Property`s of the same T positions.
        split: The positions before it are searched, the rest are held out.

    Returns:
        A dict of properties' names to lists of `Match`es, best in the search first; to an empty list if
        the property is constant in one of the parts.
    """
    names = [(name, unit) for name, state in states.items() for unit in range(state.shape[1])]
    values = np.concatenate(list(states.values()), axis=1)
    parts = [_Scores(values[:split]), _Scores(values[split:])]
    matches = {}
    for p in properties:
        found, held_out = parts[0].of(p.cut(0, split)), parts[1].of(p.cut(split, len(values)))
        matches[p.name] = []
        if found is None or held_out is None:
            continue
        signs = np.where(found < 0, -1, 1)
        for index in np.argsort(-np.abs(found), kind="stable")[:CANDIDATES]:
            state, unit = names[index]
            scores = (float(part[index] * signs[index]) for part in (found, held_out))
            if p.is_binary:  # a cell unrelated to the property has an AUC of 1/2
                scores = (score / 2 + 0.5 for score in scores)
            match = Match(p.name, p.measure, state, unit, int(signs[index]), *scores)
            matches[p.name].append(match)
    return matches


class _Scores:
    """Scores of every column of `(T, N)` values."""

    def __init__(self, values):
        self.values = values
        self._ranks = None
        centred = values - values.mean(axis=0, dtype="float64")
        scale = np.sqrt((centred**2).sum(axis=0))
        self._standard = centred / np.where(scale > 0, scale, np.inf)

    def of(self, p):
        """Returns `(N,)` scores from -1 to 1, 0 for no relation; `None` if the property is constant."""
        if len(np.unique(p.values)) < 2:
            return None
        if not p.is_binary:
            centred = p.values - p.values.mean(dtype="float64")
            return centred @ self._standard / np.sqrt((centred**2).sum())
        # The area under the ROC curve by rank sums, after Mann and Whitney, scaled to -1 ... 1.
        if self._ranks is None:
            self._ranks = rankdata(self.values, axis=0)
        positives = int(p.values.sum())
        negatives = len(p.values) - positives
        above = self._ranks[p.values].sum(axis=0) - positives * (positives + 1) / 2
        return 2 * above / (positives * negatives) - 1
