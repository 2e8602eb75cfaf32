"""Measures a preset's training speed over a few steps, without a run, and extrapolates to all of it."""

import time

import numpy as np
import tensorflow as tf

from recipe_kit.runs import describe_machine

SHOWN = 5  # losses on the way


def measure(trained, weights, dataset, batches, settings, steps):
    """Trains some steps of the first epoch. Prints the loss and the speed.

    Args:
        trained: The compiled model.
        weights: Number of weights of the language model.
        dataset: Endless batches.
        batches: Batches an epoch.
        settings: Settings with `epochs`, `batch_size` and `window`.
        steps: At least 2: the first step compiles and is not timed.

    Returns:
        Metrics: `weights`, `first_loss`, `last_loss` (means of the first and last tenth, nats a word),
        `words_per_second` and `hours`, for all epochs without validation.
    """
    print(f"{weights:,} weights ({weights / 1e6:.1f} million), on {describe_machine()}")
    shown = {1, *(round(n * steps / SHOWN) for n in range(1, SHOWN + 1))}
    step = tf.function(trained.train_step)
    losses, began = [], None
    for number, batch in enumerate(dataset.take(steps), start=1):
        # `train_step` returns the mean over the steps since the last reset.
        trained.reset_metrics()
        losses.append(float(step(batch)["loss"]))
        began = began or time.perf_counter()
        if number in shown:
            print(
                f"step {number:5}: {losses[-1]:.3f} nats a word, perplexity {np.exp(losses[-1]):,.0f}"
            )
    seconds = (time.perf_counter() - began) / (steps - 1)
    tenth = max(1, steps // 10)
    words = settings.batch_size * settings.window
    metrics = {
        "weights": weights,
        "first_loss": float(np.mean(losses[:tenth])),
        "last_loss": float(np.mean(losses[-tenth:])),
        "words_per_second": words / seconds,
        "hours": seconds * batches * settings.epochs / 3600,
    }
    print(
        f"{metrics['words_per_second']:,.0f} words/s; {settings.epochs} epochs of {batches:,} steps "
        f"would take {metrics['hours']:.1f} hours here"
    )
    return metrics


def report(metrics):
    """Prints a run's perplexities and the speed of its training."""
    print(
        f"\nperplexity: training {metrics['train_perplexity']:.2f}, validation "
        f"{metrics['validation_perplexity']:.2f} (epoch {metrics['kept_epoch']:.0f}), test "
        f"{metrics['test_perplexity']:.2f}; {metrics['train_seconds']:.0f} s of training, "
        f"{metrics['words_per_second']:,.0f} words/s"
    )
