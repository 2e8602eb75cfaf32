"""Gated recurrent units whose products are convolutions: for sequences of signals, images, volumes."""

import keras
from keras import ops, tree

from rnn_kit import _internals as internals
from rnn_kit.layers.gru import RESET_GATES, UPDATE_GATES


@keras.saving.register_keras_serializable(package="rnn_kit")
class ConvGRUCell(keras.layers.Layer):
    """One step of a convolutional GRU, in the form that `reset_gate` and `update_gate` choose.

        z = σ(W_z * x + U_z * h' + b_z)                  update gate
        r = σ(W_r * x + U_r * h' + b_r)                  reset gate

    where * is a convolution. The candidate h̃, with g = `activation`, by `reset_gate`:

        "after"    h̃ = g(W_h * x + b_h + r ∘ (U_h * h' + d_h))     reset after the convolution
        "before"   h̃ = g(W_h * x + b_h + U_h * (r ∘ h'))           reset before the convolution
        None       h̃ = g(W_h * x + b_h + U_h * h')                 the simplified unit: no r at all

    and the new state h, which is the output too, by `update_gate`:

        "keep"     h = z ∘ h' + (1 - z) ∘ h̃              z is the kept share of the old state
        "write"    h = (1 - z) ∘ h' + z ∘ h̃              z is the written share of the candidate

    With images of one pixel and a window of one it is `rnn_kit.layers.GRUCell`.

    Args:
        rank: 1, 2 or 3: of the convolution.
        filters ... seed: The arguments of the cell of `keras.layers.ConvLSTM2D`, in the same order and
            with the same defaults, without `unit_forget_bias`: `filters`, `kernel_size`, `strides`,
            `padding`, `data_format`, `dilation_rate`, `activation`, `recurrent_activation`, `use_bias`,
            `kernel_initializer`, `recurrent_initializer`, `bias_initializer`, `kernel_regularizer`,
            `recurrent_regularizer`, `bias_regularizer`, `kernel_constraint`, `recurrent_constraint`,
            `bias_constraint`, `dropout`, `recurrent_dropout`, `seed`. `strides`, `padding` and
            `dilation_rate` are those of the convolution over x; that over h' keeps its size.
        reset_gate: `"after"`, `"before"` or `None`. Default: `"after"`, as in `rnn_kit.layers.GRU`.
        update_gate: `"keep"` or `"write"`. Default: `"keep"`.

    Call arguments:
        inputs: x, `(B, *S, C)`, or `(B, C, *S)` for `data_format="channels_first"`.
        states: h' `(B, *S', filters)`, in a list.
        training: Whether to apply dropout.

    Returns:
        h, and the new state, in a list.

    Weights, in this order (G = 3 gates in the order z, r, candidate; without a reset gate G = 2):
        kernel: W, `(*kernel_size, C, G * filters)`.
        recurrent_kernel: U, `(*kernel_size, filters, G * filters)`.
        bias: `(2, 3 * filters)` for "after", the input side's row and the recurrent side's; else
            `(G * filters,)`.

    Raises:
        ValueError: if an argument is none of the above, if both `strides` and `dilation_rate` exceed 1,
            or if the size of the images is not known when the weights are made.

    Source: Tollef Jahren, "INF 5400 lecture 11" (University of Oslo, 2019), "Convolutional GRU", which
    is "before" and "write"; Ballas et al. 2016, "Delving Deeper into Convolutional Networks for
    Learning Video Representations" (arXiv:1511.06432), section 3.1, is "before", too.
    """

    def __init__(
        self,
        rank,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
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
        seed=None,
        *,
        reset_gate="after",
        update_gate="keep",
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name, value, names in (
            ("rank", rank, (1, 2, 3)),
            ("reset_gate", reset_gate, RESET_GATES),
            ("update_gate", update_gate, UPDATE_GATES),
            ("padding", padding.lower(), ("valid", "same")),
        ):
            if value not in names:
                raise ValueError(f"Argument `{name}` must be one of {names}. Received: {value!r}")
        if not isinstance(filters, int) or filters < 1:
            raise ValueError(f"Argument `filters` must be a positive integer. Received: {filters!r}")
        self.rank = rank
        self.filters = filters
        self.kernel_size = _of_rank("kernel_size", kernel_size, rank)
        self.strides = _of_rank("strides", strides, rank)
        self.dilation_rate = _of_rank("dilation_rate", dilation_rate, rank)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "Arguments `strides` and `dilation_rate` may not both exceed 1. Received: "
                f"strides={self.strides}, dilation_rate={self.dilation_rate}"
            )
        self.padding = padding.lower()
        self.data_format = data_format or keras.config.image_data_format()
        self.activation = keras.activations.get(activation)
        self.recurrent_activation = keras.activations.get(recurrent_activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.recurrent_constraint = keras.constraints.get(recurrent_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.reset_gate = reset_gate
        self.update_gate = update_gate
        self.gates = 2 if reset_gate is None else 3
        self.state_size = -1  # known once it is built: see `get_initial_state`

    @property
    def _channels(self):
        return -1 if self.data_format == "channels_last" else 1

    def build(self, input_shape):
        first = self.data_format == "channels_first"
        spatial = input_shape[2:] if first else input_shape[1:-1]
        channels = input_shape[self._channels]
        if len(input_shape) != self.rank + 2 or None in (*spatial, channels):
            raise ValueError(
                f"Layer '{self.name}' needs inputs of {self.rank} spatial dimensions of known sizes, "
                f"and channels. Received: inputs of shape {tuple(input_shape)} at each step"
            )
        width = self.gates * self.filters
        self.kernel = self._kernel("kernel", (*self.kernel_size, channels, width))
        self.recurrent_kernel = self._kernel(
            "recurrent_kernel", (*self.kernel_size, self.filters, width)
        )
        self.bias = None
        if self.use_bias:
            shape = (2, width) if self.reset_gate == "after" else (width,)
            self.bias = self._kernel("bias", shape)
        self._state_shape = self.compute_output_shape(input_shape)[1:]
        self.built = True

    def _kernel(self, name, shape):
        kind = {"kernel": "kernel", "recurrent_kernel": "recurrent", "bias": "bias"}[name]
        return self.add_weight(
            shape,
            getattr(self, f"{kind}_initializer"),
            name=name,
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
        )

    def convolve(self, inputs):
        """Returns W * x + b of all gates, `(N, *S', G * filters)`, of any number N of inputs."""
        x = ops.conv(
            inputs, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate
        )
        if self.bias is None:
            return x
        return x + self._along_channels(self.bias[0] if self.reset_gate == "after" else self.bias)

    def step(self, x, h_tm1, recurrent_mask=None):
        """Returns h of what `convolve` returns and h', `(B, *S', filters)`.

        Args:
            x: Of `convolve`.
            h_tm1: h'.
            recurrent_mask: What h' is multiplied with before the convolutions. Default: nothing.
        """
        seen = h_tm1 if recurrent_mask is None else h_tm1 * recurrent_mask
        axis = self._channels
        if self.reset_gate == "after":
            recurrent = self._recurrent(seen, self.recurrent_kernel)
            if self.bias is not None:
                recurrent = recurrent + self._along_channels(self.bias[1])
            x_z, x_r, x_h = ops.split(x, 3, axis)
            h_z, h_r, h_h = ops.split(recurrent, 3, axis)
            z = self.recurrent_activation(x_z + h_z)
            candidate = self.activation(x_h + self.recurrent_activation(x_r + h_r) * h_h)
        elif self.reset_gate == "before":
            gates = self.recurrent_kernel[..., : 2 * self.filters]
            x_z, x_r, x_h = ops.split(x, 3, axis)
            h_z, h_r = ops.split(self._recurrent(seen, gates), 2, axis)
            z = self.recurrent_activation(x_z + h_z)
            reset = self.recurrent_activation(x_r + h_r) * seen
            kernel = self.recurrent_kernel[..., 2 * self.filters :]
            candidate = self.activation(x_h + self._recurrent(reset, kernel))
        else:
            a_z, a_h = ops.split(x + self._recurrent(seen, self.recurrent_kernel), 2, axis)
            z, candidate = self.recurrent_activation(a_z), self.activation(a_h)
        if self.update_gate == "keep":
            return z * h_tm1 + (1 - z) * candidate
        return z * candidate + (1 - z) * h_tm1

    def call(self, inputs, states, training=False):
        h_tm1 = states[0]
        inputs = self.dropped(inputs, self.dropout, training)
        mask = None
        if training and self.recurrent_dropout:
            mask = self.dropped(ops.ones_like(h_tm1), self.recurrent_dropout, training)
        h = self.step(self.convolve(inputs), h_tm1, mask)
        return h, [h]

    def dropped(self, x, rate, training):
        """Returns x with a share of its elements dropped, and the others scaled up, in training."""
        if not (training and rate):
            return x
        return keras.random.dropout(x, rate, seed=self.seed_generator)

    def _recurrent(self, h, kernel):
        return ops.conv(h, kernel, 1, "same", self.data_format)

    def _along_channels(self, bias):
        return bias if self._channels == -1 else ops.reshape(bias, (-1, *[1] * self.rank))

    def compute_output_shape(self, input_shape, states_shape=None):
        kernel = (*self.kernel_size, input_shape[self._channels], self.filters)
        x, w = keras.KerasTensor(input_shape), keras.KerasTensor(kernel)
        return ops.conv(x, w, self.strides, self.padding, self.data_format, self.dilation_rate).shape

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, *self._state_shape), dtype=self.compute_dtype)]

    def get_config(self):
        numbers = (
            *("rank", "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate"),
            *("use_bias", "dropout", "recurrent_dropout", "seed", "reset_gate", "update_gate"),
        )
        config = {name: getattr(self, name) for name in numbers}
        for name in ("activation", "recurrent_activation"):
            config[name] = keras.activations.serialize(getattr(self, name))
        for of, module in (
            ("initializer", keras.initializers),
            ("regularizer", keras.regularizers),
            ("constraint", keras.constraints),
        ):
            for kind in ("kernel", "recurrent", "bias"):
                config[f"{kind}_{of}"] = module.serialize(getattr(self, f"{kind}_{of}"))
        return {**super().get_config(), **config}


class _ConvGRU(keras.layers.RNN):
    """What the convolutional layers of each rank share: they differ in it alone."""

    rank = None

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
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
        *,
        reset_gate="after",
        update_gate="keep",
        **kwargs,
    ):
        cell = ConvGRUCell(
            self.rank,
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            recurrent_activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            reset_gate=reset_gate,
            update_gate=update_gate,
            dtype=kwargs.get("dtype"),
            name="conv_gru_cell",
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = keras.layers.InputSpec(ndim=self.rank + 3)
        self.supports_masking = True

    def inner_loop(self, sequences, initial_state, mask, training=False):
        cell = self.cell
        # One mask a sequence, as in Keras's layers: the same at every step.
        if training and cell.dropout:
            sequences = sequences * cell.dropped(
                ops.ones_like(sequences[:, :1]), cell.dropout, training
            )
        recurrent = None
        if training and cell.recurrent_dropout:
            recurrent = cell.dropped(ops.ones_like(initial_state[0]), cell.recurrent_dropout, training)
        # The convolution of the inputs depends on no state: that of all steps is one.
        shape = ops.shape(sequences)
        x = cell.convolve(ops.reshape(sequences, (-1, *sequences.shape[2:])))
        x = ops.reshape(x, (-1, shape[1], *x.shape[1:]))

        mask = tree.flatten(mask)[0]
        states, inputs = list(initial_state), x
        if mask is not None:
            # Keras's loop under JAX broadcasts a mask over the last axis alone.
            present = ops.reshape(ops.cast(mask, x.dtype), (-1, shape[1], *[1] * (len(x.shape) - 2)))
            inputs = (x, present)
            states.append(ops.zeros_like(states[0]))

        def step(inputs, states):
            products, present = inputs if mask is not None else (inputs, None)
            h_tm1 = states[0]
            if keras.backend.backend() == "torch" and self.stateful:
                h_tm1 = ops.copy(h_tm1)  # which is written over when the sequence ends
            h = cell.step(products, h_tm1, recurrent)
            if present is None:
                return h, [h]
            before = ops.zeros_like(h) if self.zero_output_for_mask else states[1]
            y, h = ops.where(present > 0, h, before), ops.where(present > 0, h, h_tm1)
            return y, [h, y]

        last, outputs, states = internals.rnn_loop(
            step,
            inputs,
            states,
            go_backwards=self.go_backwards,
            unroll=self.unroll,
            input_length=sequences.shape[1],
            return_all_outputs=self.return_sequences,
        )
        return last, outputs, states[:1]

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, steps, *image = sequences_shape
        state = (batch, *self.cell.compute_output_shape((batch, *image))[1:])
        output = (batch, steps, *state[1:]) if self.return_sequences else state
        return (output, state) if self.return_state else output

    def get_config(self):
        config = super().get_config()
        del config["cell"]
        cell = self.cell.get_config()
        for name in ("name", "trainable", "dtype", "rank"):  # the layer's own count
            cell.pop(name, None)
        return {
            **config,
            **cell,
            "activity_regularizer": keras.regularizers.serialize(self.activity_regularizer),
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _about(rank, what):
    size = ", ".join(["6"] * rank)
    return f"""Convolutional gated recurrent unit over a sequence of {what}, {rank}D.

    The equations, in all their forms, are those of `ConvGRUCell`. A drop-in for
    `keras.layers.ConvLSTM{rank}D` where one state is enough: three gates in the place of four.

    Args:
        filters ... stateful: The arguments of `keras.layers.ConvLSTM{rank}D`, in the same order and
            with the same defaults, without `unit_forget_bias`.
        reset_gate, update_gate: As in `ConvGRUCell`; the lecture's unit is `reset_gate="before"`,
            `update_gate="write"`. Defaults: `"after"`, `"keep"`.
        **kwargs: `unroll`, `zero_output_for_mask`, `name`, `dtype`, `trainable`.

    Call arguments:
        sequences: `(B, T, *S, C)` with spatial dimensions S of number {rank}, or `(B, T, C, *S)`.
        initial_state: List of h(0) `(B, *S', filters)`. Default: zeros, or the carried state.
        mask: Boolean `(B, T)`; a step whose mask is `False` leaves the state unchanged.
        training: Whether to apply dropout, whose masks are drawn once a sequence.

    Output shape:
        `(B, *S', filters)`; with `return_sequences=True` `(B, T, *S', filters)`; with
        `return_state=True` that output and then h(T).

    Raises:
        ValueError: as `ConvGRUCell` does.

    Source: see `ConvGRUCell`.

    Example:

    >>> layer = ConvGRU{rank}D(4, 3, padding="same", return_sequences=True)
    >>> tuple(layer(np.zeros((2, 5, {size}, 1))).shape)
    (2, 5, {size}, 4)
    """


@keras.saving.register_keras_serializable(package="rnn_kit")
class ConvGRU1D(_ConvGRU):
    __doc__ = _about(1, "signals")
    rank = 1


@keras.saving.register_keras_serializable(package="rnn_kit")
class ConvGRU2D(_ConvGRU):
    __doc__ = _about(2, "images")
    rank = 2


@keras.saving.register_keras_serializable(package="rnn_kit")
class ConvGRU3D(_ConvGRU):
    __doc__ = _about(3, "volumes")
    rank = 3


def _of_rank(name, value, rank):
    """Returns a number, or as many numbers as dimensions, as a tuple of positive integers."""
    found = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(found) != rank or not all(isinstance(n, int) and n > 0 for n in found):
        raise ValueError(
            f"Argument `{name}` must be a positive integer, or {rank} of them. Received: {value!r}"
        )
    return found
