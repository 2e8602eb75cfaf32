"""Forward pass and back-propagation through time as the slides write them, in NumPy alone.

Vectors are columns and matrices stand to their left, as on the slides: W_hx is `(units, V)`. Every
network reads x_1 ... x_T, puts out scores y_t for the next character, and has the loss

    L = -1/T Σ_t log p_t[target_t],    p_t = softmax(y_t)

so that its error at the outputs is dL/dy_t = (p_t - onehot(target_t)) / T. Each function returns L, the
scores `(T, V)`, and dL/d(·) for every parameter and initial state, under the same names.
"""

import numpy as np


def plain(p, x, targets):
    """Computes the plain recurrent network.

        h_t = tanh(W_hh h_(t-1) + W_hx x_t + b)
        y_t = W_hy h_t                     Tollef Jahren, "RNN: Predicting the next character"

    and backward, with δ_t = dL/d(the argument of tanh at t), from the last step to the first:

        dL/dh_t = W_hy^T dL/dy_t + W_hh^T δ_(t+1)
        δ_t     = (1 - h_t²) ∘ dL/dh_t

    Args:
        p: W_hh `(n, n)`, W_hx `(n, V)`, b `(n,)`, W_hy `(V, n)`, h_0 `(n,)`.
        x: `(T, V)`, one-hot.
        targets: `(T,)` ids.
    """
    h = states(p["W_hh"], p["W_hx"], p["b"], x, p["h_0"])
    y = h[1:] @ p["W_hy"].T
    loss, dy = _cross_entropy(y, targets)
    d_out = dy @ p["W_hy"]
    gradients = through_time(p["W_hh"], h, x, d_out)
    return loss, y, {**gradients, "W_hy": dy.T @ h[1:]}


def bidirectional(p, x, targets):
    """Computes one layer that reads forward, one that reads backward, and outputs that see both.

        →h_t = tanh(→W_hh →h_(t-1) + →W_hx x_t + →b)    t = 1 ... T
        ←h_t = tanh(←W_hh ←h_(t+1) + ←W_hx x_t + ←b)    t = T ... 1
        y_t  = U [→h_t; ←h_t] + c                       Jian Li, "Deep Bi-directional RNN"

    The two layers meet only in the outputs, so the backward pass is the plain network's, once in each
    direction (algorithms 3.1 and 3.2 of Graves, on the same slides).

    Args:
        p: The plain network's parameters with a → or ← before their names, U `(V, 2n)`, c `(V,)`. The
            state ←h_0 is the one to the right of the last step.
    """
    directions = {"→": x, "←": x[::-1]}  # reading backward is reading the reversed sequence
    h = {
        d: states(p[f"{d}W_hh"], p[f"{d}W_hx"], p[f"{d}b"], its_x, p[f"{d}h_0"])
        for d, its_x in directions.items()
    }
    both = np.concatenate([h["→"][1:], h["←"][1:][::-1]], axis=1)
    y = both @ p["U"].T + p["c"]
    loss, dy = _cross_entropy(y, targets)
    gradients = {"U": dy.T @ both, "c": dy.sum(axis=0)}
    d_both = np.split(dy @ p["U"], 2, axis=1)
    for (d, its_x), d_out in zip(directions.items(), (d_both[0], d_both[1][::-1]), strict=True):
        backward = through_time(p[f"{d}W_hh"], h[d], its_x, d_out)
        gradients |= {f"{d}{name}": gradient for name, gradient in backward.items()}
    return loss, y, gradients


def lstm(p, x, targets):
    """Computes the LSTM with peepholes; with w_ci = w_cf = w_co = 0 it is the LSTM without.

        i_t = σ(W_xi x_t + W_hi h_(t-1) + w_ci ∘ c_(t-1) + b_i)
        f_t = σ(W_xf x_t + W_hf h_(t-1) + w_cf ∘ c_(t-1) + b_f)
        g_t = tanh(W_xc x_t + W_hc h_(t-1) + b_c)
        c_t = f_t ∘ c_(t-1) + i_t ∘ g_t
        o_t = σ(W_xo x_t + W_ho h_(t-1) + w_co ∘ c_t + b_o)
        h_t = o_t ∘ tanh(c_t),   y_t = W_hy h_t          Jian Li, "peephole connections"

    and backward. The cell's gradient comes from its output, the peepholes, and the next step:

        dL/dh_t = W_hy^T dL/dy_t + Σ_gates W_h·^T δ·_(t+1)
        δo_t    = dL/dh_t ∘ tanh(c_t) ∘ o_t (1 - o_t)
        dL/dc_t = dL/dh_t ∘ o_t (1 - tanh² c_t) + w_co ∘ δo_t
                  + f_(t+1) ∘ dL/dc_(t+1) + w_ci ∘ δi_(t+1) + w_cf ∘ δf_(t+1)
        δi_t    = dL/dc_t ∘ g_t ∘ i_t (1 - i_t)
        δf_t    = dL/dc_t ∘ c_(t-1) ∘ f_t (1 - f_t)
        δg_t    = dL/dc_t ∘ i_t ∘ (1 - g_t²)

    Args:
        p: W_x `(4n, V)`, W_h `(4n, n)`, b `(4n,)`, with the blocks i, f, c, o one below the other; w_c
            `(3, n)`, rows w_ci, w_cf, w_co; W_hy `(V, n)`; h_0 and c_0 `(n,)`.
    """
    h, c, steps = [p["h_0"]], [p["c_0"]], []
    w_ci, w_cf, w_co = p["w_c"]
    for x_t in x:
        a_i, a_f, a_g, a_o = np.split(p["W_x"] @ x_t + p["W_h"] @ h[-1] + p["b"], 4)
        i, f, g = _sigma(a_i + w_ci * c[-1]), _sigma(a_f + w_cf * c[-1]), np.tanh(a_g)
        c.append(f * c[-1] + i * g)
        o = _sigma(a_o + w_co * c[-1])
        h.append(o * np.tanh(c[-1]))
        steps.append((i, f, g, o))
    h, c = np.array(h), np.array(c)
    y = h[1:] @ p["W_hy"].T
    loss, dy = _cross_entropy(y, targets)

    gradients = {name: np.zeros_like(p[name]) for name in ("W_x", "W_h", "b", "w_c")}
    dh_next, dc_next = np.zeros_like(p["h_0"]), np.zeros_like(p["c_0"])
    for t in reversed(range(len(x))):
        i, f, g, o = steps[t]
        tanh_c = np.tanh(c[t + 1])
        dh = p["W_hy"].T @ dy[t] + dh_next
        d_o = dh * tanh_c * o * (1 - o)
        dc = dh * o * (1 - tanh_c**2) + w_co * d_o + dc_next
        d_i, d_f, d_g = dc * g * i * (1 - i), dc * c[t] * f * (1 - f), dc * i * (1 - g**2)
        delta = np.concatenate([d_i, d_f, d_g, d_o])
        gradients["W_x"] += np.outer(delta, x[t])
        gradients["W_h"] += np.outer(delta, h[t])
        gradients["b"] += delta
        gradients["w_c"] += [d_i * c[t], d_f * c[t], d_o * c[t + 1]]
        dh_next = p["W_h"].T @ delta
        dc_next = f * dc + w_ci * d_i + w_cf * d_f
    return loss, y, {**gradients, "W_hy": dy.T @ h[1:], "h_0": dh_next, "c_0": dc_next}


def states(W_hh, W_hx, b, x, h_0):
    """Returns h_0 and the states after every step: `(T + 1, n)`."""
    h = [h_0]
    for x_t in x:
        h.append(np.tanh(W_hh @ h[-1] + W_hx @ x_t + b))
    return np.array(h)


def through_time(W_hh, h, x, d_out):
    """Back-propagation through time, given dL/dh_t `(T, n)` from the outputs at t alone."""
    deltas = np.zeros_like(d_out)
    dh_next = np.zeros(h.shape[1])
    for t in reversed(range(len(x))):
        deltas[t] = (1 - h[t + 1] ** 2) * (d_out[t] + dh_next)
        dh_next = W_hh.T @ deltas[t]
    # The same weights are used at every step, so their gradients are sums over the steps.
    return {"W_hh": deltas.T @ h[:-1], "W_hx": deltas.T @ x, "b": deltas.sum(axis=0), "h_0": dh_next}


def _cross_entropy(y, targets):
    """Returns L and dL/dy_t `(T, V)`."""
    e = np.exp(y - y.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    steps = np.arange(len(targets))
    loss = -np.log(p[steps, targets]).mean()
    p[steps, targets] -= 1
    return loss, p / len(targets)


def _sigma(a):
    return 1 / (1 + np.exp(-a))
