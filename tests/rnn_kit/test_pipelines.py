"""The endless windows of a text: in order, reproducible, and resumable."""

import numpy as np
import pytest

from rnn_kit.pipelines import ordered_windows, stream_dataset, window_dataset
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


def test_windows_come_once_an_epoch_in_an_order_of_the_seed_and_the_epoch():
    ids = np.arange(100) * 2
    dataset, batches = window_dataset(ids, batch_size=8, window=5, step=3, seed=1)
    assert batches == 4  # 32 windows
    first, second = (
        np.concatenate([y for _, y in take(dataset.skip(epoch * batches), batches)]) for epoch in (0, 1)
    )
    expected = [2 * (start + 5) for start in range(0, 95, 3)]
    assert sorted(first) == sorted(second) == expected
    assert first.tolist() != expected and first.tolist() != second.tolist()
    other, _ = window_dataset(ids, 8, 5, 3, seed=2)
    assert first.tolist() != np.concatenate([y for _, y in take(other, batches)]).tolist()


def test_a_window_holds_the_ids_before_its_target():
    dataset, batches = window_dataset(np.arange(50), batch_size=7, window=4, step=2)
    shapes = set()
    for x, y in take(dataset, batches):
        np.testing.assert_array_equal(x, y[:, None] + np.arange(-4, 0))
        assert x.dtype == y.dtype == np.int32
        shapes.add(x.shape)
    assert shapes == {(7, 4), (2, 4)}  # 23 windows: the last batch holds what is left


@pytest.mark.parametrize("first", [1, 3, 4, 9])
def test_windows_go_on_where_a_run_ended(first):
    unbroken, _ = window_dataset(np.arange(45), 4, 5, 3, seed=3)
    resumed, _ = window_dataset(np.arange(45), 4, 5, 3, seed=3, first_batch=first)
    for (x, y), (rx, ry) in zip(take(unbroken, 12)[first:], take(resumed, 12 - first), strict=True):
        np.testing.assert_array_equal(x, rx)
        np.testing.assert_array_equal(y, ry)


def test_ordered_windows_predict_every_id_after_the_first_window_once():
    batches = take(ordered_windows(np.arange(30), batch_size=8, window=6), 9)
    assert np.concatenate([y for _, y in batches]).tolist() == list(range(6, 30))
    for x, y in batches:
        np.testing.assert_array_equal(x, y[:, None] + np.arange(-6, 0))


@pytest.mark.parametrize("make", [window_dataset, ordered_windows])
def test_a_text_without_one_window_is_named(make):
    with pytest.raises(TextError, match="5 ids, and 5 and the one after them"):
        make(np.arange(5), 2, 5)
