"""Sequences of unequal lengths: stored flat, split by their labels, and padded into batches."""

import numpy as np
import pytest
from marks import slow_but

from rnn_kit.pipelines import sequence_batches, sequence_dataset
from rnn_kit.text import LabelledSequences, Sequences, TextError


def take(dataset, n):
    return list(dataset.take(n).as_numpy_iterator())


def epochs_of(dataset, batches, n):
    """The batches of n epochs, epoch by epoch."""
    every = take(dataset, n * batches)
    return [every[epoch * batches : (epoch + 1) * batches] for epoch in range(n)]


def members(epoch):
    """What an epoch's batches hold, where each sequence's label is its number."""
    return [labels.astype(int).tolist() for _, labels in epoch]


def assert_equal_batches(one, other):
    for (ids, labels), (other_ids, other_labels) in zip(one, other, strict=True):
        np.testing.assert_array_equal(ids, other_ids)
        np.testing.assert_array_equal(labels, other_labels)


@pytest.fixture
def some(rng):
    """23 sequences of 1 to 40 ids above 0."""
    return Sequences.of([rng.integers(1, 1000, n) for n in rng.integers(1, 41, 23)])


@pytest.fixture
def many(rng):
    """1,000 sequences whose lengths are spread as those of film reviews are, cut at 150."""
    lengths = np.minimum(np.exp(rng.normal(3.5, 0.7, 1000)).astype(int) + 1, 150)
    return Sequences(np.ones(lengths.sum(), int), lengths)


# Sequences


def test_sequences_come_back_as_they_were_put_in(rng):
    arrays = [rng.integers(0, 100, n) for n in (3, 0, 7, 1)]
    sequences = Sequences.of(arrays)
    assert len(sequences) == 4 and sequences.flat.dtype == np.int32
    assert sequences.lengths.tolist() == [3, 0, 7, 1] and sequences.starts.tolist() == [0, 3, 3, 10]
    for got, put in zip(sequences, arrays, strict=True):
        np.testing.assert_array_equal(got, put)
    np.testing.assert_array_equal(sequences[-1], arrays[-1])


def test_taking_gives_those_of_the_indexes_in_their_order(some):
    indexes = [5, 0, 5, 22]
    taken = some.take(indexes)
    assert [ids.tolist() for ids in taken] == [some[i].tolist() for i in indexes]
    assert len(some.take([])) == 0 and some.take([]).flat.tolist() == []


@pytest.mark.parametrize("n", [1, 7, 40, 1000])
def test_the_last_ids_of_each_are_kept(n, some):
    assert [ids.tolist() for ids in some.last(n)] == [ids[-n:].tolist() for ids in some]


def test_ids_of_the_size_and_above_become_unknown(some):
    replaced = some.replace_oov(500, oov_id=2)
    assert replaced.flat.dtype == np.int32
    for got, ids in zip(replaced, some, strict=True):
        assert got.tolist() == [i if i < 500 else 2 for i in ids]


def test_no_sequences_are_sequences_too():
    assert len(Sequences.of([])) == 0


@pytest.mark.parametrize(
    ("flat", "lengths", "message"),
    [
        ([1, 2, 3], [1, 1], "add up to 2, and there are 3 ids"),
        ([1, 2, 3], [4, -1], "add up to 3"),
        ([1.0, 2.0], [2], "float64"),
        ([[1, 2]], [2], r"shape \(1, 2\)"),
        ([1, 2], [2.0], "float64"),
    ],
)
def test_ids_and_lengths_that_do_not_fit_are_refused(flat, lengths, message):
    with pytest.raises(TextError, match=message):
        Sequences(flat, lengths)


# Splitting


def labelled(labels):
    """Sequences of one id, their own number."""
    n = len(labels)
    return LabelledSequences(Sequences(np.arange(n), np.ones(n, int)), np.array(labels))


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.9])
def test_a_split_is_complete_disjoint_and_has_its_share_of_each_label(fraction, rng):
    whole = labelled(rng.permutation([0] * 300 + [1] * 100))
    parts = whole.split(fraction, seed=1)
    numbers = np.concatenate([part.sequences.flat for part in parts])
    assert sorted(numbers) == list(range(400))
    for part in parts:
        np.testing.assert_array_equal(part.labels, whole.labels[part.sequences.flat])
        assert (np.diff(part.sequences.flat) > 0).all()  # in the order that they had
    assert np.bincount(parts[1].labels).tolist() == [300 * fraction, 100 * fraction]


def test_a_split_is_the_seeds_own():
    whole = labelled([0, 1] * 100)
    one, same, other = (whole.split(0.2, seed)[1].sequences.flat.tolist() for seed in (1, 1, 2))
    assert one == same and one != other
    assert one != list(range(40))  # not simply the first of them


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.999])
def test_each_label_is_in_both_parts_of_the_most_uneven_split(fraction):
    for part in labelled([0] * 50 + [1, 1]).split(fraction, seed=0):
        assert set(part.labels) == {0, 1}


@pytest.mark.parametrize("n", [3, 7, 11, 33])
def test_an_odd_number_is_split_off_exactly(n):
    """Halves of both labels are not both rounded up."""
    first, second = labelled([0, 1] * 50).split(n / 100, seed=0)
    assert (len(first), len(second)) == (100 - n, n)
    assert abs(np.diff(np.bincount(second.labels))) == 1


# Endless batches


@pytest.mark.parametrize("bucket", [True, False])
@pytest.mark.parametrize("batch_size", [1, 4, 23, 50])
def test_every_sequence_comes_once_an_epoch(batch_size, bucket, some):
    dataset, batches = sequence_dataset(some, np.arange(23), batch_size, seed=1, bucket=bucket)
    assert batches == {1: 23, 4: 6, 23: 1, 50: 1}[batch_size]
    for epoch in epochs_of(dataset, batches, 3):
        sizes = [len(labels) for _, labels in epoch]
        assert sorted(np.concatenate(members(epoch))) == list(range(23))
        # What is left over makes one smaller batch.
        assert sorted(sizes) == sorted(
            [min(batch_size, 23)] * (23 // batch_size or 1) + [3] * (batches == 6)
        )


@pytest.mark.parametrize("bucket", [True, False])
def test_the_order_is_that_of_the_seed_and_the_epoch(bucket, some):
    def orders(seed):
        dataset, batches = sequence_dataset(some, np.arange(23), 4, seed=seed, bucket=bucket)
        return [members(epoch) for epoch in epochs_of(dataset, batches, 3)]

    one = orders(seed=1)
    assert one == orders(seed=1)
    distinct = {str(epoch) for epoch in one + orders(seed=2)}
    assert len(distinct) == 6


@pytest.mark.parametrize("bucket", [True, False])
@pytest.mark.parametrize("first", slow_but([3, 12], [1, 3, 6, 7, 12, 17]))
def test_a_run_that_goes_on_sees_what_an_unbroken_one_sees(first, bucket, some):
    """6 batches an epoch: from within one, at its end, and past others."""
    unbroken, _ = sequence_dataset(some, np.arange(23), 4, seed=3, bucket=bucket)
    resumed, batches = sequence_dataset(some, np.arange(23), 4, 3, first, bucket=bucket)
    assert batches == 6
    assert_equal_batches(take(unbroken, 25)[first:], take(resumed, 25 - first))


def padding(epoch, sequences):
    """The share of an epoch's ids that are padding."""
    return 1 - len(sequences.flat) / sum(ids.size for ids, _ in epoch)


def test_buckets_leave_little_padding(many):
    shares = {}
    for bucket in (True, False):
        dataset, batches = sequence_dataset(many, np.arange(1000), 32, seed=1, bucket=bucket)
        shares[bucket] = [padding(epoch, many) for epoch in epochs_of(dataset, batches, 2)]
    assert min(shares[False]) > 0.5
    assert max(shares[True]) < 0.15


def test_buckets_are_shuffled_and_their_members_change(many):
    dataset, batches = sequence_dataset(many, np.arange(1000), 32, seed=1)
    first, second = epochs_of(dataset, batches, 2)
    for epoch in (first, second):
        widths = np.array([ids.shape[1] for ids, _ in epoch])
        assert abs(np.corrcoef(widths, np.arange(batches))[0, 1]) < 0.6
    partners = {i: set(batch) for batch in members(first) for i in batch}
    again = [len(partners[i] & set(batch)) - 1 for batch in members(second) for i in batch]
    assert np.mean(again) < 31 / 2  # of 31 others in a batch


@pytest.mark.parametrize("length", [None, 45])
@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("bucket", [True, False])
def test_batches_hold_the_ids_the_labels_and_zeros(bucket, padding, length, some):
    dataset, batches = sequence_dataset(
        some, np.arange(23), 4, seed=1, bucket=bucket, length=length, padding=padding
    )
    for ids, labels in take(dataset, batches):
        assert (ids.dtype, labels.dtype) == (np.int32, np.float32)
        ours = [some[i] for i in labels.astype(int)]
        assert ids.shape == (len(ours), length or max(map(len, ours)))
        for row, its in zip(ids, ours, strict=True):
            zeros = [0] * (ids.shape[1] - len(its))
            assert row.tolist() == (zeros + its.tolist() if padding == "pre" else its.tolist() + zeros)


def test_a_batch_has_the_rank_that_a_model_needs(some):
    for dataset in (
        sequence_dataset(some, np.zeros(23), 4)[0],
        sequence_batches(some, np.zeros(23), 4),
    ):
        ids, labels = dataset.element_spec
        assert ids.shape.rank == 2 and labels.shape.rank == 1


# Batches in order


@pytest.mark.parametrize("length", [None, 45])
@pytest.mark.parametrize("padding", ["pre", "post"])
def test_batches_for_evaluation_come_in_the_order_given(padding, length, some):
    with_labels = sequence_batches(some, np.arange(23), 5, length=length, padding=padding)
    alone = sequence_batches(some, None, 5, length=length, padding=padding)
    ids_of_batches, labels = zip(*take(with_labels, 9), strict=True)
    assert [len(one) for one in labels] == [5, 5, 5, 5, 3]
    assert np.concatenate(labels).tolist() == list(range(23))
    for ids, only_ids in zip(ids_of_batches, take(alone, 9), strict=True):
        np.testing.assert_array_equal(ids, only_ids)
    for start, ids in enumerate(ids_of_batches):
        ours = [some[i].tolist() for i in range(23)[5 * start : 5 * start + 5]]
        width = length or max(map(len, ours))
        padded = [
            [0] * (width - len(its)) + its if padding == "pre" else its + [0] * (width - len(its))
            for its in ours
        ]
        assert ids.tolist() == padded


# Errors


@pytest.mark.parametrize("make", [sequence_dataset, sequence_batches])
@pytest.mark.parametrize(
    ("lengths", "labels", "how", "message"),
    [
        ([], [], {}, "received 0 and 0"),
        ([2, 3], [0], {}, "received 2 and 1"),
        ([2, 0, 3], [0, 1, 0], {}, "any number of ids; received some of 0 to 3"),
        ([2, 3], [0, 1], {"length": 2}, "1 to 2 ids; received some of 2 to 3"),
    ],
)
def test_what_cannot_be_batched_is_told(make, lengths, labels, how, message):
    sequences = Sequences(np.ones(sum(lengths), int), np.array(lengths, int))
    with pytest.raises(TextError, match=message):
        make(sequences, labels, 2, **how)


@pytest.mark.parametrize("make", [sequence_dataset, sequence_batches])
def test_a_padding_that_is_neither_of_keras_is_refused(make, some):
    with pytest.raises(ValueError, match='must be "pre" or "post"'):
        make(some, np.zeros(23), 4, padding=True)


def test_no_sequences_are_refused_without_labels_too():
    with pytest.raises(TextError, match="at least one sequence"):
        sequence_batches(Sequences.of([]), None, 2)


def test_sequences_of_just_the_length_are_taken():
    ids, _ = take(sequence_dataset(Sequences([1, 2, 3], [1, 2]), [0, 1], 2, length=2)[0], 1)[0]
    assert sorted(ids.tolist()) == [[1, 0], [2, 3]]
