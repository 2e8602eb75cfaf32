"""Saves figures as PNG files whose text chunk records the run, its settings and its metrics."""

import json
from pathlib import Path

from PIL import Image

from recipe_kit.figures._figure import default_style
from recipe_kit.runs import RESULT, atomic_write

CHUNK = "rnn_kit"  # the keyword of the PNG's text chunk, whose text is JSON


def save(run, name, figure):
    """Saves a figure as a PNG in a run's folder, with a text chunk on the run.

    Draw after `Run.write_result`: the chunk has the metrics only if they are known by then.

    Args:
        run: A `Run`, or another folder with its `atomic_write`, which has no record.
        name: The file's name.
        figure: The Figure.

    Raises:
        RunError: if the file cannot be written.
    """
    with run.atomic_write(name) as tmp_path:
        write(figure, tmp_path, about_run(run))


def save_comparison(path, figure, recipe, variants):
    """Saves a figure of several runs as a PNG, with a text chunk on their metrics.

    Args:
        path: The file.
        figure: The Figure.
        recipe: The recipe's name.
        variants: Names of the compared variants to metrics.

    Raises:
        RunError: if the file cannot be written.
    """
    with atomic_write(Path(path)) as tmp_path:
        write(figure, tmp_path, {"recipe": recipe, "variants": variants})


def write(figure, path, about):
    """Writes a figure as a PNG, byte for byte the same for the same figure and versions.

    Args:
        figure: The Figure.
        path: The file; its name need not end in `.png`.
        about: JSON-compatible content of the text chunk; if empty, none is written.
    """
    text = {CHUNK: json.dumps(about, sort_keys=True)} if about else {}
    with default_style():
        figure.savefig(path, format="png", metadata={"Software": None, **text})


def about_figure(path):
    """Returns the content of a PNG's text chunk; `None` without one, or if it is no JSON."""
    with Image.open(path) as image:
        try:
            return json.loads(image.text[CHUNK])
        except (KeyError, ValueError):
            return None


def about_run(run):
    """Returns a figure's record of the run that drew it.

    Files and folders in the settings are recorded by name, without their location.

    Args:
        run: A `Run`; one without settings, such as a look at a model, has an empty record.

    Returns:
        A dict of `recipe`, `preset`, `settings`, `data` (name and SHA-256), and, if the run has a
        result, `seed`, `metrics` and `commit`.

    Raises:
        RunError: if its result cannot be read.
    """
    config = getattr(run, "config", None) or {}
    if "recipe" not in config:
        return {}
    data = config.get("data") or {}
    about = {
        "recipe": config["recipe"],
        "preset": config["preset"],
        "settings": {name: _without_folders(value) for name, value in config["settings"].items()},
        "data": {name: _without_folders(data[name]) for name in ("name", "sha256") if name in data},
    }
    if run.file(RESULT).exists():
        result = run.result()
        about |= {name: result[name] for name in ("seed", "metrics", "commit")}
    return about


def _without_folders(value):
    if isinstance(value, (list, tuple)):
        return [_without_folders(one) for one in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
