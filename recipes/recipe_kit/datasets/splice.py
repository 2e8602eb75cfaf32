"""Splice junctions of primate genes: whether an exon ends, an intron ends, or neither, in 60 bases.

The data set of UCI's repository, "Molecular Biology (Splice-junction Gene Sequences)", which Towell,
Noordewier and Shavlik took from GenBank.
"""

import csv
import hashlib
from typing import NamedTuple

import numpy as np

from recipe_kit.datasets import genomes
from recipe_kit.datasets._files import DataError

NAME = "splice"
CLASSES = ("EI", "IE", "N")
IN_WORDS = ("exon to intron", "intron to exon", "neither")
LENGTH, MIDDLE = 60, 30  # bases of a sequence; the junction is before the base of this index
FOLDS = 10
_FILE = "splice.csv", "a8e1f2f76ef4c2393bb5d072c6e94c2db919d9c319a377012b59a5567fe6f5e8"
_ADVICE = "it comes with the project: get the file again"
_DEALT = 20_111  # seed of the folds, which are the same for all runs' seeds


class Junctions(NamedTuple):
    """Sequences and their classes.

    Attributes:
        ids: uint8 `(n, 60)`, ids in `genomes.BASES`.
        classes: int32 `(n,)`, indexes of `CLASSES`.
        folds: int32 `(n,)`, from 0 to 9. Equal sequences are in one fold.
        info: The record for a result: `name`, `sha256`, numbers of sequences and duplicates.
    """

    ids: np.ndarray
    classes: np.ndarray
    folds: np.ndarray
    info: dict


def load_splice():
    """Loads the 3,190 sequences, of which 185 are duplicates of others.

    Raises:
        DataError: If the file is missing or another one.
    """
    path = genomes.known_file(*_FILE, NAME, _ADVICE)
    with open(path, newline="", encoding="utf-8") as file:
        rows = [[field.strip() for field in row] for row in csv.reader(file)][1:]
    return junctions([row[2] for row in rows], [row[0] for row in rows], path)


def junctions(sequences, names, place):
    """Makes `Junctions` of strings of bases and names of classes.

    Raises:
        DataError: naming the row whose class is unknown, or whose sequence has another length or
            letters that are no bases.
    """
    for number, (sequence, name) in enumerate(zip(sequences, names, strict=True), start=2):
        if name not in CLASSES or len(sequence) != LENGTH:
            raise DataError(
                f"{place}, line {number}: expected one of {', '.join(CLASSES)} and {LENGTH} bases, "
                f"found {name!r} and {len(sequence)}."
            )
    ids = np.stack(
        [genomes.ids_of(s, f"{place}, line {number}") for number, s in enumerate(sequences, start=2)]
    )
    classes = np.array([CLASSES.index(name) for name in names], "int32")
    alike = {}
    for row, sequence in enumerate(sequences):
        alike.setdefault(sequence.upper(), []).append(row)
    info = {
        "name": NAME,
        "sha256": hashlib.sha256(ids.tobytes() + classes.tobytes()).hexdigest(),
        "sequences": len(ids),
        "duplicates": len(ids) - len(alike),
    }
    return Junctions(ids, classes, _folds(alike.values(), classes), info)


def _folds(groups, classes):
    """Deals groups of equal sequences out to the folds, class by class, in an order drawn once."""
    folds = np.empty(len(classes), "int32")
    rng, dealt = np.random.default_rng(_DEALT), 0
    groups = list(groups)
    for number in range(len(CLASSES)):
        own = [rows for rows in groups if classes[rows[0]] == number]
        for at in rng.permutation(len(own)):
            folds[own[at]] = dealt % FOLDS
            dealt += 1
    return folds
