"""A recurrent network reads a text one character at a time and learns to write more of it.

What you will see: the loss falls from log V (every character as likely as any other) to about 1.3 nats
a character, and the samples that are printed on the way turn from noise into words, and then into
sentences that are almost sentences.

    model         ids -> embedding -> LSTM (h, c carried from window to window) -> softmax
    loss          -(1/N) Σ_t log p(c_t | c_1 ... c_(t-1)), in nats a character
    sampling      p_i = exp(a_i / T) / Σ_j exp(a_j / T) at temperatures T of 0.2, 0.5, 1.0, 1.2

After Jian Li, "Deep Learning: RNN" (IIS Tsinghua), the example `lstm_text_generation.py`. That listing
predicts one character from a window of 40 and starts every window from zeros: `--preset lecture`. In
the other presets every position predicts its next character and the state is carried on (truncated
back-propagation through time): every character is a target, not every third; a step of the network
teaches a character, where the listing takes 40 steps for one; and what it predicts from is the whole
text before, not 40 characters.

What to expect of the last tenth of the text, held out, and of 2 CPU cores:

    preset               text                                   nats, bits a character     training
    cpu                  Nietzsche, lower case, 57 characters   1.323 ± 0.003, 1.908       386 s
                                                                (seeds 0, 1, 2)
    lecture, 10 epochs   Nietzsche, lower case                  1.561, 2.253 (seed 0)      546 s
    demo                 stdlib of Python 3.11.7, 1.5 million   1.262, 1.820 (seed 0)      356 s

and of the words of four letters and more that it then writes, how many its text has: 82 % for the
lecture's network, 98 % for `demo` (of what was held out itself, 90 % and 88 %).

`paper` is for a GPU, and has no recorded figure yet.

How to run it:

    python recipes/nietzsche_generation.py                     train the `cpu` preset on Nietzsche
    python recipes/nietzsche_generation.py --preset lecture    the listing's own settings
    python recipes/nietzsche_generation.py --preset demo       learn to write Python; no download
    python recipes/nietzsche_generation.py --data my_text.txt  or any other text, or a folder of them;
                                                                as it is, or with --lower in lower case
    python recipes/nietzsche_generation.py sample --prompt "what is truth"
    python recipes/nietzsche_generation.py sample --interactive  a prompt, a text, a prompt ...
    python recipes/nietzsche_generation.py --resume              go on after Ctrl-C or a crash

(with .venv/bin/python for `python`, after `make demo`.)
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, before anything else imports it
import keras
import numpy as np

from parts.nietzsche_generation import (
    batches,
    command_line,
    comparison,
    listing,
    optimizers,
    run_figures,
    writing,
)
from parts.nietzsche_generation.settings import PRESETS, Settings
from recipe_kit import cli, figures
from recipe_kit.datasets import load_text
from recipe_kit.runs import saved_run
from rnn_kit import callbacks as kit
from rnn_kit import generation, pipelines
from rnn_kit.text import CharVocabulary, split_text

RECIPE = "nietzsche_generation"
LEDGER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Text:
    """A text in ids, split into training, validation and test part, and its reading parameters."""

    vocabulary: CharVocabulary
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    info: dict  # name, hash, sizes; batch_size and window, smaller for a small text


def load_data(settings):
    """Loads the text in ids; the last tenth is the test part, the tenth before it validates."""
    text, info = load_text(settings.data, settings.limit, settings.encoding)
    if settings.lower:
        text = text.lower()
    vocabulary = CharVocabulary.from_text(text)
    if len(vocabulary) < 2:
        raise cli.UserError(
            f"--data {settings.data}: the text is one character over and over, so there is nothing to "
            "learn. Give a text with at least two."
        )
    train, validation, test = split_text(vocabulary.encode(text))
    if len(train) < 2 or not len(validation):
        raise cli.UserError(
            f"--data {settings.data}: {len(text):,} characters leave {len(train):,} to train on, "
            f"{len(validation):,} to validate on and {len(test):,} to hold out, and 2, 1 and 1 are the "
            "least. Give a longer text."
        )
    batch_size, window = batches.batch_and_window(settings, len(train), len(validation))
    info |= {"distinct": len(vocabulary), "batch_size": batch_size, "window": window}
    info |= {"train": len(train), "validation": len(validation), "test": len(test)}
    return Text(vocabulary, train, validation, test, info)


def build_model(settings, vocabulary_size, batch_size=None):
    """Maps ids `(B, T)` to logits `(B, T, V)`, or `(B, V)` many to one; stateful with a batch size."""
    stateful = batch_size is not None
    model = keras.Sequential(name="character_model")
    model.add(keras.Input((None,), batch_size, dtype="int32"))
    if settings.embedding:
        model.add(keras.layers.Embedding(vocabulary_size, settings.embedding))
    else:  # row i of the identity: the one-hot vector of i, looked up where it is needed
        one_hot = {"embeddings_initializer": "identity", "trainable": False, "name": "one_hot"}
        model.add(keras.layers.Embedding(vocabulary_size, vocabulary_size, **one_hot))
    for layer in range(settings.layers):
        sequences = settings.many_to_many or layer + 1 < settings.layers
        cell = cli.CELLS[settings.cell]
        model.add(cell(settings.units, return_sequences=sequences, stateful=stateful))
        if settings.dropout:
            model.add(keras.layers.Dropout(settings.dropout))
    model.add(keras.layers.Dense(vocabulary_size, name="logits", dtype="float32"))
    return model


def train(settings, text, run):
    """Trains by back-propagation through time, truncated at the window. Returns the model."""
    vocabulary_size, window = len(text.vocabulary), text.info["window"]
    checkpoint = kit.Checkpoint(run, settings.checkpoint_seconds)
    dataset, steps, targets, validation = batches.training_data(settings, text, checkpoint.first_batch)
    strategy = cli.strategy(settings)
    rows = text.info["batch_size"] // strategy.num_replicas_in_sync
    with strategy.scope():
        model = build_model(settings, vocabulary_size, rows if settings.many_to_many else None)
        model.compile(
            optimizers.build(settings, steps),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
    weights = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    print(
        f"{settings.layers} x {figures.cell_name(settings.cell)} of {settings.units}, {weights:,} "
        f"weights; {targets:,} characters predicted an epoch, in {steps} batches of "
        f"{text.info['batch_size']} windows of {window}"
    )
    log = kit.EpochLog(run.append_history, targets)
    samples = kit.SampleText(
        text.vocabulary.decode,
        writing.training_prompts(settings, text.vocabulary, text.train),
        settings.temperatures,
        settings.length,
        settings.samples_every,
        settings.seed,
        write=lambda sample: (print(sample, flush=True), run.append_sample(sample)),
        top_k=settings.top_k,
        top_p=settings.top_p,
        generator=lambda model: generator_of(model, settings, window),
    )
    callbacks = [kit.Throughput(targets), log, kit.StopOnNaN(), samples]
    if settings.many_to_many:
        callbacks.insert(0, kit.CarryState())
    if settings.patience:
        callbacks.append(cli.keep_best(patience=settings.patience))
    with cli.saved_on_interrupt(run, lambda: without_states(model, settings), "Write", "sample"):
        checkpoint.fit(model, dataset, steps, settings.epochs, callbacks, validation_data=validation)
    return without_states(model, settings)


def without_states(model, settings):
    """Returns the trained model for any batch size, with no states to carry."""
    free = build_model(settings, model.output_shape[-1])
    free.set_weights(model.get_weights())
    return free


def generator_of(model, settings, window):
    """Returns a generator for a model: it carries the states, or slides the window over the text."""
    return (
        generation.Generator(model)
        if settings.many_to_many
        else generation.WindowGenerator(model, window)
    )


def evaluate(model, settings, text):
    """Computes the cross entropy of the test part in nats a character: N characters, N predictions.

    Many to many, they are one stream; many to one, each is predicted from the window before it, which
    for the first ones extends into the validation part.
    """
    if settings.many_to_many:
        stream = np.concatenate([text.validation[-1:], text.test])
        return float(-generation.Generator(model).score(stream[None])[0]) / len(text.test)
    window = text.info["window"]
    before = np.concatenate([text.train, text.validation])[-window:]
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    windows = pipelines.ordered_windows(np.concatenate([before, text.test]), 1024, window)
    return float(model.evaluate(windows, verbose=0))


def run_one(settings, open_run):
    """Runs from the data to the result. Returns the metrics."""
    cli.set_seed_and_dtype(settings)
    text = load_data(settings)
    cli.check_devices(settings, text.info["batch_size"])
    run = open_run(text.info)
    run.save_vocabulary(text.vocabulary)
    info = text.info
    cli.report_start(run, *batches.described(settings, text))
    model = train(settings, text, run)
    run.save_model(model)
    generator = generator_of(model, settings, info["window"])
    history = run.history()
    kept = cli.best_row(history) if settings.patience else history[-1]
    test_nats = evaluate(model, settings, text)
    known = writing.known_words(generator, text, settings.seed)
    metrics = {
        "epochs": len(history),
        "kept_epoch": kept["epoch"],
        "train_seconds": history[-1]["seconds"],
        "train_nats": kept["loss"],
        "validation_nats": kept["val_loss"],
        "test_nats": test_nats,
        "test_bits": test_nats / np.log(2),
    }
    if known:
        metrics |= {"written_known_words": known[0], "validation_known_words": known[1]}
    run.write_result(info, settings.seed, metrics)
    histories = comparison.comparable_runs(run, PRESETS)
    context = text.validation[: writing.SEED_LENGTH]
    with cli.drawing():
        run_figures.draw(run, generator, text.vocabulary, context, histories)
    writing.report(metrics, text.vocabulary)
    if verdict := comparison.verdict(histories):
        print(verdict)
    cli.report_end(run, "write with it", "sample", "--prompt", "...")
    return metrics


def sample(run, settings, interactive=False):
    """Continues the prompt, or one prompt after another, with a saved run."""
    model, vocabulary = run.load_model(), CharVocabulary.load(run.file("vocabulary.json"))
    run.check_vocabulary(model.output_shape[-1], len(vocabulary), "characters")
    window = (run.config.get("data") or {}).get("window", settings.window)
    generator = generator_of(model, settings, window)
    writing.write(generator, vocabulary, settings, interactive)


def against_the_listing(settings):
    """Measures the listing's way of writing and its arrays against this recipe's."""
    text = load_data(settings)
    keras.utils.set_random_seed(settings.seed)
    every, last = (
        build_model(dataclasses.replace(settings, many_to_many=many), len(text.vocabulary))
        for many in (True, False)
    )
    return listing.measure_and_report(every, last, text, settings.window, settings.step)


def parse(argv):
    return command_line.parse(argv, RECIPE, __doc__)


def main(argv=None):
    flags = parse(argv)
    if flags.verb == "sample":
        run = saved_run(flags.run, RECIPE)
        sample(run, cli.override(run.settings(Settings), flags), flags.interactive)
        return None
    if flags.verb == "measure":
        return against_the_listing(cli.override(PRESETS["lecture"], flags))
    return cli.run_seeds(RECIPE, flags, PRESETS, Settings, run_one, LEDGER)


if __name__ == "__main__":
    cli.run_recipe(main)
