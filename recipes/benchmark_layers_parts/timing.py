"""Functions that take turns, so that what else the machine does falls on all alike; a lower bound."""

import time

import numpy as np
import tensorflow as tf

WARM_UP = 3
SQUARE = 2048


def take_turns(functions, repeats):
    """Milliseconds of each function's calls, `(repeats,)`, call by call in turns."""
    for _ in range(WARM_UP):
        for function in functions.values():
            function()
    times = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(1000 * (time.perf_counter() - start))
    return times


def median_and_quartiles(times):
    low, middle, high = np.percentile(times, [25, 50, 75])
    return {"median_ms": middle, "quartiles_ms": [low, high]}


def speed_of_products(dtype, repeats=5):
    """Floating-point operations a second of one large matrix product, which nothing beats by much."""
    a = tf.random.normal([SQUARE, SQUARE], dtype=dtype)
    times = take_turns({"product": lambda: tf.matmul(a, a)[0, 0].numpy()}, repeats)
    return 2 * SQUARE**3 / (float(np.median(times["product"])) / 1000)


def operations(kind, sizes):
    """Floating-point operations of a layer's matrix products, forward and backward: twice as many.

    Each gate has T B F units for the inputs and T B units² for the states, of two operations each.
    """
    steps, batch, features, units = sizes
    gates = {"lstm": 4, "gru": 3}[kind]
    return 3 * 2 * gates * steps * batch * units * (features + units)
