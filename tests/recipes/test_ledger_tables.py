"""The figures of the README are those that runs wrote into the ledger."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CELLS = {"plain RNN": "simple", "GRU": "gru", "peephole LSTM": "peephole", "LSTM": "lstm"}


def entries(recipe):
    return [
        json.loads(path.read_text()) for path in (ROOT / "recipes/results").glob(f"{recipe}-*.json")
    ]


@pytest.mark.parametrize("name", CELLS)
def test_the_readmes_table_of_cells_is_the_ledgers(name):
    (entry,) = (
        entry
        for entry in entries("imdb_sentiment")
        if entry["preset"] == "compare" and entry["settings"]["cell"] == CELLS[name]
    )
    accuracy, settings = entry["metrics"]["test_accuracy"], entry["settings"]
    row = (
        f"| {name} | {settings['units']} | {settings['learning_rate']:g} | "
        f"{accuracy['mean']:.4f} ± {accuracy['std']:.4f} |"
    )
    assert row in (ROOT / "README.md").read_text(encoding="utf-8"), row


@pytest.mark.parametrize("name", ["plain RNN", "GRU", "LSTM"])
def test_the_readmes_table_of_agreement_is_the_ledgers(name):
    (entry,) = (
        entry
        for entry in entries("ptb_language_model")
        if entry["preset"] == "agreement" and entry["settings"]["cell"] == CELLS[name]
    )
    metrics = {metric: value["mean"] for metric, value in entry["metrics"].items()}
    above = metrics["test_perplexity"] / metrics["test_true_perplexity"] - 1
    shares = " | ".join(f"{metrics[f'test_agreement_{n}']:.3f}" for n in (1, 2, 10, 20, 30, 50))
    row = f"| {name} | {metrics['test_perplexity']:.3f} | {100 * above:.1f} % | {shares} |"
    assert row in (ROOT / "README.md").read_text(encoding="utf-8"), row


def captions(preset):
    (entry,) = (e for e in entries("image_captioning") if e["preset"] == preset)
    return entry["metrics"], (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readmes_row_of_captions_is_the_ledgers():
    metrics, readme = captions("cpu")
    cells = [(f"test_bleu_{n}", 1) for n in (1, 2, 3, 4)] + [("test_cider", 3), ("test_perplexity", 1)]
    scores = " | ".join(
        f"{metrics[name]['mean']:.{digits}f} ± {metrics[name]['std']:.{digits}f}"
        for name, digits in cells
    )
    row = f"| {scores} | {metrics['train_seconds']['mean']:,.0f} s |"
    assert row in readme, row


@pytest.mark.parametrize("way", ["greedy", "sampling", "beam_1", "beam_3", "beam_5", "beam_10"])
def test_the_readmes_table_of_decodings_is_the_ledgers(way):
    metrics, readme = captions("cpu")

    def mean(name):
        return metrics[f"validation_{way}_{name}"]["mean"]

    bleu = " | ".join(f"{mean(f'bleu_{n}'):.1f}" for n in (1, 2, 3, 4))
    new = f"{100 * mean('new'):.0f} %"
    name = way.replace("_", " ")
    row = f"| {name} | {bleu} | {mean('cider'):.3f} | {new} | {mean('words'):.1f} |"
    assert row in readme, row


def test_the_readmes_table_of_decoders_is_the_ledgers():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = [e for e in entries("image_captioning") if e["preset"] == "compare"]
    assert len(found) == 7
    for entry in found:
        decoder, vector = entry["settings"]["decoder"], entry["settings"]["vector"]
        sees = "pooled features" if vector == "pooled" else "mean of grid"
        sees = "the grid" if decoder == "attention" else sees
        names = [*(f"bleu_{n}" for n in (1, 2, 3, 4)), "cider"]
        means = [entry["metrics"][f"validation_beam_3_{name}"]["mean"] for name in names]
        scores = " | ".join(f"{mean:.1f}" for mean in means[:4])
        row = f"| `{decoder}` | {sees} | {scores} | {means[4]:.3f} |"
        assert row in readme, row


def test_the_readmes_share_of_true_sentences_is_the_ledgers():
    metrics, readme = captions("shapes")
    assert f"{metrics['test_truth']['mean']:.3f} of their sentences are true" in readme


@pytest.mark.parametrize("preset", ["cpu", "small"])
def test_the_readmes_rows_of_the_penn_treebank_are_the_ledgers(preset):
    (entry,) = (e for e in entries("ptb_language_model") if e["preset"] == preset)
    metrics = {metric: value["mean"] for metric, value in entry["metrics"].items()}
    row = (
        f"| {metrics['validation_perplexity']:.1f} | {metrics['test_perplexity']:.1f} | "
        f"{metrics['train_seconds']:,.0f} s |"
    )
    assert row in (ROOT / "README.md").read_text(encoding="utf-8"), row
