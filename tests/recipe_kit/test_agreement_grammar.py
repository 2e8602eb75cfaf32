"""The language of subject and verb: exact in its probabilities, and with a verb far from its noun."""

import hashlib
import math
import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from recipe_kit.datasets import DataError
from recipe_kit.datasets import agreement_grammar as language
from recipe_kit.datasets.agreement_grammar import Agreement

LECTURE = {
    ("cat", "was"): "the cat , which already ate a bunch of food , was full".split(),
    ("cats", "were"): "the cats , which already ate a bunch of food , were full".split(),
}


@pytest.fixture(scope="module")
def many():
    return language.generate(20_000, seed=3)


@pytest.fixture(scope="module")
def agreements(many):
    return [language.agreement_in(sentence) for sentence in many]


def enumerated(table, state="start"):
    """Every sentence of a finite automaton with its probability, as (words, probability)."""
    for word, (p, then) in table[state].items():
        if then is None:
            yield (), p
        else:
            yield from (((word, *rest), p * q) for rest, q in enumerated(table, then))


# The lecture's pair


def test_the_lectures_sentences_are_in_the_language_and_swapped_they_are_not():
    one, several = LECTURE.values()
    # "the" leaves the number open and nothing but the verb tells it again.
    np.testing.assert_allclose(
        language.log_probabilities(one), language.log_probabilities(several), rtol=1e-12
    )
    assert np.isfinite(language.log_probability(one))
    for sentence, verb in ((one, "were"), (several, "was")):
        swapped = [*sentence[:11], verb, *sentence[12:]]
        assert language.log_probability(swapped) == -math.inf
        logs = language.log_probabilities(swapped)
        np.testing.assert_array_equal(np.isfinite(logs), np.arange(len(swapped) + 1) < 11)


def test_the_agreement_of_the_lectures_sentences():
    one, several = (language.agreement_in(sentence) for sentence in LECTURE.values())
    assert one == Agreement(1, 11, 10, right="was", wrong="were", attractors=0)
    assert several == Agreement(1, 11, 10, right="were", wrong="was", attractors=2)  # bunch, food


# Probabilities


def test_in_every_state_the_continuations_add_up_to_one_and_every_state_is_reached():
    reached, new = set(), {"start"}
    while new:
        state = new.pop()
        reached.add(state)
        choices = language._TABLE[state].values()
        assert math.isclose(sum(p for p, _ in choices), 1, rel_tol=1e-12), state
        assert all(p > 0 for p, _ in choices), state
        new |= {then for _, then in choices if then is not None} - reached
    assert reached == set(language._TABLE)


def test_the_probabilities_of_all_next_words_and_of_the_end_add_up_to_one(many):
    for sentence in many[:20]:
        t = len(sentence) // 2
        for prefix in (sentence[:t], sentence):
            logs = [language.log_probabilities([*prefix, w])[len(prefix)] for w in language.words()]
            end = language.log_probabilities(prefix)[-1]
            assert math.isclose(np.exp([*logs, end]).sum(), 1, rel_tol=1e-12), prefix


def test_the_probability_of_a_sentence_by_hand():
    # By rank in lists of 3 and 10, whose 1 + 1/2 + 1/3 + ... are 11/6 and `ten`.
    ten = sum(1 / rank for rank in range(1, 11))
    the, cat = 0.6 * 6 / 11, 0.7 / 2 / ten
    was, full, end = 0.15 * 6 / 11, 0.7 / ten, 0.8
    logs = language.log_probabilities("the cat was full".split())
    np.testing.assert_allclose(np.exp(logs), [the, cat, was, full, end], rtol=1e-12)
    # "one" is second of the singular determiners, "big" first of 8 adjectives, "dog" second of 10
    # animals and sure to be one, "seems" third of 3 verbs, "quiet" fifth of 10 after a degree.
    eight = sum(1 / rank for rank in range(1, 9))
    logs = language.log_probabilities("one big dog seems very quiet".split())
    expected = [0.2 * 3 / 11, 0.3 / eight, 1 / 2 / ten, 0.15 * 2 / 11, 0.3 * 6 / 11, 1 / 5 / ten, 0.8]
    np.testing.assert_allclose(np.exp(logs), expected, rtol=1e-12)


def test_the_words_probabilities_make_the_sentences(many):
    for sentence in many[:500]:
        logs = language.log_probabilities(sentence)
        assert logs.shape == (len(sentence) + 1,) and logs.dtype == np.float64
        assert np.isfinite(logs).all() and (logs <= 0).all()
        assert math.isclose(logs.sum(), language.log_probability(sentence), rel_tol=1e-12)


def test_short_sentences_are_as_frequent_as_their_probability_says(many):
    counts = Counter(" ".join(sentence) for sentence in many if len(sentence) == 4)
    short = [
        [article, animal, verb, quality]
        for article in (*language._ARTICLES, *language._COUNTS[0], *language._COUNTS[1])
        for animals, verbs in zip(language.ANIMALS, language.VERBS, strict=True)
        for animal in animals
        for verb in verbs
        for quality in language._QUALITIES
    ]
    expected = {
        " ".join(sentence): len(many) * math.exp(language.log_probability(sentence))
        for sentence in short
    }
    assert expected["one cats were full"] == expected["two cat was full"] == 0
    total = sum(expected.values())
    assert abs(sum(counts.values()) - total) < 4 * total**0.5
    assert set(counts) <= {text for text, n in expected.items() if n > 0}
    frequent = [text for text, n in expected.items() if n > 5]
    assert len(frequent) > 10
    for text in frequent:
        assert abs(counts[text] - expected[text]) < 4 * expected[text] ** 0.5, text


@pytest.mark.parametrize(
    "text, possible",
    [
        ("", 0),
        ("the cat was", 3),  # not finished
        ("the cat was full <eos>", 4),
        ("the cat was full full", 4),
        ("the unicorn was full", 1),
        ("every cats were full", 1),
        ("the cat , which was full", 4),  # no verb of the present or of being inside
        ("the cat , , was full", 3),
        ("the cats that slept was full", 4),
        ("the cats already was full", 3),
        ("the cat that slept , was full", 4),  # a comma closes what a comma opened
    ],
)
def test_what_is_not_in_the_language(text, possible):
    sentence = text.split()
    logs = language.log_probabilities(sentence)
    np.testing.assert_array_equal(np.isfinite(logs), np.arange(len(sentence) + 1) < possible)
    assert language.log_probability(sentence) == -math.inf


# Entropy


def test_the_expectations_of_a_coin_that_is_thrown_until_it_shows_heads():
    table = {"throw": {"tails": (0.5, "throw"), language._END: (0.5, None)}}
    np.testing.assert_allclose(language._expectations(table, "throw"), (2 * math.log(2), 2))


def test_the_expectations_of_a_finite_part_are_those_of_its_sentences():
    rules = language._noun_phrase("start", language.ANIMALS, ["end", "end"])
    table = language._transitions({**rules, "end": [(1, [language._END], None)]})
    phrases = dict(enumerated(table))
    assert len(phrases) == (3 * 20 + 3 * 10 + 3 * 10) * (1 + 8)
    assert math.isclose(sum(phrases.values()), 1, rel_tol=1e-12)
    nats = -sum(p * math.log(p) for p in phrases.values())
    tokens = sum(p * (len(phrase) + 1) for phrase, p in phrases.items())
    np.testing.assert_allclose(language._expectations(table, "start"), (nats, tokens), rtol=1e-12)


def test_the_exact_entropy_is_the_mean_of_many_sentences(many):
    nats, tokens = language.entropy()
    drawn = np.array([(-language.log_probability(s), len(s) + 1) for s in many])
    errors = drawn.std(0) / len(many) ** 0.5
    assert (errors < [0.3, 0.2]).all()  # so that 3 of them are a sharp test
    assert (abs(drawn.mean(0) - (nats, tokens)) < 3 * errors).all()
    # The ratio is sharper, as the long sentences are the improbable ones.
    surplus = (drawn[:, 0] - drawn[:, 1] * nats / tokens) / tokens
    assert abs(surplus.mean()) < 3 * surplus.std() / len(many) ** 0.5 < 0.01
    assert language.perplexity() == math.exp(nats / tokens)


# The agreement


@pytest.mark.parametrize(
    "text, expected",
    [
        ("every small pig is very tired", Agreement(2, 3, 1, "is", "are", 0)),
        ("two geese seem old and sad", Agreement(1, 2, 1, "seem", "seems", 0)),
        ("the cats never were full", Agreement(1, 3, 2, "were", "was", 0)),
        ("the cats that slept were full", Agreement(1, 4, 3, "were", "was", 0)),
        ("the cats in the house were full", Agreement(1, 5, 4, "were", "was", 1)),
        ("the cat that liked the cats was full", Agreement(1, 6, 5, "was", "were", 1)),
        ("the cat that often liked a dog was full", Agreement(1, 7, 6, "was", "were", 0)),
        (
            "the mouse , which the dogs saw in a house that two foxes liked , seems old",
            Agreement(1, 15, 14, "seems", "seem", 2),
        ),
        (
            "some wild wolves , which followed a goat and ate some corn by the river , are full",
            Agreement(2, 16, 14, "are", "is", 3),
        ),
    ],
)
def test_agreements_by_hand(text, expected):
    assert language.agreement_in(text.split()) == expected


def test_the_wrong_verb_takes_a_sentence_out_of_the_language(many, agreements):
    for sentence, found in zip(many[:2000], agreements[:2000], strict=True):
        assert sentence[found.verb] == found.right != found.wrong
        logs = language.log_probabilities(
            [*sentence[: found.verb], found.wrong, *sentence[found.verb + 1 :]]
        )
        np.testing.assert_array_equal(np.isfinite(logs), np.arange(len(logs)) < found.verb)


def test_noun_and_verb_are_where_it_says_and_of_one_number(many, agreements):
    for sentence, found in zip(many, agreements, strict=True):
        number = int(found.right in language.VERBS[1])
        assert sentence[found.subject] in language.ANIMALS[number]
        assert found.wrong in language.VERBS[1 - number]
        assert found.distance == found.verb - found.subject >= 1
        assert found.distance >= 5 or "," not in sentence
        assert sum(word in language.VERBS[0] + language.VERBS[1] for word in sentence) == 1


def test_the_clause_does_not_tell_the_number(many, agreements):
    plural = np.array([found.right in language.VERBS[1] for found in agreements])
    assert abs(plural.mean() - 0.5) < 4 * 0.5 / len(many) ** 0.5
    inside = [set(s[a.subject + 1 : a.verb]) for s, a in zip(many, agreements, strict=True)]
    for word in language.words():
        share = plural[[word in between for between in inside]]
        if len(share):
            assert abs(share.mean() - 0.5) < 4 * 0.5 / len(share) ** 0.5, word


def exact_distances(number, longest):
    """The probability of each distance from 1 on, from the table: words until the predicate begins."""
    probabilities, at = [], {("subject", number): 1.0}
    for _ in range(longest):
        after = Counter()
        for state, p in at.items():
            for q, then in language._TABLE[state].values():
                after[then] += p * q
        probabilities.append(after.pop("predicate", 0.0))
        at = after
    return np.array(probabilities)


def test_distances_reach_from_one_to_far_and_none_of_the_first_is_rare(agreements):
    exact = exact_distances(0, 400)
    np.testing.assert_allclose(exact, exact_distances(1, 400), rtol=1e-12)
    assert math.isclose(exact.sum(), 1, abs_tol=1e-6)
    assert math.isclose(exact[0], 0.15, rel_tol=1e-9)
    assert (exact[:10] > 0.02).all() and (exact[10:20] > 0.008).all()
    assert 0.15 < exact[20:].sum() < 0.25 and 0.05 < exact[40:].sum() < 0.1
    counts = np.bincount([found.distance for found in agreements], minlength=401)[1:401]
    expected = len(agreements) * exact
    frequent = expected > 50
    assert frequent[:30].all()
    assert (abs(counts - expected) < 4 * expected**0.5)[frequent].all()
    assert max(found.distance for found in agreements) > 100


def test_nouns_of_the_other_number_stand_between_from_four_words_on(agreements):
    for distance in range(1, 10):
        between = [found.attractors > 0 for found in agreements if found.distance == distance]
        share = np.mean(between)
        assert (0.2 if distance > 3 else 0) <= share <= (0.75 if distance > 3 else 0), distance
    assert np.mean([found.attractors > 4 for found in agreements]) > 0.03


def test_the_distance_does_not_tell_how_a_clause_is_written(many, agreements):
    """Else what a network cannot do at a distance may be what it cannot do in one kind of clause."""
    for first, last in ((5, 5), (6, 6), (7, 9), (10, 19), (20, 29), (30, 49), (50, 10_000)):
        commas = [
            "," in sentence
            for sentence, found in zip(many, agreements, strict=True)
            if first <= found.distance <= last
        ]
        assert 0.15 < np.mean(commas) < 0.85, first
    assert not any(
        "," in sentence for sentence, found in zip(many, agreements, strict=True) if found.distance < 5
    )


# Sentences


def test_the_sentences_depend_on_the_seed_alone():
    random.seed(0)
    np.random.seed(0)
    assert language.generate(50, seed=3) == language.generate(np.int64(50), np.int32(3))
    assert language.generate(50) == language.generate(50, seed=0)
    assert language.generate(50, seed=1) != language.generate(50)
    assert language.generate(80, seed=3)[:50] == language.generate(50, seed=3)


def test_the_sentences_of_a_seed_stay_what_they_are():
    # Whatever the version of Python: a result that was measured on them can be measured again.
    text = "\n".join(map(" ".join, language.generate(200, seed=7)))
    assert (
        hashlib.sha256(text.encode()).hexdigest()
        == "fb70aab14fb47d1e2f59d942c29631a50d76cfbc6aaa5d8261bc5d9a43589984"
    )


def test_the_vocabulary_is_small_and_all_of_it_is_used(many):
    words = language.words()
    assert isinstance(words, tuple) and list(words) == sorted(set(words))
    assert 60 <= len(words) <= 120
    assert {word for sentence in many for word in sentence} == set(words)
    assert set(words) >= {word for sentence in LECTURE.values() for word in sentence}
    assert all(word == "," or (word.isalpha() and word.islower()) for word in words)


def test_a_comes_before_consonants(many):
    after = {b for sentence in many for a, b in pairwise(sentence) if a == "a"}
    assert len(after) > 20
    assert not [word for word in after if word[0] in "aeiou"]


# Errors


@pytest.mark.parametrize(
    "sentences, seed, name",
    [(0, 0, "sentences"), (2.5, 0, "sentences"), (2, -1, "seed"), (2, 1.5, "seed"), (2, None, "seed")],
)
def test_arguments_out_of_range_are_named(sentences, seed, name):
    with pytest.raises(DataError, match=f"`{name}`") as caught:
        language.generate(sentences, seed)
    assert "\n" not in str(caught.value)


def test_a_sentence_is_a_list_of_words_of_the_language():
    for read in (language.log_probability, language.log_probabilities, language.agreement_in):
        with pytest.raises(DataError, match="list of words"):
            read("the cat was full")
    with pytest.raises(DataError, match=r"not a sentence .* 'the cat were full'"):
        language.agreement_in("the cat were full".split())
