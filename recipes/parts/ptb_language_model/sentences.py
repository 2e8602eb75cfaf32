"""Writes sentences with a model, and scores sentences.

Training carries the states from window to window, so no sentence there starts from zero states, from
which the model may fail where it never does within a text. So it first reads a piece of text: the end
of the validation text, which its run keeps.
"""

import unicodedata

import numpy as np

from recipe_kit import cli
from rnn_kit.sampling import TemperatureSampler
from rnn_kit.text import EOS, UNK, TextError, read_text

FILE = "before.txt"  # in a run's folder: the text read before a sentence
BEFORE = 100  # words of that text


def keep_before(run, corpus):
    """Writes the last words of the validation text, which end a sentence, into the run's folder.

    Returns:
        Their ids.
    """
    before = corpus.validation[-BEFORE:]
    with run.atomic_write(FILE) as tmp_path:
        tmp_path.write_text(" ".join(corpus.vocabulary.decode(before)) + "\n", encoding="utf-8")
    return before


def kept_before(run, vocabulary):
    """Returns ids of what a saved run reads before a sentence, or of a sentence's end if it keeps none.

    Raises:
        TextError: if its file cannot be read.
    """
    path = run.path / FILE
    words = read_text(path).split() if path.exists() else []
    return vocabulary.encode(words or [EOS])


def text_of(vocabulary, before=()):
    """Returns a decoder of ids to text, one sentence a line, for `SampleText`.

    Ids that begin with `before` are decoded from its last one on, which ends a sentence.
    """
    before = list(before)

    def decode(ids):
        if before and list(ids[: len(before)]) == before:
            ids = ids[len(before) - 1 :]
        words = ["\n" if word == EOS else word for word in vocabulary.decode(ids)]
        return " ".join(words).replace(" \n", "\n").replace("\n ", "\n")

    return decode


def prompt_ids(prompt, vocabulary, before=()):
    """Returns ids of the preceding text, up to a sentence's end, and of the words that begin the next.

    Words that the vocabulary lacks are read as unknown, or left out if it has no unknown word. Prints
    which.
    """
    words = prompt_words(prompt)
    known, unseen = in_vocabulary(words, vocabulary)
    if unseen and vocabulary.unknown is None:
        print(f"Left out of the prompt, not in the text learned from: {' '.join(unseen)}")
        known = [word for word in known if vocabulary.id_of(word) is not None]
    elif unseen:
        print(f"Read as {UNK} in the prompt: {' '.join(unseen)}")
    before = before if len(before) else [vocabulary.end]
    return np.concatenate([before, vocabulary.encode(known)]).astype("int32")


def prompt_words(prompt):
    """Returns the words of a prompt. Raises `UserError` if one ends its sentence."""
    words = (prompt or "").split()
    if EOS in words:
        raise cli.UserError(f"--prompt: {EOS} ends a sentence. Leave it out: a prompt begins one.")
    return words


def in_vocabulary(words, vocabulary):
    """Returns words in the vocabulary's spelling, and those words that it does not have.

    A word that it has only in lower case is put in lower case.
    """
    composed = [unicodedata.normalize("NFC", word) for word in words]  # as the corpus is
    known = [w if vocabulary.id_of(w) is not None else w.lower() for w in composed]
    return known, [w for w, k in zip(words, known, strict=True) if vocabulary.id_of(k) is None]


def write(generator, vocabulary, settings, before=()):
    """Prints sentences at each temperature, each until its end or the settings' length."""
    start = prompt_ids(settings.prompt, vocabulary, before)
    read = max(len(before), 1)
    texts = {}
    for t in settings.temperatures:
        sampler = TemperatureSampler(t, settings.top_k, settings.top_p, seed=settings.seed)
        count = settings.count if t else 1  # without sampling all are the same
        rows = np.repeat(start[None], count, axis=0)
        written = generator.generate(rows, settings.length, sampler, stop_id=vocabulary.end)
        lines = [sentence(row[read:], vocabulary) for row in written]
        texts[f"temperature {t:g}"] = "\n\n".join(lines)
    print(cli.side_by_side(texts))


def sentence(ids, vocabulary):
    """Returns the words up to the sentence's end, with … if it was cut off before."""
    ends = np.flatnonzero(ids == vocabulary.end)
    words = vocabulary.decode(ids[: ends[0]] if len(ends) else ids)
    return " ".join(words if len(ends) else [*words, "…"])


def score(generator, vocabulary, texts, before=()):
    """Prints the log-probability and the perplexity of sentences, whole and word by word.

    Each sentence follows only `before`, which ends a sentence; its own end is one of its N tokens.

        ln p = Σ_n ln p(w_n | before, w_1 ... w_(n-1)),   perplexity = e^(-ln p / N)

    Args:
        generator: The model's generator.
        vocabulary: Its `TokenVocabulary`.
        texts: Sentences, words with spaces between.
        before: Ids to read first. Default: the end of a sentence.

    Returns:
        A dict of sentences to their ln p.

    Raises:
        UserError: if a sentence has no word; and, after scoring the others, if one has a word that the
            vocabulary lacks and the vocabulary has no unknown word.
    """
    if not all(text.split() for text in texts):
        raise cli.UserError("score: a sentence without a word. Give each in quotes.")
    scores, refused = {}, []
    for text in texts:
        words = text.split()
        known, unseen = in_vocabulary(words, vocabulary)
        try:
            ids = vocabulary.encode(known)
        except TextError as error:
            refused.append(f"{text!r} has no score: {error}")
            continue
        whole = np.concatenate([before if len(before) else [vocabulary.end], ids, [vocabulary.end]])
        log_p = generator.log_probabilities(whole[None])[0][-len(ids) - 1 :]
        print(f"\n{text}")
        print(
            f"  ln p = {log_p.sum():.2f}, perplexity {np.exp(-log_p.mean()):,.1f} a word, of "
            f"{len(log_p)} with the sentence's end"
        )
        width = max(len(EOS), *map(len, words))
        for word, nats in zip([*words, EOS], log_p, strict=True):
            mark = f"  not in the vocabulary: read as {UNK}" if word in unseen else ""
            print(f"  {word:{width}}  ln p {nats:7.2f}   p {np.exp(nats):.2g}{mark}")
        scores[text] = float(log_p.sum())
    if len(scores) > 1:
        best = max(scores, key=scores.get)
        print(f"\nThe likeliest: {best}")
        if len({len(text.split()) for text in scores}) > 1:
            print("(Of sentences of different lengths, the shorter is mostly the likelier.)")
    if refused:
        raise cli.UserError(f"{'; '.join(refused)}. Leave the word out, or say it in other words.")
    return scores
