"""Opens saved models of any recipe to look into, and folders for the figures of a look."""

import json
from pathlib import Path

from parts.visualize_cells import looking, run_figures
from recipe_kit import cli
from recipe_kit.datasets import load_text
from recipe_kit.runs import CONFIG, Run, RunError, check_free, latest_run, new_folder
from rnn_kit.text import split_text


def open_model(path, recipe):
    """Opens a folder with `model.keras` and `vocabulary.json`, by default the recipe's latest run.

    Accepts a run of any recipe that predicts characters, and a folder without a `config.json`, which
    then does not say what its model was trained on.

    Raises:
        RunError: if there is no such folder, or its config cannot be read.
    """
    if path is None:
        return latest_run(recipe)
    path = Path(path)
    config = {}
    if (path / CONFIG).exists():
        try:
            config = json.loads((path / CONFIG).read_text(encoding="utf-8"))
            of = config["recipe"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"Cannot read {path / CONFIG} as a run's settings ({error}).") from None
        return Run.open(path, of)
    if not (path / "model.keras").is_file() or not (path / "vocabulary.json").is_file():
        raise RunError(
            f"There is no model of characters in {path}: expected a run's folder, or one with "
            "model.keras and vocabulary.json. Name it with --run."
        )
    return Run(path, config)


def in_lower_case(run, vocabulary):
    """Returns whether a run's text was in lower case, by its settings or its vocabulary's letters."""
    return (run.config.get("settings") or {}).get("lower", False) or vocabulary.characters.islower()


def held_out_text(run, settings, vocabulary):
    """Returns the parts of a run's own text that its training did not see, and their description.

    Raises:
        UserError: if the run does not say what it was trained on, or that text has changed since or has
            characters that the run's vocabulary lacks.
    """
    trained = run.config.get("settings") or {}
    data = run.config.get("data") or {}
    if "data" not in trained or "sha256" not in data:
        raise cli.UserError(
            f"{run.path} does not say which text its model was trained on: name one to look at with "
            "--text."
        )
    text, info = load_text(trained["data"], trained.get("limit"), trained.get("encoding"))
    if info["sha256"] != data["sha256"]:
        raise cli.UserError(
            f"{trained['data']} is not the text any more that the run in {run.path} was trained on: "
            "name one to look at with --text."
        )
    text = text.lower() if in_lower_case(run, vocabulary) else text
    if unseen := vocabulary.unseen(text):
        raise cli.UserError(
            f"{run.path}: vocabulary.json lacks characters of {trained['data']}, such as "
            f"{unseen[0]!r}, that the run was trained on. The two are not of one run."
        )
    train, validation, _ = split_text(text)
    spans = looking.stretches(
        len(train), len(train) + len(validation), len(text), settings.search, settings.held_out
    )
    searched, held_out = looking.parts(text, spans, looking.is_python(trained["data"]))
    for part in (searched, held_out):
        looking.check_length(part.text, f"What {run.path} held out of {trained['data']}")
    return searched, held_out, f"what was held out of {trained['data']}"


def new_look(recipe, out):
    """Creates a folder for the figures of a look.

    Raises:
        RunError: if the folder holds a run or figures of a look, or cannot be written.
    """
    path = Path(out or new_folder(recipe, "look"))
    if (path / CONFIG).exists():
        raise RunError(f"{path} holds a run. Give another folder with --out.")
    check_free(path, run_figures.FILES)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"Cannot write to {path} ({error.strerror}). Give a folder that can be written with --out."
        ) from None
    return Run(path, {})
