"""The recipe's verbs and their flags."""

from parts.translation.settings import PRESETS, Settings
from recipe_kit import cli


def parse(argv, recipe, about):
    """Parses the command line: `train`, `translate`, `score`, `compare` and `measure`."""
    line = cli.CommandLine(f"{recipe}.py", about, Settings, PRESETS)
    train = line.train()
    translate = line.verb(
        "translate",
        "translate sentences with a saved run",
        {"writing"},
        also={"encoding"},
        saved_run=True,
    )
    translate.add_argument(
        "texts",
        nargs="+",
        metavar="TEXT",
        help="a sentence in quotes, or - for one a line of standard input",
    )
    score = line.verb("score", "print p(target | source) of a pair with a saved run", saved_run=True)
    score.add_argument("text", metavar="SOURCE", help="a sentence in quotes")
    score.add_argument("translation", metavar="TARGET", help="what it may mean, in quotes")
    line.verb(
        "compare",
        "train the lecture's tips one by one, with the seeds 0 1 2",
        {"data and run", "model and training", "writing"},
        preset="compare",
        trains=True,
    )
    line.verb("measure", "measure sentences a second of a saved run", {"writing"}, saved_run=True)

    def check(flags):
        preset = PRESETS[flags.preset or "cpu"]
        settings = cli.override(preset, flags)
        apart = settings.bidirectional or settings.attention != "none" or settings.context != "first"
        if flags.verb == "train" and not flags.resume and settings.shared_weights and apart:
            train.error(
                "--shared-weights is for layers that read one way and nothing but words: add "
                "--no-bidirectional --attention none --context first"
            )

    return line.parse(argv, check)
