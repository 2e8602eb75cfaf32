"""Lists the ledger's machines, and the measurements of `benchmark_layers.py` on each."""

import dataclasses
import json
import string

from recipe_kit.runs import machine_identity
from results_parts import ledger

# Processors in the order in which they were first recorded. A new one takes the next letter, and is to
# be added here: texts call machines by their letters.
KNOWN = ("Intel Xeon Processor, family 6, model 207", "AMD EPYC, family 25, model 17")


@dataclasses.dataclass
class Machine:
    """One machine of the ledger.

    Attributes:
        name: The letter for it in tables.
        described: Its description in the entries.
        entries: The entries recorded on it.
    """

    name: str
    described: dict
    entries: list

    def benchmarks(self):
        """Returns the float32 measurements of layers without XLA: one, or a CPU's and a GPU's."""
        mine = (e for e in self.entries if e["recipe"] == "benchmark_layers")
        return [e for e in mine if e["dtype"] == "float32" and not e["jit"]]


def machines():
    """Returns all machines of the ledger: those without a recorded CPU, `KNOWN` ones, and others."""
    by_machine = {}
    for path in sorted(ledger.LEDGER.glob("*.json")):
        recorded = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(recorded, dict) and "machine" in recorded:
            by_machine.setdefault(machine_identity(recorded["machine"]), []).append(recorded)

    def order(pair):
        identity, (first, *_) = pair
        cpu = first["machine"].get("cpu")
        known = KNOWN.index(cpu) if cpu in KNOWN else len(KNOWN)
        return cpu is not None, "reported" in first, known, identity

    ordered = sorted(by_machine.items(), key=order)
    return [
        Machine(letter, entries[0]["machine"], entries)
        for letter, (_, entries) in zip(string.ascii_uppercase, ordered, strict=False)
    ]


def benchmarks():
    """Returns names of machines (and which device, if two) to measurements of layers.

    Raises:
        LookupError: if there is none.
    """
    found = {}
    for machine in machines():
        for measured in machine.benchmarks():
            aside = machine.described.get("accelerator") and measured["device"] == "cpu"
            found[f"{machine.name}, its CPU" if aside else machine.name] = measured
    if not found:
        raise LookupError(f"no benchmark_layers of float32 in {ledger.LEDGER}, expected 1 or more")
    return found
