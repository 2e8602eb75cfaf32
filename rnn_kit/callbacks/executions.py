"""One execution of `fit`: the N batches of `compile(steps_per_execution=N)` between two callbacks."""

import itertools


def replace_next_execution(model, run):
    """Lets `run(train_function, iterator)` run the model's next execution, and no other.

    For `on_train_batch_begin`. `run` returns the logs, as the train function does.
    """
    train_function = model.train_function

    def once(iterator):
        model.train_function = train_function
        return run(train_function, iterator)

    model.train_function = once


def train_on(train_function, iterator, batches):
    """Runs an execution of so many batches, which may be fewer than the model's N."""
    data = list(itertools.islice(iterator, batches))
    if not data:
        raise StopIteration  # by which `fit` knows that the dataset has come to its end
    return train_function(iter(data))


def end_with_the_epoch(model, begin, steps):
    """Ends the execution that begins with this batch with the epoch's last batch.

    Keras runs all N batches of the last execution, also where N does not divide the epoch: on an
    endless dataset 5 steps an epoch become 6 with N = 2, and the next epoch lacks its first batch.

    Args:
        model: In `fit`, before the execution.
        begin: The number of its first batch in the epoch.
        steps: Batches of the epoch, or `None` where they are not known.
    """
    if steps and begin + model.steps_per_execution > steps:
        replace_next_execution(model, lambda train, iterator: train_on(train, iterator, steps - begin))
