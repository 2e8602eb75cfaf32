"""Shared parts of the recipes' command lines: settings with presets, flags, runs, one-line errors."""

from recipe_kit.cli.command_line import CommandLine
from recipe_kit.cli.comparing import (
    Compared,
    Difference,
    at_its_best_rate,
    difference,
    mean_and_std,
    seed_values,
    verdict,
)
from recipe_kit.cli.devices import check_devices, strategy
from recipe_kit.cli.drawing import draw_comparison, drawing
from recipe_kit.cli.errors import UserError
from recipe_kit.cli.flags import (
    CELLS,
    DTYPES,
    checkpoint_seconds,
    data,
    distribute,
    encoding,
    flag_of,
    fraction,
    given,
    int_at_least,
    number_of,
    override,
    positive,
    positive_int,
    probability,
    seed,
    setting,
    share,
    temperature,
)
from recipe_kit.cli.one_run import (
    best_row,
    keep_best,
    report_end,
    report_start,
    saved_on_interrupt,
    set_seed_and_dtype,
)
from recipe_kit.cli.output import outlive_output
from recipe_kit.cli.parser import Parser
from recipe_kit.cli.program import command, command_to_resume, run_recipe
from recipe_kit.cli.terminal import coloured_words, columns, prompt_loop, side_by_side
from recipe_kit.cli.texts import text_notes
from recipe_kit.cli.training import run_seeds
from recipe_kit.cli.variants import (
    at_own_rates,
    equal_units,
    own_rates,
    run_variants,
    variants_folder,
)

__all__ = [
    "CELLS",
    "DTYPES",
    "CommandLine",
    "Compared",
    "Difference",
    "Parser",
    "UserError",
    "at_its_best_rate",
    "at_own_rates",
    "best_row",
    "check_devices",
    "checkpoint_seconds",
    "coloured_words",
    "columns",
    "command",
    "command_to_resume",
    "data",
    "difference",
    "distribute",
    "draw_comparison",
    "drawing",
    "encoding",
    "equal_units",
    "flag_of",
    "fraction",
    "given",
    "int_at_least",
    "keep_best",
    "mean_and_std",
    "number_of",
    "outlive_output",
    "override",
    "own_rates",
    "positive",
    "positive_int",
    "probability",
    "prompt_loop",
    "report_end",
    "report_start",
    "run_recipe",
    "run_seeds",
    "run_variants",
    "saved_on_interrupt",
    "seed",
    "seed_values",
    "set_seed_and_dtype",
    "setting",
    "share",
    "side_by_side",
    "strategy",
    "temperature",
    "text_notes",
    "variants_folder",
    "verdict",
]
