"""Logs a training, one row an epoch, and ends it if the loss is not finite."""

import keras
import numpy as np

from rnn_kit.callbacks.clock import TrainingClock
from rnn_kit.errors import DivergedError


class EpochLog(TrainingClock):
    """Writes one row an epoch: seconds of training, tokens seen, losses.

    A `Checkpoint` saves its seconds, so that a resumed run continues the count. Another `fit` begins at
    0, unless it continues with the same model (`initial_epoch`).

    Args:
        write: Called with a dict at the end of each epoch: `epoch` (from 1), `seconds` (of training
            only, without validation and samples), `tokens` (trained on since the start), then what
            Keras logs: `loss`, `val_loss` and metrics.
        tokens: The number of tokens that an epoch trains on.
    """

    def __init__(self, write, tokens):
        super().__init__()
        self.write = write
        self.tokens = tokens
        self._seconds_before = 0.0  # those of the epochs before the current one
        self._trained = None  # the model that was trained in these seconds
        self._begins = self._is_restored = False

    @property
    def seconds(self):
        """Seconds of training so far."""
        return self._seconds_before + self.epoch_seconds

    def on_train_begin(self, logs=None):
        if self._since is None:  # else the last training was interrupted in an epoch, which is repeated
            self._seconds_before = self.seconds
        super().on_train_begin(logs)
        self._begins, self._is_restored = True, False

    def on_epoch_begin(self, epoch, logs=None):
        is_new = epoch == 0 or self.model is not self._trained
        if self._begins and is_new and not self._is_restored:
            self._seconds_before = 0.0
        else:
            self._seconds_before = self.seconds
        self._begins, self._trained = False, self.model
        super().on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self.stop_clock()
        row = {
            "epoch": epoch + 1,
            "seconds": round(self.seconds, 3),
            "tokens": (epoch + 1) * self.tokens,
        }
        self.write({**row, **(logs or {})})

    def get_state(self):
        return {"seconds": self.seconds}, []

    def set_state(self, notes, arrays):
        self._seconds_before, self._spent = notes["seconds"], 0.0
        self._is_restored = True


class StopOnNaN(keras.callbacks.Callback):
    """Raises when the loss of a training becomes NaN or infinite.

    Keras's `TerminateOnNaN` ends the training without an error, as if it were complete.

    Raises:
        DivergedError: from `fit`, naming the batch.
    """

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not np.isfinite(loss):
            done = min(batch + 1, self.params.get("steps") or batch + 1)
            raise DivergedError(
                f"The loss became {loss} by batch {done}: the training diverged. Try a "
                "smaller learning rate, or clip gradients at a smaller norm."
            )
