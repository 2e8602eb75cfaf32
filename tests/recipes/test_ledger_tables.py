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


# --- see it happen ----------------------------------------------------------------------------------


def of(recipe, preset="cpu", **settings):
    """The metrics of one entry, and the README."""
    (entry,) = (
        e
        for e in entries(recipe)
        if e["preset"] == preset and settings.items() <= e["settings"].items()
    )
    return entry["metrics"], (ROOT / "README.md").read_text(encoding="utf-8")


def in_words(number):
    """As the tables of gradients have it: 0.28, 3,896, or 4e-06."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.2f}" if number >= 0.01 else f"{number:.0e}"


def test_the_readmes_figures_of_hello_are_the_ledgers():
    metrics, readme = of("hello_characters")
    assert metrics["spelled"]["values"] == [1, 1, 1]
    loss, floor = metrics["loss"], metrics["loss_without_memory"]["mean"]
    assert f"{loss['mean']:.4f} ± {loss['std']:.4f} nats" in readme and f"{floor:.3f}" in readme
    differences = [max(m["values"]) for name, m in metrics.items() if name.endswith("_difference")]
    assert f"{max(differences):.0e} at most" in readme


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ("no activation function", ["linear_0.8", "linear_1.0", "linear_1.2"]),
        ("tanh", ["tanh_0.8", "tanh_1.0", "tanh_1.2"]),
        ("ReLU", ["relu_0.8", "relu_1.0", "relu_1.2"]),
    ],
)
def test_the_readmes_table_of_spectral_radii_is_the_ledgers(row, names):
    metrics, readme = of("vanishing_gradients")
    cells = " | ".join(in_words(metrics[f"{name}_50_back"]["mean"]) for name in names)
    assert f"| {row} | {cells} |" in readme, f"| {row} | {cells} |"


@pytest.mark.parametrize("activation", ["tanh", "ReLU"])
def test_the_readmes_table_of_starts_is_the_ledgers(activation):
    metrics, readme = of("vanishing_gradients")
    names = [
        f"{activation.lower()}_{start}_50_back" for start in ("glorot", "1_n", "orthogonal", "identity")
    ]
    cells = " | ".join(in_words(metrics[name]["mean"]) for name in names)
    assert f"| {activation}, driven | {cells} |" in readme, f"| {activation}, driven | {cells} |"


def test_the_readmes_table_of_gates_is_the_ledgers():
    metrics, readme = of("vanishing_gradients")
    names = [*(f"lstm_forget_bias_{b}" for b in (0, 1, 4)), *(f"gru_update_bias_{b}" for b in (0, 4))]
    cells = " | ".join(in_words(metrics[f"{name}_50_back"]["mean"]) for name in names)
    assert f"| {cells} |" in readme, cells


def test_the_readmes_memory_and_wall_are_the_ledgers():
    metrics, readme = of("vanishing_gradients")
    for network in ("rnn", "lstm"):
        error = metrics[f"test_{network}_mse_asked"]
        assert f"{error['mean']:.4f} ± {error['std']:.4f}" in readme
    for rule in ("none", "norm"):
        assert f"{metrics[f'wall_{rule}_error']['mean']:.4f}" in readme
    assert max(metrics["largest_share_of_bound"]["values"]) <= 1 + 1e-9


CLIMBERS = {
    "tanh RNN": "simple",
    "IRNN": "irnn",
    "LSTM": "lstm",
    "peephole LSTM": "peephole",
    "GRU": "gru",
}


@pytest.mark.parametrize("name", CLIMBERS)
def test_the_readmes_table_of_lengths_is_the_ledgers(name):
    metrics, readme = of("adding_problem", "compare", cell=CLIMBERS[name])
    lengths = " | ".join(f"{value:.0f}" for value in metrics["test_largest_length"]["values"])
    assert f"| {name} | {lengths} |" in readme, f"| {name} | {lengths} |"


@pytest.mark.parametrize("name", ["LSTM", "peephole LSTM"])
def test_the_readmes_table_of_peepholes_is_the_ledgers(name):
    counting, readme = of("adding_problem", "anbn", cell=CLIMBERS[name])
    timing, _ = of("adding_problem", "timing", cell=CLIMBERS[name])
    n = ", ".join(f"{value:.0f}" for value in counting["test_largest_n"]["values"])
    right = ", ".join(f"{value:.2f}" for value in timing["test_right"]["values"])
    twice = ", ".join(f"{value:.2f}" for value in timing["test_right_twice_as_long"]["values"])
    row = f"| {name} | {n} | {right} | {twice} |"
    assert row in readme, row


@pytest.mark.parametrize(
    ("row", "metric"),
    [
        ("inside brackets", "auc_inside_brackets"),
        ("position in line", "r_position_in_line"),
        ("inside a comment", "auc_inside_a_comment"),
        ("inside quotes", "auc_inside_quotes"),
        ("inside an `if` body", "auc_inside_an_if_body"),
        ("bracket depth", "r_bracket_depth"),
        ("indentation depth", "r_indentation_depth"),
    ],
)
def test_the_readmes_table_of_cells_that_follow_is_the_ledgers(row, metric):
    metrics, readme = of("visualize_cells")
    measure = "AUC" if metric.startswith("auc") else "correlation"
    scores = " | ".join(f"{value:.3f}" for value in metrics[f"test_{metric}"]["values"])
    assert f"| {row} | {measure} | {scores} |" in readme, f"| {row} | {measure} | {scores} |"
