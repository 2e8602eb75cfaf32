"""How an opinion forms: the probability after each word of a review."""

import sys
import unicodedata

import numpy as np

from rnn_kit import cli, plots
from rnn_kit.text import START, Sequences, cut_words

PICTURE = "opinion.png"
IN_PICTURE = 6  # reviews, where several are judged


class Opinion:
    """What a network makes of a review, word by word.

    After word t it has read the words up to t and nothing else (their last `maxlen`): the probability
    is that of the review if it ended there. A word that the training reviews did not have is passed
    over, and leaves the opinion as it is.

    Args:
        judge: `judge(sequences) -> probabilities (n,)`, of reviews in all their ids.
        vocabulary: The `WordVocabulary`.
        maxlen: Ids that the network reads; of a longer review its last ones.
        words: Of the review.

    Attributes:
        words: Those that are read.
        left_out: How many words before them are not.
        probabilities: `(T,)`, after each word.
        marked: Indexes of the words that the network does not know, whether rare or never seen.
    """

    def __init__(self, judge, vocabulary, maxlen, words):
        ids = [vocabulary.id_of(word) for word in words]
        known = np.array([number is not None for number in ids], bool)
        seen = np.flatnonzero(known)
        begins = int(seen[-maxlen]) if len(seen) > maxlen else 0
        self.words, self.left_out = words[begins:], begins
        self.marked = {
            i for i, number in enumerate(ids[begins:]) if number is None or number >= vocabulary.size
        }
        read = [START, *(number for number in ids if number is not None)]
        counts, after = np.unique(np.cumsum(known)[begins:], return_inverse=True)  # of known words
        beginnings = [read[max(0, n + 1 - maxlen) : n + 1] for n in counts]
        self.probabilities = judge(Sequences.of(beginnings))[after]

    def trace(self, title):
        """For `rnn_kit.plots.opinion_traces`."""
        parts = {"words": self.words, "probabilities": self.probabilities, "marked": self.marked}
        return {**parts, "title": title}

    def verdict(self, classes):
        """The probability and the class, in a line."""
        p = self.probabilities[-1]
        count = f"{len(self.words):,} word{'s' * (len(self.words) != 1)}"
        line = f"{classes[int(p > 0.5)]} ({p:.3f} {classes[1]}); {count} read"
        if self.left_out:
            line += f", the {self.left_out:,} before them not"
        if self.marked:
            line += f", {len(self.marked):,} not in the vocabulary"
        return line


def judge_reviews(opinion_of, run, review):
    """Judges a review, or with `-` each line of standard input, and draws the first few.

    Args:
        opinion_of: `opinion_of(words) -> Opinion`.
        run: The saved `Run`, whose folder takes the picture.
        review: A text, or `-`; blank lines are passed over.

    Raises:
        UserError: if a review has no words; the others have been judged and drawn by then.
    """
    classes = (run.config.get("data") or {}).get("classes") or ("negative", "positive")
    texts = [("--predict", review)]
    if review == "-":
        lines = ((f"line {n} of standard input", line) for n, line in enumerate(sys.stdin, 1))
        texts = ((name, line) for name, line in lines if line.strip("\ufeff \t\r\n"))
    empty, traces, count = [], [], 0
    for name, text in texts:
        words = cut_words(unicodedata.normalize("NFC", text.removeprefix("\ufeff")))
        if not words:
            empty.append(name)
            continue
        opinion = opinion_of(words)
        count += 1
        print(opinion.verdict(classes))
        print(cli.coloured_words(opinion.words, opinion.probabilities, opinion.marked, classes=classes))
        if len(traces) < IN_PICTURE:
            traces.append(opinion.trace(opinion.verdict(classes)))
    if traces:
        plots.save(run, PICTURE, plots.opinion_traces(traces, classes=classes))
        which = f" (the first {len(traces)} of {count})" if count > len(traces) else ""
        print(f"drawn in {run.path / PICTURE}{which}")
    if empty or not count:
        what = f"{', '.join(empty[:5])}{' …' if len(empty) > 5 else ''}" if empty else "standard input"
        raise cli.UserError(
            f"{what}: there is no word to judge. Give a review with --predict, or one a line with "
            "--predict -."
        )
