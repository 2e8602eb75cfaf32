"""Starts TensorFlow without the lines that it prints to standard error as it starts.

TensorFlow 2.21 tells of CUDA and oneDNN before it reads TF_CPP_MIN_LOG_LEVEL
(https://github.com/tensorflow/tensorflow/issues/100442), in between what a recipe has to say. A recipe
imports this module first. If TensorFlow does not start, what it said is shown; and where you have set
TF_CPP_MIN_LOG_LEVEL yourself, nothing is held back.

Held back as well: that functions are traced again and again. TensorFlow counts the traces of all models
together, and warns when several stand side by side, each of which is traced once. That none is traced
anew as lengths change is what tests are for.
"""

import importlib.util
import logging
import os
import shutil
import sys
import tempfile


def _start():
    import tensorflow as tf

    tf.config.list_physical_devices()


def _in_one_line(kind, error, trace):
    """An interrupt while libraries are still loading is no error to be traced."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("\nInterrupted.\n")
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _in_one_line


def _stop(code, message):
    sys.stderr.write(f"{os.path.basename(sys.argv[0])}: error: {message}\n")
    raise SystemExit(code)


if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
    _stop(
        2, f"KERAS_BACKEND is {os.environ['KERAS_BACKEND']}, and the recipes need tensorflow: unset it."
    )
if importlib.util.find_spec("tensorflow") is None:
    _stop(
        2,
        f"TensorFlow is not installed in {sys.executable}: say `make demo` once, then start recipes "
        "with .venv/bin/python.",
    )
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
if os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3":  # set above, or by a program that started this one
    logging.getLogger("tensorflow").addFilter(
        lambda record: "triggered tf.function retracing" not in record.getMessage()
    )
