"""Delays slow imports until their first use, so that a command line is answered at once."""

import importlib.abc
import sys
import threading
import types

# Packages that are slow to import, and those that import them.
_PACKAGES = {"tensorflow", "keras", "matplotlib", "scipy", "sklearn", "PIL", "sacrebleu", "parts"}
_MODULES = {
    "recipe_kit.figures",
    "recipe_kit.sentence_writer",
    "recipe_kit.validation",
    *(
        f"rnn_kit.{name}"
        for name in (
            *("callbacks", "convert", "crf", "distribution", "generation", "inspection", "layers"),
            *("losses", "metrics", "pipelines", "sampling"),
        )
    ),
}
# Attributes that the import statement itself reads each time.
_OF_ANY_MODULE = {"__class__", "__dict__", "__loader__", "__name__", "__package__", "__spec__"}
_lock = threading.RLock()


class LazyFinder(importlib.abc.MetaPathFinder):
    """Finds these modules as usual, and delays executing each until its first attribute is used.

    `from module import name` executes the module at once, as usual: only `import keras` and
    `from rnn_kit import layers` are delayed. (`importlib.util.LazyLoader` executes a module that is
    imported a second time.)
    """

    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] not in _PACKAGES and name not in _MODULES:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = _LazyLoader(spec.loader)
                return spec
        return None


class _LazyLoader(importlib.abc.Loader):
    def __init__(self, loader):
        self.loader = loader

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        if type(module) is types.ModuleType:
            module.__class__ = _LazyModule
        else:  # an extension module, for instance
            self.loader.exec_module(module)


class _LazyModule(types.ModuleType):
    """A module that executes on first use, in one thread while others wait."""

    def __getattribute__(self, name):
        if name not in _OF_ANY_MODULE and _executing.get(id(self)) != threading.get_ident():
            _execute(self)
        return types.ModuleType.__getattribute__(self, name)  # its class by now


_executing = {}  # ids of modules to the threads that execute them


def _execute(module):
    with _lock:
        if type(module) is not _LazyModule:  # another thread was first
            return
        spec = module.__spec__
        waiting, spec.loader = spec.loader, spec.loader.loader
        module.__loader__ = spec.loader
        _executing[id(module)] = threading.get_ident()
        try:
            spec.loader.exec_module(module)
        except BaseException:
            spec.loader = module.__loader__ = waiting  # a later import raises the error again
            sys.modules.pop(module.__name__, None)
            raise
        finally:
            del _executing[id(module)]
        if type(module) is _LazyModule:
            module.__class__ = types.ModuleType


def execute(*packages):
    """Executes the delayed modules of these packages."""
    for name, module in list(sys.modules.items()):
        if type(module) is _LazyModule and name.partition(".")[0] in packages:
            _execute(module)
