"""Times functions in turns, so that other load on the machine affects all alike; uses only NumPy."""

import time

import numpy as np

WARM_UP = 3


def take_turns(functions, repeats):
    """Returns a dict of each function's milliseconds, `(repeats,)`, timed call by call in turns."""
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


def take_rounds(groups, repeats, rounds):
    """Returns the milliseconds of calls of functions whose groups must not run side by side.

    Each group measures a block of calls while the others are idle, round after round, so that a change
    in the machine's speed within minutes affects all groups.

    Args:
        groups: Functions of a number of calls to `{name: milliseconds of these calls}`.
        repeats: How often each function is timed, over all rounds.
        rounds: The largest number of blocks.

    Returns:
        A dict of names to `(repeats,)` milliseconds.
    """
    times = {}
    for block in np.array_split(np.arange(repeats), min(rounds, repeats)):
        for measure in groups:
            for name, its_times in measure(len(block)).items():
                times.setdefault(name, []).extend(its_times)
    return times


def median_and_quartiles(times):
    low, middle, high = np.percentile(times, [25, 50, 75])
    return {"median_ms": middle, "quartiles_ms": [low, high]}


def operations(kind, sizes):
    """Returns floating-point operations of a layer's matrix products: forward, and twice that backward.

    Each gate takes T B F units multiplications for the inputs and T B units² for the states, each with
    an addition.
    """
    steps, batch, features, units = sizes
    gates = {"lstm": 4, "gru": 3}[kind]
    return 3 * 2 * gates * steps * batch * units * (features + units)
