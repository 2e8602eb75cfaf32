"""Drawn images of one or two shapes, and sentences about them whose truth can be checked.

    scene      one shape; or two, of which the first is above, below, left of or right of the second
    shape      small or large; red, green, blue, yellow, white or purple; circle, square or triangle
    sentence   [there is] a [small] [red] circle
               [there is] a [small] [red] circle RELATION a [large] [blue] square
               a [small] [red] circle and a [large] [blue] square
    relation   above, below, left of, right of

A sentence is true of an image if it mentions all of its shapes, nothing else, and each of its words
fits. Words in brackets may be left out.
"""

import itertools
import re
from typing import NamedTuple

import numpy as np

from recipe_kit.datasets._files import at_least

SIZE = 32  # pixels a side
SIZES = {"small": 3.5, "large": 6.5}  # pixels, from the centre to the edge
COLORS = {
    "red": (214, 48, 49),
    "green": (46, 160, 67),
    "blue": (45, 98, 220),
    "yellow": (245, 205, 47),
    "white": (240, 240, 240),
    "purple": (155, 70, 200),
}
KINDS = ("circle", "square", "triangle")
RELATIONS = ("above", "below", "left of", "right of")
CAPTIONS = 5  # an image

_GROUND, _NOISE = 38, 6  # of the background, out of 255
_APART = 3  # pixels between the edges of two shapes
_CLEAR = 7  # least pixels between centres for a sentence to say above, below, left of or right of
_FULL = 60  # weight of a sentence with all sizes and colours, against 1 for others
_FINER = 4  # subpixels in a row of a pixel, for soft edges

_SHAPE = rf"a (?:({'|'.join(SIZES)}) )?(?:({'|'.join(COLORS)}) )?({'|'.join(KINDS)})"
_ONE = re.compile(rf"(?:there is )?{_SHAPE}")
_TWO = re.compile(rf"(?:there is )?{_SHAPE} ({'|'.join(RELATIONS)}) {_SHAPE}")
_BOTH = re.compile(rf"{_SHAPE} and {_SHAPE}")


class Shape(NamedTuple):
    """A shape of an image: its words, and its centre in pixels from the upper left."""

    size: str
    color: str
    kind: str
    row: float
    column: float

    @property
    def words(self):
        return self.size, self.color, self.kind


class Scene(NamedTuple):
    """The contents of an image: a tuple of one shape or two."""

    shapes: tuple

    @property
    def description(self):
        """The facts of the scene, hashable: its shapes' words, and their relations."""
        shapes = self.shapes
        relations = tuple(r for r in RELATIONS if len(shapes) == 2 and lies(shapes[0], r, shapes[1]))
        return frozenset(
            {(*(shape.words for shape in shapes), relations)}
            | {(*(shape.words for shape in shapes[::-1]), tuple(map(_OPPOSITE.get, relations)))}
        )


_OPPOSITE = dict(zip(RELATIONS, ("below", "above", "right of", "left of"), strict=True))


class DrawnImages(NamedTuple):
    """N drawn images.

    Attributes:
        images: uint8 `(N, size, size, 3)`.
        scenes: N `Scene`s.
        captions: Five true sentences for each image, drawn from all true ones; most of them leave
            nothing out.
    """

    images: np.ndarray
    scenes: list
    captions: list


def generated_shapes(count, seed=0):
    """Draws images of one or two shapes, with five true sentences each.

    One image in six has one shape. Two shapes differ in at least one word, do not touch, and one is
    clearly above the other, or left of it, or both.

    Args:
        count: N, at least 1.
        seed: Seed of all draws.

    Returns:
        `DrawnImages`.

    Raises:
        DataError: if `count` is below 1.

    Example:

    >>> drawn = generated_shapes(3)
    >>> drawn.images.shape, len(drawn.captions[0])
    ((3, 32, 32, 3), 5)
    >>> all(is_true(drawn.scenes[0], caption) for caption in drawn.captions[0])
    True
    """
    rng = np.random.default_rng([at_least("seed", seed, 0), 0x5AFE])
    scenes = [_scene(rng) for _ in range(at_least("count", count, 1))]
    captions = []
    for scene in scenes:
        said = sentences(scene)
        # The largest log weights with Gumbel noise are a draw by these weights without replacement.
        weights = np.array([_FULL if _says_all(sentence) else 1 for sentence in said])
        order = np.argsort(-(np.log(weights) + rng.gumbel(size=len(said))))
        captions.append([said[i] for i in order[:CAPTIONS]])
    images = np.stack([_drawn(scene) for scene in scenes])
    noise = rng.integers(-_NOISE, _NOISE + 1, images.shape)
    return DrawnImages(np.clip(images + noise, 0, 255).astype("uint8"), scenes, captions)


def lies(shape, relation, other):
    """Returns whether a shape clearly has that relation to another."""
    down, right = shape.row - other.row, shape.column - other.column
    along = {"above": -down, "below": down, "left of": -right, "right of": right}
    return along[relation] >= _CLEAR


def sentences(scene):
    """Returns all sentences that are true of a scene.

    Example:

    >>> scene = Scene((Shape("small", "red", "circle", 16.0, 16.0),))
    >>> sentences(scene)[:3]
    ['a small red circle', 'there is a small red circle', 'a red circle']
    """
    if len(scene.shapes) == 1:
        said = [f"a {words}" for words in _phrases(scene.shapes[0])]
        return [s for words in said for s in (words, f"there is {words}")]
    said = []
    for shape, other in (scene.shapes, scene.shapes[::-1]):
        relations = [relation for relation in RELATIONS if lies(shape, relation, other)]
        for ours, theirs in itertools.product(_phrases(shape), _phrases(other)):
            for relation in relations:
                said += [f"a {ours} {relation} a {theirs}", f"there is a {ours} {relation} a {theirs}"]
            said.append(f"a {ours} and a {theirs}")
    return said


def is_true(scene, sentence):
    """Returns whether a sentence of the grammar is true of a scene and mentions all of it.

    Args:
        scene: A `Scene`.
        sentence: A `str`.

    Example:

    >>> circle = Shape("small", "red", "circle", 8.0, 16.0)
    >>> scene = Scene((circle, Shape("large", "blue", "square", 24.0, 16.0)))
    >>> is_true(scene, "a red circle above a large square")
    True
    >>> is_true(scene, "a red circle below a large square"), is_true(scene, "a red circle")
    (False, False)
    """
    for form, count in ((_ONE, 1), (_TWO, 2), (_BOTH, 2)):
        match = form.fullmatch(sentence)
        if match and len(scene.shapes) == count:
            break
    else:
        return False
    groups = match.groups()
    if form is _ONE:
        return _fits(groups, scene.shapes[0])
    if form is _TWO:
        first, relation, second = groups[:3], groups[3], groups[4:]
    else:
        first, relation, second = groups[:3], None, groups[3:]
    return any(
        _fits(first, shape)
        and _fits(second, other)
        and (relation is None or lies(shape, relation, other))
        for shape, other in (scene.shapes, scene.shapes[::-1])
    )


def _says_all(sentence):
    """Returns whether each shape of a sentence has its size and its colour."""
    words = sentence.split()
    kinds = sum(word in KINDS for word in words)
    return kinds == sum(word in SIZES for word in words) == sum(word in COLORS for word in words)


def _fits(words, shape):
    return all(word in (None, ours) for word, ours in zip(words, shape.words, strict=True))


def _phrases(shape):
    size, color, kind = shape.words
    return f"{size} {color} {kind}", f"{color} {kind}", f"{size} {kind}", kind


def _scene(rng):
    if rng.random() < 1 / 6:
        return Scene((_shape(rng),))
    while True:
        first, second = _shape(rng), _shape(rng)
        apart = np.hypot(first.row - second.row, first.column - second.column)
        if (
            first.words != second.words
            and apart >= _reach(first) + _reach(second) + _APART
            and any(lies(first, relation, second) for relation in RELATIONS)
        ):
            return Scene((first, second))


def _shape(rng):
    size, color, kind = (names[rng.integers(len(names))] for names in ([*SIZES], [*COLORS], KINDS))
    edge = SIZES[size] + 1.5
    row, column = rng.uniform(edge, SIZE - edge, 2)
    return Shape(size, color, kind, float(row), float(column))


def _reach(shape):
    """Returns the approximate distance from the centre to the farthest corner (triangle: 1.32)."""
    return SIZES[shape.size] * (1.0 if shape.kind == "circle" else 1.25)


def _drawn(scene):
    """Draws the image, `(SIZE, SIZE, 3)`, with edges softened by subpixels."""
    at = (np.arange(SIZE * _FINER) + 0.5) / _FINER
    image = np.full((SIZE, SIZE, 3), float(_GROUND))
    for shape in scene.shapes:
        down, right = at[:, None] - shape.row, at[None] - shape.column
        inside = _inside(shape.kind, SIZES[shape.size], down, right)
        share = inside.reshape(SIZE, _FINER, SIZE, _FINER).mean((1, 3))[..., None]
        image += share * (np.array(COLORS[shape.color]) - image)
    return image


def _inside(kind, size, down, right):
    if kind == "circle":
        return down**2 + right**2 <= size**2
    if kind == "square":
        return (abs(down) <= 0.88 * size) & (abs(right) <= 0.88 * size)
    height = (down + size) / (1.85 * size)  # from 0 to 1 in a triangle with its tip above
    return (height >= 0) & (height <= 1) & (abs(right) <= size * height)
