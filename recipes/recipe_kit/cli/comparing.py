"""Compares trainings fairly: a learning rate for each, and what the seeds can show."""

import math
import statistics
import warnings
from typing import NamedTuple


class Compared(NamedTuple):
    """One of the networks that are compared, trained with several seeds.

    Attributes:
        rate: The learning rate with which validation was best.
        tried: Learning rates to the first seed's result with each.
        runs: The results of each seed with `rate`, in the seeds' order.
    """

    rate: float
    tried: dict
    runs: list

    @property
    def at_edge(self):
        """Whether the best rate is the lowest or highest tried, so that a better one may lie beyond."""
        return self.rate in (min(self.tried), max(self.tried))


def at_its_best_rate(train, rates, seeds):
    """Trains a network with several seeds, at the learning rate that is best on validation.

    A shared learning rate would compare how well it suits each network. So the first seed tries all
    rates, and the other seeds use the best.

    Args:
        train: `train(rate, seed)` returns the result with `validation`: a number, or a tuple of
            numbers, compared in order. More is better.
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
    """Returns a number or tuple to choose by, with NaN (a diverged training) replaced by `worst`.

    NaN compares as neither smaller nor larger, so `max` and `min` would keep it if it comes first.
    """
    values = preference if isinstance(preference, tuple) else (preference,)
    return tuple(worst if math.isnan(value) else value for value in values)


class Difference(NamedTuple):
    """The difference between the means of two sets of values, and its 95 % interval."""

    mean: float
    low: float
    high: float

    def verdict(self, ours, theirs):
        """Returns a sentence on what the interval shows about `ours` and `theirs`."""
        said = f"{self.mean:+.3f} (95 %: {self.low:+.3f} to {self.high:+.3f})"
        if self.low > 0:
            return f"{ours} ahead of {theirs}: {said}"
        if self.high < 0:
            return f"{ours} behind {theirs}: {said}"
        return f"{ours} against {theirs}: no difference is shown, {said}"


def difference(ours, theirs):
    """Returns the difference of two means, with its 95 % interval by Welch's t.

    Args:
        ours, theirs: At least two values each, one a seed.

    Returns:
        `Difference`. If neither side's values vary, both ends of the interval are the difference.

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
    with warnings.catch_warnings():  # scipy's, of a side whose values are all alike
        warnings.simplefilter("ignore", RuntimeWarning)
        welch = stats.ttest_ind(ours, theirs, equal_var=False)
    return Difference(mean, *map(float, welch.confidence_interval(0.95)))


def seed_values(metric):
    """Returns the values of a metric, one a seed, as `run_seeds` returns it for one seed or several."""
    return list(metric["values"]) if isinstance(metric, dict) else [metric]


def mean_and_std(metric):
    """Returns the mean of a metric over the seeds, and its standard deviation, `None` for one seed."""
    return (metric["mean"], metric["std"]) if isinstance(metric, dict) else (metric, None)


def verdict(ours, theirs, our_name, their_name):
    """Returns a sentence on what the seeds show about a metric of two networks.

    Args:
        ours, theirs: The metric, as `run_seeds` returns it.
        our_name, their_name: Of the two.
    """
    values = seed_values(ours), seed_values(theirs)
    if min(map(len, values)) < 2:
        return "one seed: this is no ranking (--seeds 0 1 2 trains three)"
    return difference(*values).verdict(our_name, their_name)
