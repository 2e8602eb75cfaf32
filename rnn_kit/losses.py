"""Losses that Keras lacks."""

import keras
from keras import ops


# The name under which models were saved when it was a recipe's own.
@keras.saving.register_keras_serializable("image_captioning")
class SmoothedCrossentropy(keras.losses.Loss):
    """Computes the cross entropy of ids with smoothed targets, from logits.

        nats = (1 - ε) (log Z - a_y) + ε (log Z - (1/V) Σ_w a_w)        Z = Σ_w e^(a_w)

    `keras.losses.SparseCategoricalCrossentropy` has no smoothing, and `CategoricalCrossentropy`, which
    has, takes one-hot targets `(B, T, V)`. With sample weights whose mean is 1 over a padded batch, the
    mean is over what they weigh.

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
