"""Traces an opinion: the probability after each word of a review."""

import sys
from dataclasses import dataclass

import numpy as np

from recipe_kit import cli, figures
from recipe_kit.progress import progress_bar
from recipe_kit.standard_input import lines_as_they_come
from rnn_kit.text import START_ID, Sequences, tokenize
from rnn_kit.text.decoding import normalize_nfc

FIGURE = "opinion.png"
PATIENCE = 2  # seconds before a bar is drawn
IN_FIGURE = 6  # reviews, if several are judged
TOGETHER = 1 << 20  # ids of beginnings judged at once: a few thousand short reviews


@dataclass(frozen=True, eq=False)
class Opinion:
    """A network's probabilities for a review, word by word.

    Attributes:
        words: The words that are read.
        left_out: The number of words before them that are not.
        probabilities: `(T,)`, the probability after each word.
        marked: Indexes of the words that the network does not know, whether rare or never seen.
    """

    words: list
    left_out: int
    probabilities: np.ndarray
    marked: set

    def trace(self, title):
        """Returns the arguments of `recipe_kit.figures.opinion_traces` for this review."""
        parts = {"words": self.words, "probabilities": self.probabilities, "marked": self.marked}
        return {**parts, "title": title}

    def verdict(self, classes):
        """Returns the class and the probability, in a line."""
        p = self.probabilities[-1]
        count = f"{len(self.words):,} word{'s' * (len(self.words) != 1)}"
        line = f"{classes[int(p > 0.5)]} ({p:.3f} {classes[1]}); {count} read"
        if self.left_out:
            line += f", the {self.left_out:,} before them not"
        if self.marked:
            line += f", {len(self.marked):,} not in the vocabulary"
        return line


def of_reviews(judge, vocabulary, maxlen, reviews):
    """Returns the opinions of reviews, judging the beginnings of all of them together.

    After word t the network has read only the words up to t (the last `maxlen` of them): the
    probability is that of the review if it ended there. A word that the training reviews did not have
    is skipped and leaves the probability unchanged.

    Args:
        judge: `judge(sequences) -> probabilities (n,)`, for reviews with all their ids.
        vocabulary: The `WordVocabulary`.
        maxlen: The number of ids that the network reads: a longer review's last ones.
        reviews: A list of reviews, each a list of words, none of them empty.

    Returns:
        A list of `Opinion`s.
    """
    beginnings, opinions, ends = [], [], []
    for words in reviews:
        ids = [vocabulary.id_of(word) for word in words]
        known = np.array([number is not None for number in ids], bool)
        seen = np.flatnonzero(known)
        begins = int(seen[-maxlen]) if len(seen) > maxlen else 0
        marked = {
            i for i, number in enumerate(ids[begins:]) if number is None or number >= vocabulary.size
        }
        read = np.array([START_ID, *(number for number in ids if number is not None)], "int32")
        counts, after = np.unique(np.cumsum(known)[begins:], return_inverse=True)  # known words
        beginnings += [read[max(0, n + 1 - maxlen) : n + 1] for n in counts.tolist()]
        opinions.append((words[begins:], begins, after, marked))
        ends.append(len(beginnings))
    judged = np.split(judge(Sequences.of(beginnings)), ends[:-1])
    return [
        Opinion(words, left_out, probabilities[after], marked)
        for (words, left_out, after, marked), probabilities in zip(opinions, judged, strict=True)
    ]


def judge_reviews(opinions_of, run, review, encoding=None):
    """Judges a review, or with `-` each line of standard input, and draws the first few.

    Lines that arrive together are judged in one go, and answered in their order.

    Args:
        opinions_of: `opinions_of(reviews) -> [Opinion]`, of lists of words.
        run: The saved `Run`, whose folder takes the figure.
        review: A text, or `-`; blank lines are passed over.
        encoding: Encoding of standard input. Default: the terminal's.

    Raises:
        UserError: if a review has no words, after the others are judged and drawn.
        KeyboardInterrupt: naming the last review judged; the answers so far are written.
    """
    classes = (run.config.get("data") or {}).get("classes") or ("negative", "positive")
    lines = lines_as_they_come(sys.stdin, encoding) if review == "-" else [[("predict", review)]]
    empty, traces, count, last = [], [], 0, None
    try:
        with reviews_bar() as bar:
            for block in _together(lines, empty):
                bar.update(count - bar.n)
                opinions = opinions_of([words for _, words in block])
                for (name, _), opinion in zip(block, opinions, strict=True):
                    _answer(opinion, classes)
                    last = name
                    if len(traces) < IN_FIGURE:
                        traces.append(opinion.trace(opinion.verdict(classes)))
                count += len(block)
                sys.stdout.flush()
    except KeyboardInterrupt:
        so_far = f": {last} is the last that was judged" if last else ""
        raise KeyboardInterrupt(f"Interrupted{so_far}.") from None
    if traces:
        _draw(run, traces, classes, count)
    if empty or not count:
        what = f"{', '.join(empty[:5])}{' …' if len(empty) > 5 else ''}" if empty else "standard input"
        raise cli.UserError(
            f"{what}: there is no word to judge. Give a review with predict, or one a line with "
            "predict -."
        )


def reviews_bar():
    """Returns a progress bar of how many reviews are judged.

    It appears after `PATIENCE`, and only if the answers are not printed on a terminal.
    """
    return progress_bar(None, "reviews", shown=not sys.stdout.isatty(), delay=PATIENCE)


def _together(blocks, empty):
    """Yields lists of pairs of a name and a review's words, as many as are judged at once.

    Args:
        blocks: Lists of pairs of a name and a text, in order.
        empty: A list that collects the names of texts without a word.
    """
    for block in blocks:
        held, ids = [], 0
        for name, text in block:
            words = tokenize(normalize_nfc(text.removeprefix("\ufeff")))
            if not words:
                empty.append(name)
                continue
            held.append((name, words))
            ids += len(words) ** 2 // 2
            if ids >= TOGETHER:
                yield held
                held, ids = [], 0
        if held:
            yield held


def _answer(opinion, classes):
    print(opinion.verdict(classes))
    print(cli.coloured_words(opinion.words, opinion.probabilities, opinion.marked, classes=classes))


def _draw(run, traces, classes, count):
    """Draws the first opinions into the run's folder, or prints why there is no figure."""
    with cli.drawing("every review is judged"):
        figures.save(run, FIGURE, figures.opinion_traces(traces, classes=classes))
        which = f" (the first {len(traces)} of {count:,})" if count > len(traces) else ""
        print(f"drawn in {run.path / FIGURE}{which}")
