"""How fast training goes, and how long it will take."""

import sys
import time

import keras


class Throughput(keras.callbacks.Callback):
    """One line an epoch: losses, tokens a second, time left. On a terminal, a bar while it runs.

    Seconds and tokens a second are those of training; the time left has validation and samples in it.

    Args:
        tokens: Tokens that an epoch trains on.
        unit: What a token is called. Default: `"characters"`.
        stream: Where the lines go. Default: standard output. The bar goes to standard error, if that is
            a terminal.
    """

    def __init__(self, tokens, unit="characters", stream=None):
        super().__init__()
        self.tokens = tokens
        self.unit = unit
        self.stream = stream or sys.stdout

    def on_train_begin(self, logs=None):
        self._begun, self._first_epoch, self._drawn = time.perf_counter(), None, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch, self._epoch_begun, self._spent = epoch, time.perf_counter(), None
        self._first_epoch = epoch if self._first_epoch is None else self._first_epoch

    def on_train_batch_end(self, batch, logs=None):
        now, steps = time.perf_counter(), self.params.get("steps")
        if not (steps and sys.stderr.isatty()) or now - self._drawn < 0.2:
            return
        self._drawn = now
        done = (batch + 1) / steps
        bar = "=" * int(24 * done) + "." * (24 - int(24 * done))
        rate = self.tokens * done / (now - self._epoch_begun)
        loss = (logs or {}).get("loss", float("nan"))
        sys.stderr.write(f"\r{self._name()} [{bar}] loss {loss:.3f}, {rate:,.0f} {self.unit}/s ")
        sys.stderr.flush()

    def on_test_begin(self, logs=None):
        self._spent = time.perf_counter() - self._epoch_begun

    def on_epoch_end(self, epoch, logs=None):
        now = time.perf_counter()
        spent = now - self._epoch_begun if self._spent is None else self._spent
        epochs_left = self.params["epochs"] - epoch - 1
        left = (now - self._begun) / (epoch + 1 - self._first_epoch) * epochs_left
        values = ", ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
        self.stream.write(
            f"{self._name()}: {values}; {spent:.1f} s, "
            f"{self.tokens / spent:,.0f} {self.unit}/s, {_duration(left)} left\n"
        )
        self.stream.flush()

    def _name(self):
        return f"epoch {self._epoch + 1}/{self.params['epochs']}"


def _duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
