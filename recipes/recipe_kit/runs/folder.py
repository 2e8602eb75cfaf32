"""A run's folder: its settings, its progress, its results.

    config.json      recipe, preset, every setting and the data, written before training starts
    history.csv      one line an epoch
    samples.txt      what the model wrote during training, if it writes
    checkpoints/     from which an interrupted run resumes
    result.json      settings, data, metrics, minutes, machine, versions, commit; written at the end
    model.keras ...  and whatever else the recipe writes beside them

History and samples grow during the run, and resuming cuts them back to the state at the checkpoint. No
other file is ever half-written under its final name: see `files.atomic_write`.
"""

import csv
import dataclasses
import datetime
import json
import os
import shutil
import tempfile
import weakref
import zipfile
from pathlib import Path

from recipe_kit.runs.environment import commit, machine
from recipe_kit.runs.errors import RunError
from recipe_kit.runs.files import (
    CHECKPOINTS,
    CONFIG,
    HISTORY,
    LOGS,
    MODEL,
    OWN_FILES,
    RESULT,
    SAMPLES,
    VOCABULARY,
    atomic_write,
    write_errors,
)
from recipe_kit.runs.lock import make_folder
from recipe_kit.runs.new_folders import check_new, holds_a_run, new_folder
from recipe_kit.runs.saved_settings import read_settings
from rnn_kit.checkpoint_files import Checkpoints, TimedSessions
from rnn_kit.files import remove_leftovers
from rnn_kit.jsonable import csv_row, json_text, jsonable
from rnn_kit.versions import versions


class Run(TimedSessions):
    """The folder of one run of a recipe.

    Make one with `Run.create` for a new run, `Run.temporary` for one that leaves nothing behind, or
    `Run.open` for a saved one.

    Attributes:
        path: The folder, a `pathlib.Path`.
        config: The content of `config.json`: `recipe`, `preset`, `settings`, `data`, `started`.
        checkpoints: Its `Checkpoints`.
        resumed: Whether it continues an earlier session.
        seconds: The run's duration over all its sessions.
    """

    def __init__(self, path, config):
        super().__init__()
        self.path = Path(path)
        self.config = config
        self.checkpoints = Checkpoints(self.path / CHECKPOINTS)
        self.resumed = False
        self._written = ()

    @classmethod
    def create(cls, recipe, preset, settings, out=None, root="runs", data=None, files=()):
        """Makes a new run's folder and writes its `config.json`.

        Args:
            recipe: The recipe's name.
            preset: The preset's name.
            settings: A dataclass of settings.
            out: The folder. Default: one of `new_folder(recipe, preset, root)`.
            root: The folder of runs.
            data: The training data: name, SHA-256, sizes.
            files: Names of files that the recipe will write beside those of every run.

        Raises:
            RunError: as `check_new`; or if the folder is a file, or cannot be written.
            ValueError: naming the entry of `settings` or `data` that JSON cannot represent.
        """
        config = {
            "recipe": recipe,
            "preset": preset,
            "settings": dataclasses.asdict(settings),
            "data": data,
            "started": datetime.datetime.now().isoformat(timespec="seconds"),
        }
        config = jsonable(config, CONFIG)
        out = Path(out) if out else new_folder(recipe, preset, root)
        make_folder(out)
        check_new(out, files)
        try:
            with atomic_write(out / CONFIG, only_new=True) as tmp_path:
                tmp_path.write_text(json_text(config, CONFIG, indent=2), encoding="utf-8")
        except FileExistsError:
            raise holds_a_run(out) from None
        run = cls(out, config)
        run._written = (*OWN_FILES, *files)
        return run

    @classmethod
    def temporary(cls, recipe, settings, data=None):
        """Makes a run whose folder is deleted with the `Run` object, or when Python ends.

        For notebooks, which save results themselves.

        Args:
            recipe, settings, data: As in `create`.
        """
        folder = tempfile.mkdtemp(prefix=f"{recipe}-")
        run = cls.create(recipe, "temporary", settings, folder, data=data)
        weakref.finalize(run, shutil.rmtree, folder, ignore_errors=True)
        return run

    @classmethod
    def open(cls, path, recipe):
        """Opens a saved run.

        Raises:
            RunError: if there is no run at `path`, or it is another recipe's, or its config is broken.
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

    def settings(self, settings_class):
        """Returns the run's settings as the recipe's dataclass.

        Raises:
            RunError: if they do not fit it, as the run is of another version of the recipe.
        """
        return read_settings(self.config["settings"], settings_class, self.file(CONFIG))

    def file(self, name):
        return self.path / name

    def names(self):
        """Returns the sorted names of the folder's files, without those that begin with a dot."""
        return sorted(p.name for p in self.path.iterdir() if not p.name.startswith("."))

    def withdraw(self):
        """Deletes a new run's files, if it reached no checkpoint and no epoch's end.

        For a training that cannot begin. The folder itself and other files in it stay.

        Returns:
            Whether everything was deleted.
        """
        if not self._written or self.checkpoints.paths() or self.file(HISTORY).exists():
            return False
        with write_errors(self.path):
            for name in self._written:
                if name == CHECKPOINTS:
                    shutil.rmtree(self.file(name), ignore_errors=True)
                else:
                    self.file(name).unlink(missing_ok=True)
        return True

    def is_complete(self):
        """Returns whether the run has ended, and its result and model can be read."""
        try:
            return bool(self.result()["metrics"]) and not zipfile.ZipFile(self.file(MODEL)).testzip()
        except (RunError, KeyError, TypeError, OSError, zipfile.BadZipFile):
            return False

    def write_text(self, name, text):
        """Writes a UTF-8 text file; bytes of names that are not UTF-8 become escapes."""
        with self.atomic_write(name) as tmp_path:
            tmp_path.write_text(text, encoding="utf-8", errors="backslashreplace")

    def write_json(self, name, content):
        """Writes a JSON file of numbers, text, lists and dicts: see `rnn_kit.jsonable`.

        Raises:
            ValueError: naming an entry that is none of these.
        """
        self.write_text(name, json_text(content, name, indent=2))

    def atomic_write(self, name):
        """Writes one of the run's files whole or not at all: see `recipe_kit.runs.atomic_write`."""
        return atomic_write(self.file(name))

    def resume(self, settings):
        """Prepares an opened run for further training, with these settings and without a result."""
        self.resumed = True
        self.config["settings"] = settings
        self.write_json(CONFIG, self.config)
        with write_errors(self.path):
            self.file(RESULT).unlink(missing_ok=True)
            for folder in (self.path, self.checkpoints.folder):
                remove_leftovers(folder)

    def save_model(self, model, name=MODEL):
        with self.atomic_write(name) as tmp_path:
            model.save(tmp_path)

    def save_vocabulary(self, vocabulary, name=VOCABULARY):
        """Writes the words or characters of the model's ids to `vocabulary.json`."""
        with self.atomic_write(name) as tmp_path:
            vocabulary.save(tmp_path)

    def check_vocabulary(self, known, size, unit, name=VOCABULARY):
        """Refuses a model and a vocabulary with different numbers of ids.

        Args:
            known: The model's number of ids.
            size: The vocabulary's number of ids.
            unit: Their name, such as "words".
            name: The vocabulary's file.

        Raises:
            RunError: if the two differ.
        """
        if known != size:
            raise RunError(
                f"{self.path}: the model knows {known:,} {unit} and {name} has {size:,}. The two "
                "are not of one run: train again."
            )

    def check_model(self, name=MODEL):
        """Refuses a run that has no saved model.

        Raises:
            RunError: if it is missing.
        """
        if not self.file(name).is_file():
            raise RunError(
                f"{self.path} has no {name}: the run has not come to its end. Go on with it with "
                f"--resume --out {self.path}"
            )

    def load_model(self, name=MODEL, load=None):
        """Loads the saved model by `load(path)`; default: `keras.models.load_model`.

        Raises:
            RunError: if the model is missing or broken.
        """
        import keras

        self.check_model(name)
        try:
            return (load or keras.models.load_model)(self.file(name))
        except Exception as error:  # a truncated zip or HDF5 file, a missing layer: treated alike
            reason = str(error).strip().splitlines()[0]
            raise RunError(
                f"Cannot load {self.file(name)}: {reason} Write it anew with --resume --out "
                f"{self.path}, or name another run."
            ) from None

    def append_history(self, row):
        """Appends a line to `history.csv`, after a heading before the first.

        Args:
            row: Names to numbers. A tensor or an array has a column for each of its numbers.

        Raises:
            ValueError: naming the entry that holds no numbers.
        """
        path, row = self.file(HISTORY), csv_row(row)
        with write_errors(path), open(path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if not file.tell():
                writer.writeheader()
            writer.writerow(row)

    def append_sample(self, text):
        """Appends text that the model wrote to `samples.txt`: see `write_text`."""
        path = self.file(SAMPLES)
        how = {"encoding": "utf-8", "errors": "backslashreplace", "newline": "\n"}
        with write_errors(path), open(path, "a", **how) as file:
            file.write(text + "\n")

    def history(self):
        """Reads `history.csv` as a list of dicts of numbers.

        Raises:
            RunError: if it is missing or broken.
        """
        try:
            with open(self.file(HISTORY), newline="", encoding="utf-8") as file:
                return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"Cannot read {self.file(HISTORY)} ({error}).") from None

    def sizes(self):
        """Returns the bytes of the files that grow, for `truncate_logs`."""
        return {n: self.file(n).stat().st_size for n in LOGS if self.file(n).exists()}

    def truncate_logs(self, sizes):
        """Cuts the files that grow back to `sizes`."""
        for name in LOGS:
            if name not in sizes:
                self.file(name).unlink(missing_ok=True)
            elif self.file(name).exists():
                os.truncate(self.file(name), min(sizes[name], self.file(name).stat().st_size))

    def write_result(self, data, seed, metrics):
        """Writes `result.json`.

        Args:
            data: The training data: name, SHA-256, sizes.
            seed: The run's seed.
            metrics: Flat names to numbers; those of the test set begin with `test_`.

        Returns:
            The content.

        Raises:
            ValueError: naming the metric that is no number, or the entry of `data` that JSON cannot
                represent.
        """
        result = {
            "recipe": self.config["recipe"],
            "preset": self.config["preset"],
            "settings": self.config["settings"],
            "data": data,
            "seed": seed,
            "metrics": {name: _number(name, value) for name, value in metrics.items()},
            "minutes": round(self.seconds / 60, 3),
            "machine": machine(),
            "versions": versions(),
            "commit": commit(),
        }
        self.write_json(RESULT, result)
        return {**jsonable(result), "metrics": result["metrics"]}

    def result(self):
        """Reads `result.json`; its metrics are numbers, even if the training diverged.

        Raises:
            RunError: if it is missing or broken.
        """
        try:
            result = json.loads(self.file(RESULT).read_text(encoding="utf-8"))
            # JSON has no NaN or infinity: they are written as strings that `float` reads.
            metrics = {
                name: float(value) if isinstance(value, str) else value
                for name, value in result["metrics"].items()
            }
            return {**result, "metrics": metrics}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"Cannot read {self.file(RESULT)} ({error}).") from None


def _number(name, value):
    number = csv_row({name: value}).get(name)
    if number is None:
        raise ValueError(f"The metric {name} is {value!r}: expected one number.")
    return float(number)
