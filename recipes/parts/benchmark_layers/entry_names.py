"""Names a measurement's file in the ledger: one file a machine, so that none overwrites another's."""

import hashlib
import re

from recipe_kit.runs import machine_identity


def machine_tag(machine):
    """Returns a short name of a machine for file names: its model, its cores, and six digits of a hash.

    The hash is of its `machine_identity`.
    """
    digits = hashlib.sha256(machine_identity(machine).encode()).hexdigest()[:6]
    name = machine.get("accelerator") or machine.get("cpu") or machine["processor"]
    words = re.findall(r"[a-z0-9.]+", name.lower())
    words = [word for word in words if word not in ("cpu", "processor", "family", "model", "core")]
    return f"{'_'.join(words)[:40]}-{machine['cores']}_cores-{digits}"


def entry_name(result):
    """Returns the entry's file name: `<recipe>-<device>-<dtype>[-jit]-<machine>.json`."""
    parts = [result["recipe"], result["device"], result["dtype"], *(["jit"] if result["jit"] else [])]
    return "-".join([*parts, machine_tag(result["machine"])]) + ".json"
