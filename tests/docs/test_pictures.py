"""Every picture of README and docs is of a run that the ledger has, and says so in its file."""

import io
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import redraw
from PIL import Image
from results_parts import ledger, pictures

from recipe_kit import figures
from recipe_kit.cli import command_line
from recipe_kit.runs import RESULT, Run, entry_text, ledger_entry

ROOT = Path(__file__).parents[2]
NOTEBOOKS = {path.stem for path in (ROOT / "notebooks").glob("[0-9]*.py")}
ALL = [*pictures.FROM_LEDGER, *pictures.FROM_RUNS]
DRAWN = [name for name in ALL if (pictures.DOCS / f"{name}.png").exists()]


def test_every_picture_is_of_a_kind_that_is_compared_with_its_source():
    pages = [page.read_text("utf-8") for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))]
    links = r"(?:\]\(|src=\")(?:docs/)?([\w-]+)\.png"  # of Markdown and of HTML
    shown = {name for page in pages for name in re.findall(links, page)}
    assert len(shown) > 10
    there = {path.stem for path in (ROOT / "docs").glob("*.png")}
    # Those of the notebooks are held to the notebooks' outputs, by test_notebooks.py.
    assert shown == there == {*DRAWN, *NOTEBOOKS}
    assert len(set(ALL) & NOTEBOOKS) == 0 and len(set(ALL)) == len(ALL)


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_of_the_run_that_the_ledger_has(name):
    how = "make results" if name in pictures.FROM_LEDGER else f"docs/redraw.py {name}"
    assert pictures.faults(name) == [], f"docs/{name}.png is old: {how}"


@pytest.mark.parametrize("name", [name for name in DRAWN if name in pictures.FROM_LEDGER])
def test_a_picture_of_the_ledger_is_the_one_that_is_drawn_now(name):
    """Colours, names and captions too; with another Matplotlib letters may be drawn otherwise."""
    if faults := pictures.faults(name):
        pytest.fail(f"docs/{name}.png: {faults[0]}")
    path = pictures.DOCS / f"{name}.png"
    if figures.about_figure(path)["matplotlib"] != matplotlib.__version__:
        pytest.skip("it was drawn with another Matplotlib")
    figure = pictures.figure_of(pictures.FROM_LEDGER[name])
    figure.savefig(drawn := io.BytesIO(), format="png")
    with Image.open(path) as before, Image.open(drawn) as now:
        pair = [np.asarray(image.convert("RGB"), "int16") for image in (before, now)]
    assert pair[0].shape == pair[1].shape, "say `make results`"
    assert (np.abs(pair[0] - pair[1]).max(axis=2) > 16).mean() < 0.002, "say `make results`"


# --- the comparison itself, on a ledger of numbers ----------------------------------------------------


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A ledger and a folder of pictures of their own."""
    for name in ("ledger", "docs"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(ledger, "LEDGER", tmp_path / "ledger")
    monkeypatch.setattr(pictures, "DOCS", tmp_path / "docs")
    return tmp_path


ROWS = [
    {"epoch": e, "loss": 1 / e, "val_loss": 1.1 / e, "accuracy": 0.5, "val_accuracy": 0.5}
    for e in (1.0, 2.0, 3.0)
]


def record(own, rows=ROWS, kept=2):
    result = {
        "recipe": "imdb_sentiment", "preset": "lecture", "settings": {"seed": 0, "units": 128},
        "data": {"name": "imdb", "sha256": "ab"}, "seed": 0, "minutes": 1, "machine": {},
        "versions": {}, "commit": "c", "metrics": {"kept_epoch": kept, "test_accuracy": 0.8},
    }  # fmt: skip
    entry = ledger_entry([result], {"units": 128}, (), [rows])
    (own / "ledger/imdb_sentiment-lecture.json").write_text(entry_text(entry))


def test_a_picture_is_drawn_from_the_ledger_and_knows_when_it_is_old(own):
    record(own)
    assert pictures.faults("imdb_lecture") == ["there is no such picture"]
    drawn, missing = pictures.draw(["imdb_lecture"])
    assert (drawn, missing) == (["imdb_lecture"], [])
    assert pictures.faults("imdb_lecture") == []
    assert pictures.about_drawn(pictures.FROM_LEDGER["imdb_lecture"])["ledger"] == [
        "imdb_sentiment-lecture.json"
    ]
    for change in ({"kept": 1}, {"rows": [*ROWS[:2], {**ROWS[2], "val_loss": 0.4}]}):
        record(own, **change)
        assert pictures.faults("imdb_lecture") == ["it was not drawn from what the ledger has now"]
        record(own)
        assert pictures.faults("imdb_lecture") == []


def test_a_picture_that_is_current_is_not_drawn_again(own, monkeypatch):
    record(own)
    monkeypatch.setattr(pictures, "FROM_LEDGER", {"imdb_lecture": pictures.FROM_LEDGER["imdb_lecture"]})
    assert pictures.draw() == (["imdb_lecture"], [])
    assert pictures.draw() == ([], [])


def test_an_entry_without_learning_curves_says_so_and_draws_nothing(own):
    record(own, rows=[])
    drawn, missing = pictures.draw(["imdb_lecture"])
    assert drawn == [] and "has no histories: record it anew" in missing[0]
    assert not list((own / "docs").iterdir())


HELLO = pictures.FROM_RUNS["hello"]


def hello(**changes):
    """What a picture of the entry's own run tells, but for these changes."""
    recorded = ledger.entry(HELLO.recipe, HELLO.preset)
    metrics = {name: metric["values"][0] for name, metric in recorded["metrics"].items()}
    about = {
        "recipe": HELLO.recipe, "preset": HELLO.preset, "seed": 0, "data": recorded["data"],
        "settings": {**recorded["settings"], "seed": 0}, "metrics": metrics,
    }  # fmt: skip
    for name, value in changes.items():
        about[name] = {**about[name], **value} if isinstance(value, dict) else value
    return pictures.run_faults(HELLO, about, recorded)


def test_a_picture_of_the_recorded_run_has_no_fault():
    assert hello() == []
    assert hello(metrics={"train_seconds": 7.0}) == []  # which no two runs agree in
    loss = ledger.entry(HELLO.recipe, HELLO.preset)["metrics"]["loss"]["values"][0]
    assert hello(metrics={"loss": loss * (1 + 1e-14)}) == []  # added up in another order
    assert hello(metrics={"loss": loss * (1 + 1e-6)}) != []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"metrics": {"loss": 7.0}}, "its loss is 7.0, and "),
        ({"metrics": {"unheard_of": 7.0}}, "its unheard_of is 7.0, and None"),
        ({"settings": {"units": 99}}, "its setting units is 99"),
        ({"data": {"sha256": "other"}}, "other data"),
        ({"seed": 1}, "its seed is 1, expected 0"),
        ({"preset": "smoke"}, "its preset is 'smoke'"),
        ({"recipe": "another"}, "its recipe is 'another'"),
    ],
)
def test_a_picture_of_another_run_is_found(changes, fault):
    assert any(fault in found for found in hello(**changes)), hello(**changes)


def test_a_picture_without_its_source_is_found():
    recorded = ledger.entry(HELLO.recipe, HELLO.preset)
    for about in (None, {}, {"recipe": HELLO.recipe}):
        assert pictures.run_faults(HELLO, about, recorded) == [
            "its file does not tell which run drew it"
        ]


def test_a_run_that_measured_nothing_is_not_known_by_its_metrics():
    recorded = ledger.entry(HELLO.recipe, HELLO.preset)
    about = {"recipe": HELLO.recipe, "preset": "cpu", "seed": 0, "metrics": {"train_seconds": 1.0}}
    about |= {"data": recorded["data"], "settings": recorded["settings"]}
    assert pictures.run_faults(HELLO, about, recorded) == ["it has no metric to know its run by"]


# --- redraw.py ----------------------------------------------------------------------------------------


def a_run(folder, seed, metrics, settings, data):
    """A finished run's folder with the picture of `hello` in it."""
    run = Run(folder, {"recipe": HELLO.recipe, "preset": "cpu", "settings": settings, "data": data})
    folder.mkdir(parents=True)
    run.write_json(RESULT, {"seed": seed, "metrics": metrics, "commit": "c"})
    figure = figures.Figure((1, 1))
    figure.subplots().plot([1, 2])
    figures.save(run, HELLO.file, figure)


@pytest.mark.parametrize("several", [False, True])
def test_a_picture_is_taken_from_the_recorded_run_and_from_no_other(several, tmp_path, monkeypatch):
    recorded = ledger.entry(HELLO.recipe, HELLO.preset)
    metrics = {name: metric["values"][0] for name, metric in recorded["metrics"].items()}
    rest = ({**recorded["settings"], "seed": 0}, recorded["data"])
    monkeypatch.setattr(pictures, "DOCS", tmp_path)
    inner = "seed-0" if several else "."
    a_run(tmp_path / "other" / inner, 0, {**metrics, "loss": 7.0}, *rest)
    assert redraw.main(["hello", "--run", str(tmp_path / "other")]) == 1
    assert not (tmp_path / "hello.png").exists()
    a_run(tmp_path / "good" / inner, 0, metrics, *rest)
    assert redraw.main(["hello", "--run", str(tmp_path / "good")]) == 0
    assert pictures.faults("hello") == []


def test_a_name_that_no_run_draws_is_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        redraw.main(["nothing"])
    assert stopped.value.code == 2 and "nothing: not among demo" in capsys.readouterr().err


def test_the_commands_that_redraw_are_ones_that_the_recipes_take(tmp_path, monkeypatch):
    import importlib

    monkeypatch.setattr(command_line, "check_paths", lambda *args: None)  # there is no run yet
    for name, picture in pictures.FROM_RUNS.items():
        for record in (False, True):
            for _, script, *flags in redraw.commands(picture, tmp_path, record):
                assert (ROOT / script).exists(), name
                importlib.import_module(picture.recipe).parse(flags)


def test_without_names_it_says_of_every_picture_whether_it_is_old(capsys):
    redraw.main([])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ALL
