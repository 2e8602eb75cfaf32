"""The recipe `skeleton_recipe.py`: what it leaves, that it goes on, and what it says to bad input."""

import json

import numpy as np
import pytest

import skeleton_recipe as recipe


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """One smoke run, which the tests read."""
    out = tmp_path_factory.mktemp("runs") / "smoke"
    return out, recipe.main(["--preset", "smoke", "--out", str(out)])


def test_a_run_leaves_what_the_design_promises(saved):
    out, metrics = saved
    names = {path.name for path in out.iterdir()}
    assert names >= {"config.json", "history.csv", "result.json", "model.keras", *recipe.Settings.FILES}
    assert json.loads((out / "result.json").read_text())["metrics"] == metrics


def test_the_target_is_whether_there_are_more_ones():
    bits = np.array([[0, 1, 1], [0, 0, 1], [0, 1, 0]], "int32")
    assert recipe.has_more_ones(bits).numpy().tolist() == [1, 0, 0]


@pytest.mark.slow
def test_a_run_that_goes_on_ends_as_the_unbroken_one(saved, tmp_path, monkeypatch):
    class Kill(recipe.kit.StopOnNaN):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise RuntimeError("killed")

    flags = ["--preset", "smoke", "--out", str(tmp_path / "killed")]
    with monkeypatch.context() as patch:
        patch.setattr(recipe.kit, "StopOnNaN", Kill)
        with pytest.raises(RuntimeError, match="killed"):
            recipe.main(flags)
    resumed = recipe.main([*flags, "--resume"])
    unbroken = saved[1]
    assert {**resumed, "train_seconds": 0} == {**unbroken, "train_seconds": 0}


def test_a_saved_run_judges_bits(saved, capsys):
    p = recipe.main(["predict", "0110111", "--run", str(saved[0])])
    assert 0 <= p <= 1 and f"(p = {p:.3f})" in capsys.readouterr().out


def test_bits_that_are_none_are_one_line(capsys):
    with pytest.raises(SystemExit) as exit:
        recipe.main(["predict", "two"])
    error = capsys.readouterr().err
    assert exit.value.code == 2 and error.count("\n") == 1 and "is not a sequence of 0s and 1s" in error
