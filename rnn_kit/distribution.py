"""All devices of one machine, each with its share of every batch.

    strategy = local_devices()
    with strategy.scope():
        model = ...
        model.compile(...)
    model.fit(...)

Keras hands each device the rows that are its, and sums their gradients. What it leaves to do is here:
the states of a stateful layer are each device's own, and whoever resets, keeps or restores them must
reach all of them.
"""

import functools

import keras
import numpy as np
import tensorflow as tf


@functools.cache  # TensorFlow's sums over devices belong to one strategy a process
def local_devices():
    """A `tf.distribute.MirroredStrategy` of all GPUs here, or where there is none of all CPU devices.

    A CPU is one device, whatever its cores, unless `tf.config.set_logical_device_configuration` makes
    more of it.
    """
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def replica_values(variable):
    """A Keras variable's `tf.Variable`s, one a device: one, without a strategy."""
    return getattr(variable.value, "values", (variable.value,))


def gather(variable):
    """The states of all devices, one below the other: `(B, units)` of whole batches."""
    return np.concatenate([keras.ops.convert_to_numpy(copy) for copy in replica_values(variable)])


def scatter(variable, states):
    """Gives each device its rows of `states`, as `gather` had them."""
    parts = replica_values(variable)
    for copy, rows in zip(parts, np.split(np.asarray(states), len(parts)), strict=True):
        copy.assign(rows)
