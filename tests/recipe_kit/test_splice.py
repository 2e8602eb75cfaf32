"""Splice junctions: the sequences, their folds, and what is refused."""

import numpy as np
import pytest

from recipe_kit.datasets import DataError, genomes, splice


@pytest.fixture(scope="module")
def data():
    return splice.load_splice()


def test_the_sequences_come_with_the_project(monkeypatch):
    monkeypatch.delenv("RNN_KIT_DATA", raising=False)
    data = splice.load_splice()
    assert data.ids.shape == (3190, 60) and data.ids.max() < genomes.PAD
    assert np.bincount(data.classes).tolist() == [767, 768, 1655]
    assert data.info["duplicates"] == 185


def test_exons_end_before_gt_and_introns_with_ag(data):
    def share(number, begin, word):
        ids = data.ids[data.classes == number, begin : begin + 2]
        return (ids == [genomes.BASES.index(base) for base in word]).all(axis=1).mean()

    assert share(0, splice.MIDDLE, "GT") > 0.98
    assert share(1, splice.MIDDLE - 2, "AG") > 0.98
    assert share(2, splice.MIDDLE, "GT") < 0.1


def test_equal_sequences_are_in_one_fold(data):
    folds = {}
    for sequence, fold in zip(data.ids, data.folds, strict=True):
        folds.setdefault(sequence.tobytes(), set()).add(int(fold))
    assert len(data.ids) - len(folds) == 185
    assert all(len(of) == 1 for of in folds.values())


def test_folds_are_of_about_one_size_in_every_class_and_the_same_each_time(data):
    assert (splice.load_splice().folds == data.folds).all()
    for number in range(len(splice.CLASSES)):
        counts = np.bincount(data.folds[data.classes == number], minlength=splice.FOLDS)
        assert counts.min() > 0.8 * counts.mean()
    assert len(set(data.folds)) == splice.FOLDS


@pytest.mark.parametrize(
    ("sequence", "name", "told"),
    [
        ("A" * 59, "N", "line 3: expected one of EI, IE, N and 60 bases, found 'N' and 59"),
        ("A" * 60, "X", "found 'X' and 60"),
        ("A" * 59 + "J", "N", "line 3, base 60: 'J' is no base"),
    ],
)
def test_a_row_that_is_no_junction_is_told(sequence, name, told):
    with pytest.raises(DataError, match=told):
        splice.junctions(["N" * 60, sequence], ["EI", name], "file.csv")
