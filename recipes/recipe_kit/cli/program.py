"""Runs a recipe as a program: exit codes, one-line errors, and commands to paste."""

import contextlib
import os
import re
import shlex
import sys

from recipe_kit.cli import output
from recipe_kit.cli.errors import UserError
from recipe_kit.cli.out_of_memory import memory_errors, out_of_memory
from recipe_kit.datasets import DataError
from recipe_kit.runs import RunError
from rnn_kit.errors import CheckpointError, DivergedError
from rnn_kit.text import TextError


def run_recipe(main):
    """Calls `main()` and exits with a program's conventional codes.

    Errors that the user can fix end in one line on standard error and exit code 2; an interrupt in exit
    code 130, with `main`'s message on resuming. Anything else is a bug and keeps its traceback.
    """
    output.prepare()
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="surrogateescape")  # invalid bytes become unseen characters
    try:
        main()
        sys.stdout.flush()
    except (UserError, DataError, DivergedError, RunError, TextError, CheckpointError) as error:
        _fail(error)
    except memory_errors() as error:
        _fail(out_of_memory(error))
    except KeyboardInterrupt as interrupt:
        sys.stderr.write(f"\n{str(interrupt) or 'Interrupted.'}\n")
        sys.exit(130)
    except BrokenPipeError:  # the reader of the output has gone, as `head` does
        sys.exit(0)
    finally:
        with contextlib.suppress(OSError, UserError):
            sys.stdout.flush()


def _fail(error):
    sys.stderr.write(f"{os.path.basename(sys.argv[0])}: error: {_with_flags(str(error))}\n")
    sys.exit(2)


def _with_flags(message):
    """Spells an argument of the library as its flag: `encoding='cp1252'` as `--encoding cp1252`."""
    message = re.sub(r"\bencoding='([^']*)'", r"--encoding \1", message)
    return message.replace("`encoding`", "--encoding")


def command(*arguments):
    """Returns a shell command that calls this program with other arguments."""
    python = sys.executable
    with contextlib.suppress(FileNotFoundError):  # the working directory was deleted
        if python.startswith(os.getcwd() + os.sep):
            python = os.path.relpath(python)
    return " ".join(map(_quoted, [python, sys.argv[0], *map(str, arguments)]))


def command_to_resume(argv, out):
    """Returns a shell command that repeats this program's command line and resumes its folder.

    Args:
        argv: The original arguments.
        out: The folder, added if `argv` does not name it.
    """
    words = [word for word in argv if word != "--resume"]
    names_it = any(word.partition("=")[0] == "--out" for word in words)
    return command(*words, *([] if names_it else ["--out", out]), "--resume")


def _quoted(word):
    """Quotes a word for the shell; bytes that are not UTF-8 are escaped for bash, zsh and ksh."""
    try:
        word.encode()
    except UnicodeEncodeError:
        plain = word.replace("\\", "\\\\").replace("'", "\\'")
        raw = plain.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        return f"$'{raw}'"
    return shlex.quote(word)
