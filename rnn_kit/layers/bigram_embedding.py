"""A bag of bigrams: vectors of pairs of neighbouring words."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="rnn_kit")
class BigramEmbedding(keras.layers.Layer):
    """Embeds a text's bigrams, its pairs of neighbouring words, and sums their vectors.

        y = n^(-1/2) Σ_t e(x_t, x_(t+1))        over the n pairs of the text that the layer knows

    "not good" has a vector of its own here, wherever it occurs: the knowledge of a linear model of
    bigrams (TF-IDF with bigrams, or Keras's example `imdb_fasttext`), to complement a recurrent layer.
    The root is that of `combiner="sqrtn"` in TensorFlow's `embedding_lookup_sparse`: a sum grows with
    the text's length, and a mean drowns a single telling pair. A text without a known pair gives zeros.

    Args:
        count: K, the number of known pairs, which `set_vocabulary` sets.
        vocabulary_size: V, greater than all ids; at most 46,340.
        output_dim: D, the size of a pair's vector.
        embeddings_initializer: Initializer of the vectors. Default: `"uniform"`, as in
            `keras.layers.Embedding`.

    Call arguments:
        inputs: Ids `(B, T)`; 0 is padding, and part of no pair.

    Output shape:
        `(B, D)`.

    Weights:
        embeddings: `(K, D)`.
        codes: int32 `(K,)`, not trained: V a + b for the pair of ids (a, b), in rising order.

    Raises:
        ValueError: if K is below 1 or V is too large; from `set_vocabulary`, if the pairs are not K.

    Example:

    >>> layer = rnn_kit.layers.BigramEmbedding(2, vocabulary_size=10, output_dim=3)
    >>> layer.set_vocabulary([(4, 5), (5, 6)])
    >>> layer(np.array([[4, 5, 0], [4, 6, 5]])).numpy()[1].tolist()
    [0.0, 0.0, 0.0]
    """

    MAX_VOCABULARY_SIZE = 46_340  # its square, greater than all codes, is an int32

    def __init__(self, count, vocabulary_size, output_dim, embeddings_initializer="uniform", **kwargs):
        super().__init__(**kwargs)
        # A half-precision policy would round ids: float16 has no odd number above 2048.
        self.autocast = False
        if count < 1 or vocabulary_size > self.MAX_VOCABULARY_SIZE:
            raise ValueError(
                "Argument `count` must be at least 1, and `vocabulary_size` at most "
                f"{self.MAX_VOCABULARY_SIZE}. Received: count={count}, "
                f"vocabulary_size={vocabulary_size}"
            )
        self.count = count
        self.vocabulary_size = vocabulary_size
        self.output_dim = output_dim
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.build()

    def build(self, input_shape=None):
        if self.built:
            return
        shape = (self.count, self.output_dim)
        self.embeddings = self.add_weight(shape, self.embeddings_initializer, name="embeddings")
        self.codes = self.add_weight(
            (self.count,), "zeros", dtype="int32", trainable=False, name="codes", autocast=False
        )
        self.built = True

    def set_vocabulary(self, pairs):
        """Sets the pairs that the layer knows.

        Args:
            pairs: Integers `(K, 2)`, as `rnn_kit.text.Sequences.frequent_bigrams` gives them.

        Raises:
            ValueError: if they are not K different ones.
        """
        first, second = np.asarray(pairs, "int64").T
        codes = np.unique(first * self.vocabulary_size + second)
        if len(codes) != self.count:
            raise ValueError(f"Expected {self.count} different pairs. Received: {len(codes)}")
        self.codes.assign(codes.astype("int32"))

    def call(self, inputs):
        # Padding after the text gives a text of one word a pair too, but not a known one.
        ids = ops.pad(ops.cast(inputs, "int32"), [[0, 0], [0, 1]])
        first, second = ids[:, :-1], ids[:, 1:]
        code = first * self.vocabulary_size + second
        known = ops.convert_to_tensor(self.codes)
        at = ops.minimum(ops.searchsorted(known, ops.reshape(code, (-1,))), self.count - 1)
        at = ops.reshape(at, ops.shape(code))
        here = ops.logical_and(ops.equal(ops.take(known, at), code), first * second > 0)
        here = ops.cast(here, self.compute_dtype)[..., None]
        vectors = ops.take(ops.cast(self.embeddings, self.compute_dtype), at, axis=0) * here
        return ops.sum(vectors, axis=1) / ops.sqrt(ops.maximum(ops.sum(here, axis=1), 1))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)

    def get_config(self):
        config = {
            "count": self.count,
            "vocabulary_size": self.vocabulary_size,
            "output_dim": self.output_dim,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
        }
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable(package="rnn_kit")
class WordPairs(BigramEmbedding):
    """The former name of `BigramEmbedding`, with which models saved under it load.

    It must be a class, as Keras finds a layer's weights in a file by the class's name.
    """
