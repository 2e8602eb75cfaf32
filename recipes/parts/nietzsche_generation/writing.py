"""Encodes prompts, continues them, and measures how many of the written words are real."""

import re
import sys

import numpy as np

from recipe_kit import cli
from rnn_kit.sampling import TemperatureSampler

SEED_LENGTH = 40  # characters of the training text that samples start from, as in the lecture

WORD = re.compile(r"[^\W\d_]{4,}")  # shorter ones occur by chance
WRITTEN, LENGTH, TEMPERATURE = 16, 300, 0.5  # texts searched for words; 0.5 is the lecture's


def training_prompts(settings, vocabulary, ids):
    """Returns what samples start from: the prompt, or a function from an epoch to training text."""
    if settings.prompt is not None:
        return encode_prompt(settings.prompt, vocabulary, settings.lower)[0]
    length = min(SEED_LENGTH, len(ids))

    def draw(epoch):
        start = np.random.default_rng([settings.seed, epoch]).integers(len(ids) - length + 1)
        return ids[start : start + length]

    return draw


def encode_prompt(prompt, vocabulary, lower):
    """Returns a prompt's ids and text, in the vocabulary's characters; a line break if none is left."""
    prompt = prompt.lower() if lower else prompt
    unseen = vocabulary.unseen(prompt)
    if unseen:
        print(f"Left out of the prompt, not in the text learned from: {' '.join(map(repr, unseen))}")
    prompt = "".join(c for c in prompt if c not in unseen)
    if not prompt:
        start = "\n" if not vocabulary.unseen("\n") else vocabulary.characters[0]
        print(f"Nothing to start from: starting from {start!r}.")
        prompt = start
    return vocabulary.encode(prompt), prompt


def write(generator, vocabulary, settings, interactive=False):
    """Continues the settings' prompt, or one prompt after another.

    Streams the text to the terminal at one temperature; prints the texts side by side at several.
    """
    samplers = [
        TemperatureSampler(t, settings.top_k, settings.top_p, seed=settings.seed)
        for t in settings.temperatures
    ]

    def write_on(prompt):
        ids, prompt = encode_prompt(prompt, vocabulary, settings.lower)
        if len(samplers) > 1:
            texts = {}
            for sampler in samplers:
                written = generator.generate(ids[None], settings.length, sampler)[0]
                texts[f"temperature {sampler.temperature}"] = vocabulary.decode(written)
            print(cli.side_by_side(texts))
            return
        sys.stdout.write(prompt)
        for row in generator.stream(ids[None], settings.length, samplers[0]):
            sys.stdout.write(vocabulary.decode(row))
            sys.stdout.flush()
        print()

    if interactive:
        cli.prompt_loop(write_on)
    else:
        line_break = "\n" if "\n" in vocabulary.characters else ""
        write_on(line_break if settings.prompt is None else settings.prompt)


def known_words(generator, text, seed):
    """Returns the share of written words of four letters and more that the training text has.

    Args:
        generator: The network's generator.
        text: A text with `vocabulary`, and the ids `train` and `validation`. Writing continues pieces
            of the validation part.
        seed: Seed of the sampling.

    Returns:
        The share for the words written (0 if there are none), and for the validation part's own words;
        or `None`, if the text has no such words.
    """
    decode = text.vocabulary.decode
    known = set(WORD.findall(decode(text.train)))
    own = WORD.findall(decode(text.validation))
    if not (known and own):
        return None
    length = min(SEED_LENGTH, len(text.validation))
    starts = np.linspace(0, len(text.validation) - length, WRITTEN).astype(int)
    prompts = text.validation[starts[:, None] + np.arange(length)]
    written = generator.generate(prompts, LENGTH, TemperatureSampler(TEMPERATURE, seed=seed))
    # The first and the last may be parts of words.
    words = [word for row in written for word in WORD.findall(decode(row[length:]))[1:-1]]
    return tuple(sum(word in known for word in those) / max(1, len(those)) for those in (words, own))


def report(metrics, vocabulary):
    """Prints the cross entropy of the held-out text, and the share of known words written."""
    print(
        f"\nheld out: {metrics['test_nats']:.4f} nats ({metrics['test_bits']:.3f} bits) a character, "
        f"after {metrics['train_seconds']:.0f} s of training (a blind guess among {len(vocabulary)} "
        f"characters: {np.log(len(vocabulary)):.2f} nats)"
    )
    if "written_known_words" in metrics:
        print(
            f"of words of four letters and more that it writes at temperature {TEMPERATURE}, "
            f"{metrics['written_known_words']:.1%} are in the text it learned from (of the validation "
            f"text's own words: {metrics['validation_known_words']:.1%})"
        )
