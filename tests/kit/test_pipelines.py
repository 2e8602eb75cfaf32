"""The endless windows of a text: in order, reproducible, and resumable."""

import numpy as np
import pytest

from rnn_kit.pipelines import stream_dataset
from rnn_kit.text import TextError


def take(dataset, n):
    return list(dataset.take(n).as_numpy_iterator())


def test_rows_go_on_from_batch_to_batch_and_targets_are_one_ahead():
    ids = np.arange(103)
    dataset, batches = stream_dataset(ids, batch_size=2, window=5, seed=1)
    assert batches == 10
    epoch = take(dataset, batches)
    x = np.concatenate([x for x, _ in epoch], axis=1)
    y = np.concatenate([y for _, y in epoch], axis=1)
    assert x.shape == (2, 50) and x.dtype == np.int32
    assert (np.diff(x, axis=1) == 1).all()
    np.testing.assert_array_equal(y, x + 1)
    assert x[1, 0] == x[0, -1] + 1


def test_epochs_cut_at_offsets_that_the_seed_and_the_epoch_choose():
    ids = np.arange(40)
    dataset, batches = stream_dataset(ids, batch_size=2, window=5, seed=1)
    starts = [int(x[0, 0]) for x, _ in take(dataset, 20 * batches)][::batches]
    assert len(set(starts)) > 3 and min(starts) >= 0 and max(starts) <= 40 - 31
    same, _ = stream_dataset(ids, 2, 5, seed=1)
    other, _ = stream_dataset(ids, 2, 5, seed=2)
    assert starts == [int(x[0, 0]) for x, _ in take(same, 20 * batches)][::batches]
    assert starts != [int(x[0, 0]) for x, _ in take(other, 20 * batches)][::batches]


@pytest.mark.parametrize("first", [1, 3, 4, 11])
def test_a_run_that_goes_on_sees_what_an_unbroken_one_sees(first):
    ids = np.arange(45)
    unbroken, _ = stream_dataset(ids, 2, 5, seed=3)
    resumed, _ = stream_dataset(ids, 2, 5, seed=3, first_batch=first)
    for a, b in zip(take(unbroken, 20)[first:], take(resumed, 20 - first), strict=True):
        np.testing.assert_array_equal(a, b)


def test_too_few_ids_are_named():
    with pytest.raises(TextError, match=r"too short for one window: 10 ids.*= 11 are needed"):
        stream_dataset(np.arange(10), 2, 5)
