"""Sentences: written by a model, and scored by it.

The model was trained with states that are carried on from window to window. Zeros are none of those
that a sentence begins with there, and from them it may fail where it never does within a text. So it
reads a piece of text first: the end of the validation text, which its run keeps.
"""

import unicodedata

import numpy as np

from recipe_kit import cli
from rnn_kit.sampling import TemperatureSampler
from rnn_kit.text import EOS, UNK, TextError, read_text

FILE = "before.txt"  # of a run: what is read before a sentence
BEFORE = 100  # words of it


def keep_before(run, corpus):
    """Writes the last words of the validation text, an end of a sentence, into the run's folder.

    Returns:
        Their ids.
    """
    before = corpus.validation[-BEFORE:]
    with run.atomic_write(FILE) as tmp_path:
        tmp_path.write_text(" ".join(corpus.vocabulary.decode(before)) + "\n", encoding="utf-8")
    return before


def kept_before(run, vocabulary):
    """Ids of what a saved run reads before a sentence; the end of one, where it keeps nothing.

    Raises:
        TextError: if it cannot be read.
    """
    path = run.path / FILE
    words = read_text(path).split() if path.exists() else []
    return vocabulary.encode(words or [EOS])


def text_of(vocabulary, before=()):
    """From ids to text, a sentence a line: the decoder of `SampleText`.

    Ids that begin with those of `before` are decoded from its end on, which is that of a sentence.
    """
    before = list(before)

    def decode(ids):
        if before and list(ids[: len(before)]) == before:
            ids = ids[len(before) - 1 :]
        words = ["\n" if word == EOS else word for word in vocabulary.decode(ids)]
        return " ".join(words).replace(" \n", "\n").replace("\n ", "\n")

    return decode


def prompt_ids(prompt, vocabulary, before=()):
    """Ids of what is read before, up to the end of a sentence, and of the words that begin the next.

    Words that the vocabulary does not have are read as unknown, or left out where it has no word for
    that. Prints which.
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
    """The words of a prompt, none of which may end its sentence."""
    words = (prompt or "").split()
    if EOS in words:
        raise cli.UserError(f"--prompt: {EOS} ends a sentence. Leave it out: a prompt begins one.")
    return words


def in_vocabulary(words, vocabulary):
    """Words as the vocabulary has them, and those among them that it does not have.

    A word that it has in lower case alone is taken in lower case.
    """
    composed = [unicodedata.normalize("NFC", word) for word in words]  # as the corpus is
    known = [w if vocabulary.id_of(w) is not None else w.lower() for w in composed]
    return known, [w for w, k in zip(words, known, strict=True) if vocabulary.id_of(k) is None]


def write(generator, vocabulary, settings, before=()):
    """Prints sentences, each until its end or the settings' length, at each temperature."""
    start = prompt_ids(settings.prompt, vocabulary, before)
    read = max(len(before), 1)
    texts = {}
    for t in settings.temperatures:
        sampler = TemperatureSampler(t, settings.top_k, settings.top_p, seed=settings.seed)
        count = settings.count if t else 1  # without chance they are all the same
        rows = np.repeat(start[None], count, axis=0)
        written = generator.generate(rows, settings.length, sampler, stop_id=vocabulary.end)
        lines = [sentence(row[read:], vocabulary) for row in written]
        texts[f"temperature {t:g}"] = "\n\n".join(lines)
    print(cli.side_by_side(texts))


def sentence(ids, vocabulary):
    """The words up to the sentence's end; … where it was cut off before."""
    ends = np.flatnonzero(ids == vocabulary.end)
    words = vocabulary.decode(ids[: ends[0]] if len(ends) else ids)
    return " ".join(words if len(ends) else [*words, "…"])


def score(generator, vocabulary, texts, before=()):
    """Prints the log-probability and the perplexity of sentences, whole and word by word.

    Each follows upon `before` alone, which ends a sentence, and its own end is one of its N tokens.

        ln p = Σ_n ln p(w_n | before, w_1 ... w_(n-1)),   perplexity = e^(-ln p / N)

    Args:
        generator: Of the model.
        vocabulary: Its `TokenVocabulary`.
        texts: Sentences, words with spaces between.
        before: Ids to read first. Default: the end of a sentence.

    Returns:
        Sentences to their ln p.

    Raises:
        UserError: if a sentence has no word; and, when the others have been scored, if one has a word
            that the vocabulary does not have, and no word for unknown ones.
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
