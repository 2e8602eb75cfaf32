"""A picture's features go into a recurrent network, and words come out: four ways to let them in."""

import keras
from keras import ops

from parts.image_captioning.attention import SoftAttentionCell
from recipe_kit import cli

PIXELS = "pixels"
CONSTANT = 1e-8  # variance of a feature below which it is taken for constant


@keras.saving.register_keras_serializable("image_captioning")
class Captioner(keras.Model):
    """The probability of each next word, given a picture and the words before.

        v = W_v image                     one vector of the whole picture
        x_t = W_w[w_t]                    the vector of a word; w_0 is the end of the sentence before
        h_t = RNN(x_t, h_(t-1))
        p(w_(t+1) | image, w_0 ... w_t) = softmax(W_o h_t + b_o)

    The picture comes in by one of four ways:

        init        h_0 = tanh(W_h v), and so for c_0, if the cell has one
        input       RNN reads v before the first word            (Vinyals et al. 2015, eq. 10 to 12)
        merge       RNN([x_t; v], h_(t-1)): at every step, beside the word
        attention   RNN([x_t; β_t z_t], h_(t-1)) with z_t a mean of what is seen in the cells of a
                    grid, weighted anew at every step (Xu et al. 2015, sections 3.1.2 and 4.2.1);
                    h_0 as for init; softmax over W_o tanh(W [h_t; β_t z_t; x_t])

    A plain RNN with `merge` has W_xh x_t + W_hh h_(t-1) + W_ih v in its tanh, as Karpathy and Li 2015
    have it (they add the last term in the first step only).

    Args:
        vocabulary_size: V. Every id is a word that can follow, the end of a sentence too.
        images: Names to shapes of what is known of a picture: `pooled` `(D,)`, `grid` `(cells, D)`, or
            `pixels` `(height, width, 3)`, which a small convolutional network sees.
        decoder: One of `choices.DECODERS`.
        cell: A name of `recipe_kit.cli.CELLS`.
        units: Of the recurrent layer.
        embedding: Size of x_t, of v and of a_i.
        vector: What v is made of, one of `choices.VECTORS`, where there are no pixels.
        image_dropout, embedding_dropout, output_dropout: Of the image's features, of x_t, and before
            the softmax.
        l2: λ of the penalty λ ‖θ‖² on the weights of words, recurrent layer and softmax.
        trainable_words: Whether W_w is learned, or stays as it is set.

    Call arguments:
        inputs: A dict: `words` `(B, T)`, ids that begin with the end; and the images by their names.

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
        attends = decoder == "attention"
        self.eye = small_eye() if PIXELS in self.images else None
        self.scales = {  # in full precision: features may be large
            n: layers.Normalization(name=f"{n}_scale", dtype="float32")
            for n in self.images
            if n != PIXELS
        }
        self.image_dropout = layers.Dropout(image_dropout)
        self.image_vector = layers.Dense(embedding, name="image_vector")
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
        if decoder in ("init", "attention"):
            self.starts = [
                layers.Dense(size, "tanh", name=f"start_{n}") for n, size in enumerate(sizes)
            ]
        if attends:
            attentive = SoftAttentionCell(recurrent.cell, embedding, name="attentive")
            recurrent = layers.RNN(attentive, True, True, name="recurrent")
        self.recurrent, self.state_sizes = recurrent, tuple(sizes)
        self.joined = layers.Dense(embedding, "tanh", name="joined") if attends else None
        self.output_dropout = layers.Dropout(output_dropout)
        self.logits = layers.Dense(
            vocabulary_size, kernel_regularizer=penalty, name="logits", dtype="float32"
        )

    def build(self, input_shape=None):
        size, units = self._config["embedding"], self._config["units"]
        seen = self.images
        if self.eye is not None:
            self.eye.build((None, *self.images[PIXELS]))
            grid = self.eye.compute_output_shape((None, *self.images[PIXELS]))[1:]
            seen = {"pooled": (grid[0] * grid[1],), "grid": grid}
        for name, scale in self.scales.items():
            scale.build((None, *self.images[name]))
        self.image_vector.build((None, seen["pooled" if self.eye is not None else self.vector][-1]))
        self.word_vectors.build((None, None))
        for start in self.starts:
            start.build((None, size))
        reads = {"merge": 2 * size, "attention": size}.get(self.decoder, size)
        if self.decoder == "attention":
            self.cell_vectors.build((None, *seen["grid"]))
            self.recurrent.cell.build_on(reads, seen["grid"][0])
            self.joined.build((None, None, units + 2 * size))
        self.recurrent.build((None, None, reads))
        self.logits.build((None, None, size if self.decoder == "attention" else units))
        self.built = True

    def adapt(self, images):
        """Brings features to mean 0 and variance 1, as they have it in these images.

        A feature that is the same in all of them goes to 0, and keeps its scale: divided by a deviation
        of next to nothing, it would be millions where another image has it otherwise.
        """
        for name, scale in self.scales.items():
            scale.adapt(images[name].astype("float32"))
            variance = ops.convert_to_tensor(scale.adapt_variance)
            scale.adapt_variance.assign(ops.where(variance < CONSTANT, 1.0, variance))
            scale.finalize_state()

    def call(self, inputs, training=None):
        memory, state = self.start({n: inputs[n] for n in self.images}, training)
        logits, _, _ = self.go_on(inputs["words"], memory, state, training)
        return logits

    def start(self, images, training=None):
        """Looks at the pictures: what is to be remembered of them, and the state before the first word.

        Args:
            images: A dict of `(B, ...)`, as in a call.

        Returns:
            A list of tensors, and the recurrent layer's list of states `(B, units)`.
        """
        pooled, grid = self._see(images, training)
        v = self.image_vector(self.image_dropout(pooled, training=training))
        if self.starts:
            state = [start(v) for start in self.starts]
        else:
            state = [ops.zeros((ops.shape(v)[0], size), v.dtype) for size in self.state_sizes]
        if self.decoder == "input":
            _, *state = self.recurrent(v[:, None], initial_state=state, training=training)
            return [], state
        if self.decoder == "merge":
            return [v], state
        if self.decoder == "attention":
            values = self.cell_vectors(self.image_dropout(grid, training=training))
            return [values, self.recurrent.cell.keys(values)], state
        return [], state

    def go_on(self, words, memory, state, training=None):
        """Reads words `(B, T)`, from a state on.

        Returns:
            Logits `(B, T, V)` of the words that follow; the states; and for `attention` the weights
            `(B, T, cells)` with which each step has looked at the grid, else `None`.
        """
        x = self.word_dropout(self.word_vectors(words), training=training)
        looked = None
        if self.decoder == "merge":
            v = ops.broadcast_to(memory[0][:, None], ops.shape(x))
            h, *state = self.recurrent(ops.concatenate([x, v], -1), state, training=training)
        elif self.decoder == "attention":
            cell = self.recurrent.cell
            with cell.looking_at(*memory):
                seen, *state = self.recurrent(x, initial_state=state, training=training)
            h, z, looked = cell.split(seen)
            h = self.joined(ops.concatenate([h, z, x], -1))
        else:
            h, *state = self.recurrent(x, initial_state=state, training=training)
        return self.logits(self.output_dropout(h, training=training)), state, looked

    def _see(self, images, training):
        """One vector `(B, D)` of the picture, and a grid `(B, cells, D)` or `None`."""
        if self.eye is not None:
            grid = self.eye(ops.cast(images[PIXELS], self.compute_dtype) / 255, training=training)
            return ops.reshape(grid, (-1, grid.shape[1] * grid.shape[2])), grid
        seen = {name: scale(images[name]) for name, scale in self.scales.items()}
        grid = seen.get("grid")
        return seen["pooled"] if self.vector == "pooled" else ops.mean(grid, axis=1), grid

    def get_config(self):
        return {**super().get_config(), **dict(self._config)}


def small_eye():
    """A convolutional network for small pictures, `(B, H, W, 3)` to cells `(B, H/8 · W/8, 64)`."""
    layers, eye = keras.layers, keras.Sequential(name="eye")
    for filters in (16, 32, 64):
        eye.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
        eye.add(layers.BatchNormalization(synchronized=True))
        eye.add(layers.Activation("relu"))
        eye.add(layers.MaxPooling2D())
    eye.add(layers.Reshape((-1, 64)))
    return eye
