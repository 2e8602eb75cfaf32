"""The networks: one that labels a genome codon by codon, one that judges a splice junction."""

import keras
from keras import ops

from recipe_kit import cli
from recipe_kit.datasets import genomes, splice
from rnn_kit import layers as kit

CODON = 3


@keras.saving.register_keras_serializable("gene_finding")
class WordEmbedding(keras.layers.Layer):
    """Embeds the words of k bases that begin at the bases of a step, and adds their vectors up.

        x_t = Σ_(i < stride) E_i[x_(t stride + i) ... x_(t stride + i + k - 1)]

    With stride 3 a step is a codon wide, and E_0, E_1, E_2 are tables for the three reading frames. A
    word with an uncertain base, or one that reaches beyond the end, has a vector of its own in each.

    Args:
        word: k, 1 to 8.
        units: Size of the vectors.
        stride: Bases of a step. Default: 1.

    Call arguments:
        ids: Ids in `genomes.BASES`, `(B, n)`; n a multiple of the stride.

    Output shape:
        `(B, n / stride, units)`.

    Weights:
        vectors: The tables one below the other, `(stride (4^k + 1), units)`.
    """

    def __init__(self, word, units, stride=1, **kwargs):
        super().__init__(**kwargs)
        self.word, self.units, self.stride = word, units, stride
        self._unknown = 4**word

    def build(self, input_shape):
        rows = self.stride * (self._unknown + 1)
        self.vectors = self.add_weight((rows, self.units), "uniform", name="vectors")
        self.built = True

    def call(self, ids):
        count = ops.shape(ids)[1]
        padded = ops.pad(ids, ((0, 0), (0, self.word)), constant_values=genomes.PAD)
        words, uncertain = ops.zeros_like(ids), ops.zeros_like(ids, "bool")
        for i in range(self.word):
            base = padded[:, i : i + count]
            words = 4 * words + ops.minimum(base, 3)
            uncertain = ops.logical_or(uncertain, ops.greater(base, 3))
        words = ops.where(uncertain, self._unknown, words)
        words = ops.reshape(words, (-1, count // self.stride, self.stride))
        rows = words + ops.arange(self.stride, dtype=words.dtype) * (self._unknown + 1)
        return ops.sum(ops.take(self.vectors, rows, axis=0), axis=2)

    def compute_output_shape(self, input_shape):
        batch, count = input_shape
        return batch, None if count is None else count // self.stride, self.units

    def get_config(self):
        ours = {"word": self.word, "units": self.units, "stride": self.stride}
        return {**super().get_config(), **ours}


def labeller(settings):
    """Builds the network of a genome: ids `(B, 3 T)` to logits of the T steps' states, `(B, T, 7)`.

        x_t = the vectors of the three words that begin in the t-th three bases, added up
        c_t = relu(W [x_(t-2) ... x_(t+2)] + b)             a convolution over neighbouring steps
        h_t = BRNN(c_1 ... c_T)_t                           forward and backward states side by side
        a_t = V h_t + d                                     softmax(a_t) = p(state of step t)

    With `crf` the a_t are the scores of a `rnn_kit.layers.CRF`, whose potentials `(B, T, 7, 7)` are the
    output.
    """
    stack = [keras.Input((None,), dtype="int32"), *_words(settings, CODON), *_recurrent(settings)]
    stack.append(keras.layers.Dense(genomes.STATES, dtype="float32", name="scores"))
    if settings.crf:
        stack.append(kit.CRF(genomes.STATES, name="crf"))
    return keras.Sequential(stack, name="labeller")


def judges(settings):
    """Builds N networks of a junction, side by side: ids `(B, 60)` to logits `(B, N, 3)`.

    Each reads a step a base, and judges by the states of the two bases beside the junction: the
    forward states have read what is before it, the backward states what is after it. Together they say

        p(class) = (1/N) Σ_n softmax(a_n)
    """
    ids = keras.Input((splice.LENGTH,), dtype="int32")
    logits = [_judge(settings, f"{n}_")(ids) for n in range(settings.networks)]
    stacked = keras.layers.Concatenate(axis=1, dtype="float32")(logits)
    return keras.Model(ids, stacked, name="judges")


def _judge(settings, prefix):
    stack = [keras.Input((splice.LENGTH,), dtype="int32")]
    stack += [*_words(settings, 1, prefix), *_recurrent(settings, prefix)]
    if settings.bidirectional:
        beside = splice.MIDDLE - 1, splice.LENGTH - splice.MIDDLE - 1
        stack += [keras.layers.Cropping1D(beside), keras.layers.Flatten()]
    else:  # which has read the whole sequence at its end
        stack += [keras.layers.Cropping1D((splice.LENGTH - 1, 0)), keras.layers.Flatten()]
    stack.append(keras.layers.Dense(len(splice.CLASSES), dtype="float32", name=f"{prefix}logits"))
    stack.append(keras.layers.Reshape((1, len(splice.CLASSES)), dtype="float32"))
    return keras.Sequential(stack, name=f"{prefix}judge")


def together(logits):
    """Returns the probabilities `(B, 3)` that N networks give together, of logits `(B, N, 3)`."""
    return ops.mean(ops.softmax(logits), axis=1)


@keras.saving.register_keras_serializable("gene_finding")
def accuracy(classes, logits):
    """Returns whether N networks are right together, `(B,)`; classes `(B, N)` are N times the same."""
    right = ops.equal(ops.argmax(together(logits), axis=-1), ops.cast(classes[:, 0], "int64"))
    return ops.cast(right, "float32")


def _words(settings, stride, prefix=""):
    """Yields the layers from ids to what the recurrent layers read."""
    yield WordEmbedding(settings.word, settings.embedding, stride, name=f"{prefix}words")
    if settings.neighbours:
        yield keras.layers.Conv1D(
            settings.embedding,
            settings.neighbours,
            padding="same",
            activation="relu",
            name=f"{prefix}neighbours",
        )
    yield keras.layers.Dropout(settings.dropout)


def _recurrent(settings, prefix=""):
    """Yields the recurrent layers, each of one direction or, with its own weights, of both."""
    for n in range(settings.layers):
        layer = cli.CELLS[settings.cell](
            settings.units, return_sequences=True, name=f"{prefix}recurrent_{n}"
        )
        if settings.bidirectional:
            layer = keras.layers.Bidirectional(layer, name=f"{prefix}both_directions_{n}")
        yield layer
        yield keras.layers.Dropout(settings.dropout)
