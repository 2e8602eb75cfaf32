"""How an opinion forms: the probability after each word of a review."""

import sys

import numpy as np

from rnn_kit import cli, plots
from rnn_kit.text import START, Sequences, cut_words

PICTURE = "opinion.png"
IN_PICTURE = 6  # reviews, where several are judged


class Opinion:
    """What a network makes of a review, word by word.

    After word t it has read words 1 to t and nothing else: the probability is that of the review if it
    ended there. A word that the training reviews did not have is passed over, and leaves the opinion as
    it is.

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
        seen = np.flatnonzero([number is not None for number in ids])
        begins = int(seen[-maxlen]) if len(seen) > maxlen else 0
        self.words, self.left_out = words[begins:], begins
        ids = ids[begins:]
        self.marked = {i for i, number in enumerate(ids) if number is None or number >= vocabulary.size}
        read = [number for number in ids if number is not None]
        if len(read) < maxlen:  # there is room for it
            read = [START, *read]
        lengths = np.arange(1, len(read) + 1)
        beginnings = Sequences(np.concatenate([read[:n] for n in lengths]), lengths)
        after = judge(beginnings)
        known = np.cumsum([number is not None for number in ids])
        # With the start before it, the t-th known word ends beginning t + 1; else it ends beginning t.
        at = known - (len(read) == known[-1])
        self.probabilities = after[np.maximum(at, 0)]

    def trace(self, title):
        """For `rnn_kit.plots.opinion_traces`."""
        parts = {"words": self.words, "probabilities": self.probabilities, "marked": self.marked}
        return {**parts, "title": title}

    def verdict(self, classes):
        """The probability and the class, in a line."""
        p = self.probabilities[-1]
        count = f"{len(self.words):,} word{'s' * (len(self.words) != 1)}"
        line = f"{p:.3f} {classes[1]}, so {classes[int(p > 0.5)]}; {count} read"
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
        review: A text, or `-`.

    Raises:
        UserError: if a review has no words; the others have been judged and drawn by then.
    """
    classes = (run.config.get("data") or {}).get("classes") or ("negative", "positive")
    texts = [("--predict", review)]
    if review == "-":
        texts = ((f"line {n} of standard input", line) for n, line in enumerate(sys.stdin, 1))
    empty, traces, count = [], [], 0
    for name, text in texts:
        words = cut_words(text)
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
        with run.writing(PICTURE) as aside:
            plots.opinion_traces(traces, classes=classes).savefig(aside, format="png")
        which = f" (the first {len(traces)} of {count})" if count > len(traces) else ""
        print(f"drawn in {run.path / PICTURE}{which}")
    if empty or not count:
        what = f"{', '.join(empty[:5])}{' …' if len(empty) > 5 else ''}" if empty else "standard input"
        raise cli.UserError(
            f"{what}: there is no word to judge. Give a review with --predict, or one a line with "
            "--predict -."
        )
