"""Peak memory of training steps: each measurement is a process of its own."""

import resource
import statistics
import subprocess
import sys
from pathlib import Path

STEPS = 4


def peak(program, flags, processes):
    """Median MiB by which training steps raise a fresh process's peak: `program`, called with flags."""
    command = [sys.executable, program, *flags]
    said = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for _ in range(processes)
    ]
    return statistics.median(map(float, said))


def rise(small, make_call):
    """MiB that calls of `make_call()` take in this process, above what its libraries take.

    Args:
        small: A call of the same kind that takes next to nothing: it loads the libraries.
        make_call: Makes the call to measure.
    """
    small()
    before = _peak_of_this_process()
    call = make_call()
    for _ in range(STEPS):
        call()
    return _peak_of_this_process() - before


def _peak_of_this_process():
    """MiB. Linux's VmHWM: what `resource` says includes the process that started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)
