"""The gaps that Keras 3 leaves open for stateful models, closed: exactly those cases."""

import io
import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from marks import slow_but

from rnn_kit.callbacks import CarryState, SampleText, Throughput, stateful_layers, with_batch_size
from rnn_kit.callbacks.batch_check import explain_failed_check
from rnn_kit.generation import Generator, WindowGenerator
from rnn_kit.layers import GRU, PeepholeLSTM
from rnn_kit.text import CharVocabulary, streams

L = keras.layers
B, V = 4, 7


def model_of(batch_size=B, stateful=True, compiled=True, cells=(PeepholeLSTM, L.SimpleRNN), **how):
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(batch_size, None), dtype="int32"),
            L.Embedding(V, 3),
            *(cell(5, stateful=stateful, return_sequences=True) for cell in cells),
            L.Dense(V),
        ]
    )
    if compiled:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.01), loss, **how)
    return model


def dataset(rng, windows=3, rows=B):
    ids = rng.integers(0, V, windows * rows * 5 + 1)
    return tf.data.Dataset.from_tensor_slices(streams(ids, rows, 5))


def states(model):
    return [np.array(v) for layer in stateful_layers(model) for v in layer.states]


@pytest.mark.slow
def test_epochs_start_from_zeros(rng):
    """Keras alone starts the second epoch where the first one ended, and so learns otherwise."""
    data = dataset(rng)

    def train(callbacks, reset_by_hand=False):
        keras.utils.set_random_seed(1)
        model = model_of()
        for epoch in range(2):
            if reset_by_hand:
                for layer in stateful_layers(model):
                    layer.reset_state()
            model.fit(data, epochs=epoch + 1, initial_epoch=epoch, verbose=0, callbacks=callbacks)
        return model.get_weights()

    carried = train([CarryState()])
    for got, expected in zip(carried, train([], reset_by_hand=True), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert any((a != b).any() for a, b in zip(carried, train([]), strict=True))


def test_states_are_carried_from_batch_to_batch(rng):
    data = dataset(rng)
    model = model_of(compiled=False)
    model.compile(keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy(True))
    loss = model.fit(data, verbose=0, callbacks=[CarryState()]).history["loss"][0]
    whole = model_of(stateful=False)
    whole.set_weights(model.get_weights())
    x, y = (np.concatenate(list(part), axis=1) for part in zip(*data.as_numpy_iterator(), strict=True))
    np.testing.assert_allclose(loss, whole.evaluate(x, y, batch_size=B, verbose=0), rtol=1e-5)


@pytest.mark.slow
def test_validation_inside_fit_touches_nothing_and_starts_from_zeros(rng):
    data, validation = dataset(rng), dataset(rng, windows=2)

    def train(validation_data):
        keras.utils.set_random_seed(1)
        model = model_of()
        history = model.fit(
            data, epochs=2, verbose=0, callbacks=[CarryState()], validation_data=validation_data
        )
        return model, history.history

    with_validation, history = train(validation)
    without, _ = train(None)
    for a, b in zip(states(with_validation), states(without), strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.abs(a).max() > 0
    for a, b in zip(with_validation.get_weights(), without.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    fresh = model_of()
    fresh.set_weights(with_validation.get_weights())
    expected = fresh.evaluate(validation, verbose=0)
    np.testing.assert_allclose(history["val_loss"][-1], expected, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["evaluate", "predict"])
def test_evaluate_and_predict_give_the_training_states_back(method, rng):
    data = dataset(rng)
    model = model_of()
    model.fit(data, verbose=0, callbacks=[CarryState()])
    before = states(model)
    first = getattr(model, method)(data, verbose=0, callbacks=[CarryState()])
    for a, b in zip(states(model), before, strict=True):
        np.testing.assert_array_equal(a, b)
    again = getattr(model, method)(data, verbose=0, callbacks=[CarryState()])
    np.testing.assert_array_equal(first, again)
    getattr(model, method)(data, verbose=0)  # without the callback Keras runs on from there
    assert any((a != b).any() for a, b in zip(states(model), before, strict=True))


@pytest.mark.parametrize("rows", slow_but([1], [1, 3, 5]))
@pytest.mark.parametrize(
    "how", slow_but([{}], [{}, {"jit_compile": True}, {"run_eagerly": True}]), ids=str
)
def test_a_batch_of_another_size_is_one_clear_error(how, rows, rng):
    """One row is the worst: Keras broadcasts it over the states in silence."""
    x = rng.integers(0, V, (2 * B, 5))
    odd = rng.integers(0, V, (rows, 5))
    pieces = [x[:B], x[B:], odd]
    data = tf.data.Dataset.from_generator(
        lambda: ((piece, piece) for piece in pieces),
        output_signature=(tf.TensorSpec((None, 5), tf.int32),) * 2,
    )
    model = model_of(cells=(L.SimpleRNN,), **how)
    for method in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match=f"batch has {rows} rows.*states have {B}") as error:
            method(data, verbose=0, callbacks=[CarryState()])
        assert "\n" not in str(error.value)


class FourSteps(L.Layer):
    """A layer of the user's own, whose error is worded as that of a batch of the wrong size."""

    def call(self, x):
        time_first = tf.ensure_shape(tf.transpose(x, [1, 0, 2]), (4, None, None))
        return tf.transpose(time_first, [1, 0, 2])


def test_an_error_of_the_models_own_is_not_taken_for_a_wrong_batch(rng):
    x = rng.integers(0, V, (B, 5))
    data = tf.data.Dataset.from_generator(
        lambda: iter([(x, x)]), output_signature=(tf.TensorSpec((None, None), tf.int32),) * 2
    )
    ids = keras.Input(batch_shape=(B, None), dtype="int32")
    states = L.SimpleRNN(3, stateful=True, return_sequences=True)(L.Embedding(V, 3)(ids))
    model = keras.Model(ids, L.Dense(V)(FourSteps()(states)))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"expected shape \[4,\?,\?\]"):
        model.fit(data, verbose=0, callbacks=[CarryState()])


OURS = "Shape of tensor data [1,3] is not compatible with expected shape [4,?]."
OTHER = "Shape of tensor x [5,4,3] is not compatible with expected shape [4,?,?]."


@pytest.mark.parametrize(
    ("message", "is_ours"),
    [
        (f"{OURS}\n\t [[{{{{node replica_1/carried_state_batch_size_1}}}}]]", True),
        (f"{OURS}\n\nFile a.py\n\t [[{{{{node carried_state_batch_size}}}}]]\n\ttf2xla failed", True),
        # As TensorFlow words it at times, when what failed feeds the check or is fed by it.
        (f"{OTHER}\n\t [[{{{{node four/EnsureShape}}}}]]\n\t [[carried_state_batch_size/_2]]", False),
    ],
)
def test_the_operation_that_has_failed_tells_whose_error_it_is(message, is_ours):
    def fails(iterator):
        raise tf.errors.InvalidArgumentError(None, None, message)

    model = SimpleNamespace(train_function=fails)
    explain_failed_check(model, "train_function")
    with pytest.raises(ValueError if is_ours else tf.errors.InvalidArgumentError) as error:
        model.train_function(None)
    assert ("A batch has 1 rows, and the carried states have 4" in str(error.value)) == is_ours


@pytest.mark.slow
def test_the_check_holds_for_a_model_that_has_been_fit_before(rng):
    x = rng.integers(0, V, (B + 1, 5))
    model = model_of()
    model.fit(x[:B], x[:B], batch_size=B, shuffle=False, verbose=0)
    with pytest.raises(ValueError, match="batch has 1 rows"):
        model.fit(x, x, batch_size=B, shuffle=False, verbose=0, callbacks=[CarryState()])


def test_nothing_to_carry_is_an_error():
    with pytest.raises(ValueError, match="nothing to carry"):
        x = np.zeros((B, 5), int)
        model_of(stateful=False).fit(x, x, verbose=0, callbacks=[CarryState()])


def _functional(batch_size):
    ids = keras.Input(batch_shape=(batch_size, None), dtype="int32")
    x = L.Embedding(V, 3)(ids)
    inner = keras.Sequential(
        [keras.Input(batch_shape=(batch_size, None, 3)), GRU(3, stateful=True, return_sequences=True)]
    )
    both = L.Bidirectional(L.LSTM(3, stateful=True, return_sequences=True))
    return keras.Model(ids, L.Dense(V)(both(inner(x))))


@pytest.mark.parametrize("build", [model_of, _functional])
def test_another_batch_size_shares_the_weights_and_not_the_states(build, rng):
    model = build(B)
    one = with_batch_size(model, 1)
    assert one.input_shape == (1, None)
    assert {id(w) for w in one.trainable_weights} == {id(w) for w in model.trainable_weights}
    assert len(one.trainable_weights) == len(model.trainable_weights)
    assert {s.shape[0] for s in states(one)} == {1} and {s.shape[0] for s in states(model)} == {B}
    x = rng.integers(0, V, (B, 6))
    expected = np.asarray(model(x))
    for row in range(B):
        for layer in stateful_layers(one):
            layer.reset_state()
        np.testing.assert_allclose(one(x[row : row + 1])[0], expected[row], rtol=1e-5, atol=1e-6)
    before = states(model)
    one(x[:1])
    for a, b in zip(states(model), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_text_is_evaluated_as_one_stream(rng):
    """The case that PTB needs: train on B streams, evaluate on one, in windows of any length."""
    model = model_of()
    model.fit(dataset(rng), verbose=0, callbacks=[CarryState()])
    before = states(model)
    one = with_batch_size(model, 1)
    ids = rng.integers(0, V, 41)
    stream = tf.data.Dataset.from_tensor_slices(streams(ids, 1, 8))
    got = one.evaluate(stream, verbose=0, callbacks=[CarryState()])
    np.testing.assert_allclose(got, -Generator(model).score(ids[None])[0] / 40, rtol=1e-5)
    for a, b in zip(states(model), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_another_model_may_be_evaluated_with_it_while_one_is_trained(rng):
    """PTB's case again: the training's epochs must go on starting from zeros."""
    data = dataset(rng)
    stream = tf.data.Dataset.from_tensor_slices(streams(rng.integers(0, V, 41), 1, 8))

    class EvaluateAsOneStream(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.one.evaluate(stream, verbose=0, callbacks=[carry])

    def train(*others):
        keras.utils.set_random_seed(1)
        model = model_of()
        for other in others:
            other.one = with_batch_size(model, 1)
        model.fit(data, epochs=3, verbose=0, validation_data=data, callbacks=[carry, *others])
        return model.get_weights()

    carry = CarryState()
    expected = train()
    for a, b in zip(train(EvaluateAsOneStream()), expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_an_evaluation_that_breaks_off_gives_the_states_back_at_the_next_call(rng):
    data, carry = dataset(rng), CarryState()
    model = model_of()
    model.fit(data, verbose=0, callbacks=[carry])
    before = states(model)

    class Breaks(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.evaluate(data, verbose=0, callbacks=[carry, Breaks()])
    model.evaluate(data, verbose=0, callbacks=[carry])
    for a, b in zip(states(model), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_stacked_cells_carry_their_nested_states(rng):
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(B, None), dtype="int32"),
            L.Embedding(V, 3),
            L.RNN([L.LSTMCell(3), L.GRUCell(2)], stateful=True, return_sequences=True),
            L.Dense(V),
        ]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    carry = CarryState()
    model.fit(dataset(rng), epochs=2, verbose=0, validation_data=dataset(rng), callbacks=[carry])


def test_states_that_are_not_there_yet_are_one_clear_error():
    model = keras.Sequential([L.Embedding(V, 3), L.LSTM(3, stateful=True)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="Give it an Input with a batch_shape"):
        CarryState().set_model(model)


class Block(L.Layer):
    """A layer of a user's own with a stateful one inside."""

    def __init__(self):
        super().__init__(name="block")
        self.inside = L.LSTM(3, stateful=True, return_sequences=True)

    def build(self, shape):
        self.inside.build(shape)

    def call(self, x):
        return self.inside(x)


def test_a_stateful_layer_out_of_reach_is_refused_by_name():
    """Cloned from its config it would have weights of its own, and be evaluated with those."""
    model = keras.Sequential([keras.Input(batch_shape=(B, None, 3)), Block()])
    with pytest.raises(ValueError, match=r"'block' \(Block\)"):
        with_batch_size(model, 1)


def test_another_batch_size_keeps_operations_and_a_loss_of_the_users_own(rng):
    ids = keras.Input(batch_shape=(B, None), dtype="int32")
    x = L.Embedding(V, 3, mask_zero=True)(ids)
    model = keras.Model(ids, L.Dense(V)(x + L.LSTM(3, stateful=True, return_sequences=True)(x)))

    def own_loss(y, logits):
        return keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)

    model.compile("sgd", own_loss, metrics=[keras.metrics.SparseCategoricalAccuracy(name="hits")])
    x = rng.integers(0, V, (B, 6))
    model.evaluate(x, x, batch_size=B, verbose=0)
    one = with_batch_size(model, 1)
    assert set(one.evaluate(x, x, batch_size=1, verbose=0, return_dict=True)) == {"loss", "hits"}
    assert model.compiled and one.loss is own_loss


def test_any_batch_size_is_for_stateless_models_alone():
    with pytest.raises(ValueError, match="batch_size=None"):
        with_batch_size(model_of(), None)
    assert with_batch_size(model_of(stateful=False), None).input_shape == (None, None)


@pytest.mark.slow
def test_sample_text_writes_every_temperature_and_leaves_training_alone(rng):
    text = "abcdefg" * 30
    vocabulary = CharVocabulary.from_text(text)
    data = tf.data.Dataset.from_tensor_slices(streams(vocabulary.encode(text), B, 10))

    def train(*callbacks):
        keras.utils.set_random_seed(1)
        model = model_of()
        model.fit(data, epochs=3, verbose=0, callbacks=[CarryState(), *callbacks])
        return model.get_weights()

    written = []
    sample = SampleText(
        vocabulary.decode, vocabulary.encode("abc"), (0, 1.0), length=12, every=2, write=written.append
    )
    for a, b in zip(train(sample), train(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [re.search(r"after epoch (\d)", text)[1] for text in written] == ["2", "3"]
    for text in written:
        bodies = re.findall(r"temperature (\S+)\n(.*)\n", text)
        assert [t for t, _ in bodies] == ["0.0", "1.0"]
        assert all(body.startswith("abc") and len(body) == 15 for _, body in bodies)
    again = []
    train(SampleText(vocabulary.decode, vocabulary.encode("abc"), (0, 1.0), 12, 2, write=again.append))
    assert again == written


def test_sample_text_follows_the_model_and_always_samples_at_the_end():
    written = []
    sample = SampleText(lambda ids: str(ids.tolist()), [1, 2], (0,), 2, every=5, write=written.append)
    x = np.zeros((B, 3), int)
    for best in (3, 5):
        bias = np.eye(V)[best] * 9
        model = keras.Sequential(
            [
                keras.Input((None,), dtype="int32"),
                L.Embedding(V, 2),
                L.Dense(V),
            ]
        )
        model.layers[-1].set_weights([np.zeros((2, V)), bias])
        model.compile(keras.optimizers.SGD(0.0), "mse")
        stop = keras.callbacks.EarlyStopping("loss", patience=1)
        model.fit(x, np.zeros((B, 3, V)), epochs=9, verbose=0, callbacks=[sample, stop])
    for best, text in zip((3, 5), written, strict=True):
        assert f"[1, 2, {best}, {best}]" in text
    assert all("after epoch 2" in text for text in written)


@pytest.mark.slow
def test_throughput_prints_a_line_an_epoch(rng):
    stream = io.StringIO()
    model_of().fit(
        dataset(rng), epochs=2, verbose=0, callbacks=[CarryState(), Throughput(60, stream=stream)]
    )
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    for number, line in enumerate(lines, 1):
        assert re.fullmatch(
            rf"epoch {number}/2: loss \d\.\d+; [\d.]+ s, [\d,]+ characters/s, .* left", line
        )


def test_sample_text_takes_a_prompt_for_each_epoch_and_a_generator_of_ones_own():
    """The lecture's model sees a window and predicts the one id after it."""
    model = keras.Sequential(
        [keras.Input((None,), dtype="int32"), L.Embedding(V, 2), L.LSTM(3), L.Dense(V)]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    written, asked = [], []

    def prompt(epoch):
        asked.append(epoch)
        return [epoch, 5]

    sample = SampleText(
        lambda ids: str(np.asarray(ids).tolist()),
        prompt,
        (0,),
        length=3,
        write=written.append,
        generator=lambda model: WindowGenerator(model, 4),
    )
    model.fit(np.zeros((B, 3), int), np.zeros(B), epochs=2, verbose=0, callbacks=[sample])
    assert asked == [1, 2]
    for epoch, text in zip(asked, written, strict=True):
        (ids,) = re.findall(r"temperature 0.0\n\[(.*)\]", text)
        assert ids.startswith(f"{epoch}, 5, ") and len(ids.split(", ")) == 5
