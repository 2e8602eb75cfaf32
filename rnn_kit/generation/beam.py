"""Beam search, which approximates the likeliest sequence."""

import math
import threading

import tensorflow as tf

from rnn_kit.checks import at_least
from rnn_kit.generation.cache import LRUCache, owner_and_key
from rnn_kit.generation.graphs import trace
from rnn_kit.generation.ids import as_ids, stop_ids
from rnn_kit.guards import Guard

_SEARCHES = LRUCache()
_COMPILING = threading.RLock()
_ROUNDING = 1e-3  # the most that a log-probability may exceed 0


def beam_search(step, state, start_ids, end_id, width=3, max_length=20, length_penalty=0.7):
    """Finds the `width` best continuations of each row, by log-probability and length.

        score(w) = log p(w) / |w|^length_penalty

    where |w| counts the ids after the start, `end_id` included. At each step every live hypothesis is
    extended by every id, and the `width` likeliest live ones stay; those that end join the `width` best
    finished ones. The search ends when no live hypothesis can beat them, or after `max_length` ids,
    where hypotheses that have not ended are ranked by the same score among the finished.

    Args:
        step: `step(ids (N,), state) -> log-probabilities (N, V), state`, of TensorFlow operations, with
            N = B * width. `Generator.step_log_probabilities` is one. It is compiled at its first
            search, and kept for the next ones while it is among the last 8: pass the same function
            again, not a new lambda. It is recompiled if something that it closes over, or that its
            object holds, has changed, such as a model's layers, but not its weights' values.
        state: Nested tensors with B rows each: the state before `start_ids`. Each row is repeated
            `width` times, once for each of its hypotheses.
        start_ids: `(B,)` ids to start from, integers of any type. They are not part of the result.
        end_id: The id that ends a sequence. `None`: every sequence has `max_length` ids.
        width: The number of hypotheses that are kept in each row, at least 1. A width of 1 continues
            with the likeliest id that does not end, and keeps the best end found.
        max_length: The largest number of ids of a hypothesis, `end_id` included, at least 1.
        length_penalty: 0 compares log-probabilities, which favours short sequences; 1 compares their
            mean over ids. Finite, at least 0.

    Returns:
        ids: `(B, width, L)` int32 array, L at most `max_length`, best first. After `end_id` a row
            repeats it. If fewer than `width` sequences exist, the other rows hold only `end_id`, or 0
            if it is `None`.
        scores: `(B, width)` float32 array, -inf for rows without a sequence.

    Raises:
        ValueError: if `width`, `max_length` or `length_penalty` is out of its range, if `start_ids` are
            no integers, if `end_id` is not an id in [0, V), or if `step` returns numbers above 0, which
            are no log-probabilities.

    Example:

    >>> import tensorflow as tf
    >>> from rnn_kit.generation import beam_search
    >>> def step(ids, state):  # after id i comes i + 1, or 3, the end
    ...     p = tf.gather([[0, .6, 0, .4], [0, 0, .9, .1], [0, 0, 0, 1.], [0, 0, 0, 1.]], ids)
    ...     return tf.math.log(p), state
    >>> ids, scores = beam_search(step, [], [0], end_id=3, width=2, length_penalty=0.0)
    >>> ids.tolist()
    [[[1, 2, 3], [3, 3, 3]]]
    """
    width, max_length = at_least("width", width, 1), at_least("max_length", max_length, 1)
    if not (math.isfinite(length_penalty) and length_penalty >= 0):
        raise ValueError(
            "Argument `length_penalty` must be a finite number of at least 0. "
            f"Received: {length_penalty!r}"
        )
    state = tf.nest.map_structure(tf.convert_to_tensor, state)
    start_ids = as_ids(start_ids, "`start_ids`", 1, "(B,)")
    search, vocabulary_size = _compiled(step, width, state)
    end = _end(end_id, vocabulary_size)
    ids, scores, most = search(
        state,
        tf.constant(start_ids),
        tf.constant(end),
        tf.constant(max_length),
        tf.constant(length_penalty, tf.float32),
    )
    if most > _ROUNDING:
        raise ValueError(
            "`step` must give log-probabilities, of which none is above 0: `tf.nn.log_softmax` of "
            "logits, `tf.math.log` of probabilities (Generator.step_log_probabilities does either). "
            f"Received: up to {float(most):.4g}"
        )
    ids = ids.numpy()
    return (ids if end_id is not None else ids.clip(0)), scores.numpy()


def _end(end_id, vocabulary_size):
    end = [] if end_id is None else stop_ids(end_id, vocabulary_size, "end_id", several=False)
    return int(end[0]) if len(end) else -1  # not an id


def _compiled(step, width, state):
    """Returns the search of a `step`, compiled for any number of rows and any length, and V."""
    specs = tf.nest.map_structure(lambda s: tf.TensorSpec([None, *s.shape[1:]], s.dtype), state)
    owner, key = owner_and_key(step)
    key = key, width, str(specs)
    with _COMPILING:  # not `TRACING_LOCK`: `step` may wait for what another thread is tracing
        searches = _SEARCHES.of(owner)
        if key not in searches or not searches[key][-1].holds():
            searches[key] = *_compile(step, width, specs), Guard(step)
        return searches[key][:2]


def _compile(step, width, specs):
    def search(state, start_ids, end_id, max_length, length_penalty):
        return _search(step, width, state, start_ids, end_id, max_length, length_penalty, sizes)

    sizes = []  # the vocabulary's size, found in tracing
    scalar_int, scalar_float = tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.float32)
    ids = tf.TensorSpec([None], tf.int32)
    with tf.init_scope():
        graph = trace(search, specs, ids, scalar_int, scalar_int, scalar_float)
    return graph, sizes[-1]


def _search(step, width, state, start_ids, end_id, max_length, length_penalty, sizes):
    rows = tf.shape(start_ids)[0]
    max_penalty = tf.pow(tf.cast(max_length, tf.float32), length_penalty)
    minus_inf = -float("inf")

    def extend(time, live_ids, live_log_p, last_ids, state, done_ids, done_scores, most):
        log_p, state = step(last_ids, state)
        vocabulary_size = log_p.shape[-1]
        sizes.append(vocabulary_size)
        log_p = tf.reshape(tf.cast(log_p, tf.float32), [rows, width, vocabulary_size])
        most = tf.maximum(most, tf.reduce_max(log_p))
        total = tf.reshape(live_log_p[:, :, None] + log_p, [rows, width * vocabulary_size])

        # Each hypothesis ends in only one way, so 2 * width candidates include width that continue.
        candidates, flat = tf.math.top_k(total, min(2 * width, width * vocabulary_size))
        parent, token = flat // vocabulary_size, flat % vocabulary_size
        ids = tf.gather(live_ids, parent, batch_dims=1)
        here = tf.range(tf.shape(ids)[-1]) >= time  # the rest repeats the token, so end_id fills up
        ids = tf.where(here, token[:, :, None], ids)
        ends = token == end_id

        penalty = tf.pow(tf.cast(time + 1, tf.float32), length_penalty)
        scores = tf.concat([done_scores, tf.where(ends, candidates / penalty, minus_inf)], 1)
        done_scores, best = tf.math.top_k(scores, width)
        done_ids = tf.gather(tf.concat([done_ids, ids], 1), best, batch_dims=1)

        live_log_p, best = tf.math.top_k(tf.where(ends, minus_inf, candidates), width)
        live_ids = tf.gather(ids, best, batch_dims=1)
        last_ids = tf.reshape(tf.gather(token, best, batch_dims=1), [-1])
        parent = tf.gather(parent, best, batch_dims=1) + tf.range(rows)[:, None] * width
        state = tf.nest.map_structure(lambda s: tf.gather(s, tf.reshape(parent, [-1])), state)
        return time + 1, live_ids, live_log_p, last_ids, state, done_ids, done_scores, most

    def goes_on(time, live_ids, live_log_p, last_ids, state, done_ids, done_scores, most):
        # A live hypothesis only gets less likely, and is divided by at most max_penalty.
        can_win = live_log_p[:, 0] / max_penalty > done_scores[:, -1]
        return (time < max_length) & tf.reduce_any(can_win)

    blank = tf.fill([rows, width, max_length], end_id)
    first_alone = tf.one_hot(0, width, on_value=0.0, off_value=minus_inf)
    time, live_ids, live_log_p, _, _, done_ids, done_scores, most = tf.while_loop(
        goes_on,
        extend,
        (
            0,
            blank,
            tf.tile(first_alone[None], [rows, 1]),
            tf.repeat(start_ids, width),
            tf.nest.map_structure(lambda s: tf.repeat(s, width, axis=0), state),
            blank,
            tf.fill([rows, width], minus_inf),
            minus_inf,
        ),
    )
    cut_off = tf.where(time == max_length, live_log_p / max_penalty, minus_inf)
    scores, best = tf.math.top_k(tf.concat([done_scores, cut_off], 1), width)
    ids = tf.gather(tf.concat([done_ids, live_ids], 1), best, batch_dims=1)
    exists = tf.math.is_finite(scores)
    return tf.where(exists[:, :, None], ids, end_id)[:, :, :time], scores, most
