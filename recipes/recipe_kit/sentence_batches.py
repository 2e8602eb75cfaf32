"""Sentences as training examples: their conditioning input, the words so far, and the next word."""

import numpy as np
import tensorflow as tf

from rnn_kit.pipelines import sequence_batches, sequence_dataset
from rnn_kit.text import Sequences


def numbered(sentences, vocabulary):
    """Numbers sentences, lists of words, each followed by its end.

    Ids are one higher than the vocabulary's, so that 0 is free for padding.
    """
    return Sequences.of(
        [np.append(vocabulary.encode(words), vocabulary.end) + 1 for words in sentences]
    )


def training_batches(sentences, of, read, end, batch_size, seed, first_batch):
    """Returns endless batches of sentences of about one length, each with its conditioning input.

    Args:
        sentences: From `numbered`.
        of: Integers `(n,)`, the index of each sentence's conditioning input.
        read: `read(indexes (B,)) -> dict` of tensors `(B, ...)`, the conditioning inputs.
        end: The id of the end in the vocabulary, which every sentence starts from.
        batch_size, seed, first_batch: As in `rnn_kit.pipelines.sequence_dataset`.

    Returns:
        A dataset of `(inputs, next words (B, T), weights (B, T))`, 0 for padding and with a mean of 1;
        the batches of an epoch, and its words.
    """
    dataset, batches = sequence_dataset(sentences, of, batch_size, seed, first_batch)
    dataset = dataset.map(_example(read, end), tf.data.AUTOTUNE).map(_weigh).prefetch(2)
    return dataset, batches, len(sentences.flat)


def evaluation_batches(sentences, of, read, end, batch_size):
    """Returns batches of every sentence once, with its conditioning input, the shortest first.

    Args:
        sentences, of, read, end, batch_size: As in `training_batches`.

    Returns:
        A dataset of `(inputs, next words (B, T), weights (B, T))`, 0 for padding; and the sentences'
        number of words, including their ends.
    """
    order = np.argsort(sentences.lengths, kind="stable")
    dataset = sequence_batches(sentences.take(order), of[order], batch_size)
    return dataset.map(_example(read, end)), len(sentences.flat)


def _example(read, end):
    """Returns a function from ids `(B, T)`, 0 for padding, and indexes `(B,)` to what `fit` takes."""

    def example(ids, of):
        present = tf.cast(ids > 0, tf.float32)
        targets = tf.maximum(ids - 1, 0)
        words = tf.concat([tf.fill([tf.shape(ids)[0], 1], end), targets[:, :-1]], axis=1)
        return {"words": words, **read(tf.cast(of, tf.int32))}, targets, present

    return example


def _weigh(inputs, targets, present):
    """Returns weights with mean 1, so that a sum over `(B, T)` divided by B T is the mean over words.

    This also holds if each of several devices sums over its share of the rows.
    """
    return inputs, targets, present / tf.reduce_mean(present)
