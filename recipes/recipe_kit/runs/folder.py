"""A run's folder: what was asked for, how training went, what came out.

    config.json      recipe, preset, every setting and the data, written before training starts
    history.csv      one line an epoch
    samples.txt      what the model wrote on the way, where it writes
    checkpoints/     from which an interrupted run goes on
    result.json      settings, data, metrics, minutes, machine, versions, commit; written at the end
    model.keras ...  and whatever else the recipe writes beside them

History and samples grow as the run goes on, and a run that is resumed cuts them back to where its
checkpoint was written. No other file is half-written under its final name: they are written aside and
renamed.
"""

import contextlib
import csv
import dataclasses
import datetime
import errno
import json
import os
import secrets
import shutil
import tempfile
import typing
import weakref
import zipfile
from pathlib import Path

from recipe_kit.runs.environment import commit, machine
from recipe_kit.runs.errors import RunError
from recipe_kit.runs.lock import make_folder
from rnn_kit.checkpoint_files import Checkpoints, TimedSessions
from rnn_kit.jsonable import csv_row, json_text, jsonable
from rnn_kit.versions import versions

CONFIG, RESULT, MODEL = "config.json", "result.json", "model.keras"
HISTORY, SAMPLES = "history.csv", "samples.txt"
_GROWING = (HISTORY, SAMPLES)
_CHECKPOINTS = "checkpoints"
OWN_FILES = (CONFIG, RESULT, MODEL, *_GROWING, _CHECKPOINTS)  # what every run writes


class Run(TimedSessions):
    """The folder of one run of a recipe.

    Make one with `Run.create` for a new run, `Run.temporary` for one that nothing is to be left of, or
    `Run.open` for one that was saved.

    Attributes:
        path: The folder, a `pathlib.Path`.
        config: The content of `config.json`: `recipe`, `preset`, `settings`, `data`, `started`.
        checkpoints: Its `Checkpoints`.
        resumed: Whether it was started before, and goes on.
        seconds: How long the run has taken, over all its sessions.
    """

    def __init__(self, path, config):
        super().__init__()
        self.path = Path(path)
        self.config = config
        self.checkpoints = Checkpoints(self.path / _CHECKPOINTS)
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
            root: Where runs go.
            data: What is trained on: name, SHA-256, sizes.
            files: Names of what the recipe will write there beside the files that every run has.

        Raises:
            RunError: as `check_new`; or if the folder is a file, or cannot be written.
            ValueError: naming the entry of `settings` or `data` that JSON has not.
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
            with writing(out / CONFIG, only_new=True) as aside:
                aside.write_text(json_text(config, CONFIG, indent=2), encoding="utf-8")
        except FileExistsError:
            raise _holds_a_run(out) from None
        run = cls(out, config)
        run._written = (*OWN_FILES, *files)
        return run

    @classmethod
    def temporary(cls, recipe, settings, data=None):
        """Makes a run whose folder goes away when nobody holds the run any more, or Python ends.

        For notebooks, which keep what is worth keeping themselves.

        Args:
            recipe, settings, data: As of `create`.
        """
        folder = tempfile.mkdtemp(prefix=f"{recipe}-")
        run = cls.create(recipe, "temporary", settings, folder, data=data)
        weakref.finalize(run, shutil.rmtree, folder, ignore_errors=True)
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
        models = _in_runs(folder, MODEL)
        if not models:
            raise RunError(
                f"There is no trained run of {recipe} in {folder}. Train one first, or "
                "name its folder with --run."
            )
        return cls.open(models[-1].parent, recipe)

    @classmethod
    def latest_unfinished(cls, recipe, root="runs"):
        """Opens the run of the recipe that was started last and has no result yet.

        Raises:
            RunError: if there is none.
        """
        folder = Path(root, recipe).absolute()
        unfinished = []
        for config in _in_runs(folder, CONFIG):
            if not (config.parent / RESULT).exists():
                with contextlib.suppress(RunError):
                    unfinished.append(cls.open(config.parent, recipe))
        if not unfinished:
            raise RunError(
                f"There is no unfinished run of {recipe} in {folder}. Name the folder of the one to go "
                "on with with --out."
            )
        return max(unfinished, key=lambda run: str(run.config.get("started")))

    @classmethod
    def finished(cls, recipe, folders):
        """The recipe's runs in these folders that have come to their end, in the order of their ends.

        What cannot be read is passed over.
        """
        runs = []
        for result in sorted(
            {p.resolve() for f in folders for p in _in_runs(Path(f), RESULT)}, key=_age
        ):
            with contextlib.suppress(RunError):
                runs.append(cls.open(result.parent, recipe))
        return runs

    def settings(self, settings_class):
        """The run's settings as the recipe's dataclass.

        Raises:
            RunError: if they do not fit it: the run is of another version of the recipe.
        """
        fields = {f.name: f for f in dataclasses.fields(settings_class)}

        def read(name, value):
            if isinstance(value, list) and name in fields and isinstance(fields[name].default, tuple):
                return tuple(value)
            infinite = value in ("NaN", "Infinity", "-Infinity") and name in fields
            return float(value) if infinite and not _is_of(value, fields[name].type) else value

        try:
            settings = settings_class(
                **{name: read(name, value) for name, value in self.config["settings"].items()}
            )
        except (TypeError, AttributeError) as error:
            raise RunError(
                f"The settings in {self.file(CONFIG)} are of another version of this recipe ({error})."
            ) from None
        for field in dataclasses.fields(settings_class):
            value = getattr(settings, field.name)
            if not _is_of(value, field.type):
                expected = getattr(field.type, "__name__", str(field.type))
                raise RunError(
                    f"The settings in {self.file(CONFIG)} have {field.name}={value!r}, and a value of "
                    f"type {expected} was expected."
                )
        return settings

    def file(self, name):
        return self.path / name

    def names(self):
        """Names of what is in the folder, sorted; those that begin with a dot are left out."""
        return sorted(p.name for p in self.path.iterdir() if not p.name.startswith("."))

    def withdraw(self):
        """Takes back what a new run has written, if it came to no checkpoint and no epoch's end.

        For a training that cannot begin. The folder itself stays, and what others have put there.

        Returns:
            Whether all of it was taken back.
        """
        if not self._written or self.checkpoints.paths() or self.file(HISTORY).exists():
            return False
        with _write_errors(self.path):
            for name in self._written:
                if name == _CHECKPOINTS:
                    shutil.rmtree(self.file(name), ignore_errors=True)
                else:
                    self.file(name).unlink(missing_ok=True)
        return True

    def is_complete(self):
        """Whether the run has come to its end, and its result and model can be read."""
        try:
            return bool(self.result()["metrics"]) and not zipfile.ZipFile(self.file(MODEL)).testzip()
        except (RunError, KeyError, TypeError, OSError, zipfile.BadZipFile):
            return False

    def write_text(self, name, text):
        """Writes a text file in UTF-8; of a name that is not, the bytes are written as escapes."""
        with self.writing(name) as aside:
            aside.write_text(text, encoding="utf-8", errors="backslashreplace")

    def write_json(self, name, content):
        """Writes a JSON file of numbers, text, lists and dicts: see `rnn_kit.jsonable`.

        Raises:
            ValueError: naming the entry that is something else.
        """
        self.write_text(name, json_text(content, name, indent=2))

    @contextlib.contextmanager
    def writing(self, name):
        """A path aside to write one of the run's files to: see `recipe_kit.runs.writing`."""
        with writing(self.file(name)) as aside:
            yield aside

    def resume(self, settings):
        """Makes an opened run ready to be trained on: with these settings, and no result as yet."""
        self.resumed = True
        self.config["settings"] = settings
        self.write_json(CONFIG, self.config)
        with _write_errors(self.path):
            self.file(RESULT).unlink(missing_ok=True)
            for folder in (self.path, self.checkpoints.folder):
                for left_by_a_kill in folder.glob(".part-*"):
                    left_by_a_kill.unlink()

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
            raise RunError(
                f"{self.path} has no {name}: the run has not come to its end. Go on with it with "
                f"--resume --out {self.path}"
            )
        try:
            return keras.models.load_model(path)
        except Exception as error:  # a cut zip, a cut HDF5 file, a layer that is gone: all alike here
            reason = str(error).strip().splitlines()[0]
            raise RunError(
                f"Cannot load {path}: {reason} Write it anew with --resume --out {self.path}, or name "
                "another run."
            ) from None

    def append_history(self, row):
        """Adds a line to `history.csv`, and the heading before the first.

        Args:
            row: Names to numbers. A tensor or an array has a column for each of its numbers.

        Raises:
            ValueError: naming the entry that holds no numbers.
        """
        path, row = self.file(HISTORY), csv_row(row)
        with _write_errors(path), open(path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if not file.tell():
                writer.writeheader()
            writer.writerow(row)

    def append_sample(self, text):
        """Adds what the model wrote to `samples.txt`: see `write_text`."""
        path = self.file(SAMPLES)
        how = {"encoding": "utf-8", "errors": "backslashreplace", "newline": "\n"}
        with _write_errors(path), open(path, "a", **how) as file:
            file.write(text + "\n")

    def history(self):
        """`history.csv` as a list of dicts of numbers.

        Raises:
            RunError: if it is missing or broken.
        """
        try:
            with open(self.file(HISTORY), newline="", encoding="utf-8") as file:
                return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"Cannot read {self.file(HISTORY)} ({error}).") from None

    def sizes(self):
        """Bytes of the files that grow, for `truncate_logs`."""
        return {n: self.file(n).stat().st_size for n in _GROWING if self.file(n).exists()}

    def truncate_logs(self, sizes):
        """Takes back what was added to the files that grow since `sizes()` returned this."""
        for name in _GROWING:
            if name not in sizes:
                self.file(name).unlink(missing_ok=True)
            elif self.file(name).exists():
                os.truncate(self.file(name), min(sizes[name], self.file(name).stat().st_size))

    def write_result(self, data, seed, metrics):
        """Writes `result.json`.

        Args:
            data: What was trained on: name, SHA-256, sizes.
            seed: The run's seed.
            metrics: Flat names to numbers; those of the test set begin with `test_`.

        Returns:
            The content.

        Raises:
            ValueError: naming the metric that is no number, or the entry of `data` that JSON has not.
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
        """The content of `result.json`; its metrics are numbers, where a training diverged too.

        Raises:
            RunError: if it is missing or broken.
        """
        try:
            result = json.loads(self.file(RESULT).read_text(encoding="utf-8"))
            # JSON has no word for NaN and infinity: they are written as what `float` reads.
            metrics = {
                name: float(value) if isinstance(value, str) else value
                for name, value in result["metrics"].items()
            }
            return {**result, "metrics": metrics}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"Cannot read {self.file(RESULT)} ({error}).") from None


@contextlib.contextmanager
def writing(final, only_new=False):
    """A path aside to write a file to; it takes its final name when the block has ended well.

    The path is another one each time, so that two processes that write the same file at once do not
    write into each other's: the file is that of the one which ends last.

    Args:
        final: The file's path. Its folder is made if it is not there.
        only_new: Whether to refuse a file that is there already. Default: `False`.

    Raises:
        RunError: if the disk is full or fails, or the folder cannot be written. Any other `OSError` of
            the block is not one of writing this file, and goes through as it is.
        FileExistsError: if the file is there, and `only_new` is `True`.
    """
    aside = final.with_name(f".part-{secrets.token_hex(6)}-{final.name}")
    try:
        with _write_errors(final):
            final.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield aside
        except OSError as error:
            of_this_file = (
                error.errno in _OF_THE_DISK if error.filename is None else _is_at(aside, error)
            )
            if not of_this_file:
                raise
            raise _cannot_write(final, error) from None
        if only_new:
            _rename_to_new(aside, final)
        else:
            with _write_errors(final):
                os.replace(aside, final)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


# What the system says of a disk that is full or fails, without saying which file it speaks of.
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ESTALE}


def _is_at(path, error):
    return str(path) == str(error.filename)


def _rename_to_new(aside, final):
    """Gives a file its final name; of two processes that do so at once, one gets `FileExistsError`."""
    try:
        os.link(aside, final)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, which has no such way
        if final.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final)) from None
        with _write_errors(final):
            os.replace(aside, final)


@contextlib.contextmanager
def _write_errors(path):
    try:
        yield
    except OSError as error:
        raise _cannot_write(path, error) from None


def _cannot_write(path, error):
    return RunError(f"Cannot write {path} ({error.strerror or error}).")


def _number(name, value):
    number = csv_row({name: value}).get(name)
    if number is None:
        raise ValueError(f"The metric {name} is {value!r}: expected one number.")
    return float(number)


def _is_of(value, annotation):
    if typing.get_origin(annotation) is tuple:
        return isinstance(value, tuple)
    # True is an int to Python, and not to us.
    return isinstance(value, annotation) and (isinstance(value, bool) == (annotation is bool))


def _in_runs(folder, name):
    """Files of this name in a folder's runs, oldest first; runs of several seeds are a level deeper."""
    return sorted([*folder.glob(f"*/{name}"), *folder.glob(f"*/seed-*/{name}")], key=_age)


def _age(path):
    return path.stat().st_mtime


def new_folder(recipe, preset, root="runs"):
    """Makes the folder of a new run: `root/<recipe>/<preset>-<date>-<time>`, or -2, -3 ... behind it.

    It is made at once, so that of two runs which start in the same second each has its own.

    Returns:
        Its path.

    Raises:
        RunError: if it cannot be made.
    """
    path = Path(root) / recipe / f"{preset}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    make_folder(path.parent)
    candidate, n = path, 1
    while True:
        try:
            make_folder(candidate, exist_ok=False)
            return candidate
        except FileExistsError:
            n += 1
            candidate = path.with_name(f"{path.name}-{n}")


def check_new(folder, files=()):
    """Refuses a folder in which a new run would write over what is there.

    Args:
        folder: It need not be there.
        files: Names of what the recipe will write beside the files that every run has.

    Raises:
        RunError: if it holds a run, or files of these names.
    """
    folder = Path(folder)
    if os.path.lexists(folder / CONFIG) or Checkpoints(folder / _CHECKPOINTS).paths():
        raise _holds_a_run(folder)
    # Not for its config.json: a run that starts there at this moment is one, which `create` refuses.
    check_free(folder, [name for name in (*OWN_FILES, *files) if name != CONFIG])


def check_free(folder, files):
    """Refuses a folder in which some of these files are there, which would be written over.

    Raises:
        RunError: naming them.
    """
    there = [name for name in files if os.path.lexists(Path(folder, name))]
    if there:
        raise RunError(
            f"{folder} holds {', '.join(there)} already, which would be written over. Give another "
            "folder with --out, or move what is there."
        )


def _holds_a_run(path):
    return RunError(
        f"{path} already holds a run. Give another folder with --out, or go on with it with --resume."
    )
