"""A training loss that normalises over a sample of the vocabulary."""

import keras
import numpy as np
import tensorflow as tf


class SampledCrossentropy(keras.losses.Loss):
    """Computes cross entropy over the frequent words and a sample of the others.

    With logits a_w = e_w · h, H frequent words (ids below H), and a set S of K ids drawn evenly from
    the V - H others, anew for each batch and shared by all its positions:

        nats = log Z - a_y
        Z = Σ_{w<H} e^(a_w)  +  (V-H)/K Σ_{w∈S, w≠y} e^(a_w)  +  [y ≥ H] e^(a_y)

    The frequent words hold most of the probability and are always in Z, so its variance over the draws
    is small. Its mean over the draws is the sum over all words; the mean of its logarithm is slightly
    less, which biases the loss slightly downward. A step costs H + K columns in place of V. Use it for
    training only: validation and test take the sum over all words.

    Args:
        embedding: The tied `keras.layers.ReversibleEmbedding`; its rows are e_w, most frequent first.
        frequent: H.
        drawn: K.
        step: An integer variable that changes with every step (the optimizer's `iterations`). The draws
            derive from it and the seed, so that a resumed run draws the same as an unbroken one.
        seed: Seed of the draws.

    Call arguments:
        y_true: Ids `(B, T)`.
        y_pred: h, `(B, T, D)`.

    Returns:
        Nats `(B, T)`, before the reduction.
    """

    def __init__(self, embedding, frequent, drawn, step, seed=0):
        super().__init__(name="sampled_crossentropy")
        self.embedding, self.step = embedding, step
        self.frequent, self.drawn, self.seed = frequent, drawn, seed

    def call(self, y_true, y_pred):
        rare = self.embedding.input_dim - self.frequent
        h = tf.cast(tf.reshape(y_pred, [-1, y_pred.shape[-1]]), tf.float32)
        y = tf.reshape(tf.cast(y_true, tf.int32), [-1])

        order = tf.random.stateless_uniform([rare], [self.seed % 2**31, tf.cast(self.step, tf.int32)])
        drawn = self.frequent + tf.math.top_k(order, self.drawn, sorted=False).indices
        # One look-up: its gradient covers only these rows, not the whole vocabulary.
        rows = tf.concat([tf.range(self.frequent), drawn, y], axis=0)
        vectors = tf.gather(self.embedding.embeddings.value, rows)
        others = self.frequent + self.drawn
        a = tf.matmul(h, vectors[:others], transpose_b=True)
        a_frequent, a_drawn = a[:, : self.frequent], a[:, self.frequent :]
        a_drawn += np.log(rare / self.drawn).astype("float32")
        a_drawn = tf.where(y[:, None] == drawn, -np.inf, a_drawn)
        a_y = tf.reduce_sum(h * vectors[others:], axis=-1)
        of_itself = tf.where(y < self.frequent, -np.inf, a_y)
        log_z = tf.reduce_logsumexp(
            tf.concat([a_frequent, a_drawn, of_itself[:, None]], axis=1), axis=1
        )
        return tf.reshape(log_z - a_y, tf.shape(y_true))
