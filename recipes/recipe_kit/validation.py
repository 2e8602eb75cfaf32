"""Validates a network that writes sentences after each epoch."""

import keras
import numpy as np
import tensorflow as tf

from rnn_kit import callbacks as kit


class Nats:
    """Computes a part's mean cross entropy in nats a word, including the sentences' ends.

    Compiles once for all calls and sentence lengths.

    Args:
        model: Maps inputs to logits `(B, T, V)`.
        batches: A `tf.data.Dataset` of `(inputs, next words (B, T), weights (B, T))`, 0 for padding.
        words: Their number of words.
    """

    def __init__(self, model, batches, words):
        self._batches, self._words = batches, words
        cost = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")

        @tf.function(input_signature=self._batches.element_spec)
        def total(inputs, targets, weights):
            return cost(targets, model(inputs, training=False), weights)

        self._total = total

    def __call__(self):
        return float(sum(self._total(*batch) for batch in self._batches)) / self._words


class ValidateSentences(keras.callbacks.Callback):
    """Validates after each epoch: nats a word, and scores of sentences by beam search.

    Puts `val_loss` and the scores into the epoch's logs, for the callbacks after it.

    Args:
        loss: `loss() -> nats`.
        score: `score() -> dict` of names to numbers.
    """

    def __init__(self, loss, score):
        super().__init__()
        self.loss, self.score = loss, score

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = self.loss()
        if not np.isfinite(logs["val_loss"]):  # before writing sentences with such weights
            raise kit.DivergedError(
                f"The validation loss became {logs['val_loss']} in epoch {epoch + 1}: the training "
                "diverged. Try a smaller learning rate, or clip gradients at a smaller norm."
            )
        logs.update({f"val_{name}": value for name, value in self.score().items()})
