"""Generates texts of the generated language, and measures its perplexity and verb agreement."""

import numpy as np

from recipe_kit.datasets import Corpus
from recipe_kit.datasets import agreement_grammar as language

NAME = "agreement"
TRUE = "test_true_perplexity"  # a metric of runs on this language
LARGEST = "test_largest_distance"  # another such metric
HELD_OUT = {"validation": 1_000, "test": 4_000}  # sentences, at most as many as for training
SEEDS = {"train": 0, "validation": 1, "test": 2}  # of the texts, the same for every run

# Words from the noun to its verb: first and last of each bin.
BINS = (
    *((n, n) for n in range(1, 7)),
    *((7, 9), (10, 19), (20, 29), (30, 49), (50, None)),
)

# A model that knows the number of half the nouns and guesses the others agrees in 0.75. It agrees at a
# distance if its share exceeds that by more than sampling error.
AGREES = 0.75
CRITERION = f"as far as the 95 % interval (Wilson) of the share that agrees is above {AGREES}"


def corpus(sentences):
    """Returns the three texts as a `Corpus`: `sentences` in training, up to `HELD_OUT` elsewhere."""
    texts = {
        part: language.generate(min(sentences, HELD_OUT.get(part, sentences)), seed)
        for part, seed in SEEDS.items()
    }
    return Corpus.from_lines(NAME, *texts.values(), words=language.words())


def vocabulary():
    """Returns a vocabulary of the language's words: of every `corpus`'s size, in its own order."""
    return corpus(1).vocabulary


def test_sentences(corpus):
    return language.generate(int(np.sum(corpus.test == corpus.vocabulary.end)), SEEDS["test"])


def judge(model, corpus):
    """Measures the language's own perplexity, and how often the model prefers the agreeing verb.

    Returns:
        Metrics: `language_perplexity`, exact and in expectation; `test_true_perplexity`, that of the
        test text by the language's own probabilities; for each bin of distances
        `test_agreement_<first>`, the share of test sentences in which the model gives the right verb
        more probability than the same verb in the other number, and `test_sentences_<first>`, their
        number; and `test_largest_distance`, see `largest_distance`.
    """
    tested = test_sentences(corpus)
    nats = -sum(language.log_probability(sentence) for sentence in tested)
    metrics = {
        "language_perplexity": language.perplexity(),
        TRUE: np.exp(nats / len(corpus.test)),
    }
    distances, right = preferences(model, corpus.vocabulary, tested)
    for first, last in BINS:
        here = (distances >= first) & (distances <= (last or np.inf))
        if here.any():
            metrics[f"test_agreement_{first}"] = right[here].mean()
            metrics[f"test_sentences_{first}"] = here.sum()
    metrics[LARGEST] = largest_distance(metrics)
    return metrics


def preferences(model, vocabulary, sentences):
    """Returns each sentence's distance from noun to verb, and whether the right verb is likelier.

    Reads the sentences as one stream, as in training: no sentence there starts from zero states, from
    which a model that agrees throughout a text may do no better than chance.
    """
    facts = [language.agreement_in(sentence) for sentence in sentences]
    stream, verbs = [vocabulary.end], []
    for sentence, fact in zip(sentences, facts, strict=True):
        verbs.append(len(stream) + fact.verb)
        stream += [*vocabulary.encode(sentence), vocabulary.end]
    logits = model.predict(np.array(stream, "int32")[None], verbose=0)[0]
    before = logits[np.array(verbs) - 1]  # the logits of a word are those of the position before it
    right, wrong = (
        before[np.arange(len(facts)), vocabulary.encode([getattr(fact, verb) for fact in facts])]
        for verb in ("right", "wrong")
    )
    return np.array([fact.distance for fact in facts]), right > wrong


def agrees(share, count):
    """Returns whether a share of `count` verbs exceeds `AGREES` beyond sampling error."""
    right = round(share * count)
    from scipy import stats  # slow to import

    return stats.binomtest(right, int(count)).proportion_ci(0.95, method="wilson").low > AGREES


def largest_distance(metrics):
    """Returns the largest distance from noun to verb up to which a model's verbs agree.

    Checks bins of distances from the nearest on, up to the first in which the verbs do not agree or
    that has no sentences. The 95 % interval of the share is Wilson's (1927).

    Args:
        metrics: Metrics of one run, with `test_agreement_<first>` and `test_sentences_<first>`.

    Returns:
        The last distance of the last bin in which the verbs agree, or the first of the open-ended bin,
        a lower bound; 0 if they agree in none.
    """
    reached = 0
    for first, last in BINS:
        count = metrics.get(f"test_sentences_{first}", 0)
        if not count or not agrees(metrics[f"test_agreement_{first}"], count):
            break
        reached = last or first
    return reached


def shares(metrics):
    """Returns names of the K bins, shares of verbs that agree, and numbers of sentences.

    Args:
        metrics: Metrics of a run, or over S seeds (names to `values` and their mean).

    Returns:
        A tuple of K names; an array `(S, K)`, NaN where there are no sentences; and K counts of test
        sentences, the same for every seed.
    """

    def values(name, missing):
        found = metrics.get(name, missing)
        return np.atleast_1d(found["values"] if isinstance(found, dict) else found)

    columns = [values(f"test_agreement_{first}", np.nan) for first, _ in BINS]
    counts = [float(values(f"test_sentences_{first}", 0)[0]) for first, _ in BINS]
    return [_in_words(*ends) for ends in BINS], np.array(np.broadcast_arrays(*columns)).T, counts


def above_its_own(metrics):
    """Returns by what share the model's perplexity exceeds the language's own, on the test text."""
    return metrics["test_perplexity"] / metrics[TRUE] - 1


def report(metrics):
    """Prints both perplexities, and how often the model's verbs agree."""
    print(
        f"the language's own perplexity: {metrics['language_perplexity']:.3f} in expectation, "
        f"{metrics[TRUE]:.3f} on this test text; the model is {above_its_own(metrics):.1%} above it"
    )
    names, (row,), counts = shares(metrics)
    for name, share, count in zip(names, row, counts, strict=True):
        print(f"  verb {name:>11} words behind its noun: {share:6.1%} agree, of {count:,.0f}")
    print(f"its verbs agree up to {metrics[LARGEST]:.0f} words ({CRITERION})")


def _in_words(first, last):
    if last is None:
        return f"{first} and more"
    return f"{first}" if first == last else f"{first} to {last}"
