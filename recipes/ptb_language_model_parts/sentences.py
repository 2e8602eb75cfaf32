"""Sentences: written by a model, and scored by it."""

import numpy as np

from rnn_kit import cli
from rnn_kit.sampling import TemperatureSampler
from rnn_kit.text import TextError
from rnn_kit.text.tokens import END, UNKNOWN


def text_of(vocabulary):
    """From ids to text, a sentence a line: the decoder of `SampleText`."""
    return lambda ids: " ".join(vocabulary.decode(ids)).replace(END, "\n").replace("\n ", "\n")


def prompt_ids(prompt, vocabulary):
    """Ids of the end of a sentence, and of the words that the next one starts with."""
    ids, unknown = encode((prompt or "").split(), vocabulary)
    if unknown:
        print(f"Read as {UNKNOWN} in the prompt: {' '.join(unknown)}")
    return np.concatenate([[vocabulary.end], ids]).astype("int32")


def encode(words, vocabulary):
    """Ids of words, and the words among them that the vocabulary does not have.

    A word that it has in lower case alone is taken in lower case.
    """
    known = [w if vocabulary.id_of(w) is not None else w.lower() for w in words]
    unseen = [w for w, k in zip(words, known, strict=True) if vocabulary.id_of(k) is None]
    try:
        return vocabulary.encode(known), unseen
    except TextError as error:
        raise cli.UserError(f"{error}. Leave the word out, or say it in other words.") from None


def write(generator, vocabulary, settings):
    """Prints sentences, each until its end or the settings' length, at each temperature."""
    start = prompt_ids(settings.prompt, vocabulary)
    texts = {}
    for t in settings.temperatures:
        sampler = TemperatureSampler(t, settings.top_k, settings.top_p, seed=settings.seed)
        rows = np.repeat(start[None], settings.count, axis=0)
        written = generator.generate(rows, settings.length, sampler, stop_id=vocabulary.end)
        lines = [sentence(row[1:], vocabulary) for row in written]
        texts[f"temperature {t:g}"] = "\n\n".join(lines)
    print(cli.side_by_side(texts))


def sentence(ids, vocabulary):
    """The words up to the sentence's end; … where it was cut off before."""
    ends = np.flatnonzero(ids == vocabulary.end)
    words = vocabulary.decode(ids[: ends[0]] if len(ends) else ids)
    return " ".join(words if len(ends) else [*words, "…"])


def score(generator, vocabulary, texts):
    """Prints the log-probability and the perplexity of sentences, whole and word by word.

    Each stands alone: it begins where a sentence ends, and its own end is one of its N tokens.

        ln p = Σ_n ln p(w_n | w_1 ... w_(n-1)),   perplexity = e^(-ln p / N)

    Returns:
        Sentences to their ln p.
    """
    scores = {}
    for text in texts:
        words = text.split()
        if not words:
            raise cli.UserError("--score: a sentence without a word. Give each in quotes.")
        ids, unseen = encode(words, vocabulary)
        whole = np.concatenate([[vocabulary.end], ids, [vocabulary.end]])
        nats = generator.log_probabilities(whole[None])[0]
        print(f"\n{text}")
        print(
            f"  ln p = {nats.sum():.2f}, perplexity {np.exp(-nats.mean()):,.1f} a word, of {len(nats)} "
            "with the sentence's end"
        )
        width = max(len(END), *map(len, words))
        for word, log_p in zip([*words, END], nats, strict=True):
            mark = f"  not in the vocabulary: read as {UNKNOWN}" if word in unseen else ""
            print(f"  {word:{width}}  ln p {log_p:7.2f}   p {np.exp(log_p):.2g}{mark}")
        scores[text] = float(nats.sum())
    if len(scores) > 1:
        best = max(scores, key=scores.get)
        print(f"\nThe likeliest: {best}")
    return scores
