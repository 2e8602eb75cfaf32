"""Prints texts on a terminal: side by side, coloured by word, and one after each prompt."""

import contextlib
import itertools
import os
import shutil
import sys
import unicodedata

_LEAST = 18  # characters of a column; in narrower ones texts are stacked

_GAP = "  "

# Backgrounds of the 256-colour palette, with black letters: pale, clear and strong, by distance
# from 0.5. Words nearer to 0.5 keep the terminal's own colours.
_RED, _BLUE = (217, 210, 203), (153, 117, 75)
_STEPS = (0.1, 0.25, 0.4)

_MOVED = 0.1  # without colours, effects on the score larger than this are shown


def columns(rows):
    """Returns lines of a table: rows of texts, each as wide as the widest of its column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def side_by_side(texts, width=None):
    """Returns texts in columns under their headings, or stacked if the terminal is too narrow.

    Args:
        texts: Headings to texts.
        width: Total width in characters. Default: the terminal's.

    Returns:
        The lines, ending in a newline.

    Example:

    >>> print(side_by_side({"T = 0": "the the the the the the", "T = 1": "one\\nand two"}, 60), end="")
    T = 0                          T = 1
    -----------------------------  -----------------------------
    the the the the the the        one
                                   and two
    """
    width = shutil.get_terminal_size((100, 24)).columns if width is None else width
    column = (width + len(_GAP)) // max(1, len(texts)) - len(_GAP)
    if column < _LEAST:
        return "\n".join(f"----- {heading}\n{text}\n" for heading, text in texts.items())
    columns = [
        [heading, "-" * column, *_wrapped(text.expandtabs(4), column)]
        for heading, text in texts.items()
    ]
    rows = itertools.zip_longest(*columns, fillvalue="")
    return "".join(_GAP.join(_padded(cell, column) for cell in row).rstrip() + "\n" for row in rows)


def coloured_words(
    words, probabilities, marked=(), color=None, width=None, classes=("negative", "positive")
):
    """Returns a text's words, each coloured by a classifier's opinion of the text up to it.

    Without colours, each word that changed the probability by more than 0.1 is followed by the change.
    The first word's change is from 0.5.

    Args:
        words: T strings, as read.
        probabilities: (T,) of the second class, after each word.
        marked: Indexes of words outside the vocabulary, printed in brackets.
        color: Whether to colour. Default: on a terminal, unless NO_COLOR is set.
        width: Width of the lines in characters. Default: the terminal's.
        classes: Names of the two classes.

    Returns:
        The lines and a legend, ending in a newline.

    Example:

    >>> print(coloured_words(["a", "superb", "zxq"], [0.5, 0.81, 0.8], {2}, False, 80), end="")
    a superb(+0.31) [zxq]
    (+0.31): towards positive by 0.31; [word]: not in the vocabulary
    """
    if color is None:
        color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size((100, 24)).columns if width is None else width
    width = max(2, width)  # a wide character takes two cells
    marked = set(marked)
    lines, used, before = [[]], 0, 0.5
    for i, (word, probability) in enumerate(zip(words, probabilities, strict=True)):
        # A control character would move the cursor or change the colours.
        word = "".join(c if c.isprintable() else "·" for c in word)
        word = f"[{word}]" if i in marked else word
        moved, before = probability - before, probability
        if not color and abs(moved) > _MOVED:
            word += f"({moved:+.2f})"
        for n, part in enumerate(_wrapped(word, width)):
            cells = _cells(part)
            if lines[-1] and (n or used + 1 + cells > width):
                lines.append([])
            used = cells if not lines[-1] else used + 1 + cells
            lines[-1].append(_on_background(part, probability) if color else part)
    if color:
        legend = f"red: {classes[0]} … blue: {classes[1]}"
    else:
        legend = f"(+0.31): towards {classes[1]} by 0.31"
    legend += "; [word]: not in the vocabulary"
    return "".join(line + "\n" for line in [*map(" ".join, lines), *_wrapped(legend, width)])


def prompt_loop(answer, sign="> "):
    """Reads prompts line by line, and calls `answer(line)`, until the end of input or Ctrl-C.

    On a terminal it prints `sign` before each, and the line can be edited.
    """
    asks = sys.stdin.isatty()
    if asks:
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401  arrow keys and history in input()
        print("Type what to start from. Ctrl-D ends.")
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            answer(input(sign if asks else ""))
    if asks:
        print()


def _on_background(text, probability):
    level = sum(abs(probability - 0.5) >= step for step in _STEPS)
    if not level:
        return text
    background = (_BLUE if probability > 0.5 else _RED)[level - 1]
    return f"\x1b[38;5;16;48;5;{background}m{text}\x1b[0m"


def _wrapped(text, width):
    """Yields lines of at most `width` cells, broken at spaces, or within words that are longer."""
    for line in text.split("\n"):
        while _cells(line) > width:
            end = next(n for n in range(len(line), 0, -1) if _cells(line[:n]) <= width)
            space = line.rfind(" ", 1, end + 1)
            cut = space if space > 0 else max(end, 1)
            yield line[:cut]
            line = line[cut:].removeprefix(" ")
        yield line


def _padded(line, width):
    return line + " " * (width - _cells(line))


def _cells(text):
    """Returns the terminal cells of a text: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
