"""Recurrent layers, samplers and generation for Keras 3.

`import rnn_kit` registers every layer, sampler, metric and loss, so that a saved model that uses them
loads. `layers`, `crf`, `losses`, `sampling`, `metrics` and `convert` run on the TensorFlow, JAX and
PyTorch backends. The other modules are imported when they are first used, since some of them need
TensorFlow.
"""

import importlib

from rnn_kit import crf, layers, losses, metrics, sampling

__version__ = "0.1.0"

_ON_FIRST_USE = (
    *("callbacks", "convert", "distribution", "generation", "inspection", "pipelines", "text"),
)

__all__ = [
    "callbacks",
    "convert",
    "crf",
    "distribution",
    "generation",
    "inspection",
    "layers",
    "losses",
    "metrics",
    "pipelines",
    "sampling",
    "text",
]


def __getattr__(name):
    if name in _ON_FIRST_USE:
        return importlib.import_module(f"rnn_kit.{name}")
    raise AttributeError(f"module 'rnn_kit' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_ON_FIRST_USE})
