"""Captions as lessons, the loss, and what a caption costs in nats."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from rnn_kit import callbacks as kit
from rnn_kit.pipelines import sequence_batches, sequence_dataset
from rnn_kit.text import Sequences

EVALUATED = 256  # captions a batch, where nothing is trained


def lessons(part, vocabulary):
    """All captions of a part of the data, each with its end, and the index of the image of each.

    Ids are one higher than the vocabulary's, so that 0 is free to pad with.
    """
    ids = [
        np.append(vocabulary.encode(words), vocabulary.end) + 1
        for image in part.words
        for words in image
    ]
    return Sequences.of(ids), np.repeat(np.arange(len(part)), [len(image) for image in part.words])


def training_batches(part, vocabulary, batch_size, seed, first_batch):
    """Endless batches of captions of about one length, each beside its image; and the batches an epoch.

    Returns:
        A dataset of `(inputs, next words (B, T), weights (B, T))`, 0 for padding and with a mean of 1;
        the batches of an epoch, and its words.
    """
    captions, of = lessons(part, vocabulary)
    dataset, batches = sequence_dataset(captions, of, batch_size, seed, first_batch)
    lesson = _lesson(part.pictures, vocabulary.end)
    dataset = dataset.map(lesson, tf.data.AUTOTUNE).map(_weigh).prefetch(2)
    return dataset, batches, len(captions.flat)


class Nats:
    """Mean cross entropy of all captions of a part, in nats a word, their ends counted.

    Compiled once, however often it is called and however long the captions of a batch are.
    """

    def __init__(self, model, part, vocabulary):
        captions, of = lessons(part, vocabulary)
        order = np.argsort(captions.lengths, kind="stable")
        dataset = sequence_batches(captions.take(order), of[order], EVALUATED)
        self._batches = dataset.map(_lesson(part.pictures, vocabulary.end))
        self._words = len(captions.flat)
        cost = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")

        @tf.function(input_signature=self._batches.element_spec)
        def total(inputs, targets, weights):
            return cost(targets, model(inputs, training=False), weights)

        self._total = total

    def __call__(self):
        return float(sum(self._total(*batch) for batch in self._batches)) / self._words


def _lesson(pictures, end):
    """From ids `(B, T)`, padded with 0, and the indexes of their images, to what `fit` takes."""
    pictures = {name: tf.constant(values) for name, values in pictures.items()}

    def lesson(ids, of):
        present = tf.cast(ids > 0, tf.float32)
        targets = tf.maximum(ids - 1, 0)
        words = tf.concat([tf.fill([tf.shape(ids)[0], 1], end), targets[:, :-1]], axis=1)
        rows = tf.cast(of, tf.int32)
        images = {name: tf.cast(tf.gather(v, rows), tf.float32) for name, v in pictures.items()}
        return {"words": words, **images}, targets, present

    return lesson


def _weigh(inputs, targets, present):
    """Weights whose mean is 1: a sum over all of `(B, T)`, divided by B T, is the mean over the words.

    So it is too where each of several devices sums over its share of the rows.
    """
    return inputs, targets, present / tf.reduce_mean(present)


@keras.saving.register_keras_serializable("image_captioning")
class SmoothedCrossentropy(keras.losses.Loss):
    """Cross entropy with smoothed targets, the mean over all of `(B, T)` of what it weighs.

        nats = (1 - ε) (log Z - a_y) + ε (log Z - (1/V) Σ_w a_w)        Z = Σ_w e^(a_w)

    Args:
        smoothing: ε; 0 is the masked log-likelihood of the lecture.

    Source of the smoothing: Szegedy et al. 2016 (arXiv:1512.00567), section 7.
    """

    def __init__(
        self,
        smoothing=0.0,
        name="smoothed_crossentropy",
        reduction="sum_over_batch_size",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        log_z = ops.logsumexp(y_pred, axis=-1)
        at = ops.expand_dims(ops.cast(y_true, "int32"), -1)
        a_y = ops.squeeze(ops.take_along_axis(y_pred, at, axis=-1), -1)
        nats = log_z - a_y
        if not self.smoothing:
            return nats
        return (1 - self.smoothing) * nats + self.smoothing * (log_z - ops.mean(y_pred, axis=-1))

    def get_config(self):
        return {**super().get_config(), "smoothing": self.smoothing}


class ValidateCaptions(keras.callbacks.Callback):
    """After each epoch, what validation says: nats a word, and scores of sentences by beam search.

    Puts `val_loss` and the scores into the epoch's logs; callbacks behind it find them there.

    Args:
        loss: `loss() -> nats`.
        score: `score() -> dict` of names to numbers.
    """

    def __init__(self, loss, score):
        super().__init__()
        self.loss, self.score = loss, score

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = self.loss()
        if not np.isfinite(logs["val_loss"]):  # before sentences are written with such weights
            raise kit.DivergedError(
                f"The validation loss became {logs['val_loss']} in epoch {epoch + 1}: the training "
                "diverged. Try a smaller learning rate, or clip gradients at a smaller norm."
            )
        logs.update({f"val_{name}": value for name, value in self.score().items()})
