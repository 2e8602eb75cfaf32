"""A cache of what was compiled for an object, discarded with the object."""

import collections
import threading
import types
import weakref


class LRUCache:
    """Keeps a dict for each of the most recently used objects, as long as the object lives.

    Objects are distinguished by identity. The cache keeps an object alive only if it has no weak
    references (an object of a class with slots, for instance), while it is among the last.

    Args:
        max_size: The number of objects, or `None` for all living ones. Then objects without weak
            references share one dict.
    """

    def __init__(self, max_size=8):
        self._max_size = max_size
        self._lock = threading.Lock()  # not `TRACING_LOCK`: compiled functions need not wait
        self._entries = collections.OrderedDict()  # id of the object -> (reference to it, its dict)
        self._shared = {}

    def of(self, owner):
        """Returns the dict of an object."""
        key, entries = id(owner), self._entries
        with self._lock:
            if key not in entries:
                try:
                    ref = weakref.ref(owner, lambda _: entries.pop(key, None))
                except TypeError:
                    if self._max_size is None:
                        return self._shared
                    ref = owner
                entries[key] = ref, {}
            entries.move_to_end(key)
            found = entries[key][1]
            while self._max_size is not None and len(entries) > self._max_size:
                entries.popitem(last=False)
        return found

    def __len__(self):
        return len(self._entries)


def owner_and_key(function):
    """Returns the object that lives as long as a callable, and a key for the callable in its dict.

    A bound method is a new object at each access: its owner is the object that it is bound to.
    """
    if isinstance(function, types.MethodType):
        return function.__self__, function.__func__
    return function, None
