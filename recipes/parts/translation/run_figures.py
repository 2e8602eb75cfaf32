"""The figures of a run: perplexity, BLEU by length, and where the network looked."""

import numpy as np

from parts.translation import drawing
from recipe_kit import figures

SHOWN = (6, 14)  # words of the test sentence whose alignment is drawn


def draw(run, settings, history, data, test, writer):
    """Learning curves; BLEU by the length of the source; the alignment of a test sentence.

    Args:
        run: The `Run` to whose folder they go.
        settings: Of the run.
        history: Its rows.
        data: `lessons.Lessons`.
        test: `speaking.Tested`.
        writer: A `decoding.TranslationWriter`.
    """
    name = data.translations.info["name"]
    curve = [{**row, "loss": row["nats"]} for row in history]
    figures.save(
        run,
        "perplexity.png",
        figures.perplexity_curves(curve, title=f"{name}: a word of a translation"),
    )
    if len(test.by_length) > 1:
        way = settings.attention if settings.attention != "none" else "no attention"
        figures.save(
            run, "length.png", drawing.score_by_length({way: test.by_length}, f"{name}: BLEU by length")
        )
    if settings.attention == "none":
        return
    lengths = [len(words) for words in data.test.sources]
    rows = [n for n, length in enumerate(lengths) if SHOWN[0] <= length <= SHOWN[1]]
    if rows:
        n = int(np.random.default_rng(settings.seed).choice(rows))
        source = data.test.sources[n]
        best = writer.beam([source], 1)[0][0].words
        if best:
            figures.save(run, "attention.png", alignment(writer, source, best))


def alignment(writer, source, words):
    """Where the network looked as it wrote these words."""
    return drawing.alignment([*source, "<eos>"], [*words, "<eos>"], writer.look(source, words))
