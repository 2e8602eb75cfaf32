"""Scores captions against references by BLEU and CIDEr, and describes the captions.

Captions are lists of words; references are lists of lists of words, any number an image.
"""

from collections import Counter

import numpy as np
from sacrebleu.metrics import BLEU

LONGEST = 4  # words of an n-gram
SIGMA = 6.0  # of CIDEr-D's penalty on lengths

_TITLES = {"cider": "CIDEr", "truth": "truth", **{f"bleu_{n}": f"BLEU-{n}" for n in (1, 2, 3, 4)}}


def title(name):
    """Returns a score's name for display."""
    return _TITLES[name]


def bleu(captions, references):
    """Returns BLEU-1 to BLEU-4 of all captions together, in percent.

        BLEU-N = BP exp((1/N) Σ_(n≤N) ln p_n),  BP = min(1, e^(1 - r/c))

    with p_n the clipped precision of n-grams, c the words of the captions, and r the words of each
    image's reference nearest in length. Computed by sacrebleu without tokenization
    (`tokenize="none"`), whose smoothing changes only counts of 0.

    Source: Papineni et al. 2002, "BLEU"; Post 2018 (arXiv:1804.08771), sacrebleu.
    """
    _check(captions, references)
    texts = [" ".join(words) for words in captions]
    most = max(map(len, references))
    streams = [[" ".join(of[n]) if n < len(of) else None for of in references] for n in range(most)]
    metric = BLEU(max_ngram_order=LONGEST, tokenize="none", force=True)
    result = metric.corpus_score(texts, streams)
    # The shorter orders have the same precisions and the same penalty.
    p = np.array(result.precisions)
    return [
        float(result.bp * np.exp(np.log(p[:n]).mean())) if p[:n].all() else 0.0
        for n in range(1, LONGEST + 1)
    ]


def ciders(captions, references):
    """Returns CIDEr-D of each caption, `(N,)`.

        g_n(s) = the vector of s over n-grams ω: h_ω(s) ln(N / max(1, d_ω))
        CIDEr-D_n = (10/m) Σ_j e^(-(l(c) - l(s_j))² / 2σ²) min(g_n(c), g_n(s_j)) · g_n(s_j)
                                                          / (‖g_n(c)‖ ‖g_n(s_j)‖)

    and the mean over n = 1 ... 4. h_ω counts ω in s, d_ω the images with ω in a reference, l counts
    words, and σ is 6; the minimum is componentwise. Computed as in coco-caption's `Cider`: on words
    without stemming, and with pairs of words for l.

    Source: Vedantam, Zitnick and Parikh 2015 (arXiv:1411.5726), CIDEr-D.
    """
    _check(captions, references)
    counted = [[_ngrams(words) for words in of] for of in references]
    images = Counter(gram for of in counted for gram in set().union(*of))
    total = np.log(float(len(references)))

    def vector(grams):
        """Returns the components and their norm for each n, and the number of word pairs."""
        parts = [{} for _ in range(LONGEST)]
        for gram, count in grams.items():
            parts[len(gram) - 1][gram] = count * (total - np.log(max(1.0, images[gram])))
        norms = [np.sqrt(sum(value**2 for value in part.values())) for part in parts]
        return parts, norms, sum(count for gram, count in grams.items() if len(gram) == 2)

    scores = np.zeros(len(captions))
    for i, (words, of) in enumerate(zip(captions, counted, strict=True)):
        ours, our_norms, our_length = vector(_ngrams(words))
        for grams in of:
            theirs, their_norms, length = vector(grams)
            near = np.exp(-((our_length - length) ** 2) / (2 * SIGMA**2))
            for n in range(LONGEST):
                shared = sum(
                    min(value, theirs[n][gram]) * theirs[n][gram]
                    for gram, value in ours[n].items()
                    if gram in theirs[n]
                )
                if our_norms[n] and their_norms[n]:
                    shared /= our_norms[n] * their_norms[n]
                scores[i] += 10 * near * shared / (LONGEST * len(of))
    return scores


def cider(captions, references):
    """Returns the mean CIDEr-D: see `ciders`."""
    return float(ciders(captions, references).mean())


def novelty(captions, training):
    """Returns the share of captions that equal no training caption, word for word."""
    known = {tuple(words) for words in training}
    return float(np.mean([tuple(words) not in known for words in captions]))


def distinct_words(captions):
    """Returns how many different words the captions have."""
    return len({word for words in captions for word in words})


def _ngrams(words):
    """Returns counts of the 1- to 4-grams of words, as tuples."""
    return Counter(
        tuple(words[i : i + n]) for n in range(1, LONGEST + 1) for i in range(len(words) - n + 1)
    )


def _check(captions, references):
    if not len(captions) or len(captions) != len(references) or not all(map(len, references)):
        raise ValueError(
            f"as many captions as images with references are needed, one or more; received "
            f"{len(captions)} captions and references of {len(references)} images"
        )
