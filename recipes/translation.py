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

from pathlib import Path

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, before anything else imports it
import keras
import numpy as np

from parts.translation import (
    command_line,
    comparison,
    decoding,
    lessons,
    run_figures,
    speaking,
    translator,
)
from parts.translation.settings import PRESETS, Settings
from recipe_kit import cli, validation
from recipe_kit.runs import saved_run
from rnn_kit import callbacks as kit
from rnn_kit import losses
from rnn_kit.text import TokenVocabulary

RECIPE = "translation"
LEDGER = Path(__file__).parent / "results"


def load_data(settings):
    """Loads pairs to learn from, to validate on and to test on, in words."""
    return lessons.load(settings)


def build_model(settings, source_vocabulary, target_vocabulary):
    """Builds a `Translator`: source ids `(B, S)` and words `(B, T)` to logits `(B, T, V)`."""
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
            losses.SmoothedCrossentropy(settings.label_smoothing),
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
        validation.ValidateSentences(
            nats_of(settings, model, data.validation, data), judge.after_epoch(run)
        ),
        kit.Throughput(words, "words"),
        kit.EpochLog(run.append_history, words),
        kit.StopOnNaN(),
        cli.keep_best("val_bleu", "max"),
    ]
    with cli.saved_on_interrupt(run, lambda: model, "Translate", "translate", "..."):
        checkpoint.fit(model, dataset, batches, settings.epochs, callbacks)
    return model


def nats_of(settings, model, part, data):
    """Measures the cross entropy of a part's translations, in nats a word, when it is called."""
    return validation.Nats(model, *lessons.evaluation_batches(part, data, settings.reverse))


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
    metrics["test_perplexity"] = np.exp(nats_of(settings, model, data.test, data)())
    for name, part in data.others.items():
        metrics |= judge.test(f"test_{name}", part, metrics).metrics
    return metrics, test


def run_one(settings, open_run):
    """Runs from the data to the result. Returns the metrics."""
    cli.check_devices(settings, settings.batch_size)
    cli.set_seed_and_dtype(settings)
    data = load_data(settings)
    info = data.translations.info
    run = open_run(info)
    run.save_vocabulary(data.source_vocabulary, "source_vocabulary.json")
    run.save_vocabulary(data.target_vocabulary, "target_vocabulary.json")
    source, target = data.translations.languages
    cli.report_start(
        run,
        f"{info['name']}, {source} to {target}: learning from {len(data.train.targets()):,} pairs, "
        f"validating on {len(data.validation):,} sentences, held out {len(data.test):,}",
        data.notes,
    )
    model = train(settings, data, run)
    run.save_model(model)
    history = run.history()
    kept = cli.best_row(history, "val_bleu", "max")
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
    cli.report_end(run, "translate with it", "translate", "...")
    return metrics


def open_saved(run):
    """Opens a saved run. Returns its model and its vocabularies."""
    model = run.load_model()
    source, target = (
        TokenVocabulary.load(run.file(f"{side}_vocabulary.json")) for side in ("source", "target")
    )
    run.check_vocabulary(
        getattr(model, "target_size", 0), len(target), "words", "target_vocabulary.json"
    )
    return model, speaking.Vocabularies(source, target)


def parse(argv):
    return command_line.parse(argv, RECIPE, __doc__)


def main(argv=None):
    flags = parse(argv)
    if flags.verb in ("translate", "score", "measure"):
        run = saved_run(flags.run, RECIPE)
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
        return comparison.compare(RECIPE, flags, PRESETS, train_runs)
    return train_runs(flags)


if __name__ == "__main__":
    cli.run_recipe(main)
