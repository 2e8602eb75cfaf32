"""Checks arguments for several modules."""

import operator


def at_least(name, value, minimum, error=ValueError):
    """Returns an integer argument as an `int`.

    Args:
        name: The argument's name, for the message.
        value: An integer of any type: Python's, NumPy's, a tensor without axes.
        minimum: The smallest integer that is accepted.
        error: The class of error to raise.

    Raises:
        error: If `value` is not an integer, or is below `minimum`.

    Example:

    >>> from rnn_kit.checks import at_least
    >>> at_least("width", np.int32(3), 1)
    3
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or number < minimum:
        raise error(f"Argument `{name}` must be an integer of at least {minimum}. Received: {value!r}")
    return number
