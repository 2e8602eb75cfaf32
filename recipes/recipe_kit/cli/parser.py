"""A command-line parser with one-line errors that say what to type."""

import argparse
import difflib
import itertools
import os
import sys


class Parser(argparse.ArgumentParser):
    """An argument parser with one-line errors, without the usage above them.

    For an unknown flag it names the nearest known one.
    """

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)

    def parse_args(self, args=None, namespace=None):
        args = sys.argv[1:] if args is None else list(args)
        flags, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(self._about_unknown(args, unknown))
        return flags

    def _about_unknown(self, args, unknown):
        dashes = "-–—"  # an editor may have merged two dashes
        known = self._option_string_actions
        for word in unknown:
            if word and word[0] in dashes:
                name = word.lstrip(dashes).partition("=")[0].replace("_", "-")
                names = [flag.removeprefix("--") for flag in known if flag.startswith("--")]
                nearest = difflib.get_close_matches(name, names, 1)
                return f"unknown flag {word}" + (f": did you mean --{nearest[0]}?" if nearest else "")
        return _superfluous(args, known) or f"{' '.join(unknown)} belongs to no flag: leave it out"

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} (--help explains the flags)\n")


def _superfluous(args, known):
    """Returns a message on several words after a flag that takes one, or `None`."""
    for place, flag in enumerate(args):
        words = list(itertools.takewhile(lambda word: word[:1] != "-", args[place + 1 :]))
        if flag in known and known[flag].nargs is None and len(words) > 1:
            what = f"{flag} takes one value, and {len(words)} follow it: {' '.join(words[:3])}"
            what += " …" * (len(words) > 3)
            if known[flag].dest == "data" and all(map(os.path.exists, words)):
                return f"{what}. Of several files give their folder"
            return f"{what}. Put quotation marks around what has spaces in it"
    return None
