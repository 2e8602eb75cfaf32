"""Measures what batches of about one length gain over padded ones, in seconds an epoch of one model."""

import itertools
import time

import numpy as np

from recipe_kit.runs import describe_machine
from rnn_kit.pipelines import sequence_batches, sequence_dataset

ROUNDS = 4  # an epoch is cut into this many pieces, which take turns, to even out load on the machine
WARM_UP = 3  # batches of each form, for tracing and for allocating memory


def measure(model, reviews, labels, batch_size, maxlen, seed):
    """Trains a compiled model for an epoch with each of three forms of batches. Prints the times.

    Args:
        model: A compiled model that honours masks.
        reviews: `Sequences` as the network reads them, of at most `maxlen` ids.
        labels: `(n,)`.
        batch_size: B.
        maxlen: The length to which the last form pads.
        seed: Seed of the orders.

    Returns:
        The metrics: seconds an epoch of each form, the ratio of the last to the first, and the largest
        difference in probability between reviews with padding and without.
    """
    forms = {
        "of about one length": {"bucket": True},
        "in any order, padded to each batch's longest": {"bucket": False},
        f"in any order, padded to {maxlen}": {"bucket": False, "length": maxlen},
    }

    def batches_from(first, form):
        return sequence_dataset(reviews, labels, batch_size, seed, first, **form)

    _, batches = batches_from(0, {})
    print(
        f"{len(reviews):,} reviews, {len(reviews.flat):,} words, in {batches} batches of {batch_size}; "
        f"on {describe_machine()}:"
    )
    edges = np.linspace(0, batches, ROUNDS + 1).astype(int).tolist()
    seconds = dict.fromkeys(forms, 0.0)
    for form in forms.values():
        dataset, _ = batches_from(0, form)
        model.fit(dataset, steps_per_epoch=min(WARM_UP, batches), shuffle=False, verbose=0)
    for start, end in itertools.pairwise(edges):
        for name, form in forms.items():
            dataset, _ = batches_from(start, form)
            begun = time.perf_counter()
            if end > start:
                model.fit(dataset, steps_per_epoch=end - start, shuffle=False, verbose=0)
            seconds[name] += time.perf_counter() - begun

    first, longest, last = forms
    width = max(map(len, forms))
    for name, form in forms.items():
        padded = sum(ids.size for ids, _ in batches_from(0, form)[0].take(batches).as_numpy_iterator())
        print(
            f"  {name:{width}}  {padded:10,} words with padding, {seconds[name]:6.1f} s an epoch: "
            f"{seconds[name] / seconds[first]:.2f}"
        )
    some = reviews.take(np.linspace(0, len(reviews) - 1, min(100, len(reviews))).astype(int))
    without, with_padding = (
        model.predict(sequence_batches(some, None, size, length=length), verbose=0)
        for size, length in ((1, None), (50, maxlen))
    )
    difference = float(np.abs(without - with_padding).max())
    print(
        f"Padding to {maxlen} takes {seconds[last] / seconds[first]:.2f} times as long as buckets. "
        f"With padding and without any, the probabilities of {len(some)} reviews differ by "
        f"{difference:.1e} at most."
    )
    return {
        "bucketed_seconds": seconds[first],
        "padded_to_longest_seconds": seconds[longest],
        "padded_seconds": seconds[last],
        "padded_over_bucketed": seconds[last] / seconds[first],
        "greatest_difference": difference,
    }
