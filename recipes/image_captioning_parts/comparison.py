"""The four decoders side by side, on the same pictures seen in the same way."""

from image_captioning_parts import data, scores
from image_captioning_parts.captioner import DECODERS, VECTORS
from rnn_kit import cli, plots

PRESET = "compare"
# Attention looks at a grid; so the others are given the mean of the same grid as well.
PAIRS = [(d, v) for d in DECODERS for v in VECTORS if (d, v) != ("attention", "pooled")]
SCORES = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider")


def compare(recipe, flags, presets, train_runs):
    """Trains every decoder with one preset's settings, prints a table of validation, and draws it.

    Args:
        recipe: The recipe's name.
        flags: As parsed. Each pair of decoder and vector is a run (or one of several seeds) in a folder
            of its own under `--out`; with `--resume` those missing or unfinished are trained.
        presets: Of the recipe.
        train_runs: `train_runs(flags) -> metrics`.

    Returns:
        A dict of pairs to their metrics.

    Raises:
        RunError, UserError: one line for the user.
        KeyboardInterrupt: with the command that goes on.
    """
    preset = flags.preset or PRESET
    settings = cli.override(presets[preset], flags)
    # Of drawn pictures the network sees the pixels, and pools them by the mean of its own grid.
    pairs = [pair for pair in PAIRS if settings.data != data.SHAPES or pair[1] == "grid"]
    data.check_features(settings, pairs)
    out = cli.variants_folder(recipe, flags, preset)
    variants = {
        f"{decoder}-{vector}": {"preset": preset, "decoder": decoder, "vector": vector}
        for decoder, vector in pairs
    }
    trained = cli.run_variants(recipe, flags, out, settings, variants, train_runs)
    results = dict(zip(pairs, trained.values(), strict=True))
    width = settings.beam_widths[-1]

    rows = {pair: _of_beam(metrics, width) for pair, metrics in results.items()}
    heads = "".join(f"{scores.title(name):>14}" for name in SCORES)
    print(f"\nvalidation, beam {width}\n{'decoder':11}{'sees':16}{heads}")
    for (decoder, vector), row in rows.items():
        sees = "pooled features" if vector == "pooled" else "mean of grid"
        sees = "the grid" if decoder == "attention" else sees
        print(f"{decoder:11}{sees:16}" + "".join(f"{_shown(*row[n]):>14}" for n in SCORES))
    picture = out / "decoders.png"
    names = {(d, v): f"{d}, {v}" for d, v in rows}
    means = {names[pair]: [row[n][0] for n in SCORES[:4]] for pair, row in rows.items()}
    spreads = {
        names[pair]: [row[n][1] for n in SCORES[:4]]
        for pair, row in rows.items()
        if row[SCORES[0]][1] is not None  # one run has no spread
    }
    metrics = [f"BLEU-{n}" for n in (1, 2, 3, 4)]
    title = "four ways to let a picture in, validation"
    figure = plots.decoder_scores(means, metrics, title, errors=spreads)
    plots.save_comparison(picture, figure, recipe, trained)
    print(f"drawn in {picture}")
    return results


def _of_beam(metrics, width):
    """Scores of the beam search on validation: names to mean and spread (`None` for one run)."""
    row = {}
    for name in SCORES:
        value = metrics[f"validation_beam_{width}_{name}"]
        row[name] = (value["mean"], value["std"]) if isinstance(value, dict) else (value, None)
    return row


def _shown(mean, std):
    return f"{mean:.3f}" + (f" ± {std:.3f}" if std is not None else "")
