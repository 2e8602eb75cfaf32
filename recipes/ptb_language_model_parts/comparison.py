"""A plain RNN, a GRU and an LSTM on the generated language: who still knows the noun at the verb?"""

import argparse
from dataclasses import replace
from pathlib import Path

from ptb_language_model_parts import agreement, pictures
from rnn_kit import cli
from rnn_kit.runs import CONFIG, Run, RunError, new_folder, writing

CELLS = ("simple", "gru", "lstm")
PRESETS = ("agreement", "smoke")


def compare(recipe, flags, settings, train_runs):
    """Trains every cell with one preset's settings, prints a table, and draws who agrees.

    Args:
        recipe: The recipe's name.
        flags: As parsed. Each cell is a run in a folder of its own under `--out`; with `--resume` those
            that are missing or unfinished are trained.
        settings: What the flags ask for.
        train_runs: `train_runs(flags) -> metrics`.

    Returns:
        A dict of cells to their metrics.

    Raises:
        RunError, UserError: one line for the user.
        KeyboardInterrupt: with the command that goes on.
    """
    preset = flags.preset or agreement.NAME
    out = Path(flags.out or new_folder(recipe, preset))
    if (out / CONFIG).exists():
        raise RunError(f"{out} holds a single run already. Give another folder with --out.")
    begun = [cell for cell in CELLS if flags.resume and (out / cell / CONFIG).exists()]
    for cell in begun:
        if Run.open(out / cell, recipe).settings(type(settings)) != replace(settings, cell=cell):
            raise RunError(
                f"The run in {out / cell} was started with other settings. Give the flags that the "
                "comparison was started with, or another folder with --out."
            )
    results = {}
    for cell in CELLS:
        print(f"\n===== {cell}")
        where = {"out": str(out / cell), "resume": cell in begun}
        more = {"preset": preset, "cell": cell, **where}
        try:
            results[cell] = train_runs(argparse.Namespace(**{**vars(flags), **more}))
        except KeyboardInterrupt:
            arguments = [a for a in flags.argv if a != "--resume"]
            where = [] if flags.out else ["--out", out]
            again = cli.command(*arguments, *where, "--resume")
            raise KeyboardInterrupt(f"Interrupted.\nGo on: {again}") from None

    picture = out / "agreement.png"
    with writing(picture) as aside:
        pictures.agreement_of(results).savefig(aside, format="png")
    print(f"\n{'cell':8}{'perplexity':>12}{'above its own':>15}    verbs that agree, by distance")
    print(" " * 39 + "  ".join(f"{name:>11}" for name in agreement.shares(results[CELLS[0]])[0]))
    for cell, metrics in results.items():
        verbs = "  ".join(f"{share:11.3f}" for share in agreement.shares(metrics)[1])
        above = agreement.above_its_own(metrics)
        print(f"{cell:8}{metrics['test_perplexity']:12.3f}{above:15.1%}    {verbs}")
    print(f"drawn in {picture}")
    return results
