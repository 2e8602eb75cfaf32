"""Drops whole words before they are embedded."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rnn_kit")
class WordDropout(keras.layers.Layer):
    """Replaces ids at random by the id of the unknown word, in training only.

        y_t = unknown with probability `rate`, else x_t        for x_t above `unknown`

    The model learns not to depend on single words, and learns a vector for unknown words. Unlike
    `keras.layers.Dropout`, it does not scale the rest, since ids are no quantities.

    Args:
        rate: Probability, in [0, 1).
        unknown: Id of the unknown word. Ids up to it (padding, start) are never replaced. Default: 2,
            as in `keras.datasets.imdb`.
        seed: Seed of the draws. Default: drawn from Keras's global seed.

    Call arguments:
        inputs: Integers of any shape, `(B, T)`.
        training: Whether to replace any. A mask passes through.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: if `rate` is not in [0, 1).

    Example:

    >>> ids = np.array([[1, 5, 6, 7, 0]])
    >>> rnn_kit.layers.WordDropout(0.999, seed=0)(ids, training=True).numpy().tolist()
    [[1, 2, 2, 2, 0]]
    """

    def __init__(self, rate, unknown=2, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"Argument `rate` must be in [0, 1). Received: rate={rate}")
        self.rate = rate
        self.unknown = unknown
        self.seed = seed
        if rate:
            self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True
        # A half-precision policy must not cast ids.
        self.autocast = False

    def call(self, inputs, training=False):
        if not (training and self.rate):
            return inputs
        drop = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator) < self.rate
        unknown = ops.cast(self.unknown, inputs.dtype)
        return ops.where(ops.logical_and(drop, inputs > unknown), unknown, inputs)

    def compute_output_spec(self, inputs, training=False):
        return keras.KerasTensor(inputs.shape, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"rate": self.rate, "unknown": self.unknown, "seed": self.seed}
        return {**super().get_config(), **config}
