"""Comparisons: each side has its own learning rate, and a verdict says no more than the seeds show."""

from typing import NamedTuple

import numpy as np
import pytest

from recipe_kit import cli


class Outcome(NamedTuple):
    validation: float
    test: float
    seed: int


def test_the_first_seed_tries_every_rate_and_the_others_take_the_best_on_validation():
    calls = []

    def train(rate, seed):
        calls.append((rate, seed))
        validation = {0.1: 0.6, 0.2: 0.9, 0.4: 0.7}[rate]
        return Outcome(validation, 1 - validation, seed)  # the test likes another rate

    found = cli.at_its_best_rate(train, (0.1, 0.2, 0.4), (3, 4, 5))
    assert found.rate == 0.2 and not found.at_edge
    assert calls == [(0.1, 3), (0.2, 3), (0.4, 3), (0.2, 4), (0.2, 5)]  # and none twice
    assert [run.seed for run in found.runs] == [3, 4, 5]
    assert {rate: run.validation for rate, run in found.tried.items()} == {0.1: 0.6, 0.2: 0.9, 0.4: 0.7}


@pytest.mark.parametrize(("best", "at_edge"), [(0.1, True), (0.2, False), (0.4, True)])
def test_a_rate_beyond_which_none_was_tried_is_told(best, at_edge):
    found = cli.at_its_best_rate(
        lambda rate, seed: Outcome(float(rate == best), 0.0, seed), (0.4, 0.1, 0.2), [0]
    )
    assert (found.rate, found.at_edge) == (best, at_edge)


def test_where_validation_is_equal_its_second_number_decides():
    def train(rate, seed):
        return Outcome((1.0, -rate), 0.0, seed)

    assert cli.at_its_best_rate(train, (0.3, 0.1, 0.2), [0]).rate == 0.1


@pytest.mark.parametrize(("rates", "seeds"), [((), (0,)), ((0.1,), ())])
def test_a_comparison_of_nothing_is_refused(rates, seeds):
    with pytest.raises(ValueError, match="at least one"):
        cli.at_its_best_rate(lambda rate, seed: Outcome(0.0, 0.0, seed), rates, seeds)


def test_the_interval_is_welchs():
    """By the equations: t's quantile 0.975 with Welch and Satterthwaite's degrees of freedom."""
    from scipy import stats

    ours, theirs = [0.90, 0.92, 0.97], [0.80, 0.86, 0.85]
    parts = [np.var(values, ddof=1) / 3 for values in (ours, theirs)]
    freedom = sum(parts) ** 2 / sum(part**2 / 2 for part in parts)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(sum(parts))
    found = cli.difference(ours, theirs)
    mean = np.mean(ours) - np.mean(theirs)
    assert np.allclose(found, (mean, mean - half, mean + half), rtol=1e-9)


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ([0.97, 0.98, 0.97], [0.86, 0.87, 0.87], "new ahead of old: +0.107"),
        ([0.86, 0.87, 0.87], [0.97, 0.98, 0.97], "new behind old: -0.107"),
        ([0.99, 0.97, 0.98], [0.98, 0.99, 0.96], "no difference is shown, +0.003"),
        ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], "no difference is shown, +0.000 (95 %: +0.000 to +0.000)"),
        ([1.0, 1.0, 1.0], [0.9, 0.9, 0.9], "new ahead of old: +0.100"),
    ],
)
def test_a_verdict_says_what_the_interval_allows(ours, theirs, said):
    assert said in cli.difference(ours, theirs).verdict("new", "old")


@pytest.mark.parametrize(("ours", "theirs"), [([0.9], [0.8]), ([0.9, 0.8], [0.7])])
def test_one_seed_has_no_interval(ours, theirs):
    with pytest.raises(ValueError, match="two seeds"):
        cli.difference(ours, theirs)


@pytest.mark.parametrize("diverged, other", [(np.nan, 0.1), ((np.nan, 1.0), (0.1, 0.0))])
@pytest.mark.parametrize("rates", [(1.0, 0.01), (0.01, 1.0)])
def test_a_rate_at_which_the_training_diverged_is_not_the_best(rates, diverged, other):
    def train(rate, seed):
        return Outcome(diverged if rate == 1.0 else other, 0.0, seed)

    assert cli.at_its_best_rate(train, rates, [0]).rate == 0.01
