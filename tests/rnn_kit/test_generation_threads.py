"""Several threads at one generator write what one thread writes."""

import sys
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_kit.generation import Generator, WindowGenerator, beam_search, generate
from rnn_kit.inspection import gradients_over_time
from rnn_kit.layers import GRU, PeepholeLSTM
from rnn_kit.sampling import TemperatureSampler

L = keras.layers
V, THREADS = 9, 8
PROMPTS = np.random.default_rng(0).integers(0, V, (THREADS, 2, 3))


@pytest.fixture(autouse=True)
def often_switched():
    """Threads take turns fifty times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


def model_of(*recurrent):
    model = keras.Sequential(
        [keras.Input((None,), dtype="int32"), L.Embedding(V, 4), *recurrent, L.Dense(V)]
    )
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 1, weight.shape))
    return model


def two_layers():
    return model_of(PeepholeLSTM(5, return_sequences=True, unroll=True), GRU(5, return_sequences=True))


def at_once(function):
    """What `function(0)`, `function(1)` ... give in threads that start together."""
    together = threading.Barrier(THREADS)
    results, errors = [None] * THREADS, []

    def run(i):
        try:
            together.wait()
            results[i] = function(i)
        except Exception as error:  # a thread's own would only be printed
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return results


def step_of(generator):
    def step(ids, state):
        logits, state = generator.step(ids, state)
        return tf.nn.log_softmax(logits), state

    return step


WAYS = {
    "a generator": lambda model: Generator(model).generate,
    "generate": lambda model: lambda *args: generate(model, *args),
    "a window": lambda model: WindowGenerator(model, 4).generate,
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_threads_write_what_one_writes(way):
    def model():
        return model_of(GRU(5)) if way == "a window" else two_layers()

    write = WAYS[way](model())  # fresh: nothing is compiled
    samplers = [TemperatureSampler(0.8, seed=i) for i in range(2)]

    def greedy_and_drawn(i):
        greedy = write(PROMPTS[i], 6, _argmax)
        return greedy, write(PROMPTS[i], 6, samplers[i]) if i < 2 else None

    found = at_once(greedy_and_drawn)
    alone = WAYS[way](model())
    for i, (greedy, drawn) in enumerate(found):
        np.testing.assert_array_equal(greedy, alone(PROMPTS[i], 6, _argmax))
        if drawn is not None:
            expected = alone(PROMPTS[i], 6, TemperatureSampler(0.8, seed=i))
            np.testing.assert_array_equal(drawn, expected)


def _argmax(logits):
    return tf.argmax(logits, axis=-1)


@pytest.mark.slow
def test_threads_step_score_and_stream_through_one_generator():
    generator = Generator(two_layers())

    def use(i):
        _, state = generator.prefill(PROMPTS[i])
        logits, _ = generator.step(PROMPTS[i][:, 0], state)
        rows = list(generator.stream(PROMPTS[i], 5, _argmax))
        return np.asarray(logits), generator.score(PROMPTS[i]), np.stack(rows, 1)

    found = at_once(use)
    for i, results in enumerate(found):
        for ours, alone in zip(results, use(i), strict=True):
            np.testing.assert_allclose(ours, alone, atol=1e-6)


@pytest.mark.slow
def test_threads_that_share_a_sampler_never_draw_the_same_numbers():
    model = two_layers()
    sampler = TemperatureSampler(3.0, seed=1)
    found = at_once(lambda i: generate(model, PROMPTS[0], 20, sampler))
    again = TemperatureSampler(3.0, seed=1)
    alone = [generate(model, PROMPTS[0], 20, again) for _ in range(THREADS)]
    assert sorted(text.tolist() for text in found) == sorted(text.tolist() for text in alone)


def test_threads_search_what_one_finds():
    generator = Generator(two_layers())
    step = step_of(generator)

    def search(i):
        return beam_search(step, generator.initial_state(2), PROMPTS[i][:, 0], 0, 2, 5)

    for i, (ids, scores) in enumerate(at_once(search)):
        expected_ids, expected = search(i)
        np.testing.assert_array_equal(ids, expected_ids)
        np.testing.assert_allclose(scores, expected, rtol=1e-5)


@pytest.mark.slow
def test_threads_that_look_into_a_model_do_not_disturb_those_that_write():
    model = two_layers()
    alone = generate(two_layers(), PROMPTS[0], 6, _argmax)
    expected = gradients_over_time(two_layers(), PROMPTS[0], keras.ops.sum, 1).states["h"]

    def use(i):
        if i % 2:
            return gradients_over_time(model, PROMPTS[0], keras.ops.sum, 1).states["h"]
        return generate(model, PROMPTS[0], 6, _argmax)

    for i, found in enumerate(at_once(use)):
        if i % 2:
            np.testing.assert_allclose(found, expected, atol=1e-5)
        else:
            np.testing.assert_array_equal(found, alone)
    assert all("inner_loop" not in vars(layer) for layer in model.layers)
