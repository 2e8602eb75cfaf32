"""TF-IDF and logistic regression, which the lecture's listing finds equal to or better than its LSTM.

    tf-idf(w, d) = (1 + log tf(w, d)) (log((1 + n) / (1 + df(w))) + 1), each review scaled to norm 1

as in scikit-learn, with sublinear counts, words that are in at least five reviews (fewer if there are
less than 500 reviews), and C = 10: fixed in advance, not tuned here.
"""

from typing import NamedTuple

import numpy as np

FORMS = {"tf-idf": (1, 1), "tf-idf with pairs": (1, 2)}


class Baseline(NamedTuple):
    """Results of one form of the baseline: probabilities of both parts, and features."""

    validation: np.ndarray
    test: np.ndarray
    features: int


def fit(data):
    """Fits both forms on the training reviews with all their words, rare ones too.

    Args:
        data: Data with `train`, `validation` and `test`, `LabelledSequences`.

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
    """Returns reviews as texts of ids: scikit-learn needs words, in any spelling."""
    return [" ".join(map(str, sequences[i][1:].tolist())) for i in range(len(sequences))]
