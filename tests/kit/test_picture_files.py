"""A picture that a run saves tells of the run in its file, and is the same for the same run."""

import dataclasses
import json
from pathlib import Path

import pytest
from PIL import Image

from rnn_kit import plots
from rnn_kit.runs import RESULT, Run, RunError


@dataclasses.dataclass(frozen=True)
class Settings:
    units: int = 3
    data: str = "/somewhere/of/mine/text.txt"
    features: tuple = ("/somewhere/of/mine/f.npz",)


def figure():
    drawn = plots.Figure((1, 1))
    drawn.subplots().plot([1, 2])
    return drawn


@pytest.fixture
def run(tmp_path):
    data = {"name": "/somewhere/of/mine/text.txt", "sha256": "ab", "characters": 7}
    return Run.create("a_recipe", "cpu", Settings(), tmp_path / "run", data=data)


def test_a_picture_tells_of_the_finished_run_that_drew_it(run):
    run.write_json(RESULT, {"seed": 4, "metrics": {"test_nats": 1.5}, "commit": "c", "minutes": 3})
    plots.save(run, "loss.png", figure())
    assert plots.about_picture(run.file("loss.png")) == {
        "recipe": "a_recipe",
        "preset": "cpu",
        "settings": {"units": 3, "data": "text.txt", "features": ["f.npz"]},
        "data": {"name": "text.txt", "sha256": "ab"},
        "seed": 4,
        "metrics": {"test_nats": 1.5},
        "commit": "c",
    }


def test_a_picture_does_not_tell_where_files_lie(run):
    plots.save(run, "loss.png", figure())
    assert b"somewhere" not in run.file("loss.png").read_bytes()


def test_a_picture_of_an_unfinished_run_has_no_metrics(run):
    plots.save(run, "loss.png", figure())
    assert "metrics" not in plots.about_picture(run.file("loss.png"))


def test_a_folder_without_settings_gets_its_picture_and_no_source(tmp_path):
    look = Run(tmp_path / "look", {})
    plots.save(look, "cells.png", figure())
    assert plots.about_picture(look.file("cells.png")) is None


def test_the_same_figure_is_the_same_file(run):
    for name in ("one.png", "two.png"):
        plots.save(run, name, figure())
    assert run.file("one.png").read_bytes() == run.file("two.png").read_bytes()


def test_a_comparisons_picture_tells_what_each_variant_came_to(tmp_path):
    variants = {"gru": {"test_accuracy": {"mean": 0.5, "values": [0.5]}}}
    plots.save_comparison(tmp_path / "new" / "c.png", figure(), "a_recipe", variants)
    about = plots.about_picture(tmp_path / "new" / "c.png")
    assert about == {"recipe": "a_recipe", "variants": variants}


def test_a_picture_without_its_text_or_with_another_tells_nothing(tmp_path):
    path = tmp_path / "a.png"
    Image.new("L", (2, 2)).save(path)
    assert plots.about_picture(path) is None
    plots.write(figure(), path, {})
    assert plots.about_picture(path) is None
    figure().savefig(path, metadata={plots.CHUNK: "not {JSON"})
    assert plots.about_picture(path) is None


def test_a_broken_result_is_one_line(run):
    run.write_text(RESULT, "{")
    with pytest.raises(RunError, match=r"Cannot read .*result\.json"):
        plots.save(run, "loss.png", figure())
    assert not list(run.path.glob("*.png"))


def test_a_full_disk_is_one_line_and_leaves_no_half_picture(run, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(plots.Figure, "savefig", full)
    with pytest.raises(RunError, match="No space left"):
        plots.save(run, "loss.png", figure())
    assert not [path for path in run.path.iterdir() if "png" in path.name]


def test_every_picture_of_the_recipes_is_saved_with_what_drew_it():
    """One helper saves figures: a `savefig` of its own would leave a picture without its source."""
    recipes = Path(__file__).parents[2] / "recipes"
    own = [p.name for p in recipes.rglob("*.py") if "savefig" in p.read_text(encoding="utf-8")]
    assert own == ["benchmark_layers.py"]  # whose picture lies beside its result, and nowhere else


def test_what_a_picture_tells_is_json_of_its_own(run):
    plots.save(run, "loss.png", figure())
    with Image.open(run.file("loss.png")) as image:
        assert list(image.text) == [plots.CHUNK]
        assert json.loads(image.text[plots.CHUNK])["recipe"] == "a_recipe"
