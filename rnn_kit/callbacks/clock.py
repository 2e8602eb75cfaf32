"""A clock of the seconds of training."""

import time

import keras


class TrainingClock(keras.callbacks.Callback):
    """Measures how long an epoch trains, without validation and samples.

    Attributes:
        epoch_seconds: The seconds of the current epoch, or of the last one.
    """

    def __init__(self):
        super().__init__()
        self._spent, self._since = 0.0, None

    @property
    def epoch_seconds(self):
        return self._spent + (0.0 if self._since is None else time.perf_counter() - self._since)

    def on_train_begin(self, logs=None):
        self._spent, self._since = 0.0, None  # it may still run, after an interrupted training

    def on_epoch_begin(self, epoch, logs=None):
        self._spent, self._since = 0.0, time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        steps = self.params.get("steps")
        if steps and batch + 1 >= steps:  # an execution of several steps may exceed the last one
            self.stop_clock()

    def on_test_begin(self, logs=None):
        self.stop_clock()

    def stop_clock(self):
        """Stops counting until the next epoch."""
        self._spent, self._since = self.epoch_seconds, None
