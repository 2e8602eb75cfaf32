"""The settings of the recipe and their presets."""

import dataclasses
from dataclasses import dataclass

from parts.name_tagging.choices import CHARACTERS, SCHEMES
from recipe_kit import cli
from recipe_kit.cli import setting


@dataclass(frozen=True)
class Settings:
    DATA = "data and run"
    FILES = (
        *("words.json", "characters.json", "tags.json", "test.txt"),
        *("f1.png", "by_type.png", "waiting.png"),
    )

    data: str = cli.data(
        "conll2003",
        "conll2003, teddy (generated), or your own: a file of lines `word tag`, or a folder with "
        "train, dev and test",
        ("conll2003", "teddy"),
    )
    encoding: str | None = cli.encoding()
    types: tuple[str, ...] = setting(
        (), "the kinds of names to find, such as PER (default: all that there are)", group=DATA
    )
    scheme: str = setting("IOBES", "the tags of a name's words", choices=SCHEMES, group=DATA)
    min_count: int = setting(1, "rarer words are unknown", cli.positive_int, group=DATA)
    limit: int | None = setting(None, "sentences to use of each part", cli.int_at_least(1), group=DATA)
    seed: int = setting(0, "of weights and order", cli.seed, group=DATA)
    checkpoint_seconds: float = cli.checkpoint_seconds()
    cell: str = setting("lstm", "the recurrent layers", choices=cli.CELLS)
    layers: int = setting(1, "recurrent layers", cli.positive_int)
    units: int = setting(128, "of each layer, in each direction", cli.positive_int)
    bidirectional: bool = setting(True, "read the sentence in both directions")
    embedding: int = setting(100, "size of the words' vectors", cli.positive_int)
    word_vectors: str | None = setting(
        None, "file of the words' vectors to start from, in the form of word2vec or GloVe"
    )
    characters: str = setting("cnn", "how a word's letters are read", choices=CHARACTERS)
    character_embedding: int = setting(30, "size of the letters' vectors", cli.positive_int)
    character_units: int = setting(50, "filters of the CNN, or units of the LSTM", cli.int_at_least(2))
    crf: bool = setting(True, "a conditional random field on top")
    dropout: float = setting(0.5, "before and behind the recurrent layers", cli.fraction)
    single_dropout: float = setting(
        0.5, "share of the words seen once that are read as unknown in training", cli.fraction
    )
    batch_size: int = setting(16, "sentences", cli.positive_int)
    epochs: int = setting(30, "passes over the sentences", cli.positive_int)
    learning_rate: float = setting(
        2e-3, "of Adam, at the start; half a cosine, to nothing", cli.positive
    )
    clip_norm: float | None = setting(5.0, "largest norm of all gradients together", cli.positive)
    dtype: str = setting("float32", "dtype policy", choices=cli.DTYPES)


# fmt: off
TEDDY = Settings(
    data="teddy", scheme="BIO", cell="simple", units=16, embedding=16, characters="none", crf=False,
    dropout=0.0, single_dropout=0.0, batch_size=32, epochs=8, learning_rate=5e-3,
)
PRESETS = {
    "smoke": dataclasses.replace(TEDDY, limit=400, batch_size=8, epochs=3, learning_rate=1e-2),
    "teddy": TEDDY,
    "lecture": Settings(
        types=("PER",), scheme="BIO", cell="simple", units=64, characters="none", crf=False,
        epochs=10, learning_rate=1e-3,
    ),
    "cpu": Settings(),
}
# fmt: on
