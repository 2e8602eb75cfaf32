"""The recipe of vanishing and exploding gradients: what is measured is what the equations say."""

import json

import numpy as np
import pytest
import tensorflow as tf

import vanishing_gradients as recipe
from parts.vanishing_gradients import clipping, jacobians, memory_task, run_figures

SMALL = recipe.Settings(steps=15, units=6, networks=2, rows=3)


def test_the_radius_of_a_drawn_matrix_is_its_largest_eigenvalue(rng):
    for radius in (0.5, 1.3):
        eigenvalues = np.linalg.eigvals(jacobians.with_radius(20, radius, rng))
        assert np.abs(eigenvalues).max() == pytest.approx(radius)


def networks(rng):
    return jacobians.Networks(SMALL, rng)


def test_without_an_activation_the_norms_are_those_of_powers_of_the_matrix(rng):
    matrix = rng.normal(size=(6, 6))
    drawn = []

    class Rng:
        def normal(self, size):
            drawn.append(rng.normal(size=size))
            return drawn[-1]

    fading = networks(Rng()).plain("linear", [matrix])
    u = drawn[-1]  # L = u · h(T)
    for row in range(3):
        back = u[row]
        for k in range(15):
            expected = np.linalg.norm(back) / np.linalg.norm(u[row])
            assert fading.norms[row, 14 - k] == pytest.approx(expected, rel=1e-9)
            back = matrix.T @ back  # the Jacobian of a step, from the left


def test_no_norm_exceeds_its_bound_and_an_orthogonal_matrix_reaches_it(rng):
    measured = networks(rng)
    for activation in jacobians.ACTIVATIONS:
        matrices = [scale * rng.normal(size=(6, 6)) for scale in (0.7, 1.4)]
        fading = measured.plain(activation, matrices, inputs=0.3)
        assert (fading.norms <= fading.bound * (1 + 1e-9)).all()
    fading = measured.plain("linear", [jacobians.STARTS["orthogonal"](6, rng)])
    np.testing.assert_allclose(fading.norms, fading.bound, rtol=1e-9)


def test_the_bias_of_the_gate_that_keeps_decides_what_is_kept(rng):
    measured = networks(rng)
    left = [measured.gated("lstm", bias).median[-1] for bias in (-2.0, 1.0, 4.0)]
    assert left[0] < 1e-6 < left[1] < 0.3 * left[2]
    assert measured.gated("gru", -2.0).median[-1] < 1e-6
    assert measured.gated("gru", 6.0).median[-1] > 0.8


def test_the_starts_have_the_variances_of_the_slide(rng):
    for name, draw in jacobians.STARTS.items():
        matrix = draw(400, rng)
        if name in ("Glorot", "1/n", "orthogonal"):
            assert matrix.var() == pytest.approx(1 / 400, rel=0.05)
    np.testing.assert_array_equal(jacobians.STARTS["identity"](5, rng), np.eye(5))


def test_steps_to_a_share_are_counted_from_the_last_step():
    norms = np.array([[0.01, 0.05, 0.2, 0.5, 1.0]])
    fading = jacobians.Fading(norms)
    assert fading.median.tolist() == [1.0, 0.5, 0.2, 0.05, 0.01]
    assert fading.steps_to(0.1) == 3 and fading.steps_to(0.001) is None


# --- the wall ---------------------------------------------------------------------------------------


def test_the_surface_is_the_networks_error():
    path = clipping.descend(0)
    w, b = clipping.BEGIN
    assert path.errors[0] == pytest.approx(clipping.surface(np.array([w]), np.array([b]))[0, 0])


@pytest.mark.parametrize("rule", ["none", "norm", "squared"])
def test_a_step_is_as_long_as_its_rule_says(rule):
    path = clipping.descend(12, rule)
    lengths = np.linalg.norm(np.diff(path.points, axis=0), axis=1) / clipping.RATE
    threshold = clipping.THRESHOLD
    expected = {
        "none": path.norms,
        "norm": np.minimum(path.norms, threshold),
        "squared": np.where(path.norms**2 > threshold, threshold / path.norms, path.norms),
    }[rule]
    np.testing.assert_allclose(lengths, expected, rtol=1e-5)
    assert path.norms.max() > 5  # the wall was met


def test_clipping_keeps_descent_from_being_thrown_off_the_wall():
    thrown, tamed = (clipping.descend(60, rule) for rule in ("none", "norm"))
    assert thrown.errors[-1] > 0.08 and np.abs(thrown.points[-1] - clipping.BEGIN).max() > 1.5
    assert tamed.errors[-1] < 0.02


# --- the memory -------------------------------------------------------------------------------------


def test_the_first_number_is_the_answer_wherever_it_is_asked_for():
    x, y = next(iter(memory_task.sequences(12, 50, seed=3)))
    x, y = x.numpy(), y["lstm"].numpy()[..., 0]
    asked = x[..., 2] == 1
    assert (x[:, 0, 1] == 1).all() and (x[:, 1:, 1] == 0).all()
    assert asked[:, -1].all() and not asked[:, 0].any() and 0.05 < asked[:, 1:-1].mean() < 0.3
    np.testing.assert_array_equal(y, np.where(asked, x[:, :1, 0], 0))
    assert np.abs(x[..., 0]).max() <= 1 and x[..., 0].min() < -0.9


def test_batches_derive_from_seed_and_number():
    batches = list(memory_task.sequences(6, 4, seed=3).take(4))
    later = next(iter(memory_task.sequences(6, 4, seed=3, first_batch=3)))
    np.testing.assert_array_equal(later[0], batches[3][0])
    assert not np.array_equal(batches[0][0], batches[1][0])
    other = next(iter(memory_task.sequences(6, 4, seed=4)))
    assert not np.array_equal(other[0], batches[0][0])


def test_sensitivity_is_the_derivative_with_respect_to_the_first_number():
    model = memory_task.build_model(5)
    for name in memory_task.NETWORKS:
        s = memory_task.sensitivity(model, name, 8, [3, 8], seed=1)
        assert s.asked.tolist() == [False, False, True, False, False, False, False, True]
        x = np.zeros((1, 8, 3), "float32")
        x[0, :, 0] = np.random.default_rng([1, 7]).uniform(-1, 1, 8)
        x[0, 0, :2], x[0, [2, 7], 2] = (0.3, 1), 1
        x = tf.constant(x)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            outputs = [model(x)[name][0, t, 0] for t in range(8)]
        expected = [float(tape.gradient(output, x)[0, 0, 0]) for output in outputs]
        np.testing.assert_allclose(s.output, expected, atol=1e-3)
        assert set(s.gates) == (set() if name == "rnn" else {"input", "forget", "output"})


def test_the_two_networks_share_nothing():
    model = memory_task.build_model(4)
    x = np.zeros((1, 3, 3), "float32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(x)["lstm"] ** 2)
    gradients = tape.gradient(loss, [w.value for w in model.trainable_weights])
    touched = [w.path for w, g in zip(model.trainable_weights, gradients, strict=True) if g is not None]
    assert touched and all("lstm" in path for path in touched)


# --- the recipe -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    out = tmp_path_factory.mktemp("gradients") / "run"
    return out, recipe.main(["--preset", "smoke", "--out", str(out)])


def test_the_ledger_has_no_metric_that_a_run_has_not(smoke, recorded_but_not_measured):
    assert recorded_but_not_measured(smoke[1]) == set()


def test_a_run_leaves_its_result_and_four_pictures(smoke, written_but_not_declared):
    out, metrics = smoke
    assert written_but_not_declared(out) == set()
    assert {"jacobians.png", "starts.png", "sensitivity.png", "wall.png", "model.keras"} <= {
        p.name for p in out.iterdir()
    }
    assert json.loads((out / "result.json").read_text())["metrics"] == pytest.approx(metrics)
    assert 0 < metrics["largest_share_of_bound"] <= 1 + 1e-9
    assert {"tanh_1.0_11_back", "relu_identity_11_back", "test_lstm_mse_asked"} <= set(metrics)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run(smoke, tmp_path):
    assert recipe.main(["--preset", "smoke", "--out", str(tmp_path / "again")]) == smoke[1]


@pytest.mark.slow
def test_a_run_that_goes_on_ends_as_the_unbroken_one(tmp_path, monkeypatch):
    even = {"even": jacobians.Fading(np.ones((1, 12)), np.ones((1, 12)))}
    for name in ("spectral_radii", "starts"):  # which nothing is trained for
        monkeypatch.setattr(jacobians, name, lambda networks: even)
    monkeypatch.setattr(run_figures, "draw", lambda *args: [])
    monkeypatch.setattr(recipe, "report", lambda *args: None)
    argv = ["--preset", "smoke", "--epochs"]
    unbroken = recipe.main([*argv, "2", "--out", str(tmp_path / "unbroken")])
    recipe.main([*argv, "1", "--out", str(tmp_path / "run")])
    assert recipe.main(["--resume", "--epochs", "2", "--out", str(tmp_path / "run")]) == unbroken


@pytest.mark.slow
def test_several_seeds_are_summed_up(tmp_path, monkeypatch):
    monkeypatch.setattr(run_figures, "draw", lambda *args: [])
    metrics = recipe.main(["--preset", "smoke", "--seeds", "0", "1", "--out", str(tmp_path / "runs")])
    assert len(metrics["tanh_glorot_11_back"]["values"]) == 2
    assert metrics["tanh_glorot_11_back"]["std"] > 0


def test_bad_flags_are_one_line(run_main):
    for argv, message in (
        (["--steps", "1"], "not an integer of at least 2"),
        (["--run", "x"], "unknown flag --run"),
        (["--length", "3"], "not an integer of at least 4"),
    ):
        code, _, error = run_main(argv)
        assert code == 2 and message in error and error.count("\n") == 1
