"""Scores of captions, against arithmetic done by hand and against sacrebleu's own."""

import numpy as np
import pytest
from sacrebleu.metrics import BLEU

from parts.image_captioning import scores


def cut(*texts):
    return [text.split() for text in texts]


def test_bleu_by_hand():
    """Six words, against a reference of seven, the nearest in length."""
    captions = cut("the cat sat on the mat")
    references = [cut("the cat sat down on the mat", "a dog ran off")]
    # Unigrams: all of six, with "the" twice in both.
    # Bigrams: the cat, cat sat, on the, the mat of five; trigrams: the cat sat, on the mat of four.
    # 4-grams: none of three, which sacrebleu counts as half of one: (1/2)/3.
    bp = np.exp(1 - 7 / 6)
    p = [6 / 6, 4 / 5, 2 / 4, 0.5 / 3]
    expected = [100 * bp * np.prod(p[:n]) ** (1 / n) for n in (1, 2, 3, 4)]
    np.testing.assert_allclose(scores.bleu(captions, references), expected, rtol=1e-6)


def test_the_lower_orders_are_sacrebleus_own_with_any_number_of_references():
    rng = np.random.default_rng(0)
    words = [f"w{n}" for n in range(30)]

    def some():
        return rng.choice(words, rng.integers(3, 12)).tolist()

    references = [[some() for _ in range(rng.integers(1, 6))] for _ in range(50)]
    captions = [of[0][:7] if n % 2 else some() for n, of in enumerate(references)]
    streams = [[" ".join(of[n]) if n < len(of) else None for of in references] for n in range(5)]
    texts = [" ".join(words) for words in captions]
    expected = [
        BLEU(max_ngram_order=n, tokenize="none", force=True).corpus_score(texts, streams).score
        for n in (1, 2, 3, 4)
    ]
    np.testing.assert_allclose(scores.bleu(captions, references), expected, rtol=1e-9)


def test_an_unknown_word_never_matches():
    references = [cut("a red unk dog")]
    assert scores.bleu(cut("a red <unk> dog"), references)[0] == pytest.approx(75)


def test_cider_by_hand():
    """Two images, so that an n-gram of one of them weighs ln 2 and one of both nothing.

    The first caption is its reference: cosine 1 for every n, 10. The second shares 3 of 4 unigrams, 2
    of 3 bigrams, 1 of 2 trigrams and no 4-gram with its own, all of one weight: 10 (3/4 + 2/3 + 1/2)/4.
    """
    captions = cut("a b c d", "e f g h")
    references = [cut("a b c d"), cut("e f g i")]
    expected = [10, 10 * (3 / 4 + 2 / 3 + 1 / 2) / 4]
    np.testing.assert_allclose(scores.ciders(captions, references), expected)
    assert scores.cider(captions, references) == pytest.approx(np.mean(expected))


def test_cider_clips_repeated_words_and_counts_off_for_length():
    """a a a against a b, beside an image of other words. Unigrams: min(3, 1)·1 / (3 √2) = 1/(3√2).

    Bigrams: a a twice against a b, nothing. Lengths in bigrams: 2 and 1: e^(-1/72).
    """
    captions, references = cut("a a a", "x"), [cut("a b"), cut("y")]
    expected = 10 * np.exp(-1 / 72) / (3 * np.sqrt(2)) / 4
    np.testing.assert_allclose(scores.ciders(captions, references), [expected, 0])


def test_cider_is_a_mean_over_references():
    captions = cut("a b c d", "x")
    one = scores.ciders(captions, [cut("a b c d"), cut("y")])[0]
    two = scores.ciders(captions, [cut("a b c d", "p q r s"), cut("y")])[0]
    assert (one, two) == (pytest.approx(10), pytest.approx(5))


def test_words_of_every_picture_say_nothing():
    captions = cut("a", "a")
    assert scores.cider(captions, [cut("a"), cut("a")]) == 0


def test_new_captions_and_distinct_words_are_counted():
    captions = cut("a dog runs", "a cat sits", "a dog runs")
    assert scores.novelty(captions, cut("a dog runs", "dog runs a")) == pytest.approx(1 / 3)
    assert scores.distinct_words(captions) == 5


def test_captions_without_images_are_refused():
    for captions, references in (([], []), (cut("a"), []), (cut("a"), [[]])):
        for score in (scores.bleu, scores.ciders):
            with pytest.raises(ValueError, match="references"):
                score(captions, references)
