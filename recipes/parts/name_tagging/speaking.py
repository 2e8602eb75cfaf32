"""What a saved run says of a text: its names, and how it waits for what follows."""

import json
import os
import sys
from typing import NamedTuple

import numpy as np

from parts.name_tagging import run_figures, sentences
from recipe_kit import cli, figures
from recipe_kit.runs import RunError
from recipe_kit.standard_input import lines_as_they_come
from rnn_kit import crf, entities

LONGEST = 10_000  # words of a text
_COLOURS = (46, 42, 43, 45, 44)  # of types, backgrounds of a terminal


class Name(NamedTuple):
    """A name in a text: its type, where it begins and ends, and how probable its tags are."""

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
    """

    def __init__(self, model, encoder):
        self.model, self.encoder = model, encoder

    def log_marginals(self, inputs):
        """Returns ln p of each tag of each word `(B, T, L)`, and the best path `(B, T)`."""
        out = self.model(inputs, training=False)
        if len(out.shape) == 4:
            path, _ = crf.viterbi(out)
            return np.asarray(crf.log_marginals(out)), np.asarray(path)
        logits = np.asarray(out, "float64")
        logits -= logits.max(-1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(-1, keepdims=True)), logits.argmax(-1)

    def names(self, text):
        """Returns the names in a text, a list of `Name`.

        Raises:
            UserError: if the text has no word, or more than `LONGEST`.
        """
        words = _checked_words(text)
        log_p, path = self.log_marginals(self.encoder.inputs([word for word, _ in words]))
        tags = [self.encoder.tags[label] for label in path[0]]
        found = []
        for start, stop, kind in entities.from_tags(tags):
            first, (last_word, last) = words[start][1], words[stop - 1]
            p = np.exp(min(log_p[0, t, path[0, t]] for t in range(start, stop)))
            end = last + len(last_word)
            found.append(Name(kind, text[first:end], first, end, float(p)))
        return found

    def while_reading(self, words):
        """Returns p(word k is in a name | the first t words), `(T, T)`; NaN where k is yet to come."""
        count = len(words)
        inputs = self.encoder.inputs(words)
        seen = np.tril(np.ones((count, count), bool))
        prefixes = {
            name: np.where(seen.reshape(seen.shape + (1,) * (of.ndim - 2)), of, 0).astype("int32")
            for name, of in inputs.items()
        }
        log_p, _ = self.log_marginals(prefixes)
        outside = self.encoder.tags.index(entities.OUTSIDE)
        return np.where(seen, 1 - np.exp(log_p[..., outside]), np.nan)


def _checked_words(text):
    words = sentences.split_words(text)
    if not words:
        raise cli.UserError("A text without words: give some to find names in.")
    if len(words) > LONGEST:
        raise cli.UserError(
            f"A text of {len(words):,} words: {LONGEST:,} are the most. Give it line by line on "
            "standard input (tag -)."
        )
    return words


def tag(tagger, texts, as_json=False, encoding=None):
    """Prints the names in texts: marked in the text, or as a JSON object a line.

    Args:
        tagger: A `Tagger`.
        texts: Strings; or `["-"]`, for the lines of standard input.
        as_json: Whether to print JSON.
        encoding: Of standard input.

    Returns:
        A list of lists of `Name`.
    """
    found = []

    def say(text):
        names = tagger.names(text)
        found.append(names)
        if as_json:
            told = {"text": text, "names": [name._asdict() for name in names]}
            print(json.dumps(told, ensure_ascii=False), flush=True)
        else:
            print(marked(text, names, tagger.encoder), flush=True)

    if texts == ["-"]:
        for lines in lines_as_they_come(sys.stdin, encoding):
            for _, line in lines:
                say(line)
    else:
        for text in texts:
            say(text)
    return found


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
        text: A sentence.

    Returns:
        The probabilities of `Tagger.while_reading`.
    """
    words = [word for word, _ in _checked_words(text)]
    p = tagger.while_reading(words)
    width = max(5, *(len(word) + 1 for word in words))
    print("probability that a word is in a name, a row after each word that was read")
    print(" " * width + "".join(f"{word:>{width}}" for word in words))
    for t, word in enumerate(words):
        print(f"{word:{width}}" + "".join(f"{value:{width}.2f}" for value in p[t, : t + 1]))
    changed = [word for k, word in enumerate(words) if np.ptp(p[k:, k]) > 0.1]
    print(f"changed by what followed: {', '.join(changed) or 'no word'}")
    try:
        figures.save(run, "waiting.png", run_figures.waiting({"": p}, words))
        print(f"drawn in {run.file('waiting.png')}")
    except RunError as error:
        sys.stderr.write(f"The picture is not drawn: {error}\n")
    return p
