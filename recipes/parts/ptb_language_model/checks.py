"""Checks the settings against the text."""

from parts.ptb_language_model import sentences
from recipe_kit import cli


def check(settings, corpus):
    """Raises if the text cannot give what the settings ask for, before a folder is made."""
    least = settings.batch_size * settings.window + 1
    if len(corpus.train) < least:
        raise cli.UserError(
            f"--data {settings.data}: {len(corpus.train):,} words to train on, and one batch of "
            f"{settings.batch_size} windows of {settings.window} takes {least:,}. Give a longer text, "
            "or a smaller --batch-size or --window."
        )
    if samples(settings, corpus.vocabulary) and not settings.tied:
        raise cli.UserError(
            "A softmax that is sampled in training shares its vectors with the embedding: with "
            "--no-tied say --sampled none."
        )
    cli.check_devices(settings, settings.batch_size)
    sentences.prompt_words(settings.prompt)


def samples(settings, vocabulary):
    """Returns whether training normalises over a sample of the vocabulary."""
    return settings.sampled is not None and 2 * settings.sampled < len(vocabulary)
