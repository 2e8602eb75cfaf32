"""Compares the four decoders on the same images with the same features."""

from parts.image_captioning import data, scores
from parts.image_captioning.choices import DECODERS, VECTORS
from recipe_kit import cli, figures

PRESET = "compare"
FIGURE = "decoders.png"
# Attention looks at a grid, so the others are also given the mean of the same grid.
PAIRS = [(d, v) for d in DECODERS for v in VECTORS if (d, v) != ("attention", "pooled")]
SCORES = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider")
RATES = (1e-3, 2e-3, 4e-3)  # learning rates to choose from, for each pair


def compare(recipe, flags, presets, train_runs):
    """Trains every decoder with one preset's settings, prints a table of validation, and draws it.

    Trains each pair of decoder and vector at the best of three learning rates, which validation
    chooses with the first seed: by the share of true sentences for drawn images, else by BLEU-4. The
    pairs have equally many units, so different numbers of weights, which the table states.

    Args:
        recipe: The recipe's name.
        flags: The parsed flags. Each pair of decoder and vector is a run (or one for each seed) in a
            folder of its own under `--out`; `--resume` trains those missing or unfinished.
        presets: The recipe's presets.
        train_runs: `train_runs(flags) -> metrics`.

    Returns:
        A dict of pairs to their metrics.

    Raises:
        RunError, UserError: with one line for the user.
        KeyboardInterrupt: with the command that resumes.
    """
    preset = flags.preset or PRESET
    settings = cli.override(presets[preset], flags)
    # For drawn images the network sees pixels, and pools them by the mean of its own grid.
    pairs = [pair for pair in PAIRS if settings.data != data.SHAPES or pair[1] == "grid"]
    data.check_features(settings, pairs)
    out = cli.variants_folder(recipe, flags, preset, [FIGURE])
    variants = {
        f"{decoder}-{vector}": {"preset": preset, "decoder": decoder, "vector": vector}
        for decoder, vector in pairs
    }
    width = settings.beam_widths[-1]
    best = "truth" if settings.data == data.SHAPES else "bleu_4"

    def preference(metrics):
        return -_of_beam(metrics, width, best)[0]

    chosen, _, trained = cli.at_own_rates(
        recipe, flags, out, settings, variants, RATES, preference, train_runs
    )
    results = dict(zip(pairs, trained.values(), strict=True))
    names = [*SCORES, *(["truth"] if settings.data == data.SHAPES else [])]
    rows = {pair: {n: _of_beam(m, width, n) for n in names} for pair, m in results.items()}
    heads = "".join(f"{scores.title(name):>14}" for name in names)
    print(f"\nvalidation, beam {width}\n{'decoder':11}{'sees':16}{'rate':>6}{'weights':>11}{heads}")
    for (decoder, vector), row in rows.items():
        sees = "pooled features" if vector == "pooled" else "mean of grid"
        sees = "the grid" if decoder == "attention" else sees
        weights, _ = cli.mean_and_std(results[decoder, vector]["weights"])
        print(
            f"{decoder:11}{sees:16}{chosen[f'{decoder}-{vector}']:6g}{weights:11,.0f}"
            + "".join(f"{_shown(*row[n]):>14}" for n in names)
        )
    print(_verdict(results, width, best))
    titles = {(d, v): f"{d}, {v}" for d, v in rows}
    means = {titles[pair]: [row[n][0] for n in SCORES[:4]] for pair, row in rows.items()}
    spreads = {
        titles[pair]: [row[n][1] for n in SCORES[:4]]
        for pair, row in rows.items()
        if row[SCORES[0]][1] is not None  # one run has no spread
    }
    metrics = [f"BLEU-{n}" for n in (1, 2, 3, 4)]
    title = "four ways to let an image in, validation"
    cli.draw_comparison(
        out / FIGURE,
        lambda: figures.decoder_scores(means, metrics, title, errors=spreads),
        recipe,
        trained,
    )
    return results


def _verdict(results, width, name):
    """Returns a sentence on whether the seeds separate the best pair by a score from the next."""

    def mean(pair):
        return _of_beam(results[pair], width, name)[0]

    best, second = sorted(results, key=mean, reverse=True)[:2]
    ours, theirs = (results[pair][f"validation_beam_{width}_{name}"] for pair in (best, second))
    return f"by {scores.title(name)}: {cli.verdict(ours, theirs, ', '.join(best), ', '.join(second))}"


def _of_beam(metrics, width, name):
    """Returns the beam search's score on validation: its mean and spread (`None` for one run)."""
    return cli.mean_and_std(metrics[f"validation_beam_{width}_{name}"])


def _shown(mean, std):
    return f"{mean:.3f}" + (f" ± {std:.3f}" if std is not None else "")
