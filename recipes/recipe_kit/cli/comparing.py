"""What comparisons of trainings rest on: a learning rate for each, and what the seeds allow to say."""

import math
import statistics
from typing import NamedTuple


class Compared(NamedTuple):
    """One of the networks that are compared, trained with several seeds.

    Attributes:
        rate: The learning rate with which validation was best.
        tried: Learning rates to what the first seed came to with each.
        runs: What each seed came to with `rate`, in the seeds' order.
    """

    rate: float
    tried: dict
    runs: list

    @property
    def at_edge(self):
        """Whether no rate was tried on one side of the best, where a better one may lie."""
        return self.rate in (min(self.tried), max(self.tried))


def at_its_best_rate(train, rates, seeds):
    """Trains a network with several seeds, at the learning rate that is best for it on validation.

    Two networks that share one learning rate are compared in how well that rate suits each of them. So
    the first seed tries them all, and the other seeds are trained with the best.

    Args:
        train: `train(rate, seed)` returns what the training came to, with `validation` among it: a
            number, or several in a tuple, of which the first decides and the next where it is equal.
            More is better.
        rates: The learning rates to try, each once.
        seeds: The seeds, each once.

    Returns:
        `Compared`.

    Raises:
        ValueError: if there is no rate or no seed.
    """
    if not rates or not seeds:
        raise ValueError("A comparison needs at least one learning rate and one seed.")
    tried = {rate: train(rate, seeds[0]) for rate in rates}
    best = max(tried, key=lambda rate: without_nan(tried[rate].validation, -math.inf))
    return Compared(best, tried, [tried[best], *(train(best, seed) for seed in seeds[1:])])


def without_nan(preference, worst):
    """A number or a tuple of numbers to choose by, with `worst` for NaN, of a training that diverged.

    NaN is neither smaller nor larger than anything, so that `max` and `min` would keep it if it comes
    first.
    """
    values = preference if isinstance(preference, tuple) else (preference,)
    return tuple(worst if math.isnan(value) else value for value in values)


class Difference(NamedTuple):
    """How far the mean of some values lies above that of others, and its 95 % interval."""

    mean: float
    low: float
    high: float

    def verdict(self, ours, theirs):
        """What the interval allows to say of `ours` and `theirs`, in a sentence."""
        said = f"{self.mean:+.3f} (95 %: {self.low:+.3f} to {self.high:+.3f})"
        if self.low > 0:
            return f"{ours} ahead of {theirs}: {said}"
        if self.high < 0:
            return f"{ours} behind {theirs}: {said}"
        return f"{ours} against {theirs}: no difference is shown, {said}"


def difference(ours, theirs):
    """The difference of two means, with its 95 % interval by Welch's t.

    Args:
        ours, theirs: At least two values each, one a seed.

    Returns:
        `Difference`. Where neither side's values differ among themselves, its ends are the difference.

    Raises:
        ValueError: if a side has fewer than two values: one seed has no spread.
    """
    from scipy import stats

    ours, theirs = ([float(value) for value in values] for values in (ours, theirs))
    if min(len(ours), len(theirs)) < 2:
        raise ValueError(
            f"A difference of {len(ours)} and {len(theirs)} values has no interval: it takes two seeds "
            "and more on each side."
        )
    mean = statistics.fmean(ours) - statistics.fmean(theirs)
    if len(set(ours)) == len(set(theirs)) == 1:
        return Difference(mean, mean, mean)
    welch = stats.ttest_ind(ours, theirs, equal_var=False)
    return Difference(mean, *map(float, welch.confidence_interval(0.95)))
