"""Pooling over time that ignores masked steps."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rnn_kit")
class MaskedGlobalMaxPooling1D(keras.layers.GlobalMaxPooling1D):
    """`keras.layers.GlobalMaxPooling1D` that ignores masked steps.

        y_k = max over t with mask_t of x_(t, k)

    Keras's own takes no mask (its `GlobalAveragePooling1D` does), so that the states that a recurrent
    layer repeats over padding, or zeros in their place, may be the maximum. A fully masked sequence
    gives zeros.

    Args:
        data_format: As in Keras. Default: the configured one, `"channels_last"`.
        keepdims: Whether to keep the axis of time, with size 1. Default: `False`.

    Call arguments:
        inputs: `(B, T, F)`, or `(B, F, T)` for `"channels_first"`.
        mask: Boolean `(B, T)`. Default: no step is masked.

    Output shape:
        `(B, F)`; with `keepdims` `(B, 1, F)` or `(B, F, 1)`.

    Example:

    >>> x = np.array([[[-3.0], [-2.0], [0.0]]])
    >>> float(rnn_kit.layers.MaskedGlobalMaxPooling1D()(x, mask=np.array([[True, True, False]]))[0, 0])
    -2.0
    """

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(data_format=data_format, keepdims=keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        time = 1 if self.data_format == "channels_last" else 2
        mask = ops.expand_dims(ops.cast(mask, "bool"), 3 - time)
        unmasked = ops.where(mask, inputs, ops.cast(float("-inf"), inputs.dtype))
        highest = ops.max(unmasked, axis=time, keepdims=self.keepdims)
        has_steps = ops.any(mask, axis=time, keepdims=self.keepdims)
        return ops.where(has_steps, highest, ops.zeros_like(highest))

    def compute_mask(self, inputs, mask=None):
        return None
