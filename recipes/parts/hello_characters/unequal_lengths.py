"""Compares words of different lengths in one padded batch with the same words one by one.

The notes after Andrew Ng (002) end by asking whether sequences must be of one length, given the loss

    L = Σ_t L_t      L_t = -log softmax(y_t)[target_t]      over the steps t of a sequence

They need not: each sequence has a sum over its own steps. To read several at once, the shorter ones
are padded, and a mask marks the padding: there the states stay as they are, and the loss counts
nothing. Here the same network reads and learns the same words both ways, in double precision.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from scipy import stats

WORDS = {"hello": 4, "help": 3, "he": 2, "hole": 2, "hollow": 1}  # to its count in the corpus
PADDING, END = 0, 1  # ids; the other characters follow
CHARACTERS = ("", ".", *sorted(set("".join(WORDS))))
UNITS, LEARNING_RATE = 16, 0.01
FLOAT = "float64"


@dataclass(frozen=True)
class Lengths:
    """The differences between reading and learning in a padded batch and one by one.

    Attributes:
        probabilities, gradients, weights: How far the padded batch is from the words one by one: the
            largest absolute difference of the probabilities of the next characters, before training;
            the norm of the difference of the gradients, as a share of the norm; and the largest
            absolute difference of the weights, after training.
        unmasked: The share for gradients if the padding is read and counted as a character.
        nats: The mean -ln p of a word given its first letter, after training in the padded batch.
        entropy: The corpus's entropy, the lower bound of `nats`.
        model: The trained network, from ids `(B, T)` to logits `(B, T, V)`.
    """

    probabilities: float
    gradients: float
    weights: float
    unmasked: float
    nats: float
    entropy: float
    model: keras.Model


def compare(seed, steps):
    """Reads and learns the words in one padded batch and each by itself, from the same weights.

    Args:
        seed: Seed of the weights.
        steps: Training steps.

    Returns:
        The `Lengths`.
    """
    alone = [lesson(word, times) for word, times in WORDS.items()]
    padded = [padded_batch(alone)]
    model = build_model(seed)
    rows = iter(tf.nn.softmax(model(padded[0][0])).numpy())
    probabilities = max(
        float(np.abs(own - next(rows)[: len(own)]).max())
        for inputs, _ in alone
        for own in tf.nn.softmax(model(inputs)).numpy()
    )
    gradients = relative_difference(gradient(model, padded), gradient(model, alone))
    unmasked = build_model(seed, mask=False)
    unmasked_gradients = relative_difference(gradient(unmasked, padded), gradient(model, alone))
    twin = build_model(seed)
    loss = train(model, padded, steps)
    train(twin, alone, steps)
    pairs = zip(model.get_weights(), twin.get_weights(), strict=True)
    return Lengths(
        probabilities,
        gradients,
        max(float(np.abs(a - b).max()) for a, b in pairs),
        unmasked_gradients,
        loss / sum(WORDS.values()),
        float(stats.entropy(list(WORDS.values()))),
        model,
    )


def encode(characters):
    return [CHARACTERS.index(character) for character in characters]


def lesson(word, times=1):
    """Returns a word `times` times as ids `(times, T)`, and the ids that follow each, the end last."""
    ids = encode(word)
    return tuple(np.repeat([of], times, axis=0) for of in (ids, [*ids[1:], END]))


def padded_batch(lessons, padding="post"):
    """Returns all lessons in one batch `(B, T)`, padded to the longest."""
    return tuple(
        keras.utils.pad_sequences([row for ids in of for row in ids], padding=padding, value=PADDING)
        for of in zip(*lessons, strict=True)
    )


def build_model(seed, mask=True):
    """Builds a network from ids `(B, T)` to logits `(B, T, V)`; with a mask, `PADDING` is not read."""
    keras.utils.set_random_seed(seed)
    one_hot = {"embeddings_initializer": "identity", "trainable": False, "mask_zero": mask}
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(len(CHARACTERS), len(CHARACTERS), dtype=FLOAT, **one_hot),
            keras.layers.SimpleRNN(UNITS, return_sequences=True, dtype=FLOAT),
            keras.layers.Dense(len(CHARACTERS), dtype=FLOAT),
        ]
    )


def loss_of(model, batches):
    """Returns L, the sum over all words; Keras's loss takes the mask from the network's output."""
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="sum", dtype=FLOAT
    )
    return tf.add_n([cross_entropy(targets, model(inputs)) for inputs, targets in batches])


def gradient(model, batches):
    """Returns the gradient of L, all weights in one vector."""
    with tf.GradientTape() as tape:
        loss = loss_of(model, batches)
    gradients = tape.gradient(loss, model.trainable_variables)
    return np.concatenate([tf.reshape(each, [-1]).numpy() for each in gradients])


def relative_difference(ours, theirs):
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def train(model, batches, steps):
    """Takes steps of Adam on L of all words. Returns L afterwards."""
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    variables = model.trainable_variables
    optimizer.build(variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = loss_of(model, batches)
        optimizer.apply(tape.gradient(loss, variables), variables)

    for _ in range(steps):
        step()
    return float(loss_of(model, batches))


def report(lengths):
    """Returns lines: how far the two ways are apart, and what the network learned."""
    letters, words = sorted(map(len, WORDS)), sum(WORDS.values())
    return "\n".join(
        [
            f"{words} words of {letters[0]} to {letters[-1]} letters, in one padded batch "
            "with a mask, and each by itself:",
            f"  probabilities of the next characters  differ by up to {lengths.probabilities:.0e}",
            f"  gradients                             differ by {lengths.gradients:.0e} of their norm",
            f"  weights after training                differ by up to {lengths.weights:.0e}",
            f"Without the mask the gradient differs by {lengths.unmasked:.0%} of its norm.",
            f"After training a word costs {lengths.nats:.3f} nats, given its first letter; the entropy "
            f"of the words is {lengths.entropy:.3f}.",
        ]
    )


def metrics(lengths):
    """Returns a flat dict of names to numbers."""
    return {
        "lengths_probabilities_apart": lengths.probabilities,
        "lengths_gradients_apart": lengths.gradients,
        "lengths_weights_apart": lengths.weights,
        "lengths_gradients_apart_without_mask": lengths.unmasked,
        "lengths_word_nats": lengths.nats,
        "lengths_word_entropy": lengths.entropy,
    }
