"""Captions as training examples: an image, the words so far, and the word that follows each."""

import numpy as np
import tensorflow as tf

from recipe_kit import sentence_batches

EVALUATED = 256  # captions a batch, without training


def training_batches(part, vocabulary, batch_size, seed, first_batch):
    """Returns batches of captions of about one length, with their images: see `sentence_batches`."""
    return sentence_batches.training_batches(
        *_captions(part, vocabulary), batch_size, seed, first_batch
    )


def evaluation_batches(part, vocabulary):
    """Returns every caption of a part once, in batches with images: see `sentence_batches`."""
    return sentence_batches.evaluation_batches(*_captions(part, vocabulary), EVALUATED)


def _captions(part, vocabulary):
    """Returns a part's captions, the index of each one's image, an image reader, and the end's id."""
    captions = sentence_batches.numbered([words for image in part.words for words in image], vocabulary)
    of = np.repeat(np.arange(len(part)), [len(image) for image in part.words])
    images = {name: tf.constant(values) for name, values in part.images.items()}

    def read(rows):
        return {name: tf.cast(tf.gather(v, rows), tf.float32) for name, v in images.items()}

    return captions, of, read, vocabulary.end
