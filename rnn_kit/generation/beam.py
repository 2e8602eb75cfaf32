"""Beam search: the likeliest whole sequence, or nearly, instead of the likeliest next id."""

import math
import operator

import tensorflow as tf

from rnn_kit.generation.compiled import Compiled

_SEARCHES = Compiled()


def beam_search(step, state, start_ids, end_id, width=3, max_length=20, length_penalty=0.7):
    """Finds the `width` best continuations of each row, by log-probability for their length.

        score(w) = log p(w) / |w|^length_penalty

    where |w| counts the ids after the start, `end_id` included. At each step every live hypothesis is
    extended by every id, and the `width` likeliest live ones stay; those that end join the `width` best
    finished ones. The search ends when no live hypothesis can beat them, or after `max_length` ids,
    where hypotheses that have not ended are ranked by the same score among the finished.

    Args:
        step: `step(ids (N,), state) -> log-probabilities (N, V), state`, of TensorFlow operations, with
            N = B * width. Compiled once for a `step`; the last 8 are kept. (Give the same function
            again, not a new lambda, where speed counts.)
        state: Nested tensors with B rows each: the state before `start_ids`. The hypotheses of one row
            stand together: each row is repeated `width` times.
        start_ids: `(B,)` ids to start from. They are not part of the result.
        end_id: The id that ends a sequence.
        width: Hypotheses kept a row, at least 1. 1 goes on with the likeliest id that does not end, and
            keeps the best end that it has passed.
        max_length: The most ids of a hypothesis, `end_id` included, at least 1.
        length_penalty: 0 compares log-probabilities, which favours the short; 1 their mean an id.
            Finite, at least 0.

    Returns:
        ids: `(B, width, L)` int32 array, L at most `max_length`, best first; after `end_id` a row is
            filled with it.
        scores: `(B, width)` float32 array. Where fewer than `width` sequences exist, the rest have
            the score -inf.

    Raises:
        ValueError: if `width`, `max_length` or `length_penalty` is out of its range.

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
    for name, value in (("width", width), ("max_length", max_length)):
        if not (hasattr(value, "__index__") and operator.index(value) >= 1):
            raise ValueError(f"Argument `{name}` must be an integer of at least 1. Received: {value!r}")
    if not (math.isfinite(length_penalty) and length_penalty >= 0):
        raise ValueError(
            "Argument `length_penalty` must be a finite number of at least 0. "
            f"Received: {length_penalty!r}"
        )
    state = tf.nest.map_structure(tf.convert_to_tensor, state)
    search = _compiled(step, operator.index(width), state)
    ids, scores = search(
        state,
        tf.convert_to_tensor(start_ids, tf.int32),
        tf.convert_to_tensor(end_id, tf.int32),
        tf.convert_to_tensor(operator.index(max_length), tf.int32),
        tf.convert_to_tensor(length_penalty, tf.float32),
    )
    return ids.numpy(), scores.numpy()


def _compiled(step, width, state):
    """The search of a `step`, compiled for any number of rows and any length."""
    specs = tf.nest.map_structure(lambda s: tf.TensorSpec([None, *s.shape[1:]], s.dtype), state)
    scalar_int, scalar_float = tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.float32)

    def search(state, start_ids, end_id, max_length, length_penalty):
        return _search(step, width, state, start_ids, end_id, max_length, length_penalty)

    def compile_search():
        signature = [specs, tf.TensorSpec([None], tf.int32), scalar_int, scalar_int, scalar_float]
        return tf.function(search, input_signature=signature, autograph=False)

    return _SEARCHES.get_or_compile((step, width, str(specs)), compile_search)


def _search(step, width, state, start_ids, end_id, max_length, length_penalty):
    rows = tf.shape(start_ids)[0]
    max_penalty = tf.pow(tf.cast(max_length, tf.float32), length_penalty)
    minus_inf = -float("inf")

    def extend(time, live_ids, live_log_p, last_ids, state, done_ids, done_scores):
        log_p, state = step(last_ids, state)
        vocabulary = log_p.shape[-1]
        log_p = tf.reshape(tf.cast(log_p, tf.float32), [rows, width, vocabulary])
        total = tf.reshape(live_log_p[:, :, None] + log_p, [rows, width * vocabulary])

        # Each hypothesis ends in one way only, so 2 * width candidates hold width that go on.
        candidates, flat = tf.math.top_k(total, min(2 * width, width * vocabulary))
        parent, token = flat // vocabulary, flat % vocabulary
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
        return time + 1, live_ids, live_log_p, last_ids, state, done_ids, done_scores

    def goes_on(time, live_ids, live_log_p, last_ids, state, done_ids, done_scores):
        # A live hypothesis only gets less likely, and is divided by max_penalty at the most.
        can_win = live_log_p[:, 0] / max_penalty > done_scores[:, -1]
        return (time < max_length) & tf.reduce_any(can_win)

    blank = tf.fill([rows, width, max_length], end_id)
    first_alone = tf.one_hot(0, width, on_value=0.0, off_value=minus_inf)
    time, live_ids, live_log_p, _, _, done_ids, done_scores = tf.while_loop(
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
        ),
    )
    cut_off = tf.where(time == max_length, live_log_p / max_penalty, minus_inf)
    scores, best = tf.math.top_k(tf.concat([done_scores, cut_off], 1), width)
    ids = tf.gather(tf.concat([done_ids, live_ids], 1), best, batch_dims=1)
    exists = tf.math.is_finite(scores)
    return tf.where(exists[:, :, None], ids, end_id)[:, :, :time], scores
