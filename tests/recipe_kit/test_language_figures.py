"""What the pictures of language models say, read off the artists that draw them."""

import itertools
import warnings

import numpy as np
import pytest

from recipe_kit import figures


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def history(*perplexities):
    return [
        {"epoch": n, "loss": np.log(p) + 0.1, "val_loss": np.log(p)}
        for n, p in enumerate(perplexities, 1)
    ]


def legend(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def ticks(figure):
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_ylim()
    return [t for t in figure.axes[0].get_yticks() if low <= t <= high]


def test_curves_are_perplexities_and_the_rates_steps_are_marked():
    figure = figures.perplexity_curves(
        history(200, 150, 120, 118), [1, 1, 0.5, 0.25], marks={"test": 115.4}
    )
    ax = figure.axes[0]
    validation = next(line for line in ax.lines if line.get_label() == "validation")
    np.testing.assert_allclose(validation.get_ydata(), [200, 150, 120, 118])
    assert "learning rate × 0.5" in legend(figure) and "test: 115.4" in legend(figure)
    marks = [line.get_xdata()[0] for line in ax.lines if list(line.get_ydata()) == [0, 1]]
    assert marks == [2.5, 3.5]  # between the epochs where it changes
    assert len(figure.axes) == 1
    assert len(ticks(figure)) >= 3


def test_a_smooth_schedule_has_an_axis_of_its_own():
    rates = [1, 0.75, 0.4, 0.1]
    figure = figures.perplexity_curves(history(200, 150, 120, 118), rates, smooth=True)
    assert len(figure.axes) == 2
    np.testing.assert_allclose(figure.axes[1].lines[0].get_ydata(), rates)
    np.testing.assert_allclose(figure.axes[1].lines[0].get_xdata(), [0, 1, 2, 3])
    assert figure.axes[1].get_ylabel() == "learning rate"


def test_many_steps_of_the_rate_are_drawn_as_stairs():
    rates = [0.9**n for n in range(30)]
    figure = figures.perplexity_curves(history(*range(130, 100, -1)), rates)
    assert figure.axes[1].lines[0].get_drawstyle() == "steps-post"


@pytest.mark.parametrize(
    "perplexities", [(5000.0, 130.0), (85.2, 85.1), (6.41,), (100.0, 99.0, 98.0), (1e5, 2.0)]
)
def test_every_range_has_ticks_to_read_it_by(perplexities):
    figure = figures.perplexity_curves(history(*perplexities), [1.0] * len(perplexities))
    assert 3 <= len(ticks(figure)) <= 12


def test_an_interrupted_schedule_marks_the_epochs_that_there_are():
    figure = figures.perplexity_curves(history(200, 150), [1, 1, 0.5, 0.25])
    assert all("learning rate" not in text for text in legend(figure))


def test_agreement_has_a_curve_a_cell_and_intervals():
    runs = {"simple": [0.99, 0.8, 0.5], "lstm": [1.0, 0.99, 0.97]}
    figure = figures.agreement_by_distance(runs, ["1", "2 to 9", "10 and more"], [400, 100, 20])
    ax = figure.axes[0]
    assert legend(figure) == ["plain RNN", "LSTM"]
    for container, (name, shares) in zip(ax.containers, runs.items(), strict=True):
        assert container.get_label() == figures.cell_name(name)
        np.testing.assert_allclose(container.lines[0].get_ydata(), shares)
        segments = container.lines[2][0].get_segments()
        heights = [high - low for (_, low), (_, high) in segments]
        assert heights[0] < heights[2]  # fewer sentences, wider
        assert all(
            low <= share <= high for share, ((_, low), (_, high)) in zip(shares, segments, strict=True)
        )
    ticks = [" ".join(tick.get_text().split()) for tick in ax.get_xticklabels()]
    assert ticks == ["1", "2 to 9", "10 and more"]


def test_names_of_many_bins_do_not_run_into_one_another():
    bins = [*"123456", "7 to 9", "10 to 19", "20 to 29", "30 to 49", "50 and more"]
    figure = figures.agreement_by_distance({"lstm": [1.0] * len(bins)}, bins, [100] * len(bins))
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))


def test_of_several_seeds_the_curve_is_the_mean_and_the_bars_hold_all_of_their_intervals():
    seeds = [[1.0, 0.6], [0.9, 0.8]]
    figure = figures.agreement_by_distance({"lstm": seeds}, ["1", "2"], [100, 100])
    alone = [figures.agreement_by_distance({"lstm": one}, ["1", "2"], [100, 100]) for one in seeds]

    def bars(figure):
        return np.array([s[:, 1] for s in figure.axes[0].containers[0].lines[2][0].get_segments()])

    np.testing.assert_allclose(figure.axes[0].containers[0].lines[0].get_ydata(), [0.95, 0.7])
    lowest = np.min([bars(one)[:, 0] for one in alone], axis=0)
    highest = np.max([bars(one)[:, 1] for one in alone], axis=0)
    np.testing.assert_allclose(bars(figure), np.stack([lowest, highest], axis=1))


def test_a_bin_without_sentences_is_left_out():
    figure = figures.agreement_by_distance({"lstm": [1.0, np.nan]}, ["1", "2"], [10, 0])
    figure.draw_without_rendering()
    np.testing.assert_array_equal(np.isnan(figure.axes[0].containers[0].lines[0].get_ydata()), [0, 1])


def test_a_surprise_is_a_bar_a_token_as_high_as_its_nats():
    figure = figures.surprise(["a", "\n", "$", "b"], [0.5, 2.0, 0.0, 3.5], "what was not expected")
    (ax,) = figure.axes
    assert [bar.get_height() for bar in ax.patches] == [0.5, 2.0, 0.0, 3.5]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["a", "↵", r"\$", "b"]
    figure.draw_without_rendering()


def test_words_under_a_surprise_are_turned_so_that_they_do_not_meet():
    characters, words = (figures.surprise(tokens, [1, 2]).axes[0] for tokens in ("ab", ["were", "was"]))
    assert characters.get_xticklabels()[0].get_rotation() == 0
    assert words.get_xticklabels()[0].get_rotation() == 60


def test_a_surprise_needs_a_number_a_token():
    with pytest.raises(ValueError, match="2 tokens, 3 numbers"):
        figures.surprise("ab", [1, 2, 3])


def test_a_surprise_is_no_log_probability():
    with pytest.raises(ValueError, match="must not be negative"):
        figures.surprise("ab", [-1, 2])
