"""Checkpoints, from which a killed training resumes as if it had not been interrupted."""

import itertools
import os
import signal
import sys
import threading
import time
import warnings

import keras
import tensorflow as tf
from keras import tree

from rnn_kit.callbacks import callback_state
from rnn_kit.callbacks.executions import end_with_the_epoch, replace_next_execution, train_on
from rnn_kit.callbacks.variables import (
    PERSISTENT,
    TRANSIENT,
    arrays_of,
    assign,
    persistent_variables,
    signature_of,
    transient_variables,
)
from rnn_kit.checkpoint_files import Checkpoints, TimedSessions
from rnn_kit.errors import CheckpointError
from rnn_kit.files import remove_leftovers
from rnn_kit.versions import versions

_FORMAT = 2  # of the notes


class _Folder(TimedSessions):
    """A folder of checkpoints, without log files."""

    def __init__(self, path):
        super().__init__()
        self.checkpoints = Checkpoints(path)
        remove_leftovers(self.checkpoints.folder)
        self.resumed = bool(self.checkpoints.paths())

    def sizes(self):
        return {}

    def truncate_logs(self, sizes):
        pass


class Checkpoint(keras.callbacks.Callback):
    """Writes checkpoints from which a killed training resumes to the same end, bit for bit.

    Keras's `BackupAndRestore` goes back to the end of the last epoch and keeps neither RNN states nor
    the state of other callbacks. Here a checkpoint holds the weights, the optimizer, every seed's
    counter, the RNN states, the sums of the metrics, the state of the other callbacks, and the number
    of the next batch. With the same CPU, versions and number of threads the weights at the end are
    those of an unbroken run, bit for bit. (On a GPU TensorFlow's own sums vary from run to run, unless
    `tf.config.experimental.enable_op_determinism` forbids it.) For a model on several devices a
    checkpoint holds the states of all; the training may resume on another number of devices.

    A checkpoint is written at the end of every epoch, and within it every `every` seconds.

        checkpoint = Checkpoint("checkpoints")
        dataset, batches = stream_dataset(ids, 32, 64, first_batch=checkpoint.first_batch)
        ... build and compile the model ...
        checkpoint.fit(model, dataset, batches, 16, [CarryState(), log, early_stopping])

    The dataset starts at `first_batch` and continues over the epochs (`rnn_kit.pipelines`). If the
    N of `compile(steps_per_execution=N)` does not divide an epoch, its last execution is shorter.

    For a callback the checkpoint holds the result of its `get_state`; it knows the state of Keras's
    `EarlyStopping`, `ReduceLROnPlateau`, `ModelCheckpoint` and `SwapEMAWeights`. A warning names any
    other callback whose attributes change in training. In a resumed epoch, callbacks are not called
    for the batches that were trained on before.

    On Ctrl-C the current batch is finished (between epochs, validation and samples are), a checkpoint
    is written, and then `fit` raises `KeyboardInterrupt`. A second Ctrl-C stops at once. `fit` consists
    of these steps, which can be called one by one:

        callbacks = [CarryState(), log, early_stopping]
        checkpoint.restore(model, callbacks)
        with checkpoint:  # for Ctrl-C
            model.fit(dataset, steps_per_epoch=batches, epochs=16, shuffle=False,
                      initial_epoch=checkpoint.first_epoch(batches, 16),
                      callbacks=[*callbacks, checkpoint])

    It must be the last callback, because it saves the others' state.

    Args:
        run: The folder of the checkpoints, as a string or a path; or an object that has `checkpoints`
            (`rnn_kit.checkpoint_files.Checkpoints`), `seconds` (how long the training has taken, set
            on resuming), `resumed` (whether it resumes) and, for log files, which grow in training,
            `sizes()` and `truncate_logs(sizes)`, which removes what was appended to them since.
        every: Seconds between checkpoints within an epoch. Default: 120.
        say: Called with a line on where the training resumes. Default: `print`.

    Attributes:
        first_batch: The number of the next batch, counted over all epochs: 0 in a new run, and that of
            the latest checkpoint in a resumed one.
        stopped: Whether the training was stopped early, so that nothing is left to train.

    Raises:
        CheckpointError: if there are checkpoints and none of them can be read.
    """

    def __init__(self, run, every=120.0, say=print):
        super().__init__()
        self.run = _Folder(run) if isinstance(run, (str, os.PathLike)) else run
        self.every = every
        self.say = say
        self.callbacks = []
        self._interrupted = False
        self._muted = []  # (callback, its own hooks) of those muted at present
        self._signature = None
        self._load()

    def _load(self):
        self.first_batch, self.stopped = 0, False
        self._restored = self.run.checkpoints.load(self.say)  # until the first epoch has begun with it
        self._is_fresh = True  # until a training has begun with it
        if self._restored:
            _, notes = self._restored
            if notes.get("format") != _FORMAT:
                raise CheckpointError(
                    f"The checkpoints in {self.run.checkpoints.folder} are of another version of "
                    "rnn_kit, which kept other things. Start anew in another folder."
                )
            self.first_batch = notes["epoch"] * notes["batches"] + notes["batch"]
            self.stopped = notes["stopped"]

    # --- resuming ---------------------------------------------------------------------------------

    def fit(self, model, dataset, batches, epochs, callbacks=(), **kwargs):
        """Runs `model.fit` from the latest checkpoint, or from the beginning, and writes checkpoints.

        Args:
            model: A built and compiled model.
            dataset: An endless dataset, from batch `first_batch` on.
            batches: The number of batches of an epoch.
            epochs: The number of epochs in all.
            callbacks: Their state is restored too: see `restore`.
            **kwargs: Arguments of `model.fit`, such as `validation_data`. Default: `verbose=0`, because
                `Throughput` prints the progress.

        Returns:
            What `model.fit` returns.

        Raises:
            CheckpointError, ValueError: as `restore`.
            KeyboardInterrupt: after Ctrl-C, once the checkpoint is written.
        """
        callbacks = tree.flatten(list(callbacks))
        self.restore(model, callbacks)
        with self:
            return model.fit(
                dataset,
                steps_per_epoch=batches,
                shuffle=False,
                epochs=epochs,
                initial_epoch=self.first_epoch(batches, epochs),
                callbacks=[*callbacks, self],
                **{"verbose": 0, **kwargs},
            )

    def restore(self, model, callbacks=()):
        """Restores a compiled model and the run's log files as they were at the latest checkpoint.

        Args:
            model: A built and compiled model.
            callbacks: Those of `fit`, in their order. The state of a callback of your own is saved if
                it has `get_state() -> (notes, arrays)`, a dict for JSON and a list of arrays, and
                `set_state(notes, arrays)`, which is called when `fit` begins, and once more when an
                epoch resumes in its middle. Callbacks are matched by class.

        Raises:
            CheckpointError: if the checkpoint is of another model.
            ValueError: if the model is not built or not compiled, or for `BackupAndRestore`, which
                restores the training too.
        """
        _check(model, callbacks)
        self._unmute()
        self.callbacks = list(callbacks)
        if not self._is_fresh:
            self._load()
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
        self._signature = signature_of(model)
        if self._restored is None:
            if self.run.resumed:
                self.say("There is no checkpoint to go on from: starting from the beginning.")
            self.run.truncate_logs({})
            return
        arrays, notes = self._restored
        if notes["variables"] != self._signature:
            raise CheckpointError(
                f"The checkpoints in {self.run.checkpoints.folder} are of another model than these "
                "settings make. Start anew in another folder."
            )
        assign(model, persistent_variables(model), arrays, PERSISTENT)
        self.run.truncate_logs(notes["sizes"])
        self.run.seconds = notes["seconds"]
        if notes["versions"] != versions():
            self.say(
                "The checkpoint was written with other versions of Python, TensorFlow, Keras, NumPy or "
                "rnn_kit: the last digits may come out otherwise than in an unbroken run."
            )
        place = f"batch {notes['batch']:,} of " if notes["batch"] else ""
        for name, callback in zip(self._names(), self.callbacks, strict=True):
            if name not in notes["names"] and callback_state.has_state(callback):
                self.say(
                    f"The checkpoint knows nothing of {name.rpartition(' ')[0]}, which begins anew."
                )
        self.say(f"Going on after {place}epoch {notes['epoch'] + bool(place)}.")

    def first_epoch(self, batches, epochs):
        """Returns the `initial_epoch` of `fit`; `epochs`, if the run was stopped early."""
        return epochs if self.stopped else self.first_batch // batches

    def on_train_begin(self, logs=None):
        self._is_fresh, self._saved = False, time.perf_counter()
        # Batches of the epoch that are trained on; arrays of the transient variables that are still to
        # be restored; batches that were taken from the dataset and not trained on.
        self._done, self._transient, self._taken = 0, None, []
        steps = self.params.get("steps")
        if not steps:
            raise ValueError(
                "Checkpoint must know how many batches an epoch has. Give steps_per_epoch to `fit`."
            )
        if self._restored:
            if (before := self._restored[1]["batches"]) != steps:
                raise CheckpointError(
                    f"An epoch has {steps:,} batches, and it had {before:,} when the checkpoints in "
                    f"{self.run.checkpoints.folder} were written. Go on with the same data and batch "
                    "size, or start anew in another folder."
                )
            self._restore_callbacks(*self._restored)
        self._fingerprints = [callback_state.fingerprint(c) for c in self.callbacks]

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch, self._done = epoch, 0
        if not self._restored:
            return
        (arrays, notes), self._restored = self._restored, None
        if epoch != notes["epoch"]:
            raise ValueError(
                f"`fit` begins with epoch {epoch + 1}, and the checkpoint goes on with epoch "
                f"{notes['epoch'] + 1}. Give initial_epoch=checkpoint.first_epoch(batches, epochs)."
            )
        if not notes["batch"]:
            return
        # At the epoch's begin the other callbacks repeated what the checkpoint already holds, such as a
        # schedule's change of the learning rate.
        assign(self.model, persistent_variables(self.model), arrays, PERSISTENT)
        self._restore_callbacks(arrays, notes)
        self._done, self._transient = notes["batch"], arrays
        if self._is_behind(0):
            self._mute()

    def on_train_batch_begin(self, batch, logs=None):
        """Makes `fit` count the batches that were trained on before, without training on them again."""
        if self._is_behind(batch):
            replace_next_execution(self.model, self._skip)
        elif self._done > batch or self._transient is not None or self._taken:
            replace_next_execution(
                self.model, lambda train, iterator: self._train_rest(train, iterator, batch)
            )
        else:
            end_with_the_epoch(self.model, batch, self.params["steps"])

    def on_train_end(self, logs=None):
        self._restored = None

    def _is_behind(self, batch):
        """Returns whether all batches of the execution from this one on were trained on before."""
        return self._end(batch) <= self._done

    def _end(self, batch):
        return min(batch + self.model.steps_per_execution, self.params["steps"])

    def _skip(self, train, iterator):
        self._restore_transient(train, iterator)
        logs = {}
        for metric in self.model.metrics:
            if metric.variables:  # that of `compile(metrics=[])` has none, and no result
                result = metric.result()
                logs |= result if isinstance(result, dict) else {metric.name: result}
        return logs

    def _train_rest(self, train, iterator, batch):
        self._restore_transient(train, iterator)
        taken, self._taken = self._taken, []
        rest = self._end(batch) - max(batch, self._done)
        if not taken and rest == self.model.steps_per_execution:
            return train(iterator)
        return train_on(train, itertools.chain(taken, iterator), rest)

    def _restore_transient(self, train, iterator):
        """Restores RNN states and metrics, which CarryState and `fit` have reset by now."""
        if self._transient is None:
            return
        arrays, self._transient = self._transient, None
        saved = sum(name.startswith(f"{TRANSIENT}/") for name in arrays)
        if len(transient_variables(self.model)) != saved:
            self._build_metrics(train, iterator, arrays)
        if len(transient_variables(self.model)) != saved:
            raise CheckpointError(
                f"The checkpoints in {self.run.checkpoints.folder} are of a model with other metrics. "
                "Start anew in another folder."
            )
        assign(self.model, transient_variables(self.model), arrays, TRANSIENT)

    def _build_metrics(self, train, iterator, arrays):
        """Makes the metrics create their variables, which they do in a model's first step."""
        model = self.model
        if model.run_eagerly:  # a user's own step may be untraceable
            self._taken = [next(iterator)]
            train(iter(self._taken))
            assign(model, persistent_variables(model), arrays, PERSISTENT)
        else:

            def step(data):
                return model.distribute_strategy.run(model.train_step, args=(data,))

            tf.function(step).get_concrete_function(iterator.element_spec)

    def _names(self):
        return callback_state.unique_names(self.callbacks)

    def _restore_callbacks(self, arrays, notes):
        for name, callback in zip(self._names(), self.callbacks, strict=True):
            if name not in notes["names"]:
                continue
            index = notes["names"].index(name)
            mine = [arrays[f"callback{index}/{n}"] for n in range(notes["arrays"][index])]
            callback_state.set_state(callback, notes["callbacks"][index], mine)

    def _mute(self):
        hooks = ("on_train_batch_begin", "on_train_batch_end")
        for callback in self.callbacks:
            self._muted.append((callback, {h: vars(callback)[h] for h in hooks if h in vars(callback)}))
            for hook in hooks:
                setattr(callback, hook, lambda batch, logs=None: None)

    def _unmute(self):
        while self._muted:
            callback, own = self._muted.pop()
            del callback.on_train_batch_begin, callback.on_train_batch_end
            vars(callback).update(own)

    # --- writing ----------------------------------------------------------------------------------

    def on_train_batch_end(self, batch, logs=None):
        done = min(batch + 1, self.params["steps"])
        if done <= self._done:
            if not self._is_behind(done):
                self._unmute()
            return
        if done == self.params["steps"]:
            return  # validation comes next, and then the end of the epoch
        if self._interrupted or time.perf_counter() - self._saved >= self.every:
            self._save(self._epoch, done)

    def on_epoch_end(self, epoch, logs=None):
        self._save(epoch + 1, 0)

    def _save(self, epoch, batch):
        signature = signature_of(self.model)
        if self._signature not in (None, signature):
            raise ValueError(
                f"Model '{self.model.name}' has made weights while it was trained, and a resumed run "
                f"would have no place for them. {_HOW_TO_BUILD}"
            )
        self._warn()
        arrays = arrays_of(self.model, persistent_variables(self.model), PERSISTENT)
        arrays |= arrays_of(self.model, transient_variables(self.model), TRANSIENT)
        states = [callback_state.get_state(callback) for callback in self.callbacks]
        for index, (_, mine) in enumerate(states):
            arrays |= {f"callback{index}/{n}": array for n, array in enumerate(mine)}
        notes = {
            "format": _FORMAT,
            "epoch": epoch,
            "batch": batch,
            "batches": self.params["steps"],
            "stopped": bool(self.model.stop_training),
            "seconds": self.run.seconds,
            "sizes": self.run.sizes(),
            "variables": signature,
            "names": self._names(),
            "callbacks": [notes for notes, _ in states],
            "arrays": [len(mine) for _, mine in states],
            "versions": versions(),
        }
        number = epoch * self.params["steps"] + batch
        self.run.checkpoints.save(number, arrays, notes)
        self.first_batch, self.stopped = number, notes["stopped"]
        self._saved = time.perf_counter()
        if self._interrupted:
            raise KeyboardInterrupt

    def _warn(self):
        """Warns, once, of each callback whose state is not saved."""
        for index, callback in enumerate(self.callbacks):
            before = self._fingerprints[index]
            if before is not None and (lost := callback_state.unsaved_changes(callback, before)):
                self._fingerprints[index] = None
                warnings.warn(
                    f"Checkpoint does not keep what {type(callback).__name__} remembers "
                    f"({', '.join(lost)}): in a resumed run it begins anew. Give it get_state and "
                    "set_state: see rnn_kit.callbacks.Checkpoint.restore.",
                    stacklevel=2,
                )

    # --- Ctrl-C -----------------------------------------------------------------------------------

    def __enter__(self):
        self._interrupted, self._handler = False, None
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, kind, *_):
        self._unmute()
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
        if self._interrupted and kind is None:  # after the last epoch, whose checkpoint is there
            raise KeyboardInterrupt

    def _interrupt(self, number, frame):
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True
        sys.stderr.write("\nInterrupted: writing a checkpoint (Ctrl-C again stops at once)\n")


_HOW_TO_BUILD = "Give it an Input, or call it once on a batch, before Checkpoint."


def _check(model, callbacks):
    if not model.compiled or model.optimizer is None:
        raise ValueError(
            f"Model '{model.name}' is not compiled. Call compile with an optimizer before Checkpoint."
        )
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' is not built: it has no weights yet that could be restored or known "
            f"again. {_HOW_TO_BUILD}"
        )
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.BackupAndRestore):
            raise ValueError(
                "BackupAndRestore restores the training as Checkpoint does, from another moment of it. "
                "Leave one of the two out."
            )
