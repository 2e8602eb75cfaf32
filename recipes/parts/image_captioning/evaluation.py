"""Evaluates captions of one part of the data, and reports a run's results."""

import numpy as np

from parts.image_captioning import scores
from recipe_kit.datasets import is_true


def judge(written, part):
    """Returns scores, by name, of one caption an image against all its references."""
    bleu = scores.bleu(written, part.words)
    metrics = {f"bleu_{n}": value for n, value in enumerate(bleu, start=1)}
    metrics["cider"] = scores.cider(written, part.words)
    if part.scenes:
        metrics["truth"] = truth(written, part)
    return metrics


def score(written, part):
    """Returns the score that chooses a way of writing: the share of true captions, else BLEU-4."""
    return truth(written, part) if part.scenes else scores.bleu(written, part.words)[-1]


def ways_of_writing(writer, part, settings, chosen):
    """Writes captions of a part in every way: the likeliest words, sampled ones, and each beam.

    Args:
        writer: A `Writer`.
        part: The `Part`.
        settings: Settings with `temperature` and `seed`.
        chosen: A dict of beam widths to `(score, length penalty)`.

    Returns:
        A dict of ways to lists of captions, each a list of words.
    """
    sampled = writer.sample(part.images, settings.temperature, settings.seed)
    return {
        "greedy": [sentence.words for sentence in writer.sample(part.images, 0)],
        "sampling": [sentence.words for sentence in sampled],
        **{
            f"beam_{width}": [best.words for best, *_ in writer.beam(part.images, width, penalty)]
            for width, (_, penalty) in chosen.items()
        },
    }


def truth(written, part):
    """Returns the share of captions that are true of their drawn images."""
    pairs = zip(part.scenes, written, strict=True)
    return float(np.mean([is_true(scene, " ".join(words)) for scene, words in pairs]))


def described(written, training):
    """Returns statistics of the captions, whatever the images: novelty, distinct words, length."""
    return {
        "new": scores.novelty(written, training),
        "distinct_words": scores.distinct_words(written),
        "words": float(np.mean([len(words) for words in written])),
    }


def captions_table(part, captions):
    """Returns a line for each test image: its name, a tab, its caption."""
    lines = zip(part.names, captions, strict=True)
    return "".join(f"{name}\t{' '.join(words)}\n" for name, words in lines)


def report(settings, metrics):
    """Prints how the ways of writing score on validation, and the chosen one on the test part."""
    truth = "test_truth" in metrics
    names = ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider", *(["truth"] if truth else [])]
    print(
        f"\n{'validation':14}"
        + "".join(f"{scores.title(n):>9}" for n in names)
        + "    new  words a caption"
    )
    ways = ["greedy", "sampling", *(f"beam_{width}" for width in settings.beam_widths)]
    for way in ways:
        row = {name: metrics[f"validation_{way}_{name}"] for name in [*names, "new", "words"]}
        print(
            f"{way.replace('_', ' '):14}"
            + "".join(f"{row[n]:9.3f}" for n in names)
            + f"{row['new']:7.0%}{row['words']:8.1f}"
        )
    print(
        f"\ntest, beam {metrics['beam_width']:.0f}, length penalty {metrics['length_penalty']:g}: "
        + ", ".join(f"{scores.title(name)} {metrics[f'test_{name}']:.3f}" for name in names)
        + f"; perplexity {metrics['test_perplexity']:.2f}, {metrics['test_new']:.0%} new, "
        f"{metrics['test_distinct_words']:.0f} distinct words; {metrics['train_seconds']:.0f} s of "
        "training"
    )
