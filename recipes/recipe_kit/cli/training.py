"""Trains the runs that a command line asks for, one after another, and records them."""

import contextlib
import json
from pathlib import Path

import keras

from recipe_kit.cli.errors import UserError
from recipe_kit.cli.flags import in_words, settings_without_effect
from recipe_kit.cli.jobs import as_json, hashes, plan
from recipe_kit.cli.out_of_memory import memory_errors, out_of_memory
from recipe_kit.cli.output import outlive_output
from recipe_kit.cli.program import command, command_to_resume
from recipe_kit.datasets import DataError
from recipe_kit.runs import (
    HISTORY,
    atomic_write,
    entry_text,
    ledger_entry,
    ledger_name,
    locked,
    summary,
)
from rnn_kit.text import TextError


def run_seeds(recipe, flags, presets, settings_class, run_one, ledger, default="cpu", root="runs"):
    """Trains the runs that a command line asks for: one, or one for each of `--seeds`.

    Args:
        recipe: The recipe's name.
        flags: What `CommandLine` parsed.
        presets: Names to instances of `settings_class`.
        settings_class: The dataclass of the recipe's settings, which has `seed` and `epochs`; and
            `FILES`, the names of files that the recipe writes beside those of every run.
        run_one: `run_one(settings, open_run) -> metrics` trains and evaluates one run and writes its
            result. Once it has its data it calls `open_run(data)` with their name, SHA-256 and sizes,
            which returns the `Run`: a new one, or the resumed one, whose data must be the same.
        ledger: The folder of recorded runs.
        default: The preset without `--preset`.
        root: The folder of runs.

    Returns:
        The metrics; for several seeds, each with mean, standard deviation and values.

    Raises:
        UserError, RunError: with one line for the user; the flags are checked before training.
        KeyboardInterrupt: with the command that resumes.
    """
    outlive_output()
    results, runs = [], []
    jobs = plan(recipe, flags, presets, settings_class, default, root)
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
        preset = as_json(presets.get(results[0]["preset"], settings_class()))
        histories = [run.history() if run.file(HISTORY).exists() else [] for run in runs]
        entry = ledger_entry(results, preset, without_effect, histories)
        print(f"recorded in {_write_entry(entry, Path(ledger))}")
    if not flags.seeds:
        return results[0]["metrics"]
    return {name: summary(r["metrics"][name] for r in results) for name in results[0]["metrics"]}


def _train(job, run_one, flags):
    """Trains one job; an interruption's message says how to resume, if possible."""
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
    """Removes a folder and its parents up to `root`, included, as long as they are empty."""
    for empty in (folder, *folder.parents):
        try:
            empty.rmdir()
        except FileNotFoundError:  # not made yet
            continue
        except OSError:
            return
        if empty == root:
            return


def _how_to_go_on(flags, path):
    comparison = getattr(flags, "comparison", None)  # the folder of the comparison with this run
    if not flags.seeds and comparison is None:
        return command("--resume", "--out", path, *(["--record"] if flags.record else []))
    return command_to_resume(flags.argv, comparison or path.parent)


def _print_spread(results):
    seeds = ", ".join(str(r["seed"]) for r in results)
    print(f"\nseeds {seeds}: mean ± standard deviation")
    width = max(len(name) for name in results[0]["metrics"])
    for name in results[0]["metrics"]:
        of_seeds = summary(r["metrics"][name] for r in results)
        spread = "" if of_seeds["std"] is None else f" ± {_number(of_seeds['std'])}"
        print(f"  {name:{width}}  {_number(of_seeds['mean'])}{spread}")


def _number(value):
    """Formats a number with four decimals, or with an exponent if those would show nothing."""
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
