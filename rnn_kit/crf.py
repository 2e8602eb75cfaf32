"""Linear-chain conditional random fields: likelihood, most probable path and marginals from potentials.

A chain of T steps with L labels has potentials ψ `(B, T, L, L)`, as output by `rnn_kit.layers.CRF`:

    φ(y) = Σ_t ψ_t[y_(t-1), y_t]                 the score of a path y_1 ... y_T
    Z = Σ_y e^φ(y)                               over all L^T paths
    p(y) = e^φ(y) / Z

No label precedes the first step: all rows of ψ_1 are equal. A padding step keeps its label: its ψ is 0
on the diagonal and `EXCLUDED` elsewhere.

Source: Lafferty, McCallum, Pereira 2001, "Conditional Random Fields: Probabilistic Models for
Segmenting and Labeling Sequence Data" (ICML), section 3; Rabiner 1989, "A Tutorial on Hidden Markov
Models" (Proceedings of the IEEE 77), section III, for the forward, backward and Viterbi recursions.
"""

import math

from keras import ops

from rnn_kit import _internals as internals

FORBIDDEN = -1e5  # the potential of a pair of labels that must not follow each other
EXCLUDED = -1e9  # the potential of a change of label at a padding step


def log_partition(potentials):
    """Returns log Z of each chain, `(B,)`, by the forward recursion.

        α_t[j] = log Σ_i exp(α_(t-1)[i] + ψ_t[i, j])        log Z = log Σ_j exp(α_T[j])

    Args:
        potentials: `(B, T, L, L)`.
    """
    return ops.logsumexp(_forward(potentials, return_sequence=False), axis=-1)


def path_score(potentials, labels):
    """Returns φ(y) of a path of each chain, `(B,)`.

    Args:
        potentials: `(B, T, L, L)`.
        labels: y, `(B, T)` integers from 0 to L - 1, ignored at padding steps. A chain with another
            label at a step that is no padding has the score NaN.
    """
    counts = steps_that_count(potentials)
    size = potentials.shape[-1]
    time = ops.shape(labels)[1]
    labels = ops.where(counts, ops.cast(labels, "int32"), 0)
    outside = ops.any((labels < 0) | (labels >= size), axis=1)
    if size == 1:  # whose potentials do not tell padding: no label is wrong
        outside = ops.zeros_like(outside)
    labels = ops.clip(labels, 0, size - 1)
    # The label before is that of the latest unpadded step before, if there is one.
    before = ops.take_along_axis(labels, ops.maximum(step_before(counts), 0), axis=1)
    flat = ops.reshape(potentials, (-1, time, size * size))
    of_pair = ops.take_along_axis(flat, (before * size + labels)[..., None], axis=-1)[..., 0]
    score = ops.sum(ops.where(counts, of_pair, ops.zeros_like(of_pair)), axis=1)
    return ops.where(outside, ops.full_like(score, float("nan")), score)


def log_likelihood(potentials, labels):
    """Returns log p(y) = φ(y) - log Z of a path of each chain, `(B,)`; see `path_score`."""
    return path_score(potentials, labels) - log_partition(potentials)


def viterbi(potentials):
    """Returns the most probable path of each chain, and its log-probability.

        δ_t[j] = max_i δ_(t-1)[i] + ψ_t[i, j]

    Args:
        potentials: `(B, T, L, L)`.

    Returns:
        Labels `(B, T)`, int32, repeated at padding steps; and log p `(B,)`.
    """
    potentials = ops.convert_to_tensor(potentials)

    def forward(psi, states):
        through = states[0][:, :, None] + psi
        best = ops.max(through, axis=1)
        return ops.cast(ops.argmax(through, axis=1), "int32"), [best]

    first = ops.zeros_like(potentials[:, 0, 0])
    _, pointers, (best,) = internals.rnn_loop(forward, potentials, [first])
    last = ops.cast(ops.argmax(best, axis=-1), "int32")[:, None]

    def backward(pointer, states):
        (label,) = states
        return label, [ops.take_along_axis(pointer, label, axis=1)]

    _, path, _ = internals.rnn_loop(backward, pointers, [last], go_backwards=True)
    return ops.flip(path[..., 0], axis=1), ops.max(best, axis=-1) - log_partition(potentials)


def log_marginals(potentials):
    """Returns log p(y_t = j) of each step, `(B, T, L)`, by the forward and the backward recursion.

        β_(t-1)[i] = log Σ_j exp(ψ_t[i, j] + β_t[j])        log p(y_t = j) = α_t[j] + β_t[j] - log Z

    Args:
        potentials: `(B, T, L, L)`.
    """
    potentials = ops.convert_to_tensor(potentials)
    alpha = _forward(potentials, return_sequence=True)

    def step(psi, states):
        before = ops.logsumexp(psi + states[0][:, None], axis=2)
        return states[0], [before]

    last = ops.zeros_like(potentials[:, 0, 0])
    _, beta, _ = internals.rnn_loop(step, potentials, [last], go_backwards=True)
    joint = alpha + ops.flip(beta, axis=1)
    return joint - ops.logsumexp(joint, axis=-1, keepdims=True)


def steps_that_count(potentials):
    """Returns which steps are not padding, boolean `(B, T)`, by their potentials."""
    if potentials.shape[-1] == 1:  # which has no other label to change to: all steps
        return ops.ones_like(potentials[..., 0, 0], dtype="bool")
    # Labels may be forbidden in either direction, but an unpadded step is never `EXCLUDED`.
    return ops.greater(potentials[..., 0, 1], EXCLUDED / 2)


def _forward(potentials, return_sequence):
    """Returns α of each step, `(B, T, L)`, or of the last, `(B, L)`."""
    potentials = ops.convert_to_tensor(potentials)

    def step(psi, states):
        alpha = ops.logsumexp(states[0][:, :, None] + psi, axis=1)
        return alpha, [alpha]

    # As if each label preceded the first step with equal probability 1 / L.
    first = ops.zeros_like(potentials[:, 0, 0]) - math.log(potentials.shape[-1])
    last, outputs, _ = internals.rnn_loop(step, potentials, [first], return_all_outputs=return_sequence)
    return outputs if return_sequence else last


def latest_step(flags):
    """Returns the index of the latest flagged step up to each step, -1 before any: `(B, T)`."""
    time = ops.shape(flags)[1]
    steps = ops.arange(time, dtype="int32")[None]
    flagged = ops.sort(ops.where(flags, steps, steps + time), axis=1)  # flagged ones come first
    so_far = ops.cumsum(ops.cast(flags, "int32"), axis=1)
    latest = ops.take_along_axis(flagged, ops.maximum(so_far - 1, 0), axis=1)
    return ops.where(so_far > 0, latest, -1)


def step_before(flags):
    """Returns the index of the latest flagged step before each, -1 if there is none: `(B, T)`."""
    return ops.pad(latest_step(flags)[:, :-1], ((0, 0), (1, 0)), constant_values=-1)
