"""Decides whether recorded runs confirm a claim: yes, no, or not shown, from values over the seeds.

A metric is the ledger's dict; only its `values` matter here, one a seed.
"""

import statistics
from dataclasses import dataclass

import numpy as np
from scipy import stats

from recipe_kit import cli

YES, NO, OPEN, MIXED = "yes", "no", "not shown", "it depends"


@dataclass(frozen=True)
class Verdict:
    """A word and its basis, such as "not shown (one seed)"."""

    word: str
    note: str = ""

    def __str__(self):
        return f"{self.word} ({self.note})" if self.note else self.word


def interval(ours, theirs):
    """Returns the 95 % interval of the difference of two metrics' means, ours less theirs.

    Uses Welch's t, or, if one side is a single seed, Student's, which assumes equal spreads. If the
    values do not vary on either side, the interval is a point.

    Returns:
        A tuple `(low, high)`; `None` if both are a single seed, without a spread.
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
    """Returns whether a metric exceeds another by more than `least`, beyond the spread over seeds.

    Returns:
        A `Verdict`: yes if the whole interval of the difference is above `least`, no if it is below,
        else not shown; with a note if a side has one seed.
    """
    ends = interval(ours, theirs)
    word = OPEN
    if ends is not None:
        low, high = ends
        word = YES if low > least else NO if high < least else OPEN
    return Verdict(word, one_seed(ours, theirs))


def smaller(ours, theirs, least=0.0):
    """Returns whether a metric is below another by more than `least`, as in `larger`."""
    return larger(theirs, ours, least)


def in_seeds(metric, holds):
    """Returns the `Verdict` whether `holds(value)` for every seed; not shown if they differ."""
    held = sum(map(bool, map(holds, metric["values"])))
    seeds = len(metric["values"])
    if 0 < held < seeds:
        return Verdict(OPEN, f"yes in {held} of {seeds} seeds")
    return Verdict(YES if held else NO, one_seed(metric))


def ahead(metrics):
    """Returns the name of the larger of two metrics, or `None` if they are within the spread."""
    (first, ours), (second, theirs) = metrics.items()
    return {YES: first, NO: second, OPEN: None}[larger(ours, theirs).word]


def all_of(words):
    """Returns the word that all share, else "it depends"."""
    return words[0] if len(set(words)) == 1 else MIXED


def one_seed(*metrics):
    """Returns a note if a metric has a single seed, else an empty string."""
    return "one seed" if any(len(metric["values"]) == 1 for metric in metrics) else ""


def on_logs(metric):
    """Returns the metric of the values' decimal logarithms, for differing orders of magnitude."""
    return {"values": np.log10(metric["values"]).tolist()}


def negative(metric):
    """Returns the metric of the negated values, so that larger is better if smaller was."""
    return {"values": [-value for value in metric["values"]]}
