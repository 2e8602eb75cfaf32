"""An image goes in, a sentence comes out: a recurrent network says what it sees.

What you will see: sentences about validation images that begin as "a a a" and end as something that
could have been said of them; scores against what five people said; a grid of test images with their
captions, the best and the worst; and, with `--decoder attention`, where the network looked before each
word.

    features      a convolutional network for ImageNet, without its last layers
    model         features -> RNN, words -> embedding -> RNN -> softmax: p(next word | image, words)
    loss          -(1/N) Σ ln p(word_t | image, words before), in nats a word; perplexity = e^loss
    in the test   the words of a beam search, or sampled one by one, until the end

After Jian Li, "Deep Learning: RNN" (IIS Tsinghua), "Application – Image Captioning", which shows the
model of Karpathy and Li 2015. The four ways by which the image comes into the network, `--decoder`:

    init          as the state before the first word
    input         as the first word                 (Vinyals et al. 2015, arXiv:1411.4555)
    merge         beside every word                 (the lecture's W_ih v)
    attention     a part of it before each word     (Xu et al. 2015, arXiv:1502.03044)

Flickr8k's images belong to their owners, so nothing is downloaded: the error says where they are to
be had. `--data shapes` needs no data: it draws images of circles, squares and triangles, trains the
convolutional network too, and checks whether every sentence is true.

What to expect of the test images, on 2 CPU cores:

    preset    images    scores                                               training
    cpu       Flickr8k    BLEU-1 to 4: 62.4, 44.5, 30.9, 21.0; CIDEr 0.524     1,528 s
                          (means; --seeds 0 1 2 --features POOLED.npz GRID.npz; one thread)
    shapes    drawn       98.6 % of the sentences are true (seed 0)            297 s

The two files hold features of Flickr8k's photos by an 8-bit MobileNetV2: pooled, and the first 128
principal components of its 7x7 grid. Without `--features` Keras's MobileNetV2 computes others from the
photos. No figure is recorded for those.
`lecture` and `paper` have no recorded figure yet.

How to run it:

    python recipes/image_captioning.py                                 Flickr8k, features by MobileNetV2
    python recipes/image_captioning.py --features POOLED.npz GRID.npz  computed before
    python recipes/image_captioning.py --preset shapes                 drawn images; no data needed
    python recipes/image_captioning.py --data my_folder                your images and their captions
    python recipes/image_captioning.py caption photo.jpg               what a saved run says of it
    python recipes/image_captioning.py compare                         the four decoders side by side
    python recipes/image_captioning.py --resume                        go on after Ctrl-C or a crash

(with .venv/bin/python for `python`, after `make demo`.)
"""

from pathlib import Path

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, before anything else imports it
import keras
import numpy as np

from parts.image_captioning import (
    batches,
    captioner,
    captioning,
    command_line,
    comparison,
    data,
    evaluation,
    run_figures,
    saved_before,
)
from parts.image_captioning.settings import PRESETS, Settings
from recipe_kit import cli, sentence_writer, validation
from recipe_kit.runs import saved_run
from rnn_kit import callbacks as kit
from rnn_kit import losses
from rnn_kit.text import TokenVocabulary

RECIPE = "image_captioning"
LEDGER = Path(__file__).parent / "results"


def load_data(settings):
    """Loads images and captions for training, validation and the test."""
    return data.load_all(settings)


def build_model(settings, vocabulary, images, word_vectors=None):
    """Builds the `Captioner`, with the given word vectors, if any."""
    model = captioner.Captioner(
        len(vocabulary),
        images,
        settings.decoder,
        settings.cell,
        settings.units,
        settings.embedding,
        settings.vector,
        settings.image_dropout,
        settings.embedding_dropout,
        settings.output_dropout,
        settings.l2,
        trainable_words=word_vectors is None,
        name="captioner",
    )
    model.build()
    if word_vectors is not None:
        vectors, found = word_vectors
        start = model.word_vectors.get_weights()[0]
        model.word_vectors.set_weights([np.where(found[:, None], vectors, start)])
        print(f"{found.sum():,} of {len(found):,} words have a vector in {settings.word_vectors}")
    return model


def train(settings, held, run):
    """Trains on captions word by word. Returns the model, with the weights of the best epoch."""
    checkpoint = kit.Checkpoint(run, settings.checkpoint_seconds)
    dataset, steps, words = batches.training_batches(
        held.train, held.vocabulary, settings.batch_size, settings.seed, checkpoint.first_batch
    )
    rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps * settings.epochs)
    with cli.strategy(settings).scope():
        model = build_model(settings, held.vocabulary, held.image_shapes, held.word_vectors)
        model.adapt(held.train.images)
        model.compile(
            keras.optimizers.Adam(rate, global_clipnorm=settings.clip_norm),
            losses.SmoothedCrossentropy(settings.label_smoothing),
            weighted_metrics=[keras.metrics.SparseCategoricalCrossentropy("nats", from_logits=True)],
        )
    print(
        f"{settings.decoder}, {settings.cell} of {settings.units}, {model.count_params():,} weights; "
        f"{words:,} words an epoch, in {steps:,} batches of {settings.batch_size} captions"
    )
    writer = sentence_writer.SentenceWriter(model, held.vocabulary, settings.length)
    watched = np.random.default_rng(settings.seed).permutation(len(held.validation))[:3]

    def score():
        best = writer.beam(
            held.validation.images, settings.beam_widths[0], settings.length_penalties[0]
        )
        written = [sentence.words for sentence, *_ in best]
        sample = "\n".join(f"    {held.validation.names[n]}: {' '.join(written[n])}" for n in watched)
        print(sample, flush=True)
        run.append_sample(sample)
        found = evaluation.judge(written, held.validation)
        return {name: found[name] for name in ("bleu_4", "cider", "truth") if name in found}

    callbacks = [
        validation.ValidateSentences(
            validation.Nats(model, *batches.evaluation_batches(held.validation, held.vocabulary)), score
        ),
        kit.Throughput(words, "words"),
        kit.EpochLog(run.append_history, words),
        kit.StopOnNaN(),
        cli.keep_best(monitor(settings), "max"),
    ]
    with cli.saved_on_interrupt(run, lambda: model, "Caption", "caption", "..."):
        checkpoint.fit(model, dataset, steps, settings.epochs, callbacks)
    return model


def monitor(settings):
    """Returns the validation metric that selects the best epoch."""
    return "val_truth" if settings.data == data.SHAPES else "val_bleu_4"


def evaluate(settings, model, held):
    """Chooses the way of writing on validation, then evaluates the test part, once.

    Returns:
        The metrics, and the test images' captions, lists of words.
    """
    writer = sentence_writer.SentenceWriter(model, held.vocabulary, settings.length)
    part = held.validation
    chosen, width = sentence_writer.choose(
        writer,
        part.images,
        settings.beam_widths,
        settings.length_penalties,
        lambda written: evaluation.score(written, part),
    )
    training = [words for image in held.train.words for words in image]
    penalty = chosen[width][1]
    metrics = {"beam_width": width, "length_penalty": penalty}
    for way, written in evaluation.ways_of_writing(writer, part, settings, chosen).items():
        found = evaluation.judge(written, part) | evaluation.described(written, training)
        metrics |= {f"validation_{way}_{name}": value for name, value in found.items()}
    captions = [best.words for best, *_ in writer.beam(held.test.images, width, penalty)]
    found = evaluation.judge(captions, held.test) | evaluation.described(captions, training)
    found["perplexity"] = np.exp(
        validation.Nats(model, *batches.evaluation_batches(held.test, held.vocabulary))()
    )
    metrics |= {f"test_{name}": value for name, value in found.items()}
    return metrics, captions


def run_one(settings, open_run):
    """Runs from the data to the result. Returns the metrics."""
    cli.check_devices(settings, settings.batch_size)
    held = load_data(settings)  # a backbone for the images uses its own precision and random draws
    cli.set_seed_and_dtype(settings)
    run = open_run(held.info)
    run.save_vocabulary(held.vocabulary)
    cli.report_start(
        run,
        f"{held.info['name']}: training on {len(held.train):,} images, validating on "
        f"{len(held.validation):,}, held out {len(held.test):,}; {len(held.vocabulary):,} words",
        held.notes,
    )
    model = train(settings, held, run)
    run.save_model(model)
    history = run.history()
    kept = cli.best_row(history, monitor(settings), "max")
    found, captions = evaluate(settings, model, held)
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
    run.write_text("captions.txt", evaluation.captions_table(held.test, captions))
    run.write_result(held.info, settings.seed, metrics)  # before an unreadable photo can stop it
    with cli.drawing():
        if settings.data == data.SHAPES:
            run_figures.save_example(run, held.test)
        run_figures.draw(run, settings, history, held, captions, model, metrics)
    evaluation.report(settings, metrics)
    cli.report_end(run, "caption an image with it", "caption", "PHOTO")
    return metrics


def open_saved(run):
    """Opens a saved run. Returns its model and its vocabulary."""
    model = run.load_model(load=saved_before.load)
    vocabulary = TokenVocabulary.load(run.file("vocabulary.json"))
    run.check_vocabulary(getattr(model, "vocabulary_size", 0), len(vocabulary), "words")
    return model, vocabulary


def parse(argv):
    return command_line.parse(argv, RECIPE, __doc__)


def main(argv=None):
    flags = parse(argv)
    if flags.verb in ("caption", "measure"):
        run = saved_run(flags.run, RECIPE)
        settings = cli.override(run.settings(Settings), flags)
        model, vocabulary = open_saved(run)
        given = cli.given(flags, Settings)
        if flags.verb == "measure":
            return captioning.measure(run, settings, given, model, vocabulary)
        return captioning.caption(run, settings, given, model, vocabulary, flags.photos)

    def train_runs(flags):
        return cli.run_seeds(RECIPE, flags, PRESETS, Settings, run_one, LEDGER)

    if flags.verb == "compare":
        return comparison.compare(RECIPE, flags, PRESETS, train_runs)
    return train_runs(flags)


if __name__ == "__main__":
    cli.run_recipe(main)
