"""States on several devices: each device's rows are kept, restored and carried as its own."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from rnn_kit import distribution

RESUMED = """
import dataclasses, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras, numpy as np
from rnn_kit import callbacks as kit, distribution
from rnn_kit.pipelines import stream_dataset
from recipe_kit.runs import Run
from rnn_kit.text import streams

L, B, V = keras.layers, 4, 7
ids = np.random.default_rng(0).integers(0, V, 400).astype("int32")
held_out = streams(ids[:41], B, 5)

@dataclasses.dataclass(frozen=True)
class Settings:
    seed: int = 0

class Stop(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 6:
            raise KeyboardInterrupt

def train(run, strategy, *more):
    checkpoint = kit.Checkpoint(run, every=0)
    dataset, batches = stream_dataset(ids, B, 5, 0, checkpoint.first_batch)
    keras.utils.set_random_seed(1)
    with strategy.scope():
        rows = B // strategy.num_replicas_in_sync
        model = keras.Sequential([
            keras.Input((None,), rows, dtype="int32"), L.Embedding(V, 3),
            L.GRU(4, return_sequences=True, stateful=True), L.Dense(V)])
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    validation = tf.data.Dataset.from_tensor_slices(held_out)
    try:
        history = checkpoint.fit(
            model, dataset, batches, 2, [kit.CarryState(), *more], validation_data=validation).history
    except KeyboardInterrupt:
        history = None
    states = distribution.gather(model.layers[1].states[0])
    return history, states, model.get_weights()

two, one = distribution.local_devices(), tf.distribute.get_strategy()
settings = Settings()
straight = train(Run.create("t", "p", settings, sys.argv[1] + "/straight"), two)
alone = train(Run.create("t", "p", settings, sys.argv[1] + "/alone"), one)
run = Run.create("t", "p", settings, sys.argv[1] + "/stopped")
train(run, two, Stop())
same = train(Run.open(run.path, "t"), two)
assert straight[1].shape == alone[1].shape == (B, 4)
for name, exact, (history, states, weights), other in (
    ("resumed", True, same, straight), ("one", False, alone, straight)
):
    check = np.testing.assert_array_equal if exact else np.testing.assert_allclose
    kwargs = {} if exact else {"rtol": 1e-4, "atol": 1e-6}
    check(states, other[1], **kwargs)
    for a, b in zip(weights, other[2], strict=True):
        check(a, b, **kwargs)
    check(history["val_loss"][-1], other[0]["val_loss"][-1], **kwargs)

# A run that was stopped on two devices goes on on one.
run = Run.create("t", "p", settings, sys.argv[1] + "/moved")
train(run, two, Stop())
moved = train(Run.open(run.path, "t"), one)
np.testing.assert_allclose(moved[1], straight[1], rtol=1e-4, atol=1e-6)
print("as it would have been")
"""


@pytest.mark.slow
def test_a_resumed_stateful_training_on_two_devices_ends_as_an_unbroken_one(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", RESUMED, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("as it would have been\n")


def test_without_a_strategy_a_variable_is_its_only_copy():
    variable = keras.Variable(np.arange(6.0).reshape(3, 2))
    assert [copy.shape for copy in distribution.replica_values(variable)] == [(3, 2)]
    distribution.scatter(variable, distribution.gather(variable) + 1)
    np.testing.assert_array_equal(np.asarray(variable), np.arange(1.0, 7).reshape(3, 2))
