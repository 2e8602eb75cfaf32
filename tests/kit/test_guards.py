"""What was compiled is compiled anew once what it was traced from has changed, and not before."""

import functools
import gc
import itertools
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_kit.callbacks import SampleText
from rnn_kit.generation import Generator, WindowGenerator, beam_search, generate
from rnn_kit.generation.generator import generator_of
from rnn_kit.guards import Guard, Kept
from rnn_kit.inspection import gradient_function
from rnn_kit.layers import GRU, LearnedInitialState, PeepholeLSTM
from rnn_kit.sampling import TemperatureSampler

L = keras.layers
V = 9
PROMPT = np.array([[1, 2, 3], [4, 0, 5]])


class Scale:
    """An activation with a parameter, of a class that is no layer."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return self.factor * x


def every_position(*more, activation=None):
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            L.Embedding(V, 6),
            L.LSTM(8, return_sequences=True),
            L.Dense(8, "tanh", name="hidden"),
            *more,
            L.Dense(V, activation, name="logits"),
        ]
    )
    return randomized(model)


def many_to_one():
    layers = [L.Embedding(V, 6), L.LSTM(8), L.Dense(8, "tanh", name="hidden")]
    return randomized(
        keras.Sequential(
            [keras.Input((None,), dtype="int32"), *layers, L.Dense(V, Scale(1.0), name="logits")]
        )
    )


def randomized(model):
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 1, weight.shape))
    return model


def _lora(model):
    layer = model.get_layer("logits")
    layer.enable_lora(2)
    layer.lora_kernel_a.assign(np.full(layer.lora_kernel_a.shape, 0.5))
    layer.lora_kernel_b.assign(np.linspace(-2, 2, 2 * V).reshape(2, V))


def _embedding_lora(model):
    layer = next(layer for layer in model.layers if isinstance(layer, L.Embedding))
    layer.enable_lora(2)
    layer.lora_embeddings_b.assign(np.linspace(-9, 9, 12).reshape(2, 6))


def _activation(model):
    model.get_layer("hidden").activation = keras.activations.relu


def _cells_activation(model):
    recurrent = next(layer for layer in model.layers if isinstance(layer, L.RNN))
    recurrent.cell.activation = keras.activations.softplus


def _policy(model):
    model.get_layer("hidden").dtype_policy = "mixed_bfloat16"


def _grown(model):
    last = model.layers[-1]
    model.pop()
    model.add(L.Dense(8, "relu", kernel_initializer="orthogonal"))
    model.add(last)


def _bias_off(model):
    layer = model.get_layer("logits")
    layer.bias.assign(np.linspace(-9, 9, V))
    layer.bias = None


CHANGES = {
    "lora": _lora,
    "lora of the embedding": _embedding_lora,
    "int8": lambda model: model.quantize("int8"),
    "activation": _activation,
    "activation of a cell": _cells_activation,
    "dtype policy": _policy,
    "another layer": _grown,
    "no bias": _bias_off,
}


def logits_of(model, ids):
    outputs = np.asarray(tf.cast(model(ids, training=False), tf.float32))
    return outputs[:, -1] if outputs.ndim == 3 else outputs


@pytest.mark.filterwarnings("ignore:.*quantize")
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["states", "window"])
def test_a_changed_model_writes_as_it_is_now(kind, change):
    model = every_position() if kind == "states" else many_to_one()
    generator = generator_of(model) if kind == "states" else WindowGenerator(model, 5)
    greedy = TemperatureSampler(0)
    before, _ = generator.prefill(PROMPT)
    generator.generate(PROMPT, 3, greedy)
    if kind == "states":
        generator.score(PROMPT)
    CHANGES[change](model)
    now = logits_of(model, PROMPT)
    assert np.abs(before - now).max() > 1e-4  # the change is one
    exact = change not in ("dtype policy", "int8")
    logits, state = generator.prefill(PROMPT)
    np.testing.assert_allclose(logits, now, atol=1e-4 if exact else 5e-2)
    best = now.argmax(-1)
    logits, _ = generator.step(best, state)
    after = logits_of(model, np.concatenate([PROMPT, best[:, None]], axis=1))
    np.testing.assert_allclose(logits, after, atol=1e-4 if exact else 5e-2)
    write = generator.generate if kind == "window" else functools.partial(generate, model)
    np.testing.assert_array_equal(write(PROMPT, 1, greedy)[:, -1], best)
    if kind == "states":
        whole = tf.nn.log_softmax(tf.cast(model(PROMPT), tf.float32))
        expected = [sum(whole[b, t, PROMPT[b, t + 1]] for t in range(2)) for b in range(2)]
        np.testing.assert_allclose(generator.score(PROMPT), expected, atol=1e-4 if exact else 0.2)


@pytest.mark.parametrize("through", ["object", "closure", "global", "default", "partial"])
def test_what_an_activation_of_ones_own_reads_is_watched(through):
    factor = Scale(1.0)
    constant = 1.0
    if through == "object":
        activation = factor
    elif through == "closure":

        def activation(x):
            return constant * x
    elif through == "global":

        def activation(x):
            return _FACTORS["now"] * x
    elif through == "default":

        def activation(x, by=1.0):
            return by * x
    else:
        activation = functools.partial(lambda x, scale: scale(x), scale=factor)
    _FACTORS["now"] = 1.0
    model = every_position(activation=activation)
    before = generate(model, PROMPT, 6, TemperatureSampler(0))
    factor.factor = constant = _FACTORS["now"] = -1.0
    if through == "default":
        activation.__defaults__ = (-1.0,)
    best = logits_of(model, PROMPT).argmax(-1)
    after = generate(model, PROMPT, 6, TemperatureSampler(0))
    np.testing.assert_array_equal(after[:, 3], best)
    assert (after != before).any()


_FACTORS = {"now": 1.0}


def counted(*more):
    """A model, and an array that counts how often it is traced or called."""
    count = np.zeros(1, int)  # an array's elements are no business of a guard

    def counting(x):
        count[0] += 1
        return 1 * x

    return every_position(*more, L.Dense(8, counting)), count


def test_training_evaluating_and_saving_compile_nothing(tmp_path):
    model, count = counted(
        L.Dropout(0.3),
        L.BatchNormalization(),
        GRU(8, return_sequences=True, dropout=0.2, recurrent_dropout=0.2),
        LearnedInitialState(PeepholeLSTM(8, return_sequences=True)),
        keras.Sequential([keras.Input((None, 8)), L.Dense(8)]),
    )
    generator, sampler = generator_of(model), TemperatureSampler(0.5, seed=0)

    def write():
        start = count[0]
        generate(model, PROMPT, 2, sampler)
        generator.score(PROMPT)
        return count[0] - start

    assert write() > 0
    assert write() == 0
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert write() == 0
    x = np.zeros((4, 3), int)
    model.fit(x, x, validation_data=(x, x), epochs=2, verbose=0)
    assert write() == 0
    model.evaluate(x, x, verbose=0)
    model.predict(x, verbose=0)
    assert write() == 0
    model.save(tmp_path / "model.keras")
    model.load_weights(tmp_path / "model.keras")
    write()  # Keras notes on a loaded layer that it is not quantized
    model.load_weights(tmp_path / "model.keras")
    model.summary(print_fn=lambda *_, **__: None)
    ids = keras.Input((None,), dtype="int32")
    keras.Model(ids, model(ids))
    model.set_weights(model.get_weights())
    assert write() == 0
    sampler.temperature, sampler.top_k = 0.5, None  # as they were
    assert write() == 0


@pytest.mark.parametrize("kind", ["states", "window"])
def test_a_sampler_that_is_set_anew_counts_at_once(kind):
    generator = Generator(every_position()) if kind == "states" else WindowGenerator(many_to_one(), 4)
    sampler = TemperatureSampler(5.0, seed=1)
    prompt = np.repeat(PROMPT[:1], 64, axis=0)
    greedy = generator.generate(prompt, 2, TemperatureSampler(0))
    best = greedy[0, 3]

    def drawn():
        return set(generator.generate(prompt, 1, sampler)[:, -1])

    assert len(drawn()) > 2
    sampler.top_k = 1
    assert drawn() == {best}
    sampler.top_k = None
    assert len(drawn()) > 2
    sampler.top_p = 1e-6
    assert drawn() == {best}
    sampler.top_p = 1
    assert len(drawn()) > 2
    sampler.temperature = 0
    assert drawn() == {best}
    rows = list(generator.stream(prompt, 1, sampler))
    assert set(rows[0]) == {best}


def test_a_sampler_is_checked_when_it_is_set():
    sampler = TemperatureSampler(seed=0)
    for name, value in (("temperature", -1), ("top_k", 0), ("top_p", 1.5)):
        with pytest.raises(ValueError, match=f"`{name}`"):
            setattr(sampler, name, value)
    sampler.top_p = 1e-6
    assert sampler.get_config()["top_p"] == 1e-6
    assert set(np.asarray(sampler(np.tile([[0.0, 1.0]], (50, 1))))) == {1}


def test_sample_text_follows_a_model_that_is_changed_in_training():
    model = every_position()
    written = []

    class Change(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                _activation(self.model)

    sample = SampleText(
        lambda ids: str(np.asarray(ids).tolist()), PROMPT[0], (0,), 4, write=written.append
    )
    model.compile(keras.optimizers.SGD(0.0), "mse", run_eagerly=True)
    model.fit(PROMPT, np.zeros((2, 3, V)), epochs=2, verbose=0, callbacks=[Change(), sample])
    ids = PROMPT[:1]
    for _ in range(4):
        ids = np.concatenate([ids, logits_of(model, ids).argmax(-1)[:, None]], axis=1)
    assert str(ids[0].tolist()) in written[1] and str(ids[0].tolist()) not in written[0]


def test_a_beam_search_follows_the_model_of_its_step():
    model = every_position()
    generator = Generator(model)

    class Ensemble:
        """Holds a model; its bound method is a step, another object at each access."""

        def __init__(self):
            self.parts = [generator]

        def step(self, ids, state):
            return self.parts[0].step_log_probabilities(ids, state)

    def closure(ids, state):
        logits, state = generator.step(ids, state)
        return tf.nn.log_softmax(logits), state

    ensemble = Ensemble()
    for change in (None, _activation, _lora):
        if change:
            change(model)
        ids = PROMPT[:1, :1]
        for _ in range(5):
            ids = np.concatenate([ids, logits_of(model, ids).argmax(-1)[:, None]], axis=1)
        for step in (closure, ensemble.step, generator.step_log_probabilities):
            found, _ = beam_search(step, generator.initial_state(1), ids[:, 0], None, 1, 5)
            np.testing.assert_array_equal(found[0, 0], ids[0, 1:])


def test_gradients_over_time_follow_the_model_and_the_loss():
    model = keras.Sequential([keras.Input((5, 3)), L.GRU(4), L.Dense(2, "tanh", name="hidden")])
    by = 1.0

    def loss(outputs):
        return by * keras.ops.sum(outputs)

    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    gradients = gradient_function(model, loss)

    def check():
        fresh = gradient_function(model, lambda outputs: by * keras.ops.sum(outputs))(x)
        np.testing.assert_allclose(gradients(x).states["h"], fresh.states["h"], rtol=1e-5)
        return fresh.states["h"]

    found = [check()]
    model.get_layer("hidden").activation = keras.activations.softplus
    found.append(check())
    by = 3.0
    found.append(check())
    model.get_layer("hidden").enable_lora(1)
    model.get_layer("hidden").lora_kernel_b.assign([[2.0, 1.0]])
    found.append(check())
    model.add(L.Dense(1))
    found.append(check())
    for one, two in itertools.pairwise(found):
        assert np.abs(one - two).max() > 1e-4


def test_no_cache_keeps_a_model_alive():
    """Neither what `generate` keeps, nor beam search, nor a guard, whoever is referred to by whom."""

    def use():
        model = every_position(activation=Scale(1.0))
        generator = Generator(model)

        def step(ids, state):
            return generator.step_log_probabilities(ids, state)

        beam_search(step, generator.initial_state(1), [1], 0, max_length=2)
        beam_search(generator.step_log_probabilities, generator.initial_state(1), [1], 0, max_length=2)

        def sampler(logits):  # it reads the model too
            return tf.argmax(logits + 0 * model(tf.zeros([1, 1], tf.int32))[:, 0], -1)

        generate(model, PROMPT, 2, sampler)
        generator.generate(PROMPT, 2, sampler)
        generate(model, PROMPT, 2)
        return weakref.ref(model), weakref.ref(generator)

    gone = use()
    keras.utils.clear_session()
    gc.collect()
    assert [ref() for ref in gone] == [None, None]


_MODELS = []


def test_a_step_of_a_module_keeps_no_model_that_the_module_has_dropped():
    _MODELS.append(Generator(every_position()))
    beam_search(_step_of_a_module, _MODELS[0].initial_state(1), [1], 0, max_length=2)
    gone = weakref.ref(_MODELS.pop()._model())
    keras.utils.clear_session()
    gc.collect()
    assert gone() is None


def _step_of_a_module(ids, state):
    return _MODELS[0].step_log_probabilities(ids, state)


def test_what_is_kept_goes_with_its_object_and_the_last_ones_stay():
    class Owner:
        pass

    kept, owners = Kept(most=2), [Owner() for _ in range(3)]
    kept.of(owners[0])["a"] = 1
    kept.of(owners[1])
    assert kept.of(owners[0]) == {"a": 1}
    kept.of(owners[2])  # owners[1] is the one that was not asked for the longest
    assert len(kept) == 2 and kept.of(owners[0]) == {"a": 1}
    owners.clear()
    gc.collect()
    assert len(kept) == 0
    assert kept.of(3) == {}  # which nothing can refer to weakly


def test_a_guard_compares_numbers_by_value_and_objects_by_identity():
    owner = Scale(1000.5)
    owner.many, owner.lists, owner.named = [Scale(1)], [[1, 2]], {"a": 1}
    guard = Guard(owner)
    owner.factor = float("1000.5")  # another object
    assert guard.holds() and guard.holds()
    owner.named["b"] = 2  # which the trace cannot have read
    assert guard.holds()
    for change in (
        lambda: setattr(owner, "factor", 7.0),
        lambda: setattr(owner.many[0], "factor", 7),
        lambda: owner.lists[0].append(3),
        lambda: owner.named.update(a=3),
        lambda: setattr(owner, "new", 1),
        lambda: owner.many.__setitem__(0, Scale(1)),
        lambda: delattr(owner, "new"),
    ):
        guard = Guard(owner)
        assert guard.holds()
        change()
        assert not guard.holds()
