"""What the recipes' command lines share: settings with presets, flags, runs, errors of one line."""

from rnn_kit.cli.comparing import Compared, Difference, at_its_best_rate, difference
from rnn_kit.cli.devices import check_devices, strategy
from rnn_kit.cli.drawing import drawing
from rnn_kit.cli.errors import UserError
from rnn_kit.cli.flags import (
    CELLS,
    DTYPES,
    at_least,
    check_mode,
    checkpoint_seconds,
    distribute,
    encoding,
    flag_of,
    fraction,
    given,
    number_of,
    override,
    positive,
    positive_int,
    probability,
    recipe_parser,
    seed,
    setting,
    share,
    temperature,
)
from rnn_kit.cli.output import outlive_output
from rnn_kit.cli.parser import Parser
from rnn_kit.cli.program import command, run_recipe
from rnn_kit.cli.terminal import coloured_words, columns, prompt_loop, side_by_side
from rnn_kit.cli.texts import text_notes
from rnn_kit.cli.training import run_seeds
from rnn_kit.cli.variants import equal_units, own_rates, run_variants, variants_folder

__all__ = [
    "CELLS",
    "DTYPES",
    "Compared",
    "Difference",
    "Parser",
    "UserError",
    "at_its_best_rate",
    "at_least",
    "check_devices",
    "check_mode",
    "checkpoint_seconds",
    "coloured_words",
    "columns",
    "command",
    "difference",
    "distribute",
    "drawing",
    "encoding",
    "equal_units",
    "flag_of",
    "fraction",
    "given",
    "number_of",
    "outlive_output",
    "override",
    "own_rates",
    "positive",
    "positive_int",
    "probability",
    "prompt_loop",
    "recipe_parser",
    "run_recipe",
    "run_seeds",
    "run_variants",
    "seed",
    "setting",
    "share",
    "side_by_side",
    "strategy",
    "temperature",
    "text_notes",
    "variants_folder",
]
