"""A plain RNN, a GRU and an LSTM on the generated language: who still knows the noun at the verb?"""

import argparse
from pathlib import Path

from ptb_language_model_parts import agreement, pictures
from rnn_kit import cli
from rnn_kit.runs import CONFIG, new_folder, writing

CELLS = ("simple", "gru", "lstm")


def compare(recipe, flags, train_runs):
    """Trains every cell with one preset's settings, prints a table, and draws who agrees.

    Args:
        recipe: The recipe's name.
        flags: As parsed. Each cell is a run in a folder of its own under `--out`; with `--resume` those
            that are missing or unfinished are trained.
        train_runs: `train_runs(flags) -> metrics`.

    Returns:
        A dict of cells to their metrics.

    Raises:
        KeyboardInterrupt: with the command that goes on.
    """
    preset = flags.preset or agreement.NAME
    out = Path(flags.out or new_folder(recipe, preset))
    results = {}
    for cell in CELLS:
        print(f"\n===== {cell}")
        folder = out / cell
        resume = flags.resume and (folder / CONFIG).exists()
        more = {"preset": preset, "cell": cell, "out": str(folder), "resume": resume}
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
