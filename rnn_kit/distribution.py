"""Trains on all devices of one machine, each with its share of every batch.

    strategy = local_devices()
    with strategy.scope():
        model = ...
        model.compile(...)
    model.fit(...)

Keras hands each device its rows of a batch, and sums the gradients. Each device keeps its own states of
a stateful layer: reading, resetting or restoring them must reach all devices, as the functions here do.
"""

import functools

import keras
import numpy as np
import tensorflow as tf


@functools.cache  # TensorFlow's sums over devices belong to one strategy a process
def local_devices():
    """Returns a `tf.distribute.MirroredStrategy` of all GPUs, or, if there is none, of all CPU devices.

    A CPU is one device, whatever the number of its cores, unless
    `tf.config.set_logical_device_configuration` splits it.
    """
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def replica_values(variable):
    """Returns a Keras variable's `tf.Variable`s, one for each device; one, without a strategy."""
    return getattr(variable.value, "values", (variable.value,))


def gather(variable):
    """Concatenates the states of all devices to an array `(B, units)` for the whole batch."""
    return np.concatenate([keras.ops.convert_to_numpy(value) for value in replica_values(variable)])


def scatter(variable, states):
    """Assigns to each device its rows of `states` `(B, units)`, as `gather` concatenated them."""
    values = replica_values(variable)
    for value, rows in zip(values, np.split(np.asarray(states), len(values)), strict=True):
        value.assign(rows)
