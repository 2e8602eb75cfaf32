"""Faster loops for TensorFlow: the lectures' back-propagation through time, written by hand.

`keras.layers.RNN` lets TensorFlow differentiate its loop. That is right for every cell, and slow: the
gradient of each weight is summed up step by step, by one small product a step. Here the loop back
carries only what must go from step to step, dL/dh and dL/dc, and the weights' gradients are one product
over the whole sequence afterwards. Every gate has a product of its own, as in the equations, because
TensorFlow runs independent products side by side, one a core.

    sequence.py     what is common: time, masks, dropout, the products with the inputs
    lstm.py         the LSTM with peepholes
    gru.py          the gated recurrent unit
    cudnn.py        the same on a GPU, by NVIDIA's own kernel

On a GPU a loop is compiled by XLA as one program, where its shape is known.

A gradient of these gradients is refused; `fused=False` has it.
"""
