"""The generated language: its texts, its own perplexity, and whether a model's verbs agree."""

import numpy as np

from rnn_kit.datasets import Corpus
from rnn_kit.datasets import agreement as language
from rnn_kit.generation import Generator

NAME = "agreement"
TRUE = "test_true_perplexity"  # a metric of runs on this language
HELD_OUT = 4_000  # sentences to validate on, and to test on
SEEDS = {"train": 0, "validation": 1, "test": 2}  # of the texts: the same ones for every run

# Words from the noun to its verb, first and last of each bin.
BINS = ((1, 1), (2, 9), (10, 19), (20, 29), (30, 49), (50, None))


def corpus(sentences):
    """The three texts as a `Corpus`: so many sentences to train on, and up to `HELD_OUT` for each."""
    texts = {
        part: language.generate(sentences if part == "train" else min(sentences, HELD_OUT), seed)
        for part, seed in SEEDS.items()
    }
    return Corpus.from_lines(NAME, *texts.values(), words=language.words())


def test_sentences(corpus):
    return language.generate(int(np.sum(corpus.test == corpus.vocabulary.end)), SEEDS["test"])


def judge(model, corpus):
    """The language's own perplexity, and how often the model prefers the verb that agrees.

    Returns:
        Metrics: `language_perplexity`, exact and in expectation; `test_true_perplexity`, that of the
        very test text by the language's own probabilities; and for each bin of distances
        `test_agreement_<first>`, the share of test sentences in which the model gives the right verb
        more probability than the same verb in the other number, with `test_sentences_<first>`, how
        many.
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
    return metrics


def preferences(model, vocabulary, sentences):
    """Of each sentence the distance from noun to verb, and whether the right verb is the likelier.

    Each is read on its own, behind the end of another, up to its verb.
    """
    facts = [language.agreement_in(sentence) for sentence in sentences]
    generator, right = Generator(model), np.zeros(len(facts), bool)
    verbs = np.array([fact.verb for fact in facts])
    for position in np.unique(verbs):  # beginnings of one length are one batch
        alike = np.flatnonzero(verbs == position)
        beginnings = [vocabulary.encode(sentences[i][:position]) for i in alike]
        ends = np.full((len(alike), 1), vocabulary.end)
        logits, _ = generator.prefill(np.concatenate([ends, beginnings], axis=1))
        for row, i in zip(logits.numpy(), alike, strict=True):
            right[i] = row[vocabulary.id_of(facts[i].right)] > row[vocabulary.id_of(facts[i].wrong)]
    return np.array([fact.distance for fact in facts]), right


def shares(metrics):
    """Names of the bins, shares of verbs that agree, and numbers of sentences, of a run's metrics."""
    names = [_in_words(*ends) for ends in BINS]
    return (
        names,
        [metrics.get(f"test_agreement_{first}", np.nan) for first, _ in BINS],
        [metrics.get(f"test_sentences_{first}", 0) for first, _ in BINS],
    )


def above_its_own(metrics):
    """By what share the model's perplexity exceeds the language's own, on the test text."""
    return metrics["test_perplexity"] / metrics[TRUE] - 1


def report(metrics):
    """Prints both perplexities, and how often the model's verbs agree."""
    print(
        f"the language's own perplexity: {metrics['language_perplexity']:.3f} in expectation, "
        f"{metrics[TRUE]:.3f} on this test text; the model is {above_its_own(metrics):.1%} above it"
    )
    for name, share, count in zip(*shares(metrics), strict=True):
        print(f"  verb {name:>11} words behind its noun: {share:6.1%} agree, of {count:,.0f}")


def _in_words(first, last):
    if last is None:
        return f"{first} and more"
    return f"{first}" if first == last else f"{first} to {last}"
