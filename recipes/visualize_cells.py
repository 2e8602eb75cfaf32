"""A recurrent network learns to predict Python source, and its cells are searched for what they follow.

What you will see: a table of properties of the text (inside quotes or brackets, inside a comment or the
body of an `if`, indentation, position in the line), each with the cell that follows it best; a page,
`cells.html`, on which any cell can be chosen and the text is coloured by its state; strips of text in
the colours of the best cells, `cells.png`; and how often each gate is shut or open, `saturation.png`.

    h_t, c_t = cell(x_t, h_(t-1), c_(t-1))      one number h and c a cell and character
    AUC          P(cell higher where the property holds than where it does not); 0.5 knows nothing
    r            correlation of the cell with what is counted

The cells are chosen on one part of the text (searched) and scored on another (held out), which neither
training nor search has seen: among hundreds of cells, some follow anything by chance.

After the coloured cells in Jian Li, "Deep Learning: RNN" (IIS Tsinghua), and Tollef Jahren, "INF 5400
lecture 11" (University of Oslo, 2019), which take them from Karpathy, Johnson and Li, "Visualizing and
Understanding Recurrent Networks" (2015, arXiv:1506.02078). The slides show chosen cells and no numbers.

What to expect of the best cell for each property, on held-out text (one value for each of the seeds 0,
1 and 2; some 90 seconds each on 2 CPU cores, when nothing else runs on them):

    inside brackets, AUC                  0.914, 0.978, 0.960
    inside quotes, a comment, AUC         0.863, 0.838, 0.829; 0.798, 0.845, 0.840
    position in line, r                   0.721, 0.888, -0.005
    cross entropy of the held-out text    1.256, 1.268, 1.290 nats a character

How to run it:

    python recipes/visualize_cells.py                          train, search, draw; no download
    python recipes/visualize_cells.py --cell gru               or any other recurrent layer
    python recipes/visualize_cells.py --data nietzsche --show  prose; and open the page
    python recipes/visualize_cells.py look --text my_code.py
    python recipes/visualize_cells.py look --run my_run --layer 0 --unit 17

`look` trains nothing. `--run` names a run of this recipe (by default its latest), a run of
`nietzsche_generation.py`, or a folder of yours with `model.keras` and `vocabulary.json`.

(with .venv/bin/python for `python`, after `make demo`.)
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, before anything else imports it
import keras
import numpy as np
import tensorflow as tf

from parts.visualize_cells import looking, run_figures, saved
from parts.visualize_cells.limits import MIN_CHARACTERS
from recipe_kit import cli, figures
from recipe_kit.cli import setting
from recipe_kit.datasets import TEXTS, load_text
from rnn_kit import callbacks as kit
from rnn_kit import pipelines
from rnn_kit.text import CharVocabulary, split_text, streams

RECIPE = "visualize_cells"
LEDGER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Settings:
    DATA, LOOKING = "data and run", "looking"
    FILES = ("vocabulary.json", *run_figures.FILES)

    data: str = cli.data(
        "stdlib", "nietzsche, shakespeare, stdlib, or a text file or folder of your own", TEXTS
    )
    encoding: str | None = cli.encoding()
    limit: int | None = setting(
        5_000_000, "characters of the text to use", cli.positive_int, group=DATA
    )
    seed: int = setting(0, "of weights and order", cli.seed, group=DATA)
    checkpoint_seconds: float = cli.checkpoint_seconds()
    cell: str = setting("peephole", "the recurrent layer", choices=cli.CELLS)
    layers: int = setting(1, "recurrent layers", cli.positive_int)
    units: int = setting(192, "cells of each", cli.positive_int)
    embedding: int = setting(32, "size of a character's vector", cli.positive_int)
    batch_size: int = setting(64, "windows side by side", cli.positive_int)
    window: int = setting(40, "characters that the gradient goes back", cli.positive_int)
    epochs: int = setting(1, "passes over the text", cli.positive_int)
    learning_rate: float = setting(1e-2, "at the start; half a cosine, down to nothing", cli.positive)
    clip_norm: float | None = setting(5.0, "largest norm of a gradient", cli.positive)
    dtype: str = setting("float32", "dtype policy", choices=cli.DTYPES)
    text: str | None = setting(
        None,
        "a text file or folder to look at (default: what of --data training did not see)",
        group=LOOKING,
    )
    layer: int | None = setting(
        None, "the recurrent layer to look into, 0 the lowest (default: the uppermost)",
        cli.int_at_least(0), group=LOOKING,
    )  # fmt: skip
    unit: int | None = setting(
        None, "the cell to draw first (default: the best found)", cli.int_at_least(0), group=LOOKING,
        affects_results=False,
    )  # fmt: skip
    search: int = setting(
        50_000, "characters to search", cli.int_at_least(MIN_CHARACTERS), group=LOOKING
    )
    held_out: int = setting(
        30_000,
        "characters to measure on what was found",
        cli.int_at_least(MIN_CHARACTERS),
        group=LOOKING,
    )
    page: int = setting(
        2_000, "of them on the page", cli.positive_int, group=LOOKING, affects_results=False
    )


# fmt: off
PRESETS = {
    "smoke": Settings(
        limit=30_000, units=16, embedding=8, batch_size=8, window=25, epochs=1, search=2_000,
        held_out=1_000, page=300,
    ),
    "cpu": Settings(),
    # Two layers of 512, as the larger LSTMs of Karpathy, Johnson and Li 2015 (arXiv:1506.02078).
    "paper": Settings(
        limit=None, layers=2, units=512, batch_size=100, window=100, epochs=50, learning_rate=2e-3,
        search=200_000, held_out=100_000,
    ),
}
# fmt: on


@dataclass(frozen=True)
class Text:
    """A text for training, and the two parts to look at, which training does not see."""

    vocabulary: CharVocabulary
    train: np.ndarray
    validation: np.ndarray
    searched: "looking.Part"
    held_out: "looking.Part"
    info: dict  # name, hash, sizes


def load_data(settings):
    """Loads the text: eight tenths for training, one to search for cells, one to measure them on."""
    text, info = load_text(settings.data, settings.limit, settings.encoding)
    vocabulary = CharVocabulary.from_text(text)
    train, validation, test = split_text(vocabulary.encode(text))
    if len(train) <= settings.window or min(len(validation), len(test)) < MIN_CHARACTERS:
        raise cli.UserError(
            f"--data {settings.data}: {len(text):,} characters leave {len(train):,} to train on and "
            f"{len(test):,} to measure on. {settings.window + 1} and {MIN_CHARACTERS} are the least: "
            "give a longer text."
        )
    if settings.text is None:
        seen, both = len(train), len(train) + len(validation)
        spans = looking.stretches(seen, both, len(text), settings.search, settings.held_out)
        searched, held_out = looking.parts(text, spans, looking.is_python(settings.data))
        info["looked_at"] = f"the last two tenths of {settings.data}"
    else:
        searched, held_out = looking.own_text(settings, vocabulary, vocabulary.characters.islower())
        info["looked_at"] = settings.text
    info |= {"train": len(train), "searched": len(searched.text), "held_out": len(held_out.text)}
    return Text(vocabulary, train, validation, searched, held_out, info)


def build_model(settings, vocabulary_size, batch_size=None):
    """Maps ids `(B, T)` to logits `(B, T, V)`; stateful if given the batch size."""
    model = keras.Sequential(name="character_model")
    model.add(keras.Input((None,), batch_size, dtype="int32"))
    model.add(keras.layers.Embedding(vocabulary_size, settings.embedding))
    for _ in range(settings.layers):
        cell = cli.CELLS[settings.cell]
        model.add(cell(settings.units, return_sequences=True, stateful=batch_size is not None))
    model.add(keras.layers.Dense(vocabulary_size, name="logits", dtype="float32"))
    return model


def train(settings, text, run):
    """Trains by truncated back-propagation through time. Returns the model for any batch size."""
    batch_size = max(1, min(settings.batch_size, (len(text.train) - 1) // settings.window))
    checkpoint = kit.Checkpoint(run, settings.checkpoint_seconds)
    dataset, batches = pipelines.stream_dataset(
        text.train, batch_size, settings.window, settings.seed, checkpoint.first_batch
    )
    window = min(settings.window, (len(text.validation) - 1) // batch_size)
    validation = tf.data.Dataset.from_tensor_slices(streams(text.validation, batch_size, window))
    model = build_model(settings, len(text.vocabulary), batch_size)
    rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, batches * settings.epochs)
    model.compile(
        keras.optimizers.Adam(rate, global_clipnorm=settings.clip_norm),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    targets = batches * batch_size * settings.window
    print(
        f"{settings.layers} x {settings.cell} of {settings.units}, {model.count_params():,} weights; "
        f"{targets:,} characters predicted an epoch"
    )
    callbacks = [
        kit.CarryState(),
        kit.Throughput(targets),
        kit.EpochLog(run.append_history, targets),
        kit.StopOnNaN(),
    ]
    checkpoint.fit(model, dataset, batches, settings.epochs, callbacks, validation_data=validation)
    free = build_model(settings, len(text.vocabulary))
    free.set_weights(model.get_weights())
    return free


def look_into(model, settings, vocabulary, searched, held_out, name):
    """Searches a layer of a model, and prints what it found."""
    layer = looking.check_layer(model, settings.layer, name)
    looking.check_unit(layer, settings.unit)
    print(
        f"\nlooking into '{layer.name}' ({type(layer).__name__} of {layer.units}): searching "
        f"{len(searched.text):,} characters, measuring on {len(held_out.text):,}"
    )
    seen = looking.look(model, layer, vocabulary, searched, held_out)
    print(looking.table(seen))
    if not seen.gates:
        print("(this layer has no gates, so there is no figure of their saturation)")
    return seen


def run_one(settings, open_run, show=False):
    """Runs from the data to the result; `show` opens the page at the end. Returns the metrics."""
    cli.set_seed_and_dtype(settings)
    text = load_data(settings)
    model = build_model(settings, len(text.vocabulary))  # an index out of range fails here
    looking.check_unit(looking.check_layer(model, settings.layer, "the network"), settings.unit)
    run = open_run(text.info)
    run.save_vocabulary(text.vocabulary)
    cli.report_start(
        run,
        f"{text.info['name']}: training on {len(text.train):,} of {text.info['characters']:,} "
        f"characters, {len(text.vocabulary)} distinct",
        cli.text_notes(text.info),
    )
    model = train(settings, text, run)
    run.save_model(model)
    about = (
        f"{settings.cell} of {settings.units} cells in {settings.layers} layer(s), trained on "
        f"{len(text.train):,} characters of {text.info['name']}. The text below was held out."
    )
    seen = look_into(model, settings, text.vocabulary, text.searched, text.held_out, "the network")
    history = run.history()
    metrics = {
        "train_seconds": history[-1]["seconds"],
        "train_nats": history[-1]["loss"],
        "validation_nats": history[-1]["val_loss"],
    } | looking.metrics(seen)
    run.write_result(text.info, settings.seed, metrics)
    paths = []
    with cli.drawing():
        paths = run_figures.draw(run, seen, text.vocabulary, about, settings.page, settings.unit)
    print(f"\nheld out: {seen.nats:.4f} nats a character")
    print(f"written to {run.path}: {', '.join(run.names())}")
    if paths:
        tell(paths, show)
    return metrics


def look_only(flags):
    """Looks into a saved model: of this recipe, or any folder with a model and its vocabulary."""
    run = saved.open_model(flags.run, RECIPE)
    settings = cli.override(Settings(), flags)
    model, vocabulary = run.load_model(), CharVocabulary.load(run.file("vocabulary.json"))
    run.check_vocabulary(model.output_shape[-1], len(vocabulary), "characters")
    layer = looking.check_layer(model, settings.layer, str(run.path))
    looking.check_unit(layer, settings.unit)
    if settings.text is None:
        searched, held_out, what = saved.held_out_text(run, settings, vocabulary)
    else:
        lower = saved.in_lower_case(run, vocabulary)
        searched, held_out = looking.own_text(settings, vocabulary, lower)
        what = settings.text
    about = f"{type(layer).__name__} '{layer.name}' of {run.path}, reading {what}."
    folder = saved.new_look(RECIPE, flags.out)
    seen = look_into(model, settings, vocabulary, searched, held_out, str(run.path))
    with figures.default_style():
        paths = run_figures.draw(folder, seen, vocabulary, about, settings.page, settings.unit)
    print(f"written to {folder.path}: {', '.join(p.name for p in paths)}")
    tell(paths, flags.show)


def tell(paths, show):
    """Opens the page, or prints where it is."""
    if show:
        figures.show(paths[:1])
    else:
        print(f"open {paths[0]} in a browser")


def parse(argv):
    line = cli.CommandLine(f"{RECIPE}.py", __doc__, Settings, PRESETS, {"--look-only": "look"})
    train = line.train()
    look = line.verb(
        "look", "look into a saved run", {"looking"}, also={"encoding"}, saved_run=saved.open_model
    )
    look.add_argument(
        "--out", help="where the pages go (default: runs/visualize_cells/look-<date>-<time>)"
    )
    for verb in (train, look):
        about = "open the page in a browser at the end"
        verb.group("looking").add_argument("--show", action="store_true", help=about)

    def check(flags):
        if flags.verb == "look" and hasattr(flags, "encoding") and not hasattr(flags, "text"):
            look.error("--encoding is that of the text to look at: add --text")

    return line.parse(argv, check)


def main(argv=None):
    flags = parse(argv)
    if flags.verb == "look":
        return look_only(flags)
    run = functools.partial(run_one, show=flags.show)
    return cli.run_seeds(RECIPE, flags, PRESETS, Settings, run, LEDGER)


if __name__ == "__main__":
    cli.run_recipe(main)
