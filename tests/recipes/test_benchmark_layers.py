"""The benchmark of layers: every row is there, ratios are to Keras, and its figures are kept."""

import dataclasses
import json
import re
import subprocess
import sys

import pytest

import benchmark_layers as recipe

WITH_TORCH = ["--shapes", "3,2,4,5", "--repeats", "3", "--no-memory", "--no-models"]
FLAGS = [*WITH_TORCH, "--no-torch"]


def test_every_layer_is_measured_and_the_result_is_written(tmp_path, capsys):
    result = recipe.main([*FLAGS, "--out", str(tmp_path)])
    assert json.loads((tmp_path / "result.json").read_text())["rows"][0]["shape"] == [3, 2, 4, 5]
    assert (tmp_path / "benchmark.png").stat().st_size > 1000
    for kind in ("lstm", "gru"):
        rows = {row["of"]: row for row in result["rows"] if row["layer"] == kind}
        assert {"keras", "kit", "kit plain"} <= set(rows)
        for row in rows.values():
            for what in ("forward", "forward_backward"):
                low, high = row[what]["quartiles_ms"]
                assert 0 < low <= row[what]["median_ms"] <= high
                expected = row[what]["median_ms"] / rows["keras"][what]["median_ms"]
                assert row[what]["ratio"] == pytest.approx(expected)
    assert "GRU, T = 3, B = 2, F = 4, units = 5; at " in capsys.readouterr().out


def test_operations_are_those_of_the_products_of_one_step_and_its_gradient():
    # One step of one sequence: a row of F + units numbers meets 4 units columns, at 2 operations a
    # number; back, the gradients of the row and of the matrix take as many each.
    assert recipe.timing.operations("lstm", (1, 1, 3, 5)) == 3 * 2 * (3 + 5) * 20
    assert recipe.timing.operations("gru", (7, 2, 3, 5)) == 14 * 3 * 2 * (3 + 5) * 15


def test_what_is_timed_as_the_kit_is_the_fused_loop_and_as_plain_the_other():
    for kind in map(recipe.makers, recipe.KINDS):
        assert kind["kit"](2).runs_fused(training=True)
        assert not kind["kit plain"](2).runs_fused(training=True)


@pytest.mark.slow
def test_training_steps_of_the_recipes_models_are_measured_with_both_layers(capsys):
    small = {"units": 4, "batch_size": 3, "window": 5}
    both = {
        name: (make, dataclasses.replace(preset, **small))
        for name, (make, preset) in recipe.models.MODELS.items()
        if "ptb" in name or "nietzsche" in name
    }
    make, preset = recipe.models.MODELS["imdb_sentiment lecture"]
    both["imdb_sentiment lecture"] = make, dataclasses.replace(preset, units=4, batch_size=3, maxlen=5)
    rows = recipe.models.measure(["lstm", "gru"], 2, both)
    assert len(rows) == 4 * len(both)
    for row in rows:
        assert row["words"] == 15
        assert row["words_per_second"] == pytest.approx(15_000 / row["median_ms"])
    for keras_own, kit in zip(rows[::2], rows[1::2], strict=True):
        assert keras_own["speedup"] == 1
        expected = keras_own["median_ms"] / kit["median_ms"]
        assert kit["speedup"] == pytest.approx(expected)
    recipe.report_models(rows)
    assert "ptb_language_model medium" in capsys.readouterr().out


def test_a_gpu_that_is_not_there_is_one_line(monkeypatch):
    monkeypatch.setattr(recipe, "has_gpu", lambda: False)
    with pytest.raises(recipe.cli.UserError, match="sees no GPU here"):
        recipe.main([*FLAGS, "--device", "gpu"])


@pytest.mark.slow
def test_peak_memory_is_that_of_processes_of_their_own(monkeypatch):
    monkeypatch.setattr(recipe, "MEMORY_PROCESSES", 1)
    flags = recipe.parse([])
    assert recipe.median_peak_memory("lstm", "kit", (60, 64, 64, 256), flags) > 10


@pytest.mark.parametrize("shapes", ["1,2,3", "1,2,3,x", "0,1,1,1"])
def test_a_shape_that_is_none_is_one_line(shapes, capsys):
    with pytest.raises(SystemExit) as stop:
        recipe.main(["--shapes", shapes])
    assert stop.value.code == 2
    assert "is not T,B,F,units" in capsys.readouterr().err


def test_a_result_is_not_overwritten(tmp_path):
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(recipe.runs.RunError, match=r"holds result\.json already"):
        recipe.main([*FLAGS, "--out", str(tmp_path)])
    assert (tmp_path / "result.json").read_text() == "{}"


# --- PyTorch, in a process of its own -------------------------------------------------------------


STAND_IN = """
import json, sys

about = {"torch": "9.9", "numpy": "1", "python": "3", "threads": 7, "cuda": False}
print(json.dumps(about), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    with open(sys.argv[1], "a") as file:
        file.write(line)
    if request["do"] == "peak_memory":
        print(json.dumps({"mib": 12.5}), flush=True)
    else:
        n = request["repeats"]
        print(json.dumps({"forward": [1000.0] * n, "forward_backward": [3000.0] * n}), flush=True)
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """`stand_in(program)`: that program is started in place of the one that imports PyTorch.

    Returns the file to which it may write what it is asked.
    """

    def put(program):
        (tmp_path / "stand_in.py").write_text(program)
        asked = tmp_path / "asked"
        monkeypatch.setattr(recipe.torch_times, "PROGRAM", [str(tmp_path / "stand_in.py"), str(asked)])
        return asked

    return put


@pytest.mark.slow
def test_pytorchs_process_is_asked_in_rounds_and_its_times_stand_beside_the_others(
    stand_in, tmp_path, capsys, monkeypatch
):
    asked = stand_in(STAND_IN)
    monkeypatch.setattr(recipe.peak_memory, "peak", lambda program, flags: 10.0)
    flags = ["--shapes", "3,2,4,5", "--layers", "gru", "--repeats", "4", "--no-models"]
    result = recipe.main([*flags, "--torch-python", sys.executable, "--out", str(tmp_path / "run")])
    requests = [json.loads(line) for line in asked.read_text().splitlines()]
    times = [request for request in requests if request["do"] == "time"]
    assert [request["repeats"] for request in times] == [2, 1, 1]
    said = {"layer": "gru", "sizes": [3, 2, 4, 5], "dtype": "float32", "device": "cpu"}
    assert all(said.items() <= request.items() for request in requests)
    assert len(requests) - len(times) == recipe.MEMORY_PROCESSES
    rows = {row["of"]: row for row in result["rows"]}
    assert rows["torch"]["forward"]["median_ms"] == 1000
    assert rows["torch"]["forward_backward"]["median_ms"] == 3000
    expected = 3000 / rows["keras"]["forward_backward"]["median_ms"]
    assert rows["torch"]["forward_backward"]["ratio"] == pytest.approx(expected)
    assert rows["torch"]["peak_mib"] == 12.5 and rows["kit"]["peak_mib"] == 10
    assert result["torch"]["torch"] == "9.9" and result["torch"]["threads"] == 7
    assert "PyTorch 9.9, in a process of its own, threads: 7" in capsys.readouterr().out


def test_in_each_round_one_group_measures_after_the_other():
    order = []

    def group(name):
        def measure(repeats):
            order.append((name, repeats))
            return {name: [len(order)] * repeats}

        return measure

    times = recipe.timing.take_rounds([group("a"), group("b")], 5, 3)
    assert order == [("a", 2), ("b", 2), ("a", 2), ("b", 2), ("a", 1), ("b", 1)]
    assert times == {"a": [1, 1, 3, 3, 5], "b": [2, 2, 4, 4, 6]}
    order.clear()
    recipe.timing.take_rounds([group("a")], 2, 3)
    assert order == [("a", 1), ("a", 1)]


@pytest.mark.parametrize(
    ("program", "error"),
    [
        (
            'print(\'{"missing": "No module named torch"}\')',
            r"it has no PyTorch \(No module named torch\)",
        ),
        ("import sys; sys.exit('out of order')", "did not answer as expected.*out of order"),
        ("print('no JSON')", "did not answer as expected.*exit code 0"),
    ],
)
def test_a_python_without_pytorch_or_a_process_that_fails_is_one_line(
    program, error, stand_in, run_main, tmp_path
):
    stand_in(program)
    argv = [*WITH_TORCH, "--torch-python", sys.executable, "--out", str(tmp_path / "run")]
    code, _, said = run_main(argv)
    assert code == 2 and said.count("\n") == 1 and re.search(error, said)


@pytest.mark.slow
def test_a_process_that_ends_amid_its_work_is_one_line(stand_in, run_main, tmp_path):
    stand_in(STAND_IN.replace("    request = json", "    sys.exit('broken')\n    request = json"))
    argv = [*WITH_TORCH, "--torch-python", sys.executable, "--out", str(tmp_path / "run")]
    code, _, said = run_main(argv)
    assert code == 2 and said.count("\n") == 1 and "broken" in said


@pytest.mark.slow
def test_where_pytorch_is_not_installed_it_is_left_out_and_the_output_says_so(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(recipe.torch_times.importlib.util, "find_spec", lambda name: None)
    result = recipe.main([*WITH_TORCH, "--layers", "gru", "--out", str(tmp_path)])
    assert {row["of"] for row in result["rows"]} == {"keras", "kit", "kit plain"}
    assert result["torch"] is None
    assert "PyTorch is left out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--torch-python", "no/such/python"], "there is no such program"),
        (["--torch-python", sys.executable, "--dtype", "float16"], "measured in float32 and float64"),
        (["--torch-python", sys.executable, "--no-torch"], "exclude each other"),
    ],
)
def test_a_pytorch_that_cannot_be_measured_is_one_line(flags, error, run_main, tmp_path):
    code, _, said = run_main([*WITH_TORCH, *flags, "--out", str(tmp_path / "run")])
    assert code == 2 and said.count("\n") == 1 and error in said


@pytest.mark.slow
def test_the_process_of_pytorch_imports_neither_tensorflow_nor_keras():
    program = (
        "import sys\n"
        "import parts.benchmark_layers.torch_process as process, parts.benchmark_layers.timing\n"
        "process.introduction(None)\n"
        "sys.exit(sorted({'tensorflow', 'keras'} & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=recipe.torch_times.RECIPES, check=True)


@pytest.mark.slow
def test_pytorch_is_measured_by_its_process():
    pytest.importorskip("torch")
    with recipe.torch_times.start(None, "float32", 1, False) as torch:
        assert torch.about["threads"] == 1
        asked = {"sizes": [3, 2, 4, 5], "dtype": "float32", "device": "cpu"}
        for kind in ("lstm", "gru"):
            times = torch.ask(do="time", layer=kind, repeats=2, **asked)
            assert {name: len(ms) for name, ms in times.items()} == {
                "forward": 2,
                "forward_backward": 2,
            }
            assert min(times["forward"]) > 0
        asked["sizes"] = [60, 64, 64, 256]
        assert torch.ask(do="peak_memory", layer="lstm", **asked)["mib"] > 10


# --- the ledger -----------------------------------------------------------------------------------


MACHINE = {"processor": "x86_64", "cpu": "A 7", "cores": 2, "memory_gib": 23.5, "accelerator": None}


def test_each_machine_has_a_file_of_its_own_in_the_ledger(monkeypatch, tmp_path):
    monkeypatch.setattr(recipe, "LEDGER", tmp_path / "ledger")
    monkeypatch.setattr(recipe, "draw", lambda rows, path, machine: path.write_text(""))
    described = [MACHINE, {**MACHINE, "cpu": "B 8"}, {**MACHINE, "memory_gib": 23.4}]
    described += [{**MACHINE, "cores": 4}, {**MACHINE, "instruction_sets": ["AMX"]}]
    for n, machine in enumerate(described):
        result = {"recipe": recipe.RECIPE, "device": "cpu", "dtype": "float32", "jit": False}
        result |= {"rows": [], "machine": machine}
        monkeypatch.setattr(recipe, "measure_all", lambda *args, result=result: result)
        recipe.main(["--record", "--no-torch", "--out", str(tmp_path / str(n))])
    entries = [json.loads(path.read_text()) for path in sorted((tmp_path / "ledger").iterdir())]
    # The third is the first, whose system tells its memory otherwise after another start.
    assert len(entries) == 4
    assert {entry["machine"]["cpu"] for entry in entries} == {"A 7", "B 8"}
    names = [path.name for path in (tmp_path / "ledger").iterdir()]
    assert sum(name.startswith("benchmark_layers-cpu-float32-a_7-2_cores-") for name in names) == 2


def test_a_compiled_measurement_does_not_overwrite_the_other():
    result = {"recipe": "r", "device": "cpu", "dtype": "float32", "jit": False, "machine": MACHINE}
    assert recipe.entry_names.entry_name(result) != recipe.entry_names.entry_name(
        {**result, "jit": True}
    )


@pytest.mark.parametrize("part", [["--shapes", "3,2,4,5"], ["--layers", "gru"], ["--no-models"]])
def test_a_part_of_the_measurement_does_not_replace_the_whole_in_the_ledger(part, run_main):
    code, _, said = run_main(["--record", *part])
    assert code == 2 and "--record is for the whole measurement" in said


@pytest.mark.slow
def test_a_process_of_peak_memory_runs_on_the_same_device_with_as_many_threads():
    flags = recipe.parse(["--device", "cpu", "--threads", "3", "--dtype", "float64", "--jit"])
    given = recipe.child_flags("gru", "kit", (3, 2, 4, 5), flags)
    child = recipe.parse(given)
    assert (child.device, child.threads, child.dtype, child.jit) == ("cpu", 3, "float64", True)
    assert (child.memory_of, child.layers, child.shapes) == ("kit", ["gru"], [(3, 2, 4, 5)])
