"""The settings of the recipe and their presets."""

from dataclasses import dataclass

from recipe_kit import cli
from recipe_kit.cli import setting
from rnn_kit.text import FIRST_WORD_ID


@dataclass(frozen=True)
class Settings:
    DATA = "data and run"
    FILES = "vocabulary.json", "curves.png", "test.png", "length.png", "wrong.png"

    data: str = cli.data(
        "imdb",
        "imdb, generated, or your own: a table (CSV, TSV, JSON lines), or a folder like aclImdb's",
        ("imdb", "generated"),
    )
    text_column: str = setting("text", "of a table", group=DATA)
    label_column: str = setting("label", "of a table; two classes", group=DATA)
    columns: str | None = setting(
        None, "of a table whose first row does not name them: label,text", group=DATA
    )
    encoding: str | None = cli.encoding()
    limit: int | None = setting(None, "reviews to use of each part", cli.int_at_least(2), group=DATA)
    validation: float = setting(
        0.1, "fraction of the training reviews that validates", cli.share, group=DATA
    )
    seed: int = setting(0, "of weights, order and split", cli.seed, group=DATA)
    distribute: bool = cli.distribute()
    checkpoint_seconds: float = cli.checkpoint_seconds()
    baseline: bool = setting(
        False,
        "TF-IDF and logistic regression on the same reviews as well",
        group=DATA,
        affects_results=False,
    )
    words: int = setting(
        20_000, "ids, special ones too; rarer words are unknown", cli.int_at_least(FIRST_WORD_ID + 1)
    )
    maxlen: int = setting(400, "words of a review that are read: its last ones", cli.positive_int)
    bucket: bool = setting(True, "batches of reviews of about one length, not padded to --maxlen")
    mask: bool = setting(True, "leave padding out; otherwise it is read, and comes first")
    cell: str = setting("gru", "the recurrent layer", choices=cli.CELLS)
    bidirectional: bool = setting(True, "read in both directions")
    layers: int = setting(1, "recurrent layers", cli.positive_int)
    units: int = setting(64, "of each, in each direction", cli.positive_int)
    embedding: int = setting(64, "size of a word's vector", cli.positive_int)
    embedding_std: float | None = setting(
        0.05, "spread of the words' vectors at the start; none: Keras's", cli.positive
    )
    pooling: str = setting(
        "both",
        "what is judged: the last state, or of each unit its maximum or average over time",
        choices=("last", "max", "average", "both"),
    )
    pairs: int | None = setting(
        16, "size of the vector of a pair of neighbouring words; none: no pairs", cli.positive_int
    )
    pair_reviews: int = setting(5, "reviews that a pair must be in to be known", cli.positive_int)
    word_dropout: float = setting(0.3, "fraction of words that training makes unknown", cli.fraction)
    embedding_dropout: float = setting(0.5, "of the columns of the words' vectors", cli.fraction)
    dropout: float = setting(0.0, "of the inputs of recurrent layers", cli.fraction)
    recurrent_dropout: float = setting(0.0, "of the states of recurrent layers", cli.fraction)
    output_dropout: float = setting(0.5, "before the last layer", cli.fraction)
    batch_size: int = setting(64, "reviews", cli.positive_int)
    epochs: int = setting(5, "passes over the reviews", cli.positive_int)
    learning_rate: float = setting(4e-3, "of Adam, at the start", cli.positive)
    epsilon: float = setting(
        4e-5,
        "of Adam: a weight whose gradients are smaller, as a rare word's, learns slower",
        cli.positive,
    )
    schedule: str = setting(
        "cosine",
        "of the learning rate: half a cosine, down to a fiftieth",
        choices=("constant", "cosine"),
    )
    clip_norm: float | None = setting(None, "largest norm of a gradient; none: any", cli.positive)
    average: float | None = setting(
        None,
        "momentum of a moving average of the weights, which is then kept; none: no average",
        cli.fraction,
    )
    patience: int | None = setting(
        3,
        "epochs without a better validation accuracy before it stops; none: all epochs",
        cli.positive_int,
    )
    dtype: str = setting("float32", "dtype policy", choices=cli.DTYPES)


# fmt: off
PRESETS = {
    "smoke": Settings(
        data="generated", words=500, units=16, embedding=16, batch_size=32, epochs=3,
        word_dropout=0.0, embedding_dropout=0.2, learning_rate=1e-2, epsilon=1e-7,
    ),
    "lecture": Settings(
        maxlen=80, bucket=False, mask=False, cell="lstm", bidirectional=False, units=128, embedding=128,
        embedding_std=None, pooling="last", pairs=None, word_dropout=0.0, embedding_dropout=0.0,
        dropout=0.2, recurrent_dropout=0.2, output_dropout=0.0, batch_size=32, epochs=15,
        learning_rate=1e-3, epsilon=1e-7, schedule="constant", patience=None,
    ),
    "cpu": Settings(),
    # What compare trains: small, one direction, judged by the last state, so that memory matters.
    "compare": Settings(
        maxlen=80, cell="lstm", bidirectional=False, pooling="last", pairs=None, epochs=3,
        clip_norm=1.0, epsilon=1e-7, patience=None,
    ),
}
# fmt: on
