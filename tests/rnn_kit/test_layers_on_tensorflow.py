"""The layers compiled, saved, exported, and loaded by a process that has only `import rnn_kit`."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import rnn_kit
from rnn_kit.layers import GRU, GRUCell, PeepholeLSTM, PeepholeLSTMCell

FORMS = {
    "lstm": lambda **kw: PeepholeLSTM(4, peephole_initializer="random_normal", **kw),
    "gru": lambda **kw: GRU(4, **kw),
    "gru-before-write": lambda **kw: GRU(4, reset_gate="before", update_gate="write", **kw),
    "gru-None": lambda **kw: GRU(4, reset_gate=None, **kw),
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_eager_graph_and_xla_agree_for_any_batch_and_time(form, rng):
    layer = FORMS[form](return_sequences=True)
    layer.build((None, None, 3))
    graph = tf.function(layer, input_signature=[tf.TensorSpec([None, None, 3])])
    xla = tf.function(layer, jit_compile=True)
    for batch, time in ((1, 1), (2, 7), (5, 3)):
        x = tf.constant(rng.normal(size=(batch, time, 3)), tf.float32)
        np.testing.assert_allclose(graph(x), layer(x), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(xla(x), layer(x), rtol=1e-5, atol=1e-6)
    assert graph.experimental_get_tracing_count() == 1


@pytest.mark.slow
@pytest.mark.parametrize(("jit_compile", "dropout"), [(False, 0.3), (True, 0.0)])
def test_training_with_masks_is_the_same_compiled_and_eager(jit_compile, dropout, rng):
    # XLA draws other random numbers than TensorFlow does, so dropout is not compared there.
    ids = rng.integers(0, 9, (8, 6))

    def losses(**how):
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [
                keras.Input((None,), dtype="int32"),
                keras.layers.Embedding(9, 3, mask_zero=True),
                PeepholeLSTM(
                    4, return_sequences=True, dropout=dropout, recurrent_dropout=dropout, seed=1
                ),
                GRU(4, dropout=dropout, seed=2),
                keras.layers.Dense(1),
            ]
        )
        model.compile(keras.optimizers.Adam(0.01), "mse", **how)
        history = model.fit(
            ids, ids[:, :1].astype("float32"), epochs=2, batch_size=4, shuffle=False, verbose=0
        )
        return history.history["loss"]

    expected = losses(run_eagerly=True)
    np.testing.assert_allclose(losses(jit_compile=jit_compile), expected, rtol=1e-3)


def _models():
    """One model for each way to build one, by name."""
    inputs = keras.Input((None, 3))
    h, *state = PeepholeLSTM(4, return_sequences=True, return_state=True, dropout=0.1)(inputs)
    h = GRU(4, reset_gate="before", return_sequences=True)(h)
    h = PeepholeLSTM(4)(h, initial_state=state)
    functional = keras.Model(inputs, keras.layers.Dense(2)(h))
    wrapped = keras.Sequential(
        [
            keras.Input((None, 3)),
            keras.layers.Masking(),
            keras.layers.Bidirectional(PeepholeLSTM(4, return_sequences=True, use_bias=False)),
            keras.layers.Bidirectional(
                GRU(4, reset_gate=None, update_gate="write", kernel_regularizer="l2")
            ),
        ]
    )
    cells = keras.Sequential(
        [
            keras.Input((None, 3)),
            keras.layers.RNN(PeepholeLSTMCell(4), return_sequences=True),
            keras.layers.RNN([GRUCell(4, reset_gate="before"), PeepholeLSTMCell(3)]),
        ]
    )
    stateful = keras.Sequential(
        [
            keras.Input(batch_shape=(2, None, 3)),
            GRU(4, stateful=True, return_sequences=True),
            PeepholeLSTM(4, stateful=True, dtype="mixed_float16", output_activation=None),
        ]
    )
    distributed = keras.Sequential(
        [
            keras.Input((None, 3)),
            keras.layers.Reshape((-1, 3, 1)),
            keras.layers.TimeDistributed(GRU(2)),
            PeepholeLSTM(2),
        ]
    )
    models = {
        "functional": functional,
        "wrapped": wrapped,
        "cells": cells,
        "stateful": stateful,
        "distributed": distributed,  # not exported below: Keras 3.15's own fails with a dynamic time
    }
    for model in models.values():
        rng = np.random.default_rng(0)
        model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
    return models


_LOAD = """
import json, sys
import numpy as np
import keras
import rnn_kit
x = np.load(sys.argv[1])
answers = {}
for path in sys.argv[2:]:
    answers[path] = np.asarray(keras.models.load_model(path)(x), "float32").tolist()
print(json.dumps(answers))
"""


@pytest.mark.slow
def test_saved_models_load_in_a_fresh_process_with_import_rnn_kit_alone(tmp_path, rng):
    x = rng.normal(size=(2, 5, 3)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    expected = {}
    for name, model in _models().items():
        path = str(tmp_path / f"{name}.keras")
        model.save(path)
        expected[path] = np.asarray(model(x), "float32")
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, str(tmp_path / "x.npy"), *expected],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    for path, answer in answers.items():
        np.testing.assert_allclose(answer, expected[path], rtol=1e-5, atol=1e-6, err_msg=path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["functional", "wrapped", "cells"])
def test_an_exported_model_serves_the_same_numbers(name, tmp_path, rng):
    model = _models()[name]
    model.export(str(tmp_path / "served"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    for batch, time in ((1, 4), (3, 2)):
        x = rng.normal(size=(batch, time, 3)).astype("float32")
        np.testing.assert_allclose(served.serve(x), model(x), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_importing_the_kit_under_another_backend_leaves_tensorflow_alone():
    pytest.importorskip("jax", reason="JAX is not installed: the import under it cannot be tried")
    code = (
        "import sys, rnn_kit, rnn_kit.convert, rnn_kit.text; rnn_kit.layers.GRU(2);"
        "sys.exit('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "KERAS_BACKEND": "jax"}, timeout=120
    )
    assert done.returncode == 0


def test_the_public_names_are_there():
    for name in rnn_kit.__all__:
        assert getattr(rnn_kit, name).__doc__
    assert set(rnn_kit.__all__) <= set(dir(rnn_kit))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = rnn_kit.nothing
