"""The settings of the recipe and their presets."""

from dataclasses import dataclass

from recipe_kit import cli
from recipe_kit.cli import setting
from recipe_kit.datasets import TEXTS


@dataclass(frozen=True)
class Settings:
    DATA, WRITING = "data and run", "writing"
    FILES = "vocabulary.json", "loss.png", "temperatures.png"

    data: str = cli.data(
        "nietzsche", "nietzsche, shakespeare, stdlib, or a text file or folder of your own", TEXTS
    )
    encoding: str | None = cli.encoding()
    limit: int | None = setting(None, "characters of the text to use", cli.positive_int, group=DATA)
    lower: bool = setting(
        False, "lower-case the text; by a preset, its own text alone", group=DATA, of_data=True
    )
    seed: int = setting(0, "of weights, order and samples", cli.seed, group=DATA)
    distribute: bool = cli.distribute()
    checkpoint_seconds: float = cli.checkpoint_seconds()
    many_to_many: bool = setting(True, "predict after every character of a window, not after its last")
    cell: str = setting("lstm", "the recurrent layer", choices=cli.CELLS)
    layers: int = setting(1, "recurrent layers", cli.positive_int)
    units: int = setting(320, "of each", cli.positive_int)
    embedding: int | None = setting(
        64, "size of a character's vector", cli.positive_int
    )  # None: one-hot
    dropout: float = setting(0.4, "after each recurrent layer", cli.fraction)
    batch_size: int = setting(64, "windows side by side, halved for a small text", cli.positive_int)
    window: int = setting(32, "characters that the gradient goes back", cli.positive_int)
    step: int = setting(3, "characters between windows that predict one", cli.positive_int)
    epochs: int = setting(18, "passes over the text", cli.positive_int)
    optimizer: str = setting("adam", "how gradients become steps", choices=("adam", "rmsprop"))
    learning_rate: float = setting(8e-3, "at the start", cli.positive)
    schedule: str = setting(
        "cosine",
        "of the learning rate: constant; half a cosine, down to a hundredth; late, x 0.97 an epoch "
        "from the tenth on",
        choices=("constant", "cosine", "late"),
    )
    clip_norm: float | None = setting(5.0, "largest norm of a gradient", cli.positive)
    patience: int | None = setting(3, "epochs without a better one before it stops", cli.positive_int)
    dtype: str = setting("float32", "dtype policy", choices=cli.DTYPES)
    samples_every: int = setting(1, "epochs between samples", cli.positive_int, group=WRITING)
    prompt: str | None = setting(
        None,
        "what to start from (default: a line break; in training, some of its text)",
        group=WRITING,
        of_data=True,
    )
    temperatures: tuple[float, ...] = setting(
        (0.2, 0.5, 1.0, 1.2),
        "0 takes the likeliest, low is safe, high is wild; several stand side by side",
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
    length: int = setting(400, "characters to write", cli.positive_int, group=WRITING)


# fmt: off
PRESETS = {
    "smoke": Settings(
        data="stdlib", limit=20_000, units=32, embedding=16, batch_size=16, window=25, epochs=2,
        length=40,
    ),
    "lecture": Settings(
        lower=True, many_to_many=False, units=128, embedding=None, dropout=0.0, batch_size=128,
        window=40, epochs=59, optimizer="rmsprop", learning_rate=0.01, schedule="constant",
        clip_norm=None, patience=None,
    ),
    "cpu": Settings(lower=True),
    "demo": Settings(
        data="stdlib", limit=1_500_000, cell="gru", units=256, dropout=0.0, batch_size=32,
        window=64, epochs=4, learning_rate=3e-3, prompt="def ", length=300,
    ),
    # Sizes of Karpathy, Johnson and Li 2015 (arXiv:1506.02078), optimizer of char-rnn's train.lua.
    "paper": Settings(
        layers=2, units=512, embedding=None, batch_size=100, window=100, epochs=50,
        optimizer="rmsprop", learning_rate=2e-3, schedule="late", patience=5,
    ),
}
# fmt: on
