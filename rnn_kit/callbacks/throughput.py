"""How fast training goes, and how long it will take."""

import sys
import time

import numpy as np

from rnn_kit.callbacks.clock import TrainingClock


class Throughput(TrainingClock):
    """One line an epoch: losses, tokens a second, time left. On a terminal, a bar while it runs.

    Seconds and tokens a second are those of training; the time left has validation and samples in it.

    Args:
        tokens: Tokens that an epoch trains on.
        unit: What a token is called. Default: `"characters"`.
        stream: Where the lines go. Default: standard output. The bar goes to standard error, if that is
            a terminal.
        first_batch: The number of the batch that training goes on from, counted over all epochs.
            Default: 0.
        perplexity: Whether to write losses, which are nats a token then, as perplexities, e^loss.
            Default: `False`.
    """

    def __init__(self, tokens, unit="characters", stream=None, first_batch=0, perplexity=False):
        super().__init__()
        self.tokens = tokens
        self.unit = unit
        self.stream = stream or sys.stdout
        self.first_batch = first_batch
        self.perplexity = perplexity

    def on_train_begin(self, logs=None):
        self._begun, self._drawn = time.perf_counter(), 0.0
        self._skipped = None

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        steps = self.params.get("steps")
        if self._skipped is None:  # of a resumed epoch the first batches were trained on before
            self._first_epoch = epoch
            self._skipped = self.first_batch % steps / steps if steps else 0.0
            self._done_before = self._skipped
        else:
            self._skipped = 0.0
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        now, steps = time.perf_counter(), self.params.get("steps")
        if not (steps and sys.stderr.isatty()) or now - self._drawn < 0.2:
            return
        done = (batch + 1) / steps
        if done <= self._skipped:
            return
        self._drawn = now
        bar = "=" * int(24 * done) + "." * (24 - int(24 * done))
        rate = self.tokens * (done - self._skipped) / self.epoch_seconds
        loss = self._shown("loss", (logs or {}).get("loss", float("nan")))
        sys.stderr.write(f"\r{self._name()} [{bar}] {loss}, {rate:,.0f} {self.unit}/s ")
        sys.stderr.flush()

    def on_epoch_end(self, epoch, logs=None):
        self.stop_clock()
        rate = self.tokens * (1 - self._skipped) / self.epoch_seconds
        epochs_done = epoch + 1 - self._first_epoch - self._done_before
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
        if self.perplexity and name in ("loss", "val_loss"):
            return f"{name.replace('loss', 'perplexity')} {np.exp(value):.2f}"
        return f"{name} {value:.4f}"

    def _name(self):
        return f"epoch {self._epoch + 1}/{self.params['epochs']}"


def _duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
