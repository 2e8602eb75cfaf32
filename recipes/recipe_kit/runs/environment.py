"""Describes where a run ran: the machine, the versions, the commit."""

import json
import os
import platform
import subprocess
import tomllib
from pathlib import Path

from recipe_kit.runs.processor import processor


def machine():
    """Describes this machine, on which every speed depends.

    Returns:
        A dict of `processor` (the architecture), `cpu` (the model) and `instruction_sets` if known,
        `cores` that this process may use, `memory_gib`, and `accelerator` (`None`: none).
    """
    import tensorflow as tf

    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return {
        "processor": platform.machine(),
        **processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "accelerator": ", ".join(gpus) or None,
    }


def describe_machine(described=None):
    """Describes a machine in words: the accelerator, or else the cores and their model.

    Args:
        described: The result of `machine()`, here or recorded elsewhere. Default: here.
    """
    described = machine() if described is None else described
    if described.get("accelerator"):
        return described["accelerator"]
    known = [described.get("cpu"), ", ".join(described.get("instruction_sets", ()))]
    known = "; ".join(filter(None, known))
    return f"{described['cores']} CPU cores" + (f" ({known})" if known else "")


def same_machine(one, other):
    """Returns whether two machines agree in everything that both descriptions state.

    Old results do not state the CPU's model.
    """
    return all(one[name] == other[name] for name in one.keys() & other.keys())


def machine_identity(described):
    """Returns text that identifies a machine: everything recorded of it except its memory.

    The available memory varies slightly with each start of the system.
    """
    return json.dumps({k: v for k, v in described.items() if k != "memory_gib"}, sort_keys=True)


def _memory_gib():
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return None


def commit(package=Path(__file__).parents[2]):
    """Returns the checkout's commit, followed by `+` if files differ from it.

    Args:
        package: A folder at the root of the checkout. Default: `recipes`.

    Returns:
        `None` if the package is not at the root of this project's own checkout: an installed package
        has no commit, even inside some other checkout.
    """
    root = Path(package).resolve().parent

    def git(*arguments):
        return subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            errors="surrogateescape",  # for paths that are not UTF-8
            check=True,
            timeout=10,
            # In another repository's hook Git's variables point there.
            env={k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
        ).stdout.strip()

    try:
        if not _is_this_project(root) or Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            return None
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _is_this_project(root):
    try:
        with open(root / "pyproject.toml", "rb") as file:
            return tomllib.load(file)["project"]["name"] == "rnn_kit"
    except (OSError, ValueError, KeyError, TypeError):
        return False
