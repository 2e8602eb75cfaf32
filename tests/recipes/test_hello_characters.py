"""The recipe that spells "hello": its table, its memory, and NumPy's gradients beside Keras's."""

import contextlib
import io
import json
import os

import numpy as np
import pytest
from scipy import stats

import hello_characters as recipe
from parts.hello_characters import (
    backpropagation,
    drawn_words,
    run_figures,
    side_by_side,
    unequal_lengths,
)
from recipe_kit.runs import Run

NETWORKS = side_by_side.NETWORKS
compare_lengths, draw_words = unequal_lengths.compare, drawn_words.draw
X, TARGETS = np.eye(4)[[0, 1, 2, 2, 3]], np.array([1, 2, 2, 3, 0])


@pytest.fixture(scope="module")
def lengths():
    """Words of unequal lengths, learned in both ways for some steps."""
    return compare_lengths(seed=0, steps=60)


@pytest.fixture(scope="module")
def drawn(lengths):
    """Words that this network wrote, counted."""
    return draw_words(lengths.model, seed=0)


COMPARED = unequal_lengths.Lengths(1e-16, 2e-16, 3e-15, 1.25, 1.53, 1.52, "its model")
PROBABILITIES = dict.fromkeys([*unequal_lengths.WORDS, drawn_words.OTHER], 1 / 6)
DRAWN = {
    name: drawn_words.judged(name, PROBABILITIES, 20 * [*PROBABILITIES])
    for name in ("0.5", "1", "2", "choice", "choice_without_p")
}


@pytest.fixture(scope="module", autouse=True)
def asked():
    """The answers to the two questions, which take seconds, are given. Yields what was asked."""
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unequal_lengths, "compare", lambda *given: asked.append(given) or COMPARED)
        patch.setattr(drawn_words, "draw", lambda *given: asked.append(given) or DRAWN)
        yield asked


@pytest.fixture(params=NETWORKS)
def network(request):
    return request.param


def parameters(network, rng, units=3):
    p = {k: rng.normal(scale=0.7, size=s) for k, s in NETWORKS[network][2](units, 4).items()}
    if network == "LSTM without peepholes":
        p["w_c"][:] = 0
    return p


def test_numpy_gradients_are_central_differences(network, rng):
    function = NETWORKS[network][0]
    p = parameters(network, rng)
    _, _, gradients = function(p, X, TARGETS)
    assert set(gradients) == set(p)
    for name, gradient in gradients.items():
        assert gradient.shape == p[name].shape
        for index in np.ndindex(*gradient.shape):
            losses = []
            for step in (1e-5, -1e-5):
                moved = {**p, name: p[name].copy()}
                moved[name][index] += step
                losses.append(function(moved, X, TARGETS)[0])
            expected = (losses[0] - losses[1]) / 2e-5
            assert gradient[index] == pytest.approx(expected, abs=1e-9, rel=1e-6)


def test_numpy_and_tensorflow_agree_to_rounding(rng):
    rows = side_by_side.compare(X, TARGETS, 4, rng)
    assert {row.network for row in rows} == set(NETWORKS)
    assert max(row.difference for row in rows) < 1e-12
    assert min(row.largest for row in rows) > 1e-4  # of gradients that are something


@pytest.mark.parametrize(
    ("name", "break_it"),
    [
        ("W_hh", lambda g: g.T),  # the transpose, which has the same shape
        ("h_0", lambda g: 0 * g),  # what truncation would say
        ("b", lambda g: g * 4 / 5),  # one step of five forgotten
    ],
)
def test_a_broken_term_of_the_backward_pass_is_noticed(name, break_it, rng, monkeypatch):
    def broken(p, x, targets):
        loss, y, gradients = backpropagation.plain(p, x, targets)
        return loss, y, {**gradients, name: break_it(gradients[name])}

    monkeypatch.setitem(NETWORKS, "plain RNN", (broken, *NETWORKS["plain RNN"][1:]))
    rows = side_by_side.compare(X, TARGETS, 3, rng)
    (row,) = (row for row in rows if (row.network, row.parameter) == ("plain RNN", name))
    assert row.difference > 1e-3


def test_without_peepholes_the_lstm_is_the_one_of_zero_peepholes(rng):
    p = parameters("LSTM with peepholes", rng)
    with_zeros = {**p, "w_c": 0 * p["w_c"]}
    assert not np.allclose(
        backpropagation.lstm(p, X, TARGETS)[1], backpropagation.lstm(with_zeros, X, TARGETS)[1]
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole run of the preset `cpu`: its folder, its metrics, and what it printed."""
    out = tmp_path_factory.mktemp("hello") / "run"
    printed, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(error):
        metrics = recipe.main(["--out", str(out)])
    assert error.getvalue() == ""
    return out, metrics, printed.getvalue()


def test_the_ledger_has_no_metric_that_a_run_has_not(whole, recorded_but_not_measured):
    assert recorded_but_not_measured(whole[1]) == set()


def test_it_spells_hello_with_a_memory(whole, written_but_not_declared):
    out, metrics, _ = whole
    assert written_but_not_declared(out) == set()
    assert metrics["spelled"] == 1 and metrics["share_spelled"] > 0.9
    assert metrics["loss_without_memory"] == pytest.approx(np.log(2) / 2)  # two l's of four inputs
    assert metrics["loss"] < 0.1 * metrics["loss_without_memory"] < metrics["loss_before"]
    assert all(metrics[name] < 1e-6 for name in metrics if name.endswith("_difference"))
    assert json.loads((out / "result.json").read_text())["metrics"] == pytest.approx(metrics)
    assert {"table.png", "loss.png", "model.keras"} <= {p.name for p in out.iterdir()}


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run_and_resume_its_end(whole, tmp_path):
    out = tmp_path / "run"
    short = recipe.main(["--epochs", "8", "--out", str(out)])
    assert short["loss"] > whole[1]["loss"]
    assert recipe.main(["--resume", "--out", str(out), "--epochs", "20"]) == whole[1]


def test_the_table_is_printed_before_and_after(whole):
    printed = whole[2]
    assert printed.count("scores of h e l o") == 2
    lines = [line for line in printed.splitlines() if line.startswith("l  0 0 1 0")]
    assert len(lines) == 4 and "NumPy and TensorFlow differ" in printed


def test_a_run_answers_the_two_questions_with_its_seed_and_steps(whole, asked):
    _, metrics, printed = whole
    assert asked[:2] == [(0, 500), ("its model", 0)]  # 20 epochs of 25 steps
    assert metrics["lengths_word_nats"] == 1.53 and metrics["drawn_p_value_1"] == pytest.approx(1)
    for answer in (unequal_lengths.report(COMPARED), drawn_words.report(DRAWN)):
        assert answer in printed
    assert "gradient differs by 125% of its norm" in printed


@pytest.mark.slow
def test_a_word_and_a_folder_whose_bytes_are_not_utf8_are_as_good_as_others(run_main, tmp_path):
    out = tmp_path / os.fsdecode(b"caf\xe9")
    flags = ["--word", os.fsdecode(b"caf\xe9"), "--preset", "smoke", "--out", str(out)]
    code, printed, error = run_main(flags)
    assert (code, error) == (0, "") and "table.png" in printed
    assert Run.open(out, recipe.RECIPE).is_complete()
    (out / "result.json").unlink()
    assert run_main(["--resume", "--out", str(out)])[0] == 0


@pytest.mark.slow
def test_a_picture_that_fails_costs_a_line_and_no_result(run_main, tmp_path, monkeypatch):
    def fails(*passes):
        raise RuntimeError("the font is not there")

    monkeypatch.setattr(recipe.run_figures, "tables", fails)
    out = tmp_path / "run"
    code, printed, error = run_main(["--preset", "smoke", "--show", "--out", str(out)])
    assert code == 0 and error.count("\n") == 1 and "the font is not there" in error
    assert Run.open(out, recipe.RECIPE).is_complete() and "written to" in printed


def test_the_pass_of_the_table_is_the_networks(rng):
    word = recipe.load_data(recipe.Settings(word="abca"))
    assert word.vocabulary == ["a", "b", "c"] and word.targets.tolist() == [1, 2, 0]
    model = recipe.build_model(recipe.Settings(units=5), 3)
    seen = recipe.forward(model, word)
    p = {"W_hx": 0, "W_hh": 1, "b": 2}
    weights = model.get_layer("hidden").get_weights()
    p = {name: weights[i].T for name, i in p.items()} | {"h_0": np.zeros(5)}
    p["W_hy"] = model.get_layer("scores").get_weights()[0].T
    loss, scores, _ = backpropagation.plain(p, np.eye(3)[word.inputs], word.targets)
    np.testing.assert_allclose(seen.scores, scores, atol=1e-6)
    assert recipe.cross_entropy(seen) == pytest.approx(loss, abs=1e-6)


def test_a_word_in_which_every_character_tells_the_next_needs_no_memory():
    assert recipe.without_memory(recipe.load_data(recipe.Settings(word="abcab"))) == 0
    two = recipe.without_memory(recipe.load_data(recipe.Settings(word="abac")))
    assert two == pytest.approx(2 / 3 * np.log(2))


@pytest.mark.parametrize("word", ["", "a", "aaaa"])
def test_a_word_with_nothing_to_predict_is_one_line(word, run_main, tmp_path):
    code, _, error = run_main(["--word", word, "--out", str(tmp_path / "run")])
    assert code == 2 and "at least two different characters" in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_the_picture_has_the_targets_and_marks_those_that_are_missed():
    scores = np.array([[3.0, 0.0], [3.0, 0.0]])
    seen = recipe.Pass(["a", "$"], np.array([1, 0]), np.array([0, 1]), np.zeros((2, 2)), scores)
    (ax,) = run_figures.tables({"a pass": seen}).axes
    colours = [
        t.get_color() for t in ax.texts if t.get_fontweight() == "bold" and t.get_fontsize() == 13
    ]
    assert colours == [run_figures.RIGHT, run_figures.WRONG]


@pytest.mark.slow
def test_a_spread_over_seeds_shows_small_numbers_too(run_main, tmp_path):
    argv = ["--preset", "smoke", "--seeds", "0", "1", "--out", str(tmp_path / "runs")]
    code, printed, _ = run_main(argv)
    assert code == 0 and "mean ± standard deviation" in printed
    shown = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if "±" in line}
    assert shown["loss_without_memory"] == ["0.3466", "±", "0.0000"]
    mean, _, spread = shown["plain_rnn_difference"]
    assert 0 < float(mean) < 1e-12 and float(spread) < 1e-12


@pytest.mark.slow
def test_show_opens_the_pictures(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    recipe.main(["--preset", "smoke", "--out", str(tmp_path / "run"), "--show"])
    assert [url.rsplit("/", 1)[1] for url in opened] == ["table.png", "loss.png"]


def test_an_lstm_with_its_gates_fixed_is_the_plain_network_but_for_its_second_tanh(rng):
    exact, almost = side_by_side.gates_fixed(X, 3, rng)
    assert exact < 1e-12
    assert almost > 1e-3


# --- must sequences be of one length? -----------------------------------------------------------------


@pytest.mark.parametrize("padding", ["post", "pre"])
def test_words_in_a_padded_batch_are_words_by_themselves(padding):
    alone = [unequal_lengths.lesson(word, times) for word, times in unequal_lengths.WORDS.items()]
    inputs, targets = unequal_lengths.padded_batch(alone, padding)
    assert inputs.shape == targets.shape == (12, 6)
    with_mask, without = (unequal_lengths.build_model(3, mask) for mask in (True, False))
    by_itself = unequal_lengths.gradient(with_mask, alone)
    apart = {
        mask: unequal_lengths.relative_difference(
            unequal_lengths.gradient(model, [(inputs, targets)]), by_itself
        )
        for mask, model in ((True, with_mask), (False, without))
    }
    assert apart[True] < 1e-12 < 0.1 < apart[False]


@pytest.mark.slow
def test_learning_in_a_padded_batch_is_learning_word_by_word(lengths):
    assert max(lengths.probabilities, lengths.gradients, lengths.weights) < 1e-12
    assert lengths.unmasked > 0.1
    alone = [unequal_lengths.lesson(word, times) for word, times in unequal_lengths.WORDS.items()]
    begun = float(unequal_lengths.loss_of(unequal_lengths.build_model(0), alone)) / 12
    assert lengths.entropy < lengths.nats < begun  # it has learned, and no one can do better


@pytest.mark.slow
def test_the_words_are_learned_to_their_entropy():
    found = compare_lengths(seed=0, steps=500)
    assert 0 < found.nats - found.entropy < 0.05
    assert found.weights < 1e-9


@pytest.mark.slow
def test_the_entropy_of_the_words_is_that_of_their_shares(lengths):
    shares = np.array([4, 3, 2, 2, 1]) / 12
    assert list(unequal_lengths.WORDS.values()) == [4, 3, 2, 2, 1]
    assert lengths.entropy == pytest.approx(-(shares * np.log(shares)).sum())


# --- does sampling follow the probabilities? ----------------------------------------------------------


@pytest.mark.slow
def test_draws_follow_the_probabilities_and_not_equal_ones(drawn):
    assert list(drawn) == ["0.5", "1", "2", "choice", "choice_without_p"]
    for name, each in drawn.items():
        assert sum(each.counts.values()) == drawn_words.DRAWN
        assert sum(each.probabilities.values()) == pytest.approx(1)
        follows, evenly = each.p_value > 1e-3, each.p_value_even > 1e-3
        assert (follows, evenly) == ((False, True) if name == "choice_without_p" else (True, False))


@pytest.mark.slow
def test_draws_at_another_temperature_are_found_out(drawn):
    for name, other in (("0.5", "1"), ("1", "2"), ("2", "1")):
        counts, probabilities = drawn[name].counts, drawn[other].probabilities
        assert drawn_words.chi_square(counts, probabilities) < 1e-3


def test_the_probability_of_a_word_is_the_product_over_its_characters():
    model = unequal_lengths.build_model(0)
    ids = unequal_lengths.encode("hole")
    logits = model(np.array([ids])).numpy()[0] / 0.5
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    by_hand = p[0, ids[1]] * p[1, ids[2]] * p[2, ids[3]] * p[3, unequal_lengths.END]
    assert drawn_words.word_probabilities(model, 0.5)["hole"] == pytest.approx(by_hand, rel=1e-9)


def test_a_word_is_what_stands_before_the_first_end():
    assert drawn_words.word_of(unequal_lengths.encode("he.")) == "he"
    assert drawn_words.word_of([*unequal_lengths.encode("help"), 1, 1]) == "help"
    for other in ("hhh.", "help", "h."):  # no word of the list; no end
        assert drawn_words.word_of(unequal_lengths.encode(other)) == "other"
    assert drawn_words.word_of([2, 0, 1]) == "other"  # padding was drawn


def test_the_chi_square_test_is_scipys_with_rare_names_together():
    counts = {"a": 60, "b": 31, "c": 6, "d": 3}
    p = {"a": 0.6, "b": 0.32, "c": 0.04, "d": 0.04}  # c and d: 4 expected of each
    expected = stats.chisquare([60, 31, 9], [60, 32, 8]).pvalue
    assert drawn_words.chi_square(counts, p) == pytest.approx(expected)
    p = {"a": 0.6, "b": 0.38, "c": 0.01, "d": 0.01}  # together still too few: with b
    expected = stats.chisquare([60, 40], [60, 40]).pvalue
    assert drawn_words.chi_square(counts, p) == pytest.approx(expected)


def test_what_has_no_probability_and_is_drawn_refutes_it():
    p = {"a": 0.5, "b": 0.5, "c": 0.0}
    assert drawn_words.chi_square({"a": 50, "b": 49, "c": 1}, p) == 0
    assert drawn_words.chi_square({"a": 50, "b": 50, "c": 0}, p) == pytest.approx(1)
