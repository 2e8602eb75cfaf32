"""Settings as a dataclass, and the command line derived from it.

A setting is declared once, with its default, its meaning, and its possible values:

    @dataclass(frozen=True)
    class Settings:
        units: int = setting(384, "of each recurrent layer", positive_int)

which makes it a field of the presets, a flag `--units` that overrides them, and a line of `--help`.
"""

import argparse
import dataclasses
import importlib
import math
import textwrap
from collections.abc import Mapping
from types import UnionType

from rnn_kit.text import TextError, check_encoding

_LAYERS = {
    "lstm": ("keras", "LSTM"),
    "peephole": ("rnn_kit", "PeepholeLSTM"),
    "gru": ("keras", "GRU"),
    "kit-gru": ("rnn_kit", "GRU"),
    "simple": ("keras", "SimpleRNN"),
}


class _Cells(Mapping):
    """Values of `--cell` to their layers, imported on access."""

    def __getitem__(self, name):
        package, layer = _LAYERS[name]
        return getattr(importlib.import_module(f"{package}.layers"), layer)

    def __contains__(self, name):  # that of `Mapping` would import the layer
        return name in _LAYERS

    def __iter__(self):
        return iter(_LAYERS)

    def __len__(self):
        return len(_LAYERS)


CELLS = _Cells()
DTYPES = ("float32", "mixed_float16", "mixed_bfloat16")


def int_at_least(least):
    """Returns an argument type for integers of at least `least`."""

    def parse(text):
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not an integer of at least {least}")
        return value

    parse.whole = True
    return parse


positive_int = int_at_least(1)


def seed(text):
    """Parses a seed from 0 to 2**32 - 1: an argument type."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer from 0 to {2**32 - 1}")
    return value


def number_of(check, what):
    """Returns an argument type for floats that `check` accepts; `what` describes them."""

    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not (math.isfinite(value) and check(value)):
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return value

    return parse


positive = number_of(lambda x: x > 0, "a number above 0")
fraction = number_of(lambda x: 0 <= x < 1, "a fraction from 0 to below 1")
share = number_of(lambda x: 0 < x < 1, "a fraction between 0 and 1")
temperature = number_of(lambda x: x >= 0, "a finite number of at least 0")
probability = number_of(lambda x: 0 < x <= 1, "a number in (0, 1]")


def setting(
    default,
    help,
    type=str,
    *,
    flag=None,
    choices=None,
    group="model and training",
    affects_results=None,
    of_data=False,
):
    """Defines a field of a recipe's settings.

    Args:
        default: The default, as in a dataclass. A tuple takes several values on the command line; a
            bool makes `--flag` and `--no-flag`.
        help: What it means, without a full stop.
        type: Function from the flag's text to a value; raises `argparse.ArgumentTypeError`.
        flag: Default: the field's name, `--batch-size` for `batch_size`.
        choices: The values allowed.
        group: The heading in `--help`: "data and run", "model and training", "writing" or the recipe's
            own. Verbs that do not train refuse flags of "model and training".
        affects_results: Whether a run's metrics depend on it. If not, it may change when a run is
            resumed. Default: `False` for the group "writing", else `True`.
        of_data: Whether a preset's value is for the preset's own data only: with other `--data`,
            `override` resets it to `default`.

    Returns:
        A `dataclasses.field`. A setting annotated `... | None` takes `none` on the command line.
    """
    about = {"help": help, "type": type, "flag": flag, "choices": choices, "group": group}
    affects_results = group != "writing" if affects_results is None else affects_results
    about |= {"affects_results": affects_results, "of_data": of_data}
    return dataclasses.field(default=default, metadata=about)


def encoding():
    """Defines the `encoding` setting, for recipes that read the user's text files."""
    help = "of text files (default: UTF-8, or UTF-16 where a byte-order mark says so)"
    return setting(None, help, _encoding, group="data and run")


def _encoding(text):
    try:
        return check_encoding(text)
    except TextError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def data(default, help, known):
    """Defines the `data` setting: the name of a known data set, or a path to the user's own.

    Args:
        default: A known name.
        help: The possible values, without a full stop.
        known: Names of the known sets.
    """
    field = setting(default, help, group="data and run")
    return dataclasses.field(default=default, metadata={**field.metadata, "known": tuple(known)})


def checkpoint_seconds():
    """Defines the setting of that name, for training with `rnn_kit.callbacks.Checkpoint`."""
    help = "between checkpoints within an epoch; there is one after each"
    return setting(120.0, help, positive, group="data and run", affects_results=False)


def distribute():
    """Defines the `distribute` setting, for training under `recipe_kit.cli.strategy`."""
    help = "share each batch among all GPUs of this machine"
    return setting(False, help, group="data and run", affects_results=False)


def add_flag(group, field, preset, value):
    """Adds the flag of a setting, whose help states the preset's value."""
    about = field.metadata
    if isinstance(field.default, bool):
        how = {"action": argparse.BooleanOptionalAction}
    else:
        how = {"type": _or_none(about["type"], field), "choices": about["choices"]}
        if about["choices"] is None:
            names = {seed: "SEED", str: "TEXT"}
            whole = "N" if getattr(about["type"], "whole", False) else "X"
            how["metavar"] = names.get(about["type"], whole)
    if isinstance(field.default, tuple):
        how["nargs"] = "+"
    default = "" if value in (None, ()) else f" ({preset}: {in_words(value)})"
    what = about["help"] + default
    group.add_argument(_flag(field), dest=field.name, default=argparse.SUPPRESS, help=what, **how)


def _or_none(parse, field):
    """Returns an argument type that also takes `none`, if the setting may be `None` and is no text."""
    if parse is str or not isinstance(None, field.type if isinstance(field.type, UnionType) else ()):
        return parse
    return lambda text: None if text.lower() == "none" else parse(text)


def describe(settings, default):
    """Returns the settings that differ from the defaults, in words, wrapped to several lines."""
    differing = [
        f"{field.name.replace('_', ' ')} {in_words(getattr(settings, field.name))}"
        for field in dataclasses.fields(settings)
        if getattr(settings, field.name) != getattr(default, field.name)
    ]
    words = ", ".join(differing) or "the defaults above"
    return textwrap.fill(words, 90, subsequent_indent=" " * 11)


def in_words(value):
    """Returns a setting's value as written on the command line."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, (tuple, list)):
        return " ".join(map(str, value))
    return repr(value) if isinstance(value, str) and value != value.strip() else f"{value}"


def given(flags, settings_class):
    """Returns the settings that were given as flags: names to values."""
    names = [field.name for field in dataclasses.fields(settings_class) if hasattr(flags, field.name)]
    values = {name: getattr(flags, name) for name in names}
    # A list from the command line is a tuple in the settings.
    return {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}


def settings_without_effect(settings_class):
    """Returns names of the settings that do not affect results."""
    return [
        field.name
        for field in dataclasses.fields(settings_class)
        if not field.metadata["affects_results"]
    ]


def flag_of(settings_class, name):
    """Returns the flag of a setting."""
    (field,) = (f for f in dataclasses.fields(settings_class) if f.name == name)
    return _flag(field)


def _flag(field):
    return field.metadata["flag"] or "--" + field.name.replace("_", "-")


def override(settings, flags):
    """Returns the dataclass `settings` with the values of all flags that were given.

    If `--data` names other data, resets `of_data` settings to their defaults, unless their own flag was
    given.
    """
    asked = given(flags, type(settings))
    if "data" in asked and asked["data"] != settings.data:
        own = [f for f in dataclasses.fields(settings) if f.metadata["of_data"]]
        asked = {f.name: f.default for f in own} | asked
    return dataclasses.replace(settings, **asked)
