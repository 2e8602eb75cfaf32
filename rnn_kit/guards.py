"""Guards of compiled graphs: they notice that what was traced has been changed since.

A trace reads much from Python: which variables a layer holds, its activation and dtype policy, a
sampler's temperature, what a function closes over. `enable_lora`, `quantize` or
`layer.activation = ...` change that, and a graph that was compiled before goes on as if they had not.
"""

import collections
import functools
import sys
import threading
import types
import weakref

import keras
import numpy as np

from rnn_kit._internals import bookkeeping

# Held while a model is traced: a trace looks into layers, and may put something into them for its time.
TRACING = threading.RLock()

_LIBRARIES = {"builtins", "jax", "keras", "numpy", "tensorflow", "torch", *sys.stdlib_module_names}
_SCALARS = (type(None), bool, int, float, complex, str, bytes, np.generic)
_LEAVES = (*_SCALARS, type, types.ModuleType, types.BuiltinFunctionType, np.ndarray)
_MOST_ENTRIES = 256  # of a list or a dict that is looked into: a vocabulary is data


class Guard:
    """Tells whether objects are still as they were when they were traced.

    It looks at the attributes of layers, cells, dtype policies and objects of classes of yours, at the
    elements of lists and dicts in them, and at what functions of yours close over or read from their
    module, however deep: whether it is the same object, or an equal number or string. A value that is
    changed in place (an array's element) is not noticed, nor a new key of a dict; the values of
    variables are read by a graph when it runs, and are none of a guard's business.

    Keeps none of the objects alive but for plain lists, tuples and dicts.

    Args:
        roots: Layers, models, functions, or other objects.
    """

    def __init__(self, *roots):
        self._died = []
        self._refs = {}
        self._places = []  # what is looked at: how, at what, and what was there
        self._attributes = []  # the same of objects with attributes, the most by far
        seen, waiting = {}, list(roots)
        while waiting:
            value = waiting.pop()
            if id(value) not in seen and not isinstance(value, _LEAVES):
                seen[id(value)] = value  # which also keeps another object from taking its id
                waiting.extend(self._look_into(value))

    def holds(self):
        """Whether everything is as it was."""
        if self._died:  # then it is not where it was
            return False
        for ref, names, known, ids, refs in self._attributes:
            attributes = vars(ref())
            if not attributes.keys() <= known:
                return False
            values = list(map(attributes.get, names))
            if list(map(id, values)) != ids and not self._equal(values, ids, refs):
                return False
        for read, ref, ids, refs in self._places:
            values = read(ref())
            if list(map(id, values)) != ids and not self._equal(values, ids, refs):
                return False
        return True

    def _equal(self, values, ids, refs):
        """Whether new values are numbers or strings that equal the old ones; takes note of them."""
        if len(values) != len(ids):
            return False
        for i, (value, ref) in enumerate(zip(values, refs, strict=True)):
            if id(value) == ids[i]:
                continue
            old = ref()
            if not (type(old) is type(value) and isinstance(old, _SCALARS) and old == value):
                return False
            ids[i], refs[i] = id(value), self._ref(value)
        return True

    def _look_into(self, value):
        """Notes what an object consists of, and gives its parts."""
        if isinstance(value, types.MethodType):
            return [value.__self__, value.__func__]
        if isinstance(value, functools.partial):
            return [value.func, *value.args, *value.keywords.values()]
        if hasattr(value, "guarded"):  # it says itself what was traced
            return value.guarded()
        if isinstance(value, dict):
            return self._note(functools.partial(_entries, tuple(value)), value)
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._note(list, value)
        if _from_a_library(value):
            # A `tf.function` is of a library, and what it is made of is not.
            return [value.python_function] if hasattr(value, "python_function") else []
        if isinstance(value, types.FunctionType):
            return self._note(functools.partial(_reads, tuple(_global_names(value.__code__))), value)
        return self._note_attributes(value) if hasattr(value, "__dict__") else []

    def _note(self, read, value):
        values = read(value)
        if len(values) > _MOST_ENTRIES:
            return []
        refs = [self._ref(v) for v in values]
        self._places.append((read, self._ref(value), [id(v) for v in values], refs))
        return values

    def _note_attributes(self, value):
        ignored = bookkeeping(isinstance(value, keras.Model))
        attributes = {name: v for name, v in vars(value).items() if name not in ignored}
        values = list(attributes.values())
        self._attributes.append(
            (
                self._ref(value),
                list(attributes),
                ignored | attributes.keys(),
                [id(v) for v in values],
                [self._ref(v) for v in values],
            )
        )
        return values

    def _ref(self, value):
        """A function that gives the value while it lives; what cannot be held weakly is held."""
        key = id(value)
        if key not in self._refs:
            try:
                self._refs[key] = weakref.ref(value, self._died.append)
            except TypeError:
                self._refs[key] = functools.partial(_itself, value)
        return self._refs[key]


def _itself(value):
    return value


def _entries(keys, mapping):
    return [mapping.get(key) for key in keys]


def _reads(names, function):
    """What a function reads besides its arguments: defaults, closure, and its module's globals."""
    cells = [_content(cell) for cell in function.__closure__ or ()]
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return [*cells, *defaults, *_entries(names, function.__globals__)]


def _content(cell):
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None


def _global_names(code):
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _global_names(constant)
    return names


def _from_a_library(value):
    """Whether an object is a library's own, which is taken as it is, but for what makes up a model."""
    if isinstance(value, (keras.Operation, keras.DTypePolicy, keras.quantizers.Quantizer)):
        return False
    name = value.__module__ if isinstance(value, types.FunctionType) else type(value).__module__
    root = str(name).partition(".")[0]
    return root in _LIBRARIES or (root == "rnn_kit" and isinstance(value, types.FunctionType))


class Kept:
    """What was compiled for the last `most` objects. It goes with its object, and keeps none alive.

    Args:
        most: Objects to keep something for, or `None` for all that live.
    """

    def __init__(self, most=8):
        self._most = most
        self._lock = threading.Lock()  # not `TRACING`: what is compiled already need not wait
        self._entries = collections.OrderedDict()

    def of(self, owner):
        """The dict that is kept for an object; for a bound method, that of its own object.

        An object that cannot be referred to weakly has another one each time.
        """
        key, entries = id(owner), self._entries
        with self._lock:
            if key not in entries:
                try:
                    ref = weakref.ref(owner, lambda _: entries.pop(key, None))
                except TypeError:
                    return {}
                entries[key] = ref, {}
            entries.move_to_end(key)
            kept = entries[key][1]
            while self._most is not None and len(entries) > self._most:
                entries.popitem(last=False)
        return kept

    def __len__(self):
        return len(self._entries)


def parts_of(function):
    """What lives as long as a callable does, and what tells it from others of the same owner.

    A bound method is made anew at each access: its owner is its object.
    """
    if isinstance(function, types.MethodType):
        return function.__self__, function.__func__
    return function, None
