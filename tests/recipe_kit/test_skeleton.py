"""The skeleton of a new recipe: what it writes runs, and its own tests pass."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recipe_kit import skeleton

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with no recipe in it but the new one, `my_recipe`, which can be imported."""
    for folder in ("recipes", "tests/recipes", "docs/results_parts"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / skeleton.OVERVIEW, tmp_path / skeleton.OVERVIEW)
    skeleton.write_recipe("my_recipe", tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "recipes")
    yield tmp_path
    sys.modules.pop("my_recipe", None)


def test_a_new_recipe_trains_and_judges_and_nothing_in_it_is_the_templates(checkout, capsys):
    recipe = importlib.import_module("my_recipe")
    out = checkout / "run"
    metrics = recipe.main(["--preset", "smoke", "--out", str(out)])
    assert 0 <= metrics["test_accuracy"] <= 1 and (out / "curves.png").exists()
    assert 0 <= recipe.main(["predict", "10111", "--run", str(out)]) <= 1
    said = capsys.readouterr().out
    assert "my_recipe" in recipe.__doc__ and f"everything goes to {out}" in said
    for path in (checkout / "recipes/my_recipe.py", checkout / "tests/recipes/test_my_recipe.py"):
        assert skeleton.TEMPLATE not in path.read_text()


def test_a_new_recipe_has_a_row_in_both_tables_of_recipes(checkout):
    names = {}
    exec((checkout / skeleton.OVERVIEW).read_text(), names)
    assert names["ROWS"][-1].recipe == "my_recipe" and "my_recipe" in names["CHINESE"]
    assert names["recipes"]().count("recipes/my_recipe.py") == 1
    assert names["recipes_zh"]().count("recipes/my_recipe.py") == 1


@pytest.mark.parametrize(
    ("name", "why"),
    [("my recipe", "cannot be"), ("My_recipe", "cannot be"), ("my_recipe", "is there already")],
)
def test_a_name_that_cannot_be_is_refused_and_nothing_is_written(name, why, checkout):
    before = {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=why):
        skeleton.write_recipe(name, checkout)
    assert before == {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_the_tests_of_a_new_recipe_pass(checkout):
    paths = [checkout / "recipes", ROOT / "recipes", ROOT]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/recipes/test_my_recipe.py"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
