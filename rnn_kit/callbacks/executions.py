"""One execution of `fit`: the N batches of `compile(steps_per_execution=N)` between two callbacks."""

import itertools


def replace_next_execution(model, run):
    """Makes `run(train_function, iterator)` run the model's next execution, and no other.

    For `on_train_batch_begin`. `run` returns the logs, as the train function does.
    """
    train_function = model.train_function

    def once(iterator):
        model.train_function = train_function
        return run(train_function, iterator)

    model.train_function = once


def train_on(train_function, iterator, batches):
    """Runs an execution of `batches` batches, which may be fewer than the model's N."""
    data = list(itertools.islice(iterator, batches))
    if not data:
        raise StopIteration  # tells `fit` that the dataset is exhausted
    return train_function(iter(data))


def end_with_the_epoch(model, begin, steps):
    """Limits the execution that begins with this batch to the epoch's last batch.

    Keras runs all N batches of the last execution, even if N does not divide the epoch: on an
    endless dataset 5 steps an epoch become 6 with N = 2, and the next epoch lacks its first batch.

    Args:
        model: The model in `fit`, before the execution.
        begin: The number of its first batch in the epoch.
        steps: Batches of the epoch, or `None` if unknown.
    """
    if steps and begin + model.steps_per_execution > steps:
        replace_next_execution(model, lambda train, iterator: train_on(train, iterator, steps - begin))
