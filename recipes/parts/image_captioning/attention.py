"""Soft attention: a recurrent cell that looks at an image anew before every word."""

import contextlib

import keras
from keras import ops


@keras.saving.register_keras_serializable("image_captioning")
class SoftAttentionCell(keras.layers.Layer):
    """A recurrent cell whose input has beside it what a weighted look at a grid of vectors gives.

    With a_1 ... a_L the vectors of the grid's cells (the values), at every step:

        e_i = w · tanh(W_a a_i + W_h h_(t-1) + b)
        α = softmax(e)                              where it looks
        z = Σ_i α_i a_i                             what it sees there
        β = σ(w_β · h_(t-1) + b_β)                  how much of it counts
        h_t = cell([x_t; β z], h_(t-1))

    W_a a_i + b, the keys, are the same at every step, and made once by `keys`. Keras 3's `RNN` hands a
    cell nothing but inputs and states (Keras 2's had `constants`), so values and keys are set before
    its loop, in whose body they are then constants: `with cell.looking_at(values, keys)`.

    Args:
        cell: The recurrent cell, whose first state is h: of Keras or of this kit.
        size: D, of a_i, and of the hidden layer that looks for them.

    Call arguments:
        inputs: x_t, `(B, F)`.
        states: The cell's.

    Returns:
        `(B, units + D + L)`: h_t, β z and α side by side (`split` takes them apart); and the states.

    Source: Xu et al. 2015, "Show, Attend and Tell" (arXiv:1502.03044), equations 4 to 6 and 13 (their
    f_att is a network of one hidden layer; β is in section 4.2.1).
    """

    def __init__(self, cell, size, **kwargs):
        super().__init__(**kwargs)
        self.cell, self.size = cell, size
        self.state_size = cell.state_size
        self.of_values = keras.layers.Dense(size, name="of_values")
        self.of_state = keras.layers.Dense(size, use_bias=False, name="of_state")
        self.energy = keras.layers.Dense(1, use_bias=False, name="energy")
        self.gate = keras.layers.Dense(1, "sigmoid", name="gate")
        self._memory = None

    def build_on(self, inputs, cells):
        """Makes the weights for inputs `(B, inputs)` and a grid of so many cells."""
        units, size, self.cells = self.cell.units, self.size, cells
        self.of_values.build((None, cells, size))
        self.of_state.build((None, units))
        self.energy.build((None, cells, size))
        self.gate.build((None, units))
        self.cell.build((None, inputs + size))
        self.output_size = units + size + cells
        self.built = True

    def keys(self, values):
        """W_a a_i + b of all cells: `(B, L, D)` to `(B, L, D)`."""
        return self.of_values(values)

    @contextlib.contextmanager
    def looking_at(self, values, keys):
        """Within it the cell looks at these, both `(B, L, D)`."""
        self._memory = values, keys
        try:
            yield
        finally:
            self._memory = None

    def call(self, inputs, states, training=None):
        values, keys = self._memory
        h_tm1 = states[0]
        hidden = ops.tanh(keys + self.of_state(h_tm1)[:, None])
        weights = ops.softmax(self.energy(hidden)[..., 0], axis=-1)
        z = self.gate(h_tm1) * ops.squeeze(ops.matmul(weights[:, None], values), axis=1)
        h, states = self.cell(ops.concatenate([inputs, z], -1), states, training=training)
        return ops.concatenate([h, z, weights], axis=-1), states

    def split(self, outputs):
        """h `(..., units)`, β z `(..., D)` and α `(..., L)` of the cell's outputs."""
        units = self.cell.units
        return ops.split(outputs, [units, units + self.size], axis=-1)

    def get_initial_state(self, batch_size=None):
        return self.cell.get_initial_state(batch_size)
