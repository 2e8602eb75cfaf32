"""The recipe's verbs and their flags."""

from parts.image_captioning.settings import PRESETS, Settings
from recipe_kit import cli


def parse(argv, recipe, about):
    """Parses the command line: `train`, `caption`, `compare` and `measure`."""
    formerly = {"--caption": "caption PHOTO ...", "--compare": "compare", "--measure": "measure"}
    line = cli.CommandLine(f"{recipe}.py", about, Settings, PRESETS, formerly)
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
