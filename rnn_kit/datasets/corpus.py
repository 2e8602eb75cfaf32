"""Texts for a word-level language model, in three parts: Penn Treebank, and the user's own files."""

import hashlib
import itertools
import operator
import os
from array import array
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnn_kit.datasets._corpus_files import (
    ARCHIVES,
    EXPECTED,
    SPLITS,
    a_few,
    lines_in_archive,
    lines_in_folder,
)
from rnn_kit.datasets._files import DataError, data_folder, own_places
from rnn_kit.text import TokenVocabulary
from rnn_kit.text.tokens import END, UNKNOWN

PTB_URL = "http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz"
PTB_TOKENS = (929_589, 73_760, 82_430)  # with one <eos> a line
PTB_WORDS = 10_000  # <unk> and <eos> among them

_SMALLEST = 3  # words that a cut vocabulary keeps: <eos>, <unk> and one more


@dataclass(frozen=True, eq=False)  # `==` of two arrays is an array, not an answer
class Corpus:
    """The ids of three texts, and the words that they stand for.

    Attributes:
        vocabulary: The `TokenVocabulary` of the training part, most frequent first.
        train, validation, test: int32 arrays `(N,)`; each line of the text ends in `<eos>`.
        info: What a result should record: `name`, `sha256`, `vocabulary` (V, the number of ids),
            `distinct_words` (of the training part, `<eos>` among them, before any cut), and for
            each part `train_tokens`, ... and `train_unknown`, ...: its number of tokens, and of
            those that are `<unk>` because their word is not in the vocabulary. The hash does not
            depend on the vocabulary or on the files' white space: it is the SHA-256, in
            hexadecimal, of the UTF-8 bytes of all tokens, each followed by a newline, with an empty
            line after each of the three parts.
        notes: Lines that the user should be told, a tuple; empty if each word has its own id.
    """

    vocabulary: TokenVocabulary
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    info: dict
    notes: tuple

    @classmethod
    def from_lines(cls, name, train, validation, test, vocab_size=None, words=()):
        """A corpus of lines that are cut into words already.

        The words of the training part are the vocabulary. A line that does not end in `<eos>` is
        given one; a line without words is passed over.

        Args:
            name: What `info` and errors call the corpus.
            train, validation, test: Iterables of lines, each a list of words; read once.
            vocab_size: Number of words to keep, `<eos>` and `<unk>` among them, where there are
                more: see `TokenVocabulary.from_counts`. `None` keeps all.
            words: Words to know besides those of the training part, as if they stood there no time.

        Returns:
            A `Corpus`.

        Raises:
            DataError: If a part holds no word, `vocab_size` is below 3, or the validation or test
                part has words that the training part has not, and nothing is `<unk>`.

        Example:

        >>> train = [["a", "cat", "sleeps"], ["a", "dog", "barks"], ["a", "cat", "purrs"]]
        >>> corpus = Corpus.from_lines("pets", train, train[:1], [["a", "cow"]], vocab_size=4)
        >>> corpus.vocabulary.tokens
        ('<unk>', '<eos>', 'a', 'cat')
        >>> corpus.validation, corpus.test
        (array([2, 3, 0, 1], dtype=int32), array([2, 0, 1], dtype=int32))
        >>> print("\\n".join(corpus.notes))
        train: 4 of 12 tokens read as <unk>, to keep 4 of 7 words
        validation: 1 of 4 tokens not in the vocabulary, read as <unk>: 'sleeps'
        test: 1 of 3 tokens not in the vocabulary, read as <unk>: 'cow'
        """
        vocab_size = _checked(vocab_size)
        texts = zip(SPLITS, (train, validation, test), strict=True)
        parts, sha256 = _numbered((f"{name}: {split} part", lines) for split, lines in texts)
        return _corpus(name, parts, sha256, vocab_size, words)


def load_corpus(source, vocab_size=None):
    """A corpus by the name of a known set, or from the user's own files.

    Files are UTF-8 with or without a byte-order mark and with any line ends, and are composed to
    Unicode's NFC. Words are what stands between white space, as they are; each line that has any
    ends in `<eos>`, which is added where it is not there. The words of the training part are the
    vocabulary; words of the other parts that are not among them become `<unk>`, and `notes` says
    how many.

    Args:
        source: `"ptb"`, the Penn Treebank as Mikolov prepared it, which is looked for in
            `$RNN_KIT_DATA/ptb` and `ptb` of the data folder, has no open licence and is never
            downloaded, and whose published counts are checked; or a path to

            - a folder that holds `ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt`; or
              `wiki.train.tokens` and so on; or `train.txt`, `valid.txt` (`validation.txt`,
              `dev.txt`) and `test.txt`. If it holds none of the three sets whole, its folder
              `data` is looked into.
            - a `.tgz`, `.tar.gz`, `.tar` or `.zip` archive of such files in any folder, those of
              folders called `data` first. It is read in memory, and nothing is written.

        vocab_size: Number of words to keep, `<eos>` and `<unk>` among them, where there are more:
            rarer words become `<unk>`. `None` keeps all.

    Returns:
        A `Corpus`.

    Raises:
        DataError: If the source is unknown, cannot be had or read, is not what it should be, lacks
            a part or holds an empty one, if `vocab_size` is below 3, or if the validation or test
            part has words that the training part has not, and nothing is `<unk>`.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("train.txt", "valid.txt", "test.txt"):
    ...         _ = Path(folder, name).write_text("a rose is a rose\\n")
    ...     corpus = load_corpus(folder)
    >>> corpus.vocabulary.decode(corpus.train)
    ['a', 'rose', 'is', 'a', 'rose', '<eos>']
    """
    vocab_size = _checked(vocab_size)
    path = Path(source)
    if source == "ptb":
        folder = _ptb_folder()
        parts, sha256 = _numbered(lines_in_folder(folder))
        _check_ptb(folder, parts)
    elif not (isinstance(source, os.PathLike) or os.path.lexists(source)):
        raise DataError(
            f"There is no data set and no file or folder called {str(source)!r}. The known set is "
            f"ptb; a path works too: to a folder of {EXPECTED}, or to an archive of such files "
            f"({', '.join(ARCHIVES)})."
        )
    elif os.path.isdir(path):
        parts, sha256 = _numbered(lines_in_folder(path))
    elif not os.path.lexists(path):
        raise DataError(f"{path} is missing: expected a folder of {EXPECTED}; check the path")
    elif os.path.isfile(path) and path.name.lower().endswith(ARCHIVES):
        parts, sha256 = _numbered(lines_in_archive(path))
    else:
        raise DataError(
            f"{path} is one file, not the three parts of a corpus: expected a folder, or an archive "
            f"({', '.join(ARCHIVES)}), of {EXPECTED}"
        )
    return _corpus(str(source), parts, sha256, vocab_size)


def _checked(vocab_size):
    if vocab_size is None:
        return None
    try:
        number = operator.index(vocab_size)
    except TypeError:
        number = 0
    if number < _SMALLEST:
        raise DataError(
            f"The vocabulary size (`vocab_size`, --vocab-size) is a number of words of at least "
            f"{_SMALLEST}, {END} and {UNKNOWN} among them, or None for all; received {vocab_size!r}"
        )
    return number


# Words to ids


class _Part(NamedTuple):
    """A text in numbers that are given as words appear."""

    where: str  # for messages
    words: list
    numbers: np.ndarray


def _numbered(texts):
    """Three pairs of a name for messages and lines of words to `([_Part, ...], sha256)`."""
    digest, parts = hashlib.sha256(), []
    for where, lines in texts:
        table = defaultdict(itertools.count().__next__)
        numbers = array("i")  # 4 bytes a token, where a list of strings has 60
        for words in lines:
            if isinstance(words, str):
                raise DataError(f"{where}: a line is a list of words; received one text: cut it up")
            if not words:
                continue
            if words[-1] != END:
                words = [*words, END]
            numbers.extend(map(table.__getitem__, words))
            digest.update(("\n".join(words) + "\n").encode("utf-8", "surrogatepass"))
        digest.update(b"\n")
        if not table.keys() - {END}:
            raise DataError(f"{where} holds no word: expected lines of words; put some in")
        parts.append(_Part(str(where), list(table), np.frombuffer(numbers, np.intc)))
    return parts, digest.hexdigest()


def _corpus(name, parts, sha256, vocab_size, words=()):
    train = parts[0]
    counts = dict(zip(train.words, np.bincount(train.numbers).tolist(), strict=True))
    counts = {**dict.fromkeys(words, 0), **counts}
    vocabulary = TokenVocabulary.from_counts(counts, vocab_size)
    info = {
        "name": str(name),
        "sha256": sha256,
        "vocabulary": len(vocabulary),
        "distinct_words": len(train.words),
    }
    arrays, notes = [], []
    for split, part in zip(SPLITS, parts, strict=True):
        unseen = vocabulary.unseen(part.words)
        if unseen and vocabulary.unknown is None:
            raise DataError(_no_unknown(part, unseen, train))
        arrays.append(vocabulary.encode(part.words)[part.numbers])
        is_unseen = np.array([vocabulary.id_of(word) is None for word in part.words])
        tokens, unknown = len(part.numbers), int(is_unseen[part.numbers].sum())
        info |= {f"{split}_tokens": tokens, f"{split}_unknown": unknown}
        if unknown and part is train:
            notes.append(
                f"train: {unknown:,} of {tokens:,} tokens read as {UNKNOWN}, to keep "
                f"{len(vocabulary):,} of {len(counts):,} words"
            )
        elif unknown:
            notes.append(
                f"{split}: {unknown:,} of {tokens:,} tokens not in the vocabulary, read as "
                f"{UNKNOWN}: {a_few(unseen)}"
            )
    return Corpus(vocabulary, *arrays, info, tuple(notes))


def _no_unknown(part, unseen, train):
    distinct = len(train.words)
    if distinct > _SMALLEST:
        advice = f"give --vocab-size below {distinct}, which reads the rarest words as {UNKNOWN}"
    else:
        advice = "give more text to train on"
    return (
        f"{part.where}: {len(unseen):,} of its words are not among the {distinct:,} of {train.where}, "
        f"which has no {UNKNOWN} for them: {a_few(unseen)}; {advice}"
    )


# Penn Treebank


def _ptb_folder():
    tried = []
    target = data_folder() / "ptb" / "ptb.train.txt"
    for place in own_places(target, tried):
        if os.path.isfile(place):
            return place.parent
        tried.append(f"{place} (no such file)")
    raise DataError(
        "The Penn Treebank (ptb) is not on this machine; it has no open licence, and is not "
        f"downloaded. Tried: {'; '.join(tried)}. The lecture had it from {PTB_URL}: put ptb.train.txt, "
        f"ptb.valid.txt and ptb.test.txt, of its folder data, into {target.parent}, or give the "
        "archive as it is with `--data simple-examples.tgz`, or use `--preset smoke`, which needs no "
        "data."
    )


def _check_ptb(folder, parts):
    rows = [
        (f"tokens in {os.path.basename(part.where)}", len(part.numbers), expected)
        for part, expected in zip(parts, PTB_TOKENS, strict=True)
    ]
    rows.append(("distinct words in ptb.train.txt", len(parts[0].words), PTB_WORDS))
    wrong = [
        f"{found:,} {what}, {abs(found - expected):,} {'more' if found > expected else 'fewer'} than "
        f"{expected:,}"
        for what, found, expected in rows
        if found != expected
    ]
    if wrong:
        raise DataError(
            f"{folder} is not the Penn Treebank as published, with one {END} a line: "
            f"{'; '.join(wrong)}. Replace the files by those of {PTB_URL}, or use `--data {folder}` to "
            "take them as they are."
        )
