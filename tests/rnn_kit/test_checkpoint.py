"""A training that is killed anywhere comes to the very weights and history of an unbroken one."""

import dataclasses
import io
import os
import shutil
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe_kit.runs import Run
from rnn_kit.callbacks import CarryState, Checkpoint, EarlyStopping, EpochLog, StopOnNaN, Throughput
from rnn_kit.errors import CheckpointError
from rnn_kit.pipelines import stream_dataset
from rnn_kit.text import streams

L = keras.layers
B, V, BATCHES, EPOCHS = 4, 7, 19, 4


@dataclasses.dataclass(frozen=True)
class Settings:
    seed: int = 3


class Killed(Exception):
    pass


class KillAt(keras.callbacks.Callback):
    """Breaks the training off after a batch of an epoch, or as its validation begins ("val")."""

    def __init__(self, epoch, batch, how=Killed):
        super().__init__()
        self.at, self.how = (epoch, batch), how

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.kill(batch)

    def on_test_begin(self, logs=None):
        self.kill("val")

    def kill(self, batch):
        if (self.epoch, batch) == self.at:
            if self.how is Killed:
                raise Killed
            self.how()


def build(policy="float32", metrics=(), units=6, cell=L.SimpleRNN):
    keras.utils.set_random_seed(3)
    keras.config.set_dtype_policy(policy)
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(B, None), dtype="int32"),
            L.Embedding(V, 5),
            cell(units, stateful=True, return_sequences=True, dropout=0.1, recurrent_dropout=0.1),
            L.Dropout(0.5),
            L.Dense(V, dtype="float32"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=list(metrics))
    return model


def train(path, kill=None, every=1e-6, epochs=EPOCHS, patience=2, said=None, more=(), kept=(), **how):
    """One session of a run. Returns the model and the run."""
    if (path / "config.json").exists():
        run = Run.open(path, "r")
        run.resume({})
    else:
        run = Run.create("r", "p", Settings(), path)
    say = (lambda line: None) if said is None else said.append
    checkpoint = Checkpoint(run, every, say)
    ids = np.random.default_rng(0).integers(0, V, B * 5 * BATCHES + 9)
    dataset, batches = stream_dataset(ids, B, 5, 1, checkpoint.first_batch)
    assert batches == BATCHES
    validation = tf.data.Dataset.from_tensor_slices(streams(ids[::-1].copy(), B, 5))
    model = build(**how)
    log = EpochLog(run.append_history, B * 5 * batches)
    stopping = EarlyStopping(patience=patience, restore_best_weights=True)
    killing = [KillAt(*kill)] if kill else []
    callbacks = [CarryState(), log, StopOnNaN(), stopping, *kept, *killing, *more]
    checkpoint.restore(model, [callbacks[0], log, stopping, *kept])
    with checkpoint:
        model.fit(
            dataset,
            steps_per_epoch=batches,
            shuffle=False,
            epochs=epochs,
            initial_epoch=checkpoint.first_epoch(batches, epochs),
            validation_data=validation,
            verbose=0,
            callbacks=[*callbacks, checkpoint],
        )
    return model, run


def rows(run):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in run.history()]


def assert_same_end(one, other):
    for a, b in zip(one[0].get_weights(), other[0].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert rows(one[1]) == rows(other[1])


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "unbroken")


@pytest.mark.slow
@pytest.mark.parametrize(
    "kill", [(0, 0), (0, 3), (0, "val"), (1, 18), (2, 7), (3, 0), (3, "val")], ids=str
)
def test_a_killed_training_comes_to_the_unbroken_end(kill, unbroken, tmp_path):
    with pytest.raises(Killed):
        train(tmp_path, kill)
    assert_same_end(train(tmp_path), unbroken)


@pytest.mark.slow
def test_killed_twice_and_with_checkpoints_at_the_epochs_ends_alone(unbroken, tmp_path):
    for kill in ((0, 5), (2, 3), (2, 4)):
        with pytest.raises(Killed):
            train(tmp_path, kill, every=1e9)
    assert_same_end(train(tmp_path, every=1e9), unbroken)


@pytest.mark.slow
def test_metrics_that_are_made_when_a_step_is_traced_go_on_too(tmp_path):
    """The accuracy of the resumed epoch counts the batches before the kill."""
    how = {"metrics": ["accuracy"], "policy": "mixed_float16", "cell": L.LSTM}
    whole = train(tmp_path / "whole", **how)
    with pytest.raises(Killed):
        train(tmp_path / "killed", (1, 9), **how)
    assert_same_end(train(tmp_path / "killed", **how), whole)
    assert "accuracy" in rows(whole[1])[0]


@pytest.mark.slow
def test_early_stopping_remembers_its_best_and_its_patience(tmp_path):
    """Random targets: validation gets worse after some epochs, and the best weights come back."""
    whole = train(tmp_path / "whole", epochs=30, patience=2)
    stopped = len(rows(whole[1]))
    assert stopped < 30
    with pytest.raises(Killed):
        train(tmp_path / "killed", (stopped - 1, 4), epochs=30, patience=2)
    assert_same_end(train(tmp_path / "killed", epochs=30, patience=2), whole)
    again = train(tmp_path / "killed", epochs=40, patience=2)  # it has stopped: nothing is trained
    assert_same_end(again, whole)


@pytest.mark.slow
def test_a_run_goes_on_for_more_epochs(unbroken, tmp_path):
    train(tmp_path, epochs=2)
    assert_same_end(train(tmp_path, epochs=EPOCHS), unbroken)


@pytest.mark.slow
def test_seconds_go_on_and_count_no_batch_twice(tmp_path):
    with pytest.raises(Killed):
        train(tmp_path, (1, 9))
    before = Run.open(tmp_path, "r").history()[-1]["seconds"]
    _, run = train(tmp_path, epochs=2)
    seconds = [row["seconds"] for row in run.history()]
    assert seconds == sorted(seconds) and seconds[0] == before and seconds[1] > before


@pytest.mark.slow
def test_a_half_cut_checkpoint_is_passed_over_for_the_one_before_it(unbroken, tmp_path):
    with pytest.raises(Killed):
        train(tmp_path, (2, 7))
    newest = sorted((tmp_path / "checkpoints").iterdir())[-1]
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    said = []
    assert_same_end(train(tmp_path, said=said), unbroken)
    assert newest.name in said[0] and "the one before it" in said[0]
    assert said[1] == "Going on after batch 6 of epoch 3."


def test_what_was_written_after_the_checkpoint_is_taken_back(unbroken, tmp_path):
    with pytest.raises(Killed):
        train(tmp_path, (2, 3), every=1e9)
    with open(tmp_path / "history.csv", "a") as file:
        file.write("3,0.1,9,9")  # as if the kill had come in the midst of a row
    (tmp_path / "samples.txt").write_text("a sample of the epoch that was lost")
    _, run = train(tmp_path, every=1e9)
    assert rows(run) == rows(unbroken[1])
    assert not (tmp_path / "samples.txt").exists()


def test_another_model_is_refused(tmp_path):
    with pytest.raises(Killed):
        train(tmp_path, (1, 0))
    with pytest.raises(CheckpointError, match="of another model"):
        train(tmp_path, units=5)


def test_other_versions_are_told(tmp_path, monkeypatch):
    with pytest.raises(Killed):
        train(tmp_path, (1, 0))
    monkeypatch.setattr("rnn_kit.callbacks.checkpoint.versions", lambda: {"python": "4"})
    said = []
    train(tmp_path, said=said, epochs=2)
    assert "other versions" in said[0]


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    ("at", "goes_on"),
    [
        ((1, 7), "batch 8 of epoch 2"),
        pytest.param((1, 18), "after epoch 2", marks=pytest.mark.slow),
        pytest.param((1, "val"), "after epoch 2", marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_ctrl_c_finishes_the_batch_and_loses_nothing(at, goes_on, unbroken, tmp_path):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, (*at, interrupt), every=1e9)
    assert signal.getsignal(signal.SIGINT) is handler
    said = []
    assert_same_end(train(tmp_path, every=1e9, said=said), unbroken)
    assert goes_on in said[0]


def test_a_second_ctrl_c_stops_at_once(tmp_path):
    def twice():
        interrupt()
        interrupt()

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, (0, 2, twice))
    checkpoints = sorted(p.name for p in (tmp_path / "checkpoints").iterdir())
    assert checkpoints == ["checkpoint-00000001.npz", "checkpoint-00000002.npz"]


@pytest.mark.slow
def test_throughput_counts_what_is_trained_on_now(tmp_path, monkeypatch):
    """Of a resumed epoch, the batches from before the kill are not counted again."""
    lines = io.StringIO()
    throughput = Throughput(tokens=19_000, stream=lines)
    monkeypatch.setattr(Throughput, "epoch_seconds", 5.0)
    with pytest.raises(Killed):
        train(tmp_path, (1, 9), epochs=2)
    train(tmp_path, epochs=2, kept=[throughput])
    assert "epoch 2/2" in lines.getvalue()
    assert " 2,000 characters/s" in lines.getvalue()  # 10 of 19 batches, in 5 s


def test_ctrl_c_after_the_last_epoch_is_obeyed_too(unbroken, tmp_path):
    class AtTheEnd(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            interrupt()

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, more=[AtTheEnd()])
    assert_same_end(train(tmp_path), unbroken)


def test_a_resumed_run_without_checkpoints_says_that_it_starts_anew(tmp_path):
    train(tmp_path, epochs=1)
    shutil.rmtree(tmp_path / "checkpoints")
    said = []
    train(tmp_path, epochs=1, said=said)
    assert said == ["There is no checkpoint to go on from: starting from the beginning."]
