"""The generated film reviews: balanced, free of noise, and not to be had by counting words."""

import time
from itertools import pairwise

import numpy as np
import pytest

from recipe_kit.datasets import DataError, generated_reviews
from recipe_kit.datasets import review_grammar as grammar
from rnn_kit.text import WordVocabulary, tokenize

DENYING = ("not", "no", "far from", "never", "hardly", "anything but")


@pytest.fixture(scope="module")
def many():
    return generated_reviews(4000, seed=3)


def opinion_in(text, opinions):
    """The side, -1 or 1, of the one opinion in a text, or 0."""
    words = f" {text.lower()} "
    sides = {side for side in (0, 1) for word in opinions[side] if f" {word} " in words}
    assert len(sides) < 2, f"both sides in {text!r}"
    return 2 * sides.pop() - 1 if sides else 0


def verdict_of(sentence, said):
    """What a sentence comes to: -1, 1, or 0 for a neutral one. `said` is the sentence before it."""
    every = [
        grammar.ADJECTIVES[s]
        + [noun.removeprefix("a ") for noun in grammar.NOUNS[s]]
        + grammar.VERBS[s]
        for s in (0, 1)
    ]
    sentence = sentence.lower().rstrip(".")
    if opinion_in(sentence, grammar.ADVICE):
        return opinion_in(sentence, grammar.ADVICE)
    if (
        sentence.endswith(("were wrong", "were right", "was wrong", "was right"))
        and "called it" in said
    ):
        return opinion_in(said.rstrip("."), every) * (1 if sentence.endswith("right") else -1)
    if sentence.startswith("i expected to"):
        return opinion_in(sentence.replace(",", ""), every) * (1 if sentence.endswith("right") else -1)
    for turn in (" and was given ", " and came out having seen ", ", but ", "however, "):
        sentence = sentence.split(turn)[-1]
    if sentence.startswith(("although ", "even though ")):
        sentence = sentence.split(", ", 1)[1]
    sentence = sentence.split(", although ")[0].split(", even though ")[0].replace(",", "")
    denied = any(f" {word} " in f" {sentence} " for word in DENYING)
    return opinion_in(sentence, every) * (-1 if denied else 1)


def read(text):
    """The class of a review by the rules of the grammar; all its verdicts must agree."""
    sentences = [s if s.endswith(".") else s + "." for s in text.split(". ")]
    verdicts = []
    for before, sentence, after in zip(
        ["", *sentences[:-1]], sentences, [*sentences[1:], ""], strict=True
    ):
        if after.startswith("However,") or "called it" in sentence:
            continue  # taken back, or judged, by the sentence after
        verdicts.append(verdict_of(sentence, before))
    assert len({v for v in verdicts if v}) == 1, text
    return int(max(verdicts, key=abs) > 0)


def test_the_classes_are_balanced(many):
    assert many.classes == ("negative", "positive")
    assert many.labels.dtype == np.int8
    assert len(many.texts) == len(many.labels) == 4000
    assert many.labels.sum() == 2000
    assert [generated_reviews(n).labels.sum() for n in (1, 2, 7)] == [0, 1, 3]
    assert 0.45 < (many.labels[1:] == many.labels[:-1]).mean() < 0.55  # in random order


def test_the_reviews_depend_on_number_and_seed_alone(many):
    np.random.seed(0)
    again = generated_reviews(4000, seed=3)
    assert again.texts == many.texts
    np.testing.assert_array_equal(again.labels, many.labels)
    assert generated_reviews(10).texts == generated_reviews(10, seed=0).texts
    assert generated_reviews(10, seed=1).texts != generated_reviews(10).texts
    assert generated_reviews(11).texts[:10] != generated_reviews(10).texts


def test_the_reviews_of_a_seed_stay_what_they_are():
    # Whatever the version of Python: a result that was measured on them can be measured again.
    assert generated_reviews(2, seed=7).texts == [
        "I saw it on a hot Thursday with my brother. The music is moving and elegant. This picture is "
        "graceful and witty.",
        "The acting is boring. It is about two sisters who must search for a lost letter. The script "
        "is anything but witty. The costume work is not elegant.",
    ]


def test_a_reader_who_knows_the_rules_is_right_every_time(many):
    for text, label in zip(many.texts, many.labels, strict=True):
        assert read(text) == label, text


def test_no_review_comes_twice(many):
    assert len(set(many.texts)) == 4000


def test_counting_words_is_right_often_but_not_always(many):
    vocabulary = WordVocabulary.from_texts(many.texts)
    x = np.zeros((4000, vocabulary.size))
    for row, text in zip(x, many.texts, strict=True):
        np.add.at(row, vocabulary.encode(tokenize(text)), 1)
    y = 2.0 * many.labels - 1
    gram = x[:2000].T @ x[:2000] + np.eye(vocabulary.size)
    weights = np.linalg.solve(gram, x[:2000].T @ y[:2000])  # ridge regression
    accuracy = ((x[2000:] @ weights > 0) == many.labels[2000:]).mean()
    assert 0.70 < accuracy < 0.82


def test_every_kind_of_verdict_comes_in_both_classes(many):
    kinds = (
        *(f" {denial} " for denial in grammar.DENIALS),
        *(
            " is no ",
            ", but ",
            "However, ",
            "Although ",
            "Even though ",
            ", although ",
            ", even though ",
        ),
        *("was wrong.", "was right.", "were wrong.", "were right.", "I was promised", "We went in"),
        *("and this is one of them", "and this is not one of them", "This is not a", " called it "),
        *("expected to love", "expected to hate"),
    )
    for kind in kinds:
        labels = {int(n) for text, n in zip(many.texts, many.labels, strict=True) if kind in text}
        assert labels == {0, 1}, kind


def test_no_word_but_opinions_tells_the_class(many):
    vocabulary = WordVocabulary.from_texts(many.texts)
    opinions = {
        word
        for lists in (
            grammar.ADJECTIVES,
            grammar.NOUNS,
            grammar.VERBS,
            grammar.ADVICE,
        )
        for word in tokenize(" ".join(map(" ".join, lists)))
    }
    present = np.zeros((4000, vocabulary.size), bool)
    for row, text in zip(present, many.texts, strict=True):
        row[vocabulary.encode(tokenize(text))] = True
    others = [word for word in vocabulary.words if word not in opinions]
    assert {"not", "far", "never", "hardly", "but", "however", "although", "wrong"} < set(others)
    for word in others:
        labels = many.labels[present[:, vocabulary.id_of(word)]]
        assert abs(labels.mean() - 0.5) < 4 * 0.5 / len(labels) ** 0.5, word  # 4 standard errors


def test_the_reviews_are_short_sentences_of_a_small_vocabulary(many):
    counts = [text.count(".") for text in many.texts]
    assert set(counts) == {1, 2, 3, 4, 5, 6}
    assert 150 <= len(WordVocabulary.from_texts(many.texts)) <= 300
    for text in many.texts:
        assert text.endswith(".")
        assert "  " not in text
        for sentence in text.split(". "):
            assert sentence[0].isupper() or sentence[0].isdigit()
            words = tokenize(sentence)
            for article, word in pairwise(words):
                if article in ("a", "an"):
                    assert (article == "an") == (word[0] in "aeiou"), sentence


def test_thousands_are_quick():
    start = time.perf_counter()
    generated_reviews(4000, seed=1)
    assert time.perf_counter() - start < 1  # a twentieth of a second on a laptop


@pytest.mark.parametrize(
    "n, seed, name", [(0, 0, "n"), (2.5, 0, "n"), (2, -1, "seed"), (2, "a", "seed")]
)
def test_arguments_out_of_range_are_named(n, seed, name):
    with pytest.raises(DataError, match=f"`{name}`") as caught:
        generated_reviews(n, seed)
    assert "\n" not in str(caught.value)
