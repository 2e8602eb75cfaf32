"""A recurrent network reads film reviews word by word and says whether they praise or damn.

What you will see: the accuracy on reviews that it has not seen rises from one half to nine in ten. With
the lecture's settings the training loss goes on falling while the validation loss turns and rises. And
then, for a review of your own, how the opinion formed, word by word.

    model         ids -> embedding -> recurrent layer(s) -> h: the last state, or pooling over time
                  (in `cpu` beside a bag of the pairs of neighbouring words)
                  p = σ(w·h + b), the probability that the review is positive
    loss          -(1/N) Σ_n [y_n log p_n + (1 - y_n) log(1 - p_n)], in nats a review

After Jian Li, "Deep Learning: RNN" (IIS Tsinghua), the example `imdb_lstm.py`, which says of itself
that the data are too few for an LSTM to be of any advantage over TF-IDF and logistic regression.
`--preset lecture` is that listing, and `--baseline` puts its remark to the test on the same reviews.
`--preset cpu` does better than both, and as well as TF-IDF of words and pairs. It differs from the
listing in many things at once, which were not measured one by one: it reads 400 words of a review, not
80, and hardly a step is spent on padding; it reads in both directions, and all its states have a say,
not the last alone; beside them stands a bag of the pairs of neighbouring words ("not good"); words and
columns of their vectors are dropped at random, and rare words learn slowly, so that it does not learn
reviews by heart.

The listing validates on the test set. Here a tenth of the training reviews validates, and the test
reviews are read at the end alone: nothing is chosen by them. Mind that the training reviews share their
films with those that validate, and not with the test reviews, and that names tell: validation flatters.

What to expect of IMDB's 25,000 test reviews, and of 2 CPU cores that had other work as well:

    preset                                  accuracy on the test reviews                   training
    cpu                                     0.908 ± 0.002 (seeds 0, 1, 2)                  449 s
    lecture                                 0.833 after epoch 4, its best on validation,   1,322 s
                                            0.805 after epoch 15, its last (seed 0)
    --baseline, TF-IDF of words             0.884 ± 0.001
    --baseline, TF-IDF of words and pairs   0.908 ± 0.000

How to run it:

    python recipes/imdb_sentiment.py                        train the `cpu` preset on IMDB
    python recipes/imdb_sentiment.py --baseline             and TF-IDF with logistic regression
    python recipes/imdb_sentiment.py --preset lecture       the listing's own settings
    python recipes/imdb_sentiment.py --preset smoke         generated reviews; no download
    python recipes/imdb_sentiment.py --data my_reviews.csv  columns text and label, or a folder
    python recipes/imdb_sentiment.py predict "not as dull as they say"
    python recipes/imdb_sentiment.py predict -              one review a line from standard input
    python recipes/imdb_sentiment.py compare                LSTM, GRU, peepholes, plain: equal sizes
    python recipes/imdb_sentiment.py measure                what the length buckets gain
    python recipes/imdb_sentiment.py --resume               go on after Ctrl-C or a crash

(with .venv/bin/python for `python`, after `make demo`.)
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, before anything else imports it
import keras
import numpy as np

from parts.imdb_sentiment import baseline, comparison, opinions, padding, run_figures
from recipe_kit import cli, figures
from recipe_kit.cli import setting
from recipe_kit.datasets import load_reviews
from recipe_kit.runs import describe_machine, saved_run
from rnn_kit import callbacks as kit
from rnn_kit import layers, pipelines
from rnn_kit.text import FIRST_WORD_ID, OOV_ID, LabelledSequences, WordVocabulary

RECIPE = "imdb_sentiment"
LEDGER = Path(__file__).parent / "results"
PREDICTED = 256  # reviews a batch, where nothing is trained


@dataclass(frozen=True)
class Settings:
    DATA = "data and run"
    FILES = "vocabulary.json", "curves.png", "test.png", "length.png", "wrong.png"

    data: str = cli.data(
        "imdb",
        "imdb, generated, or your own: a table (CSV, TSV, JSON lines), or a folder like aclImdb's",
        ("imdb", "generated"),
    )
    text_column: str = setting("text", "of a table", group=DATA)
    label_column: str = setting("label", "of a table; two classes", group=DATA)
    columns: str | None = setting(
        None, "of a table whose first row does not name them: label,text", group=DATA
    )
    encoding: str | None = cli.encoding()
    limit: int | None = setting(None, "reviews to use of each part", cli.at_least(2), group=DATA)
    validation: float = setting(
        0.1, "fraction of the training reviews that validates", cli.share, group=DATA
    )
    seed: int = setting(0, "of weights, order and split", cli.seed, group=DATA)
    distribute: bool = cli.distribute()
    checkpoint_seconds: float = cli.checkpoint_seconds()
    baseline: bool = setting(
        False,
        "TF-IDF and logistic regression on the same reviews as well",
        group=DATA,
        affects_results=False,
    )
    words: int = setting(
        20_000, "ids, special ones too; rarer words are unknown", cli.at_least(FIRST_WORD_ID + 1)
    )
    maxlen: int = setting(400, "words of a review that are read: its last ones", cli.positive_int)
    bucket: bool = setting(True, "batches of reviews of about one length, not padded to --maxlen")
    mask: bool = setting(True, "leave padding out; otherwise it is read, and comes first")
    cell: str = setting("gru", "the recurrent layer", choices=cli.CELLS)
    bidirectional: bool = setting(True, "read in both directions")
    layers: int = setting(1, "recurrent layers", cli.positive_int)
    units: int = setting(64, "of each, in each direction", cli.positive_int)
    embedding: int = setting(64, "size of a word's vector", cli.positive_int)
    embedding_std: float | None = setting(
        0.05, "spread of the words' vectors at the start; none: Keras's", cli.positive
    )
    pooling: str = setting(
        "both",
        "what is judged: the last state, or of each unit its maximum or average over time",
        choices=("last", "max", "average", "both"),
    )
    pairs: int | None = setting(
        16, "size of the vector of a pair of neighbouring words; none: no pairs", cli.positive_int
    )
    pair_reviews: int = setting(5, "reviews that a pair must be in to be known", cli.positive_int)
    word_dropout: float = setting(0.3, "fraction of words that training makes unknown", cli.fraction)
    embedding_dropout: float = setting(0.5, "of the columns of the words' vectors", cli.fraction)
    dropout: float = setting(0.0, "of the inputs of recurrent layers", cli.fraction)
    recurrent_dropout: float = setting(0.0, "of the states of recurrent layers", cli.fraction)
    output_dropout: float = setting(0.5, "before the last layer", cli.fraction)
    batch_size: int = setting(64, "reviews", cli.positive_int)
    epochs: int = setting(5, "passes over the reviews", cli.positive_int)
    learning_rate: float = setting(4e-3, "of Adam, at the start", cli.positive)
    epsilon: float = setting(
        4e-5,
        "of Adam: a weight whose gradients are smaller, as a rare word's, learns slower",
        cli.positive,
    )
    schedule: str = setting(
        "cosine",
        "of the learning rate: half a cosine, down to a fiftieth",
        choices=("constant", "cosine"),
    )
    clip_norm: float | None = setting(None, "largest norm of a gradient; none: any", cli.positive)
    average: float | None = setting(
        None,
        "momentum of a moving average of the weights, which is then kept; none: no average",
        cli.fraction,
    )
    patience: int | None = setting(
        3,
        "epochs without a better validation accuracy before it stops; none: all epochs",
        cli.positive_int,
    )
    dtype: str = setting("float32", "dtype policy", choices=cli.DTYPES)


# fmt: off
PRESETS = {
    "smoke": Settings(
        data="generated", words=500, units=16, embedding=16, batch_size=32, epochs=3,
        word_dropout=0.0, embedding_dropout=0.2, learning_rate=1e-2, epsilon=1e-7,
    ),
    "lecture": Settings(
        maxlen=80, bucket=False, mask=False, cell="lstm", bidirectional=False, units=128, embedding=128,
        embedding_std=None, pooling="last", pairs=None, word_dropout=0.0, embedding_dropout=0.0,
        dropout=0.2, recurrent_dropout=0.2, output_dropout=0.0, batch_size=32, epochs=15,
        learning_rate=1e-3, epsilon=1e-7, schedule="constant", patience=None,
    ),
    "cpu": Settings(),
    # What compare trains: small, one direction, judged by the last state, so that memory matters.
    "compare": Settings(
        maxlen=80, cell="lstm", bidirectional=False, pooling="last", pairs=None, epochs=3,
        clip_norm=1.0, epsilon=1e-7, patience=None,
    ),
}
# fmt: on


class Data(NamedTuple):
    """Reviews to train on, to validate on and to test on; words have all their ids, rare ones too."""

    train: LabelledSequences
    validation: LabelledSequences
    test: LabelledSequences
    vocabulary: WordVocabulary
    classes: tuple
    info: dict
    notes: tuple


def load_data(settings):
    """The reviews, of which a stratified part of the training ones, drawn by the seed, validates."""
    reviews = load_reviews(
        settings.data,
        settings.text_column,
        settings.label_column,
        settings.limit,
        encoding=settings.encoding,
        columns=settings.columns and settings.columns.split(","),
    )
    train, validation = reviews.train.split(settings.validation, settings.seed)
    if min(len(train), len(validation), len(reviews.test)) < 1 or len(set(train.labels)) < 2:
        raise cli.UserError(
            f"--data {settings.data}: {len(train)} reviews to train on, {len(validation)} to validate "
            f"on and {len(reviews.test)} for the test are too few: one review, and both classes to "
            "train on, are the least. Give more, or a greater --limit."
        )
    if settings.pairs and settings.words > (most := layers.BigramEmbedding.MAX_VOCABULARY_SIZE):
        raise cli.UserError(
            f"--words {settings.words}: with pairs of words, {most} are the most. Give fewer, or "
            "--pairs none."
        )
    known = reviews.vocabulary
    vocabulary = WordVocabulary(known.words, min(settings.words, known.size))
    sizes = {"train": len(train), "validation": len(validation), "test": len(reviews.test)}
    info = reviews.info | sizes
    return Data(train, validation, reviews.test, vocabulary, reviews.classes, info, reviews.notes)


def build_model(settings, vocabulary_size, pairs=0):
    """Ids `(B, T)` to the probability of the second class, `(B, 1)`; with so many pairs of words."""
    ids = words = keras.Input((None,), dtype="int32", name="ids")
    if settings.word_dropout:
        words = layers.WordDropout(settings.word_dropout, OOV_ID)(words)
    std = settings.embedding_std
    start = "uniform" if std is None else keras.initializers.RandomNormal(stddev=std)
    x = keras.layers.Embedding(vocabulary_size, settings.embedding, start, mask_zero=settings.mask)(
        words
    )
    if settings.embedding_dropout:
        x = keras.layers.SpatialDropout1D(settings.embedding_dropout)(x)
    for layer in range(settings.layers):
        recurrent = cli.CELLS[settings.cell](
            settings.units,
            return_sequences=settings.pooling != "last" or layer + 1 < settings.layers,
            dropout=settings.dropout,
            recurrent_dropout=settings.recurrent_dropout,
        )
        x = (keras.layers.Bidirectional(recurrent) if settings.bidirectional else recurrent)(x)
    if settings.pooling != "last":
        pools = {"max": layers.MaskedGlobalMaxPooling1D, "average": keras.layers.GlobalAveragePooling1D}
        chosen = pools if settings.pooling == "both" else [settings.pooling]
        pooled = [pools[name]()(x) for name in chosen]
        x = keras.layers.Concatenate()(pooled) if len(pooled) > 1 else pooled[0]
    if pairs:
        bag = layers.BigramEmbedding(pairs, vocabulary_size, settings.pairs, name="pairs")(words)
        x = keras.layers.Concatenate()([x, bag])
    if settings.output_dropout:
        x = keras.layers.Dropout(settings.output_dropout)(x)
    p = keras.layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(ids, p, name="sentiment_model")


def readable(settings, vocabulary, sequences):
    """Reviews as the network reads them: rare words unknown, and of a long one the end."""
    return sequences.replace_oov(vocabulary.size, OOV_ID).last(settings.maxlen)


def what_is_not_read(settings, data):
    """Lines on the words of the training reviews that the network does not know, or does not get to."""
    notes, reviews = [], data.train.sequences
    known, distinct = data.vocabulary.size - FIRST_WORD_ID, len(data.vocabulary)
    if known < distinct:
        words = len(reviews.flat) - len(reviews)  # each review begins with the start id
        share = (reviews.flat >= data.vocabulary.size).sum() / max(1, words)
        notes.append(
            f"The {known:,} most frequent of {distinct:,} distinct words are known; the others, "
            f"{share:.1%} of all that is written, are one unknown word: --words says how many ids."
        )
    longer = int((reviews.lengths - 1 > settings.maxlen).sum())
    if longer:
        notes.append(
            f"Of {longer:,} of {len(reviews):,} training reviews, which are longer, the last "
            f"{settings.maxlen:,} words are read: --maxlen says how many."
        )
    return notes


def padded(settings):
    """How batches are padded: as little as can be, or as the listing does it."""
    return {
        "length": None if settings.bucket else settings.maxlen,
        "padding": "post" if settings.mask else "pre",
    }


def train(settings, data, run):
    """Returns the model, with the weights of the best validation accuracy, and the last epoch's."""
    checkpoint = kit.Checkpoint(run, settings.checkpoint_seconds)
    reviews = readable(settings, data.vocabulary, data.train.sequences)
    order = {"seed": settings.seed, "first_batch": checkpoint.first_batch, "bucket": settings.bucket}
    dataset, batches = pipelines.sequence_dataset(
        reviews, data.train.labels, settings.batch_size, **order, **padded(settings)
    )
    validation = data.validation.take(np.argsort(data.validation.lengths, kind="stable"))
    validation = pipelines.sequence_batches(
        readable(settings, data.vocabulary, validation.sequences),
        validation.labels,
        PREDICTED,
        **padded(settings),
    )

    with cli.strategy(settings).scope():
        model = model_for(settings, data.vocabulary, reviews)
        compile_model(model, settings, batches)
    words, others = len(reviews.flat), comparison.beside_the_embedding(model)
    print(
        f"{'bidirectional ' * settings.bidirectional}{figures.cell_name(settings.cell)}, "
        f"{settings.layers} x {settings.units}, {model.count_params():,} weights, {others:,} of them "
        f"not vectors of words or pairs; {words:,} words an epoch, in {batches} batches of "
        f"{settings.batch_size} reviews"
    )
    stopping = kit.EarlyStopping(
        "val_accuracy",
        mode="max",
        patience=settings.patience or settings.epochs + 1,  # which never stops
        restore_best_weights=True,
    )
    callbacks = [
        kit.Throughput(words, "words"),
        kit.StopOnNaN(),
        *([kit.AveragedWeights()] if settings.average else []),
        kit.EpochLog(run.append_history, words),
        stopping,
    ]
    try:
        checkpoint.fit(model, dataset, batches, settings.epochs, callbacks, validation_data=validation)
    except KeyboardInterrupt:
        run.save_model(model)
        again = cli.command("predict", "...", "--run", run.path)
        raise KeyboardInterrupt(f"Interrupted.\nJudge with what was learned: {again}") from None
    return model, stopping.last_weights


def model_for(settings, vocabulary, reviews):
    """The model, untrained, which knows the pairs of words that are frequent in these reviews."""
    pairs = reviews.frequent_bigrams(settings.pair_reviews) if settings.pairs else ()
    model = build_model(settings, vocabulary.size, len(pairs))
    if len(pairs):
        model.get_layer("pairs").set_vocabulary(pairs)
    return model


def compile_model(model, settings, batches):
    """Adam, its rate over the batches of all epochs, and the cross entropy."""
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, batches * settings.epochs, alpha=0.02)
    average = {"use_ema": True, "ema_momentum": settings.average} if settings.average else {}
    model.compile(
        keras.optimizers.Adam(
            rate, epsilon=settings.epsilon, global_clipnorm=settings.clip_norm, **average
        ),
        keras.losses.BinaryCrossentropy(),
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy")],
    )


def evaluate(model, settings, vocabulary, sequences):
    """Probabilities `(n,)` of the second class, in the order of the reviews."""
    order = np.argsort(sequences.lengths, kind="stable")  # hardly any padding, and the same figures
    reviews = readable(settings, vocabulary, sequences.take(order))
    batches = pipelines.sequence_batches(reviews, None, PREDICTED, **padded(settings))
    p = np.empty(len(sequences))
    p[order] = model.predict(batches, verbose=0)[:, 0]
    return p


def run_one(settings, open_run):
    """One run from its data to its result. Returns the metrics."""
    keras.utils.set_random_seed(settings.seed)
    keras.config.set_dtype_policy(settings.dtype)
    data = load_data(settings)
    cli.check_devices(settings, settings.batch_size)
    run = open_run(data.info)
    run.save_vocabulary(data.vocabulary)
    info = data.info
    print(
        f"{info['name']}: training on {info['train']:,} reviews, validating on {info['validation']:,}, "
        f"held out {info['test']:,}; {info['distinct_words']:,} distinct words; "
        f"is it {data.classes[0]} or {data.classes[1]}?"
    )
    for note in (*data.notes, *what_is_not_read(settings, data)):
        print(note)
    print(f"on {describe_machine()}; everything goes to {run.path}")
    model, last_weights = train(settings, data, run)
    run.save_model(model)

    history = run.history()
    kept = max(history, key=lambda row: row["val_accuracy"])  # as early stopping: the first of several
    labels, p = data.test.labels, evaluate(model, settings, data.vocabulary, data.test.sequences)
    metrics = {
        "epochs": len(history),
        "kept_epoch": kept["epoch"],
        "train_seconds": history[-1]["seconds"],
        "validation_loss": kept["val_loss"],
        "validation_accuracy": kept["val_accuracy"],
        "test_loss": float(keras.losses.BinaryCrossentropy()(labels, p)),
        "test_accuracy": accuracy(p, labels),
    }
    table = {
        f"the network, epoch {kept['epoch']:.0f}": (kept["val_accuracy"], metrics["test_accuracy"])
    }
    if settings.patience is None:  # what the listing, which keeps no best weights, ends with
        last = keras.models.clone_model(model)
        last.set_weights(last_weights)
        reached = accuracy(evaluate(last, settings, data.vocabulary, data.test.sequences), labels)
        metrics["test_accuracy_last_epoch"] = reached
        table[f"the network, epoch {len(history)}, its last"] = history[-1]["val_accuracy"], reached
    others = {}
    for name, fitted in (baseline.fit(data) if settings.baseline else {}).items():
        others[name] = fitted.test
        reached = accuracy(fitted.test, labels)
        metrics[f"test_accuracy_{name.replace('-', '').replace(' ', '_')}"] = reached
        table[f"{name}, logistic regression"] = (
            accuracy(fitted.validation, data.validation.labels),
            reached,
        )
    run.write_result(info, settings.seed, metrics)
    opinion = opinion_of(model, settings, data.vocabulary)
    with cli.drawing():
        run_figures.draw(run, data, kept["epoch"], p, others, opinion)
    run_figures.print_table(table)
    print(f"written to {run.path}: {', '.join(run.names())}")
    print("judge with it: " + cli.command("predict", "...", "--run", run.path))
    return metrics


def accuracy(probabilities, labels):
    return float(np.mean((probabilities > 0.5) == (labels == 1)))


def opinion_of(model, settings, vocabulary):
    """From the words of a review to how the network's opinion of it forms."""
    each = opinions_of(model, settings, vocabulary)
    return lambda words: each([words])[0]


def opinions_of(model, settings, vocabulary):
    """From reviews, each a list of words, to how the network's opinion of each forms."""
    judge = functools.partial(evaluate, model, settings, vocabulary)
    return functools.partial(opinions.of_reviews, judge, vocabulary, settings.maxlen)


def predict(run, settings, review, encoding=None):
    """What a saved run makes of a review, or with `-` of each line of standard input."""
    model = run.load_model()
    vocabulary = WordVocabulary.load(run.file("vocabulary.json"))
    (embedding,) = (layer for layer in model.layers if isinstance(layer, keras.layers.Embedding))
    if embedding.input_dim != vocabulary.size:
        raise cli.UserError(
            f"{run.path}: the model knows ids below {embedding.input_dim} and vocabulary.json has them "
            f"below {vocabulary.size}. The two are not of one run; train again."
        )
    opinions.judge_reviews(opinions_of(model, settings, vocabulary), run, review, encoding)


def against_padding(settings):
    """Seconds of an epoch of one model, in batches of reviews of about one length and padded."""
    if not settings.mask:
        raise cli.UserError(
            "measure is for a network that leaves padding out: add --mask, or take another "
            "preset than lecture."
        )
    keras.utils.set_random_seed(settings.seed)
    keras.config.set_dtype_policy(settings.dtype)
    data = load_data(settings)
    reviews = readable(settings, data.vocabulary, data.train.sequences)
    model = model_for(settings, data.vocabulary, reviews)
    compile_model(model, settings, batches=len(data.train) // settings.batch_size + 1)
    return padding.measure(
        model,
        reviews,
        data.train.labels,
        settings.batch_size,
        settings.maxlen,
        settings.seed,
    )


def parse(argv):
    formerly = {"--predict": "predict TEXT", "--compare": "compare", "--against-padding": "measure"}
    line = cli.CommandLine(f"{RECIPE}.py", __doc__, Settings, PRESETS, formerly)
    line.train()
    predict = line.verb(
        "predict", "judge reviews with a saved run, word by word", also={"encoding"}, saved_run=True
    )
    predict.add_argument(
        "text", metavar="TEXT", help="a review in quotes, or - for one a line of standard input"
    )
    settable = {"data and run", "model and training"}
    line.verb(
        "compare",
        "train LSTM, peephole LSTM, GRU and plain RNN of equal size, each with the seeds 0 1 2",
        settable,
        without={"cell", "seed", "baseline"},
        preset="compare",
        trains=True,
    )
    line.verb(
        "measure",
        "measure an epoch of one model in batches of reviews of about one length, and padded",
        settable,
        without={"distribute", "baseline", "bucket", "epochs", "patience", "checkpoint_seconds"},
        preset="cpu",
    )

    def check(flags):
        if flags.verb == "predict" and flags.text != "-" and hasattr(flags, "encoding"):
            predict.error("--encoding is that of standard input: say predict -")

    return line.parse(argv, check)


def main(argv=None):
    flags = parse(argv)
    if flags.verb == "predict":
        run = saved_run(flags.run, RECIPE)
        return predict(run, run.settings(Settings), flags.text, getattr(flags, "encoding", None))
    if flags.verb == "measure":
        return against_padding(cli.override(PRESETS[flags.preset or "cpu"], flags))

    def train_seeds(flags):
        return cli.run_seeds(RECIPE, flags, PRESETS, Settings, run_one, LEDGER)

    if flags.verb == "compare":
        settings = cli.override(PRESETS[flags.preset or "compare"], flags)
        return comparison.compare(RECIPE, flags, settings, train_seeds, build_model)
    return train_seeds(flags)


if __name__ == "__main__":
    cli.run_recipe(main)
