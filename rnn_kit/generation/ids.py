"""Checks ids, which may be integers of any type and of any library."""

import numpy as np
import tensorflow as tf


def as_ids(ids, name, rank, shape, vocabulary_size=None):
    """Converts ids to an int32 array, or to a tensor if they are symbolic.

    Args:
        ids: Integers of any type: an array, a tensor, a list.
        name: Their name in errors.
        rank: The number of axes, each of which but the first must have a size of at least 1.
        shape: The expected shape in words, for errors.
        vocabulary_size: V. The values of symbolic ids are not checked. Default: any.

    Raises:
        ValueError: if they are not integers, have another shape, or one is outside [0, V).
    """
    symbolic = tf.is_symbolic_tensor(ids)
    try:
        ids = ids if symbolic else np.asarray(ids)
    except ValueError:
        raise ValueError(f"{name} must be integers of the shape {shape}. Received: {ids!r}") from None
    if not symbolic and ids.size == 0 and ids.dtype == np.float64:
        ids = ids.astype("int32")  # an empty list
    integer = ids.dtype.is_integer if symbolic else np.issubdtype(ids.dtype, np.integer)
    if not integer or len(ids.shape) != rank or 0 in ids.shape[1:]:
        raise ValueError(
            f"{name} must be integers of the shape {shape}. "
            f"Received: shape={tuple(ids.shape)}, dtype={getattr(ids.dtype, 'name', ids.dtype)}"
        )
    if symbolic:
        return tf.cast(ids, tf.int32)
    if vocabulary_size is not None and ids.size and (ids.min() < 0 or ids.max() >= vocabulary_size):
        raise ValueError(
            f"{name} must lie in [0, {vocabulary_size}), the model's vocabulary. "
            f"Received: ids from {ids.min()} to {ids.max()}"
        )
    return ids.astype("int32")


def stop_ids(stop_id, vocabulary_size, name="stop_id", several=True):
    """Converts one stop id, several or `None` to int32 ids `(S,)`.

    Args:
        stop_id: An id; several, if `several`; or `None`, which gives none.
        vocabulary_size: V.
        name: The argument's name, for errors.
        several: Whether there may be several.

    Raises:
        ValueError: if one is not an integer, or outside [0, V).
    """
    if stop_id is None:
        return np.zeros(0, "int32")
    try:
        ids = np.asarray(stop_id)
    except ValueError:  # lists of different lengths
        ids = np.asarray("")
    integer = np.issubdtype(ids.dtype, np.integer) or (several and ids.size == 0)
    if not integer or ids.ndim > several or ((ids < 0) | (ids >= vocabulary_size)).any():
        more = ", several of them" if several else ""
        raise ValueError(
            f"Argument `{name}` must be an integer in [0, {vocabulary_size}), the model's "
            f"vocabulary{more}, or None. Received: {stop_id!r}"
        )
    return ids.astype("int32").reshape(-1)
