"""The network that captions an image: features in, the probability of each next word out."""

import keras
from keras import ops

from parts.image_captioning import decoders
from recipe_kit import cli
from rnn_kit import layers as kit

PIXELS = "pixels"
CONSTANT = 1e-8  # variance below which a feature counts as constant


@keras.saving.register_keras_serializable("image_captioning")
class Captioner(keras.Model):
    """Models the probability of each next word, given an image and the words before.

        v = W_v image                     one vector of the whole image
        x_t = W_w[w_t]                    the vector of a word; w_0 is the end of the sentence before
        h_t = RNN(x_t, h_(t-1))
        p(w_(t+1) | image, w_0 ... w_t) = softmax(W_o h_t + b_o)

    The image comes in by one of four `decoders`:

        init        h_0 = tanh(W_h v)
        input       RNN reads v before the first word
        merge       RNN([x_t; v], h_(t-1)): at every step, beside the word
        attention   RNN([x_t; β_t z_t], h_(t-1)): at every step, a part of it

    A plain RNN with `merge` has W_xh x_t + W_hh h_(t-1) + W_ih v in its tanh, as Karpathy and Li 2015
    have it (they add the last term in the first step only).

    Args:
        vocabulary_size: V. Every id is a possible next word, including the end of a sentence.
        images: Names to shapes of an image's inputs: `pooled` `(D,)`, `grid` `(cells, D)`, or
            `pixels` `(height, width, 3)`, which a small convolutional network encodes.
        decoder: One of `choices.DECODERS`.
        cell: A name of `recipe_kit.cli.CELLS`.
        units: Units of the recurrent layer.
        embedding: Size of x_t, of v and of a_i.
        vector: The source of v, one of `choices.VECTORS`; unused with pixels.
        image_dropout, embedding_dropout, output_dropout: Rates for the image's features, for x_t, and
            before the softmax.
        l2: λ of the penalty λ ‖θ‖² on the weights of words, recurrent layer and softmax.
        trainable_words: Whether W_w is learned or stays fixed.

    Call arguments:
        inputs: A dict: `words` `(B, T)`, ids that begin with the end; and the images by name.

    Returns:
        Logits `(B, T, V)`.
    """

    def __init__(
        self,
        vocabulary_size,
        images,
        decoder="init",
        cell="lstm",
        units=512,
        embedding=256,
        vector="pooled",
        image_dropout=0.0,
        embedding_dropout=0.0,
        output_dropout=0.0,
        l2=0.0,
        trainable_words=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size, self.decoder, self.vector = vocabulary_size, decoder, vector
        self.images = {name: tuple(shape) for name, shape in images.items()}
        self._config = {
            "vocabulary_size": vocabulary_size,
            "images": {name: list(shape) for name, shape in images.items()},
            "decoder": decoder,
            "cell": cell,
            "units": units,
            "embedding": embedding,
            "vector": vector,
            "image_dropout": image_dropout,
            "embedding_dropout": embedding_dropout,
            "output_dropout": output_dropout,
            "l2": l2,
            "trainable_words": trainable_words,
        }
        layers = keras.layers
        penalty = keras.regularizers.L2(l2) if l2 else None
        self._decoder = decoders.CLASSES[decoder](self)
        self.image_encoder = small_image_encoder() if PIXELS in self.images else None
        self.scales = {  # in full precision: features may be large
            n: layers.Normalization(name=f"{n}_scale", dtype="float32")
            for n in self.images
            if n != PIXELS
        }
        self.image_dropout = layers.Dropout(image_dropout)
        self.image_vector = layers.Dense(embedding, name="image_vector")
        attends = self._decoder.attends
        self.cell_vectors = layers.Dense(embedding, name="cell_vectors") if attends else None
        self.word_vectors = layers.Embedding(
            vocabulary_size,
            embedding,
            keras.initializers.RandomUniform(-0.1, 0.1),
            embeddings_regularizer=penalty,
            trainable=trainable_words,
            name="word_vectors",
        )
        self.word_dropout = layers.SpatialDropout1D(embedding_dropout)
        recurrent = cli.CELLS[cell](
            units,
            kernel_regularizer=penalty,
            recurrent_regularizer=penalty,
            return_sequences=True,
            return_state=True,
            name="recurrent",
        )
        state_size = recurrent.cell.state_size
        sizes = state_size if isinstance(state_size, (list, tuple)) else [state_size]
        self.starts = []
        if self._decoder.starts_from_image:
            self.starts = [
                layers.Dense(size, "tanh", name=f"start_{n}") for n, size in enumerate(sizes)
            ]
        if attends:
            recurrent = kit.AttentionRNN(
                kit.AttentionCell(
                    recurrent.cell,
                    "additive",
                    embedding,
                    context="both",
                    gated=True,
                    use_bias=True,
                    name="attentive",
                ),
                return_sequences=True,
                return_state=True,
                return_attention_weights=True,
                name="recurrent",
            )
        self.recurrent, self.state_sizes = recurrent, tuple(sizes)
        self.joined = layers.Dense(embedding, "tanh", name="joined") if attends else None
        self.output_dropout = layers.Dropout(output_dropout)
        self.logits = layers.Dense(
            vocabulary_size, kernel_regularizer=penalty, name="logits", dtype="float32"
        )

    @property
    def eye(self):
        """The image encoder, under the name by which saved models store its weights."""
        return self.image_encoder

    def build(self, input_shape=None):
        size, units = self._config["embedding"], self._config["units"]
        shapes, vector = self.images, self.vector
        if self.image_encoder is not None:
            pixels = (None, *self.images[PIXELS])
            self.image_encoder.build(pixels)
            grid = self.image_encoder.compute_output_shape(pixels)[1:]
            shapes, vector = {"pooled": (grid[0] * grid[1],), "grid": grid}, "pooled"
        for name, scale in self.scales.items():
            scale.build((None, *self.images[name]))
        self.image_vector.build((None, shapes[vector][-1]))
        self.word_vectors.build((None, None))
        for start in self.starts:
            start.build((None, size))
        read = (None, None, self._decoder.input_size(size))
        if self._decoder.attends:
            self.grid_cells = shapes["grid"][0]
            self.cell_vectors.build((None, *shapes["grid"]))
            self.recurrent.build(read, (None, shapes["grid"][0], size))
            self.joined.build((None, None, units + 2 * size))
        else:
            self.recurrent.build(read)
        self.logits.build((None, None, self._decoder.output_size(size, units)))
        self.built = True

    def adapt(self, images):
        """Scales features to mean 0 and variance 1 over these images.

        A feature that is the same in all of them becomes 0 and keeps its scale: divided by a deviation
        near zero, a different value in another image would become millions.
        """
        for name, scale in self.scales.items():
            scale.adapt(images[name].astype("float32"))
            variance = ops.convert_to_tensor(scale.adapt_variance)
            scale.adapt_variance.assign(ops.where(variance < CONSTANT, 1.0, variance))
            scale.finalize_state()

    def call(self, inputs, training=None):
        memory, state = self.encode({n: inputs[n] for n in self.images}, training)
        logits, _, _ = self.decode(inputs["words"], memory, state, training)
        return logits

    def encode(self, images, training=None):
        """Encodes images into the decoder's memory and the state before the first word.

        Args:
            images: A dict of `(B, ...)`, as in a call.
            training: Whether dropout is on.

        Returns:
            A list of tensors, and the recurrent layer's list of states `(B, units)`.
        """
        pooled, grid = self._features(images, training)
        v = self.image_vector(self.image_dropout(pooled, training=training))
        return self._decoder.start(v, grid, training)

    def decode(self, words, memory, state, training=None):
        """Reads words `(B, T)`, starting from a state.

        Returns:
            Logits `(B, T, V)` of the words that follow; the states; and for `attention` the weights
            `(B, T, cells)` of each step over the grid, else `None`.
        """
        x = self.word_dropout(self.word_vectors(words), training=training)
        h, state, weights = self._decoder.read(x, memory, state, training)
        return self.logits(self.output_dropout(h, training=training)), state, weights

    def _features(self, images, training):
        """Returns one vector `(B, D)` of the image, and a grid `(B, cells, D)` or `None`."""
        if self.image_encoder is not None:
            pixels = ops.cast(images[PIXELS], self.compute_dtype) / 255
            grid = self.image_encoder(pixels, training=training)
            return ops.reshape(grid, (-1, grid.shape[1] * grid.shape[2])), grid
        scaled = {name: scale(images[name]) for name, scale in self.scales.items()}
        grid = scaled.get("grid")
        return scaled["pooled"] if self.vector == "pooled" else ops.mean(grid, axis=1), grid

    def get_config(self):
        return {**super().get_config(), **dict(self._config)}


def small_image_encoder():
    """Builds a network from small images `(B, H, W, 3)` to cells `(B, H/8 · W/8, 64)`."""
    layers, encoder = keras.layers, keras.Sequential(name="image_encoder")
    for filters in (16, 32, 64):
        encoder.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
        encoder.add(layers.BatchNormalization(synchronized=True))
        encoder.add(layers.Activation("relu"))
        encoder.add(layers.MaxPooling2D())
    encoder.add(layers.Reshape((-1, 64)))
    return encoder
