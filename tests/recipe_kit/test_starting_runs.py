"""Runs that a command line starts: in whose folder, gone on with how, and what is left of none."""

import argparse
import dataclasses
import hashlib
import json
import sys
import zipfile
from pathlib import Path

import pytest
import tensorflow as tf

from recipe_kit import cli
from recipe_kit.cli import setting, training
from recipe_kit.datasets import DataError
from recipe_kit.runs import RunError, folder


@dataclasses.dataclass(frozen=True)
class OfText:
    FILES = ("loss.png",)

    data: str = setting("letters", "a name or a path", group="data and run")
    seed: int = setting(0, "of weights", cli.seed, group="data and run")
    units: int = setting(8, "of each layer", cli.positive_int)
    epochs: int = setting(2, "of training", cli.positive_int)
    checkpoint_seconds: float = cli.checkpoint_seconds()
    length: int = setting(400, "to write", cli.positive_int, group="writing")


class Toy:
    """A recipe that trains nothing. Its data have a hash of what a file says."""

    def __init__(self, root):
        self.root, self.settings = root, []
        self.on_the_way = lambda run: None

    def __call__(self, *argv):
        line = cli.CommandLine("toy.py", "About.", OfText, {"cpu": OfText()})
        line.train()
        flags = line.parse(list(map(str, argv)))
        presets = {"cpu": OfText()}
        where = {"root": self.root / "runs"}
        return cli.run_seeds("toy", flags, presets, OfText, self.run_one, self.root / "ledger", **where)

    def run_one(self, settings, open_run):
        path = Path(settings.data)
        if path.suffix and not path.exists():
            raise DataError(f"{path} is not there.")
        content = path.read_bytes() if path.exists() else b""
        data = {"name": settings.data, "sha256": hashlib.sha256(content).hexdigest()}
        run = open_run(data)
        self.on_the_way(run)
        self.settings.append(settings)
        with run.atomic_write("model.keras") as tmp:
            zipfile.ZipFile(tmp, "w").close()
        return run.write_result(data, settings.seed, {"loss": 1.0})["metrics"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Leaves out what takes the time of these: collecting what a training leaves, and asking Git."""
    monkeypatch.setattr(training.keras.utils, "clear_session", lambda: None)
    monkeypatch.setattr(folder, "commit", lambda: None)


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path)


def test_a_folder_with_files_of_the_users_is_refused_before_the_data_are_read(toy, tmp_path):
    for name, flags in (("loss.png", []), ("seed-1/samples.txt", ["--seeds", 0, 1])):
        out = tmp_path / name.replace("/", "-")
        (out / name).parent.mkdir(parents=True)
        (out / name).write_text("mine")
        with pytest.raises(RunError, match="already, which would be written over"):
            toy("--out", out, *flags)
        assert (out / name).read_text() == "mine" and not list(out.rglob("config.json"))
    assert toy.settings == []


@pytest.mark.parametrize("flags", [[], ["--seeds", 1, 2]], ids=["one", "seeds"])
def test_a_run_that_is_still_trained_is_not_gone_on_with(flags, toy, tmp_path):
    refused = []

    def start_again(run):
        assert ".lock" not in run.names()
        with pytest.raises(RunError, match="is in use") as error:
            Toy(tmp_path)("--out", tmp_path / "run", *flags, "--resume")
        refused.append(str(error.value))

    toy.on_the_way = start_again
    toy("--out", tmp_path / "run", *flags)
    assert len(refused) == max(1, len(flags) - 1)
    assert not list(tmp_path.rglob(".lock"))


def test_of_two_starts_in_one_folder_the_second_is_refused_while_data_are_read(tmp_path):
    one, refused = Toy(tmp_path), []

    def reading(settings, open_run):
        with pytest.raises(RunError, match="is in use"):
            Toy(tmp_path)("--out", tmp_path / "run")
        refused.append(True)
        raise cli.UserError("There are no data.")

    one.run_one = reading
    with pytest.raises(cli.UserError):
        one("--out", tmp_path / "run")
    assert refused and not (tmp_path / "run").exists()


def test_a_seed_that_has_ended_can_be_trained_on_while_the_next_is_trained(toy, tmp_path):
    toy("--out", tmp_path / "run", "--seeds", 0)
    locked_then = []
    toy.on_the_way = lambda run: locked_then.append(
        [(tmp_path / "run" / f"seed-{seed}" / ".lock").exists() for seed in (0, 1)]
    )
    (tmp_path / "run/seed-0/result.json").unlink()
    toy("--out", tmp_path / "run", "--seeds", 0, 1, "--resume")
    assert locked_then == [[True, True], [False, True]]


def test_a_comparison_that_is_still_trained_is_not_gone_on_with(tmp_path):
    flags = argparse.Namespace(seeds=None, resume=False, out=str(tmp_path), argv=[])

    def train_runs(its_flags):
        with pytest.raises(RunError, match="is in use"):
            cli.run_variants("toy", flags, tmp_path, OfText(), {"a": {}}, train_runs)
        return {"loss": 1.0}

    trained = cli.run_variants("toy", flags, tmp_path, OfText(), {"a": {}, "b": {}}, train_runs)
    assert list(trained) == ["a", "b"] and list(tmp_path.iterdir()) == []


def test_a_comparison_writes_over_no_file_of_the_users(tmp_path):
    flags = argparse.Namespace(seeds=[0], resume=False, out=str(tmp_path), argv=[])
    (tmp_path / "comparison.png").write_text("mine")
    with pytest.raises(RunError, match=r"holds comparison\.png already"):
        cli.variants_folder("toy", flags, "cpu")
    assert cli.variants_folder("toy", flags, "cpu", ["other.png"]) == tmp_path
    (tmp_path / "a").mkdir()
    (tmp_path / "a/config.json").write_text("{}")
    with pytest.raises(RunError, match=r"a already holds a run.*--resume"):
        cli.variants_folder("toy", flags, "cpu")
    (tmp_path / "a/config.json").unlink()
    (tmp_path / "b/seed-0").mkdir(parents=True)
    (tmp_path / "b/seed-0/history.csv").write_text("mine")
    with pytest.raises(RunError, match=r"seed-0 holds history\.csv already"):
        cli.run_variants("toy", flags, tmp_path, OfText(), {"a": {}, "b": {}}, lambda flags: 1 / 0)


def unfinished(toy, out, *argv):
    toy("--out", out, *argv)
    (out / "result.json").unlink()
    toy.settings.clear()


def test_a_run_whose_data_moved_goes_on_where_they_are_the_same(toy, tmp_path):
    (tmp_path / "old.txt").write_text("the text")
    unfinished(toy, tmp_path / "run", "--data", tmp_path / "old.txt", "--units", 3)
    (tmp_path / "old.txt").rename(tmp_path / "new.txt")
    with pytest.raises(cli.UserError, match=r"old\.txt is not there\. If .* moved, say with --data"):
        toy("--resume", "--out", tmp_path / "run")
    toy("--resume", "--out", tmp_path / "run", "--data", tmp_path / "new.txt")
    assert toy.settings == [OfText(data=str(tmp_path / "new.txt"), units=3)]
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["settings"]["data"] == config["data"]["name"] == str(tmp_path / "new.txt")
    (tmp_path / "run/result.json").unlink()
    (tmp_path / "new.txt").write_text("another text")
    with pytest.raises(RunError, match="The data are not those that the run in"):
        toy("--resume", "--out", tmp_path / "run", "--data", tmp_path / "new.txt")


def test_a_run_goes_on_with_other_settings_on_which_no_figure_depends(toy, tmp_path):
    unfinished(toy, tmp_path / "run")
    toy("--resume", "--out", tmp_path / "run", "--checkpoint-seconds", 5, "--length", 10)
    assert toy.settings == [OfText(checkpoint_seconds=5.0, length=10)]
    (tmp_path / "run/result.json").unlink()
    with pytest.raises(cli.UserError, match=r"--units 4: the run in .* was started with 8"):
        toy("--resume", "--out", tmp_path / "run", "--units", 4, "--length", 20)


def test_seeds_that_differ_in_what_no_figure_depends_on_have_a_mean_and_an_entry(toy, tmp_path):
    toy("--out", tmp_path / "run", "--seeds", 0)
    argv = ["--seeds", 0, 1, "--length", 10, "--resume", "--record"]
    metrics = toy("--out", tmp_path / "run", *argv)
    assert metrics["loss"]["values"] == [1.0, 1.0]
    assert [path.name for path in (tmp_path / "ledger").iterdir()] == ["toy-cpu.json"]


def test_a_comparison_goes_on_with_other_settings_on_which_no_figure_depends(toy, tmp_path):
    toy("--out", tmp_path / "all/a")
    flags = argparse.Namespace(seeds=None, resume=True, out=str(tmp_path / "all"), argv=[])
    said = []

    def go_on(**settings):
        settings = OfText(**settings)
        cli.run_variants("toy", flags, tmp_path / "all", settings, {"a": {}}, said.append)

    go_on(length=10, data="elsewhere")
    assert said[0].resume
    with pytest.raises(RunError, match="started with other settings"):
        go_on(units=4)


@pytest.mark.parametrize("out", [[], ["--out", "run"]], ids=["default", "out"])
@pytest.mark.parametrize(
    "error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM when")]
)
def test_a_network_that_memory_is_too_small_for_leaves_nothing(
    error, out, toy, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["toy.py"])

    def too_large(run):
        run.append_sample("text")
        raise error

    toy.on_the_way = too_large
    with pytest.raises(SystemExit) as exit:
        cli.run_recipe(lambda: toy(*out))
    err = capsys.readouterr().err
    assert exit.value.code == 2 and err.count("\n") == 1 and "Give a smaller --units" in err
    assert list(tmp_path.rglob("*")) == []


def test_what_was_trained_before_memory_ran_out_is_kept(toy, tmp_path):
    def too_large(run):
        run.checkpoints.save(1, {}, {})
        raise MemoryError

    toy.on_the_way = too_large
    with pytest.raises(cli.UserError, match=r"--resume --out .*run"):
        toy("--out", tmp_path / "run")
    assert (tmp_path / "run/config.json").exists()


@pytest.mark.parametrize("own", [[], ["--out", "mine"]])
def test_a_run_of_a_comparison_goes_on_with_the_whole_of_it(own, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["toy.py"])
    flags = argparse.Namespace(seeds=[0], record=False, argv=["compare", *own], comparison="runs/toy/1")
    again = training._how_to_go_on(flags, tmp_path / "lstm/seed-0")
    assert again.endswith(f"toy.py compare --out {own[1] if own else 'runs/toy/1'} --resume")
