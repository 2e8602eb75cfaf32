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

from pathlib import Path

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, before anything else imports it
import keras
import numpy as np

from parts.ptb_language_model import (
    agreement,
    checks,
    command_line,
    comparison,
    initial_weights,
    optimizers,
    run_figures,
    sampled_softmax,
    sentences,
    speed,
)
from parts.ptb_language_model.settings import PRESETS, Settings
from recipe_kit import cli
from recipe_kit.datasets import load_corpus
from recipe_kit.runs import saved_run
from rnn_kit import callbacks as kit
from rnn_kit import generation, pipelines
from rnn_kit.text import TokenVocabulary

RECIPE = "ptb_language_model"
LEDGER = Path(__file__).parent / "results"


def load_data(settings):
    """Loads three texts of numbered words, `<eos>` after each sentence, as a `datasets.Corpus`."""
    if settings.data == agreement.NAME:
        if settings.vocab_size:
            raise cli.UserError(
                f"--vocab-size has no meaning with --data {agreement.NAME}, all of whose words are "
                "known: leave it out."
            )
        return agreement.corpus(settings.sentences)
    return load_corpus(settings.data, settings.vocab_size, settings.encoding)


def build_network(settings, vocabulary, batch_size=None):
    """Connects ids `(B, T)`, hidden states `(B, T, units)` and logits `(B, T, V)`, Keras's symbols."""
    dropout = keras.layers.SpatialDropout1D if settings.variational else keras.layers.Dropout
    size = len(vocabulary)

    ids = keras.Input((None,), batch_size, dtype="int32", name="words")
    kind = keras.layers.ReversibleEmbedding if settings.tied else keras.layers.Embedding
    vectors = initial_weights.uniform(settings.init_scale or 0.1)
    embedding = kind(size, settings.units, embeddings_initializer=vectors, name="embedding")
    x = embedding(ids)
    for _ in range(settings.layers):
        x = dropout(settings.dropout)(x)
        x = recurrent_layer(settings, stateful=batch_size is not None)(x)
    x = dropout(settings.dropout)(x)
    if settings.tied:
        logits = embedding(x, reverse=True)
    else:
        start = initial_weights.initializers(settings, "kernel", "bias")
        logits = keras.layers.Dense(size, name="softmax", **start)(x)
    return ids, x, keras.layers.Activation("linear", dtype="float32", name="logits")(logits)


def recurrent_layer(settings, stateful):
    start = initial_weights.initializers(settings, "kernel", "recurrent")
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
    """Maps ids `(B, T)` to logits `(B, T, V)`; stateful if given the batch size."""
    ids, _, logits = build_network(settings, vocabulary, batch_size)
    return keras.Model(ids, logits, name="language_model")


def build_training(settings, vocabulary, batches):
    """Builds the compiled training model, and the language model that shares its weights.

    They are the same model, unless the softmax is sampled: then the training model ends at the hidden
    states, and the loss does the rest.
    """
    rows = settings.batch_size // cli.strategy(settings).num_replicas_in_sync
    ids, hidden, logits = build_network(settings, vocabulary, rows)
    model = keras.Model(ids, logits, name="language_model")
    optimizer = optimizers.build(settings, batches)
    if not checks.samples(settings, vocabulary):
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


def train(settings, corpus, run):
    """Trains by back-propagation through time, truncated at the window. Returns the language model."""
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
        cli.keep_best(),
    ]

    def free():
        return without_states(model, settings, corpus.vocabulary)

    with cli.saved_on_interrupt(run, free, "Write", "sample"):
        checkpoint.fit(trained, dataset, batches, settings.epochs, callbacks)
    return free()


def without_states(model, settings, vocabulary):
    """Returns the trained model for any batch size, with no states to carry."""
    free = build_model(settings, vocabulary)
    free.set_weights(model.get_weights())
    return free


def stream(corpus, ids):
    """Returns a text as one stream, with `<eos>` before its first word: N tokens, N predictions."""
    return np.concatenate([[corpus.vocabulary.end], ids])


def evaluate(model, corpus, ids):
    """Computes the cross entropy of a text in nats a word: one stream, states carried end to end."""
    return float(-generation.Generator(model).score(stream(corpus, ids)[None])[0]) / len(ids)


def run_one(settings, open_run):
    """Runs from the data to the result. Returns the metrics."""
    cli.set_seed_and_dtype(settings)
    corpus = load_data(settings)
    checks.check(settings, corpus)
    run = open_run(corpus.info)
    run.save_vocabulary(corpus.vocabulary)
    cli.report_start(
        run,
        f"{corpus.info['name']}: {len(corpus.vocabulary):,} words; training on {len(corpus.train):,} "
        f"tokens, validating on {len(corpus.validation):,}, held out {len(corpus.test):,}",
        corpus.notes,
    )
    model = train(settings, corpus, run)
    run.save_model(model)
    history = run.history()
    kept = cli.best_row(history)
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
    speed.report(metrics)
    if agreement.TRUE in metrics:
        agreement.report(metrics)
    cli.report_end(run, "score sentences with it", "score", "...")
    return metrics


def open_saved(run):
    """Opens a saved run. Returns its generator and its vocabulary."""
    model, vocabulary = run.load_model(), TokenVocabulary.load(run.file("vocabulary.json"))
    run.check_vocabulary(model.output_shape[-1], len(vocabulary), "words")
    return generation.Generator(model), vocabulary


def measure(settings, steps):
    """Measures a few steps of a preset: its weights, its losses, its words a second."""
    cli.set_seed_and_dtype(settings)
    corpus = load_data(settings)
    checks.check(settings, corpus)
    dataset, batches = pipelines.stream_dataset(
        corpus.train, settings.batch_size, settings.window, settings.seed
    )
    trained, model = build_training(settings, corpus.vocabulary, batches)
    return speed.measure(trained, model.count_params(), dataset, batches, settings, steps)


def parse(argv):
    return command_line.parse(argv, RECIPE, __doc__)


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
    settings = cli.override(PRESETS[flags.preset or flags.default_preset], flags)
    if flags.verb == "measure":
        return measure(settings, flags.steps)

    def train_runs(flags):
        return cli.run_seeds(RECIPE, flags, PRESETS, Settings, run_one, LEDGER)

    if flags.verb == "compare":
        return comparison.compare(RECIPE, flags, settings, train_runs, build_model)
    return train_runs(flags)


if __name__ == "__main__":
    cli.run_recipe(main)
