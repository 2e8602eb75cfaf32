"""Captions as training examples: an image, the words so far, and the word that follows each."""

import numpy as np
import tensorflow as tf

from recipe_kit import sentence_batches

EVALUATED = 256  # captions a batch, where nothing is trained


def training_batches(part, vocabulary, batch_size, seed, first_batch):
    """Batches captions of about one length, each beside its image: see `sentence_batches`."""
    return sentence_batches.training_batches(
        *_captions(part, vocabulary), batch_size, seed, first_batch
    )


def evaluation_batches(part, vocabulary):
    """Batches every caption of a part once, beside its image: see `sentence_batches`."""
    return sentence_batches.evaluation_batches(*_captions(part, vocabulary), EVALUATED)


def _captions(part, vocabulary):
    """All captions of a part, the index of the image of each, the images, and the id of the end."""
    captions = sentence_batches.numbered([words for image in part.words for words in image], vocabulary)
    of = np.repeat(np.arange(len(part)), [len(image) for image in part.words])
    images = {name: tf.constant(values) for name, values in part.images.items()}

    def read(rows):
        return {name: tf.cast(tf.gather(v, rows), tf.float32) for name, v in images.items()}

    return captions, of, read, vocabulary.end
