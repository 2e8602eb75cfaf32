"""The gated recurrent unit over a sequence, and its back-propagation through time.

The form "reset after the product" with "z keeps", Keras's own. Forward, for t = 1, …, T:

    z = σ(x W_z + b_z + h' U_z + d_z)
    r = σ(x W_r + b_r + h' U_r + d_r)
    q = h' U_h + d_h
    h̃ = tanh(x W_h + b_h + r ∘ q)
    h = z ∘ h' + (1 - z) ∘ h̃

Backward, for t = T, …, 1. δ is the derivative of the loss with respect to the argument of a gate's σ or
tanh; dh comes from the next step, and dy is the loss's gradient at this step's output:

    dh = dh + dy
    δz = dh ∘ (h' - h̃) ∘ σ'(z)                         σ'(z) = z ∘ (1 - z)
    δh = dh ∘ (1 - z) ∘ tanh'(h̃)                       tanh'(h̃) = 1 - h̃²
    δr = δh ∘ q ∘ σ'(r)
    dq = δh ∘ r
    dh' = dh ∘ z + δz U_z^T + δr U_r^T + dq U_h^T

and for the weights, over all steps at once:

    dW_· = Σ x^T δ·      dU_z = Σ h'^T δz     dU_r = Σ h'^T δr     dU_h = Σ h'^T dq
    db_· = Σ δ·          dd_z = db_z          dd_r = db_r          dd_h = Σ dq

and dx = δz W_z^T + δr W_r^T + δh W_h^T, also for all steps at once.

Memory. z, r, h̃, q and h of every step are saved for the backward pass. There the δ and dq overwrite
z, r, h̃ and q, step by step.

Source: Jian Li, "Deep Learning: RNN" (IIS Tsinghua), for the unit, with Keras's biases on both sides.
"""

import tensorflow as tf
from keras import ops

from rnn_kit.layers.fused import sequence
from rnn_kit.layers.fused.lstm import through_sigmoid, through_tanh


def gru(cell, x, initial_state, mask, in_place):
    """Runs `GRUCell` ("after", "keep"). Returns all states `(T, B, units)`, and a list of the last."""
    kernel, recurrent_kernel = (
        ops.cast(weight, cell.compute_dtype) for weight in (cell.kernel, cell.recurrent_kernel)
    )
    bias = cell.bias if cell.use_bias else tf.zeros([2, 3 * cell.units])
    b, d = tf.unstack(ops.cast(bias, cell.compute_dtype))
    (b_z, b_r, b_h), (d_z, d_r, d_h) = tf.split(b, 3), tf.split(d, 3)
    h, h_T = loop_over_time(
        x,
        *initial_state,
        kernels=tf.split(kernel, 3, axis=1),
        recurrent_kernels=tf.split(recurrent_kernel, 3, axis=1),
        biases=[b_z + d_z, b_r + d_r, b_h, d_h],
        mask=mask,
        in_place=in_place,
    )
    return h, [h_T]


def loop_over_time(x, h_0, kernels, recurrent_kernels, biases, mask, in_place):
    """Runs the loop over time, with its own gradient.

    Args:
        x: `(T, B, F)`.
        h_0: `(B, units)`.
        kernels: list W_z, W_r, W_h, `(F, units)` each.
        recurrent_kernels: list U_z, U_r, U_h, `(units, units)` each.
        biases: list b_z + d_z, b_r + d_r, b_h, d_h, `(units,)` each.
        mask: Boolean `(T, B, 1)`; a step that is False leaves h unchanged. Or `None`.
        in_place: as in `sequence.Residuals.save`.

    Returns:
        h `(T, B, units)`, and h(T) `(B, units)`.
    """

    @tf.custom_gradient
    def loop(x, h_0, *weights):
        W, (U_z, U_r, U_h), b, d_h = weights[:3], weights[3:6], weights[6:9], weights[9]
        x_z, x_r, x_h = sequence.input_products(x, W, b)
        residuals = sequence.Residuals(like=x_z)

        def step(t, h_tm1, arrays):
            z = tf.sigmoid(x_z[t] + h_tm1 @ U_z)
            r = tf.sigmoid(x_r[t] + h_tm1 @ U_r)
            q = h_tm1 @ U_h + d_h
            candidate = tf.tanh(x_h[t] + r * q)
            h = candidate + z * (h_tm1 - candidate)
            if mask is not None:
                h = tf.where(mask[t], h, h_tm1)
            *gates, hs = arrays
            gates = sequence.write(t, gates, (z, r, candidate, q))
            return h, [*gates, hs.write(t + 1, h)]

        # Entry 0 of hs is h(0): hs[:-1] are the states before each step.
        empty = [*residuals.arrays(4), residuals.array(h_0)]
        h_T, (*filled, hs) = sequence.scan(residuals.steps, step, h_0, empty)
        hs = hs.stack()
        saved = residuals.save(filled, in_place)

        def gradient(dy, dh_T):
            U_z_T, U_r_T, U_h_T = (tf.transpose(U) for U in (U_z, U_r, U_h))

            def step_back(t, dh, gates):
                z, r, candidate, q = sequence.read(t, gates)
                dh = dh + dy[t]
                if mask is not None:  # a masked step passes its gradient to the step before it
                    zeros = tf.zeros_like(dh)
                    dh_masked, dh = tf.where(mask[t], zeros, dh), tf.where(mask[t], dh, zeros)
                through_z = dh * z
                δz = through_sigmoid(z, dh * (hs[t] - candidate))
                δh = through_tanh(candidate, dh - through_z)
                δr = through_sigmoid(r, δh * q)
                dq = δh * r
                dh = tf.add_n([through_z, δz @ U_z_T, δr @ U_r_T, dq @ U_h_T])
                if mask is not None:
                    dh = dh + dh_masked
                return dh, sequence.write(t, gates, (δz, δr, δh, dq))

            gates = residuals.restore(saved)
            dh_0, deltas = sequence.scan_backwards(residuals.steps, step_back, dh_T, gates)
            δz, δr, δh, dq = (δ.stack() for δ in deltas)
            return sequence.first_order_only(
                sequence.input_gradient((δz, δr, δh), W, x),
                dh_0,
                *(sequence.kernel_gradient(x, δ) for δ in (δz, δr, δh)),
                *(sequence.kernel_gradient(hs[:-1], δ) for δ in (δz, δr, dq)),
                *(sequence.sum_over_steps(δ) for δ in (δz, δr, δh, dq)),
            )

        return (hs[1:], h_T), gradient

    return loop(x, h_0, *kernels, *recurrent_kernels, *biases)
