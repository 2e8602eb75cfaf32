"""What a saved run says of a text: its names, and how it waits for what follows."""

import json
import os
import sys
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from parts.name_tagging import run_figures, sentences
from recipe_kit import cli, figures
from recipe_kit.runs import RunError
from recipe_kit.standard_input import lines_as_they_come
from rnn_kit import crf, entities

LONGEST = 10_000  # words of a text
WATCHED_PICTURE = "watched.png"
WATCHED = 60  # words of a sentence that is watched
_BATCH = 64  # texts, and beginnings of a sentence
_COLOURS = (46, 42, 43, 45, 44)  # of types, backgrounds of a terminal


class Name(NamedTuple):
    """A name in a text: its type, where it begins and ends, and how probable its tags are.

    p is the probability of the least probable of its tags.
    """

    type: str
    text: str
    start: int
    end: int
    p: float


class Tagger:
    """Tags texts with a network.

    Args:
        model: From inputs to potentials of a CRF or to logits.
        encoder: `sentences.Encoder`.
        whitespace_only: Whether texts are split into words already, by white space.
    """

    def __init__(self, model, encoder, whitespace_only=False):
        self.model, self.encoder, self.whitespace_only = model, encoder, whitespace_only

        @tf.function(reduce_retracing=True, autograph=False)
        def read(inputs):
            out = model(inputs, training=False)
            if len(out.shape) == 4:
                return crf.log_marginals(out), crf.viterbi(out)[0]
            return tf.nn.log_softmax(out), tf.argmax(out, axis=-1, output_type=tf.int32)

        self._read = read

    def read(self, sentences):
        """Reads sentences, lists of words.

        Returns:
            For each sentence ln p of each tag of its words, `(T, L)`, and the best tags' labels `(T,)`.
        """
        order = sorted(range(len(sentences)), key=lambda n: len(sentences[n]))
        found = [None] * len(sentences)
        for begin in range(0, len(order), _BATCH):
            rows = order[begin : begin + _BATCH]
            inputs = self.encoder.inputs([sentences[n] for n in rows])
            log_p, paths = self._read({name: tf.constant(ids) for name, ids in inputs.items()})
            for n, of, path in zip(rows, log_p.numpy(), paths.numpy(), strict=True):
                count = len(sentences[n])
                found[n] = of[:count], path[:count]
        return found

    def split(self, text):
        """Splits a text into words as the training part is split: pairs of a word and its index."""
        return sentences.split_words(text, self.encoder.is_known, self.whitespace_only)

    def names(self, texts):
        """Returns the names in each of some texts, lists of `Name`; none in a text without words."""
        split = [self.split(text) for text in texts]
        wordy = [n for n, words in enumerate(split) if words]
        read = self.read([[word for word, _ in split[n]] for n in wordy])
        found = [[] for _ in texts]
        for n, (log_p, path) in zip(wordy, read, strict=True):
            words, text = split[n], texts[n]
            for start, stop, kind in entities.from_tags([self.encoder.tags[k] for k in path]):
                first, (last_word, last) = words[start][1], words[stop - 1]
                end = last + len(last_word)
                p = np.exp(min(log_p[t, path[t]] for t in range(start, stop)))
                found[n].append(Name(kind, text[first:end], first, end, float(p)))
        return found

    def while_reading(self, words):
        """Returns p(word k is in a name | the first t words), `(T, T)`; NaN where k is yet to come."""
        outside = self.encoder.tags.index(entities.OUTSIDE)
        p = np.full((len(words), len(words)), np.nan)
        beginnings = [words[: t + 1] for t in range(len(words))]
        for t, (log_p, _) in enumerate(self.read(beginnings)):
            p[t, : t + 1] = 1 - np.exp(log_p[:, outside])
        return p


def tag(tagger, texts, as_json=False, encoding=None):
    """Prints the names in texts: marked in the text, or as a JSON object a line.

    Args:
        tagger: A `Tagger`.
        texts: Strings; or `["-"]`, for the lines of standard input; blank ones are passed over.
        as_json: Whether to print JSON; for standard input, with the number of the line.
        encoding: Of standard input.

    Returns:
        A list of lists of `Name`.

    Raises:
        UserError: naming the text that has no word, or more than `LONGEST`; of the lines of standard
            input, those without words are printed as they are.
    """
    if texts != ["-"]:
        for text in texts:
            _check_length(text, "A text", len(tagger.split(text)), 1, LONGEST)
        return _say(tagger, texts, [{}] * len(texts), as_json)
    found = []
    for lines in lines_as_they_come(sys.stdin, encoding):
        for name, line in lines:
            _check_length(line, name.capitalize(), len(tagger.split(line)), 0, LONGEST)
        numbers = [{"line": int(name.split()[1])} for name, _ in lines]
        found += _say(tagger, [line for _, line in lines], numbers, as_json)
    return found


def _say(tagger, texts, about, as_json):
    found = tagger.names(texts)
    for text, names, more in zip(texts, found, about, strict=True):
        if as_json:
            told = {**more, "text": text, "names": [name._asdict() for name in names]}
            print(json.dumps(told, ensure_ascii=False), flush=True)
        else:
            print(marked(text, names, tagger.encoder), flush=True)
    return found


def _check_length(text, what, words, least, most):
    if words < least:
        raise cli.UserError(f"{what} without words: expected some words to find names in.")
    if words > most:
        raise cli.UserError(f"{what} of {words:,} words: {most:,} are the most. Give it in pieces.")


def marked(text, names, encoder, color=None):
    """Returns a text with its names marked: coloured on a terminal, else in brackets.

    Args:
        text: A string.
        names: `Name`s in it, in order.
        encoder: `sentences.Encoder`, whose types have colours.
        color: Default: whether standard output is a terminal and NO_COLOR is not set.

    Example:

    >>> marked("Teddy left", [Name("PER", "Teddy", 0, 5, 0.973)], None, color=False)
    '[Teddy PER 0.97] left'
    """
    if color is None:
        color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    types = list(dict.fromkeys(entities.split_tag(t)[1] for t in encoder.tags[1:])) if color else []
    parts, at = [], 0
    for name in names:
        parts.append(_printable(text[at : name.start]))
        said = f"{_printable(name.text)} {name.type} {name.p:.2f}"
        if color:
            colour = _COLOURS[types.index(name.type) % len(_COLOURS)]
            parts.append(f"\x1b[30;{colour}m{said}\x1b[0m")
        else:
            parts.append(f"[{said}]")
        at = name.end
    return "".join([*parts, _printable(text[at:])])


def _printable(text):
    """A control character would move the cursor or change the colours."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "·" for c in text)


def watch(run, tagger, text):
    """Prints and draws what a network says of each word while the sentence is still being read.

    Args:
        run: The saved `Run`, in whose folder the picture goes.
        tagger: A `Tagger`.
        text: A sentence of at most `WATCHED` words.

    Returns:
        The probabilities of `Tagger.while_reading`.
    """
    words = [word for word, _ in tagger.split(text)]
    _check_length(text, "A sentence", len(words), 1, WATCHED)
    p = tagger.while_reading(words)
    words = [_printable(word) for word in words]
    width = max(5, *(len(word) + 1 for word in words))
    print("probability that a word is in a name, a row after each word that was read")
    print(" " * width + "".join(f"{word:>{width}}" for word in words))
    for t, word in enumerate(words):
        print(f"{word:{width}}" + "".join(f"{value:{width}.2f}" for value in p[t, : t + 1]))
    changed = [word for k, word in enumerate(words) if np.ptp(p[k:, k]) > 0.1]
    print(f"changed by what followed: {', '.join(changed) or 'no word'}")
    try:
        figures.save(run, WATCHED_PICTURE, run_figures.waiting({"": p}, words))
        print(f"drawn in {run.file(WATCHED_PICTURE)}")
    except RunError as error:
        sys.stderr.write(f"The picture is not drawn: {error}\n")
    return p
