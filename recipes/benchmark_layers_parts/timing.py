"""Functions that take turns, so that what else the machine does falls on all alike."""

import time

import numpy as np

WARM_UP = 3


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
