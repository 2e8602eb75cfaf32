"""The settings of the recipe and their presets."""

import dataclasses
from dataclasses import dataclass

from parts.translation.choices import ATTENTIONS, CONTEXTS, LEVELS
from recipe_kit import cli
from recipe_kit.cli import setting


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
    limit: int | None = setting(None, "sentences to use of each part", cli.int_at_least(1), group=DATA)
    seed: int = setting(0, "of weights and order", cli.seed, group=DATA)
    distribute: bool = cli.distribute()
    checkpoint_seconds: float = cli.checkpoint_seconds()
    cell: str = setting("gru", "the recurrent layers", choices=cli.CELLS)
    layers: int = setting(1, "of the encoder, and of the decoder", cli.positive_int)
    units: int = setting(512, "of each layer", cli.int_at_least(2))
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
        affects_results=True,
    )
    length_penalties: tuple[float, ...] = setting(
        (0.6, 1.0, 1.4),
        "exponents of the length that ln p is divided by; validation chooses",
        cli.temperature,
        group=WRITING,
        affects_results=True,
    )
    length: int = setting(
        60, "most words of a translation", cli.int_at_least(2), group=WRITING, affects_results=True
    )


# fmt: off
GRAMMAR = Settings(
    data="grammar", min_count=1, units=128, embedding=64, embedding_dropout=0.0, output_dropout=0.0,
    label_smoothing=0.0, epochs=4, learning_rate=3e-3, beam_widths=(1,), length_penalties=(1.0,),
    length=100,
)
PRESETS = {
    "smoke": dataclasses.replace(
        GRAMMAR, limit=300, units=32, embedding=16, batch_size=16, epochs=3, length=30
    ),
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
