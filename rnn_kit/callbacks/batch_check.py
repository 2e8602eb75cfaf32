"""Checks that each batch of a stateful model has as many rows as the carried states.

Keras has no such check: it broadcasts a batch of one row over the states without an error, and for any
other wrong number it fails with TensorFlow's error from inside a graph. A callback does not see a batch
before the model is trained on it, so the check is in the model's own steps.
"""

import functools
import re

import tensorflow as tf
from keras import tree

_NAME = "carried_state_batch_size"  # the name of the check's operation
# Only TensorFlow's message says which operation failed, and on what shape. It names further operations,
# which have not failed, without braces.
_FAILED = re.compile(
    r"\[(\d+)[,\d]*\] is not compatible with expected shape \[(\d+)[^{]*\{\{node [^}]*" + _NAME
)


def check_batches(model, rows):
    """Makes the model's steps check their batches. Does nothing if they already do.

    Args:
        model: A compiled model.
        rows: The batch size of its states, on one device.
    """
    if getattr(model, "_checks_batches", False):
        return
    model._checks_batches = True
    for name in ("train_step", "test_step", "predict_step"):
        setattr(model, name, _checked(getattr(model, name), rows))
    # Makes `fit`, `evaluate` and `predict` retrace the steps.
    model.train_function = model.test_function = model.predict_function = None


def _checked(step, rows):
    def check(tensor):
        if tensor is None or not len(tensor.shape):
            return tensor
        if tensor.shape[0] not in (None, rows):  # known at tracing, or in an eager run
            raise ValueError(_message(tensor.shape[0], rows))
        # When the graph runs. XLA drops assertions, but not this one.
        return tf.ensure_shape(tensor, [rows] + [None] * (len(tensor.shape) - 1), name=_NAME)

    @functools.wraps(step)
    def checked_step(data):
        return step(tree.map_structure(check, data))

    return checked_step


def explain_failed_check(model, name):
    """Turns TensorFlow's error from a failed check into one line.

    Args:
        model: The model in `fit`, `evaluate` or `predict`.
        name: "train_function", "test_function" or "predict_function", which Keras has made by now.
    """
    function = getattr(model, name)
    if getattr(function, "explains_failed_check", False):
        return

    @functools.wraps(function)
    def explained(iterator):
        try:
            return function(iterator)
        except tf.errors.InvalidArgumentError as error:
            failed = _FAILED.search(str(error))
            if failed is None:  # another operation of the model
                raise
            raise ValueError(_message(*failed.groups())) from None

    explained.explains_failed_check = True
    setattr(model, name, explained)


def _message(received, expected):
    return (
        f"A batch has {received} rows, and the carried states have {expected}. Each row goes on where "
        f"it ended in the batch before, so every batch must have {expected} rows: drop the remainder, "
        f"or rebuild the model with rnn_kit.callbacks.with_batch_size."
    )
