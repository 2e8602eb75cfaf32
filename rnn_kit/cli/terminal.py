"""Texts on a terminal: side by side, and one after each prompt."""

import contextlib
import itertools
import shutil
import sys
import unicodedata

_LEAST = 18  # characters of a column: below that, texts stand one below the other

_GAP = "  "


def side_by_side(texts, width=None):
    """Texts in columns under their headings, or one below the other where the terminal is too narrow.

    Args:
        texts: Headings to texts.
        width: Of the whole, in characters. Default: the terminal's.

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


def prompt_loop(answer, sign="> "):
    """Reads prompts, a line each, and calls `answer(line)`, until the end of input or Ctrl-C.

    On a terminal a sign asks for the next, and the line can be edited.
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


def _wrapped(text, width):
    """Lines of at most `width` cells; broken at spaces, a word that is longer anywhere."""
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
    """Cells of a terminal that a text takes: two for a wide character, none for a combining one."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
