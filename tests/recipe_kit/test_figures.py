"""What the pictures say: curves, legends, marks and colours, read off the artists that draw them."""

import itertools
import warnings

import numpy as np
import pytest
from marks import slow_but
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from recipe_kit import figures
from recipe_kit.figures import classification, opinion


@pytest.fixture(autouse=True)
def no_warnings():
    """A NaN, an empty mean, a glyph that the font lacks: each is a warning, and here an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def drawn(figure):
    """Draws it, to find out whether that works."""
    figure.draw_without_rendering()
    return figure


def texts(artist):
    return [text.get_text() for text in artist.get_texts()]


def annotations(ax):
    return [text for text in ax.texts if hasattr(text, "xy")]


def history(*losses):
    return [
        {
            "epoch": i + 1,
            "loss": 0.5 / (i + 1),
            "accuracy": 0.7,
            "val_loss": loss,
            "val_accuracy": 1 - loss,
        }
        for i, loss in enumerate(losses)
    ]


def test_the_package_has_what_the_module_had():
    assert {"COLORS", "Figure", "visible_text", "loss_curves", "temperatures"} <= set(dir(figures))
    assert figures.visible_text("$5\n") == r"\$5↵" and figures.visible_text(" ") == "␣"


def test_the_turn_is_the_epoch_of_lowest_validation_loss():
    runs = {"one": history(0.5, 0.3, 0.4, 0.6), "two": history(0.45, 0.44, 0.25)}
    loss, accuracy = drawn(figures.accuracy_curves(runs)).axes
    assert {(*note.xy, note.get_text()) for note in annotations(loss)} == {
        (2, 0.3, "0.300, epoch 2"),
        (3, 0.25, "0.250, epoch 3"),
    }
    assert {note.xy for note in annotations(accuracy)} == {(2, 0.7), (3, 0.75)}


def test_another_epoch_can_be_marked():
    figure = figures.accuracy_curves({"one": history(0.5, 0.3, 0.4)}, best={"one": 3})
    assert [note.xy for note in annotations(figure.axes[0])] == [(3, 0.4)]
    assert "epoch kept" in texts(figure.legends[0])


def test_training_is_dashed_and_validation_is_not():
    loss, accuracy = figures.accuracy_curves({"one": history(0.5, 0.3)}).axes
    for ax, training, validation in (
        (loss, [0.5, 0.25], [0.5, 0.3]),
        (accuracy, [0.7, 0.7], [0.5, 0.7]),
    ):
        by_style = {line.get_linestyle(): list(line.get_ydata()) for line in reversed(ax.lines[:2])}
        assert by_style == {"--": training, "-": pytest.approx(validation)}


@pytest.mark.parametrize("epochs", [0, 1, 2, 20])
def test_any_number_of_epochs_with_long_names_draws(epochs):
    name = "a run of a name that says $everything that was set " * 3
    figure = drawn(figures.accuracy_curves({name: history(*np.linspace(0.6, 0.4, epochs))}, "月 $"))
    assert max(map(len, texts(figure.legends[0]))) <= classification.LONGEST_NAME + 1  # an escaped $


def test_labels_of_points_on_one_another_keep_apart():
    figure = drawn(figures.accuracy_curves({name: history(0.5, 0.4, 0.45) for name in "abc"}))
    for ax in figure.axes:
        boxes = [note.get_bbox_patch().get_window_extent() for note in annotations(ax)]
        assert len(boxes) == 3
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
        assert all(ax.bbox.x0 <= box.x0 and box.x1 <= ax.bbox.x1 for box in boxes)


# Of the 2 · 2 pairs of a positive and a negative, three are in order.
LABELS, PROBABILITIES = [0, 1, 0, 1], [0.1, 0.35, 0.4, 0.8]


def test_the_area_is_the_part_of_pairs_in_order():
    others = {"reversed": [0.9, 0.65, 0.6, 0.2], "the same for all": [0.3] * 4}
    figure = drawn(figures.roc_and_calibration(PROBABILITIES, LABELS, "t", others, name="LSTM"))
    legend = texts(figure.axes[0].get_legend())
    assert legend == ["LSTM: AUC 0.750", "reversed: AUC 0.250", "the same for all: AUC 0.500"]
    curve = figure.axes[0].lines[1]
    assert curve.get_xydata().tolist() == [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]]


def test_the_calibration_error_weighs_bins_by_their_reviews():
    # Two bins: half of 0.2 is positive, all of 0.9. 30 · 0.3 + 10 · 0.1 of 40.
    probabilities, labels = np.repeat([0.2, 0.9], [30, 10]), np.repeat([0, 1, 1], [15, 15, 10])
    figure = drawn(figures.roc_and_calibration(probabilities, labels))
    assert "model: ECE 0.250" in texts(figure.axes[1].get_legend())
    curve = figure.axes[1].lines[1]
    assert np.allclose(curve.get_xydata(), [[0.2, 0.5], [0.9, 1]])
    height = np.array([bar.get_height() for bar in figure.axes[1].patches])
    left = np.array([bar.get_x() for bar in figure.axes[1].patches])
    assert np.allclose(left[height > 0], [0.2, 0.9]) and np.allclose(height[height > 0], [0.2, 0.2 / 3])


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [(PROBABILITIES, [1, 1, 1, 1]), (PROBABILITIES, [0, 0, 0, 0]), ([0.7], [1]), ([0.0], [0])],
)
def test_one_class_has_no_area_but_a_picture(probabilities, labels):
    figure = drawn(figures.roc_and_calibration(np.float32(probabilities), np.array(labels)[:, None]))
    assert texts(figure.axes[0].get_legend()) == ["model: no AUC, one class only"]


def test_wilson_interval_of_known_cases():
    # 8 of 10: 0.4902 to 0.9433; 0 of 10: from 0 to z² / (10 + z²).
    low, high = classification._wilson(np.array([8, 0, 10]), np.array([10, 10, 10]))
    assert np.allclose(low, [0.49016, 0, 0.72247], atol=1e-5)
    assert np.allclose(high, [0.94332, 0.27753, 1], atol=1e-5)


@pytest.mark.parametrize("values", [[5], [5] * 9, [0, 1] * 6, range(100), [1] * 90 + [7, 8, 9]])
def test_bins_hold_all_reviews_and_none_is_empty(values):
    values = np.array(values)
    index, uppers = classification._quantile_bins(values, 8)
    count = np.bincount(index)
    assert count.sum() == len(values) and count.min() > 0 and len(count) == len(uppers) <= 8
    assert [values[index == i].max() for i in range(len(uppers))] == list(uppers)


def test_accuracy_by_length_counts_every_review():
    rng = np.random.default_rng(0)
    lengths, correct = rng.integers(10, 900, 800), rng.random(800) < 0.8
    short = lengths <= np.sort(lengths)[99]
    figure = drawn(
        figures.accuracy_by_length(lengths, correct, others={"only short": short}, name="LSTM")
    )
    ax = figure.axes[0]
    assert sum(int(text.get_text()) for text in ax.texts) == 800 and len(ax.texts) == 8
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    assert all(a[1] == pytest.approx(b[0]) for a, b in itertools.pairwise(bars))
    lstm, other = ax.containers[:2]
    assert lstm[0].get_ydata()[0] == pytest.approx(correct[short].mean())
    assert other[0].get_ydata().tolist() == [1, *[0] * 7]
    assert all(left < x < right for x, (left, right) in zip(lstm[0].get_xdata(), bars, strict=True))
    low, high = lstm[2][0].get_segments()[0][:, 1]
    expected = classification._wilson(correct[short].sum(), short.sum())
    assert (low, high) == pytest.approx(expected)
    assert f"LSTM ({correct.mean():.3f} of all)" in texts(figure.legends[0])


@pytest.mark.parametrize("lengths", [[7], [5, 5, 5], [0, 1, 4, 30]])
def test_accuracy_by_length_of_few_reviews(lengths):
    for right in (True, False):
        drawn(figures.accuracy_by_length(lengths, [right] * len(lengths)))


def test_a_comparison_shows_every_seed_their_mean_and_their_deviation():
    rows = {"LSTM": [0.86, 0.88], "GRU": [0.9]}
    figure = drawn(figures.comparison(rows, reference={"TF-IDF": 0.886}))
    ax = figure.axes[0]
    assert [text.get_text() for text in ax.texts] == ["0.870 ± 0.014", "0.900"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["LSTM", "GRU"]
    bottom, top = ax.get_ylim()
    assert bottom > top  # the first row at the top
    seeds = [line.get_xydata().tolist() for line in ax.lines if line.get_marker() == "o"]
    assert seeds == [[[0.86, 0], [0.88, 0]], [[0.9, 1]]]
    assert texts(figure.legends[0]) == ["TF-IDF 0.886"]
    assert [list(line.get_xdata()) for line in ax.lines if line.get_linestyle() == "--"] == [
        [0.886] * 2
    ]


def test_a_row_without_values_is_an_error():
    with pytest.raises(ValueError, match="received none for \\['GRU'\\]"):
        figures.comparison({"LSTM": [0.8], "GRU": []})


def word_boxes(page):
    """Words to the colour behind them, in the order of reading."""
    boxes = [patch for patch in page.patches if isinstance(patch, Rectangle)]
    words = [text for text in page.texts if not text.get_text().startswith("…")]
    assert all(
        box.get_x() < text.get_position()[0] < box.get_x() + box.get_width()
        and box.get_y() < text.get_position()[1] < box.get_y() + box.get_height()
        for box, text in zip(boxes, words, strict=True)
    )
    return [(text.get_text(), box.get_facecolor()[:3]) for box, text in zip(boxes, words, strict=True)]


def test_colours_are_red_white_and_blue():
    figure = drawn(figures.opinion_trace(["bad", "then", "good"], [0.05, 0.5, 0.95]))
    (_, red), (_, white), (_, blue) = word_boxes(figure.axes[1])
    assert white == (1, 1, 1) and red[0] > red[2] + 0.3 and blue[2] > blue[0] + 0.3


def test_letters_can_be_read_on_every_colour():
    def luminance(color):
        color = np.array(to_rgb(color))
        linear = np.where(color <= 0.03928, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    darkest = min(luminance(opinion.OPINION(p)[:3]) for p in np.linspace(0, 1, 101))
    assert (darkest + 0.05) / (luminance("black") + 0.05) > 7  # WCAG AAA
    assert (darkest + 0.05) / (luminance("0.3") + 0.05) > 3


def test_the_largest_jumps_are_annotated():
    words = "it was dull but then superb".split()
    figure = drawn(figures.opinion_trace(words, [0.5, 0.52, 0.2, 0.22, 0.23, 0.9], "called so"))
    curve, _ = figure.axes
    assert {(note.xy, note.get_text()) for note in annotations(curve)} == {
        ((6, 0.9), "superb +0.67"),
        ((3, 0.2), "dull −0.32"),
    }
    assert curve.get_title(loc="left") == "called so"


def test_the_first_words_jump_is_from_no_opinion():
    assert opinion._jumps(np.array([0.9, 0.9])) == [(0, pytest.approx(0.4))]


@pytest.mark.parametrize("count", slow_but([0, 30], [0, 1, 30, 500, 700]))
def test_the_paragraph_grows_with_the_text(count):
    rng = np.random.default_rng(0)
    words = [("word$", "a", "月", "considerable")[i % 4] for i in range(count)]
    figure = drawn(figures.opinion_trace(words, rng.random(count), marked={0, 2}))
    _, page = figure.axes
    shown = word_boxes(page) if count else []
    assert len(shown) == min(count, 600)
    ellipsis = [text.get_text() for text in page.texts if text.get_text().startswith("…")]
    assert ellipsis == (["… 100 words …"] if count == 700 else [])
    # The lines fit: nothing runs out of the page on the right or below.
    right, bottom = page.get_xlim()[1], page.get_ylim()[0]
    assert all(
        box.get_x() + box.get_width() <= right and box.get_y() + box.get_height() <= bottom
        for box in page.patches
    )
    if count > 2:
        assert [word for word, _ in shown[:3]] == [r"[word\$]", "a", "[U+6708]"]
        assert figure.get_figheight() > figures.opinion_trace(["a"], [0.5]).get_figheight()


def test_two_reviews_in_one_picture_each_with_its_title():
    traces = [
        {"words": ["superb"], "probabilities": [0.97], "title": "called positive (0.97), is negative"},
        {
            "words": ["dull", "zxq"],
            "probabilities": [0.1, 0.2],
            "title": "called negative",
            "marked": [1],
        },
    ]
    figure = drawn(figures.opinion_traces(traces, "Two reviews", classes=("bad", "good")))
    assert [ax.get_title(loc="left") for ax in figure.axes[::2]] == [t["title"] for t in traces]
    assert [w for page in figure.axes[1::2] for w, _ in word_boxes(page)] == ["superb", "dull", "[zxq]"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "bad 0",
        "0.5",
        "good 1",
    ]
    boxes = [ax.get_position() for ax in figure.axes]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
