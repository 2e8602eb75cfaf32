"""What callbacks remember from batch to batch and from epoch to epoch: taken, given back, missed."""

import numpy as np

from rnn_kit._internals import memory_of_callback, read_memory
from rnn_kit.jsonable import jsonable

# Set by `fit`, and by whoever takes or gives the memory.
_NOT_MEMORY = {"_model", "params", "validation_data", "on_train_batch_begin", "on_train_batch_end"}
_MOST = 32  # parts of a container that are looked at


def take(callback):
    """A callback's memory: `(notes, arrays)`, a dict for JSON and a list of arrays.

    Its own, if it has `get_state`; or else what is known of Keras's callbacks; or nothing.

    Raises:
        ValueError: naming the callback, if its notes are not for JSON.
    """
    if hasattr(callback, "get_state"):
        notes, arrays = callback.get_state()
    else:
        notes, arrays = {}, []
        for name, value in read_memory(callback).items():
            if isinstance(value, list):
                notes[name] = {"arrays": [len(arrays), len(arrays) + len(value)]}
                arrays.extend(value)
            else:
                notes[name] = value
    return jsonable(notes, f"The state of {_name(callback)}", finite=False), list(arrays)


def give_back(callback, notes, arrays):
    """Puts a callback where it was when `take` returned this. May be done more than once."""
    if hasattr(callback, "set_state"):
        callback.set_state(notes, arrays)
        return
    for name in memory_of_callback(callback):
        value = notes[name]
        setattr(callback, name, arrays[slice(*value["arrays"])] if isinstance(value, dict) else value)


def is_kept(callback):
    """Whether a callback has a memory that `take` takes."""
    return hasattr(callback, "get_state") or bool(memory_of_callback(callback))


def names(callbacks):
    """A name for each callback by which it is known again in another process: class and count."""
    seen, found = {}, []
    for callback in callbacks:
        seen[_name(callback)] = seen.get(_name(callback), 0) + 1
        found.append(f"{_name(callback)} {seen[_name(callback)]}")
    return found


def snapshot(callback):
    """What `changed` compares with."""
    return {name: _fingerprint(v) for name, v in vars(callback).items() if name not in _NOT_MEMORY}


def changed(callback, before):
    """Names of attributes that are other than in a snapshot, and that `take` does not take."""
    home = type(callback).__module__.partition(".")[0]
    if hasattr(callback, "get_state") or home in ("keras", "rnn_kit"):
        return []
    now = snapshot(callback)
    return sorted(n for n in now if now[n] != before.get(n) and n not in memory_of_callback(callback))


def _name(callback):
    return type(callback).__name__


def _fingerprint(value):
    """Something that is equal as long as a number, text, an array or a container of them is."""
    if isinstance(value, (bool, int, float, str, bytes, np.generic)):
        return repr(value)
    if isinstance(value, np.ndarray):
        return value.shape, hash(value.tobytes())
    if isinstance(value, dict):
        return len(value), [(repr(k), _fingerprint(v)) for k, v in list(value.items())[:_MOST]]
    if isinstance(value, (list, tuple, set)):
        return len(value), [_fingerprint(part) for part in list(value)[:_MOST]]
    return id(value)
