"""NVIDIA's cuDNN on a machine without a GPU: its gated recurrent unit, from cuDNN's equations.

    r = σ(W_r x + R_r h' + b_Wr + b_Rr)                  NVIDIA cuDNN's reference, `cudnnRNNMode_t`,
    i = σ(W_i x + R_i h' + b_Wi + b_Ri)                  CUDNN_GRU
    n = tanh(W_n x + r ∘ (R_n h' + b_Rn) + b_Wn)
    h = (1 - i) ∘ n + i ∘ h'

The weights come in one flat parameter: matrices first, each as (units, inputs), then the biases, gates
in the order r, i, n. A row puts out zeros after its last step, and its last state is that of this step.
"""

import importlib

import tensorflow as tf

from rnn_kit.layers.fused import sequence


def stand_in_for_cudnn(monkeypatch):
    """Announces a GPU to the kit and to Keras, with `gru` for cuDNN. Returns a list of the calls."""
    calls = []
    monkeypatch.setattr(sequence, "has_gpu", lambda: True)
    monkeypatch.setattr(sequence, "is_placed_on_gpu", lambda: True)
    keras_rnn = importlib.import_module("keras.src.backend.tensorflow.rnn")
    monkeypatch.setattr(keras_rnn, "_is_gpu_available", lambda: True)
    monkeypatch.setattr(tf.raw_ops, "CudnnRNNV3", lambda **kw: calls.append(kw) or gru(**kw))
    return calls


def gru(input, input_h, input_c, params, sequence_lengths, rnn_mode, is_training, time_major):
    assert rnn_mode == "gru" and is_training and not time_major
    if not input.dtype == input_h.dtype == params.dtype:  # as TensorFlow's op refuses them
        raise TypeError(f"Mixed dtypes: {input.dtype}, {input_h.dtype}, {params.dtype}")
    inputs, units = input.shape[-1], input_h.shape[-1]
    sizes = [units * inputs] * 3 + [units * units] * 3 + [units] * 6
    parts = tf.split(params, sizes)
    W = [tf.reshape(part, [units, inputs]) for part in parts[:3]]
    R = [tf.reshape(part, [units, units]) for part in parts[3:6]]
    b_W, b_R = parts[6:9], parts[9:]
    if not tf.sysconfig.get_build_info()["is_cuda_build"]:  # then Keras hands them over as i, r, n
        W, R, b_W, b_R = ([block[1], block[0], block[2]] for block in (W, R, b_W, b_R))

    def step(carried, current):
        h, _ = carried
        x, t = current
        x_r, x_i, x_n = (tf.matmul(x, w, transpose_b=True) + b for w, b in zip(W, b_W, strict=True))
        h_r, h_i, h_n = (tf.matmul(h, w, transpose_b=True) + b for w, b in zip(R, b_R, strict=True))
        r, i = tf.sigmoid(x_r + h_r), tf.sigmoid(x_i + h_i)
        n = tf.tanh(x_n + r * h_n)
        runs = (t < sequence_lengths)[:, None]
        new = (1 - i) * n + i * h
        return tf.where(runs, new, h), tf.where(runs, new, tf.zeros_like(new))

    h = input_h[:, 0]
    steps = (tf.transpose(input, [1, 0, 2]), tf.range(tf.shape(input)[1]))
    states, outputs = tf.scan(step, steps, (h, tf.zeros_like(h)))
    return tf.transpose(outputs, [1, 0, 2]), states[-1][:, None], None, None, None
