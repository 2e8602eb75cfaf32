"""The four ways by which an image comes into the recurrent network that writes: one class each.

A decoder has no weights: its layers stand on the `Captioner`, which makes them in one order for all of
them, and by whose attributes' names a saved model has their weights.
"""

from keras import ops


class Decoder:
    """What the decoders share: h_0 is zeros or made of v, and h_t = RNN(x_t, h_(t-1)).

    Attributes:
        starts_from_image: Whether dense layers make the first state of v, and it is not zeros.
        attends: Whether it looks at the grid anew before each word.

    Args:
        model: The `Captioner` whose layers it uses.
    """

    starts_from_image = False
    attends = False

    def __init__(self, model):
        self.model = model

    def input_size(self, embedding):
        """Returns the size of what the recurrent layer reads at a step, without what it looks at."""
        return embedding

    def output_size(self, embedding, units):
        """Returns the size of what the softmax reads."""
        return units

    def start(self, v, grid, training):
        """Returns what is to be remembered of an image, and the state before the first word.

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
            memory, state: Of `start`; or the state of an earlier call.
            training: Whether dropout is on.

        Returns:
            What the softmax reads, `(B, T, output_size)`; the states; and the weights `(B, T, cells)`
            with which each step has looked at the grid, or `None`.
        """
        h, *state = self.model.recurrent(x, initial_state=state, training=training)
        return h, state, None


class Init(Decoder):
    """The image is the first state: h_0 = tanh(W_h v), and so for c_0, if the cell has one."""

    starts_from_image = True


class Input(Decoder):
    """The image is read before the first word (Vinyals et al. 2015, equations 10 to 12)."""

    def start(self, v, grid, training):
        memory, state = super().start(v, grid, training)
        _, *state = self.model.recurrent(v[:, None], initial_state=state, training=training)
        return memory, state


class Merge(Decoder):
    """The image stands beside every word: h_t = RNN([x_t; v], h_(t-1))."""

    def input_size(self, embedding):
        return 2 * embedding

    def start(self, v, grid, training):
        _, state = super().start(v, grid, training)
        return [v], state

    def read(self, x, memory, state, training):
        v = ops.broadcast_to(memory[0][:, None], ops.shape(x))
        return super().read(ops.concatenate([x, v], -1), memory, state, training)


class Attention(Decoder):
    """A part of the image is looked at before each word.

    With a_1 ... a_L the vectors of the grid's cells, at every step:

        e_i = w · tanh(W_a a_i + W_h h_(t-1) + b)
        α = softmax(e)                              where it looks
        z = Σ_i α_i a_i                             what it sees there
        β = σ(w_β · h_(t-1) + b_β)                  how much of it counts
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
