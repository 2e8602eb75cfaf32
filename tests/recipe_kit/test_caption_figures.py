"""What the pictures of captions say, read off the artists that draw them."""

import itertools
import warnings

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text

from recipe_kit import figures

LONG = "a man in a red shirt stands on a rock in front of a mountain with snow on top of it"
ENDLESS = "hippopotamus" * 40
FORMULA = r"costs $5 and $x_1^2$ or {a_b}"


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def photo(height=30, width=40, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype("uint8")


def drawn(figure):
    """Every text that shows, after the figure was laid out: (what it says, where)."""
    figure.draw_without_rendering()
    beyond = set()  # matplotlib keeps labels of ticks that its axes do not reach
    for ax in figure.axes:
        for axis, labels, along in (
            (ax.xaxis, ax.get_xticklabels(), 0),
            (ax.yaxis, ax.get_yticklabels(), 1),
        ):
            low, high = axis.get_view_interval()
            beyond |= {label for label in labels if not low <= label.get_position()[along] <= high}
    return [
        (text.get_text().replace(r"\$", "$"), text.get_window_extent())
        for text in figure.findobj(Text)
        if text not in beyond and text.get_visible() and text.get_text().strip()
    ]


def overlapping(boxes, others):
    """Pairs of indexes."""
    a, b = (np.array([box.extents for box in some]).reshape(-1, 1, 4) for some in (boxes, others))
    b = b.transpose(1, 0, 2)
    apart = (a[..., :2] >= b[..., 2:]) | (b[..., :2] >= a[..., 2:])
    return np.argwhere(~apart.any(-1)).tolist()


def assert_legible(figure):
    """No text reaches over another or beyond the figure; none lies on a photograph."""
    texts, boxes = zip(*drawn(figure), strict=True)
    assert [(texts[i], texts[j]) for i, j in overlapping(boxes, boxes) if i < j] == []
    photos = [ax.bbox for ax in figure.axes if ax.images]
    assert [texts[i] for i, _ in overlapping(boxes, photos)] == []
    for text, box in zip(texts, boxes, strict=True):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, f"{text!r} is cut"
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, f"{text!r} is cut"


def said(figure):
    return " ".join(text for text, _ in drawn(figure))


def sizes(figure):
    """Width and height in pixels of each picture."""
    return [(round(ax.bbox.width), round(ax.bbox.height)) for ax in figure.axes if ax.images]


# One picture


def test_captions_stand_below_the_picture_the_first_one_larger():
    captions = [("a dog runs", "log p / word −0.42"), (LONG, "log p / word −0.82"), ("two dogs", "")]
    figure = figures.captioned(photo(), captions, title="Beam of 3")
    assert_legible(figure)
    place = dict(drawn(figure))
    picture = figure.axes[0].bbox
    assert place["Beam of 3"].y0 >= picture.y1
    assert picture.y0 > place["a dog runs"].y0 > place["two dogs"].y0
    letters = {text.get_text(): text.get_fontsize() for text in figure.texts}
    assert letters["a dog runs"] > letters["two dogs"] > letters["log p / word −0.42"]
    assert LONG in said(figure).replace(" log p / word −0.82", "")  # wrapped, and all of it


@pytest.mark.parametrize("shape", [(1, 1), (300, 400), (400, 300), (3, 900), (900, 3), (64, 64)])
def test_pictures_keep_their_shape(shape):
    figure = figures.captioned(photo(*shape), [(LONG, "−0.5")])
    assert_legible(figure)
    ((width, height),) = sizes(figure)
    thinnest = 0.05 * figure.dpi  # a line of pixels is still to be seen
    if min(width, height) > thinnest + 1:
        assert height / width == pytest.approx(shape[0] / shape[1], rel=0.01)
    image = figure.axes[0].images[0]
    assert image.get_array().shape == (*shape, 3)
    assert figure.bbox.width >= width and figure.bbox.height >= height


def test_any_characters_and_words_of_any_length_are_drawn_as_they_are():
    captions = [(FORMULA, "$p_1$"), (ENDLESS, "−1"), ("one\ntwo", "n" * 200), ("_", "")]
    figure = figures.captioned(photo(), captions, title=FORMULA + " " + ENDLESS)
    assert_legible(figure)
    assert FORMULA in said(figure) and "$p_1$" in said(figure)
    assert ENDLESS in said(figure).replace(" ", "")
    assert "one two" in said(figure)


def test_a_picture_without_captions_is_a_picture():
    figure = figures.captioned(photo(), [])
    assert drawn(figure) == [] and len(figure.axes) == 1


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), "uint8"), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), "uint8")]
)
def test_what_is_no_picture_is_refused(image):
    with pytest.raises(ValueError, match="uint8"):
        figures.captioned(image, [])


# Grids


def tiles(count):
    shapes = itertools.cycle([(30, 40), (40, 30), (40, 40), (5, 90)])
    return [
        {
            "image": None if n % 5 == 3 else photo(*shape, seed=n),
            "name": f"picture_{n}.jpg",
            "caption": (LONG, "a dog", FORMULA, ENDLESS)[n % 4] + f" {n}",
            "reference": "" if n % 3 == 0 else f"Somebody wrote {LONG} .",
            "label": f"BLEU-4 0.{n:02}",
        }
        for n, shape in zip(range(count), shapes, strict=False)
    ]


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 12])
def test_every_item_has_a_tile_and_its_texts(count):
    items = tiles(count)
    figure = figures.caption_grid(items, "Results of the captioner on pictures of the test set")
    assert_legible(figure)
    assert len(figure.axes) == count
    assert len(sizes(figure)) == sum(item["image"] is not None for item in items)
    text = said(figure)
    for item in items:
        assert item["label"] in text
        assert (item["name"] in text) == (item["image"] is None)


def test_rows_hold_so_many_columns_and_a_caption_is_under_its_own_picture():
    items = [{"image": photo(seed=n), "caption": f"number {n}"} for n in range(7)]
    figure = figures.caption_grid(items, columns=3)
    corners = [(ax.bbox.x0, ax.bbox.y0) for ax in figure.axes]
    assert len({round(x) for x, _ in corners}) == 3
    assert len({round(y) for _, y in corners}) == 3  # 3 + 3 + 1
    for (text, box), ax, n in zip(drawn(figure), figure.axes, range(7), strict=True):
        assert text == f"number {n}"
        assert ax.bbox.x0 - 1 <= box.x0 and box.x1 <= ax.bbox.x1
        assert 0 < ax.bbox.y0 - box.y1 < 0.2 * figure.dpi


def test_a_text_that_is_too_long_ends_in_an_ellipsis():
    figure = figures.caption_grid([{"image": photo(), "caption": "end " * 400, "reference": "x" * 900}])
    assert_legible(figure)
    assert sum(text.endswith("…") for text, _ in drawn(figure)) == 2
    assert figure.get_figheight() < 6


def test_a_grid_without_items_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        figures.caption_grid([])


# Attention


def panels(figure):
    """The pictures, without the key to their colours."""
    return [ax.images[0].get_array() for ax in figure.axes if ax.images]


def color(value, name="cividis"):
    return np.multiply(255, matplotlib.colormaps[name](value)[:3])


@pytest.mark.parametrize("words", [1, 6, 7, 40])
def test_the_picture_and_a_panel_a_word(words):
    names = [f"word{n}" for n in range(words)]
    weights = np.random.default_rng(0).dirichlet(np.ones(49), words)
    figure = figures.attention_maps(photo(), names, weights, "Attention, word by word")
    assert_legible(figure)
    assert len(panels(figure)) == words + 1
    np.testing.assert_array_equal(panels(figure)[0], photo())
    assert all(panel.shape == (30, 40, 3) for panel in panels(figure))
    assert set(names) <= set(said(figure).split())
    assert len(set(sizes(figure))) == 1


def test_each_word_stands_over_its_own_map():
    weights = np.full((9, 4), 0.25)
    figure = figures.attention_maps(None, [f"w{n}" for n in range(9)], weights)
    boxes = dict(drawn(figure))
    for n, ax in enumerate(ax for ax in figure.axes if ax.images):
        box = boxes[f"w{n}"]
        assert (box.x0 + box.x1) / 2 == pytest.approx((ax.bbox.x0 + ax.bbox.x1) / 2, abs=2)
        assert 0 <= box.y0 - ax.bbox.y1 < 0.2 * figure.dpi


def test_even_maps_are_of_one_color_on_a_scale_that_all_words_share():
    weights = np.stack([np.full(4, w) for w in (0.1, 0.2, 0.2)])
    one, two, three = panels(figures.attention_maps(None, ["a", "b", "c"], weights))
    np.testing.assert_allclose(one, np.broadcast_to(color(0.5), one.shape), atol=2)
    np.testing.assert_allclose(two, np.broadcast_to(color(1.0), two.shape), atol=2)
    np.testing.assert_array_equal(two, three)


def test_cells_are_read_row_by_row_and_their_map_is_smooth():
    weights = np.zeros((1, 9))
    weights[0, 2] = 1.0  # the upper right of 3 x 3
    (map_,) = panels(figures.attention_maps(None, ["bird"], weights))
    yellow = map_[..., 0].astype(int)
    height, width = yellow.shape
    row, column = np.unravel_index(yellow.argmax(), yellow.shape)
    assert row < height / 3 and column > 2 * width / 3
    np.testing.assert_allclose(map_[-1, 0], color(0), atol=2)
    assert np.abs(np.diff(yellow, axis=1)).max() < 20  # no edge between the cells


def test_attention_is_yellow_over_the_picture_in_grey():
    white = np.full((60, 60, 3), 255, "uint8")
    weights = np.zeros((1, 2, 2))
    weights[0, 1, 0] = 0.8
    whole, map_ = panels(figures.attention_maps(white, ["dog"], weights))
    assert (whole == 255).all()
    np.testing.assert_allclose(map_[-1, 0], 0.55 * color(1.0) + 0.45 * 255, atol=2)
    np.testing.assert_allclose(map_[0, -1], 0.55 * color(0.0) + 0.45 * 255, atol=4)


def test_the_key_says_the_weights_and_where_the_scale_ends():
    even, sharp = np.full((3, 4), 0.24), np.array([[0.96, 0, 0, 0]])
    texts = said(figures.attention_maps(None, list("abc"), even)).split()
    assert {"0", "0.12", "0.24"} < set(texts) and "≥" not in texts
    # One word in seven is sharper than the others: those decide where the scale ends.
    texts = said(figures.attention_maps(None, list("abcdefg"), np.concatenate([even, even, sharp])))
    assert "≥ 0.24" in texts


def test_a_grid_need_not_be_square_and_a_picture_may_have_any_shape():
    weights = np.full((2, 3, 5), 1 / 15)
    figure = figures.attention_maps(None, ["a", "b"], weights)
    assert_legible(figure)
    assert sizes(figure)[0][0] / sizes(figure)[0][1] == pytest.approx(5 / 3, rel=0.02)
    for shape in ((1, 1), (4, 900), (900, 4), (1500, 1000)):
        figure = figures.attention_maps(photo(*shape), [FORMULA, ENDLESS], weights)
        assert_legible(figure)
        assert len(panels(figure)) == 3


def test_maps_without_any_weight_are_dark():
    (map_,) = panels(figures.attention_maps(None, ["a"], np.zeros((1, 4))))
    np.testing.assert_allclose(map_, np.broadcast_to(color(0), map_.shape), atol=2)


@pytest.mark.parametrize(
    ("words", "weights", "match"),
    [
        (["a"], np.ones((1, 5)), "square"),
        (["a", "b"], np.ones((1, 4)), "2 words"),
        ([], np.ones((0, 4)), "at least one"),
        (["a"], np.ones((1, 2, 2, 2)), "columns"),
        (["a"], np.full((1, 4), np.nan), "finite"),
        (["a"], np.full((1, 4), -0.1), "negative"),
    ],
)
def test_weights_that_are_no_maps_of_the_words_are_refused(words, weights, match):
    with pytest.raises(ValueError, match=match):
        figures.attention_maps(photo(), words, weights)


# Scores

METRICS = [f"BLEU-{n}" for n in (1, 2, 3, 4)]
ROWS = {"greedy": [0.58, 0.39, 0.25, 0.16], "beam of 5": [0.60, 0.41, 0.28, 0.18]}


def bars(figure):
    """Names to bars: those of errors have no name."""
    found = [box for box in figure.axes[0].containers if hasattr(box, "patches")]
    return {box.get_label(): box for box in found}


def test_a_bar_a_score_with_its_number_and_its_error():
    figure = figures.decoder_scores(ROWS, METRICS, "Test set", errors={"greedy": [0.01] * 4})
    assert_legible(figure)
    for name, scores in ROWS.items():
        np.testing.assert_allclose([bar.get_height() for bar in bars(figure)[name]], scores)
    for number in "0.580 0.390 0.250 0.160 0.600 0.410 0.280 0.180".split():
        assert number in said(figure).split()
    segments = bars(figure)["greedy"].errorbar.lines[2][0].get_segments()
    np.testing.assert_allclose(
        [s[:, 1] for s in segments], [[s - 0.01, s + 0.01] for s in ROWS["greedy"]]
    )
    assert bars(figure)["beam of 5"].errorbar is None


def test_bars_of_one_metric_stand_together_over_its_name():
    figure = figures.decoder_scores(ROWS, METRICS)
    at = np.array([[bar.get_x() + bar.get_width() / 2 for bar in box] for box in bars(figure).values()])
    np.testing.assert_allclose(at.mean(0), [0, 1, 2, 3], atol=1e-9)
    assert (at[0] < at[1]).all()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == METRICS


def test_published_scores_are_marks_across_their_group_and_are_named():
    published = {"a paper": [0.67, 0.45, 0.30, 0.195], "an older one": [0.63, 0.41, 0.27, np.nan]}
    figure = figures.decoder_scores(ROWS, METRICS, published=published)
    assert_legible(figure)
    marks = {
        c.get_label(): c.get_segments() for c in figure.axes[0].collections if c.get_label()[0] != "_"
    }
    assert list(marks) == list(published)
    for name, scores in published.items():
        heights = [line[0, 1] if len(line) else np.nan for line in marks[name]]
        np.testing.assert_allclose(heights, scores)
    for (left, _), (right, _) in marks["a paper"][:1]:
        assert left < min(box[0].get_x() for box in bars(figure).values())
        assert right > max(box[0].get_x() + box[0].get_width() for box in bars(figure).values())
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["greedy", "beam of 5", "a paper", "an older one"]
    keys = figure.legends[0].legend_handles
    faces = [bars(figure)[name][0].get_facecolor() for name in ROWS]
    assert [key.get_facecolor() for key in keys[:2]] == faces
    assert figure.axes[0].get_ylim()[1] > 0.67


@pytest.mark.parametrize("count", [1, 5, 7])
@pytest.mark.parametrize("metrics", [METRICS, METRICS[-1:]])
def test_any_number_of_models_under_any_names(count, metrics):
    rows = {f"_{n} {FORMULA} {ENDLESS}"[: 20 + 9 * n]: [60.5 - n] * len(metrics) for n in range(count)}
    figure = figures.decoder_scores(rows, metrics, title=FORMULA + " " + LONG * 2)
    assert_legible(figure)
    assert len(figure.legends[0].get_texts()) == count  # matplotlib leaves out names that start with _
    assert "60.5" in said(figure)
    colors = {(b[0].get_facecolor(), b[0].get_edgecolor()) for b in bars(figure).values()}
    assert len(colors) == count


def test_low_and_unknown_scores_are_legible_too():
    figure = figures.decoder_scores(
        {"a": [0.6, 0.05], "b": [0.5, np.nan], "c": [0.4, 0.001]}, ["BLEU-1", "BLEU-4"]
    )
    assert_legible(figure)
    assert "0.001" in said(figure) and "nan" not in said(figure)
    place = dict(drawn(figure))
    low = bars(figure)["a"][1].get_window_extent()
    assert place["0.050"].y0 > low.y1  # white on its bar, it would not show


@pytest.mark.parametrize("count", [1, 4, 25])
def test_numbers_are_no_wider_than_their_bars(count):
    figure = figures.decoder_scores({f"m{n}": [0.5, 0.4, 0.3, 0.2] for n in range(count)}, METRICS)
    numbers = [box.width for text, box in drawn(figure) if text in ("0.500", "0.400", "0.300")]
    width = min(bar.get_window_extent().width for box in bars(figure).values() for bar in box)
    assert len(numbers) == 3 * count and max(numbers) < width


def test_scores_of_no_model_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        figures.decoder_scores({}, METRICS)


# Beams

OTHERS = {"greedy": 0.188, "sampling, T = 1": 0.11, "sampling, T = 0.5": 0.1872}


def test_the_curve_of_the_beam_and_lines_of_the_other_decoders():
    figure = figures.beam_curve([5, 1, 2], [0.205, 0.188, 0.199], OTHERS, "Test set")
    assert_legible(figure)
    curve, *lines = figure.axes[0].lines
    np.testing.assert_allclose(curve.get_xydata(), [[1, 0.188], [2, 0.199], [5, 0.205]])
    assert [line.get_ydata()[0] for line in lines] == list(OTHERS.values())
    for text in (
        "greedy: 0.188",
        "sampling, T = 1: 0.110",
        "sampling, T = 0.5: 0.187",
        "0.205",
        "BLEU-4",
    ):
        assert text in said(figure)


def test_only_widths_that_were_measured_are_marked():
    widths = [1, 2, 3, 5, 10, 20]
    figure = figures.beam_curve(widths, np.linspace(18, 20, 6), {})
    figure.draw_without_rendering()
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["1", "2", "3", "5", "10", "20"]
    figure = figures.beam_curve(range(1, 25), np.linspace(18, 20, 24), {}, metric="CIDEr")
    numbers = [box for text, box in drawn(figure) if text in map(str, range(1, 25))]
    assert len(numbers) > 8
    assert not any(a.overlaps(b) for a, b in itertools.combinations(numbers, 2))
    assert figure.axes[0].get_ylabel() == "CIDEr"


def test_names_of_decoders_that_score_the_same_keep_apart():
    others = {f"{n} {FORMULA} {ENDLESS}": 0.2 + 0.0001 * n for n in range(5)}
    figure = figures.beam_curve([1, 3], [0.2, 0.21], others, title=LONG * 2)
    assert_legible(figure)


@pytest.mark.parametrize("others", [{}, OTHERS])
def test_a_single_width_is_drawn(others):
    figure = figures.beam_curve([4], [0.2], others)
    assert_legible(figure)
    assert "0.200" in said(figure)


def test_a_curve_without_widths_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        figures.beam_curve([], [], {})
