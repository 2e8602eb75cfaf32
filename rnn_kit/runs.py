"""A run's folder: what was asked for, how training went, what came out.

    config.json      recipe, preset and every setting, written before training starts
    history.csv      one line an epoch
    result.json      settings, data, metrics, minutes, machine, versions, commit; written at the end
    model.keras ...  and whatever else the recipe writes beside them

No file but the history, which grows by a line an epoch, is half-written under its final name: they are
written aside and renamed.
"""

import contextlib
import csv
import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import time
from pathlib import Path

CONFIG, HISTORY, RESULT, MODEL = "config.json", "history.csv", "result.json", "model.keras"


class RunError(Exception):
    """A run's folder that cannot be used: one line for the user."""


class Run:
    """The folder of one run of a recipe.

    Make one with `Run.create` for a new run, or `Run.open` for one that was saved.

    Attributes:
        path: The folder, a `pathlib.Path`.
        config: The content of `config.json`: `recipe`, `preset`, `settings`, `started`.
    """

    def __init__(self, path, config):
        self.path = Path(path)
        self.config = config
        self._begun = time.perf_counter()

    @classmethod
    def create(cls, recipe, preset, settings, out=None, root="runs"):
        """Makes a new run's folder and writes its `config.json`.

        Args:
            recipe: The recipe's name.
            preset: The preset's name.
            settings: A dataclass of settings.
            out: The folder. Default: `root/<recipe>/<preset>-<date>-<time>`.
            root: Where runs go.

        Raises:
            RunError: if the folder holds a run already, is a file, or cannot be written.
        """
        now = datetime.datetime.now()
        if out is None:
            out = free_name(Path(root) / recipe / f"{preset}-{now:%Y%m%d-%H%M%S}")
        out = Path(out)
        config = {
            "recipe": recipe,
            "preset": preset,
            "settings": dataclasses.asdict(settings),
            "started": now.isoformat(timespec="seconds"),
        }
        try:
            if (out / CONFIG).exists():
                raise RunError(f"{out} already holds a run. Give another folder with --out.")
            out.mkdir(parents=True, exist_ok=True)
            run = cls(out, config)
            run.write_json(CONFIG, config)
        except OSError as error:
            raise RunError(
                f"Cannot write a run to {out} ({error.strerror}). Give a folder that can be written "
                "with --out."
            ) from None
        return run

    @classmethod
    def open(cls, path, recipe):
        """Opens a saved run.

        Raises:
            RunError: if there is none at `path`, or it is another recipe's, or its config is broken.
        """
        path = Path(path)
        try:
            config = json.loads((path / CONFIG).read_text(encoding="utf-8"))
            of, _ = config["recipe"], config["settings"]
        except FileNotFoundError:
            raise RunError(f"There is no run in {path}: it has no {CONFIG}.") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"Cannot read {path / CONFIG} as a run's settings ({error}).") from None
        if of != recipe:
            raise RunError(f"{path} holds a run of the recipe '{of}', not of '{recipe}'.")
        return cls(path, config)

    @classmethod
    def latest(cls, recipe, root="runs"):
        """Opens the recipe's latest run that has a saved model.

        Raises:
            RunError: if there is none.
        """
        folder = Path(root, recipe).absolute()
        models = list(folder.glob(f"*/{MODEL}"))
        if not models:
            raise RunError(
                f"There is no trained run of {recipe} in {folder}. Train one first, or "
                "name its folder with --run."
            )
        return cls.open(max(models, key=lambda p: p.stat().st_mtime).parent, recipe)

    def settings(self, settings_class):
        """The run's settings as the recipe's dataclass.

        Raises:
            RunError: if they do not fit it: the run is of another version of the recipe.
        """
        try:
            settings = settings_class(**self.config["settings"])
        except TypeError as error:
            raise RunError(
                f"The settings in {self.file(CONFIG)} are of another version of this recipe ({error})."
            ) from None
        for field in dataclasses.fields(settings_class):
            value = getattr(settings, field.name)
            expected = list if isinstance(field.default, tuple) else type(field.default)
            if field.default is not None and type(value) not in {expected, type(field.default)}:
                raise RunError(
                    f"The settings in {self.file(CONFIG)} have {field.name}={value!r}, and a "
                    f"{expected.__name__} was expected."
                )
        return settings

    def file(self, name):
        return self.path / name

    def write_text(self, name, text):
        with self.writing(name) as aside:
            aside.write_text(text, encoding="utf-8")

    def write_json(self, name, content):
        self.write_text(name, json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")

    @contextlib.contextmanager
    def writing(self, name):
        """A path aside to write a file to; it takes its final name when the block has ended well."""
        final = self.file(name)
        aside = final.with_name(f".part-{final.name}")
        try:
            yield aside
            os.replace(aside, final)
        finally:
            aside.unlink(missing_ok=True)

    def save_model(self, model, name=MODEL):
        with self.writing(name) as aside:
            model.save(aside)

    def load_model(self, name=MODEL):
        """The saved model.

        Raises:
            RunError: if it is missing or broken.
        """
        import keras

        path = self.file(name)
        if not path.is_file():
            raise RunError(f"{self.path} has no {name}: the run has not come to its end.")
        try:
            return keras.models.load_model(path)
        except Exception as error:  # a cut zip, a cut HDF5 file, a layer that is gone: all alike here
            reason = str(error).strip().splitlines()[0]
            raise RunError(f"Cannot load {path}: {reason} Train again, or name another run.") from None

    def append_history(self, row):
        """Adds a line to `history.csv`, and the heading before the first."""
        path = self.file(HISTORY)
        new = not path.exists()
        with open(path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)

    def history(self):
        """`history.csv` as a list of dicts of numbers."""
        with open(self.file(HISTORY), newline="", encoding="utf-8") as file:
            return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]

    def write_result(self, data, seed, metrics):
        """Writes `result.json`.

        Args:
            data: What was trained on: name, SHA-256, sizes.
            seed: The run's seed.
            metrics: Flat names to numbers; those of the test set begin with `test_`.

        Returns:
            The content.
        """
        result = {
            "recipe": self.config["recipe"],
            "preset": self.config["preset"],
            "settings": self.config["settings"],
            "data": data,
            "seed": seed,
            "metrics": {name: float(value) for name, value in metrics.items()},
            "minutes": round((time.perf_counter() - self._begun) / 60, 3),
            "machine": machine(),
            "versions": versions(),
            "commit": commit(),
        }
        self.write_json(RESULT, result)
        return result


def free_name(path):
    """`path`, or with -2, -3 ... behind it: two runs may start in the same second."""
    candidate, n = path, 1
    while candidate.exists():
        n += 1
        candidate = path.with_name(f"{path.name}-{n}")
    return candidate


def machine():
    """Cores, memory and accelerator of this machine."""
    import tensorflow as tf

    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return {
        "processor": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "accelerator": ", ".join(gpus) or None,
    }


def describe_machine():
    """The accelerator, or else the number of cores, in words."""
    here = machine()
    return here["accelerator"] or f"{here['cores']} CPU cores"


def _memory_gib():
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return None


def versions():
    """Versions of Python and of the packages that the numbers depend on."""
    packages = {}
    for name in ("rnn_kit", "tensorflow", "keras", "numpy"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            packages[name] = importlib.metadata.version(name)
    return {"python": platform.python_version(), **packages}


def commit():
    """The checkout's commit, with `+` behind it if files differ from it; `None` outside a checkout."""

    def git(*arguments):
        return subprocess.run(
            ["git", "-C", str(Path(__file__).parent), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None
