"""The settings of the recipe and their presets."""

import dataclasses
from dataclasses import dataclass

from parts.image_captioning.choices import DECODERS, VECTORS
from recipe_kit import cli
from recipe_kit.cli import setting


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
        24, "most words of a sentence", cli.int_at_least(2), group=WRITING, affects_results=True
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
