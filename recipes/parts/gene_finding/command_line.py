"""The recipe's verbs and their flags."""

import argparse
import re

from parts.gene_finding.settings import PRESETS, SPLICE, Settings
from recipe_kit import cli


def parse(argv, recipe, about):
    """Parses the recipe's command line: `train`, `find` and `compare`."""
    line = cli.CommandLine(f"{recipe}.py", about, Settings, PRESETS)
    train = line.train()
    find = line.verb(
        "find",
        "find the genes of a genome with a saved run, as GFF3",
        also={"annotation"},
        saved_run=True,
    )
    find.add_argument(
        "genome", metavar="GENOME", help="a FASTA, GenBank or EMBL file, or lambda or spn23f"
    )
    find.add_argument(
        "--gff", metavar="FILE", help="the file that is written (default: standard output)"
    )
    find.add_argument(
        "--stretch",
        type=stretch,
        metavar="FIRST-LAST",
        help="bases of the first record that are drawn (default: 10,000 in its middle)",
    )
    compare = line.verb(
        "compare",
        "train RNN and BRNN of equal size, with and without a CRF, with the seeds 0 1 2",
        {"data and run", "model and training"},
        without={"bidirectional", "crf", "seed", "baselines", "folds", "networks", "validate"},
        preset="compare",
        trains=True,
    )

    def check(flags):
        if flags.verb == "find" or flags.resume:
            return
        settings = cli.override(PRESETS[flags.preset or flags.default_preset], flags)
        parser = train if flags.verb == "train" else compare
        if settings.data == SPLICE and flags.verb == "compare":
            parser.error("compare is for a genome: --data lambda, or a file of your own")
        if settings.data == SPLICE and settings.crf:
            parser.error("--crf is for a genome: a sequence of --data splice has one label")
        if settings.data != SPLICE and settings.networks > 1:
            parser.error("--networks is for junctions: add --data splice, or leave it out")
        if settings.folds > 10:
            parser.error(f"--folds {settings.folds}: there are ten")
        if settings.word > 8:
            parser.error(f"--word {settings.word}: 8 is the most, with 4^8 vectors")
        if settings.window % 3:
            parser.error(f"--window {settings.window}: expected a multiple of 3, whole codons")

    return line.parse(argv, check)


def stretch(text):
    """Parses `FIRST-LAST`, two base numbers that count from 1: an argument type."""
    found = re.fullmatch(r"(\d+)-(\d+)", text.replace(",", ""))
    if not found or not 1 <= int(found[1]) < int(found[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no stretch of bases, such as 20000-30000")
    if int(found[2]) - int(found[1]) > 200_000:
        raise argparse.ArgumentTypeError(f"{text!r} is too long to be seen: 200,000 bases are the most")
    return int(found[1]) - 1, int(found[2])
