"""The settings of the recipe and their presets."""

import dataclasses
from dataclasses import dataclass

from recipe_kit import cli
from recipe_kit.cli import setting


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
        None, "most frequent words to know; the others become <unk>", cli.int_at_least(3), group=DATA
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
# the batch size; the forget bias of 0 is from ptb_word_lm.py.
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
