"""A network finds names in sentences: it labels every word, and needs what follows to be right.

What you will see: F1 of the names rises from nothing; "teddy" in "he said , teddy bears are on sale" is
first taken for a name by every second network that reads from left to right, and by none that reads
both ways; and `watch` shows word by word what each says while the sentence is still being read.

    words         x_t = [vector of the word; vector of its letters]
    one way       h_t = RNN(x_t, h_(t-1))
    both ways     h_t = [RNN(x_t, h_(t-1)); RNN'(x_t, h'_(t+1))]
    scores        a_t = W h_t + b, one for each tag: B-PER begins a person, I-PER goes on, O is outside
    loss          -(1/T) Σ_t ln softmax(a_t)[y_t], in nats a word
    or with CRF   -ln p(y_1 ... y_T), p(y) ~ exp(Σ_t a_t[y_t] + A[y_(t-1), y_t])

A name counts if its first word, its last word and its type are right; F1 is the harmonic mean of the
share of found names that are right and of the share of names that are found.

After Tollef Jahren, "INF 5400 lecture 11" (University of Oslo, 2019), "Bidirectional recurrent neural
network" (is the word part of a person's name?), and the notes of 002, "Name entity recognition" (Harry
Potter met Hermione Granger). CRF and letters: Lample et al. 2016 (arXiv:1603.01360), Ma and Hovy 2016
(arXiv:1603.01354).

How to run it:

    python recipes/name_tagging.py --preset teddy       generated sentences; no download
    python recipes/name_tagging.py --preset teddy --no-bidirectional
    python recipes/name_tagging.py --preset lecture     persons in CoNLL-2003, plain RNN, both ways
    python recipes/name_tagging.py                      all names of CoNLL-2003, LSTM, letters, CRF
    python recipes/name_tagging.py --data names.txt     lines of a word and its tag
    python recipes/name_tagging.py tag "Teddy Roosevelt met Harry in Oslo ."
    python recipes/name_tagging.py tag - --json         a sentence a line of standard input
    python recipes/name_tagging.py watch "he said , teddy bears are on sale"
    python recipes/name_tagging.py compare              one way, both, letters, CRF; three seeds each
    python recipes/name_tagging.py measure              what a CRF costs, in steps a second
    python recipes/name_tagging.py --resume             go on after Ctrl-C or a crash

(with .venv/bin/python for `python`, after `make demo`.)
"""

import json
from pathlib import Path

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, before anything else imports it
import keras

from parts.name_tagging import (
    command_line,
    comparison,
    evaluation,
    run_figures,
    sentences,
    speaking,
    speed,
)
from parts.name_tagging import tagger as network
from parts.name_tagging.settings import PRESETS, Settings
from recipe_kit import cli
from recipe_kit.runs import RunError, saved_run
from rnn_kit import callbacks as kit
from rnn_kit.text import TokenVocabulary, read_vectors

RECIPE = "name_tagging"
LEDGER = Path(__file__).parent / "results"


def load_data(settings):
    """Loads sentences to learn from, to validate on and to test on, with a tag for every word."""
    return sentences.load(settings)


def build_model(settings, encoder):
    """Builds the network: words `(B, T)` and letters `(B, T, n)` to potentials or logits of tags."""
    return network.build(settings, encoder)


def start_from_vectors(model, path, encoder):
    """Sets the vectors of the words that a file has. Returns a line on how many these are."""
    notes = []
    vectors, found = read_vectors(path, list(encoder.words.tokens), notes=notes)
    layer = model.get_layer("word_vectors")
    (weights,) = layer.get_weights()
    if vectors.shape[1] != weights.shape[1]:
        raise cli.UserError(
            f"{path} has vectors of {vectors.shape[1]} numbers, and the network's have "
            f"{weights.shape[1]}: add --embedding {vectors.shape[1]}."
        )
    weights[1:][found] = vectors[found]
    layer.set_weights([weights])
    return " ".join([f"{found.sum():,} of {len(found):,} words start from {path}.", *notes])


def train(settings, data, run):
    """Trains the network. Returns it, with the weights of the epoch whose F1 on validation is best."""
    checkpoint = kit.Checkpoint(run, settings.checkpoint_seconds)
    dataset, batches, words = sentences.training_batches(settings, data, checkpoint.first_batch)
    rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, batches * settings.epochs)
    model = build_model(settings, data.encoder)
    if settings.word_vectors:
        print(start_from_vectors(model, settings.word_vectors, data.encoder))
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=settings.clip_norm)
    model.compile(optimizer, speed.loss(settings.crf))
    print(
        f"{'bidirectional ' * settings.bidirectional}{settings.cell}, {settings.layers} x "
        f"{settings.units}, letters {settings.characters}, {'CRF, ' * settings.crf}"
        f"{model.count_params():,} weights; {words:,} words an epoch, in {batches:,} batches of "
        f"{settings.batch_size} sentences"
    )
    reader = evaluation.Reader(model, data.sentences.validation, data.encoder)
    callbacks = [
        evaluation.ValidateNames(reader),
        kit.Throughput(words, "words"),
        kit.EpochLog(run.append_history, words),
        kit.StopOnNaN(),
        cli.keep_best("val_f1", "max"),
    ]
    with cli.saved_on_interrupt(run, lambda: model, "Find names", "tag", "..."):
        checkpoint.fit(model, dataset, batches, settings.epochs, callbacks)
    return model


def evaluate(data, model):
    """Reads the test part, once. Returns metrics, and the tags of its sentences."""
    test, training = data.sentences.test, data.sentences.train
    said, nats, by_type = evaluation.Reader(model, test, data.encoder)()
    metrics = evaluation.scores(test, said, by_type, evaluation.words_in_doubt(training))
    metrics["nats"] = nats
    metrics["f1_dictionary"] = evaluation.dictionary_f1(training, test, data.encoder.tags)
    return {f"test_{name}": value for name, value in metrics.items()}, said


def run_one(settings, open_run):
    """Runs from the data to the result. Returns the metrics."""
    cli.set_seed_and_dtype(settings)
    data = load_data(settings)
    info, encoder = data.sentences.info, data.encoder
    run = open_run(info)
    run.save_vocabulary(encoder.words, "words.json")
    run.save_vocabulary(encoder.letters, "characters.json")
    run.write_json("tags.json", encoder.tags)
    counts = {name: f"{len(part):,}" for name, part in data.parts().items()}
    cli.report_start(
        run,
        f"{info['name']}: learning {', '.join(data.sentences.types)} from {counts['train']} sentences, "
        f"validating on {counts['validation']}, held out {counts['test']}",
        data.notes,
    )
    model = train(settings, data, run)
    run.save_model(model)
    history = run.history()
    kept = cli.best_row(history, "val_f1", "max")
    found, said = evaluate(data, model)
    metrics = {
        "weights": model.count_params(),
        "epochs": len(history),
        "kept_epoch": kept["epoch"],
        "train_seconds": history[-1]["seconds"],
        "words_per_second": history[-1]["tokens"] / history[-1]["seconds"],
        "validation_f1": kept["val_f1"],
        **found,
    }
    metrics = {name: float(value) for name, value in metrics.items()}
    run.write_text("test.txt", evaluation.table(data.sentences.test, said))
    run.write_result(info, settings.seed, metrics)
    with cli.drawing():
        run_figures.draw(run, history, metrics, data, speaking.Tagger(model, encoder))
    evaluation.report(metrics, data.sentences.types)
    cli.report_end(run, "find names with it", "tag", "...")
    return metrics


def open_saved(run, whitespace_only=False):
    """Opens a saved run. Returns a `speaking.Tagger` of its network."""
    model = run.load_model()
    words, letters = (TokenVocabulary.load(run.file(f"{of}.json")) for of in ("words", "characters"))
    known = model.get_layer("word_vectors").input_dim - 1
    run.check_vocabulary(known, len(words), "words", "words.json")
    try:
        tags = json.loads(run.file("tags.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{run.file('tags.json')} cannot be read: {error}. Train anew.") from None
    run.check_vocabulary(model.output_shape[-1], len(tags), "tags", "tags.json")
    spells = "letters" in {tensor.name for tensor in model.inputs}
    encoder = sentences.Encoder(words, letters, tags, spells)
    if spells:
        known = model.get_layer("letter_vectors").vectors.input_dim - 1
        run.check_vocabulary(known, len(letters), "characters", "characters.json")
    return speaking.Tagger(model, encoder, whitespace_only)


def parse(argv):
    return command_line.parse(argv, RECIPE, __doc__)


def main(argv=None):
    flags = parse(argv)
    if flags.verb in ("tag", "watch"):
        run = saved_run(flags.run, RECIPE)
        tagger = open_saved(run, flags.tokens)
        if flags.verb == "watch":
            return speaking.watch(run, tagger, flags.text)
        encoding = cli.given(flags, Settings).get("encoding")
        return speaking.tag(tagger, flags.texts, flags.json, encoding)

    if flags.verb == "measure":
        settings = cli.override(PRESETS[flags.preset or "cpu"], flags)
        cli.set_seed_and_dtype(settings)
        return speed.measure(settings, load_data(settings), build_model)

    def train_runs(flags):
        return cli.run_seeds(RECIPE, flags, PRESETS, Settings, run_one, LEDGER)

    if flags.verb == "compare":
        return comparison.compare(RECIPE, flags, PRESETS, train_runs, build_model, load_data)
    return train_runs(flags)


if __name__ == "__main__":
    cli.run_recipe(main)
