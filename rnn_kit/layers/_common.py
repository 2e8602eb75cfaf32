"""Shared parts of the kit's recurrent layers: gate products, dropout masks, a layer around one cell."""

import keras
from keras import ops, tree


def gate_products(x, kernel, gates, dropout_mask=None):
    """Multiplies `x` by the blocks of a fused kernel, one block for each gate.

    Args:
        x: `(B, n)`.
        kernel: `(n, gates * units)`.
        gates: The number of blocks in `kernel`.
        dropout_mask: `None`; one mask `(B, n)` for all gates; or a list with a mask for each gate, as
            `keras.layers.LSTMCell` draws them for `implementation=1` (recurrent dropout implies it).

    Returns:
        `(B, gates * units)`.
    """
    if dropout_mask is None:
        return ops.matmul(x, kernel)
    if not isinstance(dropout_mask, (list, tuple)):
        return ops.matmul(x * dropout_mask, kernel)
    blocks = ops.split(kernel, gates, axis=-1)
    # There may be more masks than blocks: GRU's "before" form computes its candidate separately.
    masks = dropout_mask[: len(blocks)]
    return ops.concatenate([ops.matmul(x * m, k) for m, k in zip(masks, blocks, strict=True)], axis=-1)


class StepDropout:
    """Draws the dropout masks of one step, as Keras's own cells do.

    A mixin for cells that derive from a Keras cell. `keras.layers.RNN` draws the masks once a sequence,
    before its loop, and each step uses them: with the same seed the kit's cells drop the same units as
    Keras's.
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
    """Returns a read-only property of the layer for the cell's attribute of this name."""
    return property(lambda self: getattr(self.cell, name), doc=f"`{name}` of the cell.")


class CellRNN(keras.layers.RNN):
    """A `keras.layers.RNN` that makes its own cell, and is configured as one layer.

    `get_config` is flat, as that of `keras.layers.LSTM`: it has the cell's arguments beside the
    layer's. Subclasses make their cell in `__init__` from those arguments.

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
            # XLA cannot compile cuDNN. `compile(jit_compile="auto")` reads this before tracing.
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
        mask = tree.flatten(mask)[0]  # Keras passes a list if initial states are inputs too
        if self.runs_cudnn(masked=mask is not None):
            from rnn_kit.layers.fused import cudnn

            try:
                return cudnn.run(self, sequences, initial_state, mask, training)
            except NotImplementedError:  # Keras found, in an eager call, no such kernel
                pass
        if self.use_cudnn is True:
            raise ValueError(
                f"Layer '{self.name}' has use_cudnn=True, and cuDNN cannot run it: "
                f"{self._CUDNN_NEEDS}. Pass use_cudnn='auto' to run another loop where cuDNN cannot."
            )
        if self.runs_fused(training):
            from rnn_kit.layers.fused import sequence  # needs TensorFlow, unlike the plain loop

            return sequence.run(
                self._fused_recurrence(), self, sequences, initial_state, mask, training
            )
        return self._plain_loop(sequences, initial_state, mask, training)

    def runs_fused(self, training=False):
        """Returns whether the layer runs its fused loop, `rnn_kit.layers.fused`.

        It does so under TensorFlow with `fused="auto"`, if the cell is the kit's own with the
        activations `tanh` and `sigmoid`, without `unroll` and, in training, without `recurrent_dropout`
        (and without `dropout` that has a mask for each gate, `implementation=1`).

        Args:
            training: As in the layer's call.
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
        """Returns whether cuDNN runs the layer if it is called now. See `GRU.runs_cudnn`.

        Args:
            masked: Whether the sequences have a mask.
        """
        if not self._may_run_cudnn() or (masked and self.use_cudnn is not True):
            return False
        from rnn_kit.layers.fused import sequence

        return sequence.is_placed_on_gpu()

    def _may_run_cudnn(self):
        """Returns whether there is a GPU, and cuDNN can compute this layer."""
        if self.use_cudnn is False or not (self._cell_has_cudnn_form() and self.runs_fused(True)):
            return False
        from rnn_kit.layers.fused import sequence

        return sequence.has_gpu()

    def _cell_has_cudnn_form(self):
        """Returns whether cuDNN can compute a cell that the fused loop can. Subclasses override it."""
        return False

    def _cell_has_fused_form(self):
        """Returns whether the fused loop can compute this cell. Subclasses override it."""
        return False

    def _fused_recurrence(self):
        """Returns the fused loop, for `rnn_kit.layers.fused.sequence.run`."""
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
        """Returns whether Keras's unrolled loop (3.15) is wrong with a mask, and must not be used.

        With `zero_output_for_mask`, which `Bidirectional` sets, TensorFlow's unrolled loop does not
        reverse the mask when it runs backwards, and JAX's does not zero outputs; PyTorch's fails for
        any mask.
        """
        return self.zero_output_for_mask or keras.backend.backend() == "torch"

    def get_config(self):
        config = super().get_config()
        del config["cell"]
        cell_config = self.cell.get_config()
        for name in ("name", "trainable", "dtype"):  # the layer's own count
            cell_config.pop(name, None)
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
