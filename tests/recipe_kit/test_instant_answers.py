"""What a command line is told without TensorFlow, whose import takes seconds."""

import concurrent.futures
import dataclasses
import json
import subprocess
import sys
import types
from pathlib import Path

import pytest

import adding_problem
from recipe_kit import lazy_imports

ROOT = Path(__file__).parents[2]
RECIPES = sorted(path.name for path in (ROOT / "recipes").glob("*.py"))


def told(recipe, *arguments, cwd=ROOT):
    """Exit code, standard output, standard error, and the modules that were executed on the way."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", ROOT / "recipes" / recipe, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    lines = done.stderr.splitlines()
    imported = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    said = "\n".join(line for line in lines if not line.startswith("import time:"))
    return done.returncode, done.stdout, said, imported


def nothing_slow(imported):
    slow = ("tensorflow.python", "keras.src", "matplotlib.pyplot", "scipy.stats", "sklearn.base")
    assert imported.isdisjoint(slow)


@pytest.mark.parametrize("recipe", RECIPES)
def test_help_is_told_without_tensorflow(recipe):
    code, out, said, imported = told(recipe, "--help")
    assert code == 0 and said == ""
    assert out.startswith(f"usage: {recipe}")
    nothing_slow(imported)


def test_a_mistyped_flag_is_told_without_tensorflow():
    code, _, said, imported = told("nietzsche_generation.py", "--epochz", "3")
    assert code == 2 and "did you mean --epochs?" in said and "\n" not in said
    nothing_slow(imported)


def test_the_name_of_a_cell_is_checked_without_tensorflow():
    for cell, what in (("gru", "did you mean --epochs?"), ("grue", "invalid choice: 'grue'")):
        code, _, said, imported = told("nietzsche_generation.py", "--cell", cell, "--epochz", "3")
        assert code == 2 and what in said and "\n" not in said
        nothing_slow(imported)


def test_what_is_wrong_with_a_path_is_told_without_tensorflow(tmp_path):
    (tmp_path / "history.csv").touch()
    wrong = {
        ("--data", "no/such.txt"): "no file or folder called 'no/such.txt'",
        ("--out", tmp_path): "holds history.csv already",
        ("sample", "--run", tmp_path / "none"): "no run in",
    }
    for arguments, what in wrong.items():
        code, _, said, imported = told("nietzsche_generation.py", *arguments)
        assert code == 2 and what in said and "\n" not in said
        nothing_slow(imported)


def test_flags_that_exclude_each_other_are_told_without_tensorflow(tmp_path):
    wrong = {
        ("--seed", "1", "--seeds", "0", "1"): "--seed and --seeds cannot both be given",
        ("--seeds", "0", "0"): "each seed is given once",
        ("--seeds", "0", "1", "--resume"): "--resume with --seeds needs --out",
        ("--resume",): "no unfinished run",
        ("compare", "--resume"): "--resume with compare needs --out",
        ("compare", "--cell", "gru"): "--cell has no meaning with compare",
        ("predict",): "required: TEXT",
        ("predict", "dull"): "There is no trained run of imdb_sentiment",
        ("predict", "dull", "--run", tmp_path): "There is no run in",
        ("measure", "--preset", "lecture"): "leaves padding out",
    }
    for arguments, what in wrong.items():
        code, _, said, imported = told("imdb_sentiment.py", *arguments, cwd=tmp_path)
        assert code == 2 and what in said and "\n" not in said, said
        nothing_slow(imported)


def test_what_a_saved_run_cannot_do_is_told_without_tensorflow(tmp_path):
    config = {"recipe": "adding_problem", "preset": "cpu", "data": None}
    config["settings"] = dataclasses.asdict(adding_problem.Settings())
    (tmp_path / "config.json").write_text(json.dumps(config))
    wrong = {
        ("adding_problem.py", "--resume", "--units", "3"): "--units 3: the run in",
        ("adding_problem.py", "--resume", "--preset", "smoke"): "--preset smoke: the run in",
        ("adding_problem.py", "--seeds", "0"): "holds a single run already",
        ("adding_problem.py", "compare"): "holds a single run already",
    }
    for (recipe, *arguments), what in wrong.items():
        code, _, said, imported = told(recipe, *arguments, "--out", tmp_path)
        assert code == 2 and what in said and "\n" not in said, said
        nothing_slow(imported)
    for recipe, verb in (("nietzsche_generation.py", "sample"), ("visualize_cells.py", "look")):
        code, _, said, imported = told(recipe, verb, cwd=tmp_path)
        assert code == 2 and "There is no trained run" in said and "\n" not in said, said
        nothing_slow(imported)


# --- modules that wait --------------------------------------------------------------------------------


@pytest.fixture
def waiting(tmp_path, monkeypatch):
    """A package whose modules wait, and a list of those that were executed."""
    executed = []
    monkeypatch.setitem(sys.modules, "executed_so_far", types.SimpleNamespace(names=executed))
    package = tmp_path / "waits"
    package.mkdir()
    for name in ("__init__", "inner", "broken"):
        lines = ["from executed_so_far import names", "names.append(__name__)", "value = 7"]
        lines += ["raise ImportError('broken')"] if name == "broken" else []
        (package / f"{name}.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(lazy_imports, "_PACKAGES", {"waits"})
    monkeypatch.setattr(sys, "meta_path", [lazy_imports.LazyFinder(), *sys.meta_path])
    yield executed
    for name in [name for name in sys.modules if name.partition(".")[0] == "waits"]:
        del sys.modules[name]


def test_a_module_is_executed_when_a_name_of_its_is_used_and_once(waiting):
    import waits
    import waits as again

    assert waiting == []
    assert waits.value == 7 and waits is again is sys.modules["waits"]
    assert waits.value == 7 and waiting == ["waits"]


def test_a_name_that_is_imported_executes_its_module(waiting):
    from waits.inner import value

    assert value == 7 and waiting[-1] == "waits.inner"


def test_modules_that_wait_can_be_executed_by_their_package(waiting):
    from waits import inner

    waiting.clear()
    lazy_imports.execute("another")
    assert waiting == []
    lazy_imports.execute("waits")
    assert waiting == ["waits.inner"] and inner.value == 7


def test_an_error_of_a_module_that_waited_is_raised_where_it_is_used_each_time(waiting):
    import waits.broken

    broken = waits.broken
    for _ in range(2):
        with pytest.raises(ImportError, match="broken"):
            _ = broken.value
    assert "waits.broken" not in sys.modules


def test_a_second_thread_waits_for_the_module_that_a_first_one_executes(waiting, tmp_path):
    (tmp_path / "waits/slow.py").write_text("import time\ntime.sleep(0.2)\nvalue = 8\n")
    from waits import slow

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: slow.value, range(4))) == [8] * 4
