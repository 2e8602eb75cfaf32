"""Reports progress: the speed of training, and its remaining time."""

import sys
import time

import numpy as np

from rnn_kit.callbacks.clock import TrainingClock


class Throughput(TrainingClock):
    """Prints a line an epoch: losses, tokens a second, time left. On a terminal, a bar while it runs.

    Seconds and tokens a second are those of training; the time left includes validation and samples. In
    a resumed epoch only the batches that are trained on now count.

    Args:
        tokens: The number of tokens that an epoch trains on.
        unit: The name of a token. Default: `"characters"`.
        stream: Where the lines are written. Default: standard output. The bar is written to standard
            error, if that is a terminal.
        perplexity: Whether to print losses, in nats a token, as perplexities, e^loss. Default: `False`.
    """

    def __init__(self, tokens, unit="characters", stream=None, perplexity=False):
        super().__init__()
        self.tokens = tokens
        self.unit = unit
        self.stream = stream or sys.stdout
        self.perplexity = perplexity

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._begun, self._drawn = time.perf_counter(), 0.0
        self._done_before = None  # epochs, and a fraction of one, trained before this `fit`

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        self._epoch, self._skipped = epoch, None

    def on_train_batch_begin(self, batch, logs=None):
        if self._skipped is None:  # the first batches of a resumed epoch were trained on before
            steps = self.params.get("steps")
            self._skipped = batch / steps if steps else 0.0
        if self._done_before is None:
            self._done_before = self._epoch + self._skipped

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        now, steps = time.perf_counter(), self.params.get("steps")
        if not (steps and sys.stderr.isatty()) or now - self._drawn < 0.2:
            return
        done = min(batch + 1, steps) / steps
        self._drawn = now
        bar = "=" * int(24 * done) + "." * (24 - int(24 * done))
        rate = self.tokens * (done - self._skipped) / self.epoch_seconds
        loss = self._shown("loss", (logs or {}).get("loss", float("nan")))
        sys.stderr.write(f"\r{self._name()} [{bar}] {loss}, {rate:,.0f} {self.unit}/s ")
        sys.stderr.flush()

    def on_epoch_end(self, epoch, logs=None):
        self.stop_clock()
        rate = self.tokens * (1 - self._skipped) / self.epoch_seconds
        epochs_done = epoch + 1 - self._done_before
        seconds_an_epoch = (time.perf_counter() - self._begun) / epochs_done
        left = seconds_an_epoch * (self.params["epochs"] - epoch - 1)
        values = ", ".join(self._shown(name, value) for name, value in (logs or {}).items())
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
        self.stream.write(
            f"{self._name()}: {values}; {self.epoch_seconds:.1f} s, {rate:,.0f} {self.unit}/s, "
            f"{_duration(left)} left\n"
        )
        self.stream.flush()

    def _shown(self, name, value):
        value = np.asarray(value)
        if value.ndim:  # a number for each class, for instance
            return " ".join([name, *(f"{number:.4f}" for number in value.ravel())])
        if self.perplexity and name in ("loss", "val_loss"):
            return f"{name.replace('loss', 'perplexity')} {np.exp(value):.2f}"
        return f"{name} {value:.4f}"

    def _name(self):
        return f"epoch {self._epoch + 1}/{self.params['epochs']}"


def _duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
