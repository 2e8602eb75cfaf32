"""Training that can be killed at any moment and goes on as if nothing had been."""

import signal
import sys
import threading
import time

import keras
import tensorflow as tf

from rnn_kit.callbacks.carry_state import carried_states, stateful_layers
from rnn_kit.distribution import assign_whole, whole
from rnn_kit.runs import RunError, versions


class Checkpoint(keras.callbacks.Callback):
    """Checkpoints from which a killed training goes on to the very end that it would have had.

    Keras's `BackupAndRestore` goes back to the last epoch's end and keeps neither RNN states nor the
    memory of other callbacks. Here a checkpoint holds the weights, the optimizer, every seed's counter,
    the RNN states, the sums of the metrics, what the other callbacks remember, and the number of the
    next batch: bit for bit what the unbroken run has there. With the same CPU, versions and number of
    threads the weights at the end are therefore the same, bit for bit. (On a GPU TensorFlow's own sums
    vary from run to run, unless `tf.config.experimental.enable_op_determinism` forbids it.) Of a model
    on several devices it holds the states of all, and goes on on another number of them.

    One is written at the end of every epoch, and within it whenever `every` seconds have gone by.

        checkpoint = Checkpoint(run)
        dataset, batches = stream_dataset(ids, 32, 64, first_batch=checkpoint.first_batch)
        ... build and compile the model ...
        checkpoint.fit(model, dataset, batches, 16, [CarryState(), log, early_stopping])

    The dataset starts at `first_batch` and goes on over the epochs (`rnn_kit.pipelines`).

    On Ctrl-C the batch that runs is finished (or validation and samples, if it comes between epochs),
    a checkpoint is written, and then `fit` raises `KeyboardInterrupt`. A second Ctrl-C is obeyed at
    once. `fit` is these three, which can be called one by one:

        checkpoint.restore(model, [log, early_stopping])
        with checkpoint:  # for Ctrl-C
            model.fit(dataset, steps_per_epoch=batches, epochs=16, shuffle=False,
                      initial_epoch=checkpoint.first_epoch(batches, 16),
                      callbacks=[CarryState(), log, early_stopping, checkpoint])

    It comes last among the callbacks, for it writes what they have made of the epoch.

    Args:
        run: The `rnn_kit.runs.Run` whose checkpoints they are.
        every: Seconds between checkpoints within an epoch. Default: 120.
        say: Called with a line on what goes on from where. Default: print it.

    Attributes:
        first_batch: The number of the batch to go on with, counted over all epochs; 0 in a new run.
        stopped: Whether the training was stopped early, and there is nothing to go on with.

    Raises:
        RunError: if there are checkpoints and none of them can be read.
    """

    def __init__(self, run, every=120.0, say=print):
        super().__init__()
        self.run = run
        self.every = every
        self.say = say
        self.callbacks = []
        self._interrupted = False
        self.first_batch, self.stopped = 0, False
        self._restored = run.checkpoints.load(say)  # until the first epoch has begun with it
        if self._restored:
            _, notes = self._restored
            self.first_batch = notes["epoch"] * notes["batches"] + notes["batch"]
            self.stopped = notes["stopped"]

    # --- going on ---------------------------------------------------------------------------------

    def fit(self, model, dataset, batches, epochs, callbacks=(), **kwargs):
        """`model.fit` from the latest checkpoint on, or from the beginning, and with checkpoints.

        Args:
            model: Compiled.
            dataset: Endless, from batch `first_batch` on.
            batches: Of an epoch.
            epochs: In all.
            callbacks: Those that have `get_state` are restored too: see `restore`.
            **kwargs: Of `model.fit`, such as `validation_data`. It writes nothing (`verbose=0`) unless
                it is told to: `Throughput` does.

        Returns:
            What `model.fit` returns.

        Raises:
            RunError: if the checkpoint is of another model.
            KeyboardInterrupt: after Ctrl-C, when the checkpoint is written.
        """
        self.restore(model, [c for c in callbacks if hasattr(c, "get_state")])
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
        """Puts a compiled model, and the run's files that grow, where the latest checkpoint left them.

        Args:
            model: Compiled.
            callbacks: Those whose memory is kept, restored when `fit` begins. They have
                `get_state() -> (notes, arrays)`, a dict for JSON and a list of arrays, and
                `set_state(notes, arrays)`: `EpochLog`, `EarlyStopping` and `SampleText` of this
                package, or your own.

        Raises:
            RunError: if the checkpoint is of another model.
        """
        self.callbacks = list(callbacks)
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
        if self._restored is None:
            if self.run.resumed:
                self.say("There is no checkpoint to go on from: starting from the beginning.")
            self.run.cut_back({})
            return
        arrays, notes = self._restored
        if notes["variables"] != _signature(model):
            raise RunError(
                f"The checkpoints in {self.run.checkpoints.folder} are of another model than these "
                "settings make. Start anew in another folder with --out."
            )
        _assign(model, _variables(model), arrays, "model")
        self.run.cut_back(notes["sizes"])
        self.run.seconds = notes["seconds"]
        if notes["versions"] != versions():
            self.say(
                "The checkpoint was written with other versions of Python, TensorFlow, Keras, NumPy or "
                "rnn_kit: the last digits may come out otherwise than in an unbroken run."
            )
        place = f"batch {notes['batch']:,} of " if notes["batch"] else ""
        self.say(f"Going on after {place}epoch {notes['epoch'] + bool(place)}.")

    def first_epoch(self, batches, epochs):
        """`initial_epoch` of `fit`: the last one, if the run stopped early."""
        return epochs if self.stopped else self.first_batch // batches

    def on_train_begin(self, logs=None):
        self._saved = time.perf_counter()
        if self._restored:
            arrays, notes = self._restored
            for index, callback in enumerate(self.callbacks):
                mine = [arrays[f"callback{index}/{n}"] for n in range(notes["arrays"][index])]
                callback.set_state(notes["callbacks"][index], mine)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        if self._restored:
            arrays, notes = self._restored
            if notes["batch"]:
                self._fast_forward(notes["batch"], arrays)
            self._restored = None

    def _fast_forward(self, batches, arrays):
        """Lets `fit` count the batches that the epoch has had before, without training on them."""
        model, train, skipped = self.model, self.model.train_function, 0

        def step(data):
            return model.distribute_strategy.run(model.train_step, args=(data,))

        def skip(iterator):
            nonlocal skipped
            if not skipped:
                # Metrics make their sums when a step is traced, and none has been.
                tf.function(step).get_concrete_function(iterator.element_spec)
                # `fit` has reset the metrics by now, and CarryState the states.
                _assign(model, _passing(model), arrays, "passing")
            skipped += 1
            if skipped == batches:
                model.train_function = train
            return model.get_metrics_result()

        model.train_function = skip

    # --- writing ----------------------------------------------------------------------------------

    def on_train_batch_end(self, batch, logs=None):
        done = self._epoch * self.params["steps"] + batch + 1
        if done <= self.first_batch or batch + 1 == self.params["steps"]:
            return  # not trained on now; or validation comes next, and then the end of the epoch
        if self._interrupted or time.perf_counter() - self._saved >= self.every:
            self._save(self._epoch, batch + 1)

    def on_epoch_end(self, epoch, logs=None):
        self._save(epoch + 1, 0)

    def _save(self, epoch, batch):
        arrays = _arrays(self.model, _variables(self.model), "model")
        arrays |= _arrays(self.model, _passing(self.model), "passing")
        states = [callback.get_state() for callback in self.callbacks]
        for index, (_, mine) in enumerate(states):
            arrays |= {f"callback{index}/{n}": array for n, array in enumerate(mine)}
        notes = {
            "epoch": epoch,
            "batch": batch,
            "batches": self.params["steps"],
            "stopped": bool(self.model.stop_training),
            "seconds": self.run.seconds,
            "sizes": self.run.sizes(),
            "variables": _signature(self.model),
            "callbacks": [notes for notes, _ in states],
            "arrays": [len(mine) for _, mine in states],
            "versions": versions(),
        }
        self.run.checkpoints.save(epoch * self.params["steps"] + batch, arrays, notes)
        self._saved = time.perf_counter()
        if self._interrupted:
            raise KeyboardInterrupt

    # --- Ctrl-C -----------------------------------------------------------------------------------

    def __enter__(self):
        self._interrupted, self._handler = False, None
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, kind, *_):
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
        if self._interrupted and kind is None:  # after the last epoch, whose checkpoint is there
            raise KeyboardInterrupt

    def _interrupt(self, number, frame):
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True
        sys.stderr.write("\nInterrupted: writing a checkpoint (Ctrl-C again stops at once)\n")


def _variables(model):
    """Weights, seeds' counters and the optimizer: what lasts from epoch to epoch."""
    return [*model.variables, *model.optimizer.variables]


def _passing(model):
    """RNN states and the sums of the metrics: what an epoch starts anew."""
    return [*carried_states(stateful_layers(model)), *model.metrics_variables]


def _signature(model):
    """What to know a model by. Not the variables' paths, in which Keras counts the models before it."""
    states = _states(model)
    weights = [[v.name, list(whole(v).shape if id(v) in states else v.shape)] for v in model.variables]
    return weights + [list(v.shape) for v in model.optimizer.variables]


def _states(model):
    """The ids of the variables that each device has its own rows of."""
    return {id(state) for state in carried_states(stateful_layers(model))}


def _arrays(model, variables, kind):
    states = _states(model)
    return {
        f"{kind}/{n}": whole(v) if id(v) in states else keras.ops.convert_to_numpy(v)
        for n, v in enumerate(variables)
    }


def _assign(model, variables, arrays, kind):
    states = _states(model)
    for n, variable in enumerate(variables):
        if id(variable) in states:
            assign_whole(variable, arrays[f"{kind}/{n}"])
        else:
            variable.assign(arrays[f"{kind}/{n}"])
