"""Guards of compiled graphs, which notice when traced objects have changed.

A trace reads much from Python: a layer's variables, its activation and dtype policy, a sampler's
temperature, a function's closure. `enable_lora`, `quantize` or
`layer.activation = ...` change that, and a graph that was traced before does not see it.
"""

import argparse
import collections
import functools
import sys
import threading
import types
import weakref

import keras
import numpy as np

from rnn_kit._internals import GRAPH_ATTRIBUTES, bookkeeping_attributes, is_graph
from rnn_kit.method_reads import read_by_method

# Held while a model is traced: a trace reads layers, and may set their attributes while it runs.
TRACING_LOCK = threading.RLock()

_LIBRARIES = {"builtins", "jax", "keras", "numpy", "tensorflow", "torch", *sys.stdlib_module_names}
_SCALARS = (type(None), bool, int, float, complex, str, bytes, np.generic)
_LEAVES = (*_SCALARS, type, types.ModuleType, types.BuiltinFunctionType, np.ndarray)
_MAPPINGS = (dict, types.MappingProxyType)
_SERIES = (list, tuple, set, frozenset, collections.deque)
# Classes of the standard library whose instances hold a user's data.
_HOLDERS = (
    argparse.Namespace,
    collections.ChainMap,
    collections.UserDict,
    collections.UserList,
    types.SimpleNamespace,
)
_MAX_ENTRIES = 256  # the most entries of a watched list or dict: a vocabulary is data


class Guard:
    """Checks whether objects are unchanged since the guard was made.

    A part of an object has changed when it is another object, unless both are equal numbers or strings.
    It watches, at any depth:

    - of layers, cells, dtype policies and objects of a user's classes: their attributes and slots;
    - of lists and sets: the elements, of dicts: keys and values; if more than 256, only their number;
    - of a user's functions: defaults, and what they close over or read from their module;
    - of a Sequential or functional model: the parts of its graph;
    - of the object of a bound method: the attributes that the method reads, itself or in methods of the
      object that it calls; all of them if its code does not show which, or if the object is a layer.

    It does not notice in-place changes of a value, such as an array's element; an attribute of a class
    or a module; and what an object's methods read from their module, unless one of them is given as a
    bound method. It does not watch the values of variables: a graph reads them when it runs.

    The guard keeps only objects without weak references alive: lists, tuples, dicts, and objects with
    only slots.

    Args:
        roots: Layers, models, functions, or other objects.
    """

    def __init__(self, *roots):
        self._died = []
        self._refs = {}
        self._places = []  # watched places: how to read them, their owner, and what was read
        self._attributes = []  # the same for owners with a `__dict__`, which are the most by far
        seen, waiting = {}, list(roots)
        while waiting:
            value = waiting.pop()
            if id(value) not in seen and not isinstance(value, _LEAVES):
                seen[id(value)] = value  # keeps the object alive, so that its id is not reused
                waiting.extend(self._watch(value))

    def holds(self):
        """Returns whether everything is as it was."""
        if self._died:  # a watched object was deleted
            return False
        for ref, names, known, ids, refs in self._attributes:
            owner = ref()  # it may be deleted while this runs
            if owner is None:
                return False
            attributes = vars(owner)
            if not attributes.keys() <= known:
                return False
            values = list(map(attributes.get, names))
            if list(map(id, values)) != ids and not self._equal(values, ids, refs):
                return False
        for read, ref, ids, refs in self._places:
            owner = ref()
            if owner is None:
                return False
            values = read(owner)
            if list(map(id, values)) != ids and not self._equal(values, ids, refs):
                return False
        return True

    def _equal(self, values, ids, refs):
        """Returns whether new values are numbers or strings that equal the old ones; keeps these."""
        if len(values) != len(ids):
            return False
        for i, (value, ref) in enumerate(zip(values, refs, strict=True)):
            if id(value) == ids[i]:
                continue
            old = ref()
            if not (type(old) is type(value) and isinstance(old, _SCALARS) and old == value):
                return False
            ids[i], refs[i] = id(value), functools.partial(_itself, value)
        return True

    def _watch(self, value):
        """Records what an object consists of. Returns its parts."""
        if isinstance(value, types.MethodType):
            return self._watch_method(value.__self__, value.__func__)
        if isinstance(value, functools.partial):
            return [value.func, *value.args, *value.keywords.values()]
        if hasattr(value, "_guarded_objects"):  # it names the objects that were traced
            return value._guarded_objects()
        if isinstance(value, types.FunctionType):
            if _from_a_library(value):
                return []
            return self._note(functools.partial(_reads, tuple(_global_names(value.__code__))), value)
        if is_graph(value):
            return self._note(functools.partial(_named, GRAPH_ATTRIBUTES, ()), value)
        parts = []
        if isinstance(value, (*_MAPPINGS, *_SERIES)):
            read = _items if isinstance(value, _MAPPINGS) else list
            parts = self._note(read if len(value) <= _MAX_ENTRIES else _length, value)
        if _from_a_library(value):
            # A `tf.function` is a library's, but its Python function is not.
            return [value.python_function] if hasattr(value, "python_function") else parts
        return parts + self._note_attributes(value)

    def _watch_method(self, owner, function):
        whole = isinstance(owner, keras.Operation) or hasattr(owner, "_guarded_objects")
        found = None if whole or _from_a_library(owner) else read_by_method(function, type(owner))
        if found is None:
            return [owner, function]
        names, functions = found
        slots = [slot for slot in _slots(type(owner)) if slot.__name__ in names]
        return [*functions, *self._note(functools.partial(_named, tuple(names), slots), owner)]

    def _note(self, read, value):
        values = read(value)
        refs = [self._ref(v) for v in values]
        self._places.append((read, self._ref(value), [id(v) for v in values], refs))
        return values

    def _note_attributes(self, value):
        slots = _slots(type(value))
        parts = self._note(functools.partial(_named, (), slots), value) if slots else []
        if not hasattr(value, "__dict__"):
            return parts
        ignored = bookkeeping_attributes(isinstance(value, keras.Model))
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
        return parts + values

    def _ref(self, value):
        """Returns a function that returns the value while it lives: a weak reference if possible."""
        key = id(value)
        if key not in self._refs:
            try:
                self._refs[key] = weakref.ref(value, self._died.append)
            except TypeError:
                self._refs[key] = functools.partial(_itself, value)
        return self._refs[key]


def _itself(value):
    return value


def _items(mapping):
    return [*mapping.keys(), *mapping.values()]


def _length(series):
    return [len(series)]


def _entries(keys, mapping):
    return [mapping.get(key) for key in keys]


def _named(names, slots, owner):
    """Reads attributes by their names, and slots, of an object."""
    attributes = _entries(names, vars(owner)) if hasattr(owner, "__dict__") else []
    return attributes + [_in_slot(slot, owner) for slot in slots]


def _in_slot(slot, owner):
    try:
        return slot.__get__(owner)
    except AttributeError:  # it is empty
        return None


def _slots(kind):
    """Lists the descriptors of the slots of a user's class and of its bases."""
    return [
        slot
        for base in kind.__mro__
        if not _is_a_librarys(base.__module__)
        for slot in vars(base).values()
        if isinstance(slot, types.MemberDescriptorType)
    ]


def _reads(names, function):
    """Reads a function's closure, defaults, and globals of these names."""
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
    """Returns whether an object is a library's own and no part of a model, assumed never to change."""
    if isinstance(value, types.FunctionType):
        module = value.__module__
        return _is_a_librarys(module) or str(module).partition(".")[0] == "rnn_kit"
    if isinstance(value, (keras.Operation, keras.DTypePolicy, keras.quantizers.Quantizer, *_HOLDERS)):
        return False
    return _is_a_librarys(type(value).__module__)


def _is_a_librarys(module):
    return str(module).partition(".")[0] in _LIBRARIES
