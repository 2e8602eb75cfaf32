"""Plans the runs that a command line asks for: new or resumed, one or one for each seed."""

import contextlib
import dataclasses
from pathlib import Path

from recipe_kit.cli.errors import UserError
from recipe_kit.cli.flags import flag_of, given, in_words, override, settings_without_effect
from recipe_kit.runs import (
    CONFIG,
    Run,
    RunError,
    check_new,
    jsonable,
    latest_unfinished_run,
    new_folder,
)


class Job:
    """One run to train: its settings, and its folder, which is opened once the data are available.

    Attributes:
        recipe, preset: Their names.
        settings: The recipe's dataclass.
        path: The run's folder.
        run: The `Run`; `None` until a new one is opened.
        has_ended: Whether the run has already ended.
        is_new: Whether the run was not begun before.
        lock: An `ExitStack` that holds the folder's lock.
    """

    def __init__(self, recipe, preset, settings, path, run=None, has_ended=False):
        self.recipe, self.preset, self.settings = recipe, preset, settings
        self.path, self.run, self.has_ended = path, run, has_ended
        self.is_new, self.lock = run is None, contextlib.ExitStack()

    def open(self, data):
        """Opens the run: makes a new run's folder, or checks that a resumed run has its data.

        Args:
            data: Name, SHA-256, sizes.

        Returns:
            The `Run`.

        Raises:
            RunError: if the folder cannot be used, or the data differ.
        """
        if self.run is None:
            files = extra_files(type(self.settings))
            self.run = Run.create(
                self.recipe, self.preset, self.settings, self.path, data=data, files=files
            )
            return self.run
        before, now = hashes(self.run.config.get("data") or {}), hashes(data)
        for what in now:
            if before.get(what) != now[what]:
                raise RunError(
                    f"The {what} are not those that the run in {self.path} was started on: SHA-256 "
                    f"{now[what][:12]}…, and it was {str(before.get(what))[:12]}…. Put those back, or "
                    "start anew in another folder with --out."
                )
        self.run.config["data"] = jsonable(data, "The data")  # their location may have changed
        self.run.resume(as_json(self.settings))
        return self.run


def extra_files(settings_class):
    """Returns names of the files that the recipe writes beside those of every run."""
    return getattr(settings_class, "FILES", ())


def hashes(data):
    """Returns the hash of the data, and of other hashed parts such as features."""
    parts = {"data": data, **{name: part for name, part in data.items() if isinstance(part, dict)}}
    return {name: part["sha256"] for name, part in parts.items() if "sha256" in part}


def as_json(settings):
    """Returns settings as they read back from JSON."""
    return jsonable(dataclasses.asdict(settings), "The settings")


# Checks before anything takes long


def check_flags(recipe, flags, settings_class, compares=False):
    """Refuses flags of a training that contradict each other, and unusable folders.

    Args:
        recipe: The recipe's name.
        flags: The parsed flags.
        settings_class: The dataclass of the recipe's settings.
        compares: Whether several variants are trained, in folders of their own.

    Raises:
        UserError, RunError: with one line for the user.
    """
    if flags.seeds and "seed" in given(flags, settings_class):
        raise UserError("--seed and --seeds cannot both be given: leave one out.")
    if len(set(flags.seeds or ())) < len(flags.seeds or ()):
        raise UserError(f"--seeds {in_words(flags.seeds)}: each seed is given once.")
    several = compares or flags.seeds
    if several and flags.resume and not flags.out:
        which = "with compare needs --out, the folder that holds its runs"
        if not compares:
            which = "with --seeds needs --out, the folder that holds the seeds' runs"
        raise UserError(f"--resume {which}.")
    if several:
        check_no_single_run(flags.out)
    elif flags.resume:
        check_same_settings(_run_to_resume(recipe, flags), flags, settings_class)
    elif flags.out:
        check_new(flags.out, extra_files(settings_class))


def check_no_single_run(out):
    """Refuses a folder for several runs that is itself a run's. `None` is a new folder."""
    if out and Path(out, CONFIG).exists():
        raise RunError(f"{out} holds a single run already. Give another folder with --out.")


def check_same_settings(run, flags, settings_class):
    """Refuses flags that ask for other settings than a run was started with.

    Settings that do not affect results may change, and so may the number of epochs and the location of
    data, which are compared by hash.
    """
    settings, asked = run.settings(settings_class), given(flags, settings_class)
    free = {"epochs", *_free_to_change(run, settings_class)}
    wishes = [
        (flag_of(settings_class, name), wish, getattr(settings, name))
        for name, wish in asked.items()
        if name not in free
    ]
    if flags.preset:
        wishes.append(("--preset", flags.preset, run.config["preset"]))
    for flag, wish, was in wishes:
        if wish != was:
            raise UserError(
                f"{flag} {in_words(wish)}: the run in {run.path} was started with {in_words(was)}. "
                "Leave the flag out to go on with it, or start another run in a folder of its own with "
                "--out."
            )


def _free_to_change(run, settings_class):
    """Returns names of settings that may change when a run is resumed."""
    return {*settings_without_effect(settings_class), *hashes(run.config.get("data") or {})}


def _run_to_resume(recipe, flags, root="runs"):
    return Run.open(flags.out, recipe) if flags.out else latest_unfinished_run(recipe, root)


# The jobs


def plan(recipe, flags, presets, settings_class, default, root):
    """Returns the `Job`s that flags ask for, in the order of their seeds.

    Raises:
        UserError, RunError: with one line for the user.
    """
    preset = flags.preset or default
    settings = override(presets[preset], flags)
    if flags.seeds:
        return _jobs_of_seeds(recipe, flags, preset, settings, root)
    if flags.resume:
        return [_resumed(_run_to_resume(recipe, flags, root), flags, settings_class)]
    path = Path(flags.out or new_folder(recipe, preset, root))
    check_new(path, extra_files(settings_class))
    return [Job(recipe, preset, settings, path)]


def _jobs_of_seeds(recipe, flags, preset, settings, root):
    """Returns a job a seed, each in its own folder, resuming those that were begun."""
    settings_class = type(settings)
    check_flags(recipe, flags, settings_class)
    out = Path(flags.out or new_folder(recipe, preset, root))
    paths = {seed: out / f"seed-{seed}" for seed in flags.seeds}
    begun = {seed: Run.open(p, recipe) for seed, p in paths.items() if (p / CONFIG).exists()}
    if begun and not flags.resume:
        raise RunError(
            f"{next(iter(begun.values())).path} already holds a run. Give another folder with --out, "
            "or go on with --resume."
        )
    jobs = {seed: _resumed(run, flags, settings_class) for seed, run in begun.items()}
    if jobs:
        first = next(iter(jobs.values()))
        _check_alike(jobs.values(), out)
        preset, settings = first.preset, first.settings
    for seed in set(paths) - set(jobs):
        check_new(paths[seed], extra_files(settings_class))
        jobs[seed] = Job(recipe, preset, dataclasses.replace(settings, seed=seed), paths[seed])
    return [jobs[seed] for seed in flags.seeds]


def _check_alike(jobs, out):
    """Refuses runs that differ in settings that affect results, other than the seed."""
    decisive = []
    for job in jobs:
        ignored = {"seed", *settings_without_effect(job.settings)}
        decisive.append({k: v for k, v in vars(job.settings).items() if k not in ignored})
    if any(settings != decisive[0] for settings in decisive):
        raise RunError(
            f"The runs in {out} differ in more than their seeds, so they have no common mean. "
            "Start anew in another folder with --out."
        )


def _resumed(run, flags, settings_class):
    """Returns a job that resumes a run, after checking that no flag asks for other settings."""
    check_same_settings(run, flags, settings_class)
    settings, asked = run.settings(settings_class), given(flags, settings_class)
    epochs = asked.get("epochs", settings.epochs)
    has_ended = run.is_complete() and epochs == settings.epochs
    if epochs != settings.epochs:
        _check_epochs(run, epochs)
        print(
            f"{epochs} epochs now, and not {settings.epochs}: the learning rate's schedule, if it has "
            "one, is that of the new number from here on."
        )
    if not has_ended:  # an ended run keeps its settings
        free = {name: asked[name] for name in _free_to_change(run, settings_class) if name in asked}
        settings = dataclasses.replace(settings, epochs=epochs, **free)
    return Job(run.config["recipe"], run.config["preset"], settings, run.path, run, has_ended)


def _check_epochs(run, epochs):
    """Refuses a changed number of epochs for a run that stopped early or is beyond it."""
    checkpoint = run.checkpoints.load(lambda line: None)
    notes = checkpoint[1] if checkpoint else {"epoch": 0, "batch": 0, "stopped": False}
    if notes["stopped"]:
        raise UserError(
            f"--epochs {epochs}: the run in {run.path} stopped early, after epoch {notes['epoch']}, "
            "because it got no better. More patience is another run, in another folder."
        )
    begun = notes["epoch"] + (notes["batch"] > 0)
    if epochs < begun:
        raise UserError(f"--epochs {epochs}: the run in {run.path} is in epoch {begun} already.")
