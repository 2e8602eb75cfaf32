"""The state of callbacks, which they keep from batch to batch and from epoch to epoch."""

import numpy as np

from rnn_kit._internals import read_state, state_attributes
from rnn_kit.jsonable import jsonable

# Attributes set by `fit`, or by `Checkpoint` while it mutes a callback.
_NO_STATE = {"_model", "params", "validation_data", "on_train_batch_begin", "on_train_batch_end"}
_MAX_PARTS = 32  # the most parts of a container that are compared


def get_state(callback):
    """Returns a callback's state: by its own `get_state`, or by the known state of Keras's callbacks.

    Returns:
        `(notes, arrays)`, a dict for JSON and a list of arrays; empty for a callback without state.

    Raises:
        ValueError: naming the callback, if its notes are not JSON-compatible.
    """
    if hasattr(callback, "get_state"):
        notes, arrays = callback.get_state()
    else:
        notes, arrays = {}, []
        for name, value in read_state(callback).items():
            if isinstance(value, list):
                notes[name] = {"arrays": [len(arrays), len(arrays) + len(value)]}
                arrays.extend(value)
            else:
                notes[name] = value
    return jsonable(notes, f"The state of {_name(callback)}", finite=False), list(arrays)


def set_state(callback, notes, arrays):
    """Restores what `get_state` returned. May be called more than once."""
    if hasattr(callback, "set_state"):
        callback.set_state(notes, arrays)
        return
    for name in state_attributes(callback):
        value = notes[name]
        setattr(callback, name, arrays[slice(*value["arrays"])] if isinstance(value, dict) else value)


def has_state(callback):
    """Returns whether `get_state` returns anything of a callback."""
    return hasattr(callback, "get_state") or bool(state_attributes(callback))


def unique_names(callbacks):
    """Names each callback by its class and a count, so that another process knows it again."""
    seen, found = {}, []
    for callback in callbacks:
        seen[_name(callback)] = seen.get(_name(callback), 0) + 1
        found.append(f"{_name(callback)} {seen[_name(callback)]}")
    return found


def fingerprint(callback):
    """Returns something to compare a callback's attributes with: see `unsaved_changes`."""
    return {name: _fingerprint(v) for name, v in vars(callback).items() if name not in _NO_STATE}


def unsaved_changes(callback, before):
    """Names the attributes that changed since a fingerprint and that `get_state` leaves out."""
    home = type(callback).__module__.partition(".")[0]
    if hasattr(callback, "get_state") or home in ("keras", "rnn_kit"):
        return []
    now, saved = fingerprint(callback), state_attributes(callback)
    return sorted(name for name in now if now[name] != before.get(name) and name not in saved)


def _name(callback):
    return type(callback).__name__


def _fingerprint(value):
    """Returns a value that stays equal while a number, text, array or container of them does."""
    if isinstance(value, (bool, int, float, str, bytes, np.generic)):
        return repr(value)
    if isinstance(value, np.ndarray):
        return value.shape, hash(value.tobytes())
    if isinstance(value, dict):
        return len(value), [(repr(k), _fingerprint(v)) for k, v in list(value.items())[:_MAX_PARTS]]
    if isinstance(value, (list, tuple, set)):
        return len(value), [_fingerprint(part) for part in list(value)[:_MAX_PARTS]]
    return id(value)
