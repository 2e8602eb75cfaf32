"""Reads a whole sequence with a trained network, window by window."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from recipe_kit.datasets import genomes
from rnn_kit import callbacks as kit
from rnn_kit import crf

CODON = 3
BATCH = 16  # windows that are read together
LONGER = 2  # windows of those that were learned from are read at once
LEAST = 1e-7  # a probability below it counts as it


class Reader:
    """Computes what a network says of every codon and of every base of a sequence.

    Windows overlap by a quarter, and of each only the middle counts, where both directions have read
    something.

    Args:
        model: From ids `(B, 3 T)` to logits `(B, T, 7)`, or to the potentials of a CRF `(B, T, 7, 7)`.
        window: 3 T, the bases of a window.
    """

    def __init__(self, model, window):
        self.window = window // CODON * CODON
        signature = [tf.TensorSpec((BATCH, self.window), tf.int32)]

        @tf.function(input_signature=signature)
        def probabilities(ids):
            scores = model(ids, training=False)
            if len(scores.shape) == 4:
                return ops.exp(crf.log_marginals(scores))
            return ops.softmax(scores)

        self._probabilities = probabilities

    def codons(self, ids):
        """Returns the probability of each state of each codon, float32 `(⌈n/3⌉, 7)`, of ids `(n,)`.

        Row t is about the codons whose lowest bases are 3 t, 3 t + 1 and 3 t + 2.
        """
        steps, size = -(-len(ids) // CODON), self.window // CODON
        margin = size // 8
        hop = size - 2 * margin
        starts = np.arange(-margin, steps - margin, hop)
        padded = np.full(CODON * (starts[-1] + size + margin), genomes.PAD, "int32")
        padded[CODON * margin :][: len(ids)] = ids[: len(padded)]
        found = np.empty((len(starts) * hop, genomes.STATES), "float32")
        for first in range(0, len(starts), BATCH):
            some = starts[first : first + BATCH]
            windows = np.full((BATCH, self.window), genomes.PAD, "int32")
            for row, start in enumerate(some):
                windows[row] = padded[CODON * (start + margin) :][: self.window]
            middle = np.asarray(self._probabilities(windows))[: len(some), margin : margin + hop]
            found[first * hop :][: len(some) * hop] = middle.reshape(-1, genomes.STATES)
        return found[:steps]


def reader_of(model, settings):
    """Makes a `Reader` of a run's model."""
    return Reader(model, LONGER * settings.window)


def of_bases(codons, count):
    """Returns the probability of each label of each base, `(n, 3)`.

    Base 3 t + i is in the codon of step t in the frames f ≤ i, and in that of step t - 1 in the others:

        p(strand) = Σ_(f ≤ i) p_t(strand, f) + Σ_(f > i) p_(t-1)(strand, f)
        p(none) = max(0, 1 - p(this strand) - p(other strand)), and all three scaled to the sum 1

    Args:
        codons: `(T, 7)`, as of `Reader.codons`.
        count: n, from 3 T - 2 to 3 T.
    """
    before = np.concatenate([codons[:1], codons[:-1]])
    found = np.empty((CODON * len(codons), 3), "float32")
    for label, first in ((genomes.FORWARD, 1), (genomes.REVERSE, 4)):
        for i in range(CODON):
            now, then = codons[:, first : first + i + 1], before[:, first + i + 1 : first + CODON]
            found[i::CODON, label] = now.sum(axis=1) + then.sum(axis=1)
    found[:, 0] = np.maximum(0, 1 - found[:, 1] - found[:, 2])
    return (found / found.sum(axis=1, keepdims=True))[:count]


def accuracy(labels, part):
    """Returns the share of a part's bases whose label is right."""
    counts = part.ids != genomes.PAD
    return float((labels == part.labels)[counts].mean())


class ValidatePart(keras.callbacks.Callback):
    """Reads the validation part after each epoch, for the callbacks after it.

    Adds to the epoch's logs `val_loss`, the mean of -ln p(state) in nats a codon, and `val_accuracy`,
    the share of bases whose likeliest label is right.
    """

    def __init__(self, reader, part):
        super().__init__()
        self._reader, self._part = reader, part

    def on_epoch_end(self, epoch, logs=None):
        codons = self._reader.codons(self._part.ids)
        states = self._part.states[CODON - 1 :: CODON]
        p = codons[np.arange(len(states)), states]
        logs["val_loss"] = float(-np.log(np.maximum(p, LEAST)).mean())
        if not np.isfinite(codons).all():
            raise kit.DivergedError(
                f"The validation's probabilities are not finite in epoch {epoch + 1}: the training "
                "diverged. Try a smaller learning rate."
            )
        found = of_bases(codons, len(self._part.ids)).argmax(axis=1)
        logs["val_accuracy"] = accuracy(found, self._part)
