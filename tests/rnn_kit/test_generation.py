"""Generation: what a carried state writes is what the whole prefix would have written."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from marks import slow_but

from rnn_kit.generation import Generator, generate, position_wise
from rnn_kit.generation.generator import generator_of
from rnn_kit.layers import GRU, GRUCell, LearnedInitialState, PeepholeLSTM, PeepholeLSTMCell
from rnn_kit.sampling import TemperatureSampler

L = keras.layers
V = 11


@keras.saving.register_keras_serializable(package="test")
class Tied(L.Layer):
    """A layer of a user's own, declared below."""

    def call(self, x):
        return x[..., ::-1] * 2


position_wise(Tied)


@keras.saving.register_keras_serializable(package="test")
class CounterCell(L.Layer):
    """A toy core: counts steps, and answers with logits whose best id is (id + count) mod V."""

    state_size = 1
    output_size = V

    def call(self, inputs, states):
        count = states[0] + 1
        best = tf.cast(tf.math.floormod(inputs[:, :1] + count, V), tf.int32)
        return tf.one_hot(best[:, 0], V) * 10.0, [count]


class MatrixCell(L.Layer):
    """A cell whose state is a matrix: it multiplies by its input's outer product and decays."""

    state_size = ((6, 6),)
    output_size = 6

    def call(self, x, states):
        state = 0.5 * states[0] + x[:, :, None] * x[:, None, :]
        return tf.reduce_sum(state, axis=1), [state]

    def get_initial_state(self, batch_size=None):
        return [tf.zeros((batch_size, 6, 6))]


def sequential(*middle, batch_size=None, mask_zero=False, dtype="int32"):
    return keras.Sequential(
        [
            keras.Input(batch_shape=(batch_size, None), dtype=dtype),
            L.Embedding(V, 6, mask_zero=mask_zero, embeddings_initializer="random_normal"),
            *middle,
            L.Dense(V),
        ]
    )


def _functional():
    ids = keras.Input((None,), dtype="int32")
    x = L.Embedding(V, 6)(ids)
    shared = PeepholeLSTM(6, return_sequences=True, peephole_initializer="random_normal")
    h = shared(shared(x))  # one layer, two places, two states
    h, _ = GRU(6, return_sequences=True, return_state=True)(h + x)
    h = L.LayerNormalization()(L.Concatenate()([keras.ops.tanh(h), x]))
    return keras.Model(ids, L.Dense(V)(L.Dropout(0.5)(h)))


def _functional_masked():
    ids = keras.Input((None,), dtype="int32")
    x = L.Embedding(V, 6, mask_zero=True)(ids)  # Keras puts `ids != 0` into the graph
    h = L.GRU(6, return_sequences=True)(L.Dropout(0.5)(x))
    h = PeepholeLSTM(5, return_sequences=True)(h, mask=keras.ops.not_equal(ids, 3))  # one given
    nested = keras.Sequential([keras.Input((None, 5)), L.LSTM(4, return_sequences=True)])
    h = nested(h, mask=keras.ops.not_equal(ids, 4))
    return keras.Model(ids, L.Dense(V)(h))


def _nested():
    ids = keras.Input((None,), dtype="int32")
    block = keras.Sequential([keras.Input((None, 6)), L.LSTM(5, return_sequences=True), L.Dense(6)])
    inner_in = keras.Input((None, 6))
    inner = keras.Model(inner_in, L.GRU(6, return_sequences=True)(block(inner_in)))
    return keras.Model(ids, L.Dense(V)(inner(inner(L.Embedding(V, 6)(ids)))))


def _tied():
    ids = keras.Input((None,), dtype="int32")
    embedding = L.ReversibleEmbedding(V, 6)
    return keras.Model(ids, embedding(L.LSTM(6, return_sequences=True)(embedding(ids)), reverse=True))


MODELS = {
    "lstm": lambda: sequential(L.LSTM(7, return_sequences=True)),
    "gru": lambda: sequential(L.GRU(7, return_sequences=True, reset_after=False)),
    "simple": lambda: sequential(L.SimpleRNN(7, return_sequences=True)),
    "peephole": lambda: sequential(
        PeepholeLSTM(7, return_sequences=True, peephole_initializer="random_normal")
    ),
    "kit-gru": lambda: sequential(GRU(7, reset_gate=None, update_gate="write", return_sequences=True)),
    "two layers with dropout": lambda: sequential(
        L.LSTM(7, return_sequences=True, dropout=0.5, recurrent_dropout=0.5),
        L.BatchNormalization(),
        GRU(5, return_sequences=True, dropout=0.5),
        L.Dropout(0.5),
    ),
    "stateful": lambda: sequential(PeepholeLSTM(7, return_sequences=True, stateful=True), batch_size=4),
    "cells": lambda: sequential(
        L.RNN([PeepholeLSTMCell(5), GRUCell(4), L.LSTMCell(3)], return_sequences=True)
    ),
    "one cell in a list": lambda: sequential(L.RNN([L.LSTMCell(3)], return_sequences=True)),
    "time distributed": lambda: sequential(
        L.TimeDistributed(L.Dense(5, "tanh")), L.GRU(7, return_sequences=True), Tied()
    ),
    "float ids": lambda: sequential(L.LSTM(7, return_sequences=True), dtype="float32"),
    "functional": _functional,
    "nested": _nested,
    "tied": _tied,
    "no recurrence": lambda: sequential(),
    "masked": lambda: sequential(
        L.LSTM(7, return_sequences=True),
        L.TimeDistributed(L.Dense(5)),
        PeepholeLSTM(5, return_sequences=True),
        mask_zero=True,
    ),
    "functional, masked": lambda: _functional_masked(),
    "masking layer": lambda: sequential(
        L.Masking(), L.RNN([L.LSTMCell(4), GRUCell(3)], return_sequences=True)
    ),
    "unrolled": lambda: sequential(
        L.LSTM(4, return_sequences=True, unroll=True), GRU(3, return_sequences=True, unroll=True)
    ),
    "matrix state": lambda: sequential(L.RNN(MatrixCell(), return_sequences=True), mask_zero=True),
    "masked to zero": lambda: sequential(
        GRU(7, return_sequences=True, zero_output_for_mask=True),
        L.LSTM(5, return_sequences=True),
        mask_zero=True,
    ),
}


def randomized(name):
    model = MODELS[name]()
    rng = np.random.default_rng(0)
    for w in model.trainable_weights:
        w.assign(rng.normal(0, 0.6, w.shape))
    return model


def whole_prefix(model, ids):
    """Logits after a prefix, the slow way: the whole of it through the model, at any batch size."""
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False):
            layer.reset_state()
    if model.input_shape[0]:
        ids = np.resize(ids, (model.input_shape[0], ids.shape[1]))
    return np.asarray(model(ids, training=False))[:, -1]


# A model of each kind; the others have the same layers, or one that differs in one thing.
KEPT = ("two layers with dropout", "stateful", "functional, masked")


@pytest.mark.parametrize("name", slow_but(KEPT, MODELS))
def test_prefill_steps_and_greedy_generation_agree_with_the_whole_prefix(name, rng):
    model = randomized(name)  # one generator for all of it, which is compiled once
    generator = generator_of(model)
    ids = rng.integers(0, V, (4, 9))
    ids[1, :3] = ids[2, 2:6] = ids[3, 5:] = 0  # padding, where 0 is masked
    logits, state = generator.prefill(ids[:, :5])
    np.testing.assert_allclose(logits, whole_prefix(model, ids[:, :5]), atol=1e-5)
    for t in range(5, 9):
        logits, state = generator.step(ids[:, t], state)
        np.testing.assert_allclose(logits, whole_prefix(model, ids[:, : t + 1]), atol=1e-5)

    prompt = ids = rng.integers(1, V, (4, 3))
    got = generate(model, prompt, 8, TemperatureSampler(0))
    assert got.shape == (4, 11) and got.dtype == np.int32
    for _ in range(8):
        ids = np.concatenate([ids, whole_prefix(model, ids).argmax(-1)[:, None]], axis=1)
    np.testing.assert_array_equal(got, ids)


@pytest.mark.parametrize("name", slow_but(["masked"], ["masked", "masked to zero", "functional"]))
def test_a_long_prompt_is_read_in_chunks_and_a_chunk_may_be_all_padding(name, rng, monkeypatch):
    monkeypatch.setattr("rnn_kit.generation.generator._PREFILL_CHUNK", 4)
    model = randomized(name)
    ids = rng.integers(1, V, (3, 14))
    ids[0, 3:10] = ids[1, :5] = 0
    logits, _ = Generator(model).prefill(ids)
    np.testing.assert_allclose(logits, whole_prefix(model, ids), atol=1e-5)


def test_the_counter_model_counts():
    """Known by hand: after id a, at the n-th step, comes (a + n) mod V."""
    one_hot = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            L.Embedding(V, 1, weights=[np.arange(V)[:, None]]),
            L.RNN(CounterCell(), return_sequences=True),
        ]
    )
    got = generate(one_hot, [[3], [0]], 5, TemperatureSampler(0))
    np.testing.assert_array_equal(got, [[3, 4, 6, 9, 2, 7], [0, 1, 3, 6, 10, 4]])
    stopped = generate(one_hot, [[3], [0]], 5, TemperatureSampler(0), stop_id=6)
    np.testing.assert_array_equal(stopped, [[3, 4, 6, 6, 6, 6], [0, 1, 3, 6, 6, 6]])
    state = Generator(one_hot).prefill([[3, 4, 6]])[1]
    assert float(state[0][0, 0]) == 3


def test_the_model_is_untouched(rng):
    model = sequential(
        L.LSTM(7, return_sequences=True, stateful=True, dropout=0.5, activity_regularizer="l2"),
        L.BatchNormalization(),
        batch_size=2,
    )
    model(rng.integers(0, V, (2, 5)))  # leaves states behind
    before = [np.array(v) for v in model.variables + model.layers[1].states]
    generator = Generator(model)
    _, state = generator.prefill(rng.integers(0, V, (7, 5)))
    generator.step(np.zeros(7, int), state)
    generator.generate(rng.integers(0, V, (3, 5)), 6)
    for old, new in zip(before, model.variables + model.layers[1].states, strict=True):
        np.testing.assert_array_equal(old, new)
    assert all(isinstance(float(loss), float) for loss in model.losses)  # no graph tensor leaked


def test_new_weights_count_at_once(rng):
    model = randomized("lstm")
    prompt = rng.integers(0, V, (2, 3))
    generate(model, prompt, 4, TemperatureSampler(0))
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    got = generate(model, prompt, 1, TemperatureSampler(0))[:, -1]
    np.testing.assert_array_equal(got, whole_prefix(model, prompt).argmax(-1))


def test_nothing_is_compiled_anew_as_lengths_and_batches_change(rng):
    count = np.zeros(1, int)

    def counting(x):
        count[0] += 1
        return 1 * x

    model = sequential(L.LSTM(7, return_sequences=True, dropout=0.5), L.Dense(7, counting))
    sampler = TemperatureSampler(0.5, seed=1)
    generator = generator_of(model)
    traced = []
    for batch, time, length in ((1, 1, 3), (4, 7, 1), (2, 300, 20), (1, 2, 0)):
        prompt = rng.integers(0, V, (batch, time))
        generate(model, prompt, length, sampler)
        list(generator.stream(prompt, length, sampler))
        generator.step(prompt[:, 0], generator.initial_state(batch))
        traced.append(count[0])
    assert traced[1:] == traced[1:2] * 3  # one row, and several
    assert generator_of(model) is generator


@pytest.mark.slow
def test_only_the_last_samplers_are_kept_and_a_generator_goes_with_its_model():
    model = sequential()
    generator = generator_of(model)
    samplers = [TemperatureSampler() for _ in range(10)]
    for sampler in samplers:
        generator.generate([[1]], 1, sampler)
    assert len(generator._graphs.loops) == 8
    del sampler, samplers
    gc.collect()
    assert len(generator._graphs.loops) == 0
    gone = weakref.ref(model)
    del model, generator
    keras.utils.clear_session()
    gc.collect()
    assert gone() is None


def test_a_sequential_that_has_grown_gets_a_new_generator():
    model = sequential()
    assert generate(model, [[1]], 2, TemperatureSampler(0)).shape == (1, 3)
    model.pop()
    model.add(L.Dense(V, kernel_initializer="zeros", bias_initializer=_best_is_three))
    assert generate(model, [[1]], 2, TemperatureSampler(0)).tolist() == [[1, 3, 3]]
    inside = keras.Sequential([keras.Input((None, 6)), L.Dense(V)])
    model = keras.Sequential([keras.Input((None,), dtype="int32"), L.Embedding(V, 6), inside])
    generate(model, [[1]], 2, TemperatureSampler(0))
    inside.pop()
    inside.add(L.Dense(V, kernel_initializer="zeros", bias_initializer=_best_is_three))
    assert generate(model, [[1]], 2, TemperatureSampler(0)).tolist() == [[1, 3, 3]]


def _best_is_three(shape, dtype=None):
    return tf.one_hot(3, V, dtype=dtype)


def test_a_seed_fixes_the_text(rng):
    model = randomized("lstm")
    prompt = rng.integers(0, V, (2, 3))
    one, two = (generate(model, prompt, 50, TemperatureSampler(seed=3)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert len(np.unique(one)) > 3


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_models_generate(policy, rng):
    keras.config.set_dtype_policy(policy)
    model = sequential(L.LSTM(7, return_sequences=True), GRU(5, return_sequences=True))
    ids = generate(model, rng.integers(0, V, (2, 3)), 5)
    assert ids.shape == (2, 8) and ids.max() < V


def test_stream_hands_out_what_generate_writes(rng):
    model = randomized("gru")
    generator = Generator(model)
    prompt = rng.integers(0, V, (2, 4))
    sampler = TemperatureSampler(0)
    whole = generator.generate(prompt, 40, sampler)[:, 4:]
    np.testing.assert_array_equal(np.stack(list(generator.stream(prompt, 40, sampler)), 1), whole)
    endless = generator.stream(prompt, None, sampler)
    np.testing.assert_array_equal(np.stack([next(endless) for _ in range(40)], 1), whole)
    stop = int(whole[0, 5])
    rows = np.stack(list(generator.stream(prompt, 40, sampler, stop_id=stop)), 1)
    stopped = generator.generate(prompt, 40, sampler, stop_id=stop)[:, 4:]
    np.testing.assert_array_equal(rows, stopped[:, : rows.shape[1]])
    assert (stopped[:, rows.shape[1] :] == stop).all()


def test_score_is_the_log_probability_of_the_sentence(rng, monkeypatch):
    monkeypatch.setattr("rnn_kit.generation.generator._PREFILL_CHUNK", 4)
    model = randomized("functional")
    ids = rng.integers(0, V, (3, 11))
    log_p = np.asarray(tf.nn.log_softmax(model(ids[:, :-1])))
    log_p = np.take_along_axis(log_p, ids[:, 1:, None], -1)[..., 0]
    generator = Generator(model)
    np.testing.assert_allclose(generator.score(ids), log_p.sum(1), rtol=1e-5)
    lengths = [11, 4, 1]
    expected = [log_p[b, : n - 1].sum() for b, n in enumerate(lengths)]
    np.testing.assert_allclose(generator.score(ids, lengths), expected, rtol=1e-5, atol=1e-6)


def _softmax_model(kind):
    """A model that puts out probabilities, and the same one that puts out logits."""
    ids = keras.Input((None,), dtype="int32")
    h = L.LSTM(7, return_sequences=True)(L.Embedding(V, 6)(ids))
    dense = L.Dense(V)
    logits = keras.Model(ids, dense(h))
    if kind == "dense":
        last = L.Dense(V, activation="softmax")
        p = last(h)
    elif kind == "layer":
        p = L.Softmax()(dense(h))
    elif kind == "activation":
        p = L.Dropout(0.5)(L.Activation("softmax")(dense(h)))
    elif kind == "operation":
        p = keras.ops.softmax(dense(h))
    elif kind == "function":
        p = L.Activation(lambda x: keras.ops.exp(keras.ops.log_softmax(x)))(dense(h))
    elif kind == "time distributed":
        p = L.TimeDistributed(L.Activation("softmax"))(dense(h))
    else:
        inner = keras.Input((None, V))
        p = keras.Model(inner, keras.Sequential([L.Identity(), L.Softmax()])(inner))(dense(h))
    for weight in logits.weights:
        weight.assign(np.random.default_rng(0).normal(0, 1.5, weight.shape))
    if kind == "dense":
        last.set_weights(dense.get_weights())
    return keras.Model(ids, p), logits


SOFTMAXES = ("dense", "layer", "activation", "operation", "function", "time distributed", "nested")


@pytest.mark.parametrize("kind", SOFTMAXES)
def test_probabilities_are_recognised(kind, rng):
    model, logits = _softmax_model(kind)
    generator = Generator(model)
    assert generator.from_logits is False and Generator(logits).from_logits is True
    with pytest.raises(
        ValueError, match=r"probabilities of a softmax.*from_logits=False \(the default"
    ):
        generator.generate([[1]], 2, TemperatureSampler(0.5))
    ids = rng.integers(0, V, (3, 6))
    np.testing.assert_allclose(generator.score(ids), Generator(logits).score(ids), rtol=1e-5)


def test_a_softmax_so_sharp_that_it_rounds_to_one_is_a_softmax():
    model, _ = _softmax_model("dense")
    model.layers[-1].kernel.assign(model.layers[-1].kernel * 1e6)
    assert np.isin(model(np.array([[1, 2, 3]])), (0, 1)).all()
    assert Generator(model).from_logits is False


def test_text_from_probabilities_is_drawn_from_them(rng):
    model, logits = _softmax_model("dense")
    prompt = rng.integers(0, V, (2, 3))
    for t in (0, 0.7):
        ours = generate(model, prompt, 20, TemperatureSampler(t, from_logits=False, seed=1))
        theirs = generate(logits, prompt, 20, TemperatureSampler(t, seed=1))
        np.testing.assert_array_equal(ours, theirs)
        sampler = TemperatureSampler(t, from_logits=False, seed=1)
        rows = list(Generator(model).stream(prompt, 20, sampler))
        np.testing.assert_array_equal(np.stack(rows, 1), ours[:, 3:])
    # The default sampler takes them as they are: the likeliest id comes as often as the model says.
    many = generate(model, np.repeat(prompt[:1], 4000, axis=0), 1)[:, -1]
    p = np.asarray(model(prompt[:1]))[0, -1]
    np.testing.assert_allclose(np.bincount(many, minlength=V) / 4000, p, atol=0.04)
    generator = Generator(model)
    log_p, _ = generator.step_log_probabilities([3], generator.initial_state(1))
    np.testing.assert_allclose(log_p, tf.nn.log_softmax(logits(np.array([[3]]))[:, 0]), atol=1e-5)


def test_logits_are_no_probabilities():
    model = randomized("lstm")
    with pytest.raises(ValueError, match=r"puts out logits.*without from_logits=False"):
        generate(model, [[1]], 2, TemperatureSampler(from_logits=False))
    with pytest.raises(ValueError, match="negative numbers, which are no probabilities"):
        Generator(model, from_logits=False)
    softplus = [L.Embedding(V, 6), L.Dense(V, "softplus")]  # not negative, and no row adds up to 1
    counts = keras.Sequential([keras.Input((None,), dtype="int32"), *softplus])
    generate(counts, [[1]], 2, TemperatureSampler(from_logits=False))
    assert Generator(counts).from_logits and not Generator(counts, from_logits=False).from_logits


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    slow_but(["peephole"], ["peephole", "cells", "masked", "lstm", "gru", "simple", "kit-gru"]),
)
def test_a_text_begins_in_the_states_that_were_learned(name, rng):
    recurrent = {
        "lstm": L.LSTM(7, return_sequences=True),
        "gru": L.GRU(7, return_sequences=True),
        "simple": L.SimpleRNN(7, return_sequences=True),
        "peephole": PeepholeLSTM(7, return_sequences=True),
        "kit-gru": GRU(7, return_sequences=True, return_state=False),
        "cells": L.RNN([PeepholeLSTMCell(5), GRUCell(4)], return_sequences=True),
        "masked": L.LSTM(7, return_sequences=True),
    }[name]
    wrapped = LearnedInitialState(recurrent, initializer="random_normal")
    model = sequential(wrapped, L.LSTM(4, return_sequences=True), mask_zero=name == "masked")
    generator = Generator(model)
    ids = rng.integers(0, V, (4, 6))

    def check():
        logits, state = generator.prefill(ids[:, :3])
        np.testing.assert_allclose(logits, whole_prefix(model, ids[:, :3]), atol=1e-5)
        for t in range(3, 6):
            logits, state = generator.step(ids[:, t], state)
            np.testing.assert_allclose(logits, whole_prefix(model, ids[:, : t + 1]), atol=1e-5)
        best = whole_prefix(model, ids).argmax(-1)
        written = generator.generate(ids, 1, TemperatureSampler(0))[:, -1]
        np.testing.assert_array_equal(written, best)
        return generator.prefill(ids[:, :3])[0].numpy()

    before, learned = check(), [np.array(w) for w in wrapped.initial_states]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1.0), loss)
    model.fit(ids, np.roll(ids, -1, axis=1), epochs=3, verbose=0)
    assert all((a != np.array(w)).any() for a, w in zip(learned, wrapped.initial_states, strict=True))
    assert np.abs(check() - before).max() > 1e-3


def test_what_cannot_be_stepped_through_is_refused_inside_a_learned_state_too():
    back = L.LSTM(4, return_sequences=True, go_backwards=True, name="back")
    with pytest.raises(ValueError, match=r"'back'.*backwards"):
        Generator(sequential(LearnedInitialState(back)))

    class Mine(LearnedInitialState):
        def call(self, sequences, initial_state=None, mask=None, training=False):
            return super().call(sequences, initial_state, mask, training)[:, ::-1]

    with pytest.raises(ValueError, match="'mine'"):
        Generator(sequential(Mine(L.LSTM(4, return_sequences=True), name="mine")))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int64", "uint64"])
def test_ids_of_any_integer_type_are_taken(dtype):
    generator = Generator(sequential())
    greedy, prompt = TemperatureSampler(0), np.array([[1, 2], [3, 4]])
    expected = generator.generate(prompt, 4, greedy, stop_id=5)
    for ids in (prompt.astype(dtype), tf.constant(prompt, dtype)):
        got = generator.generate(ids, 4, greedy, stop_id=np.array(5, dtype)[()])
        np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(
            generator.generate(ids, 4, greedy, tf.constant(5, dtype)), expected
        )
        np.testing.assert_allclose(generator.score(ids), generator.score(prompt), rtol=1e-6)
        state = generator.initial_state(2)
        one, _ = generator.step(ids[:, 0], state)
        np.testing.assert_allclose(one, generator.step([1, 3], state)[0])


def test_prefill_and_step_run_inside_a_tf_function(rng):
    model = randomized("gru")
    generator = Generator(model)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int64)])
    def next_but_one(ids):
        logits, state = generator.prefill(ids)
        logits, _ = generator.step(tf.argmax(logits, axis=-1), state)
        return logits

    for rows, time in ((2, 3), (1, 5)):
        ids = rng.integers(0, V, (rows, time))
        best = whole_prefix(model, ids).argmax(-1)[:, None]
        expected = whole_prefix(model, np.concatenate([ids, best], axis=1))
        np.testing.assert_allclose(next_but_one(tf.constant(ids)), expected, atol=1e-5)

    @tf.function
    def wrong(ids):
        return generator.step(ids, generator.initial_state(2))

    with pytest.raises(ValueError, match=r"Ids must be integers of the shape \(B,\)"):
        wrong(tf.constant([0.5, 1.5]))
    with pytest.raises(ValueError, match=r"not inside a `tf\.function`"):
        tf.function(lambda ids: generator.generate(ids, 3))(tf.constant([[1]]))


def test_a_sampler_of_ones_own_may_give_any_integers_and_nothing_else():
    model = randomized("gru")
    greedy = generate(model, [[1, 2]], 6, TemperatureSampler(0))
    np.testing.assert_array_equal(generate(model, [[1, 2]], 6, lambda a: tf.argmax(a, -1)), greedy)
    for wrong in (lambda a: a, lambda a: tf.argmax(a, -1)[:, None]):
        with pytest.raises(
            ValueError, match=r"A sampler must map \(B, V\) logits to \(B,\) integer ids"
        ):
            generate(model, [[1, 2]], 6, wrong)


def test_after_the_first_of_several_stop_ids_a_row_is_filled_with_that_one():
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            L.Embedding(V, 1, weights=[np.arange(V)[:, None]]),
            L.RNN(CounterCell(), return_sequences=True),
        ]
    )  # writes 4 6 9 2 7 after 3, and 1 3 6 10 4 after 0
    generator, greedy = Generator(model), TemperatureSampler(0)
    for stop in ([9, 3], np.array([3, 9], "uint8"), tf.constant([9, 3]), (9, 3, 3)):
        stopped = generate(model, [[3], [0]], 5, greedy, stop_id=stop)
        np.testing.assert_array_equal(stopped, [[3, 4, 6, 9, 9, 9], [0, 1, 3, 3, 3, 3]])
        rows = list(generator.stream([[3], [0]], None, greedy, stop))
        np.testing.assert_array_equal(rows, [[4, 1], [6, 3], [9, 3]])
    np.testing.assert_array_equal(generate(model, [[3]], 3, greedy, stop_id=[]), [[3, 4, 6, 9]])


@pytest.mark.parametrize("stop", [V, -1, 2.0, [1, V], [0.5], "x", [[1]], True, [[1], [2, 3]]], ids=str)
def test_a_stop_id_that_is_none_is_refused(stop):
    generator = Generator(sequential())
    for write in (generator.generate, generator.stream):
        with pytest.raises(ValueError, match=rf"`stop_id` must be an integer in \[0, {V}\)"):
            write([[1]], 3, stop_id=stop)


def test_a_state_of_another_model_is_named():
    _, state = Generator(randomized("lstm")).prefill([[1]])
    with pytest.raises(ValueError, match="`state` is none of the model as it is now"):
        Generator(randomized("two layers with dropout")).step([1], state)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.embedding = L.Embedding(V, V)

    def call(self, ids):
        return self.embedding(ids)


class Overridden(keras.Model):
    """Functional by construction, but its `call` is its own."""

    def call(self, ids):
        return super().call(ids)[:, ::-1]


class Residual(L.LSTM):
    def call(self, sequences, initial_state=None, mask=None, training=False):
        return sequences + super().call(sequences, initial_state, mask, training)


def _state_used():
    ids = keras.Input((None,), dtype="int32")
    y, h, _ = L.LSTM(6, return_sequences=True, return_state=True, name="leaks")(L.Embedding(V, 6)(ids))
    return keras.Model(ids, L.Dense(V)(L.Add()([y, L.Dense(6)(h)])))


def _twice():
    ids = keras.Input(batch_shape=(2, None), dtype="int32")
    shared = L.LSTM(6, return_sequences=True, stateful=True, name="twice")
    return keras.Model(ids, L.Dense(V)(shared(shared(L.Embedding(V, 6)(ids)))))


def _minus_mean(x):
    return x - keras.ops.mean(x, axis=1, keepdims=True)


def _built(model):
    model(np.zeros((1, 3), int))
    return model


def _attention():
    ids = keras.Input((None,), dtype="int32")
    x = L.Embedding(V, 6)(ids)
    return keras.Model(ids, L.Dense(V)(L.MultiHeadAttention(2, 3, name="looks_back")(x, x)))


def _operation(function):
    def build():
        ids = keras.Input((None,), dtype="int32")
        return keras.Model(ids, L.Dense(V)(function(L.Embedding(V, 6)(ids))))

    return build


def _inner_state():
    ids = keras.Input((None,), dtype="int32")
    x = L.Embedding(V, 6)(ids)
    _, *state = L.LSTM(6, return_sequences=True, return_state=True, name="encoder")(x)
    h = L.LSTM(6, return_sequences=True, name="decoder")(x, initial_state=state)
    return keras.Model(ids, L.Dense(V)(h))


REFUSED = {
    "both": lambda: sequential(L.Bidirectional(L.LSTM(4, return_sequences=True), name="both")),
    "back": lambda: sequential(GRU(4, go_backwards=True, return_sequences=True, name="back")),
    "last": lambda: sequential(L.LSTM(4, name="last"), L.RepeatVector(3)),
    "conv": lambda: sequential(L.Conv1D(4, 2, padding="causal", name="conv")),
    "pool": lambda: sequential(L.MaxPooling1D(2, name="pool")),
    "looks_back": _attention,
    "norm": lambda: sequential(L.GroupNormalization(2, name="norm")),
    "over_time": lambda: sequential(L.Softmax(axis=1, name="over_time")),
    "anything": lambda: sequential(L.Lambda(lambda x: x, name="anything")),
    "encoder": _inner_state,
    "centred": lambda: sequential(
        L.Activation(_minus_mean, name="centred"), L.LSTM(4, return_sequences=True)
    ),
    "soft_over_time": lambda: sequential(
        L.Dense(4, activation=lambda x: keras.ops.softmax(x, axis=1), name="soft_over_time")
    ),
    "residual": lambda: sequential(Residual(6, return_sequences=True, name="residual")),
    "leaks": _state_used,
    "twice": _twice,
    "mean": _operation(lambda x: x - keras.ops.mean(x, axis=1, keepdims=True)),
    "flip": _operation(lambda x: keras.ops.flip(x, axis=1)),
    "inside": lambda: sequential(
        keras.Sequential([keras.Input((None, 6)), L.Conv1D(4, 2, padding="same", name="inside")])
    ),
    "subclassed": lambda: _built(Subclassed()),
    "overridden": lambda: Overridden(i := keras.Input((None,)), L.Embedding(V, V)(i)),
    "nested_subclass": lambda: keras.Sequential([keras.Input((None,)), Subclassed()]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_stepped_through_is_refused_by_its_name(name):
    model = REFUSED[name]()
    kind = {"subclassed": "Subclassed", "nested_subclass": "Subclassed", "overridden": "Overridden"}
    with pytest.raises(ValueError, match=f"step by step through .*({kind.get(name, name)}).*:"):
        Generator(model)


def test_a_model_that_is_no_language_model_is_refused():
    two = [keras.Input((None,)), keras.Input((None,))]
    with pytest.raises(ValueError, match="2 inputs"):
        Generator(keras.Model(two, L.Add()([L.Embedding(V, V)(i) for i in two])))
    one_hot = keras.Sequential([keras.Input((None, V)), L.LSTM(V, return_sequences=True)])
    with pytest.raises(ValueError, match=r"ids of the shape \(B, T\)"):
        Generator(one_hot)
    with pytest.raises(ValueError, match="not built"):
        Generator(keras.Sequential([L.Embedding(V, V)]))


@pytest.mark.parametrize(
    ("prompt", "length", "message"),
    [
        ([1, 2], 3, r"\(B, T\)"),
        (np.zeros((2, 0), int), 3, "at least 1"),
        ([[0.5]], 3, "integers"),
        ([[V]], 3, "vocabulary"),
        ([[-1]], 3, "vocabulary"),
        ([[1]], -1, "length"),
        ([[1]], 2.5, "length"),
    ],
)
def test_bad_prompts_and_lengths_are_named(prompt, length, message):
    with pytest.raises(ValueError, match=message):
        generate(sequential(), prompt, length)


def test_rows_and_lengths_that_do_not_fit_are_named():
    generator = Generator(randomized("lstm"))
    _, state = generator.prefill([[1, 2]])
    for call in (generator.step, lambda ids, state: generator.prefill(np.array(ids)[:, None], state)):
        with pytest.raises(ValueError, match="3 rows of ids, 1 of state"):
            call([4, 4, 4], state)
    with pytest.raises(ValueError, match="vocabulary"):
        generator.step([V], state)
    for lengths in (3, [4], [0], [1, 2]):
        with pytest.raises(ValueError, match="1 numbers from 1 to 3, one a row"):
            generator.score([[1, 2, 3]], lengths)


def test_names_of_the_users_next_layers_stay_what_they_are():
    keras.utils.clear_session()
    Generator(_nested())
    names = {L.Dense(1).name, keras.Sequential().name}
    keras.utils.clear_session()
    _nested()
    assert names == {L.Dense(1).name, keras.Sequential().name}


def test_length_zero_is_the_prompt():
    np.testing.assert_array_equal(generate(sequential(), [[1, 2]], 0), [[1, 2]])
