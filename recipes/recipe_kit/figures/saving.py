"""PNG files that tell what drew them: the run, its settings and its metrics, in a text chunk."""

import json
from pathlib import Path

from PIL import Image

from recipe_kit.figures._figure import default_style
from recipe_kit.runs import RESULT, atomic_write

CHUNK = "rnn_kit"  # the keyword of the PNG's text chunk, whose text is JSON


def save(run, name, figure):
    """Saves a figure as a PNG in a run's folder, with a text chunk that tells of the run.

    Draw after `Run.write_result`: the chunk has the metrics only where they are known by then.

    Args:
        run: A `Run`, or another folder with its `writing`, which has nothing to tell.
        name: The file's name.
        figure: The Figure.

    Raises:
        RunError: if the file cannot be written.
    """
    with run.atomic_write(name) as tmp_path:
        write(figure, tmp_path, about_run(run))


def save_comparison(path, figure, recipe, variants):
    """Saves a figure of several runs as a PNG, with a text chunk that tells what each came to.

    Args:
        path: Of the file.
        figure: The Figure.
        recipe: The recipe's name.
        variants: Names of what was compared to metrics.

    Raises:
        RunError: if the file cannot be written.
    """
    with atomic_write(Path(path)) as tmp_path:
        write(figure, tmp_path, {"recipe": recipe, "variants": variants})


def write(figure, path, about):
    """Writes a figure as a PNG, byte for byte the same for the same figure and versions.

    Args:
        figure: The Figure.
        path: Of the file; its name need not end in `.png`.
        about: What JSON can hold, for the text chunk; none is written if it is empty.
    """
    text = {CHUNK: json.dumps(about, sort_keys=True)} if about else {}
    with default_style():
        figure.savefig(path, format="png", metadata={"Software": None, **text})


def about_figure(path):
    """What the text chunk of a PNG says; `None` where it has none, or one that is no JSON."""
    with Image.open(path) as image:
        try:
            return json.loads(image.text[CHUNK])
        except (KeyError, ValueError):
            return None


def about_run(run):
    """What a figure says of the run that drew it.

    Of files and folders in the settings the name alone is told, not where they lie.

    Args:
        run: A `Run`; of a folder without settings, as that of a look at a model, there is nothing to
            tell.

    Returns:
        A dict of `recipe`, `preset`, `settings`, `data` (name and SHA-256), and, of a run that has a
        result, `seed`, `metrics` and `commit`.

    Raises:
        RunError: if there is a result that cannot be read.
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
