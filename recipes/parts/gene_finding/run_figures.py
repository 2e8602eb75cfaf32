"""The figures of a run."""

import numpy as np

from parts.gene_finding import drawing
from recipe_kit import figures
from recipe_kit.datasets import genomes, splice


def draw(run, data, read, metrics):
    """Draws the learning curve, and a stretch of the test part with its genes.

    Args:
        run: The `Run` whose folder takes them.
        data: `lessons.Parts`.
        read: `finding.Found` of the test part.
        metrics: Of the run.
    """
    name = data.info["name"]
    references = {"most frequent label, test": metrics["test_accuracy_most_frequent"]}
    if "test_prodigal_genes_accuracy" in metrics:
        references["Prodigal, test"] = metrics["test_prodigal_genes_accuracy"]
    title = f"{name}: labels of every base"
    figures.save(run, "curves.png", drawing.learning_curves(run.history(), title, references))
    begin = middle(data.test)
    end = min(begin + drawing.SHOWN, len(data.test.ids))
    picture = drawing.stretch(
        read.probabilities[begin:end], begin, data.test.genes, read.genes,
        f"{name}: a stretch of the test part", data.test_begin,
    )  # fmt: skip
    figures.save(run, "stretch.png", picture)


def middle(part):
    """Returns where to begin a stretch with genes on both strands, as near to the middle as can be."""
    shown = min(drawing.SHOWN, len(part.ids))
    begins = np.arange(0, len(part.ids) - shown + 1, max(1, shown // 10))
    labels = part.labels
    both = [
        min((labels[b : b + shown] == strand).mean() for strand in (genomes.FORWARD, genomes.REVERSE))
        for b in begins
    ]
    good = begins[np.array(both) >= min(0.2, max(both))]
    return int(good[np.abs(good - len(part.ids) // 2).argmin()])


def draw_junctions(run, table, metrics):
    """Draws the learning curves of all folds together, and the table of classes."""
    references = {
        words: metrics[f"test_accuracy_{name}"]
        for name, words in (("svm", "SVM, test"), ("logistic_regression", "logistic regression, test"))
        if f"test_accuracy_{name}" in metrics
    }
    title = "splice junctions"
    figures.save(run, "curves.png", drawing.learning_curves(run.history(), title, references))
    names = [words.replace(" to ", "\nto ") for words in splice.IN_WORDS]
    figures.save(run, "confusion.png", drawing.confusion(table, names, title))
