"""A genome cut into parts by position, and the windows that are learned from."""

import itertools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recipe_kit import cli
from recipe_kit.datasets import genomes

TRAIN, VALIDATION = 0.7, 0.8  # where the training part and the validation part end
CODON = 3


class Parts(NamedTuple):
    """The parts of a genome, which share no base.

    Attributes:
        train, validation, test: `genomes.Labelled`.
        whole: `genomes.Labelled`, of all three.
        test_begin: The base with which the test part begins.
        info, notes: As of `genomes.Genome`.
    """

    train: genomes.Labelled
    validation: genomes.Labelled
    test: genomes.Labelled
    whole: genomes.Labelled
    test_begin: int
    info: dict
    notes: tuple


def load(settings):
    """Loads a genome, and cuts it by position: the last fifth is the test, a tenth before validates."""
    genome = genomes.load_genome(settings.data, settings.annotation)
    whole, info, notes = genomes.labelled(genome.records), genome.info, genome.notes
    if settings.limit and settings.limit < len(whole.ids):
        whole = whole.part(0, settings.limit)
        info = {**info, "bases": len(whole.ids), "genes": len(whole.genes)}
        notes += (
            f"The first {len(whole.ids):,} bases of {genome.info['bases']:,}: --limit says how many.",
        )
    n = len(whole.ids)
    cuts = [0, int(TRAIN * n), int(VALIDATION * n), n]
    train, validation, test = (whole.part(a, b) for a, b in itertools.pairwise(cuts))
    for part, name in ((train, "training"), (test, "test")):
        if not part.genes:
            raise cli.UserError(
                f"--data {settings.data}: the {name} part, {len(part.ids):,} of {n:,} bases, has no "
                "whole gene: expected a longer genome."
            )
    if len(train.ids) < settings.window:
        raise cli.UserError(
            f"--window {settings.window}: the training part has {len(train.ids):,} bases. Give a "
            "smaller number, or a longer genome."
        )
    sizes = zip(("train", "validation", "test"), (train, validation, test), strict=True)
    info = {**info, **{f"{name}_bases": len(part.ids) for name, part in sizes}}
    return Parts(train, validation, test, whole, cuts[2], info, notes)


def training_batches(settings, train, first_batch=0):
    """Draws endless batches of windows of either strand; batch k is drawn from (seed, k).

    Args:
        settings: Of the run.
        train: `genomes.Labelled`.
        first_batch: The number of batches to leave out, to continue where a run ended.

    Returns:
        A `tf.data.Dataset` of int32 ids `(B, 3 T)` and the states of their T codons `(B, T)`: the state
        of every third base 3 t + 2, which is in the codon of step t in each of the three frames.
    """
    n = len(train.ids) // CODON * CODON
    strand = train.part(0, n)
    other = strand.reverse_complement()
    ids = tf.constant(np.concatenate([strand.ids, other.ids]))
    states = tf.constant(np.concatenate([strand.states, other.states]))
    bases = tf.range(settings.window, dtype=tf.int64)
    seed = tf.constant(settings.seed, tf.int64)

    def draw(number):
        keys = tf.stack([seed, 2 * number]), tf.stack([seed, 2 * number + 1])
        shape = (settings.batch_size,)
        most = tf.constant(n - settings.window + 1, tf.int64)
        start = tf.random.stateless_uniform(shape, keys[0], 0, most, tf.int64)
        start += n * tf.random.stateless_uniform(shape, keys[1], 0, 2, tf.int64)
        at = start[:, None] + bases
        there = tf.cast(tf.gather(states, at[:, CODON - 1 :: CODON]), tf.int64)
        # Frames that count from the window's first base.
        frame = tf.math.floormod(there - 1 - start[:, None], CODON)
        relative = tf.where(there == 0, there, 1 + CODON * tf.cast(there > 3, tf.int64) + frame)
        return tf.cast(tf.gather(ids, at), tf.int32), tf.cast(relative, tf.int32)

    return tf.data.Dataset.counter(first_batch).map(draw).prefetch(2)
