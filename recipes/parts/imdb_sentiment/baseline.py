"""TF-IDF and logistic regression, in which the lecture's listing sees its LSTM's equal or better.

    tf-idf(w, d) = (1 + log tf(w, d)) (log((1 + n) / (1 + df(w))) + 1), each review scaled to norm 1

scikit-learn's, with sublinear counts, words that are in at least five reviews (fewer, where there are
less than 500), and C = 10: settled in advance, not tuned here.
"""

from typing import NamedTuple

import numpy as np

FORMS = {"tf-idf": (1, 1), "tf-idf with pairs": (1, 2)}


class Baseline(NamedTuple):
    """What one form of the baseline came to: probabilities of both parts, and features."""

    validation: np.ndarray
    test: np.ndarray
    features: int


def fit(data):
    """Fits both forms on the training reviews, all their words, rare ones too.

    Args:
        data: With `train`, `validation` and `test`, `LabelledSequences`.

    Returns:
        A dict of the names in `FORMS` to `Baseline`s.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    train, validation, test = (_texts(p.sequences) for p in (data.train, data.validation, data.test))
    baselines = {}
    for name, ngrams in FORMS.items():
        vectorizer = TfidfVectorizer(
            ngram_range=ngrams,
            sublinear_tf=True,
            min_df=min(5, max(1, len(train) // 100)),
            lowercase=False,
            token_pattern=r"\S+",
        )
        model = make_pipeline(vectorizer, LogisticRegression(C=10, max_iter=1000))
        model.fit(train, data.train.labels)
        p = [model.predict_proba(texts)[:, 1] for texts in (validation, test)]
        baselines[name] = Baseline(*p, len(vectorizer.vocabulary_))
    return baselines


def _texts(sequences):
    """Reviews as texts of ids: to scikit-learn a word is a word, however it is written."""
    return [" ".join(map(str, sequences[i][1:].tolist())) for i in range(len(sequences))]
