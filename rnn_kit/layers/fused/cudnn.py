"""The gated recurrent unit by NVIDIA's cuDNN, as Keras calls it."""

import keras


def gru(layer, sequences, initial_state, training):
    """What `inner_loop` returns of a `GRU` that is Keras's own, without a mask, on a GPU.

    `keras.layers.GRU` runs it, around the layer's own cell. (With a mask, cuDNN puts out zeros where
    this kit repeats the output before, and takes padding at the end alone: then the fused loop runs.)
    """
    stock = keras.layers.GRU(
        layer.units,
        return_sequences=layer.return_sequences,
        go_backwards=layer.go_backwards,
        use_cudnn=True,
        dtype=layer.dtype_policy,
        name=layer.name,
    )
    stock.cell = layer.cell
    results = stock.inner_loop(sequences, initial_state, None, training=training)
    layer.supports_jit = stock.supports_jit  # no XLA around cuDNN
    return results
