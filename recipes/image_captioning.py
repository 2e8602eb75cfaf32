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
    shapes    drawn       98.3 % of the sentences are true (seed 0)            255 s

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

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, before anything else imports it
import keras
import numpy as np

from parts.image_captioning import (
    batches,
    captioner,
    captioning,
    comparison,
    data,
    decoding,
    evaluation,
    losses,
    run_figures,
    scores,
    validation,
)
from parts.image_captioning.choices import DECODERS, VECTORS
from recipe_kit import cli
from recipe_kit.cli import setting
from recipe_kit.runs import describe_machine, saved_run
from rnn_kit import callbacks as kit
from rnn_kit.text import TokenVocabulary

RECIPE = "image_captioning"
LEDGER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Settings:
    DATA, WRITING = "data and run", "writing"
    FILES = (
        *("vocabulary.json", "captions.txt", "example.png", "perplexity.png", "beam.png"),
        *("captions.png", "best.png", "worst.png", "attention.png"),
    )

    data: str = cli.data(
        "flickr8k",
        "flickr8k, shapes (drawn), or your own: a folder of images and captions, or the captions' "
        "file; docs/data.md has the forms",
        ("flickr8k", "shapes"),
    )
    encoding: str | None = cli.encoding()
    features: tuple[str, ...] = setting(
        (),
        "files of features computed before, pooled or in a grid; without, they are computed",
        group=DATA,
        affects_results=False,  # what they are, and their hash, is told with the data
    )
    backbone: str = setting("MobileNetV2", "network of keras.applications that sees", group=DATA)
    weights: str = setting(
        "imagenet", "of the backbone: imagenet, none (random), or a file", group=DATA
    )
    cache: str | None = setting(
        None,
        "folder for computed features (none: features/ where data go)",
        group=DATA,
        affects_results=False,
    )
    pictures: int = setting(8000, "drawn to train on, with --data shapes", cli.positive_int, group=DATA)
    min_count: int = setting(
        5, "rarer words of the captions become <unk>", cli.positive_int, group=DATA
    )
    seed: int = setting(0, "of weights, order and samples", cli.seed, group=DATA)
    distribute: bool = cli.distribute()
    checkpoint_seconds: float = cli.checkpoint_seconds()
    decoder: str = setting("attention", "how the image comes in", choices=DECODERS)
    vector: str = setting(
        "pooled", "the image as one vector: pooled features, or the mean of a grid", choices=VECTORS
    )
    cell: str = setting("lstm", "the recurrent layer", choices=cli.CELLS)
    units: int = setting(512, "of it", cli.positive_int)
    embedding: int = setting(256, "size of the vectors of words and image", cli.positive_int)
    word_vectors: str | None = setting(
        None, "text file of word2vec or GloVe vectors, which then stay as they are"
    )
    image_dropout: float = setting(0.3, "of the image's features", cli.fraction)
    embedding_dropout: float = setting(0.3, "of the columns of the words' vectors", cli.fraction)
    output_dropout: float = setting(0.5, "before the softmax", cli.fraction)
    label_smoothing: float = setting(0.1, "of the targets", cli.fraction)
    l2: float = setting(0.0, "λ of λ‖θ‖², added to the loss", cli.temperature)
    batch_size: int = setting(128, "captions", cli.positive_int)
    epochs: int = setting(10, "passes over the captions", cli.positive_int)
    learning_rate: float = setting(
        2e-3, "of Adam, at the start; half a cosine, to nothing", cli.positive
    )
    clip_norm: float | None = setting(5.0, "largest norm of all gradients together", cli.positive)
    dtype: str = setting("float32", "dtype policy", choices=cli.DTYPES)
    beam_widths: tuple[int, ...] = setting(
        (1, 3, 5, 10),
        "sentences side by side; validation chooses",
        cli.positive_int,
        group=WRITING,
        affects_results=True,
    )
    length_penalties: tuple[float, ...] = setting(
        (0.5, 0.7, 0.9, 1.1),
        "exponents of the length that ln p is divided by; validation chooses",
        cli.temperature,
        group=WRITING,
        affects_results=True,
    )
    temperature: float = setting(
        1.0, "of the sampled sentences", cli.temperature, group=WRITING, affects_results=True
    )
    length: int = setting(
        24, "most words of a sentence", cli.at_least(2), group=WRITING, affects_results=True
    )


# fmt: off
SHAPES = Settings(
    data="shapes", pictures=16_000, min_count=1, decoder="merge", units=128, embedding=128,
    image_dropout=0.0, embedding_dropout=0.0, output_dropout=0.0, label_smoothing=0.0, batch_size=64,
    epochs=6, learning_rate=4e-3, beam_widths=(1, 3), length_penalties=(0.7,), length=16,
)
PRESETS = {
    "smoke": dataclasses.replace(
        SHAPES, pictures=200, units=32, embedding=16, epochs=2, beam_widths=(2,)
    ),
    "shapes": SHAPES,
    "lecture": Settings(
        decoder="merge", cell="simple", units=256, embedding=300, image_dropout=0.0,
        embedding_dropout=0.0, output_dropout=0.5, label_smoothing=0.0, l2=1e-6, learning_rate=1e-3,
    ),
    "compare": Settings(units=256, epochs=3, beam_widths=(3,), length_penalties=(0.7,)),
    "cpu": Settings(),
    # After Vinyals et al. 2015: 512 and 512, a beam of 20.
    "paper": Settings(
        backbone="InceptionV3", decoder="input", embedding=512, image_dropout=0.0,
        embedding_dropout=0.0, label_smoothing=0.0, beam_widths=(20,), length_penalties=(0.0,),
    ),
}
# fmt: on


def load_data(settings):
    """Images and captions to train on, to validate on and to test on."""
    if settings.word_vectors is None:
        return data.load(settings)
    if not Path(settings.word_vectors).is_file():  # said now, not after the features are computed
        is_folder = Path(settings.word_vectors).is_dir()
        raise cli.UserError(
            f"--word-vectors {settings.word_vectors}: "
            f"{'that is a folder' if is_folder else 'there is no such file'}. Give the text form of "
            "word2vec or GloVe."
        )
    return data.with_word_vectors(data.load(settings), settings)


def build_model(settings, vocabulary, images, word_vectors=None):
    """The network, untrained: a `Captioner`; with the vectors of words that are given, if any are."""
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
    """Teaches captions word by word. Returns the model, with the weights of the best epoch."""
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
    writer = decoding.Writer(model, held.vocabulary, settings.length)
    watched = np.random.default_rng(settings.seed).permutation(len(held.validation))[:3]

    def score():
        found = writer.beam(
            held.validation.images, settings.beam_widths[0], settings.length_penalties[0]
        )
        written = [best.words for best, *_ in found]
        sample = "\n".join(f"    {held.validation.names[n]}: {' '.join(written[n])}" for n in watched)
        print(sample, flush=True)
        run.append_sample(sample)
        found = evaluation.judge(written, held.validation)
        return {name: found[name] for name in ("bleu_4", "cider", "truth") if name in found}

    callbacks = [
        validation.ValidateCaptions(
            validation.CaptionNats(model, held.validation, held.vocabulary), score
        ),
        kit.Throughput(words, "words"),
        kit.EpochLog(run.append_history, words),
        kit.StopOnNaN(),
        kit.EarlyStopping(  # which never stops
            monitor(settings), patience=settings.epochs + 1, mode="max", restore_best_weights=True
        ),
    ]
    try:
        checkpoint.fit(model, dataset, steps, settings.epochs, callbacks)
    except KeyboardInterrupt:
        run.save_model(model)
        again = cli.command("caption", "...", "--run", run.path)
        raise KeyboardInterrupt(f"Interrupted.\nCaption with what was learned: {again}") from None
    return model


def monitor(settings):
    """What the best epoch is best in, on validation."""
    return "val_truth" if settings.data == data.SHAPES else "val_bleu_4"


def evaluate(settings, model, held):
    """Chooses how to write on validation, then reads the test part, once.

    Returns:
        Metrics, and the test images' captions, lists of words.
    """
    writer = decoding.Writer(model, held.vocabulary, settings.length)
    part = held.validation

    def score(written):
        if part.scenes:
            return evaluation.truth(written, part)
        return scores.bleu(written, part.words)[-1]

    chosen, width = decoding.choose(
        writer, part.images, settings.beam_widths, settings.length_penalties, score
    )
    training = [words for image in held.train.words for words in image]
    ways = {
        "greedy": [s.words for s in writer.sample(part.images, 0)],
        "sampling": [s.words for s in writer.sample(part.images, settings.temperature, settings.seed)],
    }
    for wide, (_, penalty) in chosen.items():
        ways[f"beam_{wide}"] = [best.words for best, *_ in writer.beam(part.images, wide, penalty)]
    metrics = {"beam_width": width, "length_penalty": chosen[width][1]}
    for way, written in ways.items():
        found = evaluation.judge(written, part) | evaluation.described(written, training)
        metrics |= {f"validation_{way}_{name}": value for name, value in found.items()}
    captions = [best.words for best, *_ in writer.beam(held.test.images, width, chosen[width][1])]
    found = evaluation.judge(captions, held.test) | evaluation.described(captions, training)
    found["perplexity"] = np.exp(validation.CaptionNats(model, held.test, held.vocabulary)())
    metrics |= {f"test_{name}": value for name, value in found.items()}
    return metrics, captions


def run_one(settings, open_run):
    """One run from its data to its result. Returns the metrics."""
    cli.check_devices(settings, settings.batch_size)
    held = load_data(settings)  # a backbone that sees the images has its own precision and draws
    keras.utils.set_random_seed(settings.seed)
    keras.config.set_dtype_policy(settings.dtype)
    run = open_run(held.info)
    run.save_vocabulary(held.vocabulary)
    print(
        f"{held.info['name']}: training on {len(held.train):,} images, validating on "
        f"{len(held.validation):,}, held out {len(held.test):,}; {len(held.vocabulary):,} words"
    )
    for note in held.notes:
        print(note)
    print(f"on {describe_machine()}; everything goes to {run.path}")
    model = train(settings, held, run)
    run.save_model(model)
    history = run.history()
    kept = max(history, key=lambda row: row[monitor(settings)])
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
    run.write_result(held.info, settings.seed, metrics)  # before a photo that cannot be read is met
    with cli.drawing():
        if settings.data == data.SHAPES:
            run_figures.save_example(run, held.test)
        run_figures.draw(run, settings, history, held, captions, model, metrics)
    evaluation.report(settings, metrics)
    print(f"written to {run.path}: {', '.join(run.names())}")
    print("caption an image with it: " + cli.command("caption", "PHOTO", "--run", run.path))
    return metrics


def open_saved(run):
    """The model and the vocabulary of a saved run."""
    model = run.load_model()
    vocabulary = TokenVocabulary.load(run.file("vocabulary.json"))
    if getattr(model, "vocabulary_size", None) != len(vocabulary):
        raise cli.UserError(
            f"{run.path}: model.keras and vocabulary.json are not of one run. Train again."
        )
    return model, vocabulary


def parse(argv):
    formerly = {"--caption": "caption PHOTO ...", "--compare": "compare", "--measure": "measure"}
    line = cli.CommandLine(f"{RECIPE}.py", __doc__, Settings, PRESETS, formerly)
    line.train()
    caption = line.verb(
        "caption",
        "say what a saved run sees in images",
        {"writing"},
        also={"seed", "features"},
        saved_run=True,
    )
    caption.add_argument(
        "photos", nargs="+", metavar="PHOTO", help="a file, or a name that --features has"
    )
    line.verb(
        "compare",
        "train every decoder, on pooled features and on a grid",
        {"data and run", "model and training", "writing"},
        without={"decoder", "vector"},
        preset="compare",
        trains=True,
    )
    line.verb(
        "measure",
        "measure captions a second of a saved run, one image at a time and 64",
        {"writing"},
        also={"features"},
        saved_run=True,
    )
    return line.parse(argv)


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
