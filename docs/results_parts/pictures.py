"""The pictures of README and docs: the ledger entry of each, and whether it is up to date.

There are three kinds. `make results` draws those in `FROM_LEDGER` from the ledger alone. Those in
`FROM_RUNS` need a run's model, so only the run can draw them: `docs/redraw.py` starts it. Those of the
notebooks are among their outputs.

A picture whose entry is too old to have learning curves is left out of the pages until a run records
it anew.

Each PNG file records its sources (see `recipe_kit.figures.about_figure`), which `faults` compares with
the ledger.
"""

import dataclasses
import hashlib
import importlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import matplotlib

from parts.adding_problem import run_figures as adding_figures
from parts.ptb_language_model import run_figures as ptb_figures
from recipe_kit import figures
from recipe_kit.runs import atomic_write, ledger_name, rows_of
from results_parts import head
from results_parts.ledger import entry

DOCS = Path(__file__).parents[1]
TIMED = ("_seconds", "_per_second")  # suffixes of metrics that differ between runs


class FromLedger(NamedTuple):
    """A picture drawn from the ledger alone.

    Attributes:
        entries: `entries()`: names to entries.
        data: `data(entries)`: the data to draw, JSON-compatible.
        draw: `draw(data)`: the Figure.
        files: `files(entries)`: names of their files in the ledger.
    """

    entries: Callable
    data: Callable
    draw: Callable
    files: Callable = lambda entries: [ledger_name(recorded) for recorded in entries.values()]


class FromRun(NamedTuple):
    """A picture that a run draws.

    Attributes:
        recipe, preset, seed: The run's; its settings are the preset's.
        file: The picture's name in the run's folder.
        more: Verb and flags of a second command, if that draws it.
    """

    recipe: str
    preset: str
    seed: int
    file: str
    more: tuple = ()


# --- drawn from the ledger ----------------------------------------------------------------------------


def _imdb_lecture(entries):
    lecture = entries["lecture"]
    seed = lecture["seeds"][0]
    kept = lecture["metrics"]["kept_epoch"]["values"][0]
    return {"rows": rows_of(lecture, seed), "kept": kept, "name": lecture["data"]["name"]}


def _draw_imdb_lecture(data):
    title = f"{data['name']}, the lecture's LSTM"
    return figures.accuracy_curves({"lecture": data["rows"]}, title, best={"lecture": data["kept"]})


def _curves(entries):
    return {preset: rows_of(recorded, recorded["seeds"][0]) for preset, recorded in entries.items()}


def _of_cells(recipe, preset, cells):
    return lambda: {cell: entry(recipe, preset, cell=cell) for cell in cells}


def _accuracies(entries):
    accuracies = {cell: e["metrics"]["test_accuracy"]["values"] for cell, e in entries.items()}
    return {"accuracies": accuracies, "units": entries["lstm"]["settings"]["units"]}


def _draw_accuracies(data):
    title = f"IMDB: cells with as many weights as an LSTM of {data['units']}"
    return figures.comparison(data["accuracies"], title)


def _agreeing(entries):
    of = ("test_agreement_", "test_sentences_")
    return {
        cell: {name: metric for name, metric in recorded["metrics"].items() if name.startswith(of)}
        for cell, recorded in entries.items()
    }


def _climbed(entries):
    stages = {
        cell: [
            adding_figures.climbed(
                rows_of(recorded, seed),
                recorded["metrics"]["test_largest_length"]["values"][number],
                recorded["settings"]["batch_size"],
            )
            for number, seed in enumerate(recorded["seeds"])
        ]
        for cell, recorded in entries.items()
    }
    return {"stages": stages, "lengths": entries["lstm"]["settings"]["lengths"]}


FROM_LEDGER = {
    "imdb_lecture": FromLedger(
        lambda: {"lecture": entry("imdb_sentiment", "lecture")}, _imdb_lecture, _draw_imdb_lecture
    ),
    "nietzsche": FromLedger(
        lambda: {
            "cpu": entry("nietzsche_generation"),
            "lecture": entry("nietzsche_generation", "lecture", epochs=10),
        },
        _curves,
        lambda data: figures.loss_curves(data, "nietzsche, one character at a time"),
    ),
    "imdb_cells": FromLedger(
        _of_cells("imdb_sentiment", "compare", ("simple", "gru", "peephole", "lstm")),
        _accuracies,
        _draw_accuracies,
    ),
    "agreement": FromLedger(
        _of_cells("ptb_language_model", "agreement", ("simple", "gru", "lstm")),
        _agreeing,
        ptb_figures.agreement_of,
    ),
    "adding": FromLedger(
        _of_cells("adding_problem", "compare", ("simple", "irnn", "lstm", "peephole", "gru")),
        _climbed,
        lambda data: adding_figures.solved(data["stages"], data["lengths"]),
    ),
    "head": FromLedger(
        lambda: {"head": head.recorded()},
        lambda entries: {what: entries["head"][what] for what in ("runs", "cell")},
        head.draw,
        lambda entries: [head.FILE.name],
    ),
}


def about_drawn(picture):
    """Returns the record in the file of a picture that is drawn from the ledger.

    Raises:
        LookupError: if the ledger lacks what it needs.
    """
    entries = picture.entries()
    drawn = json.dumps(picture.data(entries), sort_keys=True)
    return {
        "ledger": picture.files(entries),
        "sha256": hashlib.sha256(drawn.encode()).hexdigest(),
        "matplotlib": matplotlib.__version__,
    }


def figure_of(picture):
    """Returns the Figure of a picture that is drawn from the ledger, from its current content."""
    return picture.draw(picture.data(picture.entries()))


def draw(names=None):
    """Draws the pictures of the ledger that are outdated.

    Args:
        names: Names of the pictures to draw. Default: all with a fault.

    Returns:
        Names of the drawn pictures, and a line about each that could not be drawn.
    """
    drawn, missing = [], []
    for name, picture in FROM_LEDGER.items():
        if not (name in names if names is not None else faults(name)):
            continue
        try:
            about = about_drawn(picture)
        except LookupError as error:
            missing.append(f"docs/{name}.png is not drawn: {error}")
            continue
        with atomic_write(DOCS / f"{name}.png") as tmp_path:
            figures.write(figure_of(picture), tmp_path, about)
        drawn.append(name)
    return drawn, missing


# --- drawn by a run -----------------------------------------------------------------------------------

REVIEW = (
    "I had expected a dull film, and for the first half hour it is one: the plot hardly moves and "
    "the jokes are not funny. But then the two sisters meet, the acting turns superb, and what looked "
    "like a waste of time becomes one of the most touching stories of the year."
)

FROM_RUNS = {
    "demo": FromRun("nietzsche_generation", "demo", 0, "temperatures.png"),
    "opinion": FromRun("imdb_sentiment", "cpu", 0, "opinion.png", ("predict", REVIEW)),
    "ptb_small": FromRun("ptb_language_model", "small", 0, "perplexity.png"),
    "ptb_cpu": FromRun("ptb_language_model", "cpu", 0, "perplexity.png"),
    "shapes": FromRun("image_captioning", "shapes", 0, "captions.png"),
    "hello": FromRun("hello_characters", "cpu", 0, "table.png"),
    "jacobians": FromRun("vanishing_gradients", "cpu", 0, "jacobians.png"),
    "sensitivity": FromRun("vanishing_gradients", "cpu", 0, "sensitivity.png"),
    "wall": FromRun("vanishing_gradients", "cpu", 0, "wall.png"),
    "cells": FromRun("visualize_cells", "cpu", 1, "cells.png"),
}


def run_faults(picture, about, recorded):
    """Returns lines on why a picture does not show an entry's run.

    Args:
        picture: The `FromRun`.
        about: The record in its file.
        recorded: The entry.
    """
    if not about or "metrics" not in about:
        return ["its file does not tell which run drew it"]
    found = [
        f"its {what} is {about.get(what)!r}, expected {wanted!r}"
        for what, wanted in (
            ("recipe", picture.recipe),
            ("preset", picture.preset),
            ("seed", picture.seed),
        )
        if about.get(what) != wanted
    ]
    if picture.seed not in recorded["seeds"]:
        return [*found, f"the ledger has the seeds {recorded['seeds']}"]
    if about["data"].get("sha256") != recorded["data"].get("sha256"):
        found.append("it is of other data than the ledger's entry")
    neutral = _neutral(picture.recipe)
    found += [
        f"its setting {name} is {about['settings'].get(name)!r}, and {value!r} in the ledger"
        for name, value in recorded["settings"].items()
        if name not in neutral and about["settings"].get(name) != value
    ]
    at = recorded["seeds"].index(picture.seed)
    compared = 0
    for name, ours in about["metrics"].items():
        if name.endswith(TIMED):
            continue
        theirs = recorded["metrics"].get(name, {"values": {at: None}})["values"][at]
        compared += 1
        # Another order of summation changes the last digit; another training changes more.
        if theirs is None or not math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-15):
            found.append(f"its {name} is {ours}, and {theirs} in the ledger")
    return found if compared else [*found, "it has no metric to know its run by"]


def _neutral(recipe):
    """Returns names of a recipe's settings that do not affect results."""
    fields = dataclasses.fields(importlib.import_module(recipe).Settings)
    return {field.name for field in fields if not field.metadata["affects_results"]}


def faults(name):
    """Returns lines on what is wrong with a picture of `docs`; none if it shows the ledger's runs.

    Args:
        name: A name in `FROM_LEDGER` or `FROM_RUNS`.
    """
    path = DOCS / f"{name}.png"
    if not path.exists():
        return ["there is no such picture"]
    about = figures.about_figure(path)
    if name in FROM_RUNS:
        picture = FROM_RUNS[name]
        return run_faults(picture, about, entry(picture.recipe, picture.preset))
    try:
        expected = about_drawn(FROM_LEDGER[name])
    except LookupError as error:
        return [str(error)]
    ours = {what: expected[what] for what in ("ledger", "sha256")}
    if about is None or ours != {what: about.get(what) for what in ours}:
        return ["it was not drawn from what the ledger has now"]
    return []
