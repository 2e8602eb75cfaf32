"""Functions that take turns, so that what else the machine does falls on all alike; in NumPy alone."""

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


def take_rounds(groups, repeats, rounds):
    """Milliseconds of each function's calls, of groups that must not run side by side.

    Each group measures a block of calls while the others are idle, round after round, so that a
    machine that grows slower or faster within minutes does so for all groups.

    Args:
        groups: Functions of a number of calls to `{name: milliseconds of these calls}`.
        repeats: How often each function is timed, over all rounds.
        rounds: In how many blocks, at most.

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
    """Floating-point operations of a layer's matrix products, forward and backward: twice as many.

    Each gate has T B F units for the inputs and T B units² for the states, of two operations each.
    """
    steps, batch, features, units = sizes
    gates = {"lstm": 4, "gru": 3}[kind]
    return 3 * 2 * gates * steps * batch * units * (features + units)
