"""One execution of `fit`: the N batches of `compile(steps_per_execution=N)` between two callbacks."""

import itertools


def instead(model, run):
    """Lets `run(train_function, iterator)` stand in for the model's next execution, and for no other.

    For `on_train_batch_begin`. It returns the logs, as the train function does.
    """
    train = model.train_function

    def once(iterator):
        model.train_function = train
        return run(train, iterator)

    model.train_function = once


def train_on(train_function, iterator, batches):
    """Runs an execution of so many batches, which may be fewer than the model's N."""
    data = list(itertools.islice(iterator, batches))
    if not data:
        raise StopIteration  # which `fit` understands: the dataset has come to its end
    return train_function(iter(data))


def end_with_the_epoch(model, begin, steps):
    """Keeps the execution that begins with this batch from going beyond the epoch's last one.

    Keras runs all N batches of the last execution, also where N does not divide the epoch: on an
    endless dataset 5 steps an epoch become 6 with N = 2, and the next epoch lacks its first batch.

    Args:
        model: In `fit`, before the execution.
        begin: The number of its first batch in the epoch.
        steps: Batches of the epoch, or `None` where they are not known.
    """
    if steps and begin + model.steps_per_execution > steps:
        instead(model, lambda train, iterator: train_on(train, iterator, steps - begin))
