"""A recipe's command line: verbs, each with its own flags and help.

    line = cli.CommandLine("a_recipe.py", __doc__, Settings, PRESETS)
    line.train()
    line.verb("sample", "write with a saved run", takes={"writing"}, also={"seed"}, saved_run=True)
    flags = line.parse(argv)

`a_recipe.py --help` explains the recipe and its verbs; `a_recipe.py sample --help` the flags of one
verb. The default verb is `train`.
"""

import dataclasses
import difflib
import itertools
import os
import sys

from recipe_kit import quiet_tensorflow
from recipe_kit.cli.errors import UserError
from recipe_kit.cli.flags import add_flag, describe, seed
from recipe_kit.cli.jobs import check_flags
from recipe_kit.cli.parser import Parser
from recipe_kit.runs import saved_run as find_saved_run

# Flags in every verb's namespace, even if the verb does not take them.
_OF_ALL = {"preset": None, "out": None, "resume": False, "seeds": None, "record": False, "run": None}


class CommandLine:
    """The verbs of a recipe.

    Args:
        prog: The program's name.
        about: The recipe's docstring.
        settings_class: A dataclass of `setting`s.
        presets: Names to its instances.
        formerly: Former flags to their replacements: `{"--predict": "predict TEXT"}`.
    """

    def __init__(self, prog, about, settings_class, presets, formerly=()):
        self._prog, self._about = prog, about
        self._settings_class, self._presets = settings_class, presets
        self._formerly = dict(formerly)
        self._verbs, self._helps = {}, {}

    def train(self, help="train, and judge what was learned; the verb where none is named", without=()):
        """Adds the verb that trains, with all settings but some. Returns its `Parser`."""
        headings = {field.metadata["group"] for field in dataclasses.fields(self._settings_class)}
        return self.verb("train", help, headings, without=without, preset="cpu", trains=True)

    def verb(
        self, name, help, takes=(), also=(), without=(), preset=None, trains=False, saved_run=False
    ):
        """Adds a verb.

        Args:
            name: The verb's name.
            help: What it does, without a full stop.
            takes: Headings of the settings that it takes.
            also: Names of other settings that it takes.
            without: Names of settings under those headings that it does not take.
            preset: The default of `--preset`; `None` takes no preset.
            trains: Whether it trains, so that it takes `--out`, `--resume`, `--seeds`, `--record`.
            saved_run: Whether it takes `--run`, a saved run; or a function that opens its
                argument, `open(path, recipe)`, with `None` for the path without the flag.

        Returns:
            Its `Parser`, to add flags of its own, by `add_argument` or in a group, `group(heading)`.
        """
        parser = _VerbParser(
            prog=f"{self._prog} {name}",
            description=f"{help[:1].upper()}{help[1:]}.",
            epilog=self._presets_told() if preset else None,
        )
        fields = [
            field
            for field in dataclasses.fields(self._settings_class)
            if (field.metadata["group"] in takes or field.name in also) and field.name not in without
        ]
        if preset:
            about = f"where the settings start from (default: {preset})"
            parser.add_argument("--preset", choices=self._presets, help=about)
        if trains:
            parser.group("data and run")
            parser.group("model and training")
        shown = self._presets.get(preset, self._presets.get("cpu"))
        for field in fields:
            value = getattr(shown, field.name) if preset else None
            add_flag(parser.group(field.metadata["group"]), field, preset, value)
        if trains:
            self._add_flags_of_training(parser)
        if saved_run:
            parser.add_argument("--run", help="the saved run (default: the latest)")
            parser.open_saved = saved_run if callable(saved_run) else _open_saved
        parser.trains, parser.default_preset = trains, preset
        self._verbs[name], self._helps[name] = parser, help
        return parser

    def parse(self, argv=None, check=None):
        """Parses a command line, and then lets TensorFlow be imported.

        Args:
            argv: A list of words. Default: the program's.
            check: `check(flags)` refuses what the recipe cannot do, before anything takes long.

        Returns:
            A namespace of `verb`, `argv`, the verb's `default_preset`, the settings that were given,
            the flags of every recipe (`preset`, `out`, `resume`, `seeds`, `record`, `run`), and those
            that the verb added.

        Raises:
            UserError, RunError: If data or a folder that it names cannot be used.
        """
        argv = sys.argv[1:] if argv is None else list(argv)
        name, words = "train", argv
        if argv and argv[0] in ("-h", "--help"):
            print(self.help(), end="")
            sys.exit(0)
        if argv and not argv[0].startswith(("-", "–", "—")):
            name, words = argv[0], argv[1:]
        if name not in self._verbs:
            nearest = difflib.get_close_matches(name, self._verbs, 1)
            meant = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(self._verbs)}"
            self._stop(f"unknown verb {name}: {meant}")
        self._refuse_flags_of_others(words, name)
        parser = self._verbs[name]
        flags = parser.parse_args(words)
        vars(flags).update({key: value for key, value in _OF_ALL.items() if not hasattr(flags, key)})
        flags.verb, flags.argv, flags.default_preset = name, argv, parser.default_preset
        if check:
            check(flags)
        check_paths(flags, self._recipe, self._settings_class, parser)
        quiet_tensorflow.start()  # all checks without TensorFlow are done
        return flags

    def help(self):
        """Returns the help: what the recipe is about, its verbs, and its presets."""
        width = max(map(len, self._verbs))
        verbs = "\n".join(f"  {name:{width}}  {help}" for name, help in self._helps.items())
        several = "[verb] " if len(self._verbs) > 1 else ""
        ends = f"{self._prog} {'VERB' if several else 'train'} --help explains the flags"
        return (
            f"usage: {self._prog} {several}[flags]\n\n{self._about.strip()}\n\nverbs:\n{verbs}\n\n"
            f"{self._presets_told()}\n\n{ends}{' of each' if several else ''}.\n"
        )

    @property
    def _recipe(self):
        return self._prog.removesuffix(".py")

    def _presets_told(self):
        width = max(map(len, self._presets))
        default = self._settings_class()
        told = [f"  {name:{width}}  {describe(s, default)}" for name, s in self._presets.items()]
        return "\n".join(["presets:", *told, "", "Every flag overrides its preset's setting."])

    def _add_flags_of_training(self, parser):
        add = parser.group("data and run").add_argument
        add("--out", help=f"the run's folder (default: runs/{self._recipe}/<preset>-<date>-<time>)")
        add(
            "--resume",
            action="store_true",
            help="go on with the run in --out (default: the last unfinished)",
        )
        several = "one run after another, and their spread"
        add("--seeds", type=seed, nargs="+", metavar="SEED", help=several)
        add("--record", action="store_true", help="write the result into the ledger, recipes/results/")

    def _refuse_flags_of_others(self, words, name):
        before = itertools.takewhile(lambda word: word != "--", words)  # words after it are no flags
        for flag in (word.partition("=")[0] for word in before if word.startswith("--")):
            if flag in self._verbs[name].flags:
                continue
            if flag in self._formerly:
                self._stop(f"{flag} is a verb now: {self._prog} {self._formerly[flag]}")
            if others := [verb for verb, parser in self._verbs.items() if flag in parser.flags]:
                where = " and ".join(others)
                self._stop(f"{flag} has no meaning with {name}, but with {where}: leave it out")

    def _stop(self, message):
        sys.stderr.write(f"{self._prog}: error: {message} (--help explains the verbs)\n")
        sys.exit(2)


class _VerbParser(Parser):
    """The parser of one verb, which creates headings when flags are added under them."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._by_heading = {}
        self.trains, self.open_saved, self.default_preset = False, None, None

    @property
    def flags(self):
        """The flags that the verb knows."""
        return self._option_string_actions.keys()

    def error(self, message):
        """Ends the program with an error line that starts like all of the recipe's."""
        recipe = self.prog.partition(" ")[0]
        self.exit(2, f"{recipe}: error: {message} ({self.prog} --help explains the flags)\n")

    def group(self, heading):
        """Returns the group of flags under a heading."""
        if heading not in self._by_heading:
            self._by_heading[heading] = self.add_argument_group(heading)
        return self._by_heading[heading]


def check_paths(flags, recipe, settings_class, parser):
    """Refuses unusable data and folders before anything takes long.

    Args:
        flags: The parsed flags.
        recipe: The recipe's name.
        settings_class: The dataclass of its settings.
        parser: The verb's parser.

    Raises:
        UserError, RunError: with one line for the user.
    """
    for field in dataclasses.fields(settings_class):
        known, value = field.metadata.get("known"), getattr(flags, field.name, None)
        if known and value is not None and value not in known and not os.path.lexists(value):
            raise UserError(
                f"There is no data set and no file or folder called {value!r}. Known are "
                f"{', '.join(known)}; docs/data.md has the forms of files that are read."
            )
    if parser.open_saved:
        parser.open_saved(flags.run, recipe)
    if parser.trains:
        check_flags(recipe, flags, settings_class, compares=flags.verb != "train")


def _open_saved(path, recipe):
    """Opens a saved run that has a model."""
    run = find_saved_run(path, recipe)
    run.check_model()
    return run
