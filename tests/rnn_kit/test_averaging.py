"""Averaged weights: what validation sees, what training goes on with, where a killed run ends."""

import dataclasses

import keras
import numpy as np
import pytest
from marks import slow_but

from recipe_kit.runs import Run
from rnn_kit.callbacks import AveragedWeights, Checkpoint, EarlyStopping, EpochLog
from rnn_kit.layers import MaskedGlobalMaxPooling1D, WordDropout
from rnn_kit.pipelines import sequence_batches, sequence_dataset
from rnn_kit.text import LabelledSequences, Sequences

L = keras.layers
V, B, BATCHES, EPOCHS = 30, 8, 7, 4
MOMENTUM = 0.8


def sequences(n, seed):
    """Labelled by chance: a validation loss that gets worse with time."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 12, n)
    ids = Sequences(rng.integers(3, V, lengths.sum()), lengths)
    return LabelledSequences(ids, rng.integers(0, 2, n))


TRAIN, VALIDATION = sequences(B * BATCHES - 3, 0), sequences(20, 1)


@dataclasses.dataclass(frozen=True)
class Settings:
    seed: int = 3


class Killed(Exception):
    pass


class KillAt(keras.callbacks.Callback):
    """Breaks the training off after a batch of an epoch, or as its validation begins ("val")."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.at = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.kill(batch)

    def on_test_begin(self, logs=None):
        self.kill("val")

    def kill(self, batch):
        if (self.epoch, batch) == self.at:
            raise Killed


class Steps(keras.callbacks.Callback):
    """The weights after each step; in front of the others, so that they are the training's own."""

    def __init__(self):
        super().__init__()
        self.raw = []

    def on_train_batch_end(self, batch, logs=None):
        self.raw.append(trained(self.model))

    def averages(self):
        """The rule of Keras's optimizers, from the weights after the first step on."""
        average = self.raw[0]
        averages = [average]
        for raw in self.raw[1:]:
            average = [MOMENTUM * a + (1 - MOMENTUM) * w for a, w in zip(average, raw, strict=True)]
            averages.append(average)
        return averages


class AtEpochsEnd(keras.callbacks.Callback):
    """The weights that the callbacks behind the average see, and those when the training is over."""

    def on_train_begin(self, logs=None):
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(trained(self.model))

    def on_train_end(self, logs=None):
        self.last = trained(self.model)


def trained(model):
    return [np.array(v) for v in model.trainable_variables]


def assert_close(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def assert_far(one, other):
    assert max(np.abs(a - b).max() for a, b in zip(one, other, strict=True)) > 1e-2


def build(policy="float32"):
    keras.utils.set_random_seed(3)
    keras.config.set_dtype_policy(policy)
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            WordDropout(0.1),
            L.Embedding(V, 4, mask_zero=True),
            MaskedGlobalMaxPooling1D(),
            L.Dropout(0.2),
            L.Dense(1, activation="sigmoid", dtype="float32"),
        ]
    )
    optimizer = keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=MOMENTUM)
    model.compile(optimizer, "binary_crossentropy")
    return model


def validation():
    return sequence_batches(VALIDATION.sequences, VALIDATION.labels, 10)


def fit(callbacks, epochs=EPOCHS, **how):
    """A training without a run's folder. Returns the model and the history."""
    model = build(**how)
    dataset, batches = sequence_dataset(TRAIN.sequences, TRAIN.labels, B, 1)
    assert batches == BATCHES
    history = model.fit(
        dataset,
        steps_per_epoch=batches,
        shuffle=False,
        epochs=epochs,
        validation_data=validation(),
        verbose=0,
        callbacks=callbacks,
    )
    return model, history.history


def train(path, kill=None, every=1e-6, epochs=EPOCHS, patience=EPOCHS + 1):
    """One session of a run. Returns the model and the run."""
    if (path / "config.json").exists():
        run = Run.open(path, "r")
        run.resume({})
    else:
        run = Run.create("r", "p", Settings(), path)
    checkpoint = Checkpoint(run, every, say=lambda line: None)
    dataset, batches = sequence_dataset(TRAIN.sequences, TRAIN.labels, B, 1, checkpoint.first_batch)
    model = build()
    log = EpochLog(run.append_history, B * batches)
    kept = [AveragedWeights(), log, EarlyStopping(patience=patience)]
    checkpoint.restore(model, kept)
    with checkpoint:
        model.fit(
            dataset,
            steps_per_epoch=batches,
            shuffle=False,
            epochs=epochs,
            initial_epoch=checkpoint.first_epoch(batches, epochs),
            validation_data=validation(),
            verbose=0,
            callbacks=[*kept, *([KillAt(*kill)] if kill else []), checkpoint],
        )
    return model, run


def rows(run):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in run.history()]


def assert_same_end(one, other):
    for a, b in zip(one[0].get_weights(), other[0].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert rows(one[1]) == rows(other[1])


# One training


@dataclasses.dataclass
class Training:
    """What one training was, seen from before and from behind the average."""

    steps: Steps
    end: AtEpochsEnd
    model: keras.Model
    final: list
    history: dict


def averaged(*behind, **how):
    steps, end = Steps(), AtEpochsEnd()
    model, history = fit([steps, AveragedWeights(), end, *behind], **how)
    return Training(steps, end, model, trained(model), history)


@pytest.fixture(scope="module")
def whole():
    return averaged()


def assert_validation_sees_the_average(training, tolerance):
    raws, averages = (
        every[BATCHES - 1 :: BATCHES] for every in (training.steps.raw, training.steps.averages())
    )
    for got, average, raw in zip(training.end.seen, averages, raws, strict=True):
        assert_close(got, average)
        assert_far(got, raw)
    for average, loss in zip(averages, training.history["val_loss"], strict=True):
        for variable, value in zip(training.model.trainable_variables, average, strict=True):
            variable.assign(value)
        got = training.model.evaluate(validation(), verbose=0)
        np.testing.assert_allclose(got, loss, rtol=tolerance)


def test_validation_and_the_callbacks_behind_see_the_average(whole):
    assert_validation_sees_the_average(whole, 1e-4)


def test_the_average_is_found_behind_a_scaled_loss_too():
    assert_validation_sees_the_average(averaged(epochs=2, policy="mixed_float16"), 1e-2)


def test_training_goes_on_with_its_own_weights(whole):
    """Up to rounding, since Keras exchanges the two by additions."""
    alone = Steps()
    fit([alone])
    assert len(alone.raw) == EPOCHS * BATCHES
    for a, b in zip(alone.raw, whole.steps.raw, strict=True):
        assert_close(a, b)


def test_a_whole_training_ends_with_the_average(whole):
    for weights in (whole.final, whole.end.last):
        assert_close(weights, whole.steps.averages()[-1])


@pytest.fixture(scope="module")
def stopped():
    """Two epochs after its lowest validation loss."""
    return averaged(EarlyStopping(patience=2), epochs=30)


@pytest.mark.slow
def test_a_training_that_stops_early_ends_with_the_average(stopped):
    losses = stopped.history["val_loss"]
    assert len(losses) == np.argmin(losses) + 3 < 30
    for weights in (stopped.final, stopped.end.last):
        assert_close(weights, stopped.steps.averages()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("left", slow_but([1], [1, 0]))
def test_early_stopping_restores_the_average_of_the_best_epoch(left, stopped):
    """Where it has ended the training, and where the last epoch has."""
    losses = stopped.history["val_loss"]
    patience = EarlyStopping(patience=2 if left else 3, restore_best_weights=True)
    restored = averaged(patience, epochs=len(losses) + left)
    np.testing.assert_allclose(restored.history["val_loss"], losses, rtol=1e-4)
    best = int(np.argmin(losses))
    assert_close(restored.final, stopped.steps.averages()[(best + 1) * BATCHES - 1])
    loss = restored.model.evaluate(validation(), verbose=0)
    np.testing.assert_allclose(loss, losses[best], rtol=1e-4)


def test_a_training_that_stopped_goes_on_with_its_own_weights(whole):
    """In another `fit` of the same process: with what the training had, not with the average."""

    class StopAfter(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    steps, average, model = Steps(), AveragedWeights(), build()
    dataset, _ = sequence_dataset(TRAIN.sequences, TRAIN.labels, B, 1)
    how = {"steps_per_epoch": BATCHES, "shuffle": False, "verbose": 0}
    model.fit(dataset, epochs=9, callbacks=[steps, average, StopAfter()], **how)
    rest, _ = sequence_dataset(TRAIN.sequences, TRAIN.labels, B, 1, 2 * BATCHES)
    model.fit(rest, epochs=EPOCHS, initial_epoch=2, callbacks=[steps, average], **how)
    for a, b in zip(whole.steps.raw, steps.raw, strict=True):
        assert_close(a, b)
    assert_close(trained(model), whole.final)


def test_an_optimizer_that_makes_no_average_is_refused():
    model = build()
    model.compile("adam", "binary_crossentropy")
    dataset, batches = sequence_dataset(TRAIN.sequences, TRAIN.labels, B, 1)
    with pytest.raises(ValueError, match="use_ema=True"):
        model.fit(dataset, steps_per_epoch=batches, shuffle=False, callbacks=[AveragedWeights()])


# Killed and resumed


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "unbroken")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kill", "every"),
    [((0, 2), 1e-6), ((2, 4), 1e-6), ((2, 0), 1e9), ((3, "val"), 1e9)],
    ids=["first epoch", "within an epoch", "from an epoch's end", "from the last but one's end"],
)
def test_a_killed_training_comes_to_the_unbroken_end(kill, every, unbroken, tmp_path):
    """From a checkpoint within the epoch, with raw weights, or of its end, with the average."""
    with pytest.raises(Killed):
        train(tmp_path, kill, every)
    assert_same_end(train(tmp_path, every=every), unbroken)


@pytest.mark.slow
def test_a_finished_run_that_is_opened_again_stays_as_it_is(unbroken):
    weights = unbroken[0].get_weights()
    again, _ = train(unbroken[1].path)
    for a, b in zip(again.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_a_stopped_run_that_is_killed_or_opened_again_ends_with_the_same_average(tmp_path):
    whole = train(tmp_path / "whole", epochs=30, patience=2)
    stopped = len(rows(whole[1]))
    assert stopped < 30
    loss = whole[0].evaluate(validation(), verbose=0)
    np.testing.assert_allclose(loss, rows(whole[1])[-1]["val_loss"], rtol=1e-5)
    with pytest.raises(Killed):
        train(tmp_path / "killed", (stopped - 1, 4), epochs=30, patience=2)
    assert_same_end(train(tmp_path / "killed", epochs=30, patience=2), whole)
    assert_same_end(train(tmp_path / "killed", epochs=30, patience=2), whole)  # nothing is trained
