"""The recipe of the adding problem: its tasks, the climb over lengths, and the comparison of cells."""

import json

import keras
import numpy as np
import pytest

import adding_problem as recipe
from parts.adding_problem import comparison, run_figures, tasks
from recipe_kit.runs import Run
from rnn_kit.callbacks import DivergedError
from rnn_kit.layers import LearnedInitialState


def first_batch(task, rows=200, seed=0):
    return [part.numpy() for part in next(iter(task.batches(rows, seed)))]


# --- the tasks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [2, 5, 30])
def test_the_answer_is_the_sum_of_two_marked_numbers_one_in_each_half(length):
    x, y = first_batch(tasks.Adding(length))
    v, marks = x[..., 0], x[..., 1]
    half = length // 2
    assert (marks[:, :half].sum(axis=1) == 1).all() and (marks[:, half:].sum(axis=1) == 1).all()
    assert set(np.unique(marks)) <= {0, 1} and v.min() >= 0 and v.max() < 1
    np.testing.assert_allclose(y[:, 0], (v * marks).sum(axis=1), rtol=1e-6)


def test_every_position_of_a_half_is_marked_sometime():
    x, _ = first_batch(tasks.Adding(9), rows=2000)
    assert (x[..., 1].mean(axis=0) > 0.1).all()


def test_always_answering_one_has_the_error_of_the_baseline():
    _, y = first_batch(tasks.Adding(20), rows=20_000)
    assert np.square(y - 1).mean() == pytest.approx(tasks.Adding.baseline, rel=0.03)


def test_the_legal_next_symbols_of_a_n_b_n():
    x, y, weights = (part.numpy() for part in tasks.Counting(3).sequences_of([1, 2]))
    S, a, b, none = [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]
    assert x[1].tolist() == [S, a, a, b, b]
    assert y[1].tolist() == [a, [0, 1, 1], [0, 1, 1], b, S]  # the last: the end, T
    assert x[0, :3].tolist() == [S, a, b] and y[0, :3].tolist() == [a, [0, 1, 1], S]
    assert weights.tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert y[0, 3:].tolist() == [none, none]


def test_spikes_come_at_the_multiples_of_the_period():
    x, y = first_batch(tasks.Timing(40), rows=300)
    periods = np.rint(20 * x[:, 0, 0]).astype(int)
    assert periods.min() == 5 and periods.max() == 20
    assert (x == x[:, :1]).all()
    for period, spikes in zip(periods, y[..., 0], strict=True):
        np.testing.assert_array_equal(np.flatnonzero(spikes) + 1, np.arange(period, 41, period))


@pytest.mark.parametrize("task", [tasks.Adding(6), tasks.Counting(4), tasks.Timing(20)])
def test_batches_derive_from_seed_and_number(task):
    batches = [batch[0].numpy() for batch in task.batches(8, 5).take(3)]
    later = next(iter(task.batches(8, 5, first_batch=2)))[0].numpy()
    np.testing.assert_array_equal(later, batches[2])
    assert not np.array_equal(batches[0], batches[1])
    assert not np.array_equal(first_batch(task, 8, seed=6)[0], batches[0])


class Perfect:
    """A network that knows the answers, but for those of the given n or periods."""

    def __init__(self, task, fails=()):
        self.task, self.fails = task, fails

    def predict(self, x, **_):
        if isinstance(self.task, tasks.Adding):
            return (x[..., 0] * x[..., 1]).numpy().sum(axis=1, keepdims=True) + 0.1
        if isinstance(self.task, tasks.Counting):
            n = x.numpy()[..., 1].sum(axis=1).astype("int32")
            said = self.task.sequences_of(n)[1].numpy()
            said[np.isin(n, self.fails), 1, 2] = 0  # no b after the first a
            return said
        periods = np.rint(self.task.most * x[:, 0, 0]).astype(int)
        said = np.arange(1, x.shape[1] + 1)[None] % periods[:, None] == 0
        said[np.isin(periods, self.fails), -1] ^= True
        return said[..., None].astype(float)


def test_the_tests_of_the_tasks_count_what_is_right():
    adding = tasks.Adding(8)
    assert adding.test(Perfect(adding), 1)["mse"] == pytest.approx(0.01, rel=1e-3)
    counting = tasks.Counting(5, test_most=70)
    assert counting.test(Perfect(counting), 1) == {"largest_n": 70}
    assert counting.test(Perfect(counting, fails=[61]), 1) == {"largest_n": 60}
    assert counting.test(Perfect(counting, fails=[1]), 1) == {"largest_n": 0}
    timing = tasks.Timing(40)
    assert timing.test(Perfect(timing), 1) == {"right": 1, "right_twice_as_long": 1}
    assert timing.test(Perfect(timing, fails=[5, 6, 7, 8]), 1)["right"] == pytest.approx(12 / 16)


# --- the networks -----------------------------------------------------------------------------------


def test_an_irnn_starts_as_the_identity_with_relu():
    model = recipe.build_model(recipe.Settings(cell="irnn", units=7), tasks.Adding(5))
    cell = model.layers[0].cell
    np.testing.assert_array_equal(cell.recurrent_kernel, np.eye(7))
    assert cell.activation is keras.activations.relu and not np.any(cell.bias)


@pytest.mark.parametrize("task", [tasks.Adding(5), tasks.Counting(3), tasks.Timing(20)])
@pytest.mark.parametrize("cell", recipe.CELLS)
def test_every_cell_gives_every_task_its_answers(cell, task):
    settings = recipe.Settings(cell=cell, units=3, learned_state=cell == "lstm")
    model = recipe.build_model(settings, task)
    x, y = first_batch(task, 4)[:2]
    assert model(x).shape == y.shape
    assert isinstance(model.layers[0], LearnedInitialState) == (cell == "lstm")


# --- runs -------------------------------------------------------------------------------------------


@pytest.fixture
def easy(monkeypatch):
    """Lengths of 4 and 6 count as solved, so that a climb goes on to 8, which is not; in seconds."""
    monkeypatch.setattr(recipe, "BATCHES", 3)

    def test(self, model, seed):
        return {"mse": 0.001 if self.length < 8 else 0.2}

    monkeypatch.setattr(tasks.Adding, "test", test)
    return ["--preset", "smoke", "--lengths", "4", "6", "8", "10"]


def test_a_climb_ends_at_the_first_length_that_is_not_solved(easy, tmp_path, written_but_not_declared):
    out = tmp_path / "run"
    metrics = recipe.main([*easy, "--out", str(out)])
    assert written_but_not_declared(out) == set()
    assert metrics["test_largest_length"] == 6
    assert (metrics["test_mse_first_length"], metrics["test_mse_last_length"]) == (0.001, 0.2)
    history = Run.open(out, recipe.RECIPE).history()
    assert [row["length"] for row in history] == [4, 6, 8]
    assert (out / "learning.png").exists() and (out / "model.keras").exists()


@pytest.mark.slow
def test_an_interrupted_climb_comes_to_the_same_end(easy, tmp_path, monkeypatch, run_main):
    whole = recipe.main([*easy, "--out", str(tmp_path / "whole")])
    out, train = tmp_path / "run", recipe.train

    def interrupted(settings, task, run, length):
        if length == 6:
            run.append_history(dict.fromkeys(run.history()[0], 6.0))  # of an epoch that is lost
            raise KeyboardInterrupt
        return train(settings, task, run, length)

    monkeypatch.setattr(recipe, "train", interrupted)
    code, _, error = run_main([*easy, "--out", str(out)])
    assert code == 130 and "Go on:" in error
    monkeypatch.setattr(recipe, "train", train)
    metrics = recipe.main(["--resume", "--out", str(out)])
    timeless = {"train_seconds": 0}
    assert metrics | timeless == whole | timeless
    rows = [Run.open(tmp_path / name, recipe.RECIPE).history() for name in ("run", "whole")]
    assert [r["val_loss"] for r in rows[0]] == [r["val_loss"] for r in rows[1]]


@pytest.mark.slow
def test_a_network_that_diverges_has_not_solved_its_length(easy, tmp_path, monkeypatch):
    train = recipe.train

    def diverging(settings, task, run, length):
        if length == 6:
            raise DivergedError("the training diverged.")
        return train(settings, task, run, length)

    monkeypatch.setattr(recipe, "train", diverging)
    metrics = recipe.main([*easy, "--out", str(tmp_path / "run")])
    assert metrics["test_largest_length"] == 4 and metrics["test_mse_last_length"] == recipe.WORST


@pytest.mark.slow
def test_training_stops_when_validation_is_solved(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "BATCHES", 2)
    monkeypatch.setattr(tasks, "SOLVED", 1e6)  # whatever comes is good enough
    metrics = recipe.main(
        ["--preset", "smoke", "--epochs", "5", "--lengths", "4", "--out", str(tmp_path / "run")]
    )
    assert metrics["batches"] == 2 and metrics["test_largest_length"] == 4


@pytest.mark.slow
@pytest.mark.parametrize("task", ["anbn", "timing"])
def test_the_other_tasks_are_one_training_each_and_repeat(task, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "BATCHES", 3)
    argv = ["--preset", "smoke", "--task", task, "--learned-state", "--out"]
    results = [recipe.main([*argv, str(tmp_path / name)]) for name in "ab"]
    timeless = {"train_seconds": 0}
    assert results[0] | timeless == results[1] | timeless
    names = {"anbn": ["test_largest_n"], "timing": ["test_right", "test_right_twice_as_long"]}
    assert set(names[task]) <= set(results[0])


# --- the comparison ---------------------------------------------------------------------------------


@pytest.fixture
def compared(monkeypatch):
    monkeypatch.setattr(recipe, "BATCHES", 2)
    monkeypatch.setitem(comparison.CELLS, "timing", ("lstm", "gru"))
    return ["compare", "--preset", "smoke", "--task", "timing", "--seeds", "1"]


@pytest.mark.slow
def test_the_comparison_chooses_rates_on_validation_and_draws(
    compared, tmp_path, monkeypatch, run_main
):
    monkeypatch.setattr(comparison, "RATES", (1e-3, 1e-2))
    out = tmp_path / "compared"
    code, printed, error = run_main([*compared, "--out", str(out)])
    assert code == 0, error
    for cell in ("lstm", "gru"):
        tuning = {
            rate: Run.open(out / f"tuning/{cell}-{rate:g}/seed-1", recipe.RECIPE)
            for rate in (1e-3, 1e-2)
        }
        losses = {r: run.result()["metrics"]["validation_loss"] for r, run in tuning.items()}
        chosen = Run.open(out / cell / "seed-1", recipe.RECIPE).config["settings"]["learning_rate"]
        assert chosen == min(losses, key=losses.get)
    assert (out / "comparison.png").exists() and "right twice as long" in printed
    assert "equally many units, not weights: the largest has 1.1 times as many" in printed
    code, printed, _ = run_main([*compared, "--out", str(out), "--resume"])
    assert code == 0 and printed.count("has come to its end already") == 6


@pytest.mark.slow
def test_a_comparison_goes_on_only_with_what_it_was_started_with(compared, tmp_path, run_main):
    argv = [*compared, "--learning-rate", "0.01", "--out", str(tmp_path / "c")]
    assert run_main(argv)[0] == 0
    code, _, error = run_main([*argv, "--units", "5", "--resume"])
    assert code == 2 and "other settings" in error
    code, _, error = run_main([*compared, "--resume"])
    assert code == 2 and "--resume with compare needs --out" in error
    code, _, error = run_main([*compared, "--out", str(tmp_path / "c" / "lstm" / "seed-1")])
    assert code == 2 and "holds a single run" in error


@pytest.mark.slow
def test_an_interrupted_comparison_says_how_to_go_on(compared, tmp_path, monkeypatch, run_main):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(recipe, "train", interrupted)
    code, _, error = run_main([*compared, "--out", str(tmp_path / "c")])
    assert code == 130 and "compare" in error and error.rstrip().endswith("--resume")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--lengths", "50", "25"], "they must grow"),
        (["--lengths", "1"], "not an integer of at least 2"),
        (["compare", "--cell", "gru"], "--cell has no meaning with compare"),
        (["compare", "--seed", "1"], "--seed has no meaning with compare"),
        (["--run", "x"], "unknown flag --run"),
    ],
)
def test_bad_flags_are_one_line(argv, message, run_main):
    code, _, error = run_main(argv)
    assert code == 2 and message in error and error.count("\n") == 1


def test_learning_curves_are_drawn_a_length_each_beside_the_baseline():
    rows = [
        {"length": t, "tokens": 400 * (e + 1), "val_loss": 0.2 / (e + 1)}
        for t in (4, 6)
        for e in range(3)
    ]
    (ax,) = run_figures.learning_curves(recipe.PRESETS["smoke"], rows, 1 / 6).axes
    first, second, baseline = ax.lines
    assert first.get_xdata().tolist() == [100, 200, 300] and second.get_label() == "T = 6"
    assert baseline.get_ydata()[0] == pytest.approx(1 / 6)


def test_the_hash_of_a_task_is_that_of_its_description():
    ours, other = (recipe.load_data(recipe.Settings(lengths=t)) for t in ((4, 6), (4, 8)))
    assert ours["sha256"] != other["sha256"] and json.dumps(ours)


@pytest.mark.slow
def test_the_ledger_has_no_metric_that_a_run_has_not(tmp_path, recorded_but_not_measured):
    metrics = {}
    for task in ("adding", "anbn", "timing"):
        argv = ["--preset", "smoke", "--task", task, "--cell", "simple", "--out", str(tmp_path / task)]
        metrics |= recipe.main(argv)
    assert recorded_but_not_measured(metrics) == set()
