"""The gated recurrent unit over a sequence, and its back-propagation through time.

The form "reset after the product" with "z keeps", Keras's own. Forward, for t = 1, …, T:

    z = σ(x W_z + b_z + h' U_z + d_z)
    r = σ(x W_r + b_r + h' U_r + d_r)
    q = h' U_h + d_h
    h̃ = tanh(x W_h + b_h + r ∘ q)
    h = z ∘ h' + (1 - z) ∘ h̃

Backward, for t = T, …, 1. δ is the derivative of the loss by what a gate's σ or tanh is applied to; dh
comes from the step after, and dy is what the loss says of this step's output:

    dh = dh + dy
    δz = dh ∘ (h' - h̃) ∘ σ'(z)                         σ'(z) = z ∘ (1 - z)
    δh = dh ∘ (1 - z) ∘ tanh'(h̃)                       tanh'(h̃) = 1 - h̃²
    δr = δh ∘ q ∘ σ'(r)
    dq = δh ∘ r
    dh' = dh ∘ z + δz U_z^T + δr U_r^T + dq U_h^T

and for the weights, over all steps at once:

    dU_z = Σ h'^T δz     dU_r = Σ h'^T δr     dU_h = Σ h'^T dq     dd_h = Σ dq

Source: Jian Li, "Deep Learning: RNN" (IIS Tsinghua), for the unit, with Keras's biases on both sides.
"""

import tensorflow as tf
from keras import ops

from rnn_kit.layers.fused import sequence
from rnn_kit.layers.fused.lstm import through_sigmoid, through_tanh


def gru(cell, x, initial_state, mask, training):
    """All states of `GRUCell` (reset_gate="after", update_gate="keep"), and the list of the last."""
    kernel, recurrent_kernel = (
        ops.cast(weight, cell.compute_dtype) for weight in (cell.kernel, cell.recurrent_kernel)
    )
    if cell.use_bias:
        b, d = tf.unstack(ops.cast(cell.bias, cell.compute_dtype))
        (b_z, b_r, b_h), (d_z, d_r, d_h) = tf.split(b, 3), tf.split(d, 3)
        biases = [b_z + d_z, b_r + d_r, b_h]
    else:
        biases, d_h = None, tf.zeros([cell.units], cell.compute_dtype)
    h, h_T = recurrence(
        sequence.input_products(x, tf.split(kernel, 3, axis=1), biases),
        initial_state[0],
        tf.split(recurrent_kernel, 3, axis=1),
        d_h,
        mask,
        training,
    )
    return h, [h_T]


def recurrence(x, h_0, recurrent_kernels, d_h, mask, training):
    """The loop over time, with its gradient.

    Args:
        x: list of the input products with their biases, in the order z, r, candidate: `(T, B, units)`
            each.
        h_0: `(B, units)`.
        recurrent_kernels: list U_z, U_r, U_h, `(units, units)` each.
        d_h: `(units,)`.
        mask: Boolean `(T, B, 1)`; a step that is False leaves h as it is. Or `None`.
        training: as in `sequence.kept`.

    Returns:
        h `(T, B, units)`, and h(T) `(B, units)`.
    """

    @tf.custom_gradient
    def loop(x_z, x_r, x_h, h_0, U_z, U_r, U_h, d_h):
        tape = sequence.Tape(like=x_z)

        def step(t, h_tm1, arrays):
            z = tf.sigmoid(x_z[t] + h_tm1 @ U_z)
            r = tf.sigmoid(x_r[t] + h_tm1 @ U_r)
            q = h_tm1 @ U_h + d_h
            candidate = tf.tanh(x_h[t] + r * q)
            h = candidate + z * (h_tm1 - candidate)
            if mask is not None:
                h = tf.where(mask[t], h, h_tm1)
            *gates, hs = arrays
            gates = sequence.write(t, gates, (z, r, q, candidate))
            return h, [*gates, hs.write(t + 1, h)]

        h_T, (*gates, hs) = sequence.forwards(tape.steps, step, h_0, [*tape.arrays(4), tape.array(h_0)])
        h = hs.stack()  # entry 0 is h(0), so that h[:-1] are the states before each step
        gates = sequence.kept(gates, training)

        def gradient(dy, dh_T):
            U_z_T, U_r_T, U_h_T = (tf.transpose(U) for U in (U_z, U_r, U_h))

            def step_back(t, dh, deltas):
                z, r, q, candidate = sequence.read(t, gates)
                dh = dh + dy[t]
                if mask is not None:  # what a masked step hands on to the step before it
                    zeros = tf.zeros_like(dh)
                    dh_kept, dh = tf.where(mask[t], zeros, dh), tf.where(mask[t], dh, zeros)
                through_z = dh * z
                δz = through_sigmoid(z, dh * (h[t] - candidate))
                δh = through_tanh(candidate, dh - through_z)
                δr = through_sigmoid(r, δh * q)
                dq = δh * r
                dh = tf.add_n([through_z, δz @ U_z_T, δr @ U_r_T, dq @ U_h_T])
                if mask is not None:
                    dh = dh + dh_kept
                return dh, sequence.write(t, deltas, (δz, δr, δh, dq))

            dh_0, deltas = sequence.backwards(tape.steps, step_back, dh_T, tape.arrays(4))
            δz, δr, δh, dq = (delta.stack() for delta in deltas)
            h_before = sequence.rows(h[:-1])
            return sequence.first_order_only(
                *(δz, δr, δh),
                dh_0,
                *(tf.matmul(h_before, sequence.rows(δ), transpose_a=True) for δ in (δz, δr, dq)),
                sequence.sum_over_time_and_batch(dq),
            )

        return (h[1:], h_T), gradient

    return loop(*x, h_0, *recurrent_kernels, d_h)
