"""The README's drawn tables are the ledger's, and the ledger's entries are of recipes that exist."""

import dataclasses
import importlib
import json
from pathlib import Path

import pytest
import results
from results_parts import claims
from results_parts.ledger import metrics, number

ROOT = Path(__file__).parents[2]
ENTRIES = sorted(p for p in (ROOT / "recipes/results").glob("*.json") if p.stem != "published")


def test_the_readmes_drawn_tables_are_the_ledgers():
    readme = results.README.read_text(encoding="utf-8")
    assert results.drawn(readme) == readme, "say `make results`"


def test_a_table_that_was_changed_by_hand_is_drawn_anew():
    readme = results.README.read_text(encoding="utf-8")
    assert "0.833" in claims.claims()
    assert results.drawn(readme.replace("against 0.833;", "against 0.999;")) == readme


def test_a_readme_without_the_marks_is_refused():
    with pytest.raises(SystemExit, match="expected marks"):
        results.drawn("no marks")


def test_a_figure_that_no_run_recorded_is_refused():
    with pytest.raises(SystemExit, match="0 entries"):
        metrics("imdb_sentiment", "lecture", cell="no such cell")


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


def test_of_several_entries_the_one_that_differs_least_from_its_preset_is_meant():
    cells = metrics("imdb_sentiment", "compare", cell="lstm")
    assert cells == metrics("imdb_sentiment", "compare")
    with pytest.raises(SystemExit, match="3 entries"):  # whose decoders differ
        metrics("image_captioning", "compare", vector="pooled")


# --- figures in the README's prose ----------------------------------------------------------------


@pytest.fixture(scope="module")
def readme():
    return " ".join(results.README.read_text(encoding="utf-8").split())


def test_the_prose_on_hello_has_the_ledgers_figures(readme):
    hello = metrics("hello_characters")
    assert hello["spelled"]["values"] == [1, 1, 1]
    assert f"{number(hello['loss'], 4)} nats" in readme
    assert f"{hello['loss_without_memory']['mean']:.3f}" in readme
    apart = [max(m["values"]) for name, m in hello.items() if name.endswith("_difference")]
    assert f"{max(apart):.0e} at most" in readme


def test_the_prose_on_memory_and_the_wall_has_the_ledgers_figures(readme):
    fading = metrics("vanishing_gradients")
    for network in ("rnn", "lstm"):
        assert number(fading[f"test_{network}_mse_asked"], 4) in readme
    for rule in ("none", "norm"):
        assert f"{fading[f'wall_{rule}_error']['mean']:.4f}" in readme
    assert max(fading["largest_share_of_bound"]["values"]) <= 1 + 1e-9


def test_the_prose_on_drawn_pictures_has_the_ledgers_figure(readme):
    truth = metrics("image_captioning", "shapes")["test_truth"]
    assert f"{truth['mean']:.3f} of their sentences are true" in readme
