"""Whether recorded runs bear a claim out: yes, no, or not shown, from their values over the seeds.

A metric is what the ledger has of it, of which the `values` count here, one a seed.
"""

import statistics
from dataclasses import dataclass

import numpy as np
from scipy import stats

from recipe_kit import cli

YES, NO, OPEN, MIXED = "yes", "no", "not shown", "it depends"


@dataclass(frozen=True)
class Verdict:
    """A word, and what it rests on: "not shown (one seed)"."""

    word: str
    note: str = ""

    def __str__(self):
        return f"{self.word} ({self.note})" if self.note else self.word


def interval(ours, theirs):
    """The 95 % interval of the difference of two metrics' means over all seeds, ours less theirs.

    Welch's t, or, where one side is a single seed, Student's, which takes its spread for the other's.
    Values that are all alike on both sides leave no spread, and the interval is a point.

    Returns:
        A tuple `(low, high)`; `None` where both are a single seed, whose spread nobody knows.
    """
    a, b = ours["values"], theirs["values"]
    shorter, longer = sorted((len(a), len(b)))
    if longer == 1:
        return None
    if shorter > 1:
        found = cli.difference(a, b)
        return found.low, found.high
    mean = statistics.fmean(a) - statistics.fmean(b)
    if len(set(max(a, b, key=len))) == 1:
        return mean, mean
    low, high = stats.ttest_ind(a, b, equal_var=True).confidence_interval(0.95)
    return float(low), float(high)


def larger(ours, theirs, least=0.0):
    """Whether a metric exceeds another by more than `least`, beyond the spread over the seeds.

    Returns:
        A `Verdict`: yes if all of the interval of the difference is above `least`, no if all is below,
        and else not shown; noted where a side is one seed.
    """
    ends = interval(ours, theirs)
    word = OPEN
    if ends is not None:
        low, high = ends
        word = YES if low > least else NO if high < least else OPEN
    return Verdict(word, one_seed(ours, theirs))


def smaller(ours, theirs, least=0.0):
    """Whether a metric is below another by more than `least`, as `larger`."""
    return larger(theirs, ours, least)


def in_seeds(metric, holds):
    """Whether `holds(value)` for every seed: a `Verdict`, yes or no, not shown where they differ."""
    held = sum(map(bool, map(holds, metric["values"])))
    seeds = len(metric["values"])
    if 0 < held < seeds:
        return Verdict(OPEN, f"yes in {held} of {seeds} seeds")
    return Verdict(YES if held else NO, one_seed(metric))


def ahead(metrics):
    """The name of the metric that is larger than the other one of two beyond the spread, or `None`."""
    (first, ours), (second, theirs) = metrics.items()
    return {YES: first, NO: second, OPEN: None}[larger(ours, theirs).word]


def all_of(words):
    """One word for several: the one that they all share, and else "it depends"."""
    return words[0] if len(set(words)) == 1 else MIXED


def one_seed(*metrics):
    """What to note where a metric rests on a single seed; else nothing."""
    return "one seed" if any(len(metric["values"]) == 1 for metric in metrics) else ""


def on_logs(metric):
    """The metric of the values' decadic logarithms, of numbers that differ by orders of magnitude."""
    return {"values": np.log10(metric["values"]).tolist()}


def negative(metric):
    """The metric of the values' negatives, of which the larger is better if the smaller one was."""
    return {"values": [-value for value in metric["values"]]}
