"""The lecture's tips for translation, one by one: each changes one thing of the same network."""

from parts.translation import drawing
from recipe_kit import cli, figures

PRESET = "compare"
PICTURE, LENGTHS = "tips.png", "tips_by_length.png"
RATES = (1e-3, 2e-3, 4e-3)  # learning rates to choose from, for each
# The slide's network, and what each tip changes of it.
BASE = {
    "bidirectional": False,
    "attention": "none",
    "context": "first",
    "reverse": False,
    "shared_weights": False,
    "level": "words",
}
TIPS = {
    "last state first": {},
    "source reversed": {"reverse": True},
    "last state at every word": {"context": "every"},
    "weights shared": {"shared_weights": True},
    "characters": {"level": "characters"},
    "both directions": {"bidirectional": True},
    "attention": {"attention": "additive"},
}
SCORES = ("bleu", "chrf", "exact")


def compare(recipe, flags, presets, train_runs):
    """Trains the slide's network and each tip, prints a table of validation, and draws it.

    Each is trained at the best of three learning rates, which validation's chrF chooses with the first
    seed. They have equally many units, and so not equally many weights: the table says how many. BLEU
    of characters counts sequences of characters: chrF is the figure to compare all by.

    Args:
        recipe: The recipe's name.
        flags: As parsed. Each tip is a run (or one of several seeds) in a folder of its own under
            `--out`; with `--resume` those missing or unfinished are trained.
        presets: Of the recipe.
        train_runs: `train_runs(flags) -> metrics`.

    Returns:
        A dict of tips to their metrics.

    Raises:
        RunError, UserError: one line for the user.
        KeyboardInterrupt: with the command that goes on.
    """
    preset = flags.preset or PRESET
    settings = cli.override(presets[preset], flags)
    out = cli.variants_folder(recipe, flags, preset, [PICTURE, LENGTHS])
    flags.seeds = flags.seeds or [0, 1, 2]
    variants = {
        name.replace(" ", "-"): {"preset": preset, **BASE, **change, **_longer(settings, change)}
        for name, change in TIPS.items()
    }

    def preference(metrics):
        return -cli.mean_and_std(metrics["validation_chrf"])[0]

    chosen, variants, trained = cli.at_own_rates(
        recipe, flags, out, settings, variants, RATES, preference, train_runs
    )
    results = dict(zip(TIPS, trained.values(), strict=True))
    heads = "".join(f"{name:>16}" for name in ("BLEU", "chrF", "word for word"))
    print(f"\nvalidation\n{'tip':26}{'rate':>7}{'weights':>12}{heads}")
    for (tip, metrics), name in zip(results.items(), variants, strict=True):
        shown = "".join(f"{_shown(*cli.mean_and_std(metrics[f'validation_{s}'])):>16}" for s in SCORES)
        print(f"{tip:26}{chosen[name]:7g}{cli.mean_and_std(metrics['weights'])[0]:12,.0f}{shown}")
    for tip in list(TIPS)[1:]:
        print(_verdict(results, tip))
    found = {
        tip: [cli.mean_and_std(metrics[f"validation_{score}"]) for score in SCORES]
        for tip, metrics in results.items()
    }
    means = {tip: [mean for mean, _ in of] for tip, of in found.items()}
    spreads = {tip: [std or 0.0 for _, std in of] for tip, of in found.items()}
    with cli.drawing():
        figure = figures.decoder_scores(
            means, ["BLEU", "chrF", "word for word"], "the lecture's tips, validation", errors=spreads
        )
        figures.save_comparison(out / PICTURE, figure, recipe, trained)
        groups = {tip: _groups(metrics) for tip, metrics in results.items() if tip != "characters"}
        figure = drawing.score_by_length(groups, "the lecture's tips, test")
        figures.save_comparison(out / LENGTHS, figure, recipe, trained)
        print(f"drawn in {out / PICTURE} and {out / LENGTHS}")
    return results


def _longer(settings, change):
    """A word has some five characters and a space."""
    if change.get("level") != "characters":
        return {}
    return {"longest": 6 * settings.longest, "length": 6 * settings.length}


def _verdict(results, tip):
    """Returns what the seeds allow to say of a tip, against the network without it."""
    first, *_ = results
    ours, theirs = (results[name]["validation_chrf"] for name in (tip, first))
    return f"by chrF: {cli.verdict(ours, theirs, tip, first)}"


def _groups(metrics):
    """BLEU by length, as `scores.by_length` has it, of a run's metrics."""
    groups = []
    for name, value in metrics.items():
        if name.startswith("test_bleu_of_"):
            least, most = name.removeprefix("test_bleu_of_").removesuffix("_words").split("_to_")
            groups.append(
                {
                    "least": int(least),
                    "most": None if most == "any" else int(most),
                    "sentences": 0,
                    "bleu": cli.mean_and_std(value)[0],
                }
            )
    return groups


def _shown(mean, std):
    return f"{mean:.1f}" + (f" ± {std:.1f}" if std is not None else "")
