"""The benchmark of layers: every row is there, ratios are to Keras, and its figures are kept."""

import dataclasses
import json

import benchmark_layers as recipe
import pytest

FLAGS = ["--shapes", "3,2,4,5", "--repeats", "3", "--no-memory", "--no-models"]


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
    assert recipe.operations("lstm", (1, 1, 3, 5)) == 3 * 2 * (3 + 5) * 20
    assert recipe.operations("gru", (7, 2, 3, 5)) == 14 * 3 * 2 * (3 + 5) * 15


def test_what_is_timed_as_the_kit_is_the_fused_loop_and_as_plain_the_other():
    for kind in recipe.MAKERS.values():
        assert kind["kit"](2).runs_fused(training=True)
        assert not kind["kit plain"](2).runs_fused(training=True)


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


def test_peak_memory_is_that_of_processes_of_their_own(monkeypatch):
    monkeypatch.setattr(recipe, "MEMORY_PROCESSES", 1)
    assert recipe.peak_memory("lstm", "kit", (60, 64, 64, 256), "float32", False) > 10


@pytest.mark.parametrize("shapes", ["1,2,3", "1,2,3,x", "0,1,1,1"])
def test_a_shape_that_is_none_is_one_line(shapes, capsys):
    with pytest.raises(SystemExit) as stop:
        recipe.main(["--shapes", shapes])
    assert stop.value.code == 2
    assert "is not T,B,F,units" in capsys.readouterr().err


def test_a_result_is_not_overwritten(tmp_path):
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(recipe.cli.UserError, match="holds a result already"):
        recipe.main([*FLAGS, "--out", str(tmp_path)])
    assert (tmp_path / "result.json").read_text() == "{}"
