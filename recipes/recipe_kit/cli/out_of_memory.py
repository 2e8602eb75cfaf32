"""Reports that the machine has too little memory."""

import re

import tensorflow as tf

from recipe_kit import quiet_tensorflow
from recipe_kit.cli.errors import UserError

# TensorFlow surrounds it with names of operations and devices.
_OF_TENSORFLOW = re.compile(r"OOM when allocating tensor with shape\[[\d,]*\]")


def memory_errors():
    """Returns the classes of out-of-memory errors, a tuple for `except`."""
    if not quiet_tensorflow.has_started():
        return (MemoryError,)
    return MemoryError, tf.errors.ResourceExhaustedError


def out_of_memory(error):
    """Returns the `UserError` for one of `memory_errors()`, with the failed allocation if stated."""
    said = _OF_TENSORFLOW.findall(str(error)) or str(error).strip().splitlines()
    detail = f" ({said[0]})" if said else ""
    return UserError(
        f"The memory of this machine is too small for that{detail}. Give a smaller --units or "
        "--batch-size, or end other programs."
    )
