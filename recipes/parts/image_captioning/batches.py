"""Captions as training examples: an image, the words so far, and the word that follows each."""

import numpy as np
import tensorflow as tf

from rnn_kit.pipelines import sequence_batches, sequence_dataset
from rnn_kit.text import Sequences

EVALUATED = 256  # captions a batch, where nothing is trained


def caption_ids(part, vocabulary):
    """Numbers all captions of a part, each with its end; and tells the index of the image of each.

    Ids are one higher than the vocabulary's, so that 0 is free to pad with.
    """
    ids = [
        np.append(vocabulary.encode(words), vocabulary.end) + 1
        for image in part.words
        for words in image
    ]
    return Sequences.of(ids), np.repeat(np.arange(len(part)), [len(image) for image in part.words])


def training_batches(part, vocabulary, batch_size, seed, first_batch):
    """Batches captions of about one length, each beside its image, without end.

    Returns:
        A dataset of `(inputs, next words (B, T), weights (B, T))`, 0 for padding and with a mean of 1;
        the batches of an epoch, and its words.
    """
    captions, of = caption_ids(part, vocabulary)
    dataset, batches = sequence_dataset(captions, of, batch_size, seed, first_batch)
    example = _example(part.images, vocabulary.end)
    dataset = dataset.map(example, tf.data.AUTOTUNE).map(_weigh).prefetch(2)
    return dataset, batches, len(captions.flat)


def evaluation_batches(part, vocabulary):
    """Batches every caption of a part once, beside its image, the shortest first.

    Returns:
        A dataset of `(inputs, next words (B, T), weights (B, T))`, 0 for padding; and how many words
        the captions have, their ends counted.
    """
    captions, of = caption_ids(part, vocabulary)
    order = np.argsort(captions.lengths, kind="stable")
    dataset = sequence_batches(captions.take(order), of[order], EVALUATED)
    return dataset.map(_example(part.images, vocabulary.end)), len(captions.flat)


def _example(images, end):
    """Returns a function from ids `(B, T)`, 0 for padding, and images' indexes to what `fit` takes."""
    images = {name: tf.constant(values) for name, values in images.items()}

    def example(ids, of):
        present = tf.cast(ids > 0, tf.float32)
        targets = tf.maximum(ids - 1, 0)
        words = tf.concat([tf.fill([tf.shape(ids)[0], 1], end), targets[:, :-1]], axis=1)
        rows = tf.cast(of, tf.int32)
        theirs = {name: tf.cast(tf.gather(v, rows), tf.float32) for name, v in images.items()}
        return {"words": words, **theirs}, targets, present

    return example


def _weigh(inputs, targets, present):
    """Weights whose mean is 1: a sum over all of `(B, T)`, divided by B T, is the mean over the words.

    So it is too where each of several devices sums over its share of the rows.
    """
    return inputs, targets, present / tf.reduce_mean(present)
