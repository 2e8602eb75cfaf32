"""A run's folder: nothing half-written, nothing overwritten, and errors of one line."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from rnn_kit.runs import Run, RunError, commit


@dataclasses.dataclass(frozen=True)
class Settings:
    units: int = 3


@pytest.fixture
def run(tmp_path):
    return Run.create("a_recipe", "smoke", Settings(), tmp_path / "run")


def test_a_new_run_writes_its_settings_and_can_be_opened(run):
    config = json.loads(run.file("config.json").read_text())
    assert config["recipe"] == "a_recipe" and config["settings"] == {"units": 3}
    assert Run.open(run.path, "a_recipe").config == config


def test_the_default_folder_names_recipe_and_preset_and_never_meets_another(tmp_path):
    runs = [Run.create("r", "cpu", Settings(), root=tmp_path) for _ in range(3)]
    assert len({run.path for run in runs}) == 3
    assert all(run.path.parent == tmp_path / "r" and run.path.name[:4] == "cpu-" for run in runs)


def test_a_folder_that_holds_a_run_is_refused_and_left_as_it_was(run):
    before = run.file("config.json").read_text()
    with pytest.raises(RunError, match="already holds a run"):
        Run.create("a_recipe", "cpu", Settings(5), run.path)
    assert run.file("config.json").read_text() == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file"):
        Run.create("r", "cpu", Settings(), tmp_path / "file" / "run")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no run in"),
        ("{", "Cannot read"),
        ("[]", "Cannot read"),
        ('{"recipe": "other", "settings": {}}', "recipe 'other'"),
    ],
)
def test_what_is_no_run_of_the_recipe_is_named(content, message, tmp_path):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(RunError, match=message) as error:
        Run.open(tmp_path, "a_recipe")
    assert "\n" not in str(error.value)


def test_latest_is_the_last_that_has_a_model(tmp_path):
    with pytest.raises(RunError, match="no trained run"):
        Run.latest("r", tmp_path)
    runs = [Run.create("r", "cpu", Settings(), root=tmp_path) for _ in range(3)]
    runs[1].write_text("model.keras", "")
    assert Run.latest("r", tmp_path).path == runs[1].path


def test_a_write_that_breaks_off_leaves_the_old_file_and_no_new_one(run):
    run.write_text("notes.txt", "old")
    with pytest.raises(KeyboardInterrupt), run.writing("notes.txt") as aside:
        aside.write_text("ne")
        raise KeyboardInterrupt
    assert run.file("notes.txt").read_text() == "old"
    assert sorted(p.name for p in run.path.iterdir()) == ["config.json", "notes.txt"]


def test_a_model_comes_back_and_a_broken_one_is_one_line(run):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(RunError, match=r"has no model\.keras"):
        run.load_model()
    run.save_model(model)
    x = np.ones((1, 2), "float32")
    np.testing.assert_array_equal(run.load_model()(x), model(x))
    whole = run.file("model.keras").read_bytes()
    run.file("model.keras").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match="Cannot load") as error:
        run.load_model()
    assert "\n" not in str(error.value)


def test_history_is_one_line_an_epoch(run):
    for epoch in (1, 2):
        run.append_history({"epoch": epoch, "loss": 1 / epoch})
    assert run.history() == [{"epoch": 1.0, "loss": 1.0}, {"epoch": 2.0, "loss": 0.5}]


def test_the_result_says_what_ran_where(run):
    result = run.write_result({"name": "d", "sha256": "0"}, 7, {"test_nats": np.float32(1.5)})
    assert json.loads(run.file("result.json").read_text()) == result
    assert set(result) == set(
        "recipe preset settings data seed metrics minutes machine versions commit".split()
    )
    assert result["metrics"] == {"test_nats": 1.5} and result["seed"] == 7
    assert result["versions"]["keras"] == keras.__version__
    assert result["machine"]["cores"] >= 1
    assert commit() is None or len(commit().rstrip("+")) == 40
