"""Measures the speed of one large matrix product under TensorFlow, which layers hardly exceed."""

import numpy as np
import tensorflow as tf

from parts.benchmark_layers.timing import take_turns

SQUARE = 2048


def speed_of_products(dtype, repeats=5):
    """Returns floating-point operations a second of one large matrix product, a practical limit."""
    a = tf.random.normal([SQUARE, SQUARE], dtype=dtype)
    times = take_turns({"product": lambda: tf.matmul(a, a)[0, 0].numpy()}, repeats)
    return 2 * SQUARE**3 / (float(np.median(times["product"])) / 1000)
