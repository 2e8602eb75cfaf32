"""Converts formulas of the notebooks to MathML, which needs no script, and provides the font."""

import html
import re
from importlib.resources import files

from math_core import LatexToMathML

# The output of pymdownx.arithmatex (`generic: true`).
FORMULA = re.compile(r'<(span|div) class="arithmatex">(?:\\\(|\\\[)(.*?)(?:\\\)|\\\])</\1>', re.DOTALL)


def rendered(page):
    """Returns a page's HTML in which every formula is MathML.

    Raises:
        math_core.LatexError: if a formula is not LaTeX, or has an unknown command.
    """
    converter = LatexToMathML(fancy_error=False)

    def replace(match):
        alone = match[1] == "div"
        formula = converter.convert_with_local_state(html.unescape(match[2]), displaystyle=alone)
        return f'<div class="formula">{formula}</div>' if alone else formula

    return FORMULA.sub(replace, page)


def fonts():
    """Yields the font of the formulas, as a path below docs/ and bytes."""
    yield "assets/math.ttf", (files("ziamath.fonts") / "STIXTwoMath-Regular.ttf").read_bytes()
