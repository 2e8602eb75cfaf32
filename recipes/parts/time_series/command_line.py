"""The recipe's verbs and their flags."""

from parts.time_series.settings import PRESETS, Settings
from recipe_kit import cli


def parse(argv, recipe, about):
    """Parses the recipe's command line: `train`, `forecast` and `compare`."""
    line = cli.CommandLine(f"{recipe}.py", about, Settings, PRESETS)
    line.train()
    forecast = line.verb(
        "forecast",
        "forecast what comes after the last value, with a saved run",
        also={"data", "encoding"},
        saved_run=True,
    )
    forecast.add_argument(
        "--at",
        metavar="TIME",
        help="forecast as if it were this time (default: that of the last value)",
    )
    forecast.add_argument(
        "--output", metavar="FILE", help="write the table to this file (default: standard output)"
    )
    line.verb(
        "compare",
        "train plain RNN, LSTM and GRU, each with the seeds 0 1 2, beside a linear autoregression",
        {"data and run", "model and training"},
        without={"cell"},
        preset="cpu",
        trains=True,
    )
    return line.parse(argv)
