"""A picture that a run saves tells of the run in its file, and is the same for the same run."""

import dataclasses
import json
from pathlib import Path

import matplotlib
import pytest
from PIL import Image

from recipe_kit import figures
from recipe_kit.runs import RESULT, Run, RunError

DRAWING = ("captions", "classification", "decoders", "language", "opinion")


@dataclasses.dataclass(frozen=True)
class Settings:
    units: int = 3
    data: str = "/somewhere/of/mine/text.txt"
    features: tuple = ("/somewhere/of/mine/f.npz",)


def figure():
    drawn = figures.Figure((1, 1))
    drawn.subplots().plot([1, 2])
    return drawn


@pytest.fixture
def run(tmp_path):
    data = {"name": "/somewhere/of/mine/text.txt", "sha256": "ab", "characters": 7}
    return Run.create("a_recipe", "cpu", Settings(), tmp_path / "run", data=data)


def test_a_picture_tells_of_the_finished_run_that_drew_it(run):
    run.write_json(RESULT, {"seed": 4, "metrics": {"test_nats": 1.5}, "commit": "c", "minutes": 3})
    figures.save(run, "loss.png", figure())
    assert figures.about_figure(run.file("loss.png")) == {
        "recipe": "a_recipe",
        "preset": "cpu",
        "settings": {"units": 3, "data": "text.txt", "features": ["f.npz"]},
        "data": {"name": "text.txt", "sha256": "ab"},
        "seed": 4,
        "metrics": {"test_nats": 1.5},
        "commit": "c",
    }


def test_a_picture_does_not_tell_where_files_lie(run):
    figures.save(run, "loss.png", figure())
    assert b"somewhere" not in run.file("loss.png").read_bytes()


def test_a_picture_of_an_unfinished_run_has_no_metrics(run):
    figures.save(run, "loss.png", figure())
    assert "metrics" not in figures.about_figure(run.file("loss.png"))


def test_a_folder_without_settings_gets_its_picture_and_no_source(tmp_path):
    look = Run(tmp_path / "look", {})
    figures.save(look, "cells.png", figure())
    assert figures.about_figure(look.file("cells.png")) is None


def test_the_same_figure_is_the_same_file(run):
    for name in ("one.png", "two.png"):
        figures.save(run, name, figure())
    assert run.file("one.png").read_bytes() == run.file("two.png").read_bytes()


def test_a_comparisons_picture_tells_what_each_variant_came_to(tmp_path):
    variants = {"gru": {"test_accuracy": {"mean": 0.5, "values": [0.5]}}}
    figures.save_comparison(tmp_path / "new" / "c.png", figure(), "a_recipe", variants)
    about = figures.about_figure(tmp_path / "new" / "c.png")
    assert about == {"recipe": "a_recipe", "variants": variants}


def test_a_picture_without_its_text_or_with_another_tells_nothing(tmp_path):
    path = tmp_path / "a.png"
    Image.new("L", (2, 2)).save(path)
    assert figures.about_figure(path) is None
    figures.write(figure(), path, {})
    assert figures.about_figure(path) is None
    figure().savefig(path, metadata={figures.CHUNK: "not {JSON"})
    assert figures.about_figure(path) is None


def test_a_broken_result_is_one_line(run):
    run.write_text(RESULT, "{")
    with pytest.raises(RunError, match=r"Cannot read .*result\.json"):
        figures.save(run, "loss.png", figure())
    assert not list(run.path.glob("*.png"))


def test_a_full_disk_is_one_line_and_leaves_no_half_picture(run, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figures.Figure, "savefig", full)
    with pytest.raises(RunError, match="No space left"):
        figures.save(run, "loss.png", figure())
    assert not [path for path in run.path.iterdir() if "png" in path.name]


@pytest.fixture
def odd_matplotlibrc(tmp_path):
    """What a matplotlibrc may ask for: LaTeX, which may not be there, and a look of its own."""
    with matplotlib.rc_context():
        matplotlib.rcParams.update(
            {"text.usetex": True, "text.latex.preamble": r"\usepackage{not_there}", "savefig.dpi": 20}
            | {"axes.facecolor": "black", "font.size": 40, "axes.formatter.use_mathtext": True}
        )
        yield


def test_a_matplotlibrc_does_not_reach_our_pictures(run, monkeypatch, request):
    rows = [{"seconds": n, "tokens": n, "loss": 1 / n, "val_loss": 1 / n} for n in (1, 2, 3)]

    def drawn(name):
        figures.save(run, name, figures.loss_curves({"cpu": rows}, "50 % of $x_1$"))
        return run.file(name).read_bytes()

    before = drawn("one.png")
    request.getfixturevalue("odd_matplotlibrc")
    assert drawn("two.png") == before
    assert matplotlib.rcParams["text.usetex"] and matplotlib.rcParams["font.size"] == 40


def test_every_function_that_draws_does_so_in_matplotlibs_own_style():
    modules = {f"recipe_kit.figures.{name}" for name in DRAWING}
    functions = [getattr(figures, name) for name in figures.__all__]
    functions = [f for f in functions if getattr(f, "__module__", None) in modules]
    assert {f.__module__ for f in functions} == modules
    users = [f.__name__ for f in functions if not hasattr(f, "__wrapped__")]
    assert users == ["opinion_trace"]  # which is an `opinion_traces` of one


def test_every_picture_of_the_recipes_is_saved_with_what_drew_it():
    """One helper saves figures: a `savefig` of its own would leave a picture without its source."""
    recipes = Path(__file__).parents[2] / "recipes"
    helper = recipes / "recipe_kit/figures"
    own = [
        path.name
        for path in recipes.rglob("*.py")
        if helper not in path.parents and "savefig" in path.read_text(encoding="utf-8")
    ]
    assert own == []


def test_what_a_picture_tells_is_json_of_its_own(run):
    figures.save(run, "loss.png", figure())
    with Image.open(run.file("loss.png")) as image:
        assert list(image.text) == [figures.CHUNK]
        assert json.loads(image.text[figures.CHUNK])["recipe"] == "a_recipe"
