"""What validation says of a captioning network after each epoch."""

import keras
import numpy as np
import tensorflow as tf

from parts.image_captioning.batches import evaluation_batches
from rnn_kit import callbacks as kit


class CaptionNats:
    """Measures the mean cross entropy of all captions of a part, in nats a word, their ends counted.

    Compiled once, however often it is called and however long the captions of a batch are.

    Args:
        model: The `Captioner`.
        part: The `Part`.
        vocabulary: Its `rnn_kit.text.TokenVocabulary`.
    """

    def __init__(self, model, part, vocabulary):
        self._batches, self._words = evaluation_batches(part, vocabulary)
        cost = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")

        @tf.function(input_signature=self._batches.element_spec)
        def total(inputs, targets, weights):
            return cost(targets, model(inputs, training=False), weights)

        self._total = total

    def __call__(self):
        return float(sum(self._total(*batch) for batch in self._batches)) / self._words


class ValidateCaptions(keras.callbacks.Callback):
    """Validates after each epoch: nats a word, and scores of sentences by beam search.

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
