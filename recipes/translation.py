"""An encoder reads a sentence, a decoder writes it in another language, and attention shows how.

What you will see: from "wo xi huan ping guo" comes "i like apples". The perplexity of the translations
falls, whole sentences come out right, and a picture shows at which words of the source the network has
looked as it wrote each word.

    encoder       m_1 ... m_S = RNN(x_1 ... x_S)
    decoder       s_t = RNN(y_t, s_(t-1)), s_0 the encoder's last state
    attention     α = softmax(e), z_t = Σ_s α_s m_s     with e_s = v · tanh(W m_s + U s_(t-1))
    translation   p(target | source) = Π_t p(w_t | w_1 ... w_(t-1), source)
    loss          -(1/T) Σ_t ln p(w_t | ...), in nats a word; e to it is the perplexity

After Tollef Jahren, "INF 5400 lecture 11" (University of Oslo, 2019), "Machine translation", whose tips
are flags: weights of their own for encoder and decoder (or `--shared-weights`), the encoder's last
state before the first word or beside every word (`--context`), the word before as the next input, the
source reversed (`--reverse`), characters or words (`--level`). The pair of sentences is Ruixuan Wang's,
"Week 10: RNN" (Sun Yat-sen University, 2019). `--attention` came later: Bahdanau et al. 2015.

How to run it:

    python recipes/translation.py --preset grammar      pinyin to English, generated; no download
    python recipes/translation.py                       Multi30k, English to French
    python recipes/translation.py --preset lecture      the slide's model on Tatoeba's sentence pairs
    python recipes/translation.py --data pairs.tsv      two columns, named in the first row
    python recipes/translation.py translate "wo xi huan ping guo ."
    python recipes/translation.py translate -           a sentence a line from standard input
    python recipes/translation.py score "wo xi huan ping guo ." "i like apples ."
    python recipes/translation.py compare               the tips, one by one, three seeds each
    python recipes/translation.py measure               sentences a second
    python recipes/translation.py --resume              go on after Ctrl-C or a crash

(with .venv/bin/python for `python`, after `make demo`.)
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, before anything else imports it
import keras
import numpy as np

from parts.translation import decoding, fitting, lessons, run_figures, speaking, translator
from parts.translation.choices import ATTENTIONS, CONTEXTS, LEVELS
from recipe_kit import cli
from recipe_kit.cli import setting
from recipe_kit.runs import Run, describe_machine
from rnn_kit import callbacks as kit
from rnn_kit.text import TokenVocabulary

RECIPE = "translation"
LEDGER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Settings:
    DATA, WRITING = "data and run", "writing"
    FILES = (
        *("source_vocabulary.json", "target_vocabulary.json", "translations.txt"),
        *("perplexity.png", "length.png", "attention.png"),
    )

    data: str = cli.data(
        "multi30k",
        "multi30k, fra-eng, grammar (pinyin, generated), or your own: a table of pairs, a zip archive "
        "of one, or a folder of parallel lines",
        ("multi30k", "fra-eng", "grammar"),
    )
    source: str | None = setting(None, "language that is read: a column, or files' suffix", group=DATA)
    target: str | None = setting(None, "language that is written", group=DATA)
    columns: str | None = setting(
        None, "of a table whose first row does not name them: en,fr", group=DATA
    )
    encoding: str | None = cli.encoding()
    level: str = setting("tokens", "what a word is", choices=LEVELS, group=DATA)
    lower: bool = setting(False, "read capitals as small letters", group=DATA)
    min_count: int = setting(2, "rarer words become <unk>", cli.positive_int, group=DATA)
    longest: int = setting(50, "most words of a side of a training pair", cli.positive_int, group=DATA)
    limit: int | None = setting(None, "sentences to learn from", cli.at_least(1), group=DATA)
    seed: int = setting(0, "of weights and order", cli.seed, group=DATA)
    distribute: bool = cli.distribute()
    checkpoint_seconds: float = cli.checkpoint_seconds()
    cell: str = setting("gru", "the recurrent layers", choices=cli.CELLS)
    layers: int = setting(1, "of the encoder, and of the decoder", cli.positive_int)
    units: int = setting(512, "of each layer", cli.at_least(2))
    embedding: int = setting(256, "size of the words' vectors", cli.positive_int)
    bidirectional: bool = setting(True, "the encoder reads in both directions, half the units in each")
    attention: str = setting("additive", "how the decoder looks at the source", choices=ATTENTIONS)
    context: str = setting(
        "first",
        "without attention, the encoder's last state comes before the first word, or beside every word",
        choices=CONTEXTS,
    )
    reverse: bool = setting(False, "the encoder reads the source from its end")
    shared_weights: bool = setting(False, "encoder and decoder have the same recurrent layers")
    tied: bool = setting(True, "the softmax's vectors are those of the target's words")
    embedding_dropout: float = setting(0.3, "of the columns of the words' vectors", cli.fraction)
    output_dropout: float = setting(0.4, "before the softmax", cli.fraction)
    label_smoothing: float = setting(0.1, "of the targets", cli.fraction)
    batch_size: int = setting(64, "pairs", cli.positive_int)
    epochs: int = setting(12, "passes over the pairs", cli.positive_int)
    learning_rate: float = setting(
        1e-3, "of Adam, at the start; half a cosine, to nothing", cli.positive
    )
    clip_norm: float | None = setting(1.0, "largest norm of all gradients together", cli.positive)
    dtype: str = setting("float32", "dtype policy", choices=cli.DTYPES)
    beam_widths: tuple[int, ...] = setting(
        (1, 5),
        "translations side by side; validation chooses",
        cli.positive_int,
        group=WRITING,
        neutral=False,
    )
    length_penalties: tuple[float, ...] = setting(
        (0.6, 1.0, 1.4),
        "exponents of the length that ln p is divided by; validation chooses",
        cli.temperature,
        group=WRITING,
        neutral=False,
    )
    length: int = setting(
        60, "most words of a translation", cli.at_least(2), group=WRITING, neutral=False
    )


# fmt: off
GRAMMAR = Settings(
    data="grammar", min_count=1, units=128, embedding=64, embedding_dropout=0.0, output_dropout=0.0,
    label_smoothing=0.0, epochs=6, learning_rate=3e-3, beam_widths=(1,), length_penalties=(1.0,),
    length=100,
)
PRESETS = {
    "smoke": dataclasses.replace(GRAMMAR, limit=400, units=24, embedding=16, epochs=2, length=40),
    "grammar": GRAMMAR,
    "lecture": Settings(
        data="fra-eng", level="words", lower=True, cell="lstm", units=256, bidirectional=False,
        attention="none", context="every", reverse=True, embedding_dropout=0.2, output_dropout=0.2,
        label_smoothing=0.0, epochs=8, longest=30,
    ),
    "compare": dataclasses.replace(
        GRAMMAR, data="fra-eng", level="words", lower=True, limit=20_000, epochs=4, longest=20,
        length=30,
    ),
    "cpu": Settings(),
}
# fmt: on


def load_data(settings):
    """Pairs to learn from, to validate on and to test on, in words."""
    if settings.shared_weights and (settings.bidirectional or settings.attention != "none"):
        raise cli.UserError(
            "--shared-weights: encoder and decoder can be the same layers where both read one way and "
            "nothing but words: add --no-bidirectional --attention none --context first."
        )
    return lessons.load(settings)


def build_model(settings, source_vocabulary, target_vocabulary):
    """Source ids `(B, S)` and words `(B, T)` to logits `(B, T, V)`: a `Translator`."""
    model = translator.Translator(
        len(source_vocabulary) + 1,  # 0 is padding
        len(target_vocabulary),
        settings.cell,
        settings.units,
        settings.layers,
        settings.embedding,
        settings.bidirectional,
        settings.attention,
        settings.context,
        settings.shared_weights,
        settings.tied,
        settings.embedding_dropout,
        settings.output_dropout,
        name="translator",
    )
    model.build()
    return model


def train(settings, data, run):
    """Teaches translations word by word. Returns the model, with the weights of the best epoch."""
    checkpoint = kit.Checkpoint(run, settings.checkpoint_seconds)
    dataset, batches, words = lessons.training_batches(settings, data, checkpoint.first_batch)
    rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, batches * settings.epochs)
    with cli.strategy(settings).scope():
        model = build_model(settings, data.source_vocabulary, data.target_vocabulary)
        model.compile(
            keras.optimizers.Adam(rate, global_clipnorm=settings.clip_norm),
            fitting.SmoothedCrossentropy(settings.label_smoothing),
            weighted_metrics=[keras.metrics.SparseCategoricalCrossentropy("nats", from_logits=True)],
        )
    print(
        f"{'bidirectional ' * settings.bidirectional}{settings.cell}, {settings.layers} x "
        f"{settings.units}, attention {settings.attention}, {model.count_params():,} weights; "
        f"{words:,} target words an epoch, in {batches:,} batches of {settings.batch_size} pairs"
    )
    writer = writer_of(settings, model, data)
    judge = speaking.Judge(writer, data, settings)
    callbacks = [
        fitting.ValidateWriting(
            lessons.Nats(model, data.validation, data, settings.reverse), judge.after_epoch(run)
        ),
        kit.Throughput(words, "words"),
        kit.EpochLog(run.append_history, words),
        kit.StopOnNaN(),
        kit.EarlyStopping(  # which never stops
            "val_bleu", patience=settings.epochs + 1, mode="max", restore_best_weights=True
        ),
    ]
    try:
        checkpoint.fit(model, dataset, batches, settings.epochs, callbacks)
    except KeyboardInterrupt:
        run.save_model(model)
        again = cli.command("translate", "...", "--run", run.path)
        raise KeyboardInterrupt(f"Interrupted.\nTranslate with what was learned: {again}") from None
    return model


def writer_of(settings, model, data):
    """Writes translations with a model, given the data or a saved run's vocabularies."""
    return decoding.TranslationWriter(
        model, data.source_vocabulary, data.target_vocabulary, settings.reverse, settings.length
    )


def evaluate(settings, model, data):
    """Chooses the beam on validation, then reads the test parts, once.

    Returns:
        Metrics; the test part's translations, strings; and BLEU by the length of the source.
    """
    judge = speaking.Judge(writer_of(settings, model, data), data, settings)
    metrics = judge.choose()
    test = judge.test("test", data.test, metrics)
    metrics |= test.metrics
    metrics["test_perplexity"] = np.exp(lessons.Nats(model, data.test, data, settings.reverse)())
    for name, part in data.others.items():
        metrics |= judge.test(f"test_{name}", part, metrics).metrics
    return metrics, test


def run_one(settings, open_run):
    """One run from its data to its result. Returns the metrics."""
    cli.check_devices(settings, settings.batch_size)
    keras.utils.set_random_seed(settings.seed)
    keras.config.set_dtype_policy(settings.dtype)
    data = load_data(settings)
    info = data.translations.info
    run = open_run(info)
    for name in ("source_vocabulary", "target_vocabulary"):
        with run.writing(f"{name}.json") as aside:
            getattr(data, name).save(aside)
    source, target = data.translations.languages
    print(
        f"{info['name']}, {source} to {target}: learning from {len(data.train.targets()):,} pairs, "
        f"validating on {len(data.validation):,} sentences, held out {len(data.test):,}"
    )
    for note in data.notes:
        print(note)
    print(f"on {describe_machine()}; everything goes to {run.path}")
    model = train(settings, data, run)
    run.save_model(model)
    history = run.history()
    kept = max(history, key=lambda row: row["val_bleu"])
    found, test = evaluate(settings, model, data)
    metrics = {
        "weights": model.count_params(),
        "epochs": len(history),
        "kept_epoch": kept["epoch"],
        "train_seconds": history[-1]["seconds"],
        "words_per_second": history[-1]["tokens"] / history[-1]["seconds"],
        "validation_perplexity": np.exp(kept["val_loss"]),
        **found,
    }
    metrics = {name: float(value) for name, value in metrics.items()}
    run.write_text("translations.txt", speaking.table(data.test, test.translations, settings))
    run.write_result(info, settings.seed, metrics)
    with cli.drawing():
        run_figures.draw(run, settings, history, data, test, writer_of(settings, model, data))
    speaking.report(metrics, data, test.signature)
    print(f"written to {run.path}: {', '.join(run.names())}")
    print("translate with it: " + cli.command("translate", "...", "--run", run.path))
    return metrics


def open_saved(run):
    """The model and the vocabularies of a saved run."""
    model = run.load_model()
    source, target = (
        TokenVocabulary.load(run.file(f"{side}_vocabulary.json")) for side in ("source", "target")
    )
    if getattr(model, "target_size", None) != len(target):
        raise cli.UserError(
            f"{run.path}: model.keras and target_vocabulary.json are not of one run. Train again."
        )
    return model, speaking.Vocabularies(source, target)


def parse(argv):
    line = cli.CommandLine(f"{RECIPE}.py", __doc__, Settings, PRESETS)
    line.train()
    translate = line.verb(
        "translate",
        "translate sentences with a saved run",
        {"writing"},
        also={"encoding"},
        saved_run=True,
    )
    translate.add_argument(
        "texts",
        nargs="+",
        metavar="TEXT",
        help="a sentence in quotes, or - for one a line of standard input",
    )
    score = line.verb("score", "print p(target | source) of a pair with a saved run", saved_run=True)
    score.add_argument("text", metavar="SOURCE", help="a sentence in quotes")
    score.add_argument("translation", metavar="TARGET", help="what it may mean, in quotes")
    line.verb(
        "compare",
        "train the lecture's tips one by one, with the seeds 0 1 2",
        {"data and run", "model and training", "writing"},
        preset="compare",
        trains=True,
    )
    line.verb("measure", "measure sentences a second of a saved run", {"writing"}, saved_run=True)
    return line.parse(argv)


def main(argv=None):
    flags = parse(argv)
    if flags.verb in ("translate", "score", "measure"):
        run = Run.open(flags.run, RECIPE) if flags.run else Run.latest(RECIPE)
        settings = cli.override(run.settings(Settings), flags)
        model, vocabularies = open_saved(run)
        writer = writer_of(settings, model, vocabularies)
        if flags.verb == "measure":
            return speaking.measure(writer, load_data(settings), settings)
        if flags.verb == "score":
            return speaking.score_pair(writer, settings, flags.text, flags.translation)
        return speaking.translate(run, writer, settings, cli.given(flags, Settings), flags.texts)

    def train_runs(flags):
        return cli.run_seeds(RECIPE, flags, PRESETS, Settings, run_one, LEDGER)

    if flags.verb == "compare":
        from parts.translation import comparison

        return comparison.compare(RECIPE, flags, PRESETS, train_runs)
    return train_runs(flags)


if __name__ == "__main__":
    cli.run_recipe(main)
