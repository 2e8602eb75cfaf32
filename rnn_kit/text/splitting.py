"""Splits a text for training: into parts, and into parallel streams for truncated BPTT."""

from fractions import Fraction

import numpy as np

from rnn_kit.checks import at_least
from rnn_kit.text.checks import as_ids
from rnn_kit.text.errors import TextError


def split_text(ids, validation=0.1, test=0.1):
    """Splits a text or its ids into three contiguous parts: training, validation, test.

    Of n items the test part begins at `floor(n (1 - test))` and the validation part at
    `floor(n (1 - test - validation))`, so that a fraction of an item goes to the later part. Fractions
    are exact decimals: `0.1` is exactly one tenth, so that no binary rounding moves a boundary.

    Args:
        ids: A `str`, or a one-dimensional array of length n.
        validation: Fraction of the items in the validation part, in `[0, 1)`.
        test: Fraction of the items in the test part, in `[0, 1)`.

    Returns:
        A tuple `(train, validation, test)`, slices of `ids`; a part may be empty if n is small.

    Raises:
        TextError: If a fraction is not in `[0, 1)` or the two leave nothing to train on.

    Example:

    >>> split_text("abcdefghij", validation=0.2, test=0.1)
    ('abcdefg', 'hi', 'j')
    """
    for name, fraction in (("validation", validation), ("test", test)):
        if not 0 <= fraction < 1:
            raise TextError(f"`{name}` is a fraction from 0 to below 1; received {fraction}")
    validation, test = Fraction(str(validation)), Fraction(str(test))
    if validation + test >= 1:
        raise TextError(
            "`validation` and `test` must leave a part to train on: expected a sum below 1; "
            f"received {float(validation)} + {float(test)}"
        )
    n = len(ids)
    validation_start = int(n * (1 - test - validation))
    test_start = int(n * (1 - test))
    return ids[:validation_start], ids[validation_start:test_start], ids[test_start:]


def streams(ids, batch_size, window, offset=0):
    """Splits ids into parallel streams for truncated back-propagation with a carried state.

    `ids[offset:]` is split into B contiguous rows of K T ids each, and each row into K windows of T:

        x[k, b, t] = ids[offset + (b K + k) T + t]        K = floor((n - 1) / (B T))
        y[k, b, t] = ids[offset + (b K + k) T + t + 1]    n = len(ids) - offset

    Row b of window k + 1 continues where row b of window k ended, so the state after one window is the
    state before the next. The last `n - 1 - K B T` ids, fewer than B T, are dropped; another
    `offset` in each epoch moves the boundaries of the windows.

    Args:
        ids: Integers of shape `(N,)`.
        batch_size: B, the number of rows.
        window: T, the number of steps that the gradient goes back.
        offset: The number of ids to leave out at the start.

    Returns:
        A tuple `(x, y)` of int32 arrays of shape `(K, B, T)`, where `y` holds the ids that follow.
        They are views of `ids` if that is int32 already, so do not write to them.

    Raises:
        TextError: If not even one window fits, which takes `B T + 1` ids after the offset, or an
            argument is out of range.

    Example:

    >>> x, y = streams(np.arange(10), batch_size=2, window=2)
    >>> x.tolist()
    [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]
    >>> y.tolist()
    [[[1, 2], [5, 6]], [[3, 4], [7, 8]]]
    """
    batch_size = at_least("batch_size", batch_size, 1, TextError)
    window = at_least("window", window, 1, TextError)
    offset = at_least("offset", offset, 0, TextError)
    ids = as_ids(ids)[offset:].astype(np.int32, copy=False)
    windows = (len(ids) - 1) // (batch_size * window)
    if windows < 1:
        raise TextError(
            f"The text is too short for one window: {len(ids)} ids after offset {offset}, and "
            f"batch_size * window + 1 = {batch_size} * {window} + 1 = {batch_size * window + 1} "
            "are needed; give a longer text, or a smaller batch_size or window"
        )
    end = windows * batch_size * window

    def rows(flat):
        return flat.reshape(batch_size, windows, window).swapaxes(0, 1)

    return rows(ids[:end]), rows(ids[1 : end + 1])
