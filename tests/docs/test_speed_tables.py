"""The tables of speed: every machine of the ledger is there, and what holds on all is computed."""

import json

import pytest
from results_parts import claims, ledger, tables

SIZES = [2, 3, 4, 5]
NAMED = {"processor": "x86_64", "cpu": "A 7", "instruction_sets": ["AVX2", "AMX"], "cores": 2}
NAMED |= {"memory_gib": 15.6, "accelerator": None}
UNNAMED = {"processor": "x86_64", "cores": 2, "memory_gib": 23.5, "accelerator": None}


def row(layer, of, ms, ratio, mib=None):
    measured = {"layer": layer, "shape": SIZES, "of": of}
    measured |= {"forward_backward": {"median_ms": ms, "ratio": ratio}}
    return measured | ({} if mib is None else {"peak_mib": mib})


def benchmark(machine, lstm, gru, torch=None, **others):
    """An entry in which Keras's layers take 100 ms and 10 MiB, the kit's `lstm` and `gru` of that."""
    rows = []
    for kind, ratio in (("lstm", lstm), ("gru", gru)):
        rows += [row(kind, "keras", 100, 1, 10), row(kind, "kit", 100 * ratio, ratio, 11)]
        rows += [row(kind, "torch", 50, 0.5, 5)]
    models = [
        {"model": "a_recipe small", "cell": cell, "words_per_second": 1000 * n, "speedup": 1.0}
        for n, cell in enumerate(("lstm", "gru"), start=1)
    ]
    entry = {"recipe": "benchmark_layers", "dtype": "float32", "jit": False, "device": "cpu"}
    entry |= {"machine": machine, "rows": rows, "models": models, "torch": torch}
    entry |= {"versions": {"python": "3.11.7", "tensorflow": "2.21.0"}, "products_per_second": 2.1e11}
    return entry | others


@pytest.fixture
def put(tmp_path, monkeypatch):
    """`put(entry)`: puts an entry into a ledger of the test's own."""
    monkeypatch.setattr(ledger, "LEDGER", tmp_path)

    def put(entry):
        name = f"{entry['recipe']}-{len(list(tmp_path.iterdir()))}.json"
        (tmp_path / name).write_text(json.dumps(entry))

    return put


def test_the_layers_of_two_machines_stand_below_one_another_by_shape(put):
    put(benchmark(NAMED, 0.9, 0.8, torch={"torch": "2.13"}))
    put(benchmark(UNNAMED, 0.5, 0.6))
    lines = tables.layers().splitlines()
    assert lines[2:4] == [
        "| 2, 3, 4, 5 | A | 100 | 0.50 | 1.10 | | 100 | 0.60 | 1.10 | |",  # PyTorch beside TensorFlow
        "| 2, 3, 4, 5 | B | 100 | 0.90 | 1.10 | 0.50 | 100 | 0.80 | 1.10 | 0.50 |",
    ]


def test_what_holds_on_all_machines_is_computed_from_all_of_them(put):
    put(benchmark(UNNAMED, 0.5, 0.6))
    assert "On the one machine measured" in " ".join(tables.layers().split())
    put(benchmark(NAMED, 0.9, 0.8, torch={"torch": "2.13"}))
    words = " ".join(tables.layers().split())
    assert "On each of the 2 machines measured, at all shapes" in words
    assert "`PeepholeLSTM` takes at most 0.90 and at least 0.50 of the time of Keras's `LSTM`" in words
    assert "`GRU` takes at most 0.80 and at least 0.60 of the time of Keras's `GRU`" in words
    assert "is at most 1.10 of Keras's" in words
    assert "takes 0.56 to 0.56 of the time of `PeepholeLSTM`" in words
    put(benchmark({**NAMED, "cpu": "B 8"}, 1.25, 0.8))
    assert "takes at most 1.25 and at least 0.50" in " ".join(tables.layers().split())


def test_a_machine_that_was_only_reported_has_gaps_and_counts(put):
    put(benchmark(UNNAMED, 0.5, 0.6))
    kit = {"layer": "gru", "shape": SIZES, "of": "kit", "forward_backward": {"ratio": 0.7}}
    rows = [row("lstm", "kit", 40, 0.8), row("lstm", "torch", 25, None), kit]
    machine = {"cores": 2, "accelerator": None}
    told = {"rows": rows, "models": [], "versions": None, "reported": "by hand"}
    put(benchmark(machine, 1, 1, torch={"process": "its own"}, **told))
    lines = tables.layers().splitlines()
    assert lines[3] == "| 2, 3, 4, 5 | B | 50.0 | 0.80 | | 0.50 | | 0.70 | |"
    assert "at most 0.80 and at least 0.50" in " ".join(lines)
    told = tables.machines().splitlines()[3]
    assert told.startswith("| B | model not recorded |") and told.endswith("| 1, reported |")


def test_words_a_second_have_columns_of_each_machine(put):
    put(benchmark(NAMED, 0.9, 0.8))
    put(benchmark(UNNAMED, 0.5, 0.6))
    assert tables.models().splitlines()[0] == (
        "| recipe and preset | cell | words or characters a second, A | speed, A | "
        "words or characters a second, B | speed, B |"
    )
    assert tables.models().splitlines()[3] == (
        "| `a_recipe.py`, `small` | gru | 2,000 | 1.00 | 2,000 | 1.00 |"
    )


def test_machines_are_listed_with_their_cpu_and_a_speed_and_each_once(put):
    put(benchmark(NAMED, 0.9, 0.8, torch={"torch": "2.13"}))
    put(benchmark(UNNAMED, 0.5, 0.6))
    again = {
        "recipe": "z",
        "machine": {**UNNAMED, "memory_gib": 23.4},
        "versions": {"python": "3.11.7"},
    }
    put(again)  # after another start of its system
    assert tables.machines().splitlines()[2:] == [
        "| A | model not recorded | not recorded | 2 | 23.5 GiB | 210 | Python 3.11.7, "
        "TensorFlow 2.21.0; Python 3.11.7 | 2 |",
        "| B | A 7 | AVX2, AMX | 2 | 15.6 GiB | 210 | Python 3.11.7, TensorFlow 2.21.0, "
        "PyTorch 2.13 | 1 |",
    ]


def test_a_machine_with_a_gpu_and_a_measurement_of_its_cpu_has_both(put):
    machine = {**NAMED, "accelerator": "H100"}
    put(benchmark(machine, 0.9, 0.8))
    put(benchmark(machine, 0.5, 0.6, device="gpu"))
    assert [line.split(" | ")[1] for line in tables.layers().splitlines()[2:4]] == ["A, its CPU", "A"]


def test_a_ledger_without_a_measurement_is_refused(put):
    with pytest.raises(LookupError, match="expected 1 or more"):
        tables.layers()


def test_whether_grus_are_faster_is_said_of_each_machine():
    machines = [name for name, measured in tables.benchmarks().items() if measured["models"]]
    assert machines
    for name in machines:
        assert f"(machine {name})" in claims.grus_are_quicker()
