"""A training's course, one row an epoch, and its end where the loss is no number."""

import time

import keras
import numpy as np


class EpochLog(keras.callbacks.Callback):
    """Hands on one row an epoch: seconds of training, tokens seen, losses.

    Args:
        write: Called with a dict at the end of each epoch: `epoch` (from 1), `seconds` (training alone,
            validation and samples left out), `tokens` (trained on since the start), then what Keras
            logs: `loss`, `val_loss` and metrics.
        tokens: Tokens that an epoch trains on.
        seconds: Where the seconds start, for a run that goes on.
    """

    def __init__(self, write, tokens, seconds=0.0):
        super().__init__()
        self.write = write
        self.tokens = tokens
        self.seconds = seconds
        self._begun = None

    def on_epoch_begin(self, epoch, logs=None):
        self._begun = time.perf_counter()

    def on_test_begin(self, logs=None):
        self._stop()

    def on_epoch_end(self, epoch, logs=None):
        self._stop()
        row = {
            "epoch": epoch + 1,
            "seconds": round(self.seconds, 3),
            "tokens": (epoch + 1) * self.tokens,
        }
        self.write({**row, **(logs or {})})

    def _stop(self):
        if self._begun is not None:
            self.seconds += time.perf_counter() - self._begun
            self._begun = None


class DivergedError(ArithmeticError):
    """A loss that is no finite number: one line for the user."""


class StopOnNaN(keras.callbacks.Callback):
    """Ends a training whose loss has become NaN or infinite, and says so.

    Keras's `TerminateOnNaN` ends it too, in silence and as if it had come to its end.

    Raises:
        DivergedError: from `fit`, naming the batch.
    """

    def on_train_batch_end(self, batch, logs=None):
        if not np.isfinite(logs["loss"]):
            raise DivergedError(
                f"The loss became {logs['loss']} by batch {batch + 1}: the training diverged. Try a "
                "smaller learning rate, or clip gradients at a smaller norm."
            )
