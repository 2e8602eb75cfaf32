"""Faster loops for TensorFlow: the lectures' back-propagation through time, written by hand.

`keras.layers.RNN` lets TensorFlow differentiate its loop. That is right for every cell, and slow: it
adds up the gradient of each weight step by step, by one small product a step. Here the loop of the
backward pass carries dL/dh and dL/dc alone, and each weight's gradient is one product over the whole
sequence afterwards. Every gate has a product of its own, as in the equations, because TensorFlow runs
independent products side by side, one a core.

    sequence.py     what they share: time, masks, dropout, products with the inputs, residuals
    lstm.py         the LSTM with peepholes
    gru.py          the gated recurrent unit
    cudnn.py        the gated recurrent unit on a GPU, by NVIDIA's kernel

On a GPU a loop of known shape is compiled by XLA as one program.

Second-order gradients raise `NotImplementedError`; `fused=False` has them.
"""
