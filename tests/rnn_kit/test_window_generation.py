"""Window generation: what the compiled loop writes is what a plain loop over slices writes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from marks import slow_but

from rnn_kit.generation import WindowGenerator, beam_search
from rnn_kit.layers import GRU
from rnn_kit.sampling import TemperatureSampler

L = keras.layers
V, W = 11, 6


def sequential(*middle, dtype="int32", time=None, mask_zero=False):
    return keras.Sequential(
        [
            keras.Input((time,), dtype=dtype),
            L.Embedding(V, 5, mask_zero=mask_zero),
            *middle,
            L.Dense(V),
        ]
    )


def _functional():
    ids = keras.Input((None,), dtype="int32")
    x = L.Embedding(V, 5)(ids)
    both = L.Bidirectional(L.LSTM(6))(x)  # no plan: the whole window is there
    mean = L.GlobalAveragePooling1D()(L.Conv1D(4, 3, padding="same")(x))
    return keras.Model(ids, L.Dense(V)(L.Concatenate()([both, mean])))


@keras.saving.register_keras_serializable(package="test-window")
class OldestAndCount(keras.Model):
    """After a window of n ids whose oldest is a comes (a + n) mod V. Its `call` takes no `training`."""

    def call(self, ids):
        return tf.one_hot(tf.math.floormod(ids[:, 0] + tf.shape(ids)[1], V), V)


def _subclassed():
    model = OldestAndCount()
    model(np.zeros((1, 2), "int32"))
    return model


MODELS = {
    "lstm": lambda: sequential(L.LSTM(7)),
    "dropout and kit": lambda: sequential(
        L.Dropout(0.5),
        GRU(6, return_sequences=True, dropout=0.5),
        L.BatchNormalization(),
        L.LSTM(5, recurrent_dropout=0.5),
    ),
    "masked": lambda: sequential(L.LSTM(7), mask_zero=True),
    "float ids": lambda: sequential(L.LSTM(7), dtype="float32"),
    "functional": _functional,
    "subclassed": _subclassed,
}


def randomized(name):
    model = MODELS[name]()
    rng = np.random.default_rng(0)
    for w in model.trainable_weights:
        w.assign(rng.normal(0, 1, w.shape))
    return model


def predict(model, ids):
    """Logits after the last W ids, the plain way."""
    training = {} if isinstance(model, OldestAndCount) else {"training": False}
    return np.asarray(model(tf.constant(np.asarray(ids)[:, -W:], "int32"), **training))


def write(model, ids, length):
    for _ in range(length):
        ids = np.concatenate([ids, predict(model, ids).argmax(-1)[:, None]], axis=1)
    return ids


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "subclassed"])
def test_greedy_text_is_what_slices_of_the_text_give(name, rng):
    model = randomized(name)
    generator = WindowGenerator(model, W)
    sampler = TemperatureSampler(0)
    for rows in (1, 3):
        for time in (2, W, W + 5):
            prompt = rng.integers(0, V, (rows, time))
            got = generator.generate(prompt, 10, sampler)
            assert got.shape == (rows, time + 10) and got.dtype == np.int32
            np.testing.assert_array_equal(got, write(model, prompt, 10))


def test_a_text_that_is_known_by_hand():
    got = WindowGenerator(_subclassed(), 3).generate([[2, 9], [0, 5]], 6, TemperatureSampler(0))
    np.testing.assert_array_equal(got, [[2, 9, 4, 5, 1, 7, 8, 4], [0, 5, 2, 3, 8, 5, 6, 0]])


def test_a_model_built_for_one_length_takes_the_shorter_windows_too(rng):
    free, fixed = sequential(L.LSTM(7)), sequential(L.LSTM(7), time=W)
    fixed.set_weights(free.get_weights())
    got = WindowGenerator(fixed, W).generate([[1, 2]], 10, TemperatureSampler(0))
    np.testing.assert_array_equal(got, write(free, np.array([[1, 2]]), 10))


@pytest.mark.parametrize("name", slow_but(["dropout and kit"], MODELS))
def test_prefill_and_steps_agree_with_the_model_on_the_window(name, rng):
    model = randomized(name)
    generator = WindowGenerator(model, W)
    assert (generator.vocabulary_size, generator.window) == (V, W)
    ids = rng.integers(1, V, (3, 12))
    logits, state = generator.prefill(ids[:, :3])
    np.testing.assert_allclose(logits, predict(model, ids[:, :3]), atol=1e-5)
    for t in range(3, 10):
        logits, state = generator.step(ids[:, t], state)
        np.testing.assert_allclose(logits, predict(model, ids[:, : t + 1]), atol=1e-5)
    logits, state = generator.prefill(ids[:, 10:], state)  # more at once, after what is there
    np.testing.assert_allclose(logits, predict(model, ids), atol=1e-5)
    np.testing.assert_array_equal(state[0], ids[:, -W:])
    np.testing.assert_array_equal(state[1], [W, W, W])


def test_a_prompt_goes_on_from_a_state_that_is_not_full(rng):
    model = randomized("lstm")
    generator = WindowGenerator(model, W)
    ids = rng.integers(0, V, (2, 20))
    for first, second in ((1, 2), (2, W), (3, 17)):
        _, state = generator.prefill(ids[:, :first])
        assert state[1].numpy().tolist() == [first] * 2
        logits, state = generator.prefill(ids[:, first : first + second], state)
        np.testing.assert_allclose(logits, predict(model, ids[:, : first + second]), atol=1e-5)
        assert state[1].numpy().tolist() == [min(first + second, W)] * 2


def test_the_initial_state_holds_nothing(rng):
    model = randomized("lstm")
    generator = WindowGenerator(model, W)
    logits, _ = generator.step([3, 4], generator.initial_state(2))
    np.testing.assert_allclose(logits, predict(model, [[3], [4]]), atol=1e-5)


def test_a_window_of_one_sees_the_last_id_alone():
    model = randomized("lstm")
    got = WindowGenerator(model, 1).generate([[3, 5]], 8, TemperatureSampler(0))
    for last, following in zip(got[0, 1:-1], got[0, 2:], strict=True):
        assert following == predict(model, [[last]]).argmax()


def test_a_seed_fixes_the_text(rng):
    generator = WindowGenerator(randomized("lstm"), W)
    prompt = rng.integers(0, V, (2, 3))
    one, two = (generator.generate(prompt, 30, TemperatureSampler(seed=3)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    other = generator.generate(prompt, 30, TemperatureSampler(seed=4))
    assert (one != other).any()


def test_stream_hands_out_what_generate_writes(rng):
    generator = WindowGenerator(_subclassed(), W)
    prompt = rng.integers(0, V, (2, 4))
    sampler = TemperatureSampler(0)
    whole = generator.generate(prompt, 40, sampler)[:, 4:]
    np.testing.assert_array_equal(np.stack(list(generator.stream(prompt, 40, sampler)), 1), whole)
    endless = generator.stream(prompt, None, sampler)
    np.testing.assert_array_equal(np.stack([next(endless) for _ in range(40)], 1), whole)


def test_after_its_stop_id_a_row_is_filled_with_it():
    generator = WindowGenerator(_subclassed(), 3)
    prompt, sampler = [[2, 9], [0, 5]], TemperatureSampler(0)  # a 5 in the prompt stops nothing
    stopped = generator.generate(prompt, 6, sampler, stop_id=5)
    np.testing.assert_array_equal(stopped, [[2, 9, 4, 5, 5, 5, 5, 5], [0, 5, 2, 3, 8, 5, 5, 5]])
    for length in (6, None):
        rows = np.stack(list(generator.stream(prompt, length, sampler, stop_id=5)))
        np.testing.assert_array_equal(rows, [[4, 2], [5, 3], [5, 8], [5, 5]])


def test_nothing_is_compiled_anew_as_lengths_and_batches_change(rng):
    count = np.zeros(1, int)

    def counting(x):
        count[0] += 1
        return 1 * x

    generator = WindowGenerator(sequential(L.LSTM(7), L.Dense(7, counting)), W)
    sampler = TemperatureSampler(0.5, seed=1)
    traced = []
    for batch, time, length in ((1, 1, 3), (4, W, 1), (2, 300, 20), (1, 2, 0), (0, 3, 2)):
        prompt = rng.integers(0, V, (batch, time))
        assert generator.generate(prompt, length, sampler).shape == (batch, time + length)
        list(generator.stream(prompt, length, sampler))
        generator.step(prompt[:, 0], generator.initial_state(batch))
        traced.append(count[0])
    assert traced[1:] == traced[1:2] * 4  # one row, and several


def test_what_training_changes_is_seen_at_once(rng):
    model = randomized("lstm")
    generator = WindowGenerator(model, W)
    prompt = rng.integers(0, V, (2, 4))
    before = generator.generate(prompt, 10, TemperatureSampler(0))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.learning_rate = 2.0
    model.fit(rng.integers(0, V, (32, W)), rng.integers(0, V, 32), epochs=2, verbose=0)
    after = generator.generate(prompt, 10, TemperatureSampler(0))
    np.testing.assert_array_equal(after, write(model, prompt, 10))
    assert (before != after).any()


def test_the_model_is_untouched(rng):
    model = sequential(L.Dropout(0.5), L.LSTM(7, activity_regularizer="l2"), L.BatchNormalization())
    model(rng.integers(0, V, (2, 4)), training=True)
    before = [np.array(v) for v in model.variables]
    WindowGenerator(model, W).generate(rng.integers(0, V, (2, 4)), 5)
    for old, new in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, new)
    assert all(isinstance(float(loss), float) for loss in model.losses)  # no graph tensor leaked


def test_a_beam_search_takes_the_step(rng):
    model = randomized("lstm")
    generator = WindowGenerator(model, W)

    def step(ids, state):
        logits, state = generator.step(ids, state)
        return tf.nn.log_softmax(logits), state

    ids, scores = beam_search(
        step, generator.initial_state(2), [1, 2], end_id=None, width=1, max_length=9
    )
    np.testing.assert_array_equal(ids[:, 0], write(model, np.array([[1], [2]]), 9)[:, 1:])
    assert np.isfinite(scores).all()


def test_probabilities_are_recognised_and_drawn_from():
    logits = randomized("lstm")
    model = keras.Sequential([keras.Input((None,), dtype="int32"), *logits.layers, L.Softmax()])
    generator = WindowGenerator(model, W)
    assert not generator.from_logits and WindowGenerator(logits, W).from_logits
    with pytest.raises(ValueError, match="from_logits=False"):
        generator.generate([[1]], 2, TemperatureSampler())
    with pytest.raises(ValueError, match="without from_logits=False"):
        WindowGenerator(logits, W).generate([[1]], 2, TemperatureSampler(from_logits=False))
    ours = generator.generate([[1, 2]], 20, TemperatureSampler(0.7, from_logits=False, seed=2))
    theirs = WindowGenerator(logits, W).generate([[1, 2]], 20, TemperatureSampler(0.7, seed=2))
    np.testing.assert_array_equal(ours, theirs)
    many = generator.generate(np.tile([[1, 2]], (4000, 1)), 1)[:, -1]  # the default sampler
    p = np.asarray(model(np.array([[1, 2]])))[0]
    np.testing.assert_allclose(np.bincount(many, minlength=V) / 4000, p, atol=0.04)


def test_a_subclassed_model_of_probabilities_is_recognised():
    class Guess(keras.Model):
        def __init__(self):
            super().__init__()
            self.table = L.Embedding(V, V, embeddings_initializer="random_normal")

        def call(self, ids):
            return tf.nn.softmax(self.table(ids[:, -1]))

    model = Guess()
    model(np.zeros((1, 2), int))
    assert not WindowGenerator(model, W).from_logits


@pytest.mark.parametrize("window", [0, -3, 2.5, None])
def test_a_window_that_is_none_is_refused(window):
    with pytest.raises(ValueError, match=r"`window` must be an integer of at least 1\. Received"):
        WindowGenerator(sequential(L.LSTM(4)), window)


REFUSED = {
    "use Generator": lambda: sequential(L.LSTM(4, return_sequences=True)),
    r"\(B, V\) logits\. Its output is \(None, None\)": lambda: keras.Sequential(
        [keras.Input((None,), dtype="int32"), L.Embedding(V, 1), L.Flatten()]
    ),
    r"\(B, V\) logits\. Its output is \(None,\)": lambda: keras.Sequential(
        [keras.Input((None,), dtype="int32"), L.Embedding(V, 1), L.LSTM(1), L.Reshape(())]
    ),
    "not built": lambda: keras.Sequential([L.Embedding(V, 5), L.LSTM(4), L.Dense(V)]),
    "'carries' is stateful": lambda: keras.Sequential(
        [
            keras.Input(batch_shape=(2, None), dtype="int32"),
            L.Embedding(V, 5),
            L.LSTM(4, stateful=True, name="carries"),
            L.Dense(V),
        ]
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_model_that_is_not_many_to_one_is_refused(message):
    with pytest.raises(ValueError, match=message) as refusal:
        WindowGenerator(REFUSED[message](), W)
    assert "\n" not in str(refusal.value)


def test_states_that_do_not_fit_are_named():
    generator = WindowGenerator(randomized("lstm"), W)
    _, one = generator.prefill([[1, 2]])
    _, longer = generator.prefill([[1, 2, 3]])
    with pytest.raises(ValueError, match="3 rows of ids, 1 of state"):
        generator.step([4, 4, 4], one)
    mixed = [tf.concat(pair, 0) for pair in zip(one, longer, strict=True)]
    with pytest.raises(ValueError, match=r"equally many ids.*\[2, 3\]"):
        generator.step([4, 4], mixed)


@pytest.mark.parametrize(
    ("prompt", "length", "message"),
    [([1], 3, r"\(B, T\)"), ([[0.5]], 3, "integers"), ([[V]], 3, "vocabulary"), ([[1]], -1, "length")],
)
def test_bad_prompts_and_lengths_are_named(prompt, length, message):
    generator = WindowGenerator(sequential(L.LSTM(4)), W)
    for call in (generator.generate, generator.stream):
        with pytest.raises(ValueError, match=message):
            call(prompt, length)
