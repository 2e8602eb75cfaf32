"""Draws figures after a training without risking its result."""

import contextlib
import os
import sys

from recipe_kit import figures


@contextlib.contextmanager
def drawing(done="the result is written"):
    """Draws in matplotlib's default style, and turns an error into a line on standard error.

    For figures of a written result: a failed figure must neither hide the metrics that are printed next
    nor stop the next seed's training.

    Args:
        done: A clause that says what exists without the figures.
    """
    try:
        with figures.default_style():
            yield
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        reason = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
        sys.stderr.write(
            f"{os.path.basename(sys.argv[0])}: not all figures could be drawn ({reason}); {done}\n"
        )


def draw_comparison(path, draw, recipe, variants):
    """Draws a figure of several runs, and prints its path.

    Args:
        path: The figure's file.
        draw: `draw() -> Figure`.
        recipe: The recipe's name.
        variants: Names of the compared variants to metrics.
    """
    with drawing():
        figures.save_comparison(path, draw(), recipe, variants)
        print(f"drawn in {path}")
