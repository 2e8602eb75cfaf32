"""with_batch_size: the new model is compiled as the old one is, whatever `compile` takes."""

import inspect
import threading

import keras
import numpy as np
import pytest

from rnn_kit.callbacks import with_batch_size

L = keras.layers
B, V = 4, 3
X = np.random.default_rng(0).normal(size=(B, 5, 2)).astype("float32")
Y = np.random.default_rng(1).normal(size=(B, 5, V)).astype("float32")


def own_loss(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


def two_headed(**how):
    keras.utils.set_random_seed(0)
    x = keras.Input(batch_shape=(B, None, 2))
    h = L.SimpleRNN(3, stateful=True, return_sequences=True)(x)
    heads = {name: L.Dense(V, name=name, dtype="float32")(h) for name in ("a", "b")}
    model = keras.Model(x, heads)
    model.compile(**{"optimizer": "sgd", "loss": {"a": "mse", "b": "mse"}, **how})
    return model


class Hits(keras.metrics.Metric):
    """A user's own, with an argument that `get_config` knows nothing of."""

    def __init__(self, within=9.0, name="hits"):
        super().__init__(name=name)
        self.within = within
        self.total = self.add_variable((), "zeros", name="total")
        self.sums = keras.metrics.Sum()

    def update_state(self, y_true, y_pred, sample_weight=None):
        near = keras.ops.cast(keras.ops.abs(y_true - y_pred) < self.within, "float32")
        self.total.assign_add(keras.ops.sum(near))
        self.sums.update_state(near)

    def result(self):
        return self.total + 1000 * self.sums.result()


# A value of each argument that is not its default, and what is to be the same in the new model.
ARGUMENTS = {
    "optimizer": (lambda: keras.optimizers.SGD(0.25, momentum=0.5), lambda m: configured(m.optimizer)),
    "loss": (lambda: {"a": own_loss, "b": "mae"}, lambda m: m.loss),
    "loss_weights": (lambda: {"a": 3.0, "b": 0.5}, lambda m: m._compile_loss._user_loss_weights),
    "metrics": (
        lambda: {"a": ["mae", Hits(0.5)]},
        lambda m: named(m._compile_metrics, "_user_metrics"),
    ),
    "weighted_metrics": (
        lambda: {"b": [keras.metrics.MeanSquaredError("square")]},
        lambda m: named(m._compile_metrics, "_user_weighted_metrics"),
    ),
    "run_eagerly": (lambda: True, lambda m: m.run_eagerly),
    "steps_per_execution": (lambda: 3, lambda m: m.steps_per_execution),
    "jit_compile": (lambda: True, lambda m: m.jit_compile),
    "auto_scale_loss": (lambda: False, lambda m: type(m.optimizer).__name__),
}


def configured(optimizer):
    return type(optimizer), {k: v for k, v in optimizer.get_config().items() if k != "name"}


def named(metrics, which):
    parts = getattr(metrics, which, None) or {}
    return {head: [getattr(m, "name", m) for m in several] for head, several in parts.items()}


def test_every_argument_of_compile_is_tried():
    assert set(ARGUMENTS) == set(inspect.signature(keras.Model.compile).parameters) - {"self"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_argument_of_compile_is_that_of_the_new_model_too(name):
    if name == "auto_scale_loss":
        keras.config.set_dtype_policy("mixed_float16")
    value, seen = ARGUMENTS[name]
    model = two_headed(**{name: value()})
    assert seen(model) != seen(two_headed())
    assert seen(with_batch_size(model, 1)) == seen(model)


def test_what_was_set_behind_compile_is_kept_too():
    model = two_headed()
    model.run_eagerly, model.steps_per_execution = True, 2
    one = with_batch_size(model, 1)
    assert one.run_eagerly and one.steps_per_execution == 2


def test_a_scaled_loss_is_scaled_once():
    keras.config.set_dtype_policy("mixed_float16")
    one = with_batch_size(two_headed(), 1)
    assert isinstance(one.optimizer, keras.optimizers.LossScaleOptimizer)
    assert not isinstance(one.optimizer.inner_optimizer, keras.optimizers.LossScaleOptimizer)


def rows_of(model, batch_size):
    targets = {"a": Y, "b": -Y}
    model.layers[1].reset_state()
    return model.evaluate(X, targets, batch_size=batch_size, verbose=0, return_dict=True)


def test_a_compiled_model_says_the_same_at_another_batch_size():
    """Row by row from fresh states: losses with their weights, own metrics, wrapped functions."""
    model = two_headed(
        loss={"a": own_loss, "b": "mse"},
        loss_weights={"a": 3.0, "b": 0.5},
        metrics={"a": [Hits(0.5), keras.metrics.MeanMetricWrapper(own_loss, name="wrapped")]},
    )
    whole = rows_of(model, B)
    one, got = with_batch_size(model, 1), []
    for row in range(B):
        one.layers[1].reset_state()
        targets = {"a": Y[row : row + 1], "b": -Y[row : row + 1]}
        got.append(one.evaluate(X[row : row + 1], targets, batch_size=1, verbose=0, return_dict=True))
    assert set(whole) == set(got[0]) and "a_wrapped" in whole
    for name, value in whole.items():
        total = sum(row[name] for row in got)
        np.testing.assert_allclose(total if "hits" in name else total / B, value, rtol=1e-4)
    assert 0 < whole["a_hits"] < 1001 * Y.size  # within 0.5, not all within 9


def test_the_new_model_has_sums_of_its_own():
    model = two_headed(metrics={"a": [Hits(0.5)]})
    rows_of(model, B)
    (hits,) = (m for m in model.metrics[1].metrics if m.name == "hits")
    before = float(hits.result())
    one = with_batch_size(model, 1)
    rows_of(one, 1)
    rows_of(one, 1)
    assert float(hits.result()) == before > 0


class Locked(keras.metrics.Mean):
    """Holds what cannot be copied."""

    def __init__(self, name="locked", dtype=None):
        super().__init__(name, dtype)
        self.lock = threading.Lock()

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true)


def test_a_metric_may_hold_what_cannot_be_copied():
    one = with_batch_size(two_headed(metrics={"a": [Locked()]}), 1)
    assert "a_locked" in rows_of(one, 1)


class Wide(keras.metrics.Metric):
    """Has its sums, and a metric, in containers, and one is made late."""

    def __init__(self, parts, name="wide"):
        super().__init__(name=name)
        self.sums = [self.add_variable((), "zeros", name=f"sum_{n}") for n in range(parts)]
        self.inner = {"mean": keras.metrics.Mean()}
        self.late = None

    def update_state(self, y_true, y_pred, sample_weight=None):
        if self.late is None:
            self.late = self.add_variable((), "zeros", name="late")
        for total in [*self.sums, self.late]:
            total.assign_add(1.0)
        self.inner["mean"].update_state(y_true)

    def result(self):
        return keras.ops.sum(keras.ops.stack([v.value for v in self.sums])) + 100 * self.late


@pytest.mark.parametrize("used", [False, True])
def test_sums_in_containers_and_late_ones_are_the_new_models_own(used):
    metric = Wide(3)
    model = two_headed(metrics={"a": [metric]}, run_eagerly=True)
    if used:
        rows_of(model, B)
    before = [v.numpy().tolist() for v in metric.variables]
    one = with_batch_size(model, 1)
    assert rows_of(one, 1)["a_wide"] == B * 103
    copied = one._compile_metrics._user_metrics["a"][0]
    assert len(copied.variables) == len({id(v) for v in copied.variables}) == 6
    assert not {id(v) for v in copied.variables} & {id(v) for v in metric.variables}
    assert [v.numpy().tolist() for v in metric.variables] == before


class OwnSchedule(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1


def test_an_optimizer_without_a_config_is_told_and_the_model_can_be_evaluated():
    with pytest.warns(UserWarning, match="cannot be made anew from its config.*Compile it before you"):
        one = with_batch_size(two_headed(optimizer=keras.optimizers.SGD(OwnSchedule())), 1)
    assert rows_of(one, 1)["loss"] > 0


@pytest.mark.parametrize("batch_size", [1, None])
def test_a_model_that_is_not_built_is_one_clear_error(batch_size):
    model = keras.Sequential([L.Dense(2)], name="late")
    with pytest.raises(ValueError, match=r"Model 'late' is not built\. Give it an Input"):
        with_batch_size(model, batch_size)
