"""Every callback in a second `fit`: of the same model, and of another one."""

import io
import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from rnn_kit import callbacks as kit
from rnn_kit.callbacks.throughput import TrainingClock
from rnn_kit.pipelines import stream_dataset

L = keras.layers
B, T, V, STEPS = 2, 3, 5, 4
IDS = np.random.default_rng(0).integers(0, V, B * T * STEPS + 3)
TEXT = np.random.default_rng(1).integers(0, V, 12)
X, Y = IDS[: B * T].reshape(B, T), IDS[1 : B * T + 1].reshape(B, T)


def build(seed):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(B, None), dtype="int32"),
            L.Embedding(V, 3),
            L.SimpleRNN(4, stateful=True, return_sequences=True),
            L.Dense(V),
        ]
    )
    compile_anew(model)
    return model


def compile_anew(model):
    optimizer = keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.6)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))


def fit(model, callback, more=()):
    """What a training makes: weights, the epochs' logs, and what the callback wrote."""
    dataset, steps = stream_dataset(IDS, B, T, 1)
    before = [] if isinstance(callback, kit.CarryState) else [kit.CarryState()]
    keras.utils.set_random_seed(7)
    history = model.fit(
        dataset, steps_per_epoch=steps, epochs=3, shuffle=False, verbose=0,
        validation_data=(X, Y), validation_batch_size=B, callbacks=[*before, callback, *more],
    )  # fmt: skip
    return [w.tobytes() for w in model.get_weights()], history.history


class Written:
    """What a callback writes, without the seconds, which differ each time."""

    def __init__(self):
        self.stream, self.texts, self.rows = io.StringIO(), [], []

    def taken(self):
        lines = [line.partition("; ")[0] for line in self.stream.getvalue().splitlines()]
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in self.rows]
        self.stream.truncate(0), self.stream.seek(0)
        texts, self.texts[:], self.rows[:] = [*self.texts], [], []
        return lines, texts, rows


MAKE = {
    "AveragedWeights": lambda w: kit.AveragedWeights(),
    "CarryState": lambda w: kit.CarryState(),
    "EarlyStopping": lambda w: kit.EarlyStopping(
        "loss", patience=1, mode="max", restore_best_weights=True
    ),
    "EpochLog": lambda w: kit.EpochLog(w.rows.append, 24),
    "SampleText": lambda w: kit.SampleText(
        lambda ids: str(np.asarray(ids).tolist()), [1, 2], (0,), 4, write=w.texts.append
    ),
    "StopOnNaN": lambda w: kit.StopOnNaN(),
    "Throughput": lambda w: kit.Throughput(24, stream=w.stream),
    "ValidateStream": lambda w: kit.ValidateStream(TEXT),
}


def test_every_callback_is_tried():
    """`Checkpoint`, which belongs to one run, is in test_resuming."""
    here = {
        name
        for name in kit.__all__
        if isinstance(getattr(kit, name), type)
        and issubclass(getattr(kit, name), keras.callbacks.Callback)
    }
    assert here - {"Checkpoint"} == set(MAKE)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKE)
def test_it_does_for_another_model_what_a_new_one_does(name):
    written = Written()
    callback = MAKE[name](written)
    fit(build(1), callback)
    written.taken()
    again = fit(build(2), callback), written.taken()
    fresh = fit(build(2), MAKE[name](written)), written.taken()
    assert again == fresh


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("how", ["as it is", "compiled anew", "after a break"])
def test_it_does_for_the_same_model_what_a_new_one_does(how, name):
    """Where the new one has nothing to know of the first training."""
    if (name, how) in (("AveragedWeights", "as it is"), ("AveragedWeights", "after a break")):
        pytest.skip("whose weights are exchanged: test_averaging has what must be")
    written = Written()

    def twice(same):
        callback, model = MAKE[name](written), build(1)
        if how == "after a break":
            with pytest.raises(KeyboardInterrupt):
                fit(model, callback, more=[Break()])
        else:
            fit(model, callback)
        if how == "compiled anew":
            compile_anew(model)
        written.taken()
        return fit(model, callback if same else MAKE[name](written)), written.taken()

    assert twice(True) == twice(False)


class Break(keras.callbacks.Callback):
    """Ctrl-C within the second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 1:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_the_judge_is_the_model_that_is_trained():
    judge, first, second = kit.ValidateStream(TEXT), build(1), build(2)
    for model in (first, second):  # whose weights are not averaged behind the last epoch
        model.compile(
            keras.optimizers.Adam(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
    fit(first, judge)
    _, history = fit(second, judge)
    expected = kit_loss(second)
    assert history["val_loss"][-1] == pytest.approx(expected, rel=1e-4)
    assert abs(expected - kit_loss(first)) > 1e-3


def kit_loss(model):
    one = kit.with_batch_size(model, 1)
    logits = one(TEXT[None, :-1])[0]
    losses = keras.losses.sparse_categorical_crossentropy(TEXT[1:], logits, from_logits=True)
    return float(np.mean(losses))


def seconds_of(log, rows, model, monkeypatch, first=0, epochs=2, epoch_seconds=10.0):
    """The seconds in the rows of a training whose epochs take so long."""
    rows.clear()
    clock = [0.0]
    monkeypatch.setattr("rnn_kit.callbacks.clock.time", SimpleNamespace(perf_counter=lambda: clock[0]))

    class Ticks(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            clock[0] += epoch_seconds / STEPS

    dataset, _ = stream_dataset(IDS, B, T, 1, first * STEPS)
    model.fit(
        dataset, steps_per_epoch=STEPS, epochs=epochs, initial_epoch=first, shuffle=False, verbose=0,
        callbacks=[Ticks(), log],
    )  # fmt: skip
    return [row["seconds"] for row in rows]


@pytest.mark.slow
def test_the_seconds_are_those_of_one_training(monkeypatch):
    rows = []
    log, model = kit.EpochLog(rows.append, 24), build(1)
    assert seconds_of(log, rows, model, monkeypatch) == [10.0, 20.0]
    assert seconds_of(log, rows, model, monkeypatch) == [10.0, 20.0]  # from the first epoch: anew
    assert seconds_of(log, rows, model, monkeypatch, 2, 4) == [30.0, 40.0]  # it goes on
    assert seconds_of(log, rows, build(2), monkeypatch, 2, 4) == [10.0, 20.0]  # another's


def test_the_seconds_of_an_epoch_that_broke_off_do_not_count(monkeypatch):
    rows = []
    log, model = kit.EpochLog(rows.append, 24), build(1)
    seconds_of(log, rows, model, monkeypatch, 0, 1)
    log.on_epoch_begin(1)  # and no end: Ctrl-C
    assert seconds_of(log, rows, model, monkeypatch, 1, 3) == [20.0, 30.0]


@pytest.mark.slow
@pytest.mark.parametrize("executions", [1, 2, 3])
def test_the_clock_stops_behind_the_last_batch_whatever_an_execution_has(executions, monkeypatch):
    """What comes between it and the epoch's end is not training."""
    now = [0.0]
    monkeypatch.setattr("rnn_kit.callbacks.clock.time", SimpleNamespace(perf_counter=lambda: now[0]))

    class Slow(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            now[0] += 100

    class Ticks(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            now[0] += 1

    model, clock = build(1), TrainingClock()
    model.steps_per_execution = executions
    dataset, _ = stream_dataset(IDS, B, T, 1)
    model.fit(
        dataset, steps_per_epoch=STEPS, epochs=2, shuffle=False, verbose=0,
        callbacks=[kit.CarryState(), Ticks(), Slow(), clock],
    )  # fmt: skip
    assert clock.epoch_seconds == -(-STEPS // executions)


def test_throughput_shows_a_number_a_class_and_numbers_of_numpy():
    lines = io.StringIO()
    callback = kit.Throughput(24, stream=lines)

    class Judge(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs.update(f1=np.array([0.25, 0.5]), hits=np.array(0.75))

    dataset, _ = stream_dataset(IDS, B, T, 1)
    build(1).fit(
        dataset, steps_per_epoch=STEPS, shuffle=False, verbose=0,
        callbacks=[kit.CarryState(), Judge(), callback],
    )  # fmt: skip
    assert re.search(r"f1 0\.2500 0\.5000, hits 0\.7500;", lines.getvalue())


def test_a_training_without_a_loss_does_not_stop_on_nan():
    class Own(keras.Sequential):
        def train_step(self, data):
            super().train_step(data)
            return {"nats": 1.0}

    model = Own(build(1).layers)
    compile_anew(model)
    dataset, _ = stream_dataset(IDS, B, T, 1)
    model.fit(dataset, steps_per_epoch=STEPS, shuffle=False, verbose=0, callbacks=[kit.StopOnNaN()])


def test_after_predict_the_weights_are_the_trainings_own_again():
    """Keras's own callback leaves the average in the model."""
    model = build(1)
    fit(model, kit.CarryState())
    before = [w.tobytes() for w in model.get_weights()]
    average = kit.AveragedWeights()
    first = model.predict(X, batch_size=B, verbose=0, callbacks=[kit.CarryState(), average])
    second = model.predict(X, batch_size=B, verbose=0, callbacks=[kit.CarryState(), average])
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-6)
    after = [np.frombuffer(w, "float32") for w in (v.tobytes() for v in model.get_weights())]
    for a, b in zip(after, before, strict=True):
        np.testing.assert_allclose(a, np.frombuffer(b, "float32"), rtol=1e-4, atol=1e-6)
