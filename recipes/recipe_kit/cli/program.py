"""A recipe as a program: exit codes, errors of one line, and commands to paste."""

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
    """Calls `main()` and exits as a program should.

    Errors that are the user's to mend end in one line on standard error and exit code 2; an interrupt
    in exit code 130, with what `main` said about going on. Anything else is a bug and keeps its
    traceback.
    """
    output.prepare()
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="surrogateescape")  # a prompt's broken bytes are unseen characters
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
    except BrokenPipeError:  # the reader of a text that was asked for has gone, as `head` does
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
    """This program with other arguments, as a line to paste into the shell."""
    python = sys.executable
    with contextlib.suppress(FileNotFoundError):  # the folder that it was started in has gone
        if python.startswith(os.getcwd() + os.sep):
            python = os.path.relpath(python)
    return " ".join(map(_quoted, [python, sys.argv[0], *map(str, arguments)]))


def command_to_resume(argv, out):
    """This program's command line again, as a line that goes on with what is in its folder.

    Args:
        argv: What it was given.
        out: The folder, which is named where `argv` does not.
    """
    words = [word for word in argv if word != "--resume"]
    names_it = any(word.partition("=")[0] == "--out" for word in words)
    return command(*words, *([] if names_it else ["--out", out]), "--resume")


def _quoted(word):
    """A word as the shell takes it; bytes that are not UTF-8 as bash, zsh and ksh write them."""
    try:
        word.encode()
    except UnicodeEncodeError:
        plain = word.replace("\\", "\\\\").replace("'", "\\'")
        raw = plain.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        return f"$'{raw}'"
    return shlex.quote(word)
