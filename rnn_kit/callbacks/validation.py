"""Validates a language model on one stream, read from its first token to its last."""

import keras
import numpy as np

from rnn_kit.generation.generator import generator_of


class ValidateStream(keras.callbacks.Callback):
    """Computes, after each epoch, the cross entropy of one contiguous stream, read at batch size 1.

        val_loss = -(1/N) Σ_n log p(w_n | w_0 ... w_(n-1))        N = len(ids) - 1

    The states are carried from the first token to the last, and no token is left out. (Keras's own
    validation of a stateful model splits the text into as many streams as training has, and each starts
    from zeros.) The training states are left as they are.

    It adds `val_loss` to the epoch's logs for the callbacks after it: give it before `Throughput`,
    `EpochLog` and `EarlyStopping`, and after `AveragedWeights`.

    Args:
        ids: `(N + 1,)` ids, of which the first is not predicted.
        generator: The generator to score the ids with. Default: that of the trained model, which
            must suit `rnn_kit.generation.Generator`.

    Raises:
        ValueError: from `fit`, as `Generator` and its `score`.
    """

    def __init__(self, ids, generator=None):
        super().__init__()
        self.ids = np.asarray(ids)
        self.generator = generator

    def on_train_begin(self, logs=None):
        # Each time, since the callback may have been in another model's training before.
        self._generator = self.generator or generator_of(self.model)

    def on_epoch_end(self, epoch, logs=None):
        log_p = self._generator.score(self.ids[None])[0]
        logs["val_loss"] = float(-log_p / (len(self.ids) - 1))
