"""The seconds of training alone."""

import time

import keras


class TrainingClock(keras.callbacks.Callback):
    """Measures how long an epoch trains: validation and samples left out.

    Attributes:
        epoch_seconds: Of the epoch that runs, or of the last one.
    """

    def __init__(self):
        super().__init__()
        self._spent, self._since = 0.0, None

    @property
    def epoch_seconds(self):
        return self._spent + (0.0 if self._since is None else time.perf_counter() - self._since)

    def on_train_begin(self, logs=None):
        self._spent, self._since = 0.0, None  # a training that broke off has left it running

    def on_epoch_begin(self, epoch, logs=None):
        self._spent, self._since = 0.0, time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        steps = self.params.get("steps")
        if steps and batch + 1 >= steps:  # of several an execution the last may go beyond
            self.stop_clock()

    def on_test_begin(self, logs=None):
        self.stop_clock()

    def stop_clock(self):
        self._spent, self._since = self.epoch_seconds, None
