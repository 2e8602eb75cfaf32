"""Samplers, which draw ids from logits: the policy of a generator, separate from its loop."""

import math

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="rnn_kit")
class TemperatureSampler(keras.layers.Layer):
    """Draws ids from a softmax with a temperature.

        p_i = exp(a_i / T) / Σ_j exp(a_j / T)

    where a are the logits and T is the temperature. A low temperature sharpens the distribution
    (T → 0 leaves only the best id), a high one flattens it (T → ∞ draws uniformly). The note beside
    `sample()` in the lecture says the opposite; the formula above it is right.

    `top_k` then keeps the k likeliest ids, and `top_p` the fewest of these, likeliest first, whose
    probabilities add up to p (the nucleus); the rest is renormalised. Everything is computed in
    float32, whatever the dtype policy.

    A NaN is never drawn; an infinite logit is always drawn. Where a row has nothing to draw (all of it
    NaN, minus infinity, or probability 0), each id is equally likely.

    Args:
        temperature: T, finite and at least 0. 0 is argmax: no randomness. Default: 1.0.
        top_k: `None`, or an integer of at least 1. Default: `None`.
        top_p: `None`, or a number in (0, 1]. Default: `None`.
        from_logits: Whether the inputs are logits; else probabilities, which need not add up to 1;
            an id of probability 0 is never drawn. Default: `True`.
        seed: Seed of the draws. Default: `None`, a different one every time.

    `temperature`, `top_k`, `top_p` and `from_logits` may be set to other values later. These take
    effect from the next call on, in `rnn_kit.generation` too. (A `tf.function` of yours keeps what it
    traced.)

    Call arguments:
        inputs: `(..., V)`.

    Returns:
        int32 ids, `(...)`.

    Raises:
        ValueError: if `temperature`, `top_k` or `top_p` is out of its range.

    Source: Jian Li, "Deep Learning: RNN" (IIS Tsinghua), `sample()` of the text generation example.

    Example:

    >>> sampler = TemperatureSampler(temperature=0)
    >>> int(sampler(np.array([0.1, 2.0, 0.3])))
    1
    """

    def __init__(self, temperature=1.0, top_k=None, top_p=None, from_logits=True, seed=None, **kwargs):
        kwargs.setdefault("autocast", False)
        super().__init__(**kwargs)
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p
        self.from_logits = from_logits
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def temperature(self):
        return self._temperature

    @temperature.setter
    def temperature(self, value):
        check_sampling(temperature=value)
        self._temperature = float(value)

    @property
    def top_k(self):
        return self._top_k

    @top_k.setter
    def top_k(self, value):
        check_sampling(top_k=value)
        self._top_k = None if value is None else int(value)

    @property
    def top_p(self):
        return self._top_p

    @top_p.setter
    def top_p(self, value):
        check_sampling(top_p=value)
        self._top_p = None if value is None else float(value)

    def call(self, inputs):
        logits = ops.cast(inputs, "float32")
        if not self.from_logits:
            logits = ops.log(logits)  # log 0 = -inf is never drawn
        logits = ops.where(ops.isnan(logits), -float("inf"), logits)
        vocabulary_size = logits.shape[-1]
        if self.temperature == 0:
            return ops.cast(ops.argmax(logits, axis=-1), "int32")

        # The best logit becomes 0, so that dividing by a tiny temperature overflows only to -inf.
        # Where the best is infinite, inf - inf would be NaN.
        best = ops.max(logits, axis=-1, keepdims=True)
        logits = ops.where(logits == best, 0.0, logits - best)
        logits = logits / max(self.temperature, float(np.finfo("float32").tiny))
        # top_p = 1 restricts nothing, but a sum in float32 would leave some ids out.
        nucleus = None if self.top_p == 1 else self.top_p
        if self.top_k is None and nucleus is None:
            return self._draw(logits)

        k = vocabulary_size if self.top_k is None else min(self.top_k, vocabulary_size)
        logits, ids = ops.top_k(logits, k)  # sorted, best first
        if nucleus is not None:
            p = ops.softmax(logits, axis=-1)
            p_of_better = ops.cumsum(p, axis=-1) - p
            # The best id always stays: none is better.
            logits = ops.where(p_of_better < nucleus, logits, -float("inf"))
        rank = ops.expand_dims(self._draw(logits), -1)
        return ops.cast(ops.squeeze(ops.take_along_axis(ids, rank, axis=-1), -1), "int32")

    def _draw(self, logits):
        """Draws once from each row of `(..., n)` logits: int32 `(...)`."""
        leading = ops.shape(logits)[:-1]
        rows = ops.reshape(logits, (-1, logits.shape[-1]))
        ids = keras.random.categorical(rows, 1, dtype="int32", seed=self.seed_generator)
        return ops.reshape(ids, leading)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape[:-1], dtype="int32")

    def get_config(self):
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "top_k": self.top_k,
            "top_p": self.top_p,
            "from_logits": self.from_logits,
            "seed": self.seed,
        }


def check_sampling(temperature=1.0, top_k=None, top_p=None):
    """Checks the arguments of a sampler.

    Raises:
        ValueError: naming the argument, the values that it takes, and the one received.
    """
    if not (_is_number(temperature) and math.isfinite(temperature) and temperature >= 0):
        raise ValueError(
            "Argument `temperature` must be a finite number of at least 0 (0 is argmax). "
            f"Received: temperature={temperature!r}"
        )
    if top_k is not None and not (_is_number(top_k) and float(top_k).is_integer() and top_k >= 1):
        raise ValueError(
            f"Argument `top_k` must be an integer of at least 1, or None. Received: top_k={top_k!r}"
        )
    if top_p is not None and not (_is_number(top_p) and 0 < top_p <= 1):
        raise ValueError(
            f"Argument `top_p` must be a number in (0, 1], or None. Received: top_p={top_p!r}"
        )


def _is_number(value):
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
