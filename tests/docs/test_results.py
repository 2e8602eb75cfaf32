"""The drawn tables of the pages are the ledger's, whose entries are of recipes that exist."""

import dataclasses
import importlib
import json
import math
import re
import shlex
from pathlib import Path

import pytest
from results_parts import ledger, tables, verdicts
from results_parts.ledger import metrics, number

import results

AGREEMENT = importlib.import_module("parts.ptb_language_model.agreement")
ROOT = Path(__file__).parents[2]
ENTRIES = sorted(p for p in (ROOT / "recipes/results").glob("*.json") if p.stem != "published")


def test_the_drawn_tables_are_the_ledgers():
    pages = results.read()
    assert results.drawn(pages) == pages, "say `make results`"


def test_a_table_that_was_changed_by_hand_is_drawn_anew():
    pages = results.read()
    for name, draw in results.TABLES.items():
        changed = {page: text.replace(draw(), f"{draw()} by hand") for page, text in pages.items()}
        assert changed != pages, name
        assert results.drawn(changed) == pages


# --- rows, from a ledger of numbers that tell where they come from ------------------------------------


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """`recorded(recipe, preset, settings, differs, metrics, seeds)`: puts an entry into a ledger."""
    monkeypatch.setattr(ledger, "LEDGER", tmp_path)

    def put(recipe, preset, settings, differs, metrics, seeds=(0,), data=None):
        entry = {"recipe": recipe, "preset": preset, "settings": settings, "seeds": list(seeds)}
        entry["data"] = data
        entry |= {"differs": {name: settings[name] for name in differs}}
        entry["metrics"] = {
            name: {"mean": values[0], "std": None if len(values) == 1 else 0.5, "values": values}
            for name, values in metrics.items()
        }
        number = len(list(tmp_path.iterdir()))
        (tmp_path / f"{recipe}-{number}.json").write_text(json.dumps(entry))

    return put


@pytest.fixture
def benchmark(tmp_path):
    """`benchmark(models)`: puts the one measurement of the recipes' models into that ledger."""

    def put(models):
        measured = {"recipe": "benchmark_layers", "models": models, "machine": {"cores": 2}}
        measured |= {"dtype": "float32", "jit": False, "device": "cpu"}
        (tmp_path / "benchmark_layers-x.json").write_text(json.dumps(measured))

    return put


def test_perplexities_stand_in_their_columns(recorded, benchmark):
    for preset, tens in (("cpu", 10), ("small", 20)):
        metrics = {"validation_perplexity": [tens + 1], "test_perplexity": [tens + 2]}
        metrics["train_seconds"] = [tens * 100]
        recorded("ptb_language_model", preset, {}, (), metrics, data={"train_tokens": 360_000})
    medium = {"model": "ptb_language_model medium", "words_per_second": 1000}
    models = [{**medium, "cell": "lstm"}, {**medium, "cell": "gru", "words_per_second": 7}]
    benchmark(models)
    epochs = importlib.import_module("ptb_language_model").PRESETS["medium"].epochs
    assert tables.perplexity().splitlines()[2:] == [
        "| the `cpu` preset, seed 0 | 11.0 | 12.0 | 1,000 s |",
        "| `--preset small`, the lecture's settings, seed 0 | 21.0 | 22.0 | 2,000 s |",
        "| the `medium` preset, not run to its end | | | "
        f"{epochs * 0.1:.1f} h at 1,000 words a second (machine A) |",
    ]


def test_cells_stand_beside_their_size_their_rate_and_how_far_their_verbs_agree(recorded):
    for tenth, cell in enumerate(("simple", "gru", "lstm"), start=1):
        metrics = {"test_perplexity": [10 * tenth + 1], "test_true_perplexity": [10 * tenth]}
        metrics |= {"weights": [1000 * tenth], "train_seconds": [tenth]}
        metrics["test_largest_distance"] = [tenth, tenth + 1]
        settings = {"cell": cell, "units": 100 + tenth, "learning_rate": tenth / 100}
        recorded("ptb_language_model", "agreement", settings, settings, metrics)
    assert tables.agreement().splitlines()[2:] == [
        "| plain RNN | 101 | 1,000 | 0.01 | 11.000 | 10.0 % | 1, 2 | 1 s |",
        "| GRU | 102 | 2,000 | 0.02 | 21.000 | 5.0 % | 2, 3 | 2 s |",
        "| LSTM | 103 | 3,000 | 0.03 | 31.000 | 3.3 % | 3, 4 | 3 s |",
    ]


def test_verbs_stand_below_their_cell_and_beside_their_distance(recorded):
    for tenth, cell in enumerate(("simple", "gru", "lstm"), start=1):
        metrics = {f"test_agreement_{n}": [tenth / 10 + n / 1000] for n in tables.DISTANCES}
        metrics |= {f"test_sentences_{n}": [1000 + n] for n in tables.DISTANCES}
        recorded("ptb_language_model", "agreement", {"cell": cell}, ("cell",), metrics)
    rows = tables.agreement_by_distance().splitlines()[2:]
    assert rows[0] == "| 1 | 1,001 | 0.101 | 0.201 | 0.301 |"
    assert rows[6] == "| 7 to 9 | 1,007 | 0.107 | 0.207 | 0.307 |"
    assert rows[-1] == "| 50 and more | 1,050 | 0.150 | 0.250 | 0.350 |"
    assert [(first, name) for first, name in tables.DISTANCES.items()] == [
        (first, name) for (first, _), name in zip(AGREEMENT.BINS, AGREEMENT.shares({})[0], strict=True)
    ]


def test_peepholes_are_told_from_none(recorded):
    for ten, cell in ((10, "lstm"), (20, "peephole")):
        settings = {"cell": cell, "learning_rate": ten}
        recorded("adding_problem", "anbn", settings, settings, {"test_largest_n": [ten, ten + 1]})
        right = {"test_right": [ten / 100], "test_right_twice_as_long": [(ten + 1) / 100]}
        recorded("adding_problem", "timing", settings, settings, right)
    assert tables.peepholes().splitlines()[2:] == [
        "| LSTM | 10, 11 | 0.10 | 0.11 |",
        "| peephole LSTM | 20, 21 | 0.20 | 0.21 |",
    ]


def test_translations_with_attention_stand_above_those_without(recorded):
    for ten, attention in ((10, "additive"), (20, "none")):
        found = {"test_truth": [ten / 100], "test_longer_truth": [ten / 1000], "test_bleu": [ten]}
        found |= {"test_perplexity": [ten / 4], "train_seconds": [ten]}
        recorded("translation", "grammar", {"attention": attention}, ("attention",), found)
    additive, none = tables.grammar().splitlines()[2:]
    assert additive.endswith("| 0.100 | 0.010 | 10.0 | 2.50 | 10 s |")
    assert "--attention none" in none and none.endswith("| 0.200 | 0.020 | 20.0 | 5.00 | 20 s |")


def test_forecasts_of_riders_stand_above_what_is_hard_to_beat(recorded):
    found = {}
    for n, of in enumerate(("", "_linear", "_season", "_last"), start=1):
        found |= {f"validation_mae{of}": [1000 * n], f"test_mae{of}": [2000 * n]}
    recorded("time_series", "chicago", {}, (), found)
    rows = tables.riders().splitlines()[2:]
    assert [row.split(" | ")[1:] for row in rows] == [
        [f"{1000 * n:,}", f"{2000 * n:,} |"] for n in range(1, 5)
    ]


def test_names_read_one_way_stand_above_those_read_both_ways(recorded):
    for tenth, both in ((1, False), (2, True)):
        found = {"test_accuracy_in_doubt": [tenth / 10], "test_f1": [tenth / 10 + 0.05]}
        found |= {"weights": [1000 * tenth], "test_f1_dictionary": [0.9]}
        recorded("name_tagging", "teddy", {"bidirectional": both}, ("bidirectional",), found)
    one, both, dictionary = tables.names().splitlines()[2:]
    assert "one way" in one and one.endswith("| 0.100 | 0.150 | 1,000 |")
    assert "both ways" in both and both.endswith("| 0.200 | 0.250 | 2,000 |")
    assert dictionary.endswith("| | 0.900 | |")


def test_an_entry_whose_other_settings_differ_is_not_the_one_that_is_meant(recorded):
    recorded("nietzsche_generation", "cpu", {"cell": "gru"}, ("cell",), {"test_nats": [1.0]})
    with pytest.raises(LookupError, match="0 entries"):
        metrics("nietzsche_generation")
    assert metrics("nietzsche_generation", cell="gru")["test_nats"]["mean"] == 1.0


def test_rows_of_another_width_than_their_head_are_refused():
    with pytest.raises(ValueError, match="rows of 2 cells"):
        ledger.table(["a", "b"], [["1"]])


def test_pages_without_the_marks_are_refused():
    with pytest.raises(SystemExit, match="expected marks"):
        results.drawn({"README.md": "no marks"})


def test_a_figure_that_no_run_recorded_is_refused():
    with pytest.raises(LookupError, match="0 entries"):
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


def test_of_a_comparison_what_it_chose_for_a_row_need_not_be_named():
    assert ledger.entry("imdb_sentiment", "compare", cell="gru")["differs"]["units"] == 77
    with pytest.raises(LookupError, match="0 entries"):  # which decoder is meant, must be
        metrics("image_captioning", "compare")


# --- commands in the drawn tables ---------------------------------------------------------------


def commands():
    """Rows of the drawn tables that have a command: recipe, its flags, the row.

    Under a head that names a recipe, rows name its flags alone.
    """
    for name, draw in results.TABLES.items():
        if name in ("models", "recipes", "recipes_zh"):  # whose rows have no figure of one run's test
            continue
        head, *rows = draw().splitlines()  # some are a sentence
        recipe = re.match(r"\| `(\w+)\.py` \|", head)
        for row in rows:
            for code in re.findall(r"`([^`]*)`", row):
                named = re.fullmatch(r"(\w+)\.py(.*)", code)
                if named and (ROOT / f"recipes/{named[1]}.py").exists():
                    yield pytest.param(named[1], named[2], row, id=f"{name}: {code}")
                elif recipe and code.startswith("--"):
                    yield pytest.param(recipe[1], code, row, id=f"{name}: {code}")


COMMANDS = list(commands())


def test_commands_are_found_in_the_tables_that_have_some():
    found = [command.id.split(":")[0] for command in COMMANDS]
    least = {"published": 5, "generation": 8, "sentiment": 3, "perplexity": 1, "captions": 1}
    assert all(found.count(name) >= n for name, n in least.items())


@pytest.mark.parametrize(("recipe", "arguments", "row"), COMMANDS)
def test_a_command_in_a_table_is_that_of_the_entry_whose_figure_it_has(recipe, arguments, row):
    module = importlib.import_module(recipe)
    flags = module.parse(shlex.split(arguments))
    preset = flags.preset or "cpu"
    settings = module.cli.override(module.PRESETS[preset], flags)
    asked = json.loads(json.dumps(dataclasses.asdict(settings)))
    depends = [f.name for f in dataclasses.fields(settings) if f.metadata["affects_results"]]
    depends.remove("seed")
    found = []
    for path in ENTRIES:
        entry = json.loads(path.read_text(encoding="utf-8"))
        if (entry["recipe"], entry.get("preset")) != (recipe, preset):
            continue
        recorded = entry["settings"]
        if all(recorded[name] == asked[name] for name in depends if name in recorded):
            found.append(entry)
    (entry,) = found
    assert entry["seeds"] == (flags.seeds or [settings.seed])
    figures = {
        number(metric, digits, grouped=digits == 0)
        for name, metric in entry["metrics"].items()
        for digits in (0, 1, 3)
        if name.startswith("test_") and (digits or metric["mean"] >= 1000)
    }
    found = re.findall(r"\d[\d.,]*(?: ± [\d.,]+)?", row)
    assert figures & {of.rstrip(",") for of in found}, "none of its figures"
    # Files beside the data, such as features: the data tell which they were, and a flag gives them.
    parts = {name: part for name, part in entry["data"].items() if isinstance(part, dict)}
    files = {name: part["source"].split(", ") for name, part in parts.items()}
    given = {name: asked[name] for name in files}
    assert {name: len(names) for name, names in files.items()} == {
        name: len([names] if isinstance(names, str) else names) for name, names in given.items()
    }


# --- figures in the prose ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page():
    return " ".join(results.PAGES["docs/results.md"].read_text(encoding="utf-8").split())


def test_the_prose_on_hello_has_the_ledgers_figures(page):
    hello = metrics("hello_characters")
    assert hello["spelled"]["values"] == [1, 1, 1]
    assert f"{number(hello['loss'], 4)} nats" in page
    assert f"{hello['loss_without_memory']['mean']:.3f}" in page
    apart = [max(m["values"]) for name, m in hello.items() if name.endswith("_difference")]
    assert f"{max(apart):.0e} at most" in page


def test_the_prose_on_memory_and_the_wall_has_the_ledgers_figures(page):
    fading = metrics("vanishing_gradients")
    for network in ("rnn", "lstm"):
        assert number(fading[f"test_{network}_mse_asked"], 4) in page
    for rule in ("none", "norm"):
        assert f"{fading[f'wall_{rule}_error']['mean']:.4f}" in page
    assert max(fading["largest_share_of_bound"]["values"]) <= 1 + 1e-9


def test_the_prose_on_drawn_pictures_has_the_ledgers_figure(page):
    truth = metrics("image_captioning", "shapes")["test_truth"]
    assert f"{truth['mean']:.3f} of these sentences are true" in page


def test_the_prose_on_the_penn_treebank_has_the_ledgers_figures(page):
    small, cpu = ledger.entry("ptb_language_model", "small"), ledger.entry("ptb_language_model")
    assert f"is best in epoch {small['metrics']['kept_epoch']['mean']:.0f}," in page
    assert f"`cpu` took {cpu['minutes']['mean']:.0f} minutes, everything counted" in page
    published = json.loads((ROOT / "recipes/results/published.json").read_text(encoding="utf-8"))
    (theirs,) = (row for row in published if row["system"].startswith("small: LSTM"))
    validation, test = (f"{float(figure):.1f}" for figure in theirs["figures"].split(" / "))
    assert f"reported {validation} and {test} for the settings of `small`" in page


def test_the_prose_on_the_generated_language_has_its_perplexity(page):
    true = metrics("ptb_language_model", "agreement", cell="lstm")["test_true_perplexity"]
    assert f"{AGREEMENT.language.perplexity():.3f} in expectation, {true['mean']:.3f} on the" in page
    nats, tokens = AGREEMENT.language.entropy()
    without = math.exp((nats + math.log(2)) / tokens)
    above = without / AGREEMENT.language.perplexity() - 1
    told = f"would still come to {without:.3f} in expectation, {100 * above:.0f} % above"
    assert told in page


def test_the_prose_on_who_agrees_is_what_every_cell_came_to(page):
    assert "all three cells agree with the noun in every seed and at every distance" in page
    for cell in tables.AGREEMENT_CELLS:
        found = metrics("ptb_language_model", "agreement", cell=cell)
        assert found["test_largest_distance"]["values"] == [AGREEMENT.BINS[-1][0]] * 3
        assert min(min(found[f"test_agreement_{n}"]["values"]) for n in tables.DISTANCES) > 0.99


def test_the_cells_of_the_comparison_have_as_many_weights_as_one_another():
    weights = [
        metrics("ptb_language_model", "agreement", cell=cell)["weights"]["mean"]
        for cell in tables.AGREEMENT_CELLS
    ]
    assert max(weights) < 1.02 * min(weights)


def test_the_prose_on_peepholes_has_what_the_ledger_has(page):
    with_them, without = (
        metrics("adding_problem", "anbn", cell=cell)["test_largest_n"] for cell in ("peephole", "lstm")
    )
    assert "With peepholes each seed counts further than every seed without them" in page
    assert min(with_them["values"]) > max(without["values"])
    assert verdicts.larger(with_them, without).word == verdicts.OPEN


def test_the_docstring_of_the_language_model_has_the_ledgers_figures():
    said = importlib.import_module("ptb_language_model").__doc__
    for preset in ("cpu", "small"):
        found = metrics("ptb_language_model", preset)
        parts = [f"{part} {number(found[f'{part}_perplexity'], 1)}" for part in ("validation", "test")]
        row = next(line for line in said.splitlines() if line.startswith(f"    {preset} "))
        assert ", ".join(parts) in row and f"{found['train_seconds']['mean']:,.0f} s" in row
    found = metrics("ptb_language_model", "agreement", cell="lstm")
    row = next(line for line in said.splitlines() if line.startswith("    agreement "))
    for name in ("test_true_perplexity", "test_perplexity"):
        assert f"{found[name]['values'][0]:.3f}" in row
    assert f"{found['train_seconds']['values'][0]:.0f} s" in row
