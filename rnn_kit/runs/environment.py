"""Where a run ran: the machine, the versions, the commit."""

import contextlib
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path


def machine():
    """Cores, memory and accelerator of this machine."""
    import tensorflow as tf

    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return {
        "processor": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "accelerator": ", ".join(gpus) or None,
    }


def describe_machine():
    """The accelerator, or else the number of cores, in words."""
    here = machine()
    return here["accelerator"] or f"{here['cores']} CPU cores"


def _memory_gib():
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return None


def versions():
    """Versions of Python and of the packages that the numbers depend on."""
    packages = {}
    for name in ("rnn_kit", "tensorflow", "keras", "numpy"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            packages[name] = importlib.metadata.version(name)
    return {"python": platform.python_version(), **packages}


def commit():
    """The checkout's commit, with `+` behind it if files differ from it; `None` outside a checkout."""

    def git(*arguments):
        return subprocess.run(
            ["git", "-C", str(Path(__file__).parent), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None
