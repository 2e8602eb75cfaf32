"""Resumed runs end as unbroken ones: several steps an execution, Keras's callbacks, eager steps."""

import dataclasses
import itertools
import shutil
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe_kit.runs import Run
from rnn_kit.callbacks import CarryState, Checkpoint, EarlyStopping, EpochLog, StopOnNaN
from rnn_kit.errors import CheckpointError
from rnn_kit.pipelines import stream_dataset

L, C = keras.layers, keras.callbacks
B, T, V, STEPS, EPOCHS = 2, 3, 5, 5, 3
IDS = np.random.default_rng(0).integers(0, V, B * T * STEPS + 4)
X, Y = (np.random.default_rng(1).integers(0, V, (2, B, T)) for _ in range(2))


@dataclasses.dataclass(frozen=True)
class Settings:
    seed: int = 3


class Killed(Exception):
    pass


class KillAt(C.Callback):
    """Breaks `fit` off after so many executions and epochs' ends."""

    def __init__(self, moment):
        super().__init__()
        self.left = moment

    def on_train_batch_end(self, batch, logs=None):
        self.count()

    def on_epoch_end(self, epoch, logs=None):
        self.count()

    def count(self):
        self.left -= 1
        if self.left < 0:
            raise Killed


class Model(keras.Sequential):
    """Notes what happens in its steps; each is traced once, or run by Python each time."""

    eager = ()

    def train_step(self, data):
        self.eager = (*self.eager, tf.executing_eagerly())
        return super().train_step(data)


def build(optimizer=None, **how):
    keras.utils.set_random_seed(3)
    model = Model(
        [
            keras.Input(batch_shape=(B, None), dtype="int32"),
            L.Embedding(V, 3),
            L.SimpleRNN(
                4,
                recurrent_initializer="glorot_uniform",  # Keras's own is not made in bfloat16
                stateful=True,
                return_sequences=True,
                dropout=0.2,
            ),
            L.Dense(V, dtype="float32"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer or keras.optimizers.Adam(0.05), loss, **{"metrics": ["accuracy"], **how})
    return model


def train(path, callbacks=lambda path: [], kill=None, epochs=EPOCHS, said=None, keep=2, **how):
    """One session of a run. Returns the model, the batches it saw and the run."""
    new = not (path / "config.json").exists()
    run = Run.create("r", "p", Settings(), path) if new else Run.open(path, "r")
    run.checkpoints.keep = keep
    checkpoint = Checkpoint(run, 0.0, [].append if said is None else said.append)
    dataset, steps = stream_dataset(IDS, B, T, 1, checkpoint.first_batch)
    assert steps == STEPS
    model = build(**how)
    log = EpochLog(run.append_history, B * T * STEPS)
    kept = [CarryState(), log, StopOnNaN(), *callbacks(path)]
    kept += [] if kill is None else [KillAt(kill)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Checkpoint does not keep what KillAt")
        checkpoint.fit(
            model, dataset, steps, epochs, kept, validation_data=(X[0], Y[0]), batch_size=None
        )
    return model, run


def rows(run):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in run.history()]


def end_of(model, run):
    """All that must be the same, bit for bit."""
    variables = [*model.variables, *model.optimizer.variables]
    return [np.asarray(v).tobytes() for v in variables], rows(run)


@pytest.mark.slow
@pytest.mark.parametrize("executions", [2, 8])
def test_an_epoch_has_its_steps_whatever_an_execution_has(executions, tmp_path):
    """On an endless dataset Keras alone runs 6 of 5 with 2 an execution, and 8 with 8."""
    model, run = train(tmp_path / "run", steps_per_execution=executions)
    assert int(model.optimizer.iterations) == EPOCHS * STEPS
    assert [row["tokens"] for row in rows(run)] == [B * T * STEPS * n for n in (1, 2, 3)]
    one, its_run = train(tmp_path / "one")
    for a, b in zip(model.get_weights(), one.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    for a, b in zip(rows(run), rows(its_run), strict=True):
        assert a == pytest.approx(b, rel=1e-4)


@pytest.mark.slow
def test_carried_states_end_with_the_epoch_without_a_checkpoint_too():
    def trained(executions):
        model = build(steps_per_execution=executions)
        dataset, steps = stream_dataset(IDS, B, T, 1)
        how = {"steps_per_epoch": steps, "epochs": 2, "shuffle": False, "verbose": 0}
        model.fit(dataset, callbacks=[CarryState()], **how)
        return model

    one, two = trained(1), trained(2)
    assert int(two.optimizer.iterations) == int(one.optimizer.iterations) == 2 * STEPS
    for a, b in zip(two.get_weights(), one.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """`unbroken(executions)`: folder and end of a run that nothing broke off, with every checkpoint."""
    ends = {}

    def end(executions):
        if executions not in ends:
            path = tmp_path_factory.mktemp("unbroken") / "run"
            ends[executions] = path, end_of(*train(path, keep=99, steps_per_execution=executions))
        return ends[executions]

    return end


def as_it_was(whole, path, number):
    """The folder of a run as it was when it had come to a checkpoint, and was killed."""
    shutil.copytree(whole, path)
    checkpoints = sorted((path / "checkpoints").iterdir())
    for later in checkpoints[number + 1 :]:
        later.unlink()
    return len(checkpoints)


# After each execution and each epoch's end: 3 or 2 executions an epoch, in 3 epochs.
MOMENTS = [(n, m) for n, count in ((2, 3), (3, 2)) for m in range(EPOCHS * count)]


@pytest.mark.slow
@pytest.mark.parametrize(("executions", "moment"), MOMENTS)
def test_killed_anywhere_with_several_steps_an_execution(executions, moment, unbroken, tmp_path):
    whole, end = unbroken(executions)
    count = as_it_was(whole, tmp_path / "run", moment)
    assert count == len([m for n, m in MOMENTS if n == executions])
    assert end_of(*train(tmp_path / "run", steps_per_execution=executions)) == end


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 3), (3, 1)])
def test_a_run_goes_on_with_another_number_of_steps_an_execution(before, after, unbroken, tmp_path):
    """From amid what is one execution now: only the rest of it is trained on."""
    path = tmp_path / "run"
    as_it_was(unbroken(before)[0], path, 2 if before == 1 else 0)
    model, run = train(path, steps_per_execution=after)
    assert int(model.optimizer.iterations) == EPOCHS * STEPS
    for a, b in zip(rows(run), unbroken(after)[1][1], strict=True):
        assert a == pytest.approx(b, rel=1e-4)


def own_schedule(epoch, rate):
    return rate * 0.5


def averaging():
    return keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.6)


def low(kind):
    """One that acts early: the validation loss of random ids gets no better."""
    return {
        "ReduceLROnPlateau": lambda _: [
            C.ReduceLROnPlateau(patience=2, factor=0.5, cooldown=1, min_delta=9)
        ],
        "EarlyStopping": lambda _: [
            C.EarlyStopping("val_loss", patience=3, mode="max", restore_best_weights=True, min_delta=9)
        ],
        "LearningRateScheduler": lambda _: [C.LearningRateScheduler(own_schedule)],
        "SwapEMAWeights": lambda _: [C.SwapEMAWeights()],
        "SwapEMAWeights on epochs": lambda _: [C.SwapEMAWeights(swap_on_epoch=True)],
        "ModelCheckpoint": lambda path: [
            C.ModelCheckpoint(
                path / "best.weights.h5", "loss", save_best_only=True, save_weights_only=True
            )
        ],
        "ModelCheckpoint, every 3 batches": lambda path: [
            C.ModelCheckpoint(path / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=3)
        ],
        "TerminateOnNaN": lambda _: [C.TerminateOnNaN()],
        "LambdaCallback": lambda _: [C.LambdaCallback(on_epoch_end=lambda epoch, logs: None)],
    }[kind]


KINDS = [
    "ReduceLROnPlateau", "EarlyStopping", "LearningRateScheduler", "SwapEMAWeights",
    "SwapEMAWeights on epochs", "ModelCheckpoint", "ModelCheckpoint, every 3 batches",
    "TerminateOnNaN", "LambdaCallback",
]  # fmt: skip


def files_of(run):
    """The weights that Keras's callback has saved."""
    found = {}
    for path in sorted(run.path.glob("*.weights.h5")):
        model = build()
        model.load_weights(path)
        found[path.name] = [w.tobytes() for w in model.get_weights()]
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """`whole(kind)`: folder and end of a run with one of Keras's callbacks that nothing broke off."""
    ends = {}

    def end(kind):
        if kind not in ends:
            path = tmp_path_factory.mktemp("whole") / "run"
            ends[kind] = path, with_keras(kind, path, keep=99)
        return ends[kind]

    return end


def with_keras(kind, path, **how):
    optimizer = averaging() if "EMA" in kind else None
    model, run = train(path, low(kind), epochs=5, optimizer=optimizer, **how)
    return end_of(model, run), files_of(run), float(model.optimizer.learning_rate), len(rows(run))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_keras_callbacks_go_on_as_if_nothing_had_been(kind, whole, tmp_path):
    """From within the third epoch, where patience has run for one."""
    folder, end = whole(kind)
    if "ModelCheckpoint" in kind:  # whose files must be those of the moment
        with pytest.raises(Killed):
            with_keras(kind, tmp_path / "run", kill=2 * (STEPS + 1) + 2)
    else:
        as_it_was(folder, tmp_path / "run", 2 * STEPS + 1)
    assert with_keras(kind, tmp_path / "run") == end


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ReduceLROnPlateau", "SwapEMAWeights on epochs"])
def test_keras_callbacks_go_on_from_an_epochs_end(kind, whole, tmp_path):
    folder, end = whole(kind)
    as_it_was(folder, tmp_path / "run", 2 * STEPS - 1)
    assert with_keras(kind, tmp_path / "run") == end


@pytest.mark.slow
def test_those_of_the_test_above_have_done_something(whole):
    assert whole("ReduceLROnPlateau")[1][2] < 0.05 * 0.6
    assert whole("EarlyStopping")[1][3] == 4
    assert whole("LearningRateScheduler")[1][2] == pytest.approx(0.05 * 0.5**5)
    assert len(whole("ModelCheckpoint")[1][1]) == 1
    assert set(whole("ModelCheckpoint, every 3 batches")[1][1]) >= {"1-3.weights.h5", "2-1.weights.h5"}


def test_backup_and_restore_is_refused(tmp_path):
    with pytest.raises(ValueError, match="BackupAndRestore restores the training as Checkpoint does"):
        train(tmp_path / "run", lambda path: [C.BackupAndRestore(path / "backup")])


class Remembers(C.Callback):
    """Lowers the learning rate by a count of its own, which it does not hand out."""

    def __init__(self):
        super().__init__()
        self.patience, self.waited = 2, 0

    def on_epoch_end(self, epoch, logs=None):
        self.waited += 1
        self.model.optimizer.learning_rate = 0.05 / (1 + self.waited)


class HandsOut(Remembers):
    def get_state(self):
        return {"waited": np.int64(self.waited)}, []

    def set_state(self, notes, arrays):
        self.waited = notes["waited"]


def test_a_callback_whose_memory_is_lost_is_named(tmp_path):
    with pytest.warns(
        UserWarning, match=r"does not keep what Remembers remembers \(waited\)"
    ) as warned:
        train(tmp_path / "run", lambda _: [Remembers()])
    assert len([w for w in warned if "Remembers" in str(w.message)]) == 1


@pytest.mark.slow
def test_a_callback_that_hands_its_memory_out_goes_on_without_a_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Checkpoint does not keep what HandsOut")
        whole = end_of(*train(tmp_path / "whole", lambda _: [HandsOut()]))
        with pytest.raises(Killed):
            train(tmp_path / "run", lambda _: [HandsOut()], kill=14)
        assert end_of(*train(tmp_path / "run", lambda _: [HandsOut()])) == whole


@pytest.mark.slow
def test_memories_are_known_by_their_callbacks_and_not_by_their_places(tmp_path):
    path, said = tmp_path / "run", []

    def one(_):
        return [EarlyStopping("loss", patience=9)]

    def two(_):
        return [C.ReduceLROnPlateau(patience=9), EarlyStopping("loss", patience=9)]

    whole = end_of(*train(tmp_path / "whole", one))
    with pytest.raises(Killed):
        train(path, one, kill=8)
    # Beside another callback, which has no memory yet and changes nothing here.
    model, run = train(path, two, said=said)
    assert end_of(model, run)[0] == whole[0]
    assert any("knows nothing of ReduceLROnPlateau" in line for line in said)


class Sees(C.Callback):
    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        self.begun = batch

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append((self.epoch, self.begun, batch))

    def get_state(self):
        return {}, []

    def set_state(self, notes, arrays):
        pass


@pytest.mark.slow
def test_callbacks_see_each_batch_once(tmp_path):
    """Of a resumed epoch they do not see the batches from before the kill."""
    seen, path = [], tmp_path / "run"
    with pytest.raises(Killed):
        train(path, lambda _: [Sees(seen)], kill=7)  # after batch 2 of the second epoch, not yet saved
    train(path, lambda _: [Sees(seen)])
    everything = [(epoch, batch, batch) for epoch in range(EPOCHS) for batch in range(STEPS)]
    again = seen[7:]
    assert seen[:7] == everything[:7] and again == everything[-len(again) :] and len(again) == 9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("executions", "metrics"),
    [(1, ["accuracy"]), (2, [])],
    ids=["sums to be made", "no sums, several steps an execution"],
)
def test_an_eager_run_is_never_traced(executions, metrics, tmp_path):
    how = {"run_eagerly": True, "metrics": metrics, "steps_per_execution": executions}
    whole = end_of(*train(tmp_path / "whole", **how))
    with pytest.raises(Killed):
        train(tmp_path / "run", kill=7 if executions == 1 else 5, **how)
    model, run = train(tmp_path / "run", **how)
    assert end_of(model, run) == whole
    assert all(model.eager)
    left = int(model.optimizer.iterations) - len(model.eager)
    assert 0 < left < EPOCHS * STEPS  # those of the first session


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "stopping"),
    [
        (np.float32(0.5), EarlyStopping),
        (np.array(0.5), C.EarlyStopping),
        (tf.constant(0.5), EarlyStopping),
    ],
)
def test_logs_may_hold_the_numbers_of_numpy_and_tensors(number, stopping, tmp_path):
    class Judge(C.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["judged"] = number + epoch  # gets worse from the first epoch on

    def callbacks(path):
        return [Judge(), stopping("judged", patience=2, mode="min", restore_best_weights=True)]

    whole = end_of(*train(tmp_path / "whole", callbacks, epochs=5))
    assert len(whole[1]) == 3
    with pytest.raises(Killed):
        train(tmp_path / "run", callbacks, epochs=5, kill=13)
    # EpochLog stands in front of the judge, so that its rows are those without it.
    assert end_of(*train(tmp_path / "run", callbacks, epochs=5)) == whole


@pytest.mark.slow
def test_what_is_not_for_json_names_the_callback(tmp_path):
    class Odd(HandsOut):
        def get_state(self):
            return {"seen": {1, 2}}, []

    with pytest.raises(ValueError, match=r"The state of Odd\['seen'\] is \{1, 2\} of type set"):
        train(tmp_path / "run", lambda _: [Odd()])


class Late(keras.Model):
    """Has no weights before it is called."""

    def __init__(self):
        super().__init__(name="late")
        self.words, self.out = L.Embedding(V, 3), L.Dense(V)

    def call(self, x):
        return self.out(self.words(x))


@pytest.mark.parametrize(
    "make", [Late, lambda: keras.Sequential([L.Embedding(V, 3), L.Dense(V)], name="late")]
)
def test_a_model_that_is_not_built_is_one_clear_error(make, tmp_path):
    model, checkpoint = make(), Checkpoint(Run.create("r", "p", Settings(), tmp_path / "run"))
    with pytest.raises(ValueError, match=r"'late' is not compiled\. Call compile"):
        checkpoint.restore(model)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(ValueError, match=r"'late' is not built.*Give it an Input, or call it once"):
        checkpoint.fit(model, stream_dataset(IDS, B, T)[0], STEPS, 1)
    model(X[0])
    checkpoint.fit(model, stream_dataset(IDS, B, T)[0], STEPS, 1)


def test_an_epoch_of_another_length_is_refused(tmp_path):
    train(tmp_path / "run", epochs=1)
    checkpoint = Checkpoint(Run.open(tmp_path / "run", "r"), say=[].append)
    with pytest.raises(CheckpointError, match="An epoch has 4 batches, and it had 5"):
        checkpoint.fit(build(), stream_dataset(IDS, B, T)[0], 4, 2, [CarryState()])


def test_a_fit_that_begins_elsewhere_than_its_checkpoint_is_refused(tmp_path):
    train(tmp_path / "run", epochs=1)
    checkpoint, model = Checkpoint(Run.open(tmp_path / "run", "r"), say=[].append), build()
    checkpoint.restore(model)
    with pytest.raises(
        ValueError, match=r"begins with epoch 1, .*goes on with epoch 2\. Give initial_ep"
    ):
        model.fit(
            stream_dataset(IDS, B, T)[0], steps_per_epoch=STEPS, callbacks=[checkpoint], verbose=0
        )


@pytest.mark.slow
def test_a_run_of_the_bfloat16_policy_goes_on(tmp_path):
    keras.config.set_dtype_policy("bfloat16")
    whole = end_of(*train(tmp_path / "whole"))
    with pytest.raises(Killed):
        train(tmp_path / "run", kill=7)
    assert end_of(*train(tmp_path / "run")) == whole


@pytest.mark.slow
def test_a_checkpoint_that_is_used_again_goes_on_from_where_the_run_is(tmp_path):
    """In the same process: with the same model for more epochs, or with another model."""
    whole = end_of(*train(tmp_path / "whole"))
    run = Run.create("r", "p", Settings(), tmp_path / "run")
    checkpoint = Checkpoint(run, say=[].append)
    log = EpochLog(run.append_history, B * T * STEPS)
    validation = {"validation_data": (X[0], Y[0]), "batch_size": None}
    for model, epochs in ((first := build(), 1), (first, 2), (last := build(), 3)):
        dataset, steps = stream_dataset(IDS, B, T, 1, checkpoint.first_batch)
        checkpoint.fit(model, dataset, steps, epochs, [CarryState(), log, StopOnNaN()], **validation)
        assert checkpoint.first_batch == epochs * STEPS
    assert end_of(last, run) == whole
    seconds = [row["seconds"] for row in run.history()]
    assert all(a < b for a, b in itertools.pairwise(seconds))
