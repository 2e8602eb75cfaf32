"""What the recipes' command lines share: settings with presets, flags, and errors of one line."""

import argparse
import dataclasses
import math
import os
import shlex
import sys

from rnn_kit.callbacks import DivergedError
from rnn_kit.datasets import DataError
from rnn_kit.runs import RunError
from rnn_kit.text import TextError

DTYPES = ("float32", "mixed_float16", "mixed_bfloat16")


class UserError(Exception):
    """Something the user asked for that cannot be done: one line, and exit code 2."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, without the usage above them."""

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} (--help explains the flags)\n")


def run_recipe(main):
    """Calls `main()` and exits as a program should.

    Errors that are the user's to mend end in one line on standard error and exit code 2; an interrupt
    in exit code 130, with what `main` said about going on. Anything else is a bug and keeps its
    traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its escape, not a traceback.
        stream.reconfigure(errors="backslashreplace")
    try:
        main()
    except (UserError, DataError, DivergedError, RunError, TextError) as error:
        sys.stderr.write(f"{os.path.basename(sys.argv[0])}: error: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt as interrupt:
        sys.stderr.write(f"\n{str(interrupt) or 'Interrupted.'}\n")
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def command(*arguments):
    """This program with other arguments, as a line to paste into the shell."""
    python = sys.executable
    if python.startswith(os.getcwd() + os.sep):
        python = os.path.relpath(python)
    return shlex.join([python, sys.argv[0], *map(str, arguments)])


def positive_int(text):
    """An integer of at least 1, as an argument type."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer of at least 1")
    return value


def seed(text):
    """A seed, 0 to 2**32 - 1, as an argument type."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer from 0 to {2**32 - 1}")
    return value


def number_of(check, what):
    """A float that `check` accepts, as an argument type; `what` says in words what it must be."""

    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not (math.isfinite(value) and check(value)):
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return value

    return parse


def add_sampling_flags(group, unit):
    """The flags of every recipe whose output is text; `unit` is what it counts, in the plural."""
    add = group.add_argument
    add("--prompt", help="what to start from (default: as in training, or a line break)")
    add(
        "--temperature",
        dest="temperatures",
        type=number_of(lambda x: x >= 0, "a finite number of at least 0"),
        nargs="+",
        help="0 takes the likeliest, low is safe, high is wild (default: as in training)",
    )
    add("--length", type=positive_int, help=f"{unit} to write (default: as in training)")
    add("--top-k", type=positive_int, help="draw from the k likeliest alone")
    add(
        "--top-p",
        type=number_of(lambda x: 0 < x <= 1, "a number in (0, 1]"),
        help="draw from the smallest set that has this probability",
    )


def override(settings, flags):
    """The dataclass `settings` with every flag of the same name that was given (is not `None`)."""
    names = {field.name for field in dataclasses.fields(settings)}
    given = {k: v for k, v in vars(flags).items() if k in names and v is not None}
    return dataclasses.replace(settings, **given)
