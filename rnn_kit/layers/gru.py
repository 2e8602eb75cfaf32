"""The gated recurrent unit in every form that the lectures print."""

import keras
from keras import ops

from rnn_kit.layers._common import CellRNN, StepDropout, cell_property, gate_products

RESET_GATES = ("after", "before", None)
UPDATE_GATES = ("keep", "write")


@keras.saving.register_keras_serializable(package="rnn_kit")
class GRUCell(StepDropout, keras.layers.GRUCell):
    """One step of a gated recurrent unit, in the form that `reset_gate` and `update_gate` choose.

        z = σ(x W_z + h' U_z + b_z)                      update gate
        r = σ(x W_r + h' U_r + b_r)                      reset gate

    The candidate h̃, with g = `activation`, by `reset_gate`:

        "after"    h̃ = g(x W_h + b_h + r ∘ (h' U_h + d_h))      reset after the product
        "before"   h̃ = g(x W_h + b_h + (r ∘ h') U_h)            reset before the product
        None       h̃ = g(x W_h + b_h + h' U_h)                  the simplified unit: no r at all

    and the new state h, which is the output too, by `update_gate`:

        "keep"     h = z ∘ h' + (1 - z) ∘ h̃              z is the kept share of the old state
        "write"    h = z ∘ h̃ + (1 - z) ∘ h'              z is the written share of the candidate

    σ is `recurrent_activation`. "after" has biases on the recurrent side too (d_z, d_r, d_h). With
    "keep" this is `keras.layers.GRUCell`, `reset_after=True` for "after" and `reset_after=False` for
    "before", number for number and weight for weight.

    Args:
        units: Positive integer, the size of h.
        activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer,
            bias_initializer, kernel_regularizer, recurrent_regularizer, bias_regularizer,
            kernel_constraint, recurrent_constraint, bias_constraint, dropout, recurrent_dropout:
            As in `keras.layers.GRUCell`, in the same order and with the same defaults.
        reset_gate: `"after"`, `"before"` or `None`, in the place of `reset_after`. Default: `"after"`.
        seed: Random seed for dropout.
        update_gate: `"keep"` or `"write"`. Default: `"keep"`.

    Call arguments:
        inputs: `(B, F)`.
        states: h' `(B, units)`, alone or in a list.
        training: Whether to apply dropout.

    Returns:
        h `(B, units)`, and the new state, in a list if `states` was one.

    Weights, in this order (G = 3 gates fused in the order z, r, candidate; without a reset gate
    G = 2: z, candidate):
        kernel: `(F, G * units)`.
        recurrent_kernel: `(units, G * units)`.
        bias: "after": `(2, 3 * units)`, the input side's row and the recurrent side's; "before":
            `(3 * units,)`; `None`: `(2 * units,)`.

    Raises:
        ValueError: if `units` is not positive, if `reset_gate` or `update_gate` is none of the
            above, or if Keras's `reset_after` is given.

    Source, slide by slide: "after" and "keep" in Jian Li, "Deep Learning: RNN" (IIS Tsinghua);
    "before" and "keep" in Ruixuan Wang, "Week 10: RNN" (Sun Yat-sen University, 2019) and Tollef
    Jahren, "INF 5400 lecture 11" (University of Oslo, 2019); "before" and "write", and the
    simplified unit with "write", in the notes on Andrew Ng's sequence-model course, section 10.

    Example:

    >>> simplified = GRUCell(4, reset_gate=None, update_gate="write")
    >>> tuple(keras.layers.RNN(simplified)(np.zeros((2, 10, 3))).shape)
    (2, 4)
    >>> [tuple(w.shape) for w in simplified.weights]
    [(3, 8), (4, 8), (8,)]
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
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        reset_gate="after",
        seed=None,
        *,
        update_gate="keep",
        **kwargs,
    ):
        if isinstance(reset_gate, bool):  # given by position, as Keras's argument
            kwargs["reset_after"] = reset_gate
        if "reset_after" in kwargs:
            raise ValueError(
                "There is no argument `reset_after` here. Write reset_gate='after' for True and "
                f"reset_gate='before' for False. Received: reset_after={kwargs['reset_after']!r}"
            )
        if reset_gate not in RESET_GATES:
            raise ValueError(
                "Argument `reset_gate` must be 'after', 'before' or None. "
                f"Received: reset_gate={reset_gate!r}"
            )
        if update_gate not in UPDATE_GATES:
            raise ValueError(
                "Argument `update_gate` must be 'keep' or 'write'. "
                f"Received: update_gate={update_gate!r}"
            )
        super().__init__(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            reset_after=reset_gate == "after",
            seed=seed,
            **kwargs,
        )
        self.reset_gate = reset_gate
        self.update_gate = update_gate
        self.gates = 2 if reset_gate is None else 3
        if self.implementation == 1:
            self.dropout_mask_count = self.gates

    def build(self, input_shape):
        width = self.gates * self.units
        self.kernel = self.add_weight(
            shape=(input_shape[-1], width),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, width),
            name="recurrent_kernel",
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(2, width) if self.reset_gate == "after" else (width,),
                name="bias",
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.built = True

    def call(self, inputs, states, training=False):
        is_list = isinstance(states, (list, tuple))
        h_tm1 = states[0] if is_list else states
        x = gate_products(inputs, self.kernel, self.gates, self.input_mask(inputs, training))
        if self.use_bias:
            x += self.bias[0] if self.reset_gate == "after" else self.bias
        h_mask = self.recurrent_mask(h_tm1, training)

        if self.reset_gate == "after":
            z, candidate = self._reset_after(x, h_tm1, h_mask)
        elif self.reset_gate == "before":
            z, candidate = self._reset_before(x, h_tm1, h_mask)
        else:
            z, candidate = self._without_reset(x, h_tm1, h_mask)

        if self.update_gate == "keep":
            h = z * h_tm1 + (1 - z) * candidate
        else:
            h = z * candidate + (1 - z) * h_tm1
        return h, [h] if is_list else h

    def _reset_after(self, x, h_tm1, h_mask):
        x_z, x_r, x_h = ops.split(x, 3, axis=-1)
        recurrent = gate_products(h_tm1, self.recurrent_kernel, 3, h_mask)
        if self.use_bias:
            recurrent += self.bias[1]
        h_z, h_r, h_h = ops.split(recurrent, 3, axis=-1)
        z = self.recurrent_activation(x_z + h_z)
        r = self.recurrent_activation(x_r + h_r)
        return z, self.activation(x_h + r * h_h)

    def _reset_before(self, x, h_tm1, h_mask):
        x_z, x_r, x_h = ops.split(x, 3, axis=-1)
        gates_kernel = self.recurrent_kernel[:, : 2 * self.units]
        candidate_kernel = self.recurrent_kernel[:, 2 * self.units :]
        h_z, h_r = ops.split(gate_products(h_tm1, gates_kernel, 2, h_mask), 2, axis=-1)
        z = self.recurrent_activation(x_z + h_z)
        r = self.recurrent_activation(x_r + h_r)
        remembered = r * h_tm1 if h_mask is None else r * (h_tm1 * h_mask[2])
        return z, self.activation(x_h + ops.matmul(remembered, candidate_kernel))

    def _without_reset(self, x, h_tm1, h_mask):
        a_z, a_h = ops.split(x + gate_products(h_tm1, self.recurrent_kernel, 2, h_mask), 2, axis=-1)
        return self.recurrent_activation(a_z), self.activation(a_h)

    def get_config(self):
        config = super().get_config()
        del config["reset_after"]
        return {**config, "reset_gate": self.reset_gate, "update_gate": self.update_gate}


@keras.saving.register_keras_serializable(package="rnn_kit")
class GRU(CellRNN):
    """Gated recurrent unit over a whole sequence, in every form of the lectures.

        z = σ(x W_z + h' U_z + b_z)                      gate order in every fused weight:
        r = σ(x W_r + h' U_r + b_r)                      z, r, candidate (without r: z, candidate)

        reset_gate="after"     h̃ = g(x W_h + b_h + r ∘ (h' U_h + d_h))
        reset_gate="before"    h̃ = g(x W_h + b_h + (r ∘ h') U_h)
        reset_gate=None        h̃ = g(x W_h + b_h + h' U_h)

        update_gate="keep"     h = z ∘ h' + (1 - z) ∘ h̃
        update_gate="write"    h = z ∘ h̃ + (1 - z) ∘ h'

    A drop-in for `keras.layers.GRU`: with "keep" it is that layer, `reset_after=True` for "after"
    (the default of both) and `reset_after=False` for "before", number for number.

    Args:
        units: Positive integer, the size of h.
        activation ... unroll: The arguments of `keras.layers.GRU`, in the same order and with the
            same defaults: `activation`, `recurrent_activation`, `use_bias`, `kernel_initializer`,
            `recurrent_initializer`, `bias_initializer`, `kernel_regularizer`,
            `recurrent_regularizer`, `bias_regularizer`, `activity_regularizer`,
            `kernel_constraint`, `recurrent_constraint`, `bias_constraint`, `dropout`,
            `recurrent_dropout`, `seed`, `return_sequences`, `return_state`, `go_backwards`,
            `stateful`, `unroll`.
        reset_gate: `"after"`, `"before"` or `None`, in the place of `reset_after`. Default: `"after"`.
        use_cudnn: `"auto"` runs cuDNN if `runs_cudnn()`; `True` runs it with a mask too, and raises if
            it cannot; `False` never runs it. Default: `"auto"`.
        update_gate: `"keep"` or `"write"`. Default: `"keep"`.
        fused: `"auto"` takes a loop with a hand-written gradient under TensorFlow if
            `runs_fused()`: `"after"` with `"keep"`, the default activations, and neither `unroll`
            nor `recurrent_dropout`. It has no second-order gradients. `False` always takes the plain
            loop, and never cuDNN. Default: `"auto"`.
        **kwargs: `zero_output_for_mask`, `name`, `dtype`, `trainable`.

    Call arguments:
        sequences: `(B, T, F)`.
        initial_state: h(0) `(B, units)`, or a list of it. Default: zeros, or the carried state of a
            stateful layer.
        mask: Boolean `(B, T)`; a step whose mask is `False` leaves the state unchanged and repeats
            the previous output (or is zero, with `zero_output_for_mask=True`).
        training: Whether to apply dropout.

    Output shape:
        `(B, units)`; with `return_sequences=True` `(B, T, units)`; with `return_state=True` that
        output and then h(T) `(B, units)`.

    Weights, in this order, with G = 3 (2 for `reset_gate=None`):
        kernel `(F, G * units)`, recurrent_kernel `(units, G * units)`, bias `(2, 3 * units)` for
        "after" (input side, recurrent side), `(3 * units,)` for "before", `(2 * units,)` for None.

    Raises:
        ValueError: if an argument is none of the values named above, or `reset_after` is given; when
            it is called, if `use_cudnn=True` and cuDNN cannot run.
        InvalidArgumentError: from TensorFlow, with `use_cudnn=True` and a mask that is not padding at
            the end of rows with at least one step each.

    Source: see `rnn_kit.layers.GRUCell`, which names the slide of each form.

    Example:

    >>> output, state = GRU(4, return_state=True)(np.zeros((2, 10, 8)))
    >>> tuple(output.shape), tuple(state.shape)
    ((2, 4), (2, 4))
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
        reset_gate="after",
        use_cudnn="auto",
        *,
        update_gate="keep",
        fused="auto",
        **kwargs,
    ):
        cell_kwargs = {k: kwargs.pop(k) for k in ("implementation", "reset_after") if k in kwargs}
        cell = GRUCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            reset_gate=reset_gate,
            update_gate=update_gate,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="gru_cell",
            **cell_kwargs,
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

    reset_gate = cell_property("reset_gate")
    update_gate = cell_property("update_gate")

    def runs_cudnn(self, masked=False):
        """Returns whether cuDNN runs the layer if it is called now.

        It does so under TensorFlow on a GPU, outside of a `tf.device` that names a CPU, if neither
        `fused` nor `use_cudnn` is `False`, `runs_fused(training=True)` and `use_bias`; with a mask only
        for `use_cudnn=True`, since cuDNN takes only padding at the end.

        Args:
            masked: whether a mask comes with the sequences.
        """
        return super().runs_cudnn(masked)

    _CUDNN_NEEDS = (
        "it needs TensorFlow, a GPU, reset_gate='after', update_gate='keep', the default activations, "
        "use_bias, and neither fused=False, unroll nor recurrent_dropout"
    )

    def _cell_has_cudnn_form(self):
        return self.use_bias

    def _cell_has_fused_form(self):
        return (
            type(self.cell) is GRUCell
            and self.reset_gate == "after"
            and self.update_gate == "keep"
            and self.activation is keras.activations.tanh
            and self.recurrent_activation is keras.activations.sigmoid
        )

    def _fused_recurrence(self):
        from rnn_kit.layers.fused.gru import gru

        return gru
