"""The gated recurrent unit by NVIDIA's cuDNN, as Keras calls it."""

import tensorflow as tf
from keras import ops

from rnn_kit import _internals as internals


def run(layer, sequences, initial_state, mask, training):
    """What `inner_loop` returns of a `GRU` that is Keras's own, on a GPU.

    Masked steps come as zeros from cuDNN; here, as everywhere in the kit, they repeat the output before
    them. cuDNN computes in float16, bfloat16, float32 and float64.

    Args:
        layer, sequences, initial_state, training: as in `keras.layers.RNN.inner_loop`.
        mask: Padding at the end, in rows that have one step at least; Keras asserts it. Or `None`.

    Raises:
        NotImplementedError: in an eager call, if TensorFlow has no cuDNN after all. (In a graph that
            shows when it runs, so `GRU.runs_cudnn` asks for a GPU first.)
    """
    cell = layer.cell
    dtype = cell.compute_dtype
    sequences = ops.cast(sequences, dtype)
    if training and cell.dropout:
        sequences *= cell.get_dropout_mask(sequences[:, 0, :])[:, None, :]
    if mask is not None:
        mask = tf.cast(mask, tf.bool)
        mask = mask[:, :, 0] if mask.shape.rank == 3 else mask
    # The weights are cast here, for a generator calls `inner_loop` outside of the layer's dtype policy.
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
