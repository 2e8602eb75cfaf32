"""What is recorded of the machine that a run ran on, and when two machines count as one."""

import contextlib
import subprocess
import sys
from types import SimpleNamespace

import pytest

from recipe_kit.runs import RunError, describe_machine, ledger_entry, machine, processor, same_machine

INTEL = """\
processor\t: 0
cpu family\t: 6
model\t\t: 207
model name\t: Intel(R) Xeon(R) Processor
flags\t\t: fpu sse2 fma avx avx2 avx512f amx_bf16 avx512_bf16 amx_tile

processor\t: 1
model name\t: another
"""
ARM = """\
processor\t: 0
Features\t: fp asimd sve
CPU implementer\t: 0x41
CPU part\t: 0xd40
"""


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (
            INTEL,
            {
                "cpu": "Intel Xeon Processor, family 6, model 207",
                "instruction_sets": ["FMA", "AVX2", "AVX-512", "AVX-512 BF16", "AMX"],
            },
        ),
        (
            "model name : Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz",
            {"cpu": "Intel Core i7-8650U CPU @ 1.90GHz"},
        ),
        (ARM, {"cpu": "ARM implementer 0x41, part 0xd40", "instruction_sets": ["NEON", "SVE"]}),
        ("", {}),
    ],
)
def test_the_processor_is_named_as_linux_tells_it(text, known, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(processor.sys, "platform", "linux")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    assert processor.processor() == known


def test_a_processor_that_is_hidden_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(processor.sys, "platform", "linux")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "nothing")
    assert processor.processor() == {}
    assert machine()["cores"] >= 1
    assert describe_machine({"cores": 2, "accelerator": None}) == "2 CPU cores"


def test_macos_is_asked_for_the_processor_and_may_refuse(monkeypatch):
    monkeypatch.setattr(processor.sys, "platform", "darwin")
    said = subprocess.CompletedProcess([], 0, stdout="Apple M2 Pro\n")
    monkeypatch.setattr(processor.subprocess, "run", lambda *args, **kwargs: said)
    assert processor.processor() == {"cpu": "Apple M2 Pro"}

    def refuses(*args, **kwargs):
        raise subprocess.TimeoutExpired("sysctl", 5)

    monkeypatch.setattr(processor.subprocess, "run", refuses)
    assert processor.processor() == {}


def test_windows_is_asked_for_the_processor_in_its_registry(monkeypatch):
    registry = SimpleNamespace(
        HKEY_LOCAL_MACHINE=0,
        OpenKey=lambda *args: contextlib.nullcontext("key"),
        QueryValueEx=lambda key, name: ("AMD Ryzen 7 5800X 8-Core Processor", 1),
    )
    monkeypatch.setitem(sys.modules, "winreg", registry)
    monkeypatch.setattr(processor.sys, "platform", "win32")
    assert processor.processor() == {"cpu": "AMD Ryzen 7 5800X 8-Core Processor"}


def test_a_machine_is_described_by_its_accelerator_or_its_cores_and_their_model():
    cpu = {"cores": 2, "cpu": "A 7", "instruction_sets": ["AVX2", "AMX"], "accelerator": None}
    assert describe_machine(cpu) == "2 CPU cores (A 7; AVX2, AMX)"
    assert describe_machine({**cpu, "accelerator": "H100"}) == "H100"
    assert describe_machine().startswith(f"{machine()['cores']} CPU cores") or machine()["accelerator"]


def test_machines_are_the_same_if_they_agree_in_what_both_state():
    before = {"cores": 2, "accelerator": None}
    now = {**before, "cpu": "A 7"}
    assert same_machine(before, now) and same_machine(now, before)
    assert not same_machine(now, {**before, "cpu": "B 8"})
    assert not same_machine(before, {**now, "cores": 4})


def _result(seed, machine):
    result = dict.fromkeys(("recipe", "preset", "data", "versions", "commit"), "same")
    figures = {"metrics": {"test_nats": 1.0}, "minutes": 2.0}
    return {**result, **figures, "settings": {"seed": seed}, "seed": seed, "machine": machine}


def test_a_run_from_before_the_cpu_was_recorded_can_be_recorded_with_one_from_after():
    before, after = {"cores": 2}, {"cores": 2, "cpu": "A 7"}
    entry = ledger_entry([_result(0, before), _result(1, after)], {})
    assert entry["machine"] == before  # what both of them state
    third = _result(2, {"cores": 2, "cpu": "B 8"})
    with pytest.raises(RunError, match="differ in machine"):
        ledger_entry([_result(0, before), _result(1, after), third], {})
