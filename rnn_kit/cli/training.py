"""The runs that a command line asks for: new or resumed, of one seed or of several, recorded or not."""

import dataclasses
import json
import os
import statistics
from pathlib import Path

import keras

from rnn_kit.cli.errors import UserError
from rnn_kit.cli.flags import flag_of, given, override
from rnn_kit.cli.program import command
from rnn_kit.runs import CONFIG, Run, RunError, ledger_entry, ledger_name, new_folder, summary


def run_seeds(recipe, flags, presets, settings_class, run_one, ledger, default="cpu", root="runs"):
    """Trains what a recipe's command line asks for: one run, or one for each of `--seeds`.

    Args:
        recipe: The recipe's name.
        flags: What `recipe_parser` parsed, and `argv`, the list it parsed.
        presets: Names to instances of `settings_class`.
        settings_class: The dataclass of the recipe's settings, which has `seed` and `epochs`.
        run_one: `run_one(settings, open_run) -> metrics` trains and evaluates one run and writes its
            result. When it has its data it calls `open_run(data)` with their name, SHA-256 and sizes,
            and gets the `Run`: a new one, or the one that goes on, whose data must be the same.
        ledger: The folder of recorded runs.
        default: The preset without `--preset`.
        root: Where runs go.

    Returns:
        The metrics; of several seeds, each with mean, standard deviation and values.

    Raises:
        UserError, RunError: one line for the user, before anything is trained where that is possible.
        KeyboardInterrupt: with the command that goes on.
    """
    results = []
    for job in _jobs(recipe, flags, presets, settings_class, default, root):
        keras.utils.clear_session()
        if flags.seeds:
            print(f"\n===== seed {job.settings.seed}, in {job.path}")
        if job.has_ended():
            print(f"The run in {job.path} has come to its end already; give more --epochs to train on.")
        else:
            try:
                run_one(job.settings, job.open)
            except KeyboardInterrupt as interrupt:
                if job.run is None:
                    raise
                raise KeyboardInterrupt(
                    f"{str(interrupt) or 'Interrupted.'} Go on with: {_how_to_go_on(flags, job.path)}"
                ) from None
        results.append(job.run.result())
    if flags.seeds:
        _print_spread(results)
    if flags.record:
        preset = _plain(presets.get(results[0]["preset"], settings_class()))
        entry = ledger_entry(results, preset)
        print(f"recorded in {_write_entry(entry, Path(ledger))}")
    if not flags.seeds:
        return results[0]["metrics"]
    return {name: summary(r["metrics"][name] for r in results) for name in results[0]["metrics"]}


class _Job:
    """One run to train: its settings, and its folder, which is opened when the data are there."""

    def __init__(self, recipe, preset, settings, path, run=None, trains_on=False):
        self.recipe, self.preset, self.settings = recipe, preset, settings
        self.path, self.run = path, run
        self.resumed, self.trains_on = run is not None, trains_on

    def has_ended(self):
        return self.resumed and not self.trains_on and self.run.is_whole()

    def open(self, data):
        if not self.resumed:
            self.run = Run.create(self.recipe, self.preset, self.settings, self.path, data=data)
            return self.run
        before = (self.run.config.get("data") or {}).get("sha256")
        if before != data["sha256"]:
            raise RunError(
                f"The data are not those that the run in {self.path} was started on: SHA-256 "
                f"{data['sha256'][:12]}…, and it was {str(before)[:12]}…. Put those back, or start "
                "anew in another folder with --out."
            )
        self.run.config["settings"] = _plain(self.settings)
        self.run.write_json(CONFIG, self.run.config)
        return self.run


def _jobs(recipe, flags, presets, settings_class, default, root):
    preset = flags.preset or default
    settings = override(presets[preset], flags)
    if not flags.seeds:
        if not flags.resume:
            path = Path(flags.out or new_folder(recipe, preset, root))
            return [_Job(recipe, preset, settings, path)]
        run = Run.open(flags.out, recipe) if flags.out else Run.latest_unfinished(recipe, root)
        return [_resumed(recipe, run, flags, settings_class)]

    if flags.seed is not None:
        raise UserError("--seed and --seeds cannot both be given: leave one out.")
    if len(set(flags.seeds)) < len(flags.seeds):
        raise UserError(f"--seeds {' '.join(map(str, flags.seeds))}: each seed is given once.")
    if flags.resume and not flags.out:
        raise UserError("--resume with --seeds needs --out, the folder that holds the seeds' runs.")
    out = Path(flags.out or new_folder(recipe, preset, root))
    if (out / CONFIG).exists():
        raise RunError(f"{out} holds a single run already. Give another folder with --out.")
    jobs = []
    for seed in flags.seeds:
        path = out / f"seed-{seed}"
        if not (path / CONFIG).exists():
            its_settings = dataclasses.replace(settings, seed=seed)
            jobs.append(_Job(recipe, preset, its_settings, path))
        elif flags.resume:
            jobs.append(_resumed(recipe, Run.open(path, recipe), flags, settings_class))
        else:
            raise RunError(
                f"{path} already holds a run. Give another folder with --out, or go on with --resume."
            )
    return jobs


def _resumed(recipe, run, flags, settings_class):
    """A job that goes on with a run, after a check that no flag asks for something else."""
    settings = run.settings(settings_class)
    preset = run.config["preset"]
    asked = given(flags, settings_class)
    epochs = asked.pop("epochs", settings.epochs)
    wishes = [(flag_of(settings_class, n), v, getattr(settings, n)) for n, v in asked.items()]
    wishes += [("--preset", flags.preset, preset)] if flags.preset else []
    for flag, wish, was in wishes:
        if (tuple(wish) if isinstance(wish, list) else wish) != was:
            raise UserError(
                f"{flag} {wish}: the run in {run.path} was started with {was}. Leave the flag out to "
                "go on with it, or start another run in another folder with --out."
            )
    trained = len(run.history()) if run.has_history() else 0
    if epochs < trained:
        raise UserError(f"--epochs {epochs}: the run in {run.path} has {trained} epochs behind it.")
    trains_on = epochs != settings.epochs
    settings = dataclasses.replace(settings, epochs=epochs)
    return _Job(recipe, preset, settings, run.path, run, trains_on)


def _how_to_go_on(flags, path):
    if not flags.seeds:
        return command("--resume", "--out", path)
    arguments = [a for a in flags.argv if a != "--resume"]
    out = [] if flags.out else ["--out", path.parent]
    return command(*arguments, *out, "--resume")


def _plain(settings):
    """Settings as JSON gives them back."""
    return json.loads(json.dumps(dataclasses.asdict(settings)))


def _print_spread(results):
    seeds = ", ".join(str(r["seed"]) for r in results)
    print(f"\nseeds {seeds}: mean ± standard deviation")
    width = max(len(name) for name in results[0]["metrics"])
    for name in results[0]["metrics"]:
        values = [r["metrics"][name] for r in results]
        spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
        print(f"  {name:{width}}  {statistics.fmean(values):.4f}{spread}")


def _write_entry(entry, folder):
    """Writes an entry of the ledger aside and renames it. Returns its path."""
    path = folder / ledger_name(entry)
    aside = path.with_name(f".part-{path.name}")
    commits = entry["commit"] if isinstance(entry["commit"], list) else [entry["commit"]]
    if any(commit and commit.endswith("+") for commit in commits):
        print(
            "(The checkout has changes that are not committed: the ledger shows a + behind the commit.)"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            aside.write_text(json.dumps(entry, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"Cannot write {path} ({error.strerror or error}).") from None
    return path
