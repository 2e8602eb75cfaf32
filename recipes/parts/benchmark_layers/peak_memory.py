"""Measures the peak memory of training steps, each measurement in a process of its own."""

import importlib.util
import statistics
import subprocess
import sys
from pathlib import Path

STEPS = 4
MEASURABLE = importlib.util.find_spec("resource") is not None  # not on Windows


def peak(program, flags):
    """Returns the MiB by which training steps raise the peak of a process: `program` with flags.

    Raises:
        UserError: if the process fails, with its last line of output.
    """
    command = [sys.executable, program, *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        from recipe_kit.cli import UserError  # not above: PyTorch's process, without Keras, is here too

        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise UserError(
            f"A process that measures peak memory failed ({said[-1].strip()}). Without it: --no-memory."
        )
    return float(done.stdout)


def median_of(measure, processes):
    """Returns the median of several measurements, each in a process of its own."""
    return statistics.median(measure() for _ in range(processes))


def rise(small, make_call):
    """Returns the MiB that calls of `make_call()` add to this process's peak, beyond its libraries.

    Args:
        small: A call of the same kind that needs little memory: it loads the libraries.
        make_call: Returns the call to measure.
    """
    small()
    before = _peak_of_this_process()
    call = make_call()
    for _ in range(STEPS):
        call()
    return _peak_of_this_process() - before


def _peak_of_this_process():
    """Returns the peak in MiB: Linux's VmHWM, as `resource` would include the parent process."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)
