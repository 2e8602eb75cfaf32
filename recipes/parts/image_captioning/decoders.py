"""The four decoders, one class each: how the image enters the recurrent network that writes.

A decoder has no weights: its layers are attributes of the `Captioner`, which makes them in one order
for all decoders; saved models store the weights under these attributes' names.
"""

from keras import ops


class Decoder:
    """The base of the decoders: h_0 is zeros or made of v, and h_t = RNN(x_t, h_(t-1)).

    Attributes:
        starts_from_image: Whether dense layers make the first state from v, instead of zeros.
        attends: Whether the decoder attends to the grid before each word.

    Args:
        model: The `Captioner` whose layers it uses.
    """

    starts_from_image = False
    attends = False

    def __init__(self, model):
        self.model = model

    def input_size(self, embedding):
        """Returns the recurrent layer's input size at a step, without the attended vector."""
        return embedding

    def output_size(self, embedding, units):
        """Returns the softmax's input size."""
        return units

    def start(self, v, grid, training):
        """Returns the memory of an image, and the state before the first word.

        Args:
            v: The image's vector, `(B, embedding)`.
            grid: Its grid `(B, cells, D)`; `None` where there is none.
            training: Whether dropout is on.

        Returns:
            A list of tensors, and the recurrent layer's list of states `(B, units)`.
        """
        if self.starts_from_image:
            return [], [start(v) for start in self.model.starts]
        return [], [ops.zeros((ops.shape(v)[0], size), v.dtype) for size in self.model.state_sizes]

    def read(self, x, memory, state, training):
        """Reads the vectors of words.

        Args:
            x: `(B, T, embedding)`.
            memory, state: From `start`; or the state from an earlier call.
            training: Whether dropout is on.

        Returns:
            The softmax's inputs `(B, T, output_size)`; the states; and the attention weights
            `(B, T, cells)`, or `None`.
        """
        h, *state = self.model.recurrent(x, initial_state=state, training=training)
        return h, state, None


class Init(Decoder):
    """Sets the first state from the image: h_0 = tanh(W_h v), and likewise c_0 if the cell has one."""

    starts_from_image = True


class Input(Decoder):
    """Reads the image before the first word (Vinyals et al. 2015, equations 10 to 12)."""

    def start(self, v, grid, training):
        memory, state = super().start(v, grid, training)
        _, *state = self.model.recurrent(v[:, None], initial_state=state, training=training)
        return memory, state


class Merge(Decoder):
    """Adds the image to every word: h_t = RNN([x_t; v], h_(t-1))."""

    def input_size(self, embedding):
        return 2 * embedding

    def start(self, v, grid, training):
        _, state = super().start(v, grid, training)
        return [v], state

    def read(self, x, memory, state, training):
        v = ops.broadcast_to(memory[0][:, None], ops.shape(x))
        return super().read(ops.concatenate([x, v], -1), memory, state, training)


class Attention(Decoder):
    """Attends to a part of the image before each word.

    With the vectors a_1 ... a_L of the grid's cells, at every step:

        e_i = w · tanh(W_a a_i + W_h h_(t-1) + b)
        α = softmax(e)                              attention weights
        z = Σ_i α_i a_i                             context vector
        β = σ(w_β · h_(t-1) + b_β)                  gate on the context
        h_t = RNN([x_t; β z], h_(t-1))

    which is `rnn_kit.layers.AttentionCell`; h_0 as for `Init`; the softmax reads
    tanh(W [h_t; β z; x_t]).

    Source: Xu et al. 2015, "Show, Attend and Tell" (arXiv:1502.03044), equations 4 to 6 and 13 (their
    f_att is a network of one hidden layer; β is in section 4.2.1).
    """

    starts_from_image = True
    attends = True

    def output_size(self, embedding, units):
        return embedding

    def start(self, v, grid, training):
        _, state = super().start(v, grid, training)
        model = self.model
        values = model.cell_vectors(model.image_dropout(grid, training=training))
        return model.recurrent.cell.constants(values), state

    def read(self, x, memory, state, training):
        model = self.model
        looked, weights, *state = model.recurrent(x, memory, initial_state=state, training=training)
        return model.joined(ops.concatenate([looked, x], -1)), state, weights


CLASSES = {"init": Init, "input": Input, "merge": Merge, "attention": Attention}
