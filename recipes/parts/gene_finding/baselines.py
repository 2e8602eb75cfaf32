"""What needs no recurrent network: constant labels and Prodigal; logistic regression and an SVM."""

import numpy as np

from parts.gene_finding import decoding, folds, reading
from recipe_kit.datasets import genomes, splice

PYRODIGAL = "pip install pyrodigal"
LEAST = 20_000  # bases from which Prodigal learns a genome's own codons
# What the validation fold chooses from.
LOGISTIC = {"C": (0.03, 0.1, 1.0)}
SVM = {"C": (1.0, 10.0), "gamma": (0.01, 0.03)}


def most_frequent(part):
    """Returns the share of the most frequent label of a part: the best of all constant answers."""
    labels = part.labels[part.ids != genomes.PAD]
    return float(np.bincount(labels).max() / len(labels))


def prodigal(data):
    """Scores Prodigal on the test part, after it has read the whole genome, without its genes.

    Source: Hyatt et al. 2010, "Prodigal: prokaryotic gene recognition and translation initiation site
    identification" (BMC Bioinformatics 11:119), as in the package pyrodigal.

    Returns:
        A dict of metrics, as of `decoding.scores`, and `genes_accuracy`; `None` where pyrodigal is not
        installed.
    """
    try:
        import pyrodigal
    except ImportError:
        return None
    letters = np.frombuffer(f"{genomes.BASES}N".encode(), "uint8")
    sequence = letters[data.whole.ids].tobytes()
    finder = pyrodigal.GeneFinder(meta=len(sequence) < LEAST)
    if len(sequence) >= LEAST:
        finder.train(sequence)
    found = [
        genomes.Gene(((gene.begin - 1, gene.end, gene.strand),)) for gene in finder.find_genes(sequence)
    ]
    whole = data.whole._replace(genes=found).part(data.test_begin, len(data.whole.ids))
    labels = decoding.labels_of(found, len(data.whole.ids))[data.test_begin :]
    accuracy = reading.accuracy(labels, data.test)
    return {"genes_accuracy": accuracy, **decoding.scores(whole.genes, data.test)}


def of_junctions(data, count, validate=True):
    """Fits logistic regression and an RBF SVM to the bases of each place, fold by fold.

    They learn from the same eight folds as the network, and the fold that validates chooses their
    parameters; without `validate` they then learn from the nine.

    Args:
        data: `splice.Junctions`.
        count: How many folds are the test.
        validate: As of the settings.

    Returns:
        Names to accuracies over all test sequences.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    table = np.zeros((genomes.PAD + 1, 4))
    for row, code in enumerate(genomes.BASES):
        for base in genomes.POSSIBLE[code]:
            table[row, genomes.BASES.index(base)] = 1 / len(genomes.POSSIBLE[code])
    x = table[data.ids].reshape(len(data.ids), 4 * splice.LENGTH)

    def logistic(C):
        return LogisticRegression(C=C, max_iter=1000)

    def svm(C, gamma):
        return SVC(C=C, gamma=gamma)

    found = {}
    for name, make, grid in (("logistic_regression", logistic, LOGISTIC), ("svm", svm, SVM)):
        right = total = 0
        for fold in range(count):
            learned, validation, test = folds.parts(data, fold)
            fitted = [make(*values).fit(x[learned], data.classes[learned]) for values in _grid(grid)]
            best = max(fitted, key=lambda m: m.score(x[validation], data.classes[validation]))
            if not validate:
                learned |= validation
                best.fit(x[learned], data.classes[learned])
            right += int((best.predict(x[test]) == data.classes[test]).sum())
            total += int(test.sum())
        found[name] = right / total
    return found


def _grid(values):
    """Returns all combinations of the values, in the order of their names."""
    combinations = [()]
    for choices in values.values():
        combinations = [(*before, choice) for before in combinations for choice in choices]
    return combinations
