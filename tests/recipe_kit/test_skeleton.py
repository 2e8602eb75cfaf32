"""The skeleton of a new recipe: what it writes can be started, and nothing is written over."""

import importlib
import shutil
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


def test_a_new_recipe_is_the_template_under_its_name(checkout):
    """Which trains, resumes and judges, as `tests/recipes/test_skeleton_recipe.py` shows."""
    recipe = importlib.import_module("my_recipe")
    assert recipe.RECIPE == "my_recipe" and "recipes/my_recipe.py predict" in recipe.__doc__
    assert recipe.parse(["--preset", "smoke", "--units", "3"]).units == 3
    for path in (checkout / "recipes/my_recipe.py", checkout / "tests/recipes/test_my_recipe.py"):
        assert "my_recipe" in path.read_text() and skeleton.TEMPLATE not in path.read_text()


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
