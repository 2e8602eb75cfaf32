"""The README's drawn tables are the ledger's, and the ledger's entries are of recipes that exist."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENTRIES = sorted(p for p in (ROOT / "recipes/results").glob("*.json") if p.stem != "published")


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


results = load(ROOT / "docs/results.py")


def test_the_readmes_drawn_tables_are_the_ledgers():
    readme = results.README.read_text(encoding="utf-8")
    assert results.drawn(readme) == readme, "say `make results`"


def test_a_table_that_was_changed_by_hand_is_drawn_anew():
    readme = results.README.read_text(encoding="utf-8")
    assert "0.833" in results.claims()
    assert results.drawn(readme.replace("against 0.833;", "against 0.999;")) == readme


def test_a_readme_without_the_marks_is_refused():
    with pytest.raises(SystemExit, match="expected marks"):
        results.drawn("no marks")


def test_a_figure_that_no_run_recorded_is_refused():
    with pytest.raises(SystemExit, match="0 entries"):
        results.metrics("imdb_sentiment", "lecture", cell="no such cell")


def test_every_published_figure_has_its_source():
    for row in json.loads((ROOT / "recipes/results/published.json").read_text(encoding="utf-8")):
        assert set(row) == {"task", "system", "figures", "source", "url"}
        assert row["url"].startswith("https://") and all(row.values())


@pytest.mark.parametrize("path", ENTRIES, ids=lambda path: path.stem)
def test_an_entry_of_the_ledger_is_of_a_recipe_its_preset_and_its_settings(path):
    entry = json.loads(path.read_text(encoding="utf-8"))
    recipe = importlib.import_module(entry["recipe"])
    if entry["recipe"] == "benchmark_layers":
        return  # it has shapes for presets
    fields = {field.name for field in dataclasses.fields(recipe.Settings)}
    assert entry["preset"] in recipe.PRESETS
    assert set(entry["settings"]) <= fields - {"seed"}
    assert entry["commit"] and entry["seeds"] and entry["metrics"]
