"""What batches of about one length gain over padded ones: seconds an epoch of one model."""

import time

import numpy as np

from rnn_kit.pipelines import sequence_batches, sequence_dataset

ROUNDS = 5  # an epoch is cut into this many pieces, which take turns, lest a busy moment decide


def measure(model, reviews, labels, batch_size, maxlen, seed):
    """Trains a compiled model for an epoch in each of three forms of batches, and prints the times.

    Args:
        model: Compiled, and honouring masks.
        reviews: `Sequences` as the network reads them, of at most `maxlen` ids.
        labels: `(n,)`.
        batch_size: B.
        maxlen: What reviews are padded to in the last form.
        seed: Of the orders.

    Returns:
        The metrics: seconds an epoch of each form, the ratio of the last to the first, and the greatest
        difference of a probability between the two.
    """
    forms = {
        "of about one length": {"bucket": True},
        "in any order, padded to each batch's longest": {"bucket": False},
        f"in any order, padded to {maxlen}": {"bucket": False, "length": maxlen},
    }
    iterators, words = {}, {}
    for name, form in forms.items():
        dataset, batches = sequence_dataset(reviews, labels, batch_size, seed, **form)
        iterators[name], words[name] = iter(dataset), 0
        for _ in range(3):  # tracing, and memory that is not there yet
            model.train_on_batch(*next(iterators[name]))
    seconds = dict.fromkeys(forms, 0.0)
    pieces = np.diff(np.linspace(0, batches, ROUNDS + 1).astype(int))
    print(
        f"{len(reviews):,} reviews, {len(reviews.flat):,} words, in {batches} batches of {batch_size}:"
    )
    for piece in pieces:
        for name, iterator in iterators.items():
            begun = time.perf_counter()
            for _ in range(piece):
                ids, y = next(iterator)
                model.train_on_batch(ids, y)
                words[name] += int(np.prod(ids.shape))
            seconds[name] += time.perf_counter() - begun
    first, longest, last = forms
    width = max(map(len, forms))
    for name in forms:
        print(
            f"  {name:{width}}  {words[name]:10,} words with the padding, {seconds[name]:6.1f} s an epoch, "
            f"{seconds[name] / seconds[first]:.2f}"
        )
    some = reviews.take(np.arange(min(256, len(reviews))))
    tight, wide = (
        np.concatenate(
            [model.predict_on_batch(ids) for ids in sequence_batches(some, None, size, **how)]
        )
        for size, how in ((1, {}), (64, {"length": maxlen}))
    )
    difference = float(np.abs(tight - wide).max())
    print(
        f"Padding to {maxlen} takes {seconds[last] / seconds[first]:.2f} times as long as buckets. The "
        f"probabilities of {len(some)} reviews with padding and without any differ by {difference:.1e} at "
        "most."
    )
    return {
        "bucketed_seconds": seconds[first],
        "padded_to_longest_seconds": seconds[longest],
        "padded_seconds": seconds[last],
        "padded_over_bucketed": seconds[last] / seconds[first],
        "greatest_difference": difference,
    }
