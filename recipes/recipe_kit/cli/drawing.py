"""Figures at the end of a training, which cost no result."""

import contextlib
import os
import sys

from recipe_kit import figures


@contextlib.contextmanager
def drawing(done="the result is written"):
    """Draws in matplotlib's own style; an error of the block is a line on standard error.

    For figures of a result that is written: what is wrong with a figure must neither hide the metrics
    that are printed next, nor keep the next seed from being trained.

    Args:
        done: What there is without the figures, as a clause.
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
    """Draws a figure of several runs, and says where it is.

    Args:
        path: Of the figure's file.
        draw: `draw() -> Figure`.
        recipe: The recipe's name.
        variants: Names of what was compared to metrics.
    """
    with drawing():
        figures.save_comparison(path, draw(), recipe, variants)
        print(f"drawn in {path}")
