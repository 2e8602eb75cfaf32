"""A recipe as a program: exit codes, errors of one line, and commands to paste."""

import os
import shlex
import sys

from rnn_kit.callbacks import DivergedError
from rnn_kit.cli.errors import UserError
from rnn_kit.datasets import DataError
from rnn_kit.runs import RunError
from rnn_kit.text import TextError


def run_recipe(main):
    """Calls `main()` and exits as a program should.

    Errors that are the user's to mend end in one line on standard error and exit code 2; an interrupt
    in exit code 130, with what `main` said about going on. Anything else is a bug and keeps its
    traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its escape, not a traceback.
        stream.reconfigure(errors="backslashreplace")
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="surrogateescape")  # a prompt's broken bytes are unseen characters
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
