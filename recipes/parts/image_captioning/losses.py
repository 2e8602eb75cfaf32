"""The loss of captions, with smoothed targets."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("image_captioning")
class SmoothedCrossentropy(keras.losses.Loss):
    """Computes the cross entropy with smoothed targets, its mean over all of `(B, T)` by their weights.

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
