"""From sentences to their translations."""

import numpy as np

from parts.translation import lessons
from parts.translation.translator import SOURCE
from recipe_kit.sentence_writer import SentenceWriter

_SHORTEST = 16  # a source is padded to it, or to twice, four times ... as much: each is compiled once


class TranslationWriter:
    """Translates with a `Translator`.

    Args:
        model: The `Translator`.
        source_vocabulary, target_vocabulary: Its `TokenVocabulary`s.
        reverse: Whether it reads sentences from their end.
        max_length: The most words of a translation, its end counted with them.
    """

    def __init__(self, model, source_vocabulary, target_vocabulary, reverse=False, max_length=60):
        self.model, self.reverse = model, reverse
        self.source_vocabulary, self.target_vocabulary = source_vocabulary, target_vocabulary
        self._writer = SentenceWriter(model, target_vocabulary, max_length)

    def beam(self, sources, width=5, length_penalty=1.0):
        """The best translations by beam search.

        Args:
            sources: n lists of words.
            width, length_penalty: As `rnn_kit.generation.beam_search` has them.

        Returns:
            n lists of at most `width` `Sentence`s, best first.
        """
        return self._in_order(sources, lambda inputs: self._writer.beam(inputs, width, length_penalty))

    def greedy(self, sources):
        """Of each source the translation by the likeliest words: n `Sentence`s."""
        return self._in_order(sources, lambda inputs: self._writer.sample(inputs, 0))

    def log_p(self, source, target):
        """ln p of each word of a translation and of its end, given its source: `(T + 1,)`."""
        end = self.target_vocabulary.end
        ids = np.append(self.target_vocabulary.encode(target), end)
        words = np.append(end, ids[:-1])
        logits = self.model({SOURCE: self._padded([source]), "words": words[None]})
        logits = np.asarray(logits, "float64")[0]
        log_p = logits - np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1, keepdims=True))
        return (log_p - logits.max(-1, keepdims=True))[np.arange(len(ids)), ids]

    def look(self, source, target):
        """Where an attentive model looks before each word and the end: `(T + 1, S + 1)`.

        The steps of the source are in its own order, its end behind them.
        """
        looked = self._writer.attention({SOURCE: self._padded([source])[0]}, target)[
            :, : len(source) + 1
        ]
        return np.concatenate([looked[:, -2::-1], looked[:, -1:]], 1) if self.reverse else looked

    def _padded(self, sources):
        ids = lessons.source_ids(sources, self.source_vocabulary, self.reverse)
        longest = _padded_length(int(ids.lengths.max()))
        padded = np.zeros((len(sources), longest), "int32")
        padded[np.arange(longest) < ids.lengths[:, None]] = ids.flat
        return padded

    def _in_order(self, sources, write):
        """What is written of all, sources of about one length together."""
        padded = np.array([_padded_length(len(words) + 1) for words in sources])
        found = [None] * len(sources)
        for length in np.unique(padded):
            rows = np.flatnonzero(padded == length)
            written = write({SOURCE: self._padded([sources[n] for n in rows])})
            for n, sentence in zip(rows, written, strict=True):
                found[n] = sentence
        return found


def _padded_length(length):
    """The length to which a source of this length is padded: a power of two, and 16 at the least."""
    return max(_SHORTEST, 1 << (length - 1).bit_length())
