"""Pictures at the end of a training, which cost no result."""

import contextlib
import os
import sys

from recipe_kit import figures


@contextlib.contextmanager
def drawing(done="the result is written"):
    """Draws in matplotlib's own style; an error of the block is a line on standard error.

    For pictures of a result that is written: what is wrong with a picture must neither hide the figures
    that are printed next, nor keep the next seed from being trained.

    Args:
        done: What there is without the pictures, as a clause.
    """
    try:
        with figures.default_style():
            yield
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        reason = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
        sys.stderr.write(
            f"{os.path.basename(sys.argv[0])}: not all pictures could be drawn ({reason}); {done}\n"
        )
