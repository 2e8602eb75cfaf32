"""Losses that Keras lacks."""

import keras
import numpy as np
from keras import ops

from rnn_kit import crf


# The name under which earlier models were saved, when a recipe had this loss.
@keras.saving.register_keras_serializable("image_captioning")
class SmoothedCrossentropy(keras.losses.Loss):
    """Computes the cross entropy of ids with smoothed targets, from logits.

        nats = (1 - ε) (log Z - a_y) + ε (log Z - (1/V) Σ_w a_w)        Z = Σ_w e^(a_w)

    `keras.losses.SparseCategoricalCrossentropy` has no smoothing, and `CategoricalCrossentropy`,
    which has it, takes one-hot targets `(B, T, V)`. With sample weights of mean 1 over a padded batch,
    the mean is over the weighted ids.

    Args:
        smoothing: ε, in [0, 1). 0 is the log-likelihood.
        name, reduction, dtype: As in `keras.losses.Loss`.

    Call arguments:
        y_true: Ids `(B, ...)`.
        y_pred: Logits `(B, ..., V)`.

    Source: Szegedy et al. 2016, "Rethinking the Inception Architecture" (arXiv:1512.00567), section 7.

    Example:

    >>> loss = rnn_kit.losses.SmoothedCrossentropy(0.1)
    >>> round(float(loss(np.array([0]), np.zeros((1, 4)))), 4)  # ln 4
    1.3863
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


@keras.saving.register_keras_serializable(package="rnn_kit")
class CRFNegativeLogLikelihood(keras.losses.Loss):
    """Computes -log p(y) of label sequences, from the potentials of a `rnn_kit.layers.CRF`.

        nats = log Z - φ(y)        φ(y) and Z as in `rnn_kit.crf`

    One number a sequence, over all of its unmasked steps: sample weights are one a sequence, too.

    Args:
        name, reduction, dtype: As in `keras.losses.Loss`.

    Call arguments:
        y_true: Labels `(B, T)`, ignored at masked steps.
        y_pred: Potentials `(B, T, L, L)`.

    Raises:
        ValueError: if sample weights have one a step.

    Source: Lafferty, McCallum, Pereira 2001, "Conditional Random Fields" (ICML), section 3.

    Example:

    >>> chain = rnn_kit.layers.CRF(4)(np.zeros((1, 3, 4)))
    >>> loss = rnn_kit.losses.CRFNegativeLogLikelihood()
    >>> round(float(loss(np.array([[0, 3, 1]]), chain)), 4)  # 3 ln 4
    4.1589
    """

    def __init__(self, name="crf_negative_log_likelihood", reduction="sum_over_batch_size", dtype=None):
        super().__init__(name, reduction, dtype)

    def __call__(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None:
            shape = tuple(getattr(sample_weight, "shape", np.shape(sample_weight)))
            if shape[1:] not in ((), (1,)):
                raise ValueError(
                    "A label sequence has one weight: expected sample weights of shape (B,). Received: "
                    f"shape {shape}. Mask the steps that are not to count"
                )
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true, y_pred):
        return -crf.log_likelihood(y_pred, y_true)
