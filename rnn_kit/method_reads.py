"""Finds the attributes of its object that a method reads, by its bytecode."""

import dis
import inspect
import itertools
import types


def read_by_method(function, kind):
    """Finds what a method of a class reads from its object, itself or in the methods that it calls.

    Args:
        function: The method, a function.
        kind: The class.

    Returns:
        The names of the attributes, and the functions that the method consists of, including itself.
        `None` if the code does not show it.
    """
    if hasattr(kind, "__getattr__") or kind.__getattribute__ is not object.__getattribute__:
        return None
    names, functions, waiting = set(), [], [function]
    while waiting:
        function = waiting.pop()
        if function in functions:
            continue
        read = _attributes_of_first_argument(function)
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


def _attributes_of_first_argument(function):
    """Finds the attributes that a function reads from its first argument; `None` if it does more."""
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
            return None  # it is passed on, and may be read anywhere
        names.add(name)
    return names
