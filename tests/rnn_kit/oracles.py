"""The lectures' equations in NumPy float64, one step at a time: what the layers are held to.

Written from the slides, not from the layers: each weight has its name from the slide, and is cut from
the layer's fused weights by the order that the docstrings promise.
"""

import numpy as np

ACTIVATIONS = {
    "tanh": np.tanh,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "relu": lambda a: np.maximum(a, 0),
    "hard_sigmoid": lambda a: np.clip(a / 6 + 0.5, 0, 1),
    "softsign": lambda a: a / (1 + np.abs(a)),
    None: lambda a: a,
}


def lstm_step(
    x, states, weights, activation="tanh", recurrent_activation="sigmoid", output_activation="tanh"
):
    """Jian Li, "peephole connections": i, f, c, o, h from x(t), h(t-1), c(t-1)."""
    g, sigma, h_act = (
        ACTIVATIONS[name] for name in (activation, recurrent_activation, output_activation)
    )
    h_tm1, c_tm1 = states
    kernel, recurrent_kernel, peepholes, *bias = weights
    W_xi, W_xf, W_xc, W_xo = np.split(kernel, 4, axis=1)
    W_hi, W_hf, W_hc, W_ho = np.split(recurrent_kernel, 4, axis=1)
    W_ci, W_cf, W_co = (np.diag(row) for row in peepholes)
    b_i, b_f, b_c, b_o = np.split(bias[0], 4) if bias else (0, 0, 0, 0)

    i = sigma(x @ W_xi + h_tm1 @ W_hi + c_tm1 @ W_ci + b_i)
    f = sigma(x @ W_xf + h_tm1 @ W_hf + c_tm1 @ W_cf + b_f)
    c = f * c_tm1 + i * g(x @ W_xc + h_tm1 @ W_hc + b_c)
    o = sigma(x @ W_xo + h_tm1 @ W_ho + c @ W_co + b_o)
    h = o * h_act(c)
    return h, [h, c]


def gru_step(
    x,
    states,
    weights,
    activation="tanh",
    recurrent_activation="sigmoid",
    reset_gate="after",
    update_gate="keep",
):
    """The three candidates and the two updates of the slides, from x(t) and h(t-1)."""
    g, sigma = ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation]
    (h_tm1,) = states
    kernel, recurrent_kernel, *bias = weights
    gates = 2 if reset_gate is None else 3
    W_z, *W_r, W_h = np.split(kernel, gates, axis=1)
    U_z, *U_r, U_h = np.split(recurrent_kernel, gates, axis=1)
    b_z, *b_r, b_h = d_z, *d_r, d_h = [0] * gates
    if bias and reset_gate == "after":
        b_z, *b_r, b_h = np.split(bias[0][0], gates)
        d_z, *d_r, d_h = np.split(bias[0][1], gates)
    elif bias:
        b_z, *b_r, b_h = np.split(bias[0], gates)

    z = sigma(x @ W_z + b_z + h_tm1 @ U_z + d_z)
    if reset_gate is not None:
        r = sigma(x @ W_r[0] + b_r[0] + h_tm1 @ U_r[0] + d_r[0])
    if reset_gate == "after":
        candidate = g(x @ W_h + b_h + r * (h_tm1 @ U_h + d_h))
    elif reset_gate == "before":
        candidate = g(x @ W_h + b_h + (r * h_tm1) @ U_h)
    else:
        candidate = g(x @ W_h + b_h + h_tm1 @ U_h)
    h = z * h_tm1 + (1 - z) * candidate if update_gate == "keep" else None
    if update_gate == "write":
        h = z * candidate + (1 - z) * h_tm1
    return h, [h]


def run(step, x, states, mask=None, go_backwards=False, zero_output_for_mask=False, before="zeros"):
    """Steps through `(B, T, F)`: all outputs `(B, T, units)` in the order of steps, and the states.

    Where the mask is False the states stay, and the output is the one before. Before the first step
    there is none: Keras takes zeros for it, and in its JAX loop h(0) (`before="state"`).
    """
    x = np.swapaxes(x, 0, 1)
    mask = np.ones(x.shape[:2], bool) if mask is None else np.swapaxes(mask, 0, 1)
    if go_backwards:
        x, mask = x[::-1], mask[::-1]
    output = states[0] if before == "state" else np.zeros_like(states[0])
    outputs = []
    for x_t, mask_t in zip(x, mask, strict=True):
        new_output, new_states = step(x_t, states)
        seen = mask_t[:, None]
        kept = np.zeros_like(new_output) if zero_output_for_mask else output
        output = np.where(seen, new_output, kept)
        states = [np.where(seen, new, old) for new, old in zip(new_states, states, strict=True)]
        outputs.append(output)
    return np.stack(outputs, axis=1), states


def central_differences(loss, arrays, epsilon=1e-6):
    """d loss / d each array, entry by entry: (loss(a + ε) - loss(a - ε)) / 2ε."""
    gradients = []
    for index, array in enumerate(arrays):
        gradient = np.zeros_like(array)
        for entry in np.ndindex(array.shape):
            values = []
            for sign in (1, -1):
                moved = [a.copy() for a in arrays]
                moved[index][entry] += sign * epsilon
                values.append(loss(*moved))
            gradient[entry] = (values[0] - values[1]) / (2 * epsilon)
        gradients.append(gradient)
    return gradients
