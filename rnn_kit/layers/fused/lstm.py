"""The LSTM with peepholes over a sequence, and its back-propagation through time.

Forward, for t = 1, …, T (∘ multiplies element by element):

    i = σ(x W_xi + h' W_hi + c' ∘ w_ci + b_i)
    f = σ(x W_xf + h' W_hf + c' ∘ w_cf + b_f)
    g = tanh(x W_xc + h' W_hc + b_c)
    c = f ∘ c' + i ∘ g
    o = σ(x W_xo + h' W_ho + c ∘ w_co + b_o)
    h = o ∘ tanh(c)

Backward, for t = T, …, 1. δ is the derivative of the loss with respect to the argument of a gate's σ or
tanh; dh and dc come from the next step, and dy is the loss's gradient at this step's output:

    dh = dh + dy
    δo = dh ∘ tanh(c) ∘ σ'(o)                          σ'(o) = o ∘ (1 - o)
    dc = dc + dh ∘ o ∘ tanh'(c) + δo ∘ w_co            tanh'(c) = 1 - tanh(c)²
    δi = dc ∘ g  ∘ σ'(i)
    δf = dc ∘ c' ∘ σ'(f)
    δg = dc ∘ i  ∘ tanh'(g)
    dh' = δi W_hi^T + δf W_hf^T + δg W_hc^T + δo W_ho^T
    dc' = dc ∘ f + δi ∘ w_ci + δf ∘ w_cf

and for the weights, over all steps at once:

    dW_x· = Σ x^T δ·      dW_h· = Σ h'^T δ·     db_· = Σ δ·
    dw_ci = Σ δi ∘ c'     dw_cf = Σ δf ∘ c'     dw_co = Σ δo ∘ c

and dx = δi W_xi^T + δf W_xf^T + δg W_xc^T + δo W_xo^T, also for all steps at once.

Memory. The four gates, h and c of every step are saved for the backward pass, where tanh(c) is computed
again. There the δ overwrite the gates, step by step.

Source: Jian Li, "Deep Learning: RNN" (IIS Tsinghua), slides "peephole connections" and
"back-propagation through time".
"""

import tensorflow as tf
from keras import ops

from rnn_kit.layers.fused import sequence


def peephole_lstm(cell, x, initial_state, mask, in_place):
    """Runs `PeepholeLSTMCell`. Returns all hidden states `(T, B, units)`, and the last [h, c]."""
    kernel, recurrent_kernel, peepholes = (
        ops.cast(weight, cell.compute_dtype)
        for weight in (cell.kernel, cell.recurrent_kernel, cell.peephole_kernel)
    )
    bias = cell.bias if cell.use_bias else tf.zeros([4 * cell.units])
    h, h_T, c_T = loop_over_time(
        x,
        *initial_state,
        kernels=tf.split(kernel, 4, axis=1),
        recurrent_kernels=tf.split(recurrent_kernel, 4, axis=1),
        biases=tf.split(ops.cast(bias, cell.compute_dtype), 4),
        peepholes=tf.unstack(peepholes),
        mask=mask,
        in_place=in_place,
    )
    return h, [h_T, c_T]


def loop_over_time(x, h_0, c_0, kernels, recurrent_kernels, biases, peepholes, mask, in_place):
    """Runs the loop over time, with its own gradient.

    Args:
        x: `(T, B, F)`.
        h_0, c_0: `(B, units)`.
        kernels: list W_xi, W_xf, W_xc, W_xo, `(F, units)` each.
        recurrent_kernels: list W_hi, W_hf, W_hc, W_ho, `(units, units)` each.
        biases: list b_i, b_f, b_c, b_o, `(units,)` each.
        peepholes: list w_ci, w_cf, w_co, `(units,)` each.
        mask: Boolean `(T, B, 1)`; a step that is False leaves h and c unchanged. Or `None`.
        in_place: as in `sequence.Residuals.save`.

    Returns:
        h `(T, B, units)`, and h(T) and c(T), `(B, units)` each.
    """

    @tf.custom_gradient
    def loop(x, h_0, c_0, *weights):
        W_x, W_h, b, (w_ci, w_cf, w_co) = weights[:4], weights[4:8], weights[8:12], weights[12:]
        W_hi, W_hf, W_hc, W_ho = W_h
        x_i, x_f, x_c, x_o = sequence.input_products(x, W_x, b)
        residuals = sequence.Residuals(like=x_i)

        def step(t, h_tm1, c_tm1, arrays):
            i = tf.sigmoid(tf.add_n([x_i[t], h_tm1 @ W_hi, c_tm1 * w_ci]))
            f = tf.sigmoid(tf.add_n([x_f[t], h_tm1 @ W_hf, c_tm1 * w_cf]))
            g = tf.tanh(x_c[t] + h_tm1 @ W_hc)
            c = f * c_tm1 + i * g
            o = tf.sigmoid(tf.add_n([x_o[t], h_tm1 @ W_ho, c * w_co]))
            h = o * tf.tanh(c)
            if mask is not None:
                h, c = tf.where(mask[t], h, h_tm1), tf.where(mask[t], c, c_tm1)
            *gates, cs, hs = arrays
            gates = sequence.write(t, gates, (i, f, g, o))
            return h, c, [*gates, cs.write(t + 1, c), hs.write(t + 1, h)]

        # Entry 0 of hs and cs is h(0) and c(0): hs[:-1] are the states before each step.
        empty = [*residuals.arrays(4), residuals.array(c_0), residuals.array(h_0)]
        h_T, c_T, (*filled, hs) = sequence.scan(residuals.steps, step, h_0, c_0, empty)
        hs = hs.stack()
        saved = residuals.save(filled, in_place)

        def gradient(dy, dh_T, dc_T):
            W_hi_T, W_hf_T, W_hc_T, W_ho_T = (tf.transpose(W) for W in W_h)
            *gates, cs = residuals.restore(saved)

            def step_back(t, dh, dc, gates):
                i, f, g, o = sequence.read(t, gates)
                tanh_c = tf.tanh(cs.read(t + 1))
                dh = dh + dy[t]
                if mask is not None:  # a masked step passes its gradients to the step before it
                    zeros = tf.zeros_like(dh)
                    dh_masked, dh = tf.where(mask[t], zeros, dh), tf.where(mask[t], dh, zeros)
                    dc_masked, dc = tf.where(mask[t], zeros, dc), tf.where(mask[t], dc, zeros)
                δo = through_sigmoid(o, dh * tanh_c)
                dc = tf.add_n([dc, through_tanh(tanh_c, dh * o), δo * w_co])
                δi = through_sigmoid(i, dc * g)
                δf = through_sigmoid(f, dc * cs.read(t))
                δg = through_tanh(g, dc * i)
                dh = tf.add_n([δi @ W_hi_T, δf @ W_hf_T, δg @ W_hc_T, δo @ W_ho_T])
                dc = tf.add_n([dc * f, δi * w_ci, δf * w_cf])
                if mask is not None:
                    dh, dc = dh + dh_masked, dc + dc_masked
                return dh, dc, sequence.write(t, gates, (δi, δf, δg, δo))

            dh_0, dc_0, deltas = sequence.scan_backwards(residuals.steps, step_back, dh_T, dc_T, gates)
            δi, δf, _, δo = deltas = [δ.stack() for δ in deltas]
            c = cs.stack()
            return sequence.first_order_only(
                sequence.input_gradient(deltas, W_x, x),
                *(dh_0, dc_0),
                *(sequence.kernel_gradient(x, δ) for δ in deltas),
                *(sequence.kernel_gradient(hs[:-1], δ) for δ in deltas),
                *(sequence.sum_over_steps(δ) for δ in deltas),
                *(sequence.sum_over_steps(δ * c) for δ, c in ((δi, c[:-1]), (δf, c[:-1]), (δo, c[1:]))),
            )

        return (hs[1:], h_T, c_T), gradient

    return loop(x, h_0, c_0, *kernels, *recurrent_kernels, *biases, *peepholes)


def through_sigmoid(y, dy):
    """Computes dy ∘ σ'(z) from y = σ(z)."""
    return tf.raw_ops.SigmoidGrad(y=y, dy=dy)


def through_tanh(y, dy):
    """Computes dy ∘ tanh'(z) from y = tanh(z)."""
    return tf.raw_ops.TanhGrad(y=y, dy=dy)
