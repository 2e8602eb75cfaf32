"""Identifies this machine's processor and the instruction sets that affect a network's speed."""

import contextlib
import re
import subprocess
import sys
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
INSTRUCTION_SETS = {  # Linux's flags to the makers' names
    "fma": "FMA",
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX-512 BF16",
    "avx512_fp16": "AVX-512 FP16",
    "amx_tile": "AMX",
    "asimd": "NEON",
    "sve": "SVE",
    "sve2": "SVE2",
    "bf16": "BF16",
}


def processor():
    """Returns what is known of the processor.

    Reads `/proc/cpuinfo` on Linux, `sysctl` on macOS, and the registry on Windows. Missing information
    (a container may hide it) is no error.

    Returns:
        A dict with `cpu`, the model's name, and `instruction_sets`, a list of names; each only if
        known.
    """
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        if sys.platform == "darwin":
            return _named(_macos())
        if sys.platform == "win32":
            return _named(_windows())
        return _linux(CPUINFO.read_text(encoding="utf-8", errors="replace"))
    return {}


def _named(name, family=None, model=None):
    """Returns `{"cpu": name}` without trademark signs, adding family and model if it has no number."""
    name = " ".join(re.sub(r"\((?:R|TM)\)", " ", name or "", flags=re.IGNORECASE).split())
    if not name:
        return {}
    if not re.search(r"\d", name) and family and model:
        name = f"{name}, family {family}, model {model}"
    return {"cpu": name}


def _linux(text):
    said = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        said.setdefault(key.strip(), value.strip())  # takes the first processor's
    found = _named(said.get("model name"), said.get("cpu family"), said.get("model"))
    if not found and "CPU part" in said:  # ARM gives only numbers
        found = {"cpu": f"ARM implementer {said.get('CPU implementer', '?')}, part {said['CPU part']}"}
    flags = set((said.get("flags") or said.get("Features") or "").split())
    sets = [name for flag, name in INSTRUCTION_SETS.items() if flag in flags]
    return {**found, **({"instruction_sets": sets} if sets else {})}


def _macos():
    command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
    asked = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5)
    return asked.stdout


def _windows():
    import winreg

    place = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
        return winreg.QueryValueEx(key, "ProcessorNameString")[0]
