"""Tests by chi-square whether words sampled from a network follow its probabilities.

The notes after Andrew Ng (002) end with this question about sampling, character by character, with
`np.random.choice`: does it draw by the softmax's probabilities, or all characters equally often? It
draws by the probabilities if they are given as `p`.

    X² = Σ_k (n_k - N p_k)² / (N p_k)      n_k of N words drawn are the word k, whose probability is p_k

If the words are drawn by the p_k, X² is distributed as chi-square, and the p-value, the probability of
an X² at least this large, is small only by chance.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy import stats

from parts.hello_characters.unequal_lengths import CHARACTERS, END, WORDS, encode, lesson
from rnn_kit import generation, sampling

TEMPERATURES = (0.5, 1.0, 2.0)
DRAWN = 20_000  # words at each temperature
LEAST = 5  # expected counts below it are merged, as the test needs
OTHER = "other"  # stands for any word outside `WORDS`


@dataclass(frozen=True)
class Drawn:
    """Words that were drawn, and the p-value of their deviation from their probabilities.

    Attributes:
        how: The method that drew them.
        probabilities: Names to numbers: each of `WORDS`, and all others together.
        counts: How often each was drawn.
        p_value: The chi-square test's, against the probabilities.
        p_value_even: The test's, against equal probabilities.
    """

    how: str
    probabilities: dict
    counts: dict
    p_value: float
    p_value_even: float


def draw(model, seed):
    """Draws words by the kit's sampler at several temperatures, and by `np.random.choice`.

    Args:
        model: Maps ids `(B, T)` of `CHARACTERS` to logits `(B, T, V)`.
        seed: Seed of the draws.

    Returns:
        A dict of names to `Drawn`: the temperatures, "choice" with `p=`, and "choice_without_p".
    """
    (first,) = {word[0] for word in WORDS}
    longest = max(map(len, WORDS))
    drawn = {}
    for temperature in TEMPERATURES:
        sampler = sampling.TemperatureSampler(temperature, seed=seed)
        prompts = np.tile(encode(first), (DRAWN, 1))
        rows = generation.generate(model, prompts, longest, sampler, stop_id=END)
        probabilities = word_probabilities(model, temperature)
        drawn[f"{temperature:g}"] = judged(
            f"TemperatureSampler({temperature:g})", probabilities, map(word_of, rows)
        )
    probabilities = word_probabilities(model, 1.0)
    names = list(probabilities)
    random = np.random.RandomState(seed)  # np.random.choice is its method
    for name, p in (("choice", list(probabilities.values())), ("choice_without_p", None)):
        how = "np.random.choice(words" + (", p=p)" if p else ")")
        drawn[name] = judged(how, probabilities, random.choice(names, DRAWN, p=p))
    return drawn


def word_probabilities(model, temperature):
    """Returns probabilities of `WORDS` and of all others, at a temperature, given the first letter."""
    found = {}
    for word in WORDS:
        inputs, targets = lesson(word)
        log_p = tf.nn.log_softmax(model(inputs)[0] / temperature).numpy()
        found[word] = float(np.exp(log_p[np.arange(len(word)), targets[0]].sum()))
    return found | {OTHER: max(0.0, 1 - sum(found.values()))}


def word_of(row):
    """Returns the word of drawn ids if it is one of `WORDS`, else `OTHER`."""
    word, end, _ = "".join(CHARACTERS[i] or " " for i in row).partition(CHARACTERS[END])
    return word if end and word in WORDS else OTHER


def judged(how, probabilities, words):
    """Returns the `Drawn` of words, by chi-square tests."""
    words = list(words)
    counts = {name: words.count(name) for name in probabilities}
    even = dict.fromkeys(probabilities, 1 / len(probabilities))
    return Drawn(
        how, probabilities, counts, chi_square(counts, probabilities), chi_square(counts, even)
    )


def chi_square(counts, probabilities):
    """Returns the p-value of counts, given the probabilities of the same names.

    Merges the rarest names until `LEAST` are expected. The p-value is 0 if something was drawn that has
    a probability of 0.
    """
    total = sum(counts.values())
    pairs = sorted((total * p, counts[name]) for name, p in probabilities.items())
    expected, observed = np.array(pairs, dtype="float64").T
    if observed[expected == 0].any():
        return 0.0
    if expected[0] < LEAST:
        together = int(np.searchsorted(expected.cumsum(), LEAST)) + 1
        together = max(together, int((expected < LEAST).sum()))
        expected, observed = (
            np.append(of[together:], of[:together].sum()) for of in (expected, observed)
        )
    return float(stats.chisquare(observed, expected).pvalue)


def report(drawn):
    """Returns lines: the words with their probabilities and shares, and the tests."""
    names = [*WORDS, OTHER]
    lines = [f"{'':30}" + "".join(f"{name:>8}" for name in names) + "   p-value   p-value if even"]
    for each in drawn.values():
        p = "".join(f"{each.probabilities[name]:8.4f}" for name in names)
        shares = "".join(f"{each.counts[name] / DRAWN:8.4f}" for name in names)
        tests = f"{each.p_value:10.2g}{each.p_value_even:18.2g}"
        lines += [f"{'probability':30}{p}", f"  {each.how:28}{shares}{tests}"]
    return "\n".join(lines)


def metrics(drawn):
    """Returns a flat dict of names to p-values."""
    p_values = {f"drawn_p_value_{name}": each.p_value for name, each in drawn.items()}
    return p_values | {"drawn_p_value_if_even": drawn["choice"].p_value_even}
