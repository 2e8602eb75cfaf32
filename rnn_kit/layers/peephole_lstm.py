"""LSTM with peephole connections: the gates read the cell state."""

import keras
from keras import ops

from rnn_kit.layers._common import CellRNN, StepDropout, cell_property, gate_products


@keras.saving.register_keras_serializable(package="rnn_kit")
class PeepholeLSTMCell(StepDropout, keras.layers.LSTMCell):
    """One step of an LSTM whose gates read the cell state through peepholes.

        i = σ(x W_xi + h' W_hi + c' ∘ w_ci + b_i)      input gate
        f = σ(x W_xf + h' W_hf + c' ∘ w_cf + b_f)      forget gate
        c = f ∘ c' + i ∘ g(x W_xc + h' W_hc + b_c)     cell state
        o = σ(x W_xo + h' W_ho + c  ∘ w_co + b_o)      output gate: sees the new c
        h = o ∘ h_act(c)                               hidden state, the output

    h' and c' are the states of the step before, ∘ multiplies element by element, σ is
    `recurrent_activation`, g is `activation`, h_act is `output_activation`. The lecture writes the
    peepholes as matrices W_c·, which are diagonal (a cell's peephole reaches only its own gates); w_c·
    is that diagonal. With zero peepholes this is `keras.layers.LSTMCell`, number for number.

    Args:
        units: Positive integer, the size of h and of c.
        activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer,
            bias_initializer, unit_forget_bias, kernel_regularizer, recurrent_regularizer,
            bias_regularizer, kernel_constraint, recurrent_constraint, bias_constraint, dropout,
            recurrent_dropout, seed: As in `keras.layers.LSTMCell`, in the same order and with the
            same defaults.
        output_activation: h_act, the cell's output activation function. Default: `"tanh"`. `None`
            is the identity, which Graves' figure of the memory block allows for.
        peephole_initializer: Default: `"zeros"`, so that training starts at an ordinary LSTM.
        peephole_regularizer: Default: `None`.
        peephole_constraint: Default: `None`.

    Call arguments:
        inputs: `(B, F)`.
        states: List of h' and c', each `(B, units)`.
        training: Whether to apply dropout. The peepholes are never dropped.

    Returns:
        h `(B, units)`, and the list of new states [h, c].

    Weights, in this order (gates are fused in the order i, f, c, o):
        kernel: `(F, 4 * units)`.
        recurrent_kernel: `(units, 4 * units)`.
        peephole_kernel: `(3, units)`, rows w_ci, w_cf, w_co.
        bias: `(4 * units,)`; the forget gate's block starts at one if `unit_forget_bias`.

    Raises:
        ValueError: if `units` is not positive.

    Source: Jian Li, "Deep Learning: RNN" (IIS Tsinghua), the formulas of the slides "peephole
    connections"; the memory block with functions f, g and h in the lecture after Graves, slide 29.

    Example:

    >>> cell = PeepholeLSTMCell(4)
    >>> layer = keras.layers.RNN(cell, return_sequences=True)
    >>> tuple(layer(np.zeros((2, 10, 3))).shape)
    (2, 10, 4)
    >>> [tuple(w.shape) for w in cell.weights]
    [(3, 16), (4, 16), (3, 4), (16,)]
    """

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        *,
        output_activation="tanh",
        peephole_initializer="zeros",
        peephole_regularizer=None,
        peephole_constraint=None,
        **kwargs,
    ):
        super().__init__(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            **kwargs,
        )
        self.output_activation = keras.activations.get(output_activation)
        self.peephole_initializer = keras.initializers.get(peephole_initializer)
        self.peephole_regularizer = keras.regularizers.get(peephole_regularizer)
        self.peephole_constraint = keras.constraints.get(peephole_constraint)

    def build(self, input_shape):
        units = self.units
        self.kernel = self.add_weight(
            shape=(input_shape[-1], 4 * units),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            shape=(units, 4 * units),
            name="recurrent_kernel",
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        self.peephole_kernel = self.add_weight(
            shape=(3, units),
            name="peephole_kernel",
            initializer=self.peephole_initializer,
            regularizer=self.peephole_regularizer,
            constraint=self.peephole_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(4 * units,),
                name="bias",
                initializer=(
                    self._open_forget_gate if self.unit_forget_bias else self.bias_initializer
                ),
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.built = True

    def _open_forget_gate(self, shape, dtype=None):
        """Initializes the bias, with ones for the forget gate, so that the cell initially remembers.

        The initializer is called once, for all gates: called again it draws the same numbers. Keras's
        LSTM, which calls it for b_i and for (b_c, b_o), starts with b_i = b_c.
        """
        b_i, b_f, *rest = ops.split(self.bias_initializer(shape, dtype=dtype), 4)
        return ops.concatenate([b_i, ops.ones_like(b_f), *rest])

    def call(self, inputs, states, training=False):
        h_tm1, c_tm1 = states
        z = gate_products(inputs, self.kernel, 4, self.input_mask(inputs, training))
        z += gate_products(h_tm1, self.recurrent_kernel, 4, self.recurrent_mask(h_tm1, training))
        if self.use_bias:
            z += self.bias
        z_i, z_f, z_c, z_o = ops.split(z, 4, axis=-1)
        w_ci, w_cf, w_co = (self.peephole_kernel[row] for row in range(3))

        i = self.recurrent_activation(z_i + c_tm1 * w_ci)
        f = self.recurrent_activation(z_f + c_tm1 * w_cf)
        c = f * c_tm1 + i * self.activation(z_c)
        o = self.recurrent_activation(z_o + c * w_co)
        h = o * self.output_activation(c)
        return h, [h, c]

    def get_config(self):
        return {
            **super().get_config(),
            "output_activation": keras.activations.serialize(self.output_activation),
            "peephole_initializer": keras.initializers.serialize(self.peephole_initializer),
            "peephole_regularizer": keras.regularizers.serialize(self.peephole_regularizer),
            "peephole_constraint": keras.constraints.serialize(self.peephole_constraint),
        }


@keras.saving.register_keras_serializable(package="rnn_kit")
class PeepholeLSTM(CellRNN):
    """LSTM with peephole connections, over a whole sequence: a drop-in for `keras.layers.LSTM`.

        i = σ(x W_xi + h' W_hi + c' ∘ w_ci + b_i)      gate order in every fused weight: i, f, c, o
        f = σ(x W_xf + h' W_hf + c' ∘ w_cf + b_f)
        c = f ∘ c' + i ∘ g(x W_xc + h' W_hc + b_c)     g = activation
        o = σ(x W_xo + h' W_ho + c  ∘ w_co + b_o)      σ = recurrent_activation
        h = o ∘ h_act(c)                               h_act = output_activation

    Args:
        units: Positive integer, the size of h and of c.
        activation ... unroll: The arguments of `keras.layers.LSTM`, in the same order and with the
            same defaults: `activation`, `recurrent_activation`, `use_bias`, `kernel_initializer`,
            `recurrent_initializer`, `bias_initializer`, `unit_forget_bias`, `kernel_regularizer`,
            `recurrent_regularizer`, `bias_regularizer`, `activity_regularizer`,
            `kernel_constraint`, `recurrent_constraint`, `bias_constraint`, `dropout`,
            `recurrent_dropout`, `seed`, `return_sequences`, `return_state`, `go_backwards`,
            `stateful`, `unroll`.
        use_cudnn: As in `keras.layers.LSTM`; cuDNN has no peepholes, so that `True` raises when the
            layer is called. Default: `"auto"`.
        output_activation: h_act, the cell's output activation function. Default: `"tanh"`.
        peephole_initializer, peephole_regularizer, peephole_constraint: For `peephole_kernel`.
            Defaults: `"zeros"`, `None`, `None`.
        fused: `"auto"` takes a loop with a hand-written gradient under TensorFlow if
            `runs_fused()`: the default activations, and neither `unroll` nor
            `recurrent_dropout`. It has no second-order gradients. `False` always takes the plain
            loop. Default: `"auto"`.
        **kwargs: `zero_output_for_mask`, `name`, `dtype`, `trainable`.

    Call arguments:
        sequences: `(B, T, F)`.
        initial_state: List of h(0) and c(0), each `(B, units)`. Default: zeros, or the carried
            states of a stateful layer.
        mask: Boolean `(B, T)`; a step whose mask is `False` leaves the states unchanged and
            repeats the previous output (or is zero, with `zero_output_for_mask=True`).
        training: Whether to apply dropout.

    Output shape:
        `(B, units)`; with `return_sequences=True` `(B, T, units)`; with `return_state=True` that
        output and then h(T) and c(T), each `(B, units)`.

    Weights, in this order:
        kernel `(F, 4 * units)`, recurrent_kernel `(units, 4 * units)`, peephole_kernel `(3, units)`
        with rows w_ci, w_cf, w_co, bias `(4 * units,)`.

    Raises:
        ValueError: if `units` is not positive, `fused` neither `"auto"` nor `False`, or `use_cudnn`
            none of `"auto"`, `True` and `False`; when it is called, if `use_cudnn=True`.

    Source: Jian Li, "Deep Learning: RNN" (IIS Tsinghua), slides "peephole connections". With zero
    peepholes it is `keras.layers.LSTM`, number for number.

    Example:

    >>> model = keras.Sequential([keras.Input((None, 8)), PeepholeLSTM(4, return_sequences=True)])
    >>> model.output_shape
    (None, None, 4)
    >>> tuple(keras.layers.Bidirectional(PeepholeLSTM(4))(np.zeros((2, 10, 8))).shape)
    (2, 8)
    """

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        use_cudnn="auto",
        *,
        output_activation="tanh",
        peephole_initializer="zeros",
        peephole_regularizer=None,
        peephole_constraint=None,
        fused="auto",
        **kwargs,
    ):
        cell = PeepholeLSTMCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            output_activation=output_activation,
            peephole_initializer=peephole_initializer,
            peephole_regularizer=peephole_regularizer,
            peephole_constraint=peephole_constraint,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="peephole_lstm_cell",
            implementation=kwargs.pop("implementation", 2),
        )
        super().__init__(
            cell,
            fused=fused,
            use_cudnn=use_cudnn,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )

    unit_forget_bias = cell_property("unit_forget_bias")
    output_activation = cell_property("output_activation")
    peephole_initializer = cell_property("peephole_initializer")
    peephole_regularizer = cell_property("peephole_regularizer")
    peephole_constraint = cell_property("peephole_constraint")

    _CUDNN_NEEDS = "cuDNN has no peepholes"

    def _cell_has_fused_form(self):
        tanh, sigmoid = keras.activations.tanh, keras.activations.sigmoid
        return (
            type(self.cell) is PeepholeLSTMCell
            and self.activation is tanh
            and self.output_activation is tanh
            and self.recurrent_activation is sigmoid
        )

    def _fused_recurrence(self):
        from rnn_kit.layers.fused.lstm import peephole_lstm

        return peephole_lstm
