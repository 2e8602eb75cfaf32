"""The recipe's verbs and their flags."""

from parts.nietzsche_generation.settings import PRESETS, Settings
from recipe_kit import cli


def parse(argv, recipe, about):
    """Parses the command line: `train`, `sample` and `measure`."""
    formerly = {
        "--sample-only": "sample",
        "--interactive": "sample --interactive",
        "--against-listing": "measure",
    }
    line = cli.CommandLine(f"{recipe}.py", about, Settings, PRESETS, formerly)
    line.train()
    sample = line.verb("sample", "write with a saved run", {"writing"}, also={"seed"}, saved_run=True)
    sample.add_argument("--interactive", action="store_true", help="ask for one prompt after the other")
    line.verb(
        "measure",
        "measure the listing's way of writing and its arrays against this one's",
        {"data and run"},
        without={"distribute", "checkpoint_seconds"},
    )
    return line.parse(argv)
