"""Starts TensorFlow and Keras late, with default settings, and without TensorFlow's startup messages.

A recipe imports this module first. If the recipe is the program, TensorFlow and its dependents are
imported only after its command line is checked: `--help` and a mistyped flag are answered at once.
`start` does so: `recipe_kit.cli.CommandLine` calls it, and a program beside the recipes without a
`CommandLine` calls it itself. Elsewhere (a notebook, a test) TensorFlow is imported at once.

TensorFlow 2.21 prints messages on CUDA and oneDNN before it reads TF_CPP_MIN_LOG_LEVEL
(https://github.com/tensorflow/tensorflow/issues/100442), amid a recipe's output. If TensorFlow does not
start, its messages are shown; and if you set TF_CPP_MIN_LOG_LEVEL yourself, nothing is suppressed.

Warnings of repeated tracing are suppressed as well: TensorFlow counts the traces of all models
together, and warns if there are several, each traced once. Tests check that none is retraced as lengths
change.

Recipes and their figures use TensorFlow and Keras's defaults: settings of a `keras.json` are ignored. A
KERAS_BACKEND that names another backend is refused.
"""

import importlib.util
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

from recipe_kit import lazy_imports

_FINDER = lazy_imports.LazyFinder()


def start():
    """Imports TensorFlow, Keras and the layers of `rnn_kit`, if their imports are delayed."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
        _start_quietly()


def has_started():
    """Returns whether TensorFlow is imported."""
    return _FINDER not in sys.meta_path


def _is_of_a_program():
    """Returns whether the running program is a recipe, in the folder of this package."""
    program = getattr(sys.modules.get("__main__"), "__file__", None)
    return program is not None and Path(program).resolve().parent == Path(__file__).resolve().parents[1]


def _start():
    import tensorflow as tf

    tf.config.list_physical_devices()


def _in_one_line(kind, error, trace):
    """Prints one line for an interrupt while libraries load, and the traceback of other errors."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("\nInterrupted.\n")
    else:
        sys.__excepthook__(kind, error, trace)


def _open_closed_streams():
    """Opens closed standard streams (`>&-`) on the null device.

    Otherwise their descriptors would go to the next opened files, and TensorFlow's messages would be
    written into a run's history.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  open to the end


def _stop(code, message):
    sys.stderr.write(f"{os.path.basename(sys.argv[0])}: error: {message}\n")
    raise SystemExit(code)


def _use_defaults():
    """Resets what a `keras.json` may change to Keras's defaults."""
    try:
        import keras
    except ValueError as error:
        if "configuration" not in str(error):
            raise
        _stop(2, f"Keras cannot use its keras.json ({error}). Mend it, or delete it.")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")


def _start_quietly():
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        sys.stderr.flush()
        standard_error = os.dup(2)
        with tempfile.TemporaryFile() as said:
            os.dup2(said.fileno(), 2)
            try:
                _start()
            except BaseException:
                said.seek(0)
                with os.fdopen(os.dup(standard_error), "wb") as file:
                    shutil.copyfileobj(said, file)
                raise
            finally:
                os.dup2(standard_error, 2)
                os.close(standard_error)
    _use_defaults()
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3":  # set above, or by a program that started this one
        logging.getLogger("tensorflow").addFilter(
            lambda record: "triggered tf.function retracing" not in record.getMessage()
        )
    # A saved model loads only if its classes are registered with Keras.
    lazy_imports.execute("rnn_kit", "parts")


sys.excepthook = _in_one_line
_open_closed_streams()
if (backend := os.environ.get("KERAS_BACKEND") or "tensorflow") != "tensorflow":
    _stop(2, f"KERAS_BACKEND is {backend}, and the recipes need tensorflow: unset it.")
os.environ["KERAS_BACKEND"] = "tensorflow"  # takes precedence over keras.json
if os.path.expanduser("~") == "~":  # no home, as in many containers: TensorFlow would make a folder ~
    os.environ.setdefault("KERAS_HOME", os.path.join(tempfile.gettempdir(), ".keras"))
if importlib.util.find_spec("tensorflow") is None:
    _stop(
        2,
        f"TensorFlow is not installed in {sys.executable}: say `make demo` once, then start recipes "
        "with .venv/bin/python.",
    )
if _is_of_a_program():
    sys.meta_path.insert(0, _FINDER)
else:
    _start_quietly()
