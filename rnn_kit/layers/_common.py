"""What the kit's recurrent layers share: gate products with dropout, and a layer made of one cell."""

import keras
from keras import ops, tree


def gate_products(x, kernel, gates, dropout_mask=None):
    """Products of `x` with the blocks of a fused kernel, one block a gate.

    Args:
        x: `(B, n)`.
        kernel: `(n, gates * units)`.
        gates: number of blocks in `kernel`.
        dropout_mask: `None`; one mask `(B, n)` for all gates; or a list of one mask a gate, as
            `keras.layers.LSTMCell` draws them for `implementation=1` (recurrent dropout implies it).

    Returns:
        `(B, gates * units)`.
    """
    if dropout_mask is None:
        return ops.matmul(x, kernel)
    if not isinstance(dropout_mask, (list, tuple)):
        return ops.matmul(x * dropout_mask, kernel)
    blocks = ops.split(kernel, gates, axis=-1)
    # A fused kernel may hold fewer gates than there are masks: GRU's "before" form takes its
    # candidate's product apart from the others.
    masks = dropout_mask[: len(blocks)]
    return ops.concatenate([ops.matmul(x * m, k) for m, k in zip(masks, blocks, strict=True)], axis=-1)


class StepDropout:
    """Dropout masks of one step, drawn as Keras's own cells draw them.

    A mixin for cells that derive from a Keras cell. The masks are drawn once a sequence (by
    `keras.layers.RNN`, before its loop) and used at every step, so that with the same seed the kit's
    cells drop the same units as Keras's.
    """

    def input_mask(self, inputs, training):
        if training and 0.0 < self.dropout < 1.0:
            return self.get_dropout_mask(inputs)
        return None

    def recurrent_mask(self, h_tm1, training):
        if training and 0.0 < self.recurrent_dropout < 1.0:
            return self.get_recurrent_dropout_mask(h_tm1)
        return None


def cell_property(name):
    """A read-only property of the layer that is answered by its cell."""
    return property(lambda self: getattr(self.cell, name), doc=f"`{name}` of the cell.")


class CellRNN(keras.layers.RNN):
    """`keras.layers.RNN` around a cell of its own, configured as one layer.

    `get_config` is flat, as that of `keras.layers.LSTM`: the cell's arguments stand beside the
    layer's. Subclasses build their cell in `__init__` from those arguments.

    Subclasses with a faster loop than the plain one override `_fused_recurrence`.
    """

    def __init__(self, cell, fused="auto", use_cudnn="auto", **kwargs):
        if fused not in ("auto", False):
            raise ValueError(f'Argument `fused` must be "auto" or False. Received: fused={fused!r}')
        if use_cudnn not in ("auto", True, False):
            raise ValueError(
                f'Argument `use_cudnn` must be "auto", True or False. Received: use_cudnn={use_cudnn!r}'
            )
        super().__init__(cell, **kwargs)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.fused = fused
        self.use_cudnn = use_cudnn
        if self._may_run_cudnn():
            # `compile(jit_compile="auto")` asks before anything is traced; XLA cannot compile cuDNN.
            self.supports_jit = False

    units = cell_property("units")
    activation = cell_property("activation")
    recurrent_activation = cell_property("recurrent_activation")
    use_bias = cell_property("use_bias")
    kernel_initializer = cell_property("kernel_initializer")
    recurrent_initializer = cell_property("recurrent_initializer")
    bias_initializer = cell_property("bias_initializer")
    kernel_regularizer = cell_property("kernel_regularizer")
    recurrent_regularizer = cell_property("recurrent_regularizer")
    bias_regularizer = cell_property("bias_regularizer")
    kernel_constraint = cell_property("kernel_constraint")
    recurrent_constraint = cell_property("recurrent_constraint")
    bias_constraint = cell_property("bias_constraint")
    dropout = cell_property("dropout")
    recurrent_dropout = cell_property("recurrent_dropout")
    seed = cell_property("seed")

    def inner_loop(self, sequences, initial_state, mask, training=False):
        mask = tree.flatten(mask)[0]  # Keras hands on a list where initial states are inputs too
        if self.runs_cudnn(masked=mask is not None):
            from rnn_kit.layers.fused import cudnn

            try:
                return cudnn.run(self, sequences, initial_state, mask, training)
            except NotImplementedError:  # Keras found, in an eager call, that there is no such kernel
                pass
        if self.use_cudnn is True:
            raise ValueError(
                f"Layer '{self.name}' has use_cudnn=True, and cuDNN cannot run it: "
                f"{self._CUDNN_NEEDS}. Pass use_cudnn='auto' to run another loop where cuDNN cannot."
            )
        if self.runs_fused(training):
            from rnn_kit.layers.fused import sequence  # needs TensorFlow, as the plain loop does not

            return sequence.run(
                self._fused_recurrence(), self, sequences, initial_state, mask, training
            )
        return self._plain_loop(sequences, initial_state, mask, training)

    def runs_fused(self, training=False):
        """Whether the layer takes its fused loop, `rnn_kit.layers.fused`.

        It does under TensorFlow with `fused="auto"`, if the cell is the kit's own with `tanh` and
        `sigmoid` for activations, and neither `unroll` nor, in training, `recurrent_dropout` is asked
        for (nor `dropout` with one mask a gate, `implementation=1`).

        Args:
            training: as in the layer's call.
        """
        drops_by_gate = self.recurrent_dropout or (self.dropout and self.cell.implementation == 1)
        return (
            self.fused == "auto"
            and keras.backend.backend() == "tensorflow"
            and not self.unroll
            and not (training and drops_by_gate)
            and self._cell_has_fused_form()
        )

    _CUDNN_NEEDS = "cuDNN has no layer of this kind"

    def runs_cudnn(self, masked=False):
        """Whether cuDNN runs the layer where it is called now. `GRU` says when.

        Args:
            masked: whether a mask comes with the sequences.
        """
        if not self._may_run_cudnn() or (masked and self.use_cudnn is not True):
            return False
        from rnn_kit.layers.fused import sequence

        return sequence.is_placed_on_gpu()

    def _may_run_cudnn(self):
        """Whether there is a GPU, and cuDNN computes what this layer does."""
        if self.use_cudnn is False or not (self._cell_has_cudnn_form() and self.runs_fused(True)):
            return False
        from rnn_kit.layers.fused import sequence

        return sequence.has_gpu()

    def _cell_has_cudnn_form(self):
        """Whether cuDNN computes what this cell does, if the fused loop does. Subclasses say so."""
        return False

    def _cell_has_fused_form(self):
        """Whether the fused loop computes what this cell does. Subclasses say so."""
        return False

    def _fused_recurrence(self):
        """The fused loop, for `rnn_kit.layers.fused.sequence.run`."""
        raise NotImplementedError

    def _plain_loop(self, sequences, initial_state, mask, training):
        if not (self.unroll and mask is not None and self._keras_unrolls_wrongly()):
            return super().inner_loop(sequences, initial_state, mask, training=training)
        self.unroll = False
        try:
            return super().inner_loop(sequences, initial_state, mask, training=training)
        finally:
            self.unroll = True

    def _keras_unrolls_wrongly(self):
        """Whether Keras's unrolled loop (3.15) gets a mask wrong, so that the plain loop must do.

        With `zero_output_for_mask`, which `Bidirectional` sets, TensorFlow's zeroes outputs by the mask
        as it came in when it runs backwards, and JAX's zeroes none; PyTorch's fails for any mask.
        """
        return self.zero_output_for_mask or keras.backend.backend() == "torch"

    def get_config(self):
        config = super().get_config()
        del config["cell"]
        cell_config = self.cell.get_config()
        for of_the_layer in ("name", "trainable", "dtype"):
            cell_config.pop(of_the_layer, None)
        activity_regularizer = keras.regularizers.serialize(self.activity_regularizer)
        return {
            **config,
            **cell_config,
            "activity_regularizer": activity_regularizer,
            "fused": self.fused,
            "use_cudnn": self.use_cudnn,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)
