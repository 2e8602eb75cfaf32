"""Shared parts of the figures: axes, colours, drawable text, labels that do not overlap."""

import contextlib
import functools

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.textpath import text_to_path
from scipy import stats

# For runs and everything without its own colour; distinct for the colour-blind too, which a test
# measures. Cells have theirs in `cells`.
COLORS = ("#a52a1c", "#2c6fdb", "#38ab8a", "#5b2a6e", "#dd9326")

CAPTION, LINE = 9.5, 1.3  # font size of captions in points, and line height relative to it
MARGIN = 0.2  # inches around the drawing
LONGEST_TEXT = 2000  # characters of a text that are processed

LEAST_STEP = 4.0  # pixels between the points of a curve that a label must avoid


@contextlib.contextmanager
def default_style():
    """Draws in matplotlib's default style while the block runs, independent of a matplotlibrc.

    The layout depends on it: a label avoids a curve by its text's extent. Also, a matplotlibrc may ask
    for something unavailable, such as LaTeX. It works as a decorator too.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


def new_axes(width=6.4, height=4.0, columns=1, **kwargs):
    """Returns a Figure of that size in inches, and its axes: one, or an array with `columns`."""
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False, **kwargs)[0]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes if columns > 1 else axes[0]


def visible_text(text):
    """Returns text with visible white space, and escaped so that matplotlib reads no formula."""
    text = text.replace("\n", "↵").replace(" ", "␣" if len(text) == 1 else " ")
    # A character missing from the font would give a box and a warning; shows its code point.
    drawable = _charmap()
    hidden = "U+{:04X}" if len(text) == 1 else "·"
    text = "".join(c if ord(c) in drawable else hidden.format(ord(c)) for c in text)
    return text.replace("$", r"\$")


@functools.cache
def _charmap():
    """Returns the code points that matplotlib's default font has."""
    return font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap()


def _clipped(text, most):
    """Returns `visible_text` of at most `most` characters, ending in … if it is cut."""
    return visible_text(text if len(text) <= most else text[: most - 1].rstrip() + "…")


@functools.lru_cache(4096)
def _extent(text, size):
    """Returns width and height in points of a line of `visible_text`."""
    font = font_manager.FontProperties(size=size)
    width, height, _ = text_to_path.get_text_width_height_descent(
        text.replace(r"\$", "$"), font, ismath=False
    )
    return width, height


def _wrapped(text, size, room, most):
    """Returns lines of visible text that fit the room in inches, with … if there are too many."""

    def fits(line):
        return _extent(visible_text(line), size)[0] <= 0.97 * 72 * room  # drawn text is hinted

    lines = []
    for word in text[:LONGEST_TEXT].split():
        if lines and fits(f"{lines[-1]} {word}"):
            lines[-1] += f" {word}"
            continue
        lines.append("")
        for part in [word] if fits(word) else word:
            if lines[-1] and not fits(lines[-1] + part):
                lines.append("")
            lines[-1] += part
    if len(lines) > most:
        last = lines[most - 1]
        while last and not fits(last + "…"):
            last = last[:-1]
        lines = [*lines[: most - 1], last.rstrip() + "…"]
    return [visible_text(line) for line in lines]


def _head(figure, title):
    """Draws a title over a figure, in lines that fit."""
    lines = _wrapped(title, 12, figure.get_figwidth() - 2 * MARGIN, 3)
    figure.suptitle("\n".join(lines), fontsize=12)


def caption(figure, text):
    """Writes a caption below a figure that says how to read it; the figure grows to fit it.

    Call it after drawing everything else, but before placing labels beside points.

    Args:
        figure: A Figure with constrained layout.
        text: The meaning of axes and colours, and what is good; it is wrapped.

    Returns:
        The figure.
    """
    width, height = figure.get_size_inches()
    size = CAPTION * max(1, width / 7.2)  # a wide figure is displayed smaller
    lines = _wrapped(text, size, width - MARGIN, 5)
    strip = len(lines) * LINE * size / 72 + 0.08
    figure.set_size_inches(width, height + strip)
    share = strip / (height + strip)
    # A legend outside the axes is at the figure's edge, where the caption goes, and the layout reserves
    # no room for one placed elsewhere: reserves it here.
    low, right = share, 1.0
    for legend in figure.legends:
        box = legend.get_window_extent().transformed(figure.transFigure.inverted())
        legend.set_bbox_to_anchor((0, share, 1, 1 - share), transform=figure.transFigure)
        low += box.height + 0.02 if legend._outside_loc == "lower" else 0
        right -= box.width + 0.02 if legend._outside_loc == "right" else 0
    figure.get_layout_engine().set(rect=(0, low, right, 1 - low))
    for number, line in enumerate(reversed(lines)):
        y = (0.06 + number * LINE * size / 72) / (height + strip)
        note = figure.text(0.5 * MARGIN / width, y, line, fontsize=size, color="0.3", va="bottom")
        note.set_in_layout(False)
        note.set_gid("caption")
    return figure


def _annotate(ax, notes, size=9):
    """Writes notes beside their points, avoiding the axes' lines and one another if possible.

    Args:
        ax: The axes, with everything else drawn: later drawing may move what this measures.
        notes: (x, y, text, colour), the most important first. The text is `visible_text`.
        size: Font size in points.
    """
    ax.figure.draw_without_rendering()  # lays the axes out
    scale = ax.figure.dpi / 72  # pixels a point
    frame = ax.get_window_extent()
    busy = np.concatenate([np.empty((0, 2)), *(_pixels(line) for line in ax.lines)])
    taken = [_box(*ax.transData.transform((x, y)), 10 * scale, 10 * scale) for x, y, *_ in notes]
    for x, y, text, color in notes:
        width, height = (scale * extent for extent in _extent(text, size))
        at = ax.transData.transform((x, y))
        best = None
        for distance in (10, 18, 28, 40, 54, 70):
            for angle in np.radians((90, 270, 45, 135, 315, 225, 0, 180, 65, 115, 295, 245)):
                offset = np.array([np.cos(angle), np.sin(angle)])
                # To the box's middle, so that the box is at this distance from the point on every side.
                middle = at + offset * (np.array([width, height]) / 2 + distance * scale)
                box = _box(*middle, width + 6 * scale, height + 6 * scale)
                leader = np.linspace(at, middle, 12)
                cost = (
                    distance
                    + 8 * _within(busy, box)
                    + 500 * sum(_overlap(box, other) for other in taken)
                    + 60 * sum(_within(leader, other) for other in taken[len(notes) :])
                    + 2000 * _outside(box, frame)
                )
                if best is None or cost < best[0]:
                    best = cost, middle, box, distance
        _, middle, box, distance = best
        taken.append(box)
        note = ax.annotate(
            text,
            (x, y),
            xytext=(middle - at) / scale,
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=size,
            color=color,
            arrowprops={"arrowstyle": "-", "lw": 0.7, "color": color, "shrinkA": 1, "shrinkB": 3}
            if distance > 10
            else None,
            bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.7},
            zorder=5,
        )
        note.set_in_layout(False)  # else the measured layout would change


def _pixels(line):
    """Returns points (N, 2) on a drawn line, a few pixels apart."""
    corners = line.get_transform().transform(line.get_xydata())
    corners = corners[np.isfinite(corners).all(axis=1)]
    if len(corners) < 2:
        return corners
    steps = np.hypot(*np.diff(corners, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.arange(0.0, along[-1] + LEAST_STEP, LEAST_STEP)
    return np.stack([np.interp(at, along, corners[:, i]) for i in (0, 1)], axis=1)


def _box(x, y, width, height):
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _within(points, box):
    left, bottom, right, top = box
    x, y = points.T
    return int(((x > left) & (x < right) & (y > bottom) & (y < top)).sum())


def _overlap(box, other):
    """Returns the share of the first box that the other covers."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    return max(0.0, width) * max(0.0, height) / ((box[2] - box[0]) * (box[3] - box[1]))


def _outside(box, frame):
    return 1 - _overlap(box, (frame.x0, frame.y0, frame.x1, frame.y1))


def _wilson(successes, trials):
    """Returns the ends of 95 % Wilson intervals of rates: within 0 to 1, and not empty at 0 or 1.

    Args:
        successes, trials: Numbers, or arrays of one shape; NaN without trials.

    Returns:
        A pair of arrays, NaN without trials.
    """

    def of_one(successes, trials):
        if np.isnan(trials):
            return np.nan, np.nan
        test = stats.binomtest(round(successes), round(trials))
        return test.proportion_ci(0.95, method="wilson")

    low, high = np.vectorize(of_one, otypes=[float, float])(successes, trials)
    return low[()], high[()]
