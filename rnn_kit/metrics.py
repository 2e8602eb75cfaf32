"""Metrics of language models, weighted by tokens rather than by batches."""

import math

import keras
from keras import ops

from rnn_kit._internals import get_keras_mask


class _PerToken(keras.metrics.Metric):
    """Mean cross entropy in nats over all tokens seen: Σ w_n (-log p(y_n)) / Σ w_n.

    Both sums run over more tokens than float32 counts one by one, 2^24, and not every backend has
    float64 and int64 (JAX by default has neither). So each is kept as two numbers: the sum, and what
    was lost in rounding it.
    """

    def __init__(self, ignore_class=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.ignore_class = ignore_class
        # In float16 a sum could not exceed 65504.
        self.sum_dtype = "float64" if self.dtype == "float64" else "float32"
        self.nats, self.nats_lost, self.tokens, self.tokens_lost = (
            self.add_variable((), initializer="zeros", dtype=self.sum_dtype, name=name)
            for name in ("nats", "nats_lost", "tokens", "tokens_lost")
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds the tokens of a batch.

        Args:
            y_true: Ids `(...)` or `(..., 1)`, of any integer or float dtype.
            y_pred: Logits `(..., V)`. A Keras mask on them counts as weight.
            sample_weight: Weights `(...)` or `(..., 1)`, or of fewer dimensions, which are broadcast
                over the last ones.
        """
        mask = get_keras_mask(y_pred)
        y_true = ops.cast(y_true, "int32")
        y_pred = ops.cast(y_pred, self.sum_dtype)
        if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
            y_true = ops.squeeze(y_true, axis=-1)
        weight = ops.ones(ops.shape(y_true), dtype=self.sum_dtype)
        if mask is not None:
            weight = weight * ops.cast(mask, self.sum_dtype)
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, self.sum_dtype)
            if len(sample_weight.shape) == len(y_true.shape) + 1 and sample_weight.shape[-1] == 1:
                sample_weight = ops.squeeze(sample_weight, axis=-1)
            while len(sample_weight.shape) < len(y_true.shape):
                sample_weight = ops.expand_dims(sample_weight, -1)
            weight = weight * sample_weight
        if self.ignore_class is not None:
            counts = ops.not_equal(y_true, self.ignore_class)
            weight = weight * ops.cast(counts, self.sum_dtype)
            y_true = ops.where(counts, y_true, ops.zeros_like(y_true))  # -1 is no class to look up
        nats = keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
        # 0 * inf is NaN: a token without weight must not count whatever its loss is.
        nats = ops.where(weight > 0, nats * weight, ops.zeros_like(nats))
        _add(self.nats, self.nats_lost, ops.sum(nats))
        _add(self.tokens, self.tokens_lost, ops.sum(weight))

    def mean_nats(self):
        """Returns the mean cross entropy of the tokens so far; 0 before any."""
        return ops.divide_no_nan(self.nats + self.nats_lost, self.tokens + self.tokens_lost)

    def get_config(self):
        return {**super().get_config(), "ignore_class": self.ignore_class}


def _add(total, lost, value):
    """Adds to a sum in two parts by Kahan's summation; Knuth's TwoSum gives the rounding error."""
    old = ops.convert_to_tensor(total)
    value = value + ops.convert_to_tensor(lost)
    new = old + value
    added = new - old
    error = (old - (new - added)) + (value - added)
    total.assign(new)
    lost.assign(ops.where(ops.isfinite(new), error, ops.zeros_like(error)))  # inf - inf is NaN


@keras.saving.register_keras_serializable(package="rnn_kit")
class Perplexity(_PerToken):
    """Computes the perplexity of a language model from logits.

        log PPL = -(1/N) Σ_n log p(w_n | w_1 ... w_{n-1})

    The sum runs over all N tokens since the last reset, so that each token has the same weight, in
    small batches and in large ones; the mean of the batches' perplexities would be larger. Before any
    token it is 1.

    Args:
        ignore_class: An id (often that of padding) whose tokens do not count. Default: `None`.
        name: Default: `"perplexity"`.
        dtype: `"float64"` computes in float64 under TensorFlow (elsewhere Keras takes logits in as
            float32); any other, and the default, in float32. Tokens are counted one by one beyond
            2^24 in either.

    Source: Jian Li, "Deep Learning: RNN" (IIS Tsinghua), "perplexity measure" of the captioning
    slides (there with logarithms of base 2, which gives the same number).

    Example:

    >>> metric = Perplexity(ignore_class=0)
    >>> metric.update_state(np.array([[1, 2, 0]]), np.zeros((1, 3, 8)))
    >>> round(float(metric.result()), 3)
    8.0
    """

    def __init__(self, ignore_class=None, name="perplexity", dtype=None):
        super().__init__(ignore_class, name, dtype)

    def result(self):
        return ops.exp(self.mean_nats())


@keras.saving.register_keras_serializable(package="rnn_kit")
class BitsPerCharacter(_PerToken):
    """Computes the cross entropy in bits a character from logits.

        BPC = -(1/N) Σ_n log2 p(c_n | c_1 ... c_{n-1})

    which is the cross entropy in nats divided by log 2. Token-weighted as `Perplexity`.

    Args:
        ignore_class: An id (often that of padding) whose characters do not count. Default: `None`.
        name: Default: `"bits_per_character"`.
        dtype: `"float64"` computes in float64 under TensorFlow (elsewhere Keras takes logits in as
            float32); any other, and the default, in float32. Tokens are counted one by one beyond
            2^24 in either.

    Source: the same sum as `Perplexity`; perplexity = 2^BPC.

    Example:

    >>> metric = BitsPerCharacter()
    >>> metric.update_state(np.array([[1, 2, 0]]), np.zeros((1, 3, 8)))
    >>> round(float(metric.result()), 3)
    3.0
    """

    def __init__(self, ignore_class=None, name="bits_per_character", dtype=None):
        super().__init__(ignore_class, name, dtype)

    def result(self):
        return self.mean_nats() / math.log(2)
