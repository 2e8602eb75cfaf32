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

from parts.nietzsche_generation import batches, comparison, listing, optimizers, run_figures, writing
from recipe_kit import cli, figures
from recipe_kit.cli import setting
from recipe_kit.datasets import TEXTS, load_text
from recipe_kit.runs import describe_machine, saved_run
from rnn_kit import callbacks as kit
from rnn_kit import generation, pipelines
from rnn_kit.text import CharVocabulary, split_text

RECIPE = "nietzsche_generation"
LEDGER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Settings:
    DATA, WRITING = "data and run", "writing"
    FILES = "vocabulary.json", "loss.png", "temperatures.png"

    data: str = cli.data(
        "nietzsche", "nietzsche, shakespeare, stdlib, or a text file or folder of your own", TEXTS
    )
    encoding: str | None = cli.encoding()
    limit: int | None = setting(None, "characters of the text to use", cli.positive_int, group=DATA)
    lower: bool = setting(
        False, "lower-case the text; by a preset, its own text alone", group=DATA, of_data=True
    )
    seed: int = setting(0, "of weights, order and samples", cli.seed, group=DATA)
    distribute: bool = cli.distribute()
    checkpoint_seconds: float = cli.checkpoint_seconds()
    many_to_many: bool = setting(True, "predict after every character of a window, not after its last")
    cell: str = setting("lstm", "the recurrent layer", choices=cli.CELLS)
    layers: int = setting(1, "recurrent layers", cli.positive_int)
    units: int = setting(320, "of each", cli.positive_int)
    embedding: int | None = setting(
        64, "size of a character's vector", cli.positive_int
    )  # None: one-hot
    dropout: float = setting(0.4, "after each recurrent layer", cli.fraction)
    batch_size: int = setting(64, "windows side by side, halved for a small text", cli.positive_int)
    window: int = setting(32, "characters that the gradient goes back", cli.positive_int)
    step: int = setting(3, "characters between windows that predict one", cli.positive_int)
    epochs: int = setting(18, "passes over the text", cli.positive_int)
    optimizer: str = setting("adam", "how gradients become steps", choices=("adam", "rmsprop"))
    learning_rate: float = setting(8e-3, "at the start", cli.positive)
    schedule: str = setting(
        "cosine",
        "of the learning rate: constant; half a cosine, down to a hundredth; late, x 0.97 an epoch "
        "from the tenth on",
        choices=("constant", "cosine", "late"),
    )
    clip_norm: float | None = setting(5.0, "largest norm of a gradient", cli.positive)
    patience: int | None = setting(3, "epochs without a better one before it stops", cli.positive_int)
    dtype: str = setting("float32", "dtype policy", choices=cli.DTYPES)
    samples_every: int = setting(1, "epochs between samples", cli.positive_int, group=WRITING)
    prompt: str | None = setting(
        None,
        "what to start from (default: a line break; in training, some of its text)",
        group=WRITING,
        of_data=True,
    )
    temperatures: tuple[float, ...] = setting(
        (0.2, 0.5, 1.0, 1.2),
        "0 takes the likeliest, low is safe, high is wild; several stand side by side",
        cli.temperature,
        flag="--temperature",
        group=WRITING,
    )
    top_k: int | None = setting(
        None, "draw from the k likeliest alone", cli.positive_int, group=WRITING
    )
    top_p: float | None = setting(
        None, "draw from the smallest set with this probability", cli.probability, group=WRITING
    )
    length: int = setting(400, "characters to write", cli.positive_int, group=WRITING)


# fmt: off
PRESETS = {
    "smoke": Settings(
        data="stdlib", limit=20_000, units=32, embedding=16, batch_size=16, window=25, epochs=2,
        length=40,
    ),
    "lecture": Settings(
        lower=True, many_to_many=False, units=128, embedding=None, dropout=0.0, batch_size=128,
        window=40, epochs=59, optimizer="rmsprop", learning_rate=0.01, schedule="constant",
        clip_norm=None, patience=None,
    ),
    "cpu": Settings(lower=True),
    "demo": Settings(
        data="stdlib", limit=1_500_000, cell="gru", units=256, dropout=0.0, batch_size=32,
        window=64, epochs=4, learning_rate=3e-3, prompt="def ", length=300,
    ),
    # Sizes of Karpathy, Johnson and Li 2015 (arXiv:1506.02078), optimizer of char-rnn's train.lua.
    "paper": Settings(
        layers=2, units=512, embedding=None, batch_size=100, window=100, epochs=50,
        optimizer="rmsprop", learning_rate=2e-3, schedule="late", patience=5,
    ),
}
# fmt: on


@dataclass(frozen=True)
class Text:
    """A text in ids, cut into training, validation and test part, and how it is to be read."""

    vocabulary: CharVocabulary
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    info: dict  # name, hash, sizes; batch_size and window, which a small text makes smaller


def load_data(settings):
    """The text, its characters numbered, and its last tenth held out; the tenth before validates."""
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
    """Ids `(B, T)` to logits `(B, T, V)`, or `(B, V)` many to one; stateful if given the batch size."""
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
    """Back-propagation through time, truncated at the window. Returns the trained model."""
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
    callbacks = [
        kit.Throughput(targets),
        log,
        kit.StopOnNaN(),
        samples,
    ]
    if settings.many_to_many:
        callbacks.insert(0, kit.CarryState())
    if settings.patience:
        callbacks.append(kit.EarlyStopping(patience=settings.patience, restore_best_weights=True))
    try:
        checkpoint.fit(model, dataset, steps, settings.epochs, callbacks, validation_data=validation)
    except KeyboardInterrupt:
        run.save_model(without_states(model, settings))
        again = cli.command("sample", "--run", run.path)
        raise KeyboardInterrupt(f"Interrupted.\nWrite with what was learned: {again}") from None
    return without_states(model, settings)


def without_states(model, settings):
    """The trained model for any batch size, with no states to carry."""
    free = build_model(settings, model.output_shape[-1])
    free.set_weights(model.get_weights())
    return free


def generator_of(model, settings, window):
    """What writes with a model: carrying its states, or sliding the window that it predicts from."""
    return (
        generation.Generator(model)
        if settings.many_to_many
        else generation.WindowGenerator(model, window)
    )


def evaluate(model, settings, text):
    """Cross entropy of the test part in nats a character: N characters, N predictions.

    Many to many they are one stream; many to one, each is predicted from the window before it, which
    for the first ones reaches back into the validation part.
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
    """One run from its data to its result. Returns the metrics."""
    keras.utils.set_random_seed(settings.seed)
    keras.config.set_dtype_policy(settings.dtype)
    text = load_data(settings)
    cli.check_devices(settings, text.info["batch_size"])
    run = open_run(text.info)
    run.save_vocabulary(text.vocabulary)
    info = text.info
    print(
        f"{info['name']}{', in lower case' * settings.lower}: {info['characters']:,} characters, "
        f"{len(text.vocabulary)} distinct; training on {info['train']:,}, validating on "
        f"{info['validation']:,}, held out {info['test']:,}"
    )
    for note in cli.text_notes(info):
        print(note)
    if (info["batch_size"], info["window"]) != (settings.batch_size, settings.window):
        print(
            f"A small text: read in batches of {info['batch_size']} windows of {info['window']}, "
            f"not of {settings.batch_size} of {settings.window}."
        )
    print(f"on {describe_machine()}; everything goes to {run.path}")

    model = train(settings, text, run)
    run.save_model(model)
    generator = generator_of(model, settings, info["window"])
    history = run.history()
    kept = min(history, key=lambda row: row["val_loss"]) if settings.patience else history[-1]
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
    print(
        f"\nheld out: {test_nats:.4f} nats ({metrics['test_bits']:.3f} bits) a character, after "
        f"{metrics['train_seconds']:.0f} s of training (a blind guess among {len(text.vocabulary)} "
        f"characters: {np.log(len(text.vocabulary)):.2f} nats)"
    )
    if known:
        print(
            f"of words of four letters and more that it writes at temperature {writing.TEMPERATURE}, "
            f"{known[0]:.1%} are in the text it learned from (of the validation "
            f"text's own words: {known[1]:.1%})"
        )
    if verdict := comparison.verdict(histories):
        print(verdict)
    print(f"written to {run.path}: {', '.join(run.names())}")
    print("write with it: " + cli.command("sample", "--run", run.path, "--prompt", "..."))
    return metrics


def sample(run, settings, interactive=False):
    """Writes on after the prompt, or after one prompt after the other, with a saved run."""
    model = run.load_model()
    vocabulary = CharVocabulary.load(run.file("vocabulary.json"))
    if model.output_shape[-1] != len(vocabulary):
        raise cli.UserError(
            f"{run.path}: the model knows {model.output_shape[-1]} characters and vocabulary.json has "
            f"{len(vocabulary)}. The two are not of one run; train again."
        )
    window = (run.config.get("data") or {}).get("window", settings.window)
    generator = generator_of(model, settings, window)
    writing.write(generator, vocabulary, settings, interactive)


def against_the_listing(settings):
    """The listing's way of writing and its arrays, measured against this recipe's."""
    text = load_data(settings)
    keras.utils.set_random_seed(settings.seed)
    every, last = (
        build_model(dataclasses.replace(settings, many_to_many=many), len(text.vocabulary))
        for many in (True, False)
    )
    return listing.measure_and_report(every, last, text, settings.window, settings.step)


def parse(argv):
    formerly = {
        "--sample-only": "sample",
        "--interactive": "sample --interactive",
        "--against-listing": "measure",
    }
    line = cli.CommandLine(f"{RECIPE}.py", __doc__, Settings, PRESETS, formerly)
    line.train()
    sample = line.verb("sample", "write with a saved run", {"writing"}, also={"seed"}, saved_run=True)
    sample.add_argument("--interactive", action="store_true", help="ask for one prompt after the other")
    line.verb(
        "measure",
        "measure the listing's way of writing and its arrays against this one's",
        {"data and run"},
        without={"distribute", "checkpoint_seconds"},
    )
    return line.parse(argv)


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
