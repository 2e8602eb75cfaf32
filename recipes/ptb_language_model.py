"""A recurrent network reads sentences word by word, and says of each next word how likely it is.

What you will see: the perplexity (as if the network wavered among so many words) falls from 10,000,
the size of the vocabulary, to about a hundred; sentences that it writes by itself; and of two sentences
of yours, which it holds for the likelier.

    model         words -> embedding -> LSTM (h, c carried from window to window) -> softmax
    loss          -(1/N) Σ_i ln p(target_i), in nats a word; perplexity = e^loss

After the lecture on recurrent networks after Graves, "LSTM implementation using TensorFlow", whose
`ptb_word_lm.py` is gone with TensorFlow 1; its settings are those of Zaremba, Sutskever and Vinyals
2014 (arXiv:1409.2329): `--preset small` (= lecture), `medium` and `large` (= paper). The preset `cpu`
is made for two CPU cores: one layer whose softmax shares the vectors of the embedding (tied weights),
dropout masks that hold for a whole window, Adam, larger batches, and a softmax over part of the
vocabulary in training.

Penn Treebank has no open licence, so nothing is downloaded: the error says where the lecture had it
from. `--data agreement` needs no data. It is a language out of a grammar, in which the verb agrees with
a noun that may stand far back ("the cat, which already ate a bunch of food, was full"), and whose own
perplexity, which no model beats, is known exactly.

A sentence that is scored or written follows upon a piece of text that the model reads first: it was
trained with states that are carried on, and hardly ever begins a sentence with zeros there.

What to expect, with seed 0 and 2 CPU cores:

    preset      text                          perplexity                        training
    cpu         Penn Treebank                 validation 96.6, test 91.2        2,926 s
    small       Penn Treebank                 validation 116.6, test 112.9      4,093 s
    agreement   generated; its own is 6.983   test 7.073                        117 s

`medium` and `large` are for a GPU, and have no recorded figure yet.

How to run it:

    python recipes/ptb_language_model.py                     train the `cpu` preset on Penn Treebank
    python recipes/ptb_language_model.py --preset small      the lecture's settings
    python recipes/ptb_language_model.py --preset agreement  the generated language; no data needed
    python recipes/ptb_language_model.py compare             plain RNN, GRU, LSTM of one size on it
    python recipes/ptb_language_model.py --data my_folder    train.txt, valid.txt, test.txt of yours
    python recipes/ptb_language_model.py --data text8.zip    or one text, which it cuts into three
    python recipes/ptb_language_model.py score "I like apples" "I sit apples"
    python recipes/ptb_language_model.py sample              sentences, until their end
    python recipes/ptb_language_model.py measure 200 --preset large
    python recipes/ptb_language_model.py --resume            go on after Ctrl-C or a crash

(with .venv/bin/python for `python`, after `make demo`.)
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, before anything else imports it
import keras
import numpy as np

from parts.ptb_language_model import (
    agreement,
    comparison,
    optimizers,
    run_figures,
    sampled_softmax,
    sentences,
    speed,
)
from recipe_kit import cli
from recipe_kit.cli import setting
from recipe_kit.datasets import load_corpus
from recipe_kit.runs import describe_machine, saved_run
from rnn_kit import callbacks as kit
from rnn_kit import generation, pipelines
from rnn_kit.text import TokenVocabulary

RECIPE = "ptb_language_model"
LEDGER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Settings:
    DATA, WRITING = "data and run", "writing"
    FILES = "vocabulary.json", "before.txt", "perplexity.png", "agreement.png"

    data: str = cli.data(
        "ptb",
        "ptb, agreement (generated), a folder with train.txt, valid.txt and test.txt, an archive of "
        "them, such as simple-examples.tgz, or one text, which is cut into three",
        ("ptb", "agreement"),
    )
    encoding: str | None = cli.encoding()
    vocab_size: int | None = setting(
        None, "most frequent words to know; the others become <unk>", cli.at_least(3), group=DATA
    )
    sentences: int = setting(
        40_000, "of the generated language to train on", cli.positive_int, group=DATA
    )
    seed: int = setting(0, "of weights, windows and samples", cli.seed, group=DATA)
    distribute: bool = cli.distribute()
    checkpoint_seconds: float = cli.checkpoint_seconds()
    cell: str = setting("lstm", "the recurrent layer", choices=cli.CELLS)
    layers: int = setting(1, "recurrent layers", cli.positive_int)
    units: int = setting(650, "of each", cli.positive_int)
    tied: bool = setting(True, "the softmax's vectors are those of the embedding")
    init_scale: float | None = setting(
        None,
        "weights start evenly in ± this (none: as Keras starts them, the words' vectors in ± 0.1)",
        cli.positive,
    )
    forget_bias: bool = setting(True, "an LSTM's forget gates start with a bias of 1")
    dropout: float = setting(0.5, "after the embedding and each recurrent layer", cli.fraction)
    recurrent_dropout: float = setting(
        0.0, "of h from step to step, one mask for all steps of a window (slow)", cli.fraction
    )
    variational: bool = setting(True, "one dropout mask for all steps of a window")
    sampled: int | None = setting(
        1000,
        "in training, normalise over this many frequent words and as many others, drawn anew each "
        "step, if there are more (none: over all words)",
        cli.positive_int,
    )
    batch_size: int = setting(64, "streams side by side", cli.positive_int)
    window: int = setting(35, "words that the gradient goes back", cli.positive_int)
    epochs: int = setting(14, "passes over the text", cli.positive_int)
    optimizer: str = setting("adam", "how gradients become steps", choices=("adam", "sgd"))
    learning_rate: float = setting(4e-3, "at the start", cli.positive)
    decay: float | None = setting(
        None, "the rate's factor from epoch to epoch (none: half a cosine, to nothing)", cli.probability
    )
    decay_after: int = setting(1, "epochs before the first decay", cli.positive_int)
    sum_steps: bool = setting(False, "the loss is summed over a window's steps (else their mean)")
    clip_norm: float | None = setting(1.0, "largest norm of all gradients together", cli.positive)
    dtype: str = setting("float32", "dtype policy", choices=cli.DTYPES)
    samples_every: int = setting(1, "epochs between samples", cli.positive_int, group=WRITING)
    prompt: str | None = setting(
        None, "words to start a sentence from (default: its beginning)", group=WRITING
    )
    temperatures: tuple[float, ...] = setting(
        (0.7, 1.0),
        "0 takes the likeliest word, low is safe, high is wild",
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
    length: int = setting(40, "most words of a sentence", cli.positive_int, group=WRITING)
    count: int = setting(5, "sentences to write at each temperature", cli.positive_int, group=WRITING)


# Zaremba, Sutskever and Vinyals 2014, section 4.1. They clip at 5 and 10 with the gradient divided by
# the batch size; that their forget gates start at a bias of 0 is ptb_word_lm.py's.
SMALL = Settings(
    layers=2, units=200, tied=False, init_scale=0.1, forget_bias=False, dropout=0.0,
    recurrent_dropout=0.0, variational=False, sampled=None, batch_size=20, window=20, epochs=13,
    optimizer="sgd", learning_rate=1.0, decay=0.5, decay_after=4, sum_steps=True, clip_norm=5.0,
)  # fmt: skip
MEDIUM = dataclasses.replace(
    SMALL, units=650, init_scale=0.05, dropout=0.5, window=35, epochs=39, decay=1 / 1.2, decay_after=6
)
LARGE = dataclasses.replace(
    MEDIUM, units=1500, init_scale=0.04, dropout=0.65, epochs=55, decay=1 / 1.15, decay_after=14,
    clip_norm=10.0,
)  # fmt: skip
AGREEMENT = Settings(
    data="agreement", sentences=20_000, units=64, dropout=0.0, sampled=None, batch_size=16, window=50,
    epochs=4, learning_rate=1e-2,
)  # fmt: skip

PRESETS = {
    "smoke": dataclasses.replace(
        AGREEMENT, sentences=300, units=32, batch_size=8, window=20, epochs=2, length=20
    ),
    "lecture": SMALL,
    "small": SMALL,
    "medium": MEDIUM,
    "large": LARGE,
    "paper": LARGE,
    "agreement": AGREEMENT,
    "cpu": Settings(),
}


def load_data(settings):
    """Three texts of numbered words, `<eos>` behind each sentence: a `recipe_kit.datasets.Corpus`."""
    if settings.data == agreement.NAME:
        if settings.vocab_size:
            raise cli.UserError(
                f"--vocab-size has no meaning with --data {agreement.NAME}, all of whose words are "
                "known: leave it out."
            )
        return agreement.corpus(settings.sentences)
    return load_corpus(settings.data, settings.vocab_size, settings.encoding)


def build_network(settings, vocabulary, batch_size=None):
    """Ids `(B, T)`, hidden states `(B, T, units)` and logits `(B, T, V)`, as Keras's symbols."""
    dropout = keras.layers.SpatialDropout1D if settings.variational else keras.layers.Dropout
    size = len(vocabulary)

    ids = keras.Input((None,), batch_size, dtype="int32", name="words")
    kind = keras.layers.ReversibleEmbedding if settings.tied else keras.layers.Embedding
    vectors = uniform(settings.init_scale or 0.1)
    embedding = kind(size, settings.units, embeddings_initializer=vectors, name="embedding")
    x = embedding(ids)
    for _ in range(settings.layers):
        x = dropout(settings.dropout)(x)
        x = recurrent_layer(settings, stateful=batch_size is not None)(x)
    x = dropout(settings.dropout)(x)
    if settings.tied:
        logits = embedding(x, reverse=True)
    else:
        start = initializers(settings, "kernel", "bias")
        logits = keras.layers.Dense(size, name="softmax", **start)(x)
    return ids, x, keras.layers.Activation("linear", dtype="float32", name="logits")(logits)


def uniform(scale):
    """Evenly in ± scale. One for each weight: a Keras initializer gives the same numbers every time."""
    return keras.initializers.RandomUniform(-scale, scale)


def initializers(settings, *weights):
    """Arguments of a layer: how these weights start, where the settings say so."""
    scale = settings.init_scale
    return {f"{name}_initializer": uniform(scale) for name in weights} if scale else {}


def recurrent_layer(settings, stateful):
    start = initializers(settings, "kernel", "recurrent")
    if settings.cell in ("lstm", "peephole"):
        start["unit_forget_bias"] = settings.forget_bias
    cell = cli.CELLS[settings.cell]
    return cell(
        settings.units,
        recurrent_dropout=settings.recurrent_dropout,
        return_sequences=True,
        stateful=stateful,
        **start,
    )


def build_model(settings, vocabulary, batch_size=None):
    """Ids `(B, T)` to logits `(B, T, V)`; stateful if given the batch size."""
    ids, _, logits = build_network(settings, vocabulary, batch_size)
    return keras.Model(ids, logits, name="language_model")


def build_training(settings, vocabulary, batches):
    """What is trained, compiled, and the language model that learns by it, with the same weights.

    They are the same model, unless the softmax is sampled: then training ends at the hidden states, and
    the rest is in the loss.
    """
    rows = settings.batch_size // cli.strategy(settings).num_replicas_in_sync
    ids, hidden, logits = build_network(settings, vocabulary, rows)
    model = keras.Model(ids, logits, name="language_model")
    optimizer = optimizers.build(settings, batches)
    if not sampling(settings, vocabulary):
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model, model
    trained = keras.Model(ids, hidden, name="hidden_states")
    trained.compile(
        optimizer,
        sampled_softmax.SampledCrossentropy(
            model.get_layer("embedding"),
            settings.sampled,
            settings.sampled,
            optimizer.iterations,
            settings.seed,
        ),
    )
    return trained, model


def sampling(settings, vocabulary):
    """Whether training normalises over part of the vocabulary."""
    return settings.sampled is not None and 2 * settings.sampled < len(vocabulary)


def train(settings, corpus, run):
    """Back-propagation through time, truncated at the window. Returns the trained language model."""
    checkpoint = kit.Checkpoint(run, settings.checkpoint_seconds)
    dataset, batches = pipelines.stream_dataset(
        corpus.train, settings.batch_size, settings.window, settings.seed, checkpoint.first_batch
    )
    with cli.strategy(settings).scope():
        trained, model = build_training(settings, corpus.vocabulary, batches)
    words = batches * settings.batch_size * settings.window
    print(
        f"{settings.layers} x {settings.cell} of {settings.units}, {model.count_params():,} weights; "
        f"{words:,} words an epoch, in {batches:,} batches of {settings.batch_size} windows of "
        f"{settings.window}"
    )
    generator = generation.Generator(model)
    before = sentences.keep_before(run, corpus)
    callbacks = [
        kit.CarryState(),
        kit.ValidateStream(stream(corpus, corpus.validation), generator),
        kit.Throughput(words, "words", perplexity=True),
        kit.EpochLog(run.append_history, words),
        kit.StopOnNaN(),
        kit.SampleText(
            sentences.text_of(corpus.vocabulary, before),
            sentences.prompt_ids(settings.prompt, corpus.vocabulary, before),
            settings.temperatures,
            settings.length,
            settings.samples_every,
            settings.seed,
            write=lambda sample: (print(sample, flush=True), run.append_sample(sample)),
            top_k=settings.top_k,
            top_p=settings.top_p,
            generator=lambda _: generator,
        ),
        kit.EarlyStopping(patience=settings.epochs + 1, restore_best_weights=True),  # never stops
    ]
    try:
        checkpoint.fit(trained, dataset, batches, settings.epochs, callbacks)
    except KeyboardInterrupt:
        run.save_model(without_states(model, settings, corpus.vocabulary))
        again = cli.command("sample", "--run", run.path)
        raise KeyboardInterrupt(f"Interrupted.\nWrite with what was learned: {again}") from None
    return without_states(model, settings, corpus.vocabulary)


def without_states(model, settings, vocabulary):
    """The trained model for any batch size, with no states to carry."""
    free = build_model(settings, vocabulary)
    free.set_weights(model.get_weights())
    return free


def stream(corpus, ids):
    """A text as one stream, `<eos>` before its first word: N tokens, N predictions."""
    return np.concatenate([[corpus.vocabulary.end], ids])


def evaluate(model, corpus, ids):
    """Cross entropy of a text in nats a word: one stream, its states carried from end to end."""
    return float(-generation.Generator(model).score(stream(corpus, ids)[None])[0]) / len(ids)


def run_one(settings, open_run):
    """One run from its data to its result. Returns the metrics."""
    keras.utils.set_random_seed(settings.seed)
    keras.config.set_dtype_policy(settings.dtype)
    corpus = load_data(settings)
    check(settings, corpus)
    run = open_run(corpus.info)
    run.save_vocabulary(corpus.vocabulary)
    print(
        f"{corpus.info['name']}: {len(corpus.vocabulary):,} words; training on {len(corpus.train):,} "
        f"tokens, validating on {len(corpus.validation):,}, held out {len(corpus.test):,}"
    )
    for note in corpus.notes:
        print(note)
    print(f"on {describe_machine()}; everything goes to {run.path}")

    model = train(settings, corpus, run)
    run.save_model(model)
    history = run.history()
    kept = min(history, key=lambda row: row["val_loss"])
    metrics = {
        "weights": model.count_params(),
        "epochs": len(history),
        "kept_epoch": kept["epoch"],
        "train_seconds": history[-1]["seconds"],
        "words_per_second": history[-1]["tokens"] / history[-1]["seconds"],
        "train_perplexity": np.exp(kept["loss"]),
        "validation_perplexity": np.exp(kept["val_loss"]),
        "test_perplexity": np.exp(evaluate(model, corpus, corpus.test)),
    }
    if settings.data == agreement.NAME:
        metrics |= agreement.judge(model, corpus)
    metrics = {name: float(value) for name, value in metrics.items()}
    run.write_result(corpus.info, settings.seed, metrics)
    with cli.drawing():
        run_figures.draw(run, history, optimizers.learning_rates(settings), metrics)
    report(metrics)
    print(f"written to {run.path}: {', '.join(run.names())}")
    print("score sentences with it: " + cli.command("score", "...", "--run", run.path))
    return metrics


def check(settings, corpus):
    """Refuses what the settings ask and the words cannot give, before a folder is made."""
    least = settings.batch_size * settings.window + 1
    if len(corpus.train) < least:
        raise cli.UserError(
            f"--data {settings.data}: {len(corpus.train):,} words to train on, and one batch of "
            f"{settings.batch_size} windows of {settings.window} takes {least:,}. Give a longer text, "
            "or a smaller --batch-size or --window."
        )
    if sampling(settings, corpus.vocabulary) and not settings.tied:
        raise cli.UserError(
            "A softmax that is sampled in training shares its vectors with the embedding: with "
            "--no-tied say --sampled none."
        )
    cli.check_devices(settings, settings.batch_size)
    sentences.prompt_words(settings.prompt)


def report(metrics):
    """Prints the perplexities, and on the generated language how often its verbs agree."""
    print(
        f"\nperplexity: training {metrics['train_perplexity']:.2f}, validation "
        f"{metrics['validation_perplexity']:.2f} (epoch {metrics['kept_epoch']:.0f}), test "
        f"{metrics['test_perplexity']:.2f}; {metrics['train_seconds']:.0f} s of training, "
        f"{metrics['words_per_second']:,.0f} words/s"
    )
    if agreement.TRUE in metrics:
        agreement.report(metrics)


def open_saved(run):
    """The generator and the vocabulary of a saved run."""
    model = run.load_model()
    vocabulary = TokenVocabulary.load(run.file("vocabulary.json"))
    if model.output_shape[-1] != len(vocabulary):
        raise cli.UserError(
            f"{run.path}: the model knows {model.output_shape[-1]:,} words and vocabulary.json has "
            f"{len(vocabulary):,}. The two are not of one run; train again."
        )
    return generation.Generator(model), vocabulary


def measure(settings, steps):
    """A few steps of a preset: its weights, its losses, its words a second."""
    keras.utils.set_random_seed(settings.seed)
    keras.config.set_dtype_policy(settings.dtype)
    corpus = load_data(settings)
    check(settings, corpus)
    dataset, batches = pipelines.stream_dataset(
        corpus.train, settings.batch_size, settings.window, settings.seed
    )
    trained, model = build_training(settings, corpus.vocabulary, batches)
    return speed.measure(trained, model.count_params(), dataset, batches, settings, steps)


def parse(argv):
    formerly = {
        "--sample-only": "sample",
        "--score": "score SENTENCE ...",
        "--compare": "compare",
        "--measure": "measure STEPS",
    }
    line = cli.CommandLine(f"{RECIPE}.py", __doc__, Settings, PRESETS, formerly)
    train = line.train()
    line.verb("sample", "write sentences with a saved run", {"writing"}, also={"seed"}, saved_run=True)
    score = line.verb(
        "score", "tell log-probability and perplexity of sentences, by a saved run", saved_run=True
    )
    score.add_argument("scored", nargs="+", metavar="SENTENCE", help="each in quotes")
    settable = {"data and run", "model and training"}
    compare = line.verb(
        "compare",
        "train plain RNN, GRU and LSTM of equal size on the generated language, with the seeds 0 1 2",
        settable | {"writing"},
        without={"cell", "data", "encoding", "seed"},
        preset=agreement.NAME,
        trains=True,
    )
    measure = line.verb(
        "measure",
        "train so many steps and no more: weights, losses, words a second, hours for all of it",
        settable,
        without={"distribute", "checkpoint_seconds"},
        preset="cpu",
    )
    measure.add_argument("steps", type=cli.at_least(2), metavar="STEPS", help="at least 2")

    def check(flags):
        if flags.verb == "compare":
            if flags.preset not in (None, *comparison.PRESETS):
                compare.error(
                    f"compare takes the presets of {agreement.NAME}, "
                    f"{' and '.join(comparison.PRESETS)}: not {flags.preset}"
                )
            if flags.resume and not flags.out:
                compare.error("--resume needs --out, the folder that holds the comparison's runs")
        if flags.verb in ("train", "measure"):
            data = cli.override(PRESETS[flags.preset or "cpu"], flags).data
            if hasattr(flags, "sentences") and data != agreement.NAME and not flags.resume:
                verb = train if flags.verb == "train" else measure
                verb.error(f"--sentences is for --data {agreement.NAME}: leave it out")

    return line.parse(argv, check)


def main(argv=None):
    flags = parse(argv)
    if flags.verb in ("sample", "score"):
        run = saved_run(flags.run, RECIPE)
        generator, vocabulary = open_saved(run)
        before = sentences.kept_before(run, vocabulary)
        if flags.verb == "score":
            return sentences.score(generator, vocabulary, flags.scored, before)
        settings = cli.override(run.settings(Settings), flags)
        return sentences.write(generator, vocabulary, settings, before)
    if flags.verb == "measure":
        return measure(cli.override(PRESETS[flags.preset or "cpu"], flags), flags.steps)

    def train_runs(flags):
        return cli.run_seeds(RECIPE, flags, PRESETS, Settings, run_one, LEDGER)

    if flags.verb == "compare":
        settings = cli.override(PRESETS[flags.preset or agreement.NAME], flags)
        return comparison.compare(RECIPE, flags, settings, train_runs, build_model)
    return train_runs(flags)


if __name__ == "__main__":
    cli.run_recipe(main)
