"""The LSTM with peepholes over a sequence, and its back-propagation through time.

Forward, for t = 1, …, T (∘ multiplies element by element):

    i = σ(x W_xi + h' W_hi + c' ∘ w_ci + b_i)
    f = σ(x W_xf + h' W_hf + c' ∘ w_cf + b_f)
    g = tanh(x W_xc + h' W_hc + b_c)
    c = f ∘ c' + i ∘ g
    o = σ(x W_xo + h' W_ho + c ∘ w_co + b_o)
    h = o ∘ tanh(c)

Backward, for t = T, …, 1. δ is the derivative of the loss by what a gate's σ or tanh is applied to;
dh and dc come from the step after, and dy is what the loss says of this step's output:

    dh = dh + dy
    δo = dh ∘ tanh(c) ∘ σ'(o)                          σ'(o) = o ∘ (1 - o)
    dc = dc + dh ∘ o ∘ tanh'(c) + δo ∘ w_co            tanh'(c) = 1 - tanh(c)²
    δi = dc ∘ g  ∘ σ'(i)
    δf = dc ∘ c' ∘ σ'(f)
    δg = dc ∘ i  ∘ tanh'(g)
    dh' = δi W_hi^T + δf W_hf^T + δg W_hc^T + δo W_ho^T
    dc' = dc ∘ f + δi ∘ w_ci + δf ∘ w_cf

and for the weights, over all steps at once:

    dW_h· = Σ h'^T δ·     dw_ci = Σ δi ∘ c'     dw_cf = Σ δf ∘ c'     dw_co = Σ δo ∘ c

Source: Jian Li, "Deep Learning: RNN" (IIS Tsinghua), slides "peephole connections" and
"back-propagation through time".
"""

import tensorflow as tf
from keras import ops

from rnn_kit.layers.fused import sequence


def peephole_lstm(cell, x, initial_state, mask, training):
    """All hidden states of `PeepholeLSTMCell`, `(T, B, units)`, and the last states [h, c]."""
    kernel, recurrent_kernel, peepholes = (
        ops.cast(weight, cell.compute_dtype)
        for weight in (cell.kernel, cell.recurrent_kernel, cell.peephole_kernel)
    )
    biases = tf.split(ops.cast(cell.bias, cell.compute_dtype), 4) if cell.use_bias else None
    h, h_T, c_T = recurrence(
        sequence.input_products(x, tf.split(kernel, 4, axis=1), biases),
        *initial_state,
        tf.split(recurrent_kernel, 4, axis=1),
        tf.unstack(peepholes),
        mask,
        training,
    )
    return h, [h_T, c_T]


def recurrence(x, h_0, c_0, recurrent_kernels, peepholes, mask, training):
    """The loop over time, with its gradient.

    Args:
        x: list of the gates' input products, x W + b, in the order i, f, c, o: `(T, B, units)` each.
        h_0, c_0: `(B, units)`.
        recurrent_kernels: list W_hi, W_hf, W_hc, W_ho, `(units, units)` each.
        peepholes: list w_ci, w_cf, w_co, `(units,)` each.
        mask: Boolean `(T, B, 1)`; a step that is False leaves h and c as they are. Or `None`.
        training: as in `sequence.kept`.

    Returns:
        h `(T, B, units)`, and h(T) and c(T), `(B, units)` each.
    """

    @tf.custom_gradient
    def loop(x_i, x_f, x_c, x_o, h_0, c_0, W_hi, W_hf, W_hc, W_ho, w_ci, w_cf, w_co):
        tape = sequence.Tape(like=x_i)

        def step(t, h_tm1, c_tm1, arrays):
            i = tf.sigmoid(tf.add_n([x_i[t], h_tm1 @ W_hi, c_tm1 * w_ci]))
            f = tf.sigmoid(tf.add_n([x_f[t], h_tm1 @ W_hf, c_tm1 * w_cf]))
            g = tf.tanh(x_c[t] + h_tm1 @ W_hc)
            c = f * c_tm1 + i * g
            o = tf.sigmoid(tf.add_n([x_o[t], h_tm1 @ W_ho, c * w_co]))
            tanh_c = tf.tanh(c)
            h = o * tanh_c
            if mask is not None:
                h, c = tf.where(mask[t], h, h_tm1), tf.where(mask[t], c, c_tm1)
            *gates, hs, cs = arrays
            gates = sequence.write(t, gates, (i, f, g, o, tanh_c))
            return h, c, [*gates, hs.write(t + 1, h), cs.write(t + 1, c)]

        h_T, c_T, (*gates, hs, cs) = sequence.forwards(
            tape.steps, step, h_0, c_0, [*tape.arrays(5), tape.array(h_0), tape.array(c_0)]
        )
        h, c = hs.stack(), cs.stack()  # entry 0 is h(0), c(0): h[:-1] are the states before each step
        gates = sequence.kept(gates, training)

        def gradient(dy, dh_T, dc_T):
            W_hi_T, W_hf_T, W_hc_T, W_ho_T = (tf.transpose(W) for W in (W_hi, W_hf, W_hc, W_ho))

            def step_back(t, dh, dc, deltas):
                i, f, g, o, tanh_c = sequence.read(t, gates)
                dh = dh + dy[t]
                if mask is not None:  # what a masked step hands on to the step before it
                    zeros = tf.zeros_like(dh)
                    dh_kept, dh = tf.where(mask[t], zeros, dh), tf.where(mask[t], dh, zeros)
                    dc_kept, dc = tf.where(mask[t], zeros, dc), tf.where(mask[t], dc, zeros)
                δo = through_sigmoid(o, dh * tanh_c)
                dc = tf.add_n([dc, through_tanh(tanh_c, dh * o), δo * w_co])
                δi = through_sigmoid(i, dc * g)
                δf = through_sigmoid(f, dc * c[t])
                δg = through_tanh(g, dc * i)
                dh = tf.add_n([δi @ W_hi_T, δf @ W_hf_T, δg @ W_hc_T, δo @ W_ho_T])
                dc = tf.add_n([dc * f, δi * w_ci, δf * w_cf])
                if mask is not None:
                    dh, dc = dh + dh_kept, dc + dc_kept
                return dh, dc, sequence.write(t, deltas, (δi, δf, δg, δo))

            dh_0, dc_0, deltas = sequence.backwards(tape.steps, step_back, dh_T, dc_T, tape.arrays(4))
            deltas = [delta.stack() for delta in deltas]
            δi, δf, _, δo = deltas
            h_before = sequence.rows(h[:-1])
            return sequence.first_order_only(
                *deltas,
                dh_0,
                dc_0,
                *(tf.matmul(h_before, sequence.rows(δ), transpose_a=True) for δ in deltas),
                sequence.sum_over_time_and_batch(δi * c[:-1]),
                sequence.sum_over_time_and_batch(δf * c[:-1]),
                sequence.sum_over_time_and_batch(δo * c[1:]),
            )

        return (h[1:], h_T, c_T), gradient

    return loop(*x, h_0, c_0, *recurrent_kernels, *peepholes)


def through_sigmoid(y, dy):
    """dy ∘ σ', from y = σ(z)."""
    return tf.raw_ops.SigmoidGrad(y=y, dy=dy)


def through_tanh(y, dy):
    """dy ∘ tanh', from y = tanh(z)."""
    return tf.raw_ops.TanhGrad(y=y, dy=dy)
