"""From what a network has read to sentences: sampling, the likeliest word, beam search."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from recipe_kit.runs import RunError
from rnn_kit.generation import beam_search
from rnn_kit.sampling import TemperatureSampler

ROWS = 100  # a batch


class Sentence(NamedTuple):
    """What was written: its words without the end, ln p, and of how many words that is.

    These are the words and the end, or the words alone where the most were written and no end came.
    """

    words: list
    log_p: float
    scored: int

    @property
    def per_word(self):
        """Log-probability a word, in nats, the end counted with them."""
        return self.log_p / self.scored


class SentenceWriter:
    """Writes sentences with a network that reads something first, and then goes on word by word.

    `<unk>` stands for words that the network does not know, and is never written.

    Args:
        model: The network, with two methods: `encode(inputs) -> memory, state` reads a dict of tensors
            `(B, ...)`, and `decode(words (B, T), memory, state) -> logits (B, T, V), state, looked`
            goes on. Memory and state are nested tensors with B rows each.
        vocabulary: Its `rnn_kit.text.TokenVocabulary`, whose end every sentence starts from too.
        max_length: The most words of a sentence, the end counted with them.
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
        """ln p `(N, V)` of the word after ids `(N,)`, and the state after them."""
        memory, states = state
        logits, states, _ = self.model.decode(ids[:, None], memory, states)
        return tf.nn.log_softmax(logits[:, 0]) + self._unwritten, (memory, states)

    def beam(self, inputs, width=3, length_penalty=0.7):
        """The best sentences by beam search.

        Args:
            inputs: A dict of arrays `(N, ...)`, as the network takes them.
            width, length_penalty: As `rnn_kit.generation.beam_search` has them.

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
        """One sentence a row, word by word, until the end; at temperature 0 the likeliest words.

        Returns:
            A list of N sentences. Their ln p is the model's, whatever the temperature.
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
        """Where a network with attention looks before each word and the end: `(T, S)`, for one row."""
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
        """From ids, and ln p divided by the length to the power of the penalty."""
        words = self.vocabulary.decode(ids)
        end = self.vocabulary.tokens[self.vocabulary.end]
        words = words[: words.index(end)] if end in words else words
        scored = min(len(words) + 1, self.max_length)
        return Sentence(words, float(score) * scored**length_penalty, scored)


def choose(writer, inputs, widths, penalties, score):
    """The length penalty of each beam width with which validation scores best, and the best width.

    Args:
        writer: A `SentenceWriter`, or what else has its `beam`.
        inputs: Of the validation part, as that takes them.
        widths, penalties: To choose from.
        score: From sentences' words to a number.

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
    """The beam's width and length penalty: as given, or as the run's validation chose them.

    Args:
        run: The saved `Run`.
        given: Flags that were given, names to values.
        width, penalty: Where no result has chosen.
    """
    try:
        metrics = run.result()["metrics"]
        width, penalty = int(metrics["beam_width"]), metrics["length_penalty"]
    except RunError:  # it was interrupted
        pass
    return given.get("beam_widths", (width,))[0], given.get("length_penalties", (penalty,))[0]
