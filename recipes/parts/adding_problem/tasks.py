"""Three tasks that need a memory, with sequences generated from a seed; no file is loaded.

Each task makes endless batches, batch k drawn from (seed, k), and defines when it is solved.
"""

import dataclasses
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

TEST_ROWS = 2000  # sequences
SOLVED = 0.01  # mean squared error of the adding problem


def _batches(draw, seed, first_batch):
    seed = tf.constant(seed, tf.int64)
    return tf.data.Dataset.counter(first_batch).map(lambda k: draw(tf.stack([seed, k]))).prefetch(2)


@dataclass(frozen=True)
class Adding:
    """Adds two marked numbers of T, one in each half.

        x(t) = (v(t), mark(t)),  v uniform in [0, 1);  y = v(i) + v(j),  one target a sequence

    A constant answer of 1 has a mean squared error of 1/6, the variance of the sum. After
    Hochreiter and Schmidhuber 1997, and the slide "Some initialization schemes can help RNNs" of Tollef
    Jahren (004), which takes it from Le, Jaitly and Hinton 2015.
    """

    length: int
    features, outputs, sequences = 2, 1, False  # one answer a sequence, or one a step
    baseline = 1 / 6
    loss = "mse"

    def batches(self, batch_size, seed, first_batch=0):
        def draw(key):
            drawn = tf.random.stateless_uniform((batch_size, self.length + 2), key)
            v, half = drawn[:, : self.length], self.length // 2
            first = tf.cast(drawn[:, -2] * half, tf.int32)
            second = half + tf.cast(drawn[:, -1] * (self.length - half), tf.int32)
            marks = tf.one_hot(first, self.length) + tf.one_hot(second, self.length)
            return tf.stack([v, marks], axis=-1), tf.reduce_sum(v * marks, axis=1, keepdims=True)

        return _batches(draw, seed, first_batch)

    def test(self, model, seed):
        """Returns the mean squared error on sequences from a separate seed."""
        x, y = next(iter(self.batches(TEST_ROWS, seed)))
        answers = model.predict(x, batch_size=250, verbose=0)
        return {"mse": float(np.square(answers - y).mean())}


@dataclass(frozen=True)
class Counting:
    """Predicts, after each symbol of a^n b^n, which symbols may come next.

        S a a a b b b T        after S: a;  after an a: a or b;  after a b: b, and T after the n-th

    One logistic output a symbol, right if it is on the right side of 1/2. Training uses n from 1 to N;
    the test finds the n up to which all sequences are right from end to end. After Gers and Schmidhuber
    2001.
    """

    most: int  # N
    test_most: int = 200
    features, outputs, sequences = 3, 3, True  # S or T, a, b
    baseline = None
    loss = "binary_crossentropy"

    def sequences_of(self, n):
        """Returns inputs, targets `(B, T, 3)`, weights `(B, T)` of counts `(B,)`; T = 2 max(n) + 1."""
        n = tf.convert_to_tensor(n)[:, None]
        at = tf.range(2 * tf.reduce_max(n) + 1)[None, :]
        is_a, is_b = (at >= 1) & (at <= n), (at > n) & (at <= 2 * n)
        x = tf.stack([(at == 0) | (at > 2 * n), is_a, is_b], axis=-1)
        y = tf.stack([at == 2 * n, at <= n, is_a | (is_b & (at < 2 * n))], axis=-1)
        return tf.cast(x, tf.float32), tf.cast(y, tf.float32), tf.cast(at <= 2 * n, tf.float32)

    def batches(self, batch_size, seed, first_batch=0):
        def draw(key):
            n = tf.random.stateless_uniform((batch_size - 1,), key, 1, self.most + 1, tf.int32)
            return self.sequences_of(tf.concat([n, [self.most]], axis=0))  # all batches of one length

        return _batches(draw, seed, first_batch)

    def test(self, model, seed):
        """Returns the largest n, at most `test_most`, up to which every sequence is right."""
        right = []
        for begin in range(1, self.test_most + 1, 50):
            n = np.arange(begin, min(begin + 50, self.test_most + 1))
            x, y, weights = self.sequences_of(n)
            said = model.predict(x, verbose=0) > 0.5
            wrong = (said != (y.numpy() > 0.5)).any(axis=-1) & (weights.numpy() > 0)
            right += list(~wrong.any(axis=1))
        largest = right.index(False) if False in right else len(right)
        return {"largest_n": float(largest)}


@dataclass(frozen=True)
class Timing:
    """Outputs a spike every P steps: the input always shows the period, and the network counts.

        x(t) = P / P_max,   y(t) = 1 if t is a multiple of P, else 0       t = 1 ... T

    A sequence is right if the output is above 1/2 at the spikes and below everywhere else. After the
    precise-timing tasks of Gers, Schraudolph and Schmidhuber, the reason for the peepholes of the
    lecture after Graves (001, slide "LSTM memory block").
    """

    length: int
    least: int = 5
    most: int = 20
    features, outputs, sequences = 1, 1, True
    baseline = None
    loss = "binary_crossentropy"

    def batches(self, batch_size, seed, first_batch=0):
        def draw(key):
            period = tf.random.stateless_uniform(
                (batch_size, 1), key, self.least, self.most + 1, tf.int32
            )
            at = tf.range(1, self.length + 1)[None, :]
            x = tf.broadcast_to(tf.cast(period, tf.float32) / self.most, (batch_size, self.length))
            return x[..., None], tf.cast(at % period == 0, tf.float32)[..., None]

        return _batches(draw, seed, first_batch)

    def test(self, model, seed):
        """Returns the shares of periods with a right sequence: at `length`, and at twice that."""
        period = np.arange(self.least, self.most + 1)
        shares = {}
        for name, length in (("right", self.length), ("right_twice_as_long", 2 * self.length)):
            x = np.tile(period[:, None, None] / self.most, (1, length, 1)).astype("float32")
            y = np.arange(1, length + 1)[None, :] % period[:, None] == 0
            said = model.predict(x, verbose=0)[..., 0] > 0.5
            shares[name] = float((said == y).all(axis=1).mean())
        return shares


def task(settings, length=None):
    """Returns the task that the settings name."""
    if settings.task == "adding":
        return Adding(length)
    if settings.task == "anbn":
        return Counting(settings.most)
    return Timing(settings.span)


class StopWhenSolved(keras.callbacks.Callback):
    """Ends training when the validation loss is below a threshold."""

    def __init__(self, threshold):
        super().__init__()
        self.threshold = threshold

    def on_epoch_end(self, epoch, logs=None):
        if logs["val_loss"] < self.threshold:
            self.model.stop_training = True


def described(settings):
    """Returns the task in words, from which a result's hash is made."""
    names = {"adding": ("lengths",), "anbn": ("most",), "timing": ("span",)}[settings.task]
    return f"{settings.task}, " + ", ".join(f"{n} {dataclasses.asdict(settings)[n]}" for n in names)
