"""The recipe's verbs and their flags."""

from parts.imdb_sentiment.settings import PRESETS, Settings
from recipe_kit import cli


def parse(argv, recipe, about):
    """Parses the recipe's command line: `train`, `predict`, `compare` and `measure`."""
    formerly = {"--predict": "predict TEXT", "--compare": "compare", "--against-padding": "measure"}
    line = cli.CommandLine(f"{recipe}.py", about, Settings, PRESETS, formerly)
    line.train()
    predict = line.verb(
        "predict", "judge reviews with a saved run, word by word", also={"encoding"}, saved_run=True
    )
    predict.add_argument(
        "text", metavar="TEXT", help="a review in quotes, or - for one a line of standard input"
    )
    settable = {"data and run", "model and training"}
    line.verb(
        "compare",
        "train LSTM, peephole LSTM, GRU and plain RNN of equal size, each with the seeds 0 1 2",
        settable,
        without={"cell", "seed", "baseline"},
        preset="compare",
        trains=True,
    )
    measure = line.verb(
        "measure",
        "measure an epoch of one model in batches of reviews of about one length, and padded",
        settable,
        without={"distribute", "baseline", "bucket", "epochs", "patience", "checkpoint_seconds"},
        preset="cpu",
    )

    def check(flags):
        if flags.verb == "measure" and not cli.override(PRESETS[flags.preset or "cpu"], flags).mask:
            measure.error(
                "measure is for a network that leaves padding out: add --mask, or take another preset "
                "than lecture"
            )
        if flags.verb == "predict" and flags.text != "-" and hasattr(flags, "encoding"):
            predict.error("--encoding is that of standard input: say predict -")

    return line.parse(argv, check)
