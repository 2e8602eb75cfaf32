"""Drawn images of shapes: what is drawn is what is said, pixel by pixel."""

import re

import numpy as np
import pytest

from recipe_kit.datasets import DataError, generated_shapes, is_true, shapes
from recipe_kit.datasets.shapes import COLORS, KINDS, RELATIONS, SIZES, Scene, Shape, sentences


@pytest.fixture(scope="module")
def images():
    return generated_shapes(300, seed=5)


def seen(image, shape):
    """Pixels, `(n, 2)` rows and columns, that have about the colour of a shape."""
    return np.argwhere(np.abs(image.astype(int) - COLORS[shape.color]).max(axis=-1) < 40)


def test_every_caption_is_true(images):
    for scene, captions in zip(images.scenes, images.captions, strict=True):
        assert len(set(captions)) == len(captions) == 5
        assert all(is_true(scene, caption) for caption in captions)


def test_a_shape_has_its_colour_at_its_centre(images):
    for image, scene in zip(images.images, images.scenes, strict=True):
        for shape in scene.shapes:
            there = image[int(shape.row), int(shape.column)].astype(int)
            assert np.abs(there - COLORS[shape.color]).max() < 20


def test_where_the_pixels_lie_is_what_the_sentence_says(images):
    checked = dict.fromkeys(RELATIONS, 0)
    for image, scene in zip(images.images, images.scenes, strict=True):
        if len(scene.shapes) == 1 or len({shape.color for shape in scene.shapes}) == 1:
            continue
        (row, column), (other_row, other_column) = (seen(image, s).mean(0) for s in scene.shapes)
        so = {
            "above": row < other_row,
            "below": row > other_row,
            "left of": column < other_column,
            "right of": column > other_column,
        }
        first, second = (" ".join(shape.words) for shape in scene.shapes)
        for relation in RELATIONS:
            if is_true(scene, f"a {first} {relation} a {second}"):
                assert so[relation]
                checked[relation] += 1
    assert min(checked.values()) > 30


def test_large_is_larger_than_small_and_shapes_are_told_by_their_pixels(images):
    filled = {}
    for image, scene in zip(images.images, images.scenes, strict=True):
        if len(scene.shapes) == 1:
            (shape,) = scene.shapes
            pixels = seen(image, shape)
            box = np.prod(np.ptp(pixels, axis=0) + 1)
            filled.setdefault(shape.kind, []).append(len(pixels) / box)
            assert (len(pixels) > 60) == (shape.size == "large")
    assert np.mean(filled["square"]) > 0.9 > np.mean(filled["circle"]) > np.mean(filled["triangle"])


def test_shapes_keep_apart(images):
    for image, scene in zip(images.images, images.scenes, strict=True):
        if len({shape.color for shape in scene.shapes}) == 2:
            ours, theirs = (seen(image, shape) for shape in scene.shapes)
            apart = np.linalg.norm(ours[:, None] - theirs[None], axis=-1)
            assert apart.min() > 1.5


def changed(sentence, words):
    """The sentence with one word exchanged, in every way."""
    for match in re.finditer("|".join(words), sentence):
        for other in words:
            if other != match[0]:
                yield sentence[: match.start()] + other + sentence[match.end() :]


def test_a_wrong_word_makes_a_full_sentence_false(images):
    count = 0
    for scene in images.scenes[:100]:
        full = " ".join(scene.shapes[0].words)
        if len(scene.shapes) == 2:
            relation = next(r for r in RELATIONS if shapes.lies(scene.shapes[0], r, scene.shapes[1]))
            full += f" {relation} a {' '.join(scene.shapes[1].words)}"
        sentence = f"a {full}"
        assert is_true(scene, sentence)
        for words in (SIZES, COLORS, KINDS):
            for wrong in changed(sentence, list(words)):
                assert not is_true(scene, wrong), (scene, wrong)
                count += 1
    assert count > 1000


CIRCLE, SQUARE = Shape("small", "red", "circle", 8, 16), Shape("large", "blue", "square", 24, 16)
PAIR = Scene((CIRCLE, SQUARE))


@pytest.mark.parametrize(
    "sentence",
    [
        "a small red circle above a large blue square",
        "there is a circle above a square",
        "a blue square below a small circle",
        "a square and a red circle",
    ],
)
def test_what_is_left_out_or_turned_round_stays_true(sentence):
    assert is_true(PAIR, sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "a small red circle below a large blue square",
        "a large blue square above a small red circle",
        "a red circle left of a blue square",
        "a red square above a blue circle",
        "a small red circle",
        "a red circle and a red circle",
        "red circle above a square",
        "a red small circle above a square",
        "a red circle above a square and a circle",
        "a red circle above",
        "<unk>",
        "",
    ],
)
def test_what_is_wrong_missing_or_no_sentence_is_false(sentence):
    assert not is_true(PAIR, sentence)


def test_all_true_sentences_are_found_and_no_other_form_of_them():
    said = sentences(PAIR)
    assert len(said) == len(set(said)) == 2 * 16 * (2 + 1)
    assert all(is_true(PAIR, sentence) for sentence in said)
    assert not is_true(Scene((CIRCLE,)), said[0])


def test_a_description_does_not_depend_on_which_shape_is_first():
    turned = Scene((SQUARE, CIRCLE))
    assert PAIR.description == turned.description
    other = Scene((CIRCLE._replace(row=24), SQUARE._replace(row=8)))
    assert PAIR.description != other.description


def test_the_seed_draws_the_pictures():
    one, again, other = (generated_shapes(20, seed) for seed in (1, 1, 2))
    assert (one.images == again.images).all() and one.scenes == again.scenes
    assert one.captions == again.captions
    assert one.scenes != other.scenes and (one.images != other.images).any()


def test_every_word_occurs_and_none_too_often():
    drawn = [shape for scene in generated_shapes(2000, 3).scenes for shape in scene.shapes]
    for of, names in ((0, SIZES), (1, COLORS), (2, KINDS)):
        shares = np.array([sum(s.words[of] == name for s in drawn) for name in names]) / len(drawn)
        assert shares.min() > 0.4 / len(names) and shares.max() < 1.6 / len(names)


def test_a_number_of_pictures_below_one_is_refused():
    with pytest.raises(DataError, match="count"):
        generated_shapes(0)
