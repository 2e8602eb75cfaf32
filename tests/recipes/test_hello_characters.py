"""The recipe that spells "hello": its table, its memory, and NumPy's gradients beside Keras's."""

import json
import os

import numpy as np
import pytest

import hello_characters as recipe
from parts.hello_characters import backpropagation, run_figures, side_by_side
from recipe_kit.runs import Run

NETWORKS = side_by_side.NETWORKS
X, TARGETS = np.eye(4)[[0, 1, 2, 2, 3]], np.array([1, 2, 2, 3, 0])


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
    """A whole run of the preset `cpu`: seconds."""
    out = tmp_path_factory.mktemp("hello") / "run"
    return out, recipe.main(["--out", str(out)])


def test_the_ledger_has_no_metric_that_a_run_has_not(whole, recorded_but_not_measured):
    assert recorded_but_not_measured(whole[1]) == set()


def test_it_spells_hello_with_a_memory(whole, written_but_not_declared):
    out, metrics = whole
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


def test_the_table_is_printed_before_and_after(run_main, tmp_path):
    code, printed, error = run_main(["--preset", "smoke", "--out", str(tmp_path / "run")])
    assert (code, error) == (0, "")
    assert printed.count("scores of h e l o") == 2
    lines = [line for line in printed.splitlines() if line.startswith("l  0 0 1 0")]
    assert len(lines) == 4 and "NumPy and TensorFlow differ" in printed


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
