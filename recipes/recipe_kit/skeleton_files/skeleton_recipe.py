"""A recurrent network reads 0s and 1s, and says whether there are more 1s.

What you will see: the accuracy rises from one half to nearly all; and what the network says of bits of
your own. Say here, in the same way, what your recipe shows.

    model         bits x_t -> recurrent layer -> h_T -> p = σ(w·h_T + b), the probability of more 1s
    loss          -(1/N) Σ_n [y_n log p_n + (1 - y_n) log(1 - p_n)], in nats a sequence

After: the lecture and its slide, or the paper, with its equation.

What to expect: the table of what you have recorded with `--record`, and of which machine.

How to run it:

    python recipes/skeleton_recipe.py                 train the `cpu` preset
    python recipes/skeleton_recipe.py --preset smoke  in seconds
    python recipes/skeleton_recipe.py predict 0110111
    python recipes/skeleton_recipe.py --resume        go on after Ctrl-C or a crash

(with .venv/bin/python for `python`, after `make demo`.)
"""

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, before anything else imports it
import keras
import numpy as np
import tensorflow as tf

from recipe_kit import cli, figures
from recipe_kit.cli import setting
from recipe_kit.runs import saved_run
from rnn_kit import callbacks as kit

RECIPE = "skeleton_recipe"
LEDGER = Path(__file__).parent / "results"
TEST_ROWS = 1000


@dataclass(frozen=True)
class Settings:
    """Fields of the presets, each also a flag that overrides them and a line of `--help`."""

    DATA = "data and run"
    FILES = ("curves.png",)  # written beside the files of every run

    length: int = setting(9, "bits of a sequence", cli.int_at_least(1), group=DATA)
    seed: int = setting(0, "of weights and sequences", cli.seed, group=DATA)
    checkpoint_seconds: float = cli.checkpoint_seconds()
    cell: str = setting("lstm", "the recurrent layer", choices=cli.CELLS)
    units: int = setting(16, "of it", cli.positive_int)
    steps: int = setting(50, "batches of an epoch", cli.positive_int)
    batch_size: int = setting(32, "sequences", cli.positive_int)
    epochs: int = setting(10, "of training", cli.positive_int)
    learning_rate: float = setting(1e-2, "of Adam", cli.positive)
    dtype: str = setting("float32", "dtype policy", choices=cli.DTYPES)


PRESETS = {
    "smoke": Settings(length=5, units=4, steps=5, batch_size=8, epochs=2),
    "cpu": Settings(),
}


def load_data(settings):
    """Loads nothing, as the sequences come from the seed. Returns the data's record for a result."""
    what = f"{settings.length} bits, more 1s or not"
    return {"name": what, "sha256": hashlib.sha256(what.encode()).hexdigest()}


def batches(settings, part, first_batch=0):
    """Draws endless batches of one part: 0 trains, 1 validates, 2 tests; batch k from (seed, k)."""
    seed = tf.constant(3 * settings.seed + part, tf.int64)

    def draw(number):
        shape = (settings.batch_size, settings.length)
        bits = tf.random.stateless_uniform(shape, tf.stack([seed, number]), maxval=2, dtype=tf.int32)
        return tf.cast(bits, tf.float32)[..., None], has_more_ones(bits)

    return tf.data.Dataset.counter(first_batch).map(draw).prefetch(2)


def has_more_ones(bits):
    """Returns 1 for each row of bits `(B, T)` with more 1s than 0s, else 0."""
    return tf.cast(2 * tf.reduce_sum(bits, axis=1) > tf.shape(bits)[1], tf.float32)


def build_model(settings):
    """Maps bits `(B, T, 1)` to the probability that there are more 1s, `(B, 1)`."""
    return keras.Sequential(
        [
            keras.Input((None, 1)),
            cli.CELLS[settings.cell](settings.units),
            keras.layers.Dense(1, "sigmoid", dtype="float32", name="probability"),
        ],
        name=RECIPE,
    )


def train(settings, run):
    """Trains. Returns the model, with the weights of its best epoch on validation."""
    checkpoint = kit.Checkpoint(run, settings.checkpoint_seconds)
    model = build_model(settings)
    model.compile(
        keras.optimizers.Adam(settings.learning_rate),
        "binary_crossentropy",
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy")],
    )
    rows = settings.steps * settings.batch_size
    callbacks = [
        kit.Throughput(rows, "sequences"),
        kit.EpochLog(run.append_history, rows),
        kit.StopOnNaN(),
        cli.keep_best(),
    ]
    dataset = batches(settings, 0, checkpoint.first_batch)
    validation = batches(settings, 1).take(settings.steps)
    with cli.saved_on_interrupt(run, lambda: model, "Predict", "predict", "..."):
        checkpoint.fit(
            model, dataset, settings.steps, settings.epochs, callbacks, validation_data=validation
        )
    return model


def evaluate(settings, model):
    """Returns the accuracy on test sequences, which are read once, at the end."""
    count = -(-TEST_ROWS // settings.batch_size)
    right = [
        (model(x, training=False)[:, 0] > 0.5) == (y > 0.5) for x, y in batches(settings, 2).take(count)
    ]
    return float(np.mean(tf.concat(right, axis=0)))


def curves(history, title):
    """Draws the accuracy of training and validation, epoch by epoch."""
    figure = figures.Figure(figsize=(6.4, 4), dpi=150, layout="constrained")
    ax = figure.subplots()
    epochs = [row["epoch"] for row in history]
    for name, column in (("training", "accuracy"), ("validation", "val_accuracy")):
        ax.plot(epochs, [row[column] for row in history], "o-", ms=3.5, label=name)
    ax.set(xlabel="epoch", ylabel="accuracy", title=title)
    ax.legend(frameon=False)
    return figures.caption(figure, "Higher is better; one half is a coin's.")


def run_one(settings, open_run):
    """Runs from the data to the result. Returns the metrics."""
    cli.set_seed_and_dtype(settings)
    info = load_data(settings)
    run = open_run(info)
    cli.report_start(run, f"{info['name']}: {figures.cell_name(settings.cell)} of {settings.units}")
    model = train(settings, run)
    run.save_model(model)
    history = run.history()
    kept = cli.best_row(history)
    metrics = {
        "weights": model.count_params(),
        "epochs": len(history),
        "kept_epoch": kept["epoch"],
        "train_seconds": history[-1]["seconds"],
        "validation_accuracy": kept["val_accuracy"],
        "test_accuracy": evaluate(settings, model),
    }
    run.write_result(info, settings.seed, metrics)
    with cli.drawing():
        figures.save(run, "curves.png", curves(history, info["name"]))
    print(f"\naccuracy on the test sequences: {metrics['test_accuracy']:.3f}")
    cli.report_end(run, "judge with it", "predict", "0110111")
    return metrics


def predict(run, bits):
    """Prints a saved run's answer to bits, a string of 0s and 1s. Returns the probability."""
    x = np.array([[[float(bit)] for bit in bits]], "float32")
    p = float(run.load_model()(x)[0, 0])
    print(f"{bits}: {'more 1s' if p > 0.5 else 'not more 1s'} (p = {p:.3f})")
    return p


def bits_of(text):
    """Parses a string of 0s and 1s: an argument type."""
    if not text or set(text) - {"0", "1"}:
        raise argparse.ArgumentTypeError(f"{text!r} is not a sequence of 0s and 1s, such as 0110111")
    return text


def parse(argv):
    line = cli.CommandLine(f"{RECIPE}.py", __doc__, Settings, PRESETS)
    line.train()
    verb = line.verb("predict", "judge bits with a saved run", saved_run=True)
    verb.add_argument("bits", type=bits_of, metavar="BITS", help="0s and 1s, without spaces")
    return line.parse(argv)


def main(argv=None):
    flags = parse(argv)
    if flags.verb == "predict":
        return predict(saved_run(flags.run, RECIPE), flags.bits)
    return cli.run_seeds(RECIPE, flags, PRESETS, Settings, run_one, LEDGER)


if __name__ == "__main__":
    cli.run_recipe(main)
