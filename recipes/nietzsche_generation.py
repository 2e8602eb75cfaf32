"""A recurrent network reads a text one character at a time and learns to write more of it.

What you will see: the loss falls from log V (every character as likely as any other) to about 1.4 nats
a character, and the samples that are printed on the way turn from noise into words, and then into
sentences that are almost sentences.

    model         ids -> embedding -> LSTM (h, c carried from window to window) -> softmax
    loss          -(1/N) Σ_t log p(c_t | c_1 ... c_(t-1)), in nats a character
    sampling      p_i = exp(a_i / T) / Σ_j exp(a_j / T) at temperatures T of 0.2, 0.5, 1.0, 1.2

After Jian Li, "Deep Learning: RNN" (IIS Tsinghua), the example `lstm_text_generation.py`. That listing
predicts one character a window of 40 and starts every window from zeros. Here every position predicts
its next character and the state is carried on (truncated back-propagation through time): every
character is a target, not every third; a step of the network teaches a character, where the listing
takes 40 steps for one; and what it predicts from is the whole text before, not 40 characters.

What to expect (the last tenth of the text, held out; seed 0; as printed on 2 CPU cores that had other
work as well):

    preset  text                                              nats, bits a character  training
    cpu     Nietzsche, lower case, 57 distinct characters     1.338, 1.931            655 s
    demo    stdlib of Python 3.11.7, 1,500,000 characters     1.261, 1.820            137 s

How to run it:

    python recipes/nietzsche_generation.py                      train the `cpu` preset on Nietzsche
    python recipes/nietzsche_generation.py --preset demo        learn to write Python; no download
    python recipes/nietzsche_generation.py --data my_text.txt   or any other text
    python recipes/nietzsche_generation.py --sample-only --prompt "what is truth"

(with .venv/bin/python for `python`, after `make demo`.)
"""

import argparse
import sys
from dataclasses import dataclass

import quietly  # noqa: F401  TensorFlow, before anything else imports it
import keras
import numpy as np
import tensorflow as tf

import rnn_kit
from rnn_kit import cli, plots
from rnn_kit.callbacks import CarryState, EpochLog, SampleText, StopOnNaN, Throughput
from rnn_kit.datasets import load_text
from rnn_kit.generation import Generator
from rnn_kit.pipelines import stream_dataset
from rnn_kit.runs import HISTORY, Run, describe_machine
from rnn_kit.sampling import TemperatureSampler
from rnn_kit.text import CharVocabulary, split_text, streams

RECIPE = "nietzsche_generation"

CELLS = {
    "lstm": keras.layers.LSTM,
    "peephole": rnn_kit.layers.PeepholeLSTM,
    "gru": keras.layers.GRU,
    "kit-gru": rnn_kit.layers.GRU,
    "simple": keras.layers.SimpleRNN,
}


@dataclass(frozen=True)
class Settings:
    data: str = "nietzsche"
    limit: int | None = None  # characters of the text to use, from its start
    lower: bool = True  # lower-case the text, as the lecture does
    cell: str = "lstm"
    layers: int = 1
    units: int = 384
    embedding: int = 64
    dropout: float = 0.5  # after each recurrent layer
    batch_size: int = 32  # streams that are read side by side
    window: int = 64  # characters that the gradient goes back
    epochs: int = 16
    learning_rate: float = 3e-3  # falls to a hundredth of it along half a cosine
    clip_norm: float = 5.0
    patience: int = 3  # epochs without a better validation loss before training stops
    samples_every: int = 1  # epochs
    prompt: str | None = None  # what samples start from; None: the beginning of the validation part
    temperatures: tuple[float, ...] = (0.2, 0.5, 1.0, 1.2)  # the lecture's
    top_k: int | None = None
    top_p: float | None = None
    length: int = 400  # characters of a sample
    seed: int = 0
    dtype: str = "float32"


PRESETS = {
    "smoke": Settings(
        data="stdlib",
        limit=20_000,
        units=32,
        embedding=16,
        batch_size=16,
        window=25,
        epochs=2,
        length=40,
    ),
    "cpu": Settings(),
    "demo": Settings(
        data="stdlib",
        limit=1_500_000,
        lower=False,
        cell="gru",
        units=256,
        dropout=0.0,
        epochs=4,
        prompt="def ",
        length=300,
    ),
}


@dataclass(frozen=True)
class Text:
    """A text in ids, cut into training, validation and test part."""

    vocabulary: CharVocabulary
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    info: dict


def load_data(settings):
    """The text, its characters numbered, and its last tenth held out; the tenth before validates."""
    text, info = load_text(settings.data, settings.limit)
    if settings.lower:
        text = text.lower()
    vocabulary = CharVocabulary.from_text(text)
    if len(vocabulary) < 2:
        raise cli.UserError(
            f"--data {settings.data}: the text is one character over and over, so there is nothing to "
            "learn. Give a text with at least two."
        )
    train, validation, test = split_text(vocabulary.encode(text))
    batch = settings.batch_size
    for part, ids, needed in (
        ("train on", train, batch * settings.window + 1),
        ("validate on", validation, batch + 1),
    ):
        if len(ids) < needed:
            raise cli.UserError(
                f"--data {settings.data}: {len(text):,} characters leave {len(ids):,} to {part}, and a "
                f"batch of {batch} windows of {settings.window} needs {needed:,}. Give a longer text, "
                "or a smaller --batch-size or --window."
            )
    info["distinct"] = len(vocabulary)
    info |= {"train": len(train), "validation": len(validation), "test": len(test)}
    return Text(vocabulary, train, validation, test, info)


def build_model(settings, vocabulary_size, batch_size=None):
    """Ids `(B, T)` to logits `(B, T, V)`; stateful if the batch size is given."""
    stateful = batch_size is not None
    layers = [
        keras.Input(batch_shape=(batch_size, None), dtype="int32"),
        keras.layers.Embedding(vocabulary_size, settings.embedding),
    ]
    for _ in range(settings.layers):
        cell = CELLS[settings.cell]
        layers.append(cell(settings.units, return_sequences=True, stateful=stateful))
        layers.append(keras.layers.Dropout(settings.dropout))
    layers.append(keras.layers.Dense(vocabulary_size, name="logits", dtype="float32"))
    return keras.Sequential(layers, name="character_model")


def train(settings, text, run):
    """Truncated back-propagation through time over the training part. Returns the trained model."""
    model = build_model(settings, len(text.vocabulary), settings.batch_size)
    dataset, batches = stream_dataset(text.train, settings.batch_size, settings.window, settings.seed)
    window = min(settings.window, (len(text.validation) - 1) // settings.batch_size)
    validation = tf.data.Dataset.from_tensor_slices(
        streams(text.validation, settings.batch_size, window)
    )
    schedule = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate, batches * settings.epochs, alpha=0.01
    )
    model.compile(
        optimizer=keras.optimizers.Adam(schedule, global_clipnorm=settings.clip_norm),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    tokens = batches * settings.batch_size * settings.window
    print(
        f"{settings.layers} x {settings.cell} of {settings.units}, {model.count_params():,} weights; "
        f"{tokens:,} characters an epoch, in {batches} batches of {settings.batch_size} x "
        f"{settings.window}"
    )
    prompt = text.validation[:40]
    if settings.prompt is not None:
        prompt, _ = encode_prompt(settings.prompt, text.vocabulary, settings.lower)
    try:
        model.fit(
            dataset,
            steps_per_epoch=batches,
            epochs=settings.epochs,
            validation_data=validation,
            shuffle=False,
            verbose=0,
            callbacks=[
                CarryState(),
                Throughput(tokens),
                EpochLog(run.append_history, tokens),
                StopOnNaN(),
                SampleText(
                    text.vocabulary.decode,
                    prompt,
                    settings.temperatures,
                    settings.length,
                    settings.samples_every,
                    settings.seed,
                    write=lambda sample: write_sample(run, sample),
                    top_k=settings.top_k,
                    top_p=settings.top_p,
                ),
                keras.callbacks.EarlyStopping(
                    "val_loss", patience=settings.patience, restore_best_weights=True
                ),
            ],
        )
    except KeyboardInterrupt:
        run.save_model(without_states(model, settings))
        again = cli.command("--sample-only", "--run", run.path)
        raise KeyboardInterrupt(
            f"Interrupted. What was learned is saved; write with it: {again}"
        ) from None
    return without_states(model, settings)


def without_states(model, settings):
    """The trained model for any batch size, with no states to carry."""
    free = build_model(settings, model.output_shape[-1])
    free.set_weights(model.get_weights())
    return free


def write_sample(run, sample):
    print(sample, flush=True)
    with open(run.file("samples.txt"), "a", encoding="utf-8") as file:
        file.write(sample + "\n")


def evaluate(model, ids, before):
    """Cross entropy of ids in nats a character, read as one stream: N ids, N predictions.

    `before` is the id that stands before the first, so that the first is predicted too.
    """
    stream = np.concatenate([[before], ids])
    return float(-Generator(model).score(stream[None])[0]) / len(ids)


def encode_prompt(prompt, vocabulary, lower):
    """Ids of a prompt, in what the vocabulary has of it; a line break where it has nothing."""
    prompt = prompt.lower() if lower else prompt
    unseen = vocabulary.unseen(prompt)
    if unseen:
        print(f"Left out of the prompt, not in the text learned from: {' '.join(map(repr, unseen))}")
    prompt = "".join(c for c in prompt if c not in unseen)
    if not prompt:
        start = "\n" if not vocabulary.unseen("\n") else vocabulary.characters[0]
        print(f"Nothing to start from: starting from {start!r}.")
        prompt = start
    return vocabulary.encode(prompt), prompt


def sample(run, settings):
    """Writes on after the prompt, streaming to the terminal, once at each temperature."""
    model = run.load_model()
    vocabulary = CharVocabulary.load(run.file("vocabulary.json"))
    if model.output_shape[-1] != len(vocabulary):
        raise cli.UserError(
            f"{run.path}: the model knows {model.output_shape[-1]} characters and vocabulary.json has "
            f"{len(vocabulary)}. The two are not of one run; train again."
        )
    ids, prompt = encode_prompt(settings.prompt or "\n", vocabulary, settings.lower)
    generator = Generator(model)
    for temperature in settings.temperatures:
        print(f"----- temperature {temperature}")
        sys.stdout.write(prompt)
        sampler = TemperatureSampler(temperature, settings.top_k, settings.top_p, seed=settings.seed)
        for row in generator.stream(ids[None], settings.length, sampler):
            sys.stdout.write(vocabulary.decode(row))
            sys.stdout.flush()
        sys.stdout.write("\n\n")


def parse(argv):
    d = PRESETS["cpu"]
    parser = cli.Parser(
        prog="nietzsche_generation.py",
        description=__doc__,
        epilog="presets:\n"
        + "\n".join(f"  {name:6} {describe(settings)}" for name, settings in PRESETS.items())
        + "\n\nEvery flag overrides its preset's setting.",
    )
    add = parser.add_argument
    add("--preset", choices=PRESETS, default="cpu", help="where the settings start from (default: cpu)")
    group = parser.add_argument_group("data and run")
    add = group.add_argument
    add("--data", help="stdlib, nietzsche, shakespeare, or a text file or folder of your own")
    add("--limit", type=cli.positive_int, help="use this many characters of the text")
    add("--out", help="the run's folder (default: runs/nietzsche_generation/<preset>-<date>-<time>)")
    add("--seed", type=cli.seed, help="of weights, order and samples (default: 0)")
    add(
        "--lower",
        action=argparse.BooleanOptionalAction,
        help="lower-case the text, as the lecture does (cpu: yes)",
    )
    training = parser.add_argument_group("model and training")
    add = training.add_argument
    add("--cell", choices=CELLS, help=f"the recurrent layer (cpu: {d.cell})")
    add("--layers", type=cli.positive_int, help=f"recurrent layers (cpu: {d.layers})")
    add("--units", type=cli.positive_int, help=f"of each (cpu: {d.units})")
    add("--embedding", type=cli.positive_int, help=f"size of a character's vector (cpu: {d.embedding})")
    rate = cli.number_of(lambda x: 0 <= x < 1, "a fraction from 0 to below 1")
    add("--dropout", type=rate, help=f"after each recurrent layer (cpu: {d.dropout})")
    add("--epochs", type=cli.positive_int, help=f"passes over the text (cpu: {d.epochs})")
    add("--batch-size", type=cli.positive_int, help=f"streams side by side (cpu: {d.batch_size})")
    add("--window", type=cli.positive_int, help=f"characters the gradient goes back (cpu: {d.window})")
    positive = cli.number_of(lambda x: x > 0, "a number above 0")
    add("--learning-rate", type=positive, help=f"of Adam at the start (cpu: {d.learning_rate})")
    add("--clip-norm", type=positive, help=f"largest norm of a gradient (cpu: {d.clip_norm})")
    add("--patience", type=cli.positive_int, help=f"epochs without a better one (cpu: {d.patience})")
    add("--dtype", choices=cli.DTYPES, help=f"dtype policy (cpu: {d.dtype})")
    group = parser.add_argument_group("writing")
    add = group.add_argument
    add("--sample-only", action="store_true", help="train nothing: write with a saved run")
    add("--run", help="the saved run's folder (default: the latest)")
    add("--samples-every", type=cli.positive_int, help="epochs between samples (default: 1)")
    cli.add_sampling_flags(group, unit="characters")
    flags = parser.parse_args(argv)
    trains = [
        a.option_strings[0] for a in training._group_actions if getattr(flags, a.dest) is not None
    ]
    if flags.sample_only and trains:
        parser.error(f"--sample-only trains nothing, and {trains[0]} is for training: leave one out")
    if flags.run and not flags.sample_only:
        parser.error("--run names a saved run to write with: add --sample-only")
    return flags


def describe(settings):
    limit = f"{settings.limit:,} characters of " if settings.limit else ""
    return (
        f"{limit}{settings.data}, {settings.layers} x {settings.cell} {settings.units}, "
        f"{settings.epochs} epochs"
    )


def main(argv=None):
    flags = parse(argv)
    if flags.sample_only:
        run = Run.open(flags.run, RECIPE) if flags.run else Run.latest(RECIPE)
        sample(run, cli.override(run.settings(Settings), flags))
        return None

    settings = cli.override(PRESETS[flags.preset], flags)
    keras.utils.set_random_seed(settings.seed)
    keras.config.set_dtype_policy(settings.dtype)

    text = load_data(settings)
    run = Run.create(RECIPE, flags.preset, settings, flags.out)
    text.vocabulary.save(run.file("vocabulary.json"))
    info = text.info
    print(
        f"{info['name']}: {info['characters']:,} characters, {len(text.vocabulary)} distinct; "
        f"training on {info['train']:,}, validating on {info['validation']:,}, "
        f"held out {info['test']:,}"
    )
    print(f"on {describe_machine()}; everything goes to {run.path}")
    model = train(settings, text, run)
    run.save_model(model)

    history = run.history()
    best = min(history, key=lambda row: row["val_loss"])
    test_nats = evaluate(model, text.test, before=text.validation[-1])
    metrics = {
        "epochs": len(history),
        "train_seconds": history[-1]["seconds"],
        "train_nats": best["loss"],
        "validation_nats": best["val_loss"],
        "test_nats": test_nats,
        "test_bits": test_nats / np.log(2),
    }
    run.write_result(info, settings.seed, metrics)
    draw(run, model, text, history)
    print(
        f"\nheld out: {test_nats:.4f} nats ({test_nats / np.log(2):.3f} bits) a character, after "
        f"{history[-1]['seconds']:.0f} s of training (a blind guess among {len(text.vocabulary)} "
        f"characters: {np.log(len(text.vocabulary)):.2f} nats)"
    )
    print(f"written to {run.path}: model.keras, samples.txt, summary.png, {HISTORY}, result.json")
    print("write with it: " + cli.command("--sample-only", "--run", run.path, "--prompt", "..."))
    return metrics


def draw(run, model, text, history):
    context = text.validation[:40]
    logits, _ = Generator(model).prefill(context[None])
    figure = plots.training_summary(
        history,
        logits[0],
        text.vocabulary.characters,
        "…" + text.vocabulary.decode(context[-24:]),
        title=f"{text.info['name']}, one character at a time",
    )
    with run.writing("summary.png") as aside:
        figure.savefig(aside, format="png")


if __name__ == "__main__":
    cli.run_recipe(main)
