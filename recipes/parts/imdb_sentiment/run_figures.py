"""Draws a run's figures, as `.png` files in its folder, and prints its table."""

import numpy as np

from recipe_kit import figures

READABLE = 150  # the most words of a review shown in a figure


def draw(run, data, kept_epoch, probabilities, others, opinion_of):
    """Draws the learning curves, figures of the test reviews, and two misjudged reviews.

    Args:
        run: The `Run` whose folder takes them.
        data: Data with `test`, `vocabulary`, `classes` and `info`.
        kept_epoch: The epoch to mark, whose weights were kept.
        probabilities: Probabilities of the test reviews `(n,)`.
        others: A dict of baselines' names to their probabilities.
        opinion_of: `opinion_of(words) -> Opinion`.
    """
    name, labels = data.info["name"], data.test.labels
    preset = run.config["preset"]
    curves = figures.accuracy_curves({preset: run.history()}, name, best={preset: kept_epoch})
    figures.save(run, "curves.png", curves)
    title = f"{name}: {len(labels):,} test reviews"
    ours = {"others": others, "name": "network", "classes": data.classes}
    figures.save(run, "test.png", figures.roc_and_calibration(probabilities, labels, title, **ours))
    right = {n: (p > 0.5) == (labels == 1) for n, p in others.items()}
    ours = {"others": right, "name": "network"}
    correct = (probabilities > 0.5) == (labels == 1)
    words = data.test.lengths - 1  # without the start
    figures.save(run, "length.png", figures.accuracy_by_length(words, correct, title, **ours))
    if wrong := worst(probabilities, labels, words):
        traces = []
        for index in wrong:
            said, true = (data.classes[int(x)] for x in (probabilities[index] > 0.5, labels[index]))
            opinion = opinion_of(data.vocabulary.decode(data.test.sequences[index][1:]))
            title = f"called {said} ({probabilities[index]:.2f} {data.classes[1]}), is {true}"
            traces.append(opinion.trace(title))
        figures.save(run, "wrong.png", figures.opinion_traces(traces, classes=data.classes))


def worst(probabilities, labels, words):
    """Returns, for each class, the readable review that the network misjudges most confidently."""
    chosen = []
    for label, sure in ((1, probabilities), (0, 1 - probabilities)):
        wrong = np.flatnonzero((labels == label) & (sure < 0.5) & (words > 0) & (words <= READABLE))
        chosen += [int(wrong[np.argmin(sure[wrong])])] if len(wrong) else []
    return chosen


def print_table(rows):
    """Prints accuracies, one row a name, on the validation and the test reviews."""
    width = max(map(len, rows))
    print(f"\n{'accuracy':{width}}  validation    test")
    for name, (validation, test) in rows.items():
        print(f"{name:{width}}      {validation:.4f}  {test:.4f}")
