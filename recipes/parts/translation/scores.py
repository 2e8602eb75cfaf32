"""Translations held against what people wrote: BLEU, chrF, and the share that is word for word so."""

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

LENGTHS = (1, 6, 11, 16, 21, 31)  # the least words of a source, for BLEU by length
_FEW = 20  # sentences, of which BLEU says nothing


def score(translations, references):
    """BLEU, chrF and exact matches of the whole, in percent, and sacrebleu's signature of BLEU.

    Args:
        translations: n strings, words between spaces.
        references: n lists of strings, the right translations of each.

    Returns:
        A dict of `bleu`, `chrf`, `exact`; and the signature, a string.

    Computed by sacrebleu on words as they are (`tokenize="none"`): both sides are cut alike already.

    Source: Papineni et al. 2002, "BLEU"; Popović 2015, "chrF"; Post 2018 (arXiv:1804.08771), sacrebleu.
    """
    streams = _streams(references)
    metric = BLEU(tokenize="none", force=True)
    bleu = metric.corpus_score(translations, streams).score
    chrf = CHRF().corpus_score(translations, streams).score
    exact = 100 * np.mean([t in of for t, of in zip(translations, references, strict=True)])
    found = {"bleu": float(bleu), "chrf": float(chrf), "exact": float(exact)}
    return found, str(metric.get_signature())


def by_length(translations, references, lengths, least=LENGTHS):
    """BLEU by the length of the source.

    Args:
        translations, references: As of `score`.
        lengths: n numbers of words.
        least: Where each group begins.

    Returns:
        A list of dicts: `least` and `most` words (`None` for no end), `sentences`, `bleu`. Groups of
        fewer than 20 sentences are left out.
    """
    lengths, groups = np.asarray(lengths), []
    ends = [*(n - 1 for n in least[1:]), None]
    for first, last in zip(least, ends, strict=True):
        inside = (lengths >= first) & (lengths <= (lengths.max() if last is None else last))
        rows = np.flatnonzero(inside)
        if len(rows) >= _FEW:
            ours = [translations[n] for n in rows]
            found, _ = score(ours, [references[n] for n in rows])
            groups.append({"least": first, "most": last, "sentences": len(rows), "bleu": found["bleu"]})
    return groups


def _streams(references):
    """As sacrebleu takes references: one list of n for each of the most that a sentence has."""
    most = max(map(len, references))
    return [[of[n] if n < len(of) else None for of in references] for n in range(most)]
