"""The recipe's verbs and their flags."""

from parts.ptb_language_model import agreement, comparison
from parts.ptb_language_model.settings import PRESETS, Settings
from recipe_kit import cli


def parse(argv, recipe, about):
    """Parses the command line: `train`, `sample`, `score`, `compare` and `measure`."""
    formerly = {
        "--sample-only": "sample",
        "--score": "score SENTENCE ...",
        "--compare": "compare",
        "--measure": "measure STEPS",
    }
    line = cli.CommandLine(f"{recipe}.py", about, Settings, PRESETS, formerly)
    train = line.train()
    line.verb("sample", "write sentences with a saved run", {"writing"}, also={"seed"}, saved_run=True)
    score = line.verb(
        "score", "tell log-probability and perplexity of sentences, by a saved run", saved_run=True
    )
    score.add_argument("scored", nargs="+", metavar="SENTENCE", help="each in quotes")
    settable = {"data and run", "model and training"}
    compare = line.verb(
        "compare",
        "train plain RNN, GRU and LSTM of equal size on the generated language, with the seeds 0 1 2",
        settable | {"writing"},
        without={"cell", "data", "encoding", "seed"},
        preset=agreement.NAME,
        trains=True,
    )
    measure = line.verb(
        "measure",
        "train so many steps and no more: weights, losses, words a second, hours for all of it",
        settable,
        without={"distribute", "checkpoint_seconds"},
        preset="cpu",
    )
    measure.add_argument("steps", type=cli.int_at_least(2), metavar="STEPS", help="at least 2")

    def check(flags):
        if flags.verb == "compare" and flags.preset not in (None, *comparison.PRESETS):
            compare.error(
                f"compare takes the presets of {agreement.NAME}, {' and '.join(comparison.PRESETS)}: "
                f"not {flags.preset}"
            )
        if flags.verb in ("train", "measure"):
            data = cli.override(PRESETS[flags.preset or "cpu"], flags).data
            if hasattr(flags, "sentences") and data != agreement.NAME and not flags.resume:
                verb = train if flags.verb == "train" else measure
                verb.error(f"--sentences is for --data {agreement.NAME}: leave it out")

    return line.parse(argv, check)
