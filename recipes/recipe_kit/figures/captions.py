"""Figures of image captioning: images with their captions, and where attention looked."""

from typing import NamedTuple

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image

from recipe_kit.figures._figure import COLORS, MARGIN, _extent, _wrapped, default_style

MAP = 0.55  # the map's share in a panel's colour; the rest is the grey image

# In inches, and points for font sizes: the text determines the figure's height.
GAP = 0.12
TITLE, LETTERS, SMALL = 14, 10.5, 8.5
LINE, BASE = 1.3, 0.91  # height of a line, and of its baseline, relative to the font size
PHOTO, PHOTO_HEIGHT, COLUMN = 6.0, 5.0, 5.0
TILE = 2.3
PANEL, MOST_PANELS = 1.5, 7
BAR, KEY = 1.6, 4.4

GREY = "0.45"


@default_style()
def captioned(image, captions, title=""):
    """Draws one image with its captions below, the first and best larger than the others.

    Args:
        image: `(H, W, 3)`, uint8, of any shape.
        captions: (text, note) each, the best first. The note, such as "log p / word −0.82", is at the
            right; it may be empty.
        title: The figure's title.

    Returns:
        The Figure, whose height depends on the captions' length.

    Raises:
        ValueError: if the image is not `(H, W, 3)`.
    """
    image = _checked(image)
    width, height = _fitted(image, PHOTO, PHOTO_HEIGHT)
    column = max(width, COLUMN)
    heading = _paragraph(title, TITLE, column, 3)
    rows = []
    for rank, (text, note) in enumerate(captions):
        size, color = (TITLE, "black") if rank == 0 else (LETTERS, "0.3")
        side = _paragraph(note, SMALL, 0.45 * column, 1, ha="right", color=GREY)
        room = column - (side.width() + GAP if note else 0)
        rows.append((_paragraph(text, size, room, 8, color=color), side))
    below = sum(GAP + text.height() for text, _ in rows)
    figure = _sheet(column, heading.height(GAP) + height + below)
    y = heading.write(figure, MARGIN, figure.get_figheight() - MARGIN, GAP) - height
    _show(_panel(figure, MARGIN + (column - width) / 2, y, width, height), image)
    for text, side in rows:
        y -= GAP
        side.write(figure, MARGIN + column, y - BASE * (text.size - SMALL) / 72)  # on one baseline
        y = text.write(figure, MARGIN, y)
    return figure


@default_style()
def caption_grid(items, title="", columns=4):
    """Draws a grid of images, each with a score, its caption and, in grey, a reference below.

    Args:
        items: One dict an image, with `caption` and, if wanted, `image` (`(H, W, 3)`, uint8; for `None`
            a grey tile with the `name` is drawn), `name`, `reference` and `label`, such as
            "BLEU-4 0.31".
        title: The figure's title.
        columns: The most images a row.

    Returns:
        The Figure, with each row as high as its highest image and longest texts need.

    Raises:
        ValueError: if there is no item, or an image is not `(H, W, 3)`.
    """
    items = list(items)
    if not items:
        raise ValueError("no images to draw: caption_grid needs at least one item")
    columns = min(columns, len(items))
    width = columns * TILE + (columns - 1) * 2 * GAP
    heading = _paragraph(title, TITLE, width, 3)
    rows = [
        [_tile(item) for item in items[start : start + columns]]
        for start in range(0, len(items), columns)
    ]
    # For each row: the height of its images, and of the texts below with the gaps around them.
    heights = [
        (
            max(size[1] for _, size, _ in row),
            GAP / 2 + max(sum(text.height(GAP / 2) for text in texts) for *_, texts in row),
        )
        for row in rows
    ]
    figure = _sheet(width, heading.height(GAP) + sum(map(sum, heights)) + GAP * (len(rows) - 1))
    y = heading.write(figure, MARGIN, figure.get_figheight() - MARGIN, GAP)
    for row, (row_height, texts_below) in zip(rows, heights, strict=True):
        y -= row_height
        for column, (item, (wide, tall), texts) in enumerate(row):
            x = MARGIN + column * (TILE + 2 * GAP)
            ax = _panel(figure, x + (TILE - wide) / 2, y, wide, tall)
            if item.get("image") is None:
                name = "\n".join(_wrapped(item.get("name", ""), SMALL, wide - 2 * GAP, 4))
                ax.set_facecolor("0.93")
                ax.text(0.5, 0.5, name, ha="center", va="center", fontsize=SMALL, color=GREY)
            else:
                _show(ax, _checked(item["image"]))
            below = y - GAP / 2
            for text in texts:
                below = text.write(figure, x, below, GAP / 2)
        y -= texts_below + GAP
    return figure


def _tile(item):
    """Returns the item, the image's size, and the paragraphs below it."""
    size = (TILE, 0.75 * TILE)
    if item.get("image") is not None:
        size = _fitted(_checked(item["image"]), TILE, TILE)
    texts = [
        _paragraph(item.get("label", ""), SMALL, TILE, 1, color=COLORS[1]),
        _paragraph(item["caption"], LETTERS, TILE, 4),
        _paragraph(item.get("reference", ""), SMALL, TILE, 4, color=GREY),
    ]
    return item, size, texts


@default_style()
def attention_maps(image, words, weights, title=""):
    """Draws where a captioner looks at each word (Xu et al. 2015, figure 3), most at yellow.

    Overlays the smoothed maps on the grey image, on one scale for all words: a pale map is spread out.
    The scale ends at the third quartile of the words' highest weights, so that a single sharp map does
    not hide the others.

    Args:
        image: `(H, W, 3)`, uint8, as the encoder saw it, or `None` to draw only the maps.
        words: T strings.
        weights: Non-negative `(T, cells)` of a square grid, row by row, or `(T, rows, columns)`.
        title: The figure's title.

    Returns:
        The Figure: the image, if there is one, and a panel a word.

    Raises:
        ValueError: if the weights do not match the words or a grid, or one is negative or not finite.
    """
    weights = _grids(weights, len(words))
    highest = np.quantile(weights.max((1, 2)), 0.75) or weights.max() or 1.0
    mapped = ScalarMappable(Normalize(0, highest, clip=True), "cividis")
    rows, columns = weights.shape[1:]
    larger = max(1, 256 // max(rows, columns))
    images, size = [], (larger * columns, larger * rows)
    if image is not None:
        shown = Image.fromarray(_checked(image))
        shown.thumbnail((400, 400))  # a panel has fewer pixels
        size = shown.size
        images = [np.asarray(shown)]
        grey = np.asarray(shown.convert("L"))[..., None] / 255
    for grid in weights:
        smooth = Image.fromarray(grid.astype("float32")).resize(size, Image.Resampling.BICUBIC)
        colors = mapped.to_rgba(np.asarray(smooth))[..., :3]
        panel = colors if image is None else MAP * colors + (1 - MAP) * grey
        images.append((255 * panel).round().astype("uint8"))
    beyond = "≥ " if highest < weights.max() else ""
    return _word_panels(images, ["", *words][-len(images) :], mapped, title, beyond)


def _grids(weights, words):
    weights = np.asarray(weights, "float64")
    if words == 0 or len(weights) != words:
        raise ValueError(f"attention over {words} words needs as many maps, and at least one, "
                         f"but the weights' shape is {weights.shape}")  # fmt: skip
    if weights.ndim == 2:
        side = round(weights.shape[1] ** 0.5)
        if side == 0 or side**2 != weights.shape[1]:
            raise ValueError(f"{weights.shape[1]} cells are no square grid: give the weights as "
                             "(words, rows, columns)")  # fmt: skip
        weights = weights.reshape(words, side, side)
    if weights.ndim != 3 or 0 in weights.shape:
        raise ValueError(f"weights are (words, cells) or (words, rows, columns), not {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError("attention weights must be finite and not negative")
    return weights


def _word_panels(images, words, mapped, title, beyond):
    rows = -(-len(images) // MOST_PANELS)
    columns = -(-len(images) // rows)
    wide, tall = _fitted(images[0], PANEL, PANEL)
    width = max(columns * PANEL + (columns - 1) * GAP, KEY)
    heading = _paragraph(title, TITLE, width, 3)
    names = [_paragraph(word, LETTERS, PANEL, 1, ha="center") for word in words]
    key = _paragraph("weight of a cell of the grid", SMALL,
                     width - BAR - 4 * GAP, 3, color="0.3")  # fmt: skip
    line = LINE * LETTERS / 72
    step = line + tall + GAP
    figure = _sheet(width, heading.height(GAP) + rows * step + max(key.height(), 0.4))
    y = heading.write(figure, MARGIN, figure.get_figheight() - MARGIN, GAP)
    for index, (image, name) in enumerate(zip(images, names, strict=True)):
        row, column = divmod(index, columns)
        x, top = MARGIN + column * (PANEL + GAP) + PANEL / 2, y - row * step
        name.write(figure, x, top)
        _show(_panel(figure, x - wide / 2, top - line - tall, wide, tall), image)
    y -= rows * step
    bar = _panel(figure, MARGIN + GAP, y - 0.12, BAR, 0.12)
    ticks = [share * mapped.norm.vmax for share in (0, 1 / 2, 1)]
    labels = ["0", f"{ticks[1]:.2g}", f"{beyond}{ticks[2]:.2g}"]
    figure.colorbar(mapped, cax=bar, orientation="horizontal").set_ticks(
        ticks, labels=labels, fontsize=SMALL
    )
    bar.minorticks_off()
    key.write(figure, MARGIN + BAR + 4 * GAP, y + 0.02)
    return figure


def _checked(image):
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape or image.dtype != np.uint8:
        raise ValueError(f"an image is (height, width, 3) of uint8, not {image.shape} of {image.dtype}")
    return image


def _fitted(image, width, height):
    """Returns the largest size with an image's aspect ratio that fits a box; at least visible."""
    scale = min(width / image.shape[1], height / image.shape[0])
    return max(scale * image.shape[1], 0.05), max(scale * image.shape[0], 0.05)


def _panel(figure, x, y, width, height):
    """Adds axes at a place in inches from the lower left, without ticks or a frame."""
    wide, tall = figure.get_size_inches()
    ax = figure.add_axes((x / wide, y / tall, width / wide, height / tall), xticks=(), yticks=())
    ax.spines[:].set_visible(False)
    return ax


def _show(ax, image):
    ax.imshow(image, aspect="auto")
    ax.set(xticks=(), yticks=())


def _sheet(width, height):
    """Returns a figure of that size in inches inside its margins."""
    return Figure((width + 2 * MARGIN, height + 2 * MARGIN), dpi=150)


class _Paragraph(NamedTuple):
    """Lines of text, each drawn separately, as matplotlib's own lines are unevenly spaced."""

    lines: list
    size: float
    style: dict

    def height(self, gap=0.0):
        """Returns the height in inches, with a gap below it; 0 without text."""
        return len(self.lines) * LINE * self.size / 72 + gap if self.lines else 0.0

    def width(self):
        return max((_extent(line, self.size)[0] / 72 for line in self.lines), default=0.0)

    def write(self, figure, x, y, gap=0.0):
        """Draws the text below a place in inches. Returns where the next thing below it starts."""
        for index, line in enumerate(self.lines):
            base = y - (BASE + LINE * index) * self.size / 72
            figure.text(x, base, line, fontsize=self.size, va="baseline",
                        transform=figure.dpi_scale_trans, **self.style)  # fmt: skip
        return y - self.height(gap)


def _paragraph(text, size, room, most, **style):
    return _Paragraph(_wrapped(text, size, room, most), size, style)
