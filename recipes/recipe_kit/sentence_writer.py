"""Writes sentences with a network: sampling, the likeliest words, beam search."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from recipe_kit.runs import RunError
from rnn_kit.generation import beam_search
from rnn_kit.sampling import TemperatureSampler

ROWS = 100  # a batch


class Sentence(NamedTuple):
    """A written sentence: its words without the end, ln p, and the number of words scored.

    The scored words include the end, unless the sentence reached the maximum length without it.
    """

    words: list
    log_p: float
    scored: int

    @property
    def per_word(self):
        """The log probability a word, in nats, including the end."""
        return self.log_p / self.scored


class SentenceWriter:
    """Writes sentences with a network that first encodes an input, and then decodes word by word.

    `<unk>` stands for words that the network does not know, and is never written.

    Args:
        model: The network, with two methods: `encode(inputs) -> memory, state` reads a dict of tensors
            `(B, ...)`, and `decode(words (B, T), memory, state) -> logits (B, T, V), state, looked`
            continues. Memory and state are nested tensors with B rows each.
        vocabulary: Its `rnn_kit.text.TokenVocabulary`, whose end also starts every sentence.
        max_length: The most words of a sentence, including the end.
    """

    def __init__(self, model, vocabulary, max_length=24):
        self.model, self.vocabulary, self.max_length = model, vocabulary, max_length
        unwritten = np.zeros(len(vocabulary), "float32")
        if vocabulary.unknown is not None:
            unwritten[vocabulary.unknown] = -np.inf
        self._unwritten = tf.constant(unwritten)
        self._start = tf.function(model.encode, reduce_retracing=True)
        self._samplers = {}

    def step(self, ids, state):
        """Returns ln p `(N, V)` of the word after ids `(N,)`, and the state after them."""
        memory, states = state
        logits, states, _ = self.model.decode(ids[:, None], memory, states)
        return tf.nn.log_softmax(logits[:, 0]) + self._unwritten, (memory, states)

    def beam(self, inputs, width=3, length_penalty=0.7):
        """Returns the best sentences by beam search.

        Args:
            inputs: A dict of arrays `(N, ...)`, as the network takes them.
            width, length_penalty: As in `rnn_kit.generation.beam_search`.

        Returns:
            A list of N lists of at most `width` sentences, best first.
        """
        found = []
        for batch in self._batches(inputs):
            count = len(next(iter(batch.values())))
            ids, scores = beam_search(
                self.step,
                self._start(batch),
                np.full(count, self.vocabulary.end),
                self.vocabulary.end,
                width,
                self.max_length,
                length_penalty,
            )
            for rows, row_scores in zip(ids, scores, strict=True):
                found.append(
                    [
                        self._sentence(row, score, length_penalty)
                        for row, score in zip(rows, row_scores, strict=True)
                        if np.isfinite(score)
                    ]
                )
        return found

    def sample(self, inputs, temperature=1.0, seed=0):
        """Samples one sentence a row until the end; takes the likeliest words at temperature 0.

        Returns:
            A list of N sentences. Their ln p is the model's, independent of the temperature.
        """
        if temperature not in self._samplers:
            sampler = TemperatureSampler(temperature, seed=0)
            self._samplers[temperature] = (
                sampler,
                tf.function(self._sampling(sampler), reduce_retracing=True),
            )
        sampler, sampling = self._samplers[temperature]
        sampler.seed_generator.state.assign([seed % 2**32, 0])
        sampled = []
        for batch in self._batches(inputs):
            ids, log_p = sampling(batch)
            sampled += map(self._sentence, ids.numpy(), log_p.numpy())
        return sampled

    def attention(self, inputs, words):
        """Returns the attention weights `(T, S)` before each word and the end, for one row."""
        ids = np.append(self.vocabulary.end, self.vocabulary.encode(words))
        memory, state = self.model.encode({n: v[None] for n, v in inputs.items()})
        return keras.ops.convert_to_numpy(self.model.decode(ids[None], memory, state)[2][0])

    def _sampling(self, sampler):
        end = self.vocabulary.end

        def sample(inputs):
            state = self.model.encode(inputs)
            rows = tf.shape(tf.nest.flatten(inputs)[0])[0]

            def goes_on(time, ids, last, log_p, ended, state):
                return (time < self.max_length) & ~tf.reduce_all(ended)

            def extend(time, ids, last, log_p, ended, state):
                log_all, state = self.step(last, state)
                word = tf.where(ended, end, sampler(log_all))
                gained = tf.gather(log_all, word, batch_dims=1)
                log_p += tf.where(ended, 0.0, gained)
                return time + 1, ids.write(time, word), word, log_p, ended | (word == end), state

            ids = tf.TensorArray(tf.int32, self.max_length, element_shape=[None])
            time, ids, _, log_p, _, _ = tf.while_loop(
                goes_on,
                extend,
                (0, ids, tf.fill([rows], end), tf.zeros([rows]), tf.zeros([rows], tf.bool), state),
            )
            return tf.transpose(ids.gather(tf.range(time))), log_p

        return sample

    def _batches(self, inputs):
        count = len(next(iter(inputs.values())))
        for begin in range(0, count, ROWS):
            yield {n: tf.constant(v[begin : begin + ROWS]) for n, v in inputs.items()}

    def _sentence(self, ids, score, length_penalty=0.0):
        """Makes a `Sentence` of ids, and ln p divided by a power of the length."""
        words = self.vocabulary.decode(ids)
        end = self.vocabulary.tokens[self.vocabulary.end]
        words = words[: words.index(end)] if end in words else words
        scored = min(len(words) + 1, self.max_length)
        return Sentence(words, float(score) * scored**length_penalty, scored)


def choose(writer, inputs, widths, penalties, score):
    """Returns the best length penalty on validation for each beam width, and the best width.

    Args:
        writer: A `SentenceWriter`, or an object with its `beam`.
        inputs: The validation part's inputs for `beam`.
        widths, penalties: The candidates.
        score: A function from sentences' words to a number.

    Returns:
        A dict of widths to `(score, penalty)`, and the best width (the smaller of equals).
    """
    best = {}
    for width in widths:
        best[width] = max(
            (score([found[0].words for found in writer.beam(inputs, width, penalty)]), -penalty)
            for penalty in penalties
        )
    best = {width: (value, -penalty) for width, (value, penalty) in best.items()}
    return best, max(widths, key=lambda width: (best[width][0], -width))


def chosen_beam(run, given, width, penalty):
    """Returns the beam's width and length penalty: as given, or as chosen on the run's validation.

    Args:
        run: The saved `Run`.
        given: Flags that were given, names to values.
        width, penalty: Defaults without a result.
    """
    try:
        metrics = run.result()["metrics"]
        width, penalty = int(metrics["beam_width"]), metrics["length_penalty"]
    except RunError:  # the run was interrupted
        pass
    return given.get("beam_widths", (width,))[0], given.get("length_penalties", (penalty,))[0]
