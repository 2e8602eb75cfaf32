"""The versions of the packages that results depend on."""

import contextlib
import importlib.metadata
import platform


def versions():
    """Returns the versions of Python, `rnn_kit`, TensorFlow, Keras and NumPy, as far as installed."""
    packages = {}
    for name in ("rnn_kit", "tensorflow", "keras", "numpy"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            packages[name] = importlib.metadata.version(name)
    return {"python": platform.python_version(), **packages}
