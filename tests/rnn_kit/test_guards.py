"""What was compiled is compiled anew once what it was traced from has changed, and not before."""

import argparse
import collections
import copy
import dataclasses
import functools
import gc
import itertools
import pickle
import types
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_kit.callbacks import SampleText
from rnn_kit.generation import Generator, WindowGenerator, beam_search, generate
from rnn_kit.generation.cache import LRUCache
from rnn_kit.generation.generator import generator_of
from rnn_kit.guards import Guard
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
def test_a_guard_notices_a_change_of_a_model(change):
    model = every_position()
    guard = Guard(model)
    assert guard.holds()
    CHANGES[change](model)
    assert not guard.holds()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*quantize")
@pytest.mark.parametrize("kind", ["states", "window"])
def test_a_changed_model_writes_as_it_is_now(kind):
    model = every_position() if kind == "states" else many_to_one()
    generator = generator_of(model) if kind == "states" else WindowGenerator(model, 5)
    greedy = TemperatureSampler(0)
    before, _ = generator.prefill(PROMPT)
    # One after the other; those that round come last.
    changes = ["activation of a cell", "activation", "no bias", "lora of the embedding", "lora"]
    if kind == "window":
        changes = ["activation of a cell"]
    for change in [*changes, "dtype policy", "int8"]:
        CHANGES[change](model)
        now = logits_of(model, PROMPT)
        assert np.abs(before - now).max() > 1e-4  # the change is one
        before, state = generator.prefill(PROMPT)
        tolerance = 5e-2 if change in ("dtype policy", "int8") else 1e-4
        np.testing.assert_allclose(before, now, atol=tolerance, err_msg=change)
    best = before.numpy().argmax(-1)
    logits, _ = generator.step(best, state)
    after = logits_of(model, np.concatenate([PROMPT, best[:, None]], axis=1))
    np.testing.assert_allclose(logits, after, atol=5e-2)
    np.testing.assert_array_equal(generator.generate(PROMPT, 1, greedy)[:, -1], best)


def test_all_that_a_generator_compiles_follows_its_model():
    model, greedy = every_position(), TemperatureSampler(0)
    generator = generator_of(model)

    def write():
        _, state = generator.prefill(PROMPT)
        written = generate(model, PROMPT, 1, greedy)[:, -1]
        return generator.step(PROMPT[:, 0], state)[0], generator.score(PROMPT), written

    write()
    _activation(model)
    logits, score, written = write()
    longer = np.concatenate([PROMPT, PROMPT[:, :1]], axis=1)
    np.testing.assert_allclose(logits, logits_of(model, longer), atol=1e-4)
    np.testing.assert_array_equal(written, logits_of(model, PROMPT).argmax(-1))
    whole = tf.nn.log_softmax(model(PROMPT))
    expected = [sum(whole[b, t, PROMPT[b, t + 1]] for t in range(2)) for b in range(2)]
    np.testing.assert_allclose(score, expected, atol=1e-4)


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
    guard = Guard(L.Dense(V, activation))
    assert guard.holds()
    factor.factor = constant = _FACTORS["now"] = -1.0
    if through == "default":
        activation.__defaults__ = (-1.0,)
    assert not guard.holds()


_FACTORS = {"now": 1.0}


def counted(*more):
    """A model, and an array that counts how often it is traced or called."""
    count = np.zeros(1, int)  # an array's elements are no business of a guard

    def counting(x):
        count[0] += 1
        return 1 * x

    return every_position(*more, L.Dense(8, counting)), count


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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

    cache, owners = LRUCache(max_size=2), [Owner() for _ in range(3)]
    cache.of(owners[0])["a"] = 1
    cache.of(owners[1])
    assert cache.of(owners[0]) == {"a": 1}
    cache.of(owners[2])  # owners[1] is the one that was not asked for the longest
    assert len(cache) == 2 and cache.of(owners[0]) == {"a": 1}
    owners.clear()
    gc.collect()
    assert len(cache) == 0


@dataclasses.dataclass(slots=True, frozen=True)
class Frozen:
    """Nothing can refer to it weakly."""

    by: float = 1.0

    def __call__(self, logits):
        return tf.argmax(self.by * logits, -1)


def test_what_is_kept_for_an_object_without_weak_references_is_found_again():
    cache, owners = LRUCache(max_size=2), [Frozen(), Frozen(), Frozen()]
    cache.of(owners[0])["a"] = 1
    assert cache.of(owners[0]) == {"a": 1}
    for owner in owners[1:]:
        assert cache.of(owner) == {}
    assert len(cache) == 2 and cache.of(owners[0]) == {}
    # Where all are kept, none is held for ever, and its lock is the same each time.
    locks = LRUCache(max_size=None)
    assert locks.of(owners[0]) is locks.of(owners[0]) and len(locks) == 0


def test_a_guard_compares_numbers_by_value_and_objects_by_identity():
    owner = Scale(1000.5)
    owner.many, owner.lists, owner.named = [Scale(1)], [[1, 2]], {"a": 1}
    guard = Guard(owner)
    owner.factor = float("1000.5")  # another object
    assert guard.holds() and guard.holds()
    assert guard.holds() and guard.holds()
    for change in (
        lambda: setattr(owner, "factor", 7.0),
        lambda: setattr(owner.many[0], "factor", 7),
        lambda: owner.lists[0].append(3),
        lambda: owner.named.update(a=3),
        lambda: owner.named.update(b=3),
        lambda: owner.named.pop("a"),
        lambda: setattr(owner, "new", 1),
        lambda: owner.many.__setitem__(0, Scale(1)),
        lambda: delattr(owner, "new"),
    ):
        guard = Guard(owner)
        assert guard.holds()
        change()
        assert not guard.holds()


@pytest.mark.parametrize(
    "holder",
    [
        types.SimpleNamespace(best=0),
        argparse.Namespace(best=0),
        collections.deque([0]),
        collections.UserDict(best=0),
        collections.UserList([0]),
        collections.ChainMap({"best": 0}),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_a_holder_of_the_standard_library_is_watched(holder):
    def sampler(logits):
        return holder

    guard = Guard(sampler)
    assert guard.holds()
    if hasattr(holder, "best"):
        holder.best = 4
    else:
        holder["best" if isinstance(holder, collections.abc.Mapping) else 0] = 4
    assert not guard.holds()


@pytest.mark.parametrize("view", [lambda mapping: mapping, types.MappingProxyType])
def test_a_new_key_of_a_mapping_counts(view):
    banned = {1: "yes"}
    view = view(banned)
    guard = Guard(functools.partial(print, view))
    assert guard.holds()
    banned[2] = "yes"
    assert not guard.holds()


@pytest.mark.parametrize("many", [list(range(300)), set(range(300)), dict.fromkeys(range(300))])
def test_of_a_large_collection_the_number_is_watched(many):
    guard = Guard(functools.partial(print, many))
    assert guard.holds() and guard.holds()
    many.pop(299) if isinstance(many, dict) else many.pop()
    assert not guard.holds()


def test_slots_are_watched():
    class Base:
        __slots__ = ("__secret", "by")

        def hide(self, value):
            self.__secret = value

    class Both(Base):
        def __init__(self):
            self.seen = 0

    for owner in (Base(), Both()):
        for change in (
            lambda owner: setattr(owner, "by", 2.5),
            lambda owner: setattr(owner, "by", 3.5),
            lambda owner: owner.hide(1),
            lambda owner: delattr(owner, "by"),
        ):
            guard = Guard(owner)
            assert guard.holds()
            change(owner)
            assert not guard.holds()


def test_attributes_and_slots_of_a_users_collection_are_watched():
    class Settings(dict):
        pass

    settings = Settings(a=1)
    settings.by = 1.5
    for change in (lambda: setattr(settings, "by", 2.5), lambda: settings.update(b=1)):
        guard = Guard(settings)
        assert guard.holds()
        change()
        assert not guard.holds()


class Server:
    """Its method `draw` reads `by`, `rates` and `shift`; the rest is none of its business."""

    def __init__(self):
        self.requests, self.log, self.by, self.rates, self.shift = 0, [], 1.5, [1.5], 2.5

    def draw(self, logits):
        self.drawn = True
        return self.scaled(logits) + self.moved

    def scaled(self, logits):
        return logits * self.by * self.rates[0] * _FACTORS["now"]

    @property
    def moved(self):
        return self.shift

    def handed_on(self, logits):
        return _reader(self)

    def enclosed(self, logits):
        return (lambda: self.by)()

    def by_name(self, logits):
        return self.__dict__["by"]


def _reader(server):
    return server.by


def test_of_a_bound_methods_object_what_the_method_reads_is_watched():
    server = Server()
    guard = Guard(server.draw)
    for _ in range(3):
        server.requests += 1
        server.log.append(object())
        server.anything = object()
        assert guard.holds()
    for change in (
        lambda: setattr(server, "by", 7.5),
        lambda: setattr(server, "shift", 7.5),
        lambda: server.rates.append(1),
        lambda: setattr(server, "scaled", print),
        lambda: _FACTORS.update(now=_FACTORS["now"] + 1),
    ):
        guard = Guard(server.draw)
        assert guard.holds()
        change()
        assert not guard.holds()


@pytest.mark.parametrize("name", ["handed_on", "enclosed", "by_name"])
def test_of_a_bound_methods_object_all_is_watched_where_the_code_does_not_tell(name):
    server = Server()
    guard = Guard(getattr(server, name))
    assert guard.holds()
    server.by = 8.5
    assert not guard.holds()


def test_a_bound_method_of_an_object_that_makes_up_attributes_is_watched_as_a_whole():
    class Wrapper:
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(vars(self)["inner"], name)

        def draw(self, logits):
            return self.factor * logits

    wrapper = Wrapper(Scale(1.5))
    guard = Guard(wrapper.draw)
    assert guard.holds()
    wrapper.inner.factor = 2.5
    assert not guard.holds()


def test_a_counter_beside_a_bound_method_compiles_nothing():
    model, count = every_position(), np.zeros(1, int)

    class Counting(Server):
        def draw(self, logits):
            count[0] += 1
            return tf.argmax(logits * self.by, -1)

    server = Counting()
    for _ in range(3):
        server.requests += 1
        generate(model, PROMPT, 1, server.draw)
    once = count[0]
    server.by = -1.5
    generate(model, PROMPT, 1, server.draw)
    assert count[0] == 2 * once


@pytest.mark.parametrize("kind", ["Sequential", "functional"])
def test_an_attribute_that_is_set_on_a_model_of_a_graph_is_none_of_its_calls(kind):
    model = keras.Sequential([keras.Input((2,)), L.Dense(2), L.Dense(3)])
    if kind == "functional":
        model = keras.Model(model.inputs, model.outputs)
    outer = keras.Sequential([keras.Input((2,)), model])
    guard = Guard(outer)
    model.epoch, model.names = 1, ["a"]
    outer.epoch = 2
    assert guard.holds()
    model.layers[-1].epoch = 1
    assert not guard.holds()


def test_an_attribute_of_a_model_with_a_call_of_its_own_counts():
    class Scaled(keras.Sequential):
        by = 1.0

        def call(self, x):
            return self.by * super().call(x)

    model = Scaled([keras.Input((2,)), L.Dense(2)])
    guard = Guard(model)
    assert guard.holds()
    model.by = 2.0
    assert not guard.holds()


def test_a_list_that_holds_the_model_does_not_keep_it_alive():
    class Record:
        pass

    model = every_position()
    model.record = record = Record()
    record.models = [model]  # a layer's attribute would be tracked, and no plain list
    model.layers[0].record = record
    generate(model, PROMPT, 1, TemperatureSampler(0))
    gone = weakref.ref(model)
    del model, record
    keras.utils.clear_session()
    gc.collect()
    assert gone() is None


def test_the_generator_of_a_model_is_its_own_and_no_part_of_it(tmp_path):
    model = every_position()
    generator, config = generator_of(model), model.get_config()
    assert generator_of(model) is generator
    model.save(tmp_path / "with.keras")
    others = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), copy.copy(model)]
    others += [keras.models.clone_model(model), keras.models.load_model(tmp_path / "with.keras")]
    alike = every_position()
    vars(alike).update({k: v for k, v in vars(model).items() if k not in vars(alike)})
    assert not any(isinstance(v, Generator) for other in others for v in vars(other).values())
    assert generator_of(alike) is not generator and generator_of(alike)._model() is alike
    assert model.get_config() == config
    assert generator_of(model) is generator


def test_equal_numbers_that_come_and_go_are_not_all_kept():
    owner = Scale(1000.5)
    guard = Guard(owner)
    before = len(guard._refs)
    for _ in range(5):
        owner.factor = float("1000.5")
        assert guard.holds()
    assert len(guard._refs) == before


def test_an_object_that_dies_while_a_guard_looks_is_a_change():
    """It dies between the look at `_died` and its own turn, when a collection runs there."""
    owners = [Scale(1.5), functools.partial(lambda x, y: x, 1).func]
    for owner in owners:
        guard = Guard(owner)
        assert guard.holds()
        guard._died = []  # nobody has said so yet
        guard._attributes = [(lambda: None, *place[1:]) for place in guard._attributes]
        guard._places = [(place[0], lambda: None, *place[2:]) for place in guard._places]
        assert not guard.holds()
