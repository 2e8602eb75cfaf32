"""Beam search against every sequence there is, and against chains whose best path is known."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from rnn_kit.generation import Generator, beam_search

END, V = 3, 4


def chain(rng, rows=3):
    """A random second-order chain: p(next | this, the one before), the latter kept in the state."""
    p = rng.dirichlet(np.full(V, 0.5), (V, V)).astype("float32")
    table = tf.constant(np.log(p))

    def step(ids, state):
        return tf.gather_nd(table, tf.stack([ids, state["before"]], 1)), {"before": ids}

    start = rng.integers(0, V - 1, rows).astype("int32")
    return step, {"before": tf.zeros(rows, tf.int32)}, start, np.log(p)


def every_sequence(log_p, start, max_length, length_penalty):
    """All hypotheses of one row with their scores, best first."""
    found = []
    for length in range(1, max_length + 1):
        for ids in itertools.product(range(V), repeat=length):
            ends = [i == END for i in ids]
            if any(ends[:-1]) or (length < max_length and not ends[-1]):
                continue
            total, before, last = 0.0, 0, start
            for i in ids:
                total += log_p[last, before, i]
                before, last = last, i
            found.append((total / length**length_penalty, ids))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 1.5])
def test_a_wide_beam_finds_the_best_of_all_sequences(length_penalty, rng):
    step, state, start, log_p = chain(rng)
    ids, scores = beam_search(
        step, state, start, END, width=100, max_length=4, length_penalty=length_penalty
    )
    for row, first in enumerate(start):
        expected = every_sequence(log_p, first, 4, length_penalty)[:100]
        np.testing.assert_allclose(
            scores[row, : len(expected)], [score for score, _ in expected], rtol=1e-4
        )
        best = list(expected[0][1])
        assert ids[row, 0].tolist() == best + [END] * (ids.shape[2] - len(best))


def test_width_one_is_greedy_without_a_length_penalty_where_the_end_is_likely(rng):
    step, state, start, log_p = chain(rng)
    ids, _ = beam_search(step, state, start, END, width=1, max_length=6)
    for row, last in enumerate(start):
        before, greedy = 0, []
        while len(greedy) < 6 and END not in greedy:
            best = int(log_p[last, before].argmax())
            before, last = last, best
            greedy.append(best)
        got = ids[row, 0].tolist()
        assert got[: len(greedy)] == greedy and set(got[len(greedy) :]) <= {END}


def test_a_beam_avoids_the_trap_that_greedy_falls_into():
    p = np.full((V, V), 1e-6)
    p[0] = [0, 0.6, 0.4, 0]  # 1 looks better ...
    p[1] = [0.3, 0.3, 0.2, 0.2]  # ... and leads nowhere
    p[2] = [0, 0, 0.05, 0.95]
    table = tf.constant(np.log(p + 1e-9), tf.float32)

    def step(ids, state):
        return tf.gather(table, ids), state

    greedy, _ = beam_search(step, (), [0], END, width=1, max_length=2, length_penalty=0.0)
    wide, scores = beam_search(step, (), [0], END, width=2, max_length=2, length_penalty=0.0)
    assert greedy[0, 0, 0] == 1
    assert wide[0, 0].tolist() == [2, END]
    np.testing.assert_allclose(scores[0, 0], np.log(0.4 * 0.95), rtol=1e-4)


def test_scores_are_sorted_and_ids_end_with_the_end(rng):
    step, state, start, _ = chain(rng, rows=5)
    ids, scores = beam_search(step, state, start, END, width=4, max_length=7)
    assert ids.shape[:2] == (5, 4) and ids.shape[2] <= 7 and scores.shape == (5, 4)
    assert (np.diff(scores, axis=1) <= 0).all()
    ended = np.maximum.accumulate(ids == END, axis=2)
    assert (ids[ended] == END).all()
    for row in ids:
        assert len({tuple(hypothesis) for hypothesis in row}) == 4


def test_rows_do_not_meet(rng):
    step, state, start, _ = chain(rng, rows=4)
    ids, scores = beam_search(step, state, start, END, width=3, max_length=5)
    for row in range(4):
        alone = {"before": state["before"][row : row + 1]}
        one, score = beam_search(step, alone, start[row : row + 1], END, width=3, max_length=5)
        np.testing.assert_allclose(score[0], scores[row], rtol=1e-5)
        np.testing.assert_array_equal(one[0], ids[row, :, : one.shape[2]])


def test_where_fewer_sequences_exist_the_rest_scores_minus_infinity():
    table = tf.math.log(tf.constant([[0.0, 1.0], [0.0, 1.0]]))
    ids, scores = beam_search(
        lambda ids, state: (tf.gather(table, ids), state), [], [0], 1, width=3, max_length=4
    )
    assert scores[0].tolist() == [0.0, -np.inf, -np.inf]
    assert (ids == 1).all()


def test_a_language_model_is_searched_through_its_generator(rng):
    import keras

    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(V, 4, embeddings_initializer="random_normal"),
            keras.layers.LSTM(5, return_sequences=True, recurrent_initializer="random_normal"),
            keras.layers.Dense(V, kernel_initializer="random_normal"),
        ]
    )
    generator = Generator(model)

    def step(ids, state):
        logits, state = generator.step(ids, state)
        return tf.nn.log_softmax(logits), state

    ids, scores = beam_search(
        step, generator.initial_state(2), [0, 1], END, width=3, max_length=4, length_penalty=1.0
    )
    for row, first in enumerate((0, 1)):
        hypothesis = ids[row, 0]
        length = np.argmax(hypothesis == END) + 1 if END in hypothesis else len(hypothesis)
        sentence = np.concatenate([[first], hypothesis[:length]])[None]
        np.testing.assert_allclose(generator.score(sentence)[0] / length, scores[row, 0], rtol=1e-4)


def test_other_lengths_and_batches_compile_nothing(rng):
    chained, state, start, _ = chain(rng, rows=6)
    traces = set()

    def step(ids, state):
        traces.add(tf.compat.v1.get_default_graph())
        return chained(ids, state)

    for rows, max_length in ((6, 3), (2, 9), (1, 1)):
        here = {"before": state["before"][:rows]}
        beam_search(step, here, start[:rows], END, width=2, max_length=max_length)
        if rows == 6:
            traced = len(traces)
    assert len(traces) == traced > 0


INTEGERS = ("uint8", "int16", "uint32", "int64")


def test_ids_of_any_integer_type_start_and_end_a_search(rng):
    step, state, start, _ = chain(rng)
    expected, _ = beam_search(step, state, start, END, width=2, max_length=4)
    for dtype in INTEGERS:
        for ids, end in (
            (tf.constant(start, dtype), tf.constant(END, dtype)),
            (start.astype(dtype), np.array(END, dtype)[()]),
            (start.tolist(), END),
        ):
            found, _ = beam_search(step, state, ids, end, width=2, max_length=4)
            np.testing.assert_array_equal(found, expected)
    first = tf.argmax(tf.one_hot(start, V), axis=-1)  # int64, as TensorFlow has it
    np.testing.assert_array_equal(beam_search(step, state, first, END, 2, 4)[0], expected)


def test_without_an_end_every_hypothesis_has_the_most_ids(rng):
    step, state, start, log_p = chain(rng)
    ids, scores = beam_search(step, state, start, None, width=1, max_length=5, length_penalty=0.0)
    for row, last in enumerate(start):
        before, total = 0, 0.0
        for got in ids[row, 0]:
            assert got == log_p[last, before].argmax()
            total += log_p[last, before, got]
            before, last = last, got
        np.testing.assert_allclose(scores[row, 0], total, rtol=1e-4)


@pytest.mark.parametrize("end", [V, -1, 2.0, "end", [1, 2], True])
def test_an_end_that_is_no_id_is_refused(end, rng):
    step, state, start, _ = chain(rng)
    with pytest.raises(ValueError, match=rf"`end_id` must be an integer in \[0, {V}\)"):
        beam_search(step, state, start, end)


@pytest.mark.parametrize(
    "start", [[0.5, 1.0, 2.0], [[0], [1], [2]], tf.zeros(3), [[1], [2, 3]]], ids=str
)
def test_start_ids_that_are_none_are_refused(start, rng):
    step, state, _, _ = chain(rng)
    with pytest.raises(ValueError, match=r"`start_ids` must be integers of the shape \(B,\)"):
        beam_search(step, state, start, END)


@pytest.mark.parametrize("kind", ["probabilities", "logits"])
def test_a_step_that_gives_no_log_probabilities_is_named(kind, rng):
    _, state, start, log_p = chain(rng)
    table = tf.constant(np.exp(log_p) if kind == "probabilities" else log_p + 9)

    def wrong(ids, state):
        return tf.gather_nd(table, tf.stack([ids, state["before"]], 1)), {"before": ids}

    with pytest.raises(ValueError, match="log-probabilities, of which none is above 0"):
        beam_search(wrong, state, start, END, width=2, max_length=3)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"width": 0},
        {"width": 1.5},
        {"max_length": 0},
        {"length_penalty": -1},
        {"length_penalty": float("nan")},
    ],
    ids=str,
)
def test_arguments_out_of_range_are_named(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        beam_search(lambda ids, state: (None, state), [], [0], END, **kwargs)
