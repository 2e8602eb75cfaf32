"""Draws the pictures that only a run can draw: runs the recipe, and takes its picture.

    .venv/bin/python docs/redraw.py                     which pictures are of the ledger's runs
    .venv/bin/python docs/redraw.py hello wall          runs what draws these two, and takes them
    .venv/bin/python docs/redraw.py hello --record      records the run, too, with all its seeds
    .venv/bin/python docs/redraw.py cells --run FOLDER  takes it from a run, or one of several seeds
    .venv/bin/python docs/redraw.py head                records docs/head.json anew, and draws it

A picture is taken only if its run came to what the ledger has of it; else say `--record`. Those that
are drawn from the ledger alone are drawn by `make results`.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAD = "head"  # the one picture that needs trainings of its own instead of a recipe's run
sys.path[:0] = [str(ROOT / "recipes"), str(ROOT / "docs")]

import recipe_kit.quiet_tensorflow  # noqa: E402, F401  TensorFlow, which the package imports
from results_parts import head, pictures  # noqa: E402
from results_parts.ledger import entry  # noqa: E402

from recipe_kit import figures  # noqa: E402
from recipe_kit.runs import atomic_write  # noqa: E402


def commands(picture, out, record):
    """Returns the command lines that draw a picture in a folder."""
    python = [sys.executable, f"recipes/{picture.recipe}.py"]
    seeds = ["--seed", str(picture.seed)]
    if record:
        recorded = entry(picture.recipe, picture.preset)
        seeds = ["--seeds", *map(str, recorded["seeds"]), "--record"]
    baseline = ["--baseline"] if picture.recipe == "imdb_sentiment" and record else []
    train = [*python, "--preset", picture.preset, *seeds, *baseline, "--out", str(out)]
    return [train, *more(picture, out)]


def more(picture, out):
    """Returns the second command, if one draws the picture with a run's model."""
    run = str(run_of(picture, out))
    python = [sys.executable, f"recipes/{picture.recipe}.py"]
    return [[*python, *picture.more, "--run", run]] if picture.more else []


def run_of(picture, out):
    """Returns the folder of the picture's run: `out`, or that of one seed in it."""
    folder = Path(out, f"seed-{picture.seed}")
    return folder if folder.exists() else Path(out)


def take(name, out):
    """Copies a picture from a run's folder, if it shows the ledger's run. Returns its faults."""
    picture = pictures.FROM_RUNS[name]
    file = run_of(picture, out) / picture.file
    if not file.exists():
        return [f"{file} is not there"]
    recorded = entry(picture.recipe, picture.preset)
    found = pictures.run_faults(picture, figures.about_figure(file), recorded)
    if not found:
        with atomic_write(pictures.DOCS / f"{name}.png") as tmp_path:
            shutil.copyfile(file, tmp_path)
    return found


def report():
    """Prints for every picture whether it shows the ledger's runs. Returns how many are outdated."""
    old = 0
    for name in {**pictures.FROM_LEDGER, **pictures.FROM_RUNS}:
        found = pictures.faults(name)
        there = (pictures.DOCS / f"{name}.png").exists()
        old += bool(found) and there
        how = f"docs/redraw.py {name}"
        if name != HEAD:
            how = "make results" if name in pictures.FROM_LEDGER else f"{how} --record"
        state = "old" if there else "not drawn yet"
        print(f"{name:14}" + (f"{state} ({how}): {found[0]}" if found else "of the ledger's run"))
    return old


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="pictures of docs/, without .png")
    parser.add_argument("--record", action="store_true", help="record the runs, with all their seeds")
    parser.add_argument("--run", help="run nothing: take the pictures from this folder")
    flags = parser.parse_args(argv)
    known = [*pictures.FROM_RUNS, HEAD]
    unknown = [name for name in flags.names if name not in known]
    if unknown:
        parser.error(f"{', '.join(unknown)}: not among {', '.join(known)}")
    if not flags.names:
        return report()
    if HEAD in flags.names:
        if flags.run:
            parser.error(f"{HEAD} is of trainings of its own, and not taken from --run")
        head.record()
        pictures.draw([HEAD])
        print(f"docs/{HEAD}.png drawn")
    runs = {}  # one run may draw several pictures
    for name in (name for name in flags.names if name != HEAD):
        runs.setdefault(pictures.FROM_RUNS[name][:3], []).append(name)
    failed = 0
    for names in runs.values():
        picture = pictures.FROM_RUNS[names[0]]
        with tempfile.TemporaryDirectory() as folder:
            out = flags.run or Path(folder) / "run"
            if not flags.run:
                for line in commands(picture, out, flags.record)[:1]:
                    subprocess.run(line, cwd=ROOT, check=True)
            for line in more(picture, out):
                subprocess.run(line, cwd=ROOT, check=True)
            for name in names:
                found = take(name, out)
                failed += bool(found)
                for fault in found:
                    print(f"docs/{name}.png is left as it was: {fault}")
                if not found:
                    print(f"docs/{name}.png drawn")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
