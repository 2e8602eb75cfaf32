"""The recipe's verbs and their flags."""

from parts.name_tagging.settings import PRESETS, Settings
from recipe_kit import cli


def parse(argv, recipe, about):
    """Parses the recipe's command line: `train`, `tag`, `watch`, `compare` and `measure`."""
    line = cli.CommandLine(f"{recipe}.py", about, Settings, PRESETS)
    line.train()
    tag = line.verb(
        "tag", "find the names in a text with a saved run", also={"encoding"}, saved_run=True
    )
    tag.add_argument("texts", nargs="+", metavar="TEXT", help="in quotes, or - for standard input")
    tag.add_argument("--json", action="store_true", help="print a JSON object a line, for programs")
    tokens = {"action": "store_true", "help": "the text is split into words already, by white space"}
    tag.add_argument("--tokens", **tokens)
    watch = line.verb("watch", "show what a saved run says while it still reads", saved_run=True)
    watch.add_argument("text", metavar="TEXT", help="a sentence in quotes")
    watch.add_argument("--tokens", **tokens)
    line.verb(
        "compare",
        "train RNN, bidirectional RNN and what goes beyond, each with the seeds 0 1 2",
        {"data and run", "model and training"},
        without={"bidirectional", "characters", "crf", "layers"},
        preset="cpu",
        trains=True,
    )
    line.verb(
        "measure",
        "measure steps of training a second with a CRF and without",
        {"data and run", "model and training"},
        without={"crf", "epochs", "learning_rate", "clip_norm", "checkpoint_seconds", "word_vectors"},
        preset="cpu",
    )
    return line.parse(argv)
