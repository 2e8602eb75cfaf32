"""Measures PyTorch's layers: starts `torch_process.py`, and sends it requests."""

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from recipe_kit.cli import UserError

RECIPES = Path(__file__).parents[2]
PROGRAM = ["-m", "parts.benchmark_layers.torch_process"]
DTYPES = ("float32", "float64")
PATIENCE = 10  # seconds for the process to end before it is killed


class TorchProcess:
    """A process with PyTorch and without TensorFlow, which measures on request and is otherwise idle.

    Args:
        command: The interpreter and its arguments.

    Attributes:
        about: What the process reports about itself: `torch`, `numpy`, `python`, `threads`, `cuda`; or
            `missing`, why there is no PyTorch.

    Raises:
        UserError: if the process does not start, or ends too early; `ask` raises it too.
    """

    def __init__(self, command):
        self._command = command
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  `close` closes it
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._errors}
        try:
            self._process = subprocess.Popen(
                command, cwd=RECIPES, text=True, encoding="utf-8", bufsize=1, **pipes
            )
        except OSError as error:
            self._errors.close()
            raise UserError(f"{command[0]} cannot be started ({error.strerror}).") from None
        self.about = self._read()

    def ask(self, **request):
        """Returns the process's answer, a dict, to one request (`torch_process.py` lists them)."""
        with contextlib.suppress(OSError):  # the process has ended: reading reports why
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return self._read()

    def _read(self):
        line = self._process.stdout.readline()
        with contextlib.suppress(ValueError):
            answered = json.loads(line)
            if isinstance(answered, dict):
                return answered
        self.close()
        raise UserError(
            f"The process that measures PyTorch, {self._command[0]}, did not answer as expected "
            f"({self._last_words}). Without it: --no-torch."
        )

    def close(self):
        """Ends the process."""
        if self._errors.closed:
            return
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        self._last_words = said[-1].strip() if said else f"exit code {self._process.returncode}"
        self._errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def interpreter(python):
    """Returns the absolute path of an interpreter, given as a path or as a name to look for.

    Keeps symbolic links: in a virtual environment the link tells Python where its packages are.

    Raises:
        UserError: if there is none.
    """
    found = shutil.which(os.path.expanduser(python))
    if found is None:
        raise UserError(
            f"--torch-python {python}: there is no such program. Name a Python that has PyTorch."
        )
    return os.path.abspath(found)


def start(python, dtype, threads, on_gpu):
    """Starts a process that measures PyTorch, or returns the reason why none can.

    Args:
        python: The interpreter that was asked for, or `None`: this one, if it has PyTorch.
        dtype: The measurement's dtype.
        threads: Threads of PyTorch's operations; `None`: its own choice.
        on_gpu: Whether the other layers are measured on a GPU.

    Returns:
        A `TorchProcess`, or a sentence.

    Raises:
        UserError: if an interpreter was asked for and cannot measure this.
    """
    process, why = _start(python, dtype, threads, on_gpu)
    if why and python:
        raise UserError(f"--torch-python {python}: {why}. Leave the flag out, or name another Python.")
    return f"PyTorch is left out: {why}." if why else process


def _start(python, dtype, threads, on_gpu):
    if dtype not in DTYPES:
        return None, f"it is measured in {' and '.join(DTYPES)}, and this is {dtype}"
    if python is None and importlib.util.find_spec("torch") is None:
        return None, f"{sys.executable} has none; --torch-python PATH measures that of another Python"
    command = [interpreter(python or sys.executable), *PROGRAM]
    process = TorchProcess([*command, *(["--threads", str(threads)] if threads else [])])
    if "missing" in process.about:
        why = f"it has no PyTorch ({process.about['missing']})"
    elif on_gpu and not process.about["cuda"]:
        why = "its PyTorch sees no GPU, and the other layers are measured on one"
    else:
        return process, None
    process.close()
    return None, why
