"""Faster loops for TensorFlow: the lectures' back-propagation through time, written by hand.

`keras.layers.RNN` lets TensorFlow differentiate its loop. That is right for every cell, but slow: it
sums the gradient of each weight step by step, with one small product a step. Here the loop of the
backward pass carries only dL/dh and dL/dc, and each weight's gradient is one product over the whole
sequence afterwards. Every gate has its own product, as in the equations, because TensorFlow runs
independent products in parallel, one a core.

    sequence.py     shared parts: time, masks, dropout, products with the inputs, residuals
    lstm.py         the LSTM with peepholes
    gru.py          the gated recurrent unit
    cudnn.py        the gated recurrent unit on a GPU, by NVIDIA's kernel

On a GPU a loop of known shape is compiled by XLA as one program.

Second-order gradients raise `NotImplementedError`; `fused=False` has them.
"""
