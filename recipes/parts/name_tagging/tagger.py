"""The network that tags words: words and their letters in, a score for each tag out."""

import keras
from keras import ops

from parts.name_tagging.sentences import LONGEST_WORD
from recipe_kit import cli
from rnn_kit import entities
from rnn_kit.layers import CRF


@keras.saving.register_keras_serializable("name_tagging")
class LetterVectors(keras.layers.Layer):
    """A vector of each word, made of its letters: by a CNN, or by an LSTM in both directions.

        "cnn":   max over the word's letters of (W [c_(i-1); c_i; c_(i+1)] + b)
        "lstm":  [LSTM(c_1 ... c_n); LSTM(c_n ... c_1)], half of the units each

    Args:
        way: "cnn" or "lstm".
        letters: Ids of letters, 0 for padding among them.
        embedding: Size of the letters' vectors c.
        units: Of the word's vector.
        dropout: Of the letters' vectors.

    Call arguments:
        inputs: Ids `(B, T, letters of a word)`, padded with 0.

    Output shape:
        `(B, T, units)`.

    Source: Ma and Hovy 2016, "End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF"
    (arXiv:1603.01354), section 2.1; Lample et al. 2016, "Neural Architectures for Named Entity
    Recognition" (arXiv:1603.01360), section 4.1.
    """

    def __init__(self, way, letters, embedding=30, units=50, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self._config = {"way": way, "letters": letters, "embedding": embedding, "units": units}
        self._config["dropout"] = dropout
        layers = keras.layers
        self.vectors = layers.Embedding(letters, embedding, name="letters")
        self.dropout = layers.Dropout(dropout)
        if way == "cnn":
            self.reader = layers.Conv1D(units, 3, padding="same", name="convolution")
        else:
            half = layers.LSTM(units // 2, name="letters_lstm")
            self.reader = layers.Bidirectional(half, name="both_ways")
        self.way, self.units = way, units

    def build(self, input_shape):
        self.vectors.build((None, LONGEST_WORD))
        self.reader.build((None, LONGEST_WORD, self._config["embedding"]))
        self.built = True

    def call(self, inputs, training=None):
        shape = ops.shape(inputs)
        flat = ops.reshape(inputs, (-1, inputs.shape[-1]))
        present = ops.not_equal(flat, 0)
        x = self.dropout(self.vectors(flat), training=training)
        if self.way == "lstm":
            # Padding is a word without letters: cuDNN takes no row that is masked as a whole.
            first = ops.arange(present.shape[1]) == 0
            x = self.reader(x, mask=present | first, training=training)
        else:
            x = ops.where(present[..., None], x, ops.zeros_like(x))
            x = self.reader(x)
            x = ops.where(present[..., None], x, ops.cast(-1e4, x.dtype))
            x = ops.max(x, axis=1)
        x = ops.where(ops.any(present, axis=1, keepdims=True), x, ops.zeros_like(x))
        return ops.reshape(x, (*shape[:-1], x.shape[-1]))

    def compute_output_shape(self, input_shape):
        units = self.units if self.way == "cnn" else self.units // 2 * 2
        return (*input_shape[:-1], units)

    def get_config(self):
        return {**super().get_config(), **self._config}


def build(settings, encoder):
    """Builds the network: `words` `(B, T)` and `letters` `(B, T, n)` to potentials or logits.

    Args:
        settings: Of the recipe.
        encoder: `sentences.Encoder`.

    Returns:
        A functional model whose output is `(B, T, L, L)` with a CRF (see `rnn_kit.layers.CRF`), and
        else logits `(B, T, L)`.
    """
    layers = keras.layers
    words = keras.Input((None,), dtype="int32", name="words")
    inputs = {"words": words}
    mask = ops.not_equal(words, 0)
    x = layers.Embedding(len(encoder.words) + 1, settings.embedding, name="word_vectors")(words)
    if settings.characters != "none":
        inputs["letters"] = keras.Input((None, LONGEST_WORD), dtype="int32", name="letters")
        spelled = LetterVectors(
            settings.characters,
            len(encoder.letters) + 1,
            settings.character_embedding,
            settings.character_units,
            settings.dropout,
            name="letter_vectors",
        )(inputs["letters"])
        x = layers.Concatenate()([x, spelled])
    for n in range(settings.layers):
        x = layers.Dropout(settings.dropout)(x)
        layer = cli.CELLS[settings.cell]
        recurrent = layer(settings.units, return_sequences=True, name=f"recurrent_{n}")
        if settings.bidirectional:
            recurrent = layers.Bidirectional(recurrent, name=f"both_ways_{n}")
        x = recurrent(x, mask=mask)
    x = layers.Dropout(settings.dropout)(x)
    scores = layers.Dense(len(encoder.tags), dtype="float32", name="scores")(x)
    if settings.crf:
        masks = entities.transition_masks(encoder.tags, settings.scheme)
        scores = CRF(len(encoder.tags), **masks, name="crf")(scores, mask=mask)
    return keras.Model(inputs, scores, name="tagger")
