"""A plain RNN, a GRU and an LSTM on the generated language: who still knows the noun at the verb?"""

from ptb_language_model_parts import agreement, pictures
from rnn_kit import cli, plots

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
    out = cli.variants_folder(recipe, flags, preset)
    variants = {cell: {"preset": preset, "cell": cell} for cell in CELLS}
    results = cli.run_variants(recipe, flags, out, settings, variants, train_runs)

    picture = out / "agreement.png"
    plots.save_comparison(picture, pictures.agreement_of(results), recipe, results)
    print(f"\n{'cell':8}{'perplexity':>12}{'above its own':>15}    verbs that agree, by distance")
    print(" " * 39 + "  ".join(f"{name:>11}" for name in agreement.shares(results[CELLS[0]])[0]))
    for cell, metrics in results.items():
        verbs = "  ".join(f"{share:11.3f}" for share in agreement.shares(metrics)[1])
        above = agreement.above_its_own(metrics)
        print(f"{cell:8}{metrics['test_perplexity']:12.3f}{above:15.1%}    {verbs}")
    print(f"drawn in {picture}")
    return results
