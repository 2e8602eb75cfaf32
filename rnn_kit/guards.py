"""Guards of compiled graphs: they notice that what was traced has been changed since.

A trace reads much from Python: which variables a layer holds, its activation and dtype policy, a
sampler's temperature, what a function closes over. `enable_lora`, `quantize` or
`layer.activation = ...` change that, and a graph that was compiled before goes on as if they had not.
"""

import argparse
import collections
import dis
import functools
import inspect
import itertools
import sys
import threading
import types
import weakref

import keras
import numpy as np

from rnn_kit._internals import GRAPH_ATTRIBUTES, bookkeeping, is_graph

# Held while a model is traced: a trace looks into layers, and may put something into them for its time.
TRACING = threading.RLock()

_LIBRARIES = {"builtins", "jax", "keras", "numpy", "tensorflow", "torch", *sys.stdlib_module_names}
_SCALARS = (type(None), bool, int, float, complex, str, bytes, np.generic)
_LEAVES = (*_SCALARS, type, types.ModuleType, types.BuiltinFunctionType, np.ndarray)
_MAPPINGS = (dict, types.MappingProxyType)
_SERIES = (list, tuple, set, frozenset, collections.deque)
# Classes of the standard library whose attributes are data of yours.
_HOLDERS = (
    argparse.Namespace,
    collections.ChainMap,
    collections.UserDict,
    collections.UserList,
    types.SimpleNamespace,
)
_MOST_ENTRIES = 256  # of a list or a dict that is looked into: a vocabulary is data


class Guard:
    """Tells whether objects are still as they were when they were traced.

    It looks at the attributes (slots too) of layers, cells, dtype policies and objects of classes of
    yours, at the elements of lists and sets and the keys and values of dicts in them, and at what
    functions of yours close over or read from their module, however deep: whether it is the same
    object, or an equal number or string. Two objects are looked at in part. Of a Sequential or
    functional model it is what its graph is made of. Of a bound method's object it is the attributes
    that the method names, itself or in other methods of the object that it names; all of them where
    the method uses its object in any other way, or the object is a layer.

    Not noticed are a value that is changed in place (an array's element); an attribute of a class or a
    module; an entry of a list, set or dict of more than 256, of which only the number is watched; and
    what an object's methods read from their module, unless one of them is given as a bound method. The
    values of variables are read by a graph when it runs, and are none of a guard's business.

    Keeps none of the objects alive but for those that cannot be referred to weakly: plain lists, tuples
    and dicts, and objects with slots alone.

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
            owner = ref()  # which may die while this runs
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
        """Whether new values are numbers or strings that equal the old ones; takes note of them."""
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

    def _look_into(self, value):
        """Notes what an object consists of, and gives its parts."""
        if isinstance(value, types.MethodType):
            return self._look_into_method(value.__self__, value.__func__)
        if isinstance(value, functools.partial):
            return [value.func, *value.args, *value.keywords.values()]
        if hasattr(value, "guarded"):  # it says itself what was traced
            return value.guarded()
        if isinstance(value, types.FunctionType):
            if _from_a_library(value):
                return []
            return self._note(functools.partial(_reads, tuple(_global_names(value.__code__))), value)
        if is_graph(value):
            return self._note(functools.partial(_named, GRAPH_ATTRIBUTES, ()), value)
        parts = []
        if isinstance(value, (*_MAPPINGS, *_SERIES)):
            read = _items if isinstance(value, _MAPPINGS) else list
            parts = self._note(read if len(value) <= _MOST_ENTRIES else _length, value)
        if _from_a_library(value):
            # A `tf.function` is of a library, and what it is made of is not.
            return [value.python_function] if hasattr(value, "python_function") else parts
        return parts + self._note_attributes(value)

    def _look_into_method(self, owner, function):
        whole = isinstance(owner, keras.Operation) or hasattr(owner, "guarded")
        found = None if whole or _from_a_library(owner) else _read_by_method(function, type(owner))
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
        return parts + values

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


def _items(mapping):
    return [*mapping.keys(), *mapping.values()]


def _length(series):
    return [len(series)]


def _entries(keys, mapping):
    return [mapping.get(key) for key in keys]


def _named(names, slots, owner):
    """What an object has for some names of attributes, and in some of its slots."""
    attributes = _entries(names, vars(owner)) if hasattr(owner, "__dict__") else []
    return attributes + [_in_slot(slot, owner) for slot in slots]


def _in_slot(slot, owner):
    try:
        return slot.__get__(owner)
    except AttributeError:  # it is empty
        return None


def _slots(kind):
    """The slots of a class of yours and of its bases, by their descriptors."""
    return [
        slot
        for base in kind.__mro__
        if not _is_a_librarys(base.__module__)
        for slot in vars(base).values()
        if isinstance(slot, types.MemberDescriptorType)
    ]


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
    if isinstance(value, types.FunctionType):
        module = value.__module__
        return _is_a_librarys(module) or str(module).partition(".")[0] == "rnn_kit"
    if isinstance(value, (keras.Operation, keras.DTypePolicy, keras.quantizers.Quantizer, *_HOLDERS)):
        return False
    return _is_a_librarys(type(value).__module__)


def _is_a_librarys(module):
    return str(module).partition(".")[0] in _LIBRARIES


def _read_by_method(function, kind):
    """What a method of a class reads of its object.

    Returns:
        The names of the attributes, and the functions that the method consists of, itself among them.
        `None` where its code does not tell.
    """
    if hasattr(kind, "__getattr__") or kind.__getattribute__ is not object.__getattribute__:
        return None
    names, functions, waiting = set(), [], [function]
    while waiting:
        function = waiting.pop()
        if function in functions:
            continue
        read = _read_of_first_argument(function)
        if read is None:
            return None
        functions.append(function)
        names |= read
        for name in read:
            found = inspect.getattr_static(kind, name, None)
            if isinstance(found, property):
                waiting.extend(f for f in (found.fget, found.fset) if f is not None)
            elif isinstance(found, types.FunctionType):
                waiting.append(found)
            elif isinstance(found, (classmethod, staticmethod)):
                functions.append(found.__func__)
            elif hasattr(type(found), "__get__") and not isinstance(found, types.MemberDescriptorType):
                return None  # a descriptor that may do anything
    return names, functions


def _read_of_first_argument(function):
    """Names of the attributes that a function reads of its first argument; `None` if it does more."""
    code = getattr(function, "__code__", None)
    if code is None or not code.co_argcount or code.co_varnames[0] in code.co_cellvars:
        return None
    argument, names = code.co_varnames[0], set()
    # `self.n += 1` copies its reference to `self` before it reads the attribute.
    steps = [i for i in dis.get_instructions(code) if (i.opname, i.arg) != ("COPY", 1)]
    for step, after in itertools.pairwise(steps):
        if "_FAST" not in step.opname:
            continue
        variables = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if argument not in variables:
            continue
        name = str(after.argval)
        if (
            "STORE" in step.opname
            or variables.index(argument) != len(variables) - 1
            or after.opname not in ("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR")
            or name.startswith("__")
        ):
            return None  # it is handed on, and may be read anywhere
        names.add(name)
    return names


class Kept:
    """What was compiled for the last `most` objects. It goes with its object.

    It keeps no object alive but those that cannot be referred to weakly (of a class with slots, say),
    and these while they are among the last.

    Args:
        most: Objects to keep something for, or `None` for all that live. Then those that cannot be
            referred to weakly share what is kept.
    """

    def __init__(self, most=8):
        self._most = most
        self._lock = threading.Lock()  # not `TRACING`: what is compiled already need not wait
        self._entries = collections.OrderedDict()
        self._shared = {}

    def of(self, owner):
        """The dict that is kept for an object."""
        key, entries = id(owner), self._entries
        with self._lock:
            if key not in entries:
                try:
                    ref = weakref.ref(owner, lambda _: entries.pop(key, None))
                except TypeError:
                    if self._most is None:
                        return self._shared
                    ref = owner
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
