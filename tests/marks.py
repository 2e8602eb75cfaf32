"""Marks of parametrized tests."""

import pytest


def slow_but(kept, values):
    """Returns values for `parametrize`: those to keep run in `make test`, the others are slow.

    Raises:
        ValueError: naming what is to be kept and is none of the values.
    """
    values = list(values)
    if unknown := [value for value in kept if value not in values]:
        raise ValueError(f"{unknown}: not among {values}")
    return [value if value in kept else pytest.param(value, marks=pytest.mark.slow) for value in values]
