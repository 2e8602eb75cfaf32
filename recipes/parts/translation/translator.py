"""An encoder reads a sentence, and a decoder writes it in another language."""

import keras
from keras import ops

from recipe_kit import cli
from rnn_kit import layers as kit

SOURCE = "source"


@keras.saving.register_keras_serializable("translation")
class Translator(keras.Model):
    """The probability of each next word of a translation, given the source and the words before.

        m_1 ... m_S = encoder(x_1 ... x_S)        x_s the vectors of the source's words
        s_0 = the encoder's last state
        s_t = decoder(y_t, s_(t-1))               y_t the vector of the word before; y_1 that of the end
        p(w_(t+1) | source, w_1 ... w_t) = softmax(E tanh(W [s_t; y_t]))

    Without attention the decoder knows the source by what the encoder ends with, v:

        context="first"     by s_0 alone
        context="every"     by s_0, and v stands beside every y_t

    With attention by a look at all of m, weighted anew at every step, whose context z_t stands beside
    s_t in the last line. "additive" looks from the state before, and z_t stands beside y_t too, so that
    it is a cell's affair (`rnn_kit.layers.AttentionCell`; Bahdanau et al. 2015). "dot" and "general"
    look from the state after, which does not depend on z_t: the decoder runs as without attention, and
    `keras.layers.Attention` looks from all of its steps at once (Luong et al. 2015).

    Args:
        source_size: Ids of the source, 0 for padding among them.
        target_size: V. Every id is a word that can follow, the end of a sentence too.
        cell: A name of `recipe_kit.cli.CELLS`.
        units: Of each recurrent layer; of one that reads in both directions half of them in each.
        layers: Of the encoder, and of the decoder.
        embedding: Size of the words' vectors.
        bidirectional: Whether the encoder reads in both directions.
        attention: "none", or one of `rnn_kit.layers.AttentionCell`.
        context: "first" or "every", where there is no attention.
        shared_weights: Whether the recurrent layers of encoder and decoder are the same.
        tied: Whether E is the matrix of the target words' vectors.
        embedding_dropout, output_dropout: Of x and y, and before the softmax.

    Call arguments:
        inputs: A dict: `source` `(B, S)`, padded with 0; `words` `(B, T)`, which begin with the end.

    Returns:
        Logits `(B, T, V)`.

    Source: Sutskever, Vinyals, Le 2014 (arXiv:1409.3215), section 2; Tollef Jahren, "INF 5400 lecture
    11" (University of Oslo, 2019), "Machine translation".
    """

    def __init__(
        self,
        source_size,
        target_size,
        cell="gru",
        units=512,
        layers=1,
        embedding=256,
        bidirectional=True,
        attention="additive",
        context="first",
        shared_weights=False,
        tied=True,
        embedding_dropout=0.0,
        output_dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._config = {
            "source_size": source_size,
            "target_size": target_size,
            "cell": cell,
            "units": units,
            "layers": layers,
            "embedding": embedding,
            "bidirectional": bidirectional,
            "attention": attention,
            "context": context,
            "shared_weights": shared_weights,
            "tied": tied,
            "embedding_dropout": embedding_dropout,
            "output_dropout": output_dropout,
        }
        if shared_weights and (bidirectional or attention != "none" or context != "first"):
            raise ValueError(
                "`shared_weights` needs an encoder and a decoder that read the same: one direction, no "
                'attention, context="first"'
            )
        self.target_size, self.units, self.embedding = target_size, units, embedding
        self.bidirectional, self.attention, self.context = bidirectional, attention, context
        parts = keras.layers
        self.source_vectors = parts.Embedding(
            source_size, embedding, _even(), mask_zero=True, name="source_vectors"
        )
        kind = parts.ReversibleEmbedding if tied else parts.Embedding
        self.target_vectors = kind(
            target_size, embedding, embeddings_initializer=_even(), name="target_vectors"
        )
        self.dropped = parts.SpatialDropout1D(embedding_dropout)
        self.encoder = [self._encoding(cell, n) for n in range(layers)]
        self.decoder = self.encoder
        if not shared_weights:
            self.decoder = [self._recurrent(cell, units, f"decoder_{n}") for n in range(layers)]
        size = self.decoder[-1].cell.state_size
        self.state_sizes = tuple(size) if isinstance(size, (list, tuple)) else (size,)
        # Of a state that was read in both directions there are two halves, of which this makes one.
        self.starts = []
        if bidirectional:
            self.starts = [
                [
                    parts.Dense(size, "tanh", name=f"start_{n}_{m}")
                    for m, size in enumerate(self.state_sizes)
                ]
                for n in range(layers)
            ]
        self.looking = self.keys = None
        if attention == "additive":
            cell = kit.AttentionCell(self.decoder.pop().cell, context="both", name="looking")
            self.decoder.append(
                kit.AttentionRNN(cell, True, True, return_attention_weights=True, name="decoder_top")
            )
        elif attention != "none":
            self.looking = parts.Attention(name="looking")
            if attention == "general":
                self.keys = parts.Dense(units, use_bias=False, name="keys")
        self.joined = parts.Dense(embedding, "tanh", name="joined")
        self.output_dropout = parts.Dropout(output_dropout)
        self.softmax = None if tied else parts.Dense(target_size, name="softmax")
        self.logits = parts.Activation("linear", dtype="float32", name="logits")

    def _recurrent(self, cell, units, name):
        return cli.CELLS[cell](units, return_sequences=True, return_state=True, name=name)

    def _encoding(self, cell, n):
        if not self.bidirectional:
            return self._recurrent(cell, self.units, f"encoder_{n}")
        half = self._recurrent(cell, self.units // 2, f"encoder_{n}")
        return keras.layers.Bidirectional(half, name=f"encoder_{n}")

    def build(self, input_shape=None):
        if self.built:
            return
        self.built = True
        if self.attention == "additive":  # whose cell computes the keys before the first step
            read = self.embedding if len(self.decoder) == 1 else self.units
            remembered = self.units // 2 * 2 if self.bidirectional else self.units
            self.decoder[-1].build((None, None, read), (None, None, remembered))
        # By a call, so that there is one description of what goes where.
        ids = ops.ones((1, 2), "int32")
        self.call({SOURCE: ids, "words": ids})

    def call(self, inputs, training=None):
        memory, state = self.encode({SOURCE: inputs[SOURCE]}, training)
        return self.decode(inputs["words"], memory, state, training)[0]

    def encode(self, inputs, training=None):
        """Reads the source: what is to be remembered of it, and the states before the first word.

        Args:
            inputs: A dict of `source` `(B, S)`.

        Returns:
            A list of tensors; and of each layer of the decoder a list of states `(B, units)`.
        """
        ids = inputs[SOURCE]
        mask = ops.not_equal(ids, 0)
        x = self.dropped(self.source_vectors(ids), training=training)
        states = []
        for n, layer in enumerate(self.encoder):
            x, *last = layer(x, mask=mask, training=training)
            if self.bidirectional:
                count = len(last) // 2
                last = [
                    ops.concatenate(pair, -1) for pair in zip(last[:count], last[count:], strict=True)
                ]
                v = last[0]
                last = [start(v) for start in self.starts[n]]
            else:
                v = last[0]
            states.append(last)
        if self.attention == "additive":
            return self.decoder[-1].cell.constants(x, mask), states
        if self.attention != "none":
            return [x, x if self.keys is None else self.keys(x), mask], states
        return ([v] if self.context == "every" else []), states

    def decode(self, words, memory, state, training=None):
        """Reads words `(B, T)`, from states on.

        Returns:
            Logits `(B, T, V)` of the words that follow; the states; and with attention the weights
            `(B, T, S)` with which each step has looked at the source, else `None`.
        """
        y = x = self.dropped(self.target_vectors(words), training=training)
        if self.context == "every" and self.attention == "none":
            v = ops.broadcast_to(memory[0][:, None], (*ops.shape(y)[:2], self.units))
            x = ops.concatenate([y, v], axis=-1)
        states, looked = [], None
        for n, layer in enumerate(self.decoder):
            if isinstance(layer, kit.AttentionRNN):
                x, looked, *last = layer(x, memory, initial_state=state[n], training=training)
            else:
                x, *last = layer(x, initial_state=state[n], training=training)
            states.append(last)
        if self.looking is not None:
            values, keys, mask = memory
            z, looked = self.looking(
                [x, values, keys], mask=[None, mask], return_attention_scores=True, training=training
            )
            x = ops.concatenate([x, z], axis=-1)
        x = self.joined(ops.concatenate([x, y], axis=-1))
        x = self.output_dropout(x, training=training)
        x = self.target_vectors(x, reverse=True) if self.softmax is None else self.softmax(x)
        return self.logits(x), states, looked

    def get_config(self):
        return {**super().get_config(), **self._config}


def _even():
    """Evenly in ± 0.1. One for each weight: a Keras initializer gives the same numbers every time."""
    return keras.initializers.RandomUniform(-0.1, 0.1)
