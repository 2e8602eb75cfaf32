"""Where a run ran: the machine, the versions, the commit."""

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
        A dict of `processor` (the architecture), `cpu` (the model) and `instruction_sets` where they
        are known, `cores` that this process may use, `memory_gib`, and `accelerator` (`None`: none).
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
    """Names the accelerator, or else the cores and their model, in words.

    Args:
        described: What `machine()` returned, here or where a result was recorded. Default: here.
    """
    described = machine() if described is None else described
    if described.get("accelerator"):
        return described["accelerator"]
    known = [described.get("cpu"), ", ".join(described.get("instruction_sets", ()))]
    known = "; ".join(filter(None, known))
    return f"{described['cores']} CPU cores" + (f" ({known})" if known else "")


def same_machine(one, other):
    """Whether two machines agree in everything that both descriptions state.

    Results that were written before the model of the CPU was recorded do not state it.
    """
    return all(one[name] == other[name] for name in one.keys() & other.keys())


def machine_identity(described):
    """What tells a machine from others, as text: all that is recorded of it but its memory.

    Of the memory a system keeps something for itself, a little more or less after each start.
    """
    return json.dumps({k: v for k, v in described.items() if k != "memory_gib"}, sort_keys=True)


def _memory_gib():
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return None


def commit(package=Path(__file__).parents[2]):
    """The checkout's commit, with `+` behind it if files differ from it.

    Args:
        package: A folder at the root of the checkout. Default: `recipes`.

    Returns:
        `None` if the package does not lie at the root of this project's own checkout. One that is
        installed has no commit, whatever checkout lies around the place where it is.
    """
    root = Path(package).resolve().parent

    def git(*arguments):
        return subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            errors="surrogateescape",  # of a path that is not UTF-8
            check=True,
            timeout=10,
            # In a hook of another repository Git's own variables point at that one.
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
