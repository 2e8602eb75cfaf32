"""The translation recipe: its scores, and one run end to end."""

import json

import numpy as np
import pytest

import translation as recipe
from parts.translation import comparison, drawing, scores
from recipe_kit import figures

# Scores


def test_bleu_takes_any_number_of_references_and_exact_matches_are_counted():
    references = [["the cat sat on the mat today", "a cat sat"], ["the dog ran to the park again"]]
    found, signature = scores.score([of[0] for of in references], references)
    assert found["bleu"] == pytest.approx(100) and found["exact"] == 100 and "tok:none" in signature
    found, _ = scores.score(["the cat sat on the mat today", "the dog ran to a park again"], references)
    assert found["exact"] == 50 and 0 < found["bleu"] < 100


def test_bleu_by_length_leaves_out_lengths_of_few_sentences():
    texts = ["a b c d e f"] * 25 + ["x y z w"] * 3
    groups = scores.by_length(texts, [[t] for t in texts], [6] * 25 + [40] * 3)
    assert [(g["least"], g["most"], g["sentences"]) for g in groups] == [(6, 10, 25)]


# A run


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "smoke"
    return out, recipe.main(["--preset", "smoke", "--limit", "60", "--out", str(out)])


def test_a_run_leaves_what_the_design_promises(saved, written_but_not_declared):
    out, metrics = saved
    assert written_but_not_declared(out) == set()
    result = json.loads((out / "result.json").read_text())
    assert result["metrics"] == metrics and result["data"]["languages"] == ["pinyin", "english"]
    for name in ("perplexity.png", "attention.png"):
        assert figures.about_figure(out / name)["metrics"] == metrics
    assert 0 <= metrics["test_truth"] <= 1 and metrics["test_perplexity"] > 1
    assert "reference    " in (out / "translations.txt").read_text()


def test_a_saved_run_translates_scores_and_draws(saved, run_main, tmp_path):
    out, _ = saved
    code, printed, error = run_main(["translate", "--run", str(out), "wo chi ping guo ."])
    assert (code, error) == (0, "") and "alignment.png" in printed
    assert (out / "alignment.png").exists()
    code, printed, _ = run_main(["score", "--run", str(out), "wo chi ping guo .", "i eat apples ."])
    assert code == 0 and "p(target | source) = exp(" in printed
    assert [line.split()[1] for line in printed.splitlines()[:5]] == "i eat apples . <eos>".split()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["translate", "zzz qqq"], "None of the words"),
        (["translate", "wo " * 1000], "A sentence of 1,000 words"),
        (["translate", ""], "A sentence without words"),
        (["score", "wo chi .", "xyzzy"], "None of the words"),
    ],
)
def test_a_sentence_that_cannot_be_translated_is_one_line(argv, message, saved, run_main):
    code, _, error = run_main([argv[0], "--run", str(saved[0]), *argv[1:]])
    assert code == 2 and error.count("\n") == 1 and message in error


def test_flags_that_cannot_be_together_are_one_line(run_main, tmp_path):
    argv = ["--preset", "smoke", "--shared-weights", "--out", str(tmp_path / "run")]
    code, _, error = run_main(argv)
    assert code == 2 and error.count("\n") == 1 and "--no-bidirectional" in error


def test_every_tip_changes_one_thing_of_the_slides_network():
    for tip, change in comparison.TIPS.items():
        assert len(change) == (tip != "last state first")
        assert all(comparison.BASE[name] != value for name, value in change.items())


def test_an_alignment_has_a_row_for_each_word_that_was_written():
    figure = drawing.alignment(["wo", "chi", "<eos>"], ["i", "eat", "$5", "<eos>"], np.eye(4, 3))
    (axes, _) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["i", "eat", r"\$5", "<eos>"]
    assert len(axes.get_xticklabels()) == 3


@pytest.mark.slow
def test_the_grammar_is_learned_to_be_true(tmp_path):
    metrics = recipe.main(
        ["--preset", "grammar", "--epochs", "2", "--out", str(tmp_path / "run"), "--seed", "1"]
    )
    assert metrics["test_truth"] > 0.5
