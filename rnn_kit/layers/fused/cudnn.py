"""Runs the gated recurrent unit over a sequence by NVIDIA's cuDNN."""

import tensorflow as tf
from keras import ops

from rnn_kit import _internals as internals


def run(layer, sequences, initial_state, mask, training):
    """Runs a `GRU` on a GPU, as Keras's own `inner_loop` does.

    cuDNN outputs zeros at masked steps; here, as everywhere in the kit, a masked step repeats the
    previous output. cuDNN computes in float16, bfloat16, float32 and float64.

    Args:
        layer, sequences, initial_state, training: As in `keras.layers.RNN.inner_loop`.
        mask: `None`, or padding at the end of rows that have at least one step each, which Keras
            asserts.

    Returns:
        As `inner_loop`: the last output, all outputs, the last states.

    Raises:
        NotImplementedError: in an eager call, if TensorFlow has no cuDNN. (A graph would fail only when
            it runs, so `GRU.runs_cudnn` looks for a GPU first.)
    """
    cell = layer.cell
    dtype = cell.compute_dtype
    sequences = ops.cast(sequences, dtype)
    if training and cell.dropout:
        sequences *= cell.get_dropout_mask(sequences[:, 0, :])[:, None, :]
    if mask is not None:
        mask = tf.cast(mask, tf.bool)
        mask = mask[:, :, 0] if mask.shape.rank == 3 else mask
    # The weights are cast here, since a generator calls `inner_loop` outside of the layer's autocast.
    last, outputs, states = internals.cudnn_gru(
        sequences,
        ops.cast(initial_state[0], dtype),
        mask,
        kernel=ops.cast(cell.kernel, dtype),
        recurrent_kernel=ops.cast(cell.recurrent_kernel, dtype),
        bias=ops.cast(cell.bias, dtype),
        activation=cell.activation,
        recurrent_activation=cell.recurrent_activation,
        return_sequences=layer.return_sequences,
        go_backwards=layer.go_backwards,
        reset_after=True,
    )
    repeats = not (layer.zero_output_for_mask or layer.go_backwards)  # backwards, padding comes first
    if mask is not None and layer.return_sequences and repeats:
        outputs = tf.where(mask[:, :, None], outputs, last[:, None, :])
    return last, outputs, states
