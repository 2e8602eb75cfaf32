"""The runs that a command line asks for: new or resumed, of one seed or of several, recorded or not."""

import contextlib
import dataclasses
import json
from pathlib import Path

import keras

from recipe_kit.cli.errors import UserError
from recipe_kit.cli.flags import flag_of, given, in_words, override, settings_without_effect
from recipe_kit.cli.out_of_memory import memory_errors, out_of_memory
from recipe_kit.cli.output import outlive_output
from recipe_kit.cli.program import command, command_to_resume
from recipe_kit.datasets import DataError
from recipe_kit.runs import (
    CONFIG,
    HISTORY,
    Run,
    RunError,
    atomic_write,
    check_new,
    entry_text,
    jsonable,
    latest_unfinished_run,
    ledger_entry,
    ledger_name,
    locked,
    new_folder,
    summary,
)
from rnn_kit.text import TextError


def run_seeds(recipe, flags, presets, settings_class, run_one, ledger, default="cpu", root="runs"):
    """Trains what a recipe's command line asks for: one run, or one for each of `--seeds`.

    Args:
        recipe: The recipe's name.
        flags: What `CommandLine` parsed.
        presets: Names to instances of `settings_class`.
        settings_class: The dataclass of the recipe's settings, which has `seed` and `epochs`; and
            `FILES`, the names of what the recipe writes beside the files that every run has.
        run_one: `run_one(settings, open_run) -> metrics` trains and evaluates one run and writes its
            result. When it has its data it calls `open_run(data)` with their name, SHA-256 and sizes,
            and gets the `Run`: a new one, or the one that goes on, whose data must be the same.
        ledger: The folder of recorded runs.
        default: The preset without `--preset`.
        root: Where runs go.

    Returns:
        The metrics; of several seeds, each with mean, standard deviation and values.

    Raises:
        UserError, RunError: one line for the user; what the flags ask for is checked before training.
        KeyboardInterrupt: with the command that goes on.
    """
    outlive_output()
    results, runs = [], []
    jobs = _jobs(recipe, flags, presets, settings_class, default, root)
    with contextlib.ExitStack() as locks:
        if not flags.out:
            locks.callback(_remove_empty, jobs[0].path, Path(root))
        for job in jobs:
            locks.enter_context(job.lock)
            if not job.has_ended:
                job.lock.enter_context(locked(job.path))
        for job in jobs:
            keras.utils.clear_session()
            if flags.seeds:
                print(f"\n===== seed {job.settings.seed}, in {job.path}")
            if job.has_ended:
                print(f"The run in {job.path} has come to its end already.")
            else:
                _train(job, run_one, flags)
            job.lock.close()
            results.append(job.run.result())
            runs.append(job.run)
    if flags.seeds:
        _print_spread(results)
    if flags.record:
        without_effect = settings_without_effect(settings_class)
        preset = _plain(presets.get(results[0]["preset"], settings_class()))
        histories = [run.history() if run.file(HISTORY).exists() else [] for run in runs]
        entry = ledger_entry(results, preset, without_effect, histories)
        print(f"recorded in {_write_entry(entry, Path(ledger))}")
    if not flags.seeds:
        return results[0]["metrics"]
    return {name: summary(r["metrics"][name] for r in results) for name in results[0]["metrics"]}


def _train(job, run_one, flags):
    """Trains one job; what breaks it off says how to go on, where there is something to go on with."""
    try:
        run_one(job.settings, job.open)
    except KeyboardInterrupt as interrupt:
        if job.run is None:
            raise
        lines = [str(interrupt) or "Interrupted.", f"Go on: {_how_to_go_on(flags, job.path)}"]
        raise KeyboardInterrupt("\n".join(lines)) from None
    except (DataError, TextError) as error:
        if job.is_new or "data" not in hashes(job.run.config.get("data") or {}):
            raise
        said = str(error).rstrip(".")
        raise UserError(f"{said}. If the run's data moved, say with --data where they are.") from None
    except memory_errors() as error:
        said = out_of_memory(error)
        if job.run is not None and not job.run.withdraw():
            said = UserError(f"{said} Go on from its checkpoint: {_how_to_go_on(flags, job.path)}")
        raise said from None


def _remove_empty(folder, root):
    """Removes a folder, and those above it up to `root` itself, as far as nothing is in them."""
    for empty in (folder, *folder.parents):
        try:
            empty.rmdir()
        except FileNotFoundError:  # not made yet
            continue
        except OSError:
            return
        if empty == root:
            return


class _Job:
    """One run to train: its settings, and its folder, which is opened when the data are there."""

    def __init__(self, recipe, preset, settings, path, run=None, has_ended=False):
        self.recipe, self.preset, self.settings = recipe, preset, settings
        self.path, self.run, self.has_ended = path, run, has_ended
        self.is_new, self.lock = run is None, contextlib.ExitStack()

    def open(self, data):
        if self.run is None:
            self.run = Run.create(
                self.recipe,
                self.preset,
                self.settings,
                self.path,
                data=data,
                files=_files(type(self.settings)),
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
        self.run.config["data"] = jsonable(data, "The data")  # they may lie elsewhere now
        self.run.resume(_plain(self.settings))
        return self.run


def _files(settings_class):
    return getattr(settings_class, "FILES", ())


def hashes(data):
    """The hash of the data, and of whatever else beside them has one, such as features."""
    parts = {"data": data, **{name: part for name, part in data.items() if isinstance(part, dict)}}
    return {name: part["sha256"] for name, part in parts.items() if "sha256" in part}


def _jobs(recipe, flags, presets, settings_class, default, root):
    preset = flags.preset or default
    settings = override(presets[preset], flags)
    if not flags.seeds:
        if not flags.resume:
            path = Path(flags.out or new_folder(recipe, preset, root))
            check_new(path, _files(settings_class))
            return [_Job(recipe, preset, settings, path)]
        run = Run.open(flags.out, recipe) if flags.out else latest_unfinished_run(recipe, root)
        return [_resumed(recipe, run, flags, settings_class)]

    if "seed" in given(flags, settings_class):
        raise UserError("--seed and --seeds cannot both be given: leave one out.")
    if len(set(flags.seeds)) < len(flags.seeds):
        raise UserError(f"--seeds {in_words(flags.seeds)}: each seed is given once.")
    if flags.resume and not flags.out:
        raise UserError("--resume with --seeds needs --out, the folder that holds the seeds' runs.")
    out = Path(flags.out or new_folder(recipe, preset, root))
    if (out / CONFIG).exists():
        raise RunError(f"{out} holds a single run already. Give another folder with --out.")
    paths = {seed: out / f"seed-{seed}" for seed in flags.seeds}
    there = {seed: Run.open(p, recipe) for seed, p in paths.items() if (p / CONFIG).exists()}
    if there and not flags.resume:
        raise RunError(
            f"{next(iter(there.values())).path} already holds a run. Give another folder with --out, "
            "or go on with --resume."
        )
    jobs = {seed: _resumed(recipe, run, flags, settings_class) for seed, run in there.items()}
    without_effect = ("seed", *settings_without_effect(settings_class))
    for job in jobs.values():  # the seeds that were not begun are to be as those that were
        like, preset, settings = job.settings, job.preset, next(iter(jobs.values())).settings
        if _without(like, without_effect) != _without(settings, without_effect):
            raise RunError(
                f"The runs in {out} differ in more than their seeds, so they have no common mean. "
                "Start anew in another folder with --out."
            )
    for seed in set(flags.seeds) - set(jobs):
        check_new(paths[seed], _files(settings_class))
        its_settings = dataclasses.replace(settings, seed=seed)
        jobs[seed] = _Job(recipe, preset, its_settings, paths[seed])
    return [jobs[seed] for seed in flags.seeds]


def _without(settings, names):
    return {name: value for name, value in vars(settings).items() if name not in names}


def _resumed(recipe, run, flags, settings_class):
    """A job that goes on with a run, after a check that no flag asks for something else.

    What no figure depends on may be asked for otherwise, and so may be where data lie: their hash tells
    whether they are the same.
    """
    settings = run.settings(settings_class)
    preset = run.config["preset"]
    asked = given(flags, settings_class)
    epochs = asked.pop("epochs", settings.epochs)
    hashed = hashes(run.config.get("data") or {})
    free = {n: asked.pop(n) for n in (*settings_without_effect(settings_class), *hashed) if n in asked}
    wishes = [(flag_of(settings_class, n), v, getattr(settings, n)) for n, v in asked.items()]
    wishes += [("--preset", flags.preset, preset)] if flags.preset else []
    for flag, wish, was in wishes:
        if wish != was:
            raise UserError(
                f"{flag} {in_words(wish)}: the run in {run.path} was started with {in_words(was)}. "
                "Leave the flag out to go on with it, or start another run in a folder of its own with "
                "--out."
            )
    has_ended = run.is_complete() and epochs == settings.epochs
    if epochs != settings.epochs:
        _check_epochs(run, epochs)
        print(
            f"{epochs} epochs now, and not {settings.epochs}: the learning rate's schedule, if it has "
            "one, is that of the new number from here on."
        )
    if not has_ended:  # what has come to its end keeps what it was made with
        settings = dataclasses.replace(settings, epochs=epochs, **free)
    return _Job(recipe, preset, settings, run.path, run, has_ended)


def _check_epochs(run, epochs):
    """Refuses another number of epochs for a run that has stopped early, or is beyond it."""
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


def _how_to_go_on(flags, path):
    comparison = getattr(flags, "comparison", None)  # the folder of the one that the run is of
    if not flags.seeds and comparison is None:
        return command("--resume", "--out", path, *(["--record"] if flags.record else []))
    return command_to_resume(flags.argv, comparison or path.parent)


def _plain(settings):
    """Settings as JSON gives them back."""
    return jsonable(dataclasses.asdict(settings), "The settings")


def _print_spread(results):
    seeds = ", ".join(str(r["seed"]) for r in results)
    print(f"\nseeds {seeds}: mean ± standard deviation")
    width = max(len(name) for name in results[0]["metrics"])
    for name in results[0]["metrics"]:
        of_seeds = summary(r["metrics"][name] for r in results)
        spread = "" if of_seeds["std"] is None else f" ± {_number(of_seeds['std'])}"
        print(f"  {name:{width}}  {_number(of_seeds['mean'])}{spread}")


def _number(value):
    """Four decimals, or two digits and an exponent where these would show nothing."""
    return f"{value:.4f}" if value == 0 or abs(value) >= 5e-4 else f"{value:.1e}"


def _write_entry(entry, folder):
    """Writes an entry of the ledger. Returns its path."""
    path = folder / ledger_name(entry)
    commits = entry["commit"] if isinstance(entry["commit"], list) else [entry["commit"]]
    if any(commit and commit.endswith("+") for commit in commits):
        print("(The checkout has changes that are not committed: see the + behind the commit.)")
    if path.exists():
        print(f"(The ledger's entry of {_seeds_of(path)} is replaced.)")
    with atomic_write(path) as tmp_path:
        tmp_path.write_text(entry_text(entry), encoding="utf-8")
    return path


def _seeds_of(path):
    try:
        return f"the seeds {in_words(json.loads(path.read_text(encoding='utf-8'))['seeds'])}"
    except (OSError, ValueError, KeyError, TypeError):
        return "before"
