"""Texts for a word-level language model in three parts: Penn Treebank, and the user's own files."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipe_kit.datasets._corpus_archives import ARCHIVES, is_archive, texts_in_archive
from recipe_kit.datasets._corpus_files import (
    EXPECTED,
    SPLITS,
    a_few,
    is_one_of_three,
    text_of_file,
    texts_in_folder,
)
from recipe_kit.datasets._corpus_parts import cut_in_three, numbered, with_unknown
from recipe_kit.datasets._files import DataError, at_least, data_folder, first_there, unlike_published
from rnn_kit.text import EOS, UNK, TokenVocabulary

PTB_URL = "http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz"
PTB_TOKENS = (929_589, 73_760, 82_430)  # with one <eos> a line
PTB_WORDS = 10_000  # including <unk> and <eos>

_SMALLEST = 3  # words that a cut vocabulary keeps: <eos>, <unk> and one more


@dataclass(frozen=True, eq=False)  # `==` of two arrays is an array, not an answer
class Corpus:
    """The ids of three texts, and their vocabulary.

    Attributes:
        vocabulary: The `TokenVocabulary` of the training part, most frequent first.
        train, validation, test: int32 arrays `(N,)`; each line of the text ends in `<eos>`.
        info: The record for a result: `name`, `sha256`, `vocabulary` (V, the number of ids),
            `distinct_words` (of the training part, including `<eos>`, before any cut), and for
            each part `train_tokens`, ... and `train_unknown`, ...: its number of tokens, and of
            tokens that are `<unk>` because their word is not in the vocabulary. The hash does not
            depend on the vocabulary or on the files' white space: it is the SHA-256, in
            hexadecimal, of the UTF-8 bytes of all tokens, each followed by a newline, with an empty
            line after each of the three parts.
        notes: A tuple of lines for the user: which words are `<unk>`, and how one text was split in
            three; empty if neither applies.
    """

    vocabulary: TokenVocabulary
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    info: dict
    notes: tuple

    @classmethod
    def from_lines(cls, name, train, validation, test, vocab_size=None, words=()):
        """Makes a corpus of lines that are already split into words.

        The words of the training part are the vocabulary; other words of the other parts become
        `<unk>`, as in `load_corpus`. Adds a missing `<eos>` to a line; skips a line without words.

        Args:
            name: What `info` and errors call the corpus.
            train, validation, test: Iterables of lines, each a list of words; read once.
            vocab_size: The most words to keep, including `<eos>` and `<unk>`: see
                `TokenVocabulary.from_counts`. `None` keeps all.
            words: Words to add to the training part's vocabulary, with a count of 0.

        Returns:
            A `Corpus`.

        Raises:
            DataError: If a part holds no word, `vocab_size` is below 3, or the validation or test
                part has words that the training part lacks, which has only one word.

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
        named = [(f"{name}: {split} part", lines) for split, lines in texts]
        parts, sha256 = numbered((where, _with_ends(where, lines)) for where, lines in named)
        return _corpus(name, parts, sha256, vocab_size, words)


def _with_ends(where, lines):
    for words in lines:
        if isinstance(words, str):
            raise DataError(f"{where}: a line is a list of words; received one text: cut it up")
        yield [*words, EOS] if words and words[-1] != EOS else words


def load_corpus(source, vocab_size=None, encoding=None):
    """Loads a corpus by the name of a known set, or from the user's own files.

    Files are UTF-8, or what a byte-order mark or `encoding` says, with any line ends, and are
    normalised to Unicode's NFC. Words are separated by white space and otherwise unchanged; each line
    that has any ends in `<eos>`, added if missing. The words of the training part are the vocabulary;
    other words of the other parts become `<unk>`, and `notes` says how many. If the training part has
    no `<unk>` for them, its rarest words become `<unk>`: those that occur once, and if these are fewer
    than a thousandth of it, those that occur twice, and so on.

    Args:
        source: `"ptb"`, the Penn Treebank as Mikolov prepared it, read from `$RNN_KIT_DATA/ptb` or
            `ptb` of the data folder, never downloaded as it has no open licence, and checked against
            the published counts; or a path to

            - a folder that holds `ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt`; or
              `wiki.train.tokens` (or `.raw`) and so on; or `train.txt`, `valid.txt`
              (`validation.txt`, `val.txt`, `dev.txt`) and `test.txt`, each possibly compressed
              (`.gz`, `.bz2`, `.xz`). If it has no complete set, its folder `data` is searched.
            - a `.tgz`, `.tar.gz`, `.tar.xz`, `.tar.bz2`, `.tar` or `.zip` archive of such files in
              any folder, preferably one called `data`. It is read in memory; nothing is written.
            - one text, such as text8: a file, or a folder or archive with nothing else. It is split in
              three, nine tenths for training, and half of the rest for each of the others; `notes`
              says where.

        vocab_size: The most words to keep, including `<eos>` and `<unk>`: rarer words become `<unk>`.
            `None` keeps all.
        encoding: Encoding of the user's own files, as in `rnn_kit.text.check_encoding`.

    Returns:
        A `Corpus`.

    Raises:
        DataError: If the source is unknown, unavailable, unreadable or malformed, lacks a part or holds
            an empty one, if `vocab_size` is below 3, or if the validation or test part has words that
            the training part lacks, which has only one word.

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
    path, notes = Path(source), []
    if source == "ptb":
        folder = _ptb_folder()
        parts, sha256 = numbered(texts_in_folder(folder))
        _check_ptb(folder, parts)
        return _corpus(source, parts, sha256, vocab_size)
    if not (isinstance(source, os.PathLike) or os.path.lexists(source)):
        raise DataError(
            f"There is no data set and no file or folder called {str(source)!r}. The known set is "
            f"ptb; a path works too: to a folder of {EXPECTED}; to an archive of such files "
            f"({', '.join(ARCHIVES)}); or to one text, which is cut into three."
        )
    texts = _texts(path, encoding)
    if len(texts) == 1:
        parts, sha256, note = cut_in_three(*texts[0])
        notes.append(note)
    else:
        parts, sha256 = numbered(texts)
    return _corpus(str(source), parts, sha256, vocab_size, notes=notes)


def _texts(path, encoding):
    """Returns the three texts at a path, or the one."""
    if os.path.isdir(path):
        return texts_in_folder(path, encoding)
    if not os.path.lexists(path):
        raise DataError(f"{path} is missing: expected a folder of {EXPECTED}; check the path")
    if not os.path.isfile(path):
        raise DataError(
            f"{path} is neither a regular file nor a folder: expected a text, or a folder or an "
            f"archive ({', '.join(ARCHIVES)}) of {EXPECTED}"
        )
    if is_archive(path):
        return texts_in_archive(path, encoding)
    if is_one_of_three(path):
        raise DataError(
            f"{path} is one of the three parts of the corpus in its folder: give the folder, "
            f"{path.parent}, or a copy of the file elsewhere, which is cut into three"
        )
    return [text_of_file(path, encoding)]


def _checked(vocab_size):
    return None if vocab_size is None else at_least("vocab_size", vocab_size, _SMALLEST)


# Words to ids


def _corpus(name, parts, sha256, vocab_size, words=(), notes=()):
    train = parts[0]
    counts = dict(zip(train.words, np.bincount(train.numbers).tolist(), strict=True))
    counts = {**dict.fromkeys(words, 0), **counts}
    reason = None
    vocabulary = TokenVocabulary.from_counts(counts, vocab_size)
    unseen = [word for part in parts[1:] for word in vocabulary.unseen(part.words)]
    if unseen and vocabulary.unknown is None:
        counts_with_unknown, reason = with_unknown(counts, train.where, unseen)
        vocabulary = TokenVocabulary.from_counts(counts_with_unknown, vocab_size)
    info = {
        "name": str(name),
        "sha256": sha256,
        "vocabulary": len(vocabulary),
        "distinct_words": len(train.words),
    }
    arrays, notes = [], list(notes)
    for split, part in zip(SPLITS, parts, strict=True):
        unseen = vocabulary.unseen(part.words)
        arrays.append(vocabulary.encode(part.words)[part.numbers])
        is_unseen = np.array([vocabulary.id_of(word) is None for word in part.words])
        tokens, unknown = len(part.numbers), int(is_unseen[part.numbers].sum())
        info |= {f"{split}_tokens": tokens, f"{split}_unknown": unknown}
        if unknown and part is train:
            why = reason or f"to keep {len(vocabulary):,} of {len(counts):,} words"
            notes.append(f"train: {unknown:,} of {tokens:,} tokens read as {UNK}, {why}")
        elif unknown:
            notes.append(
                f"{split}: {unknown:,} of {tokens:,} tokens not in the vocabulary, read as "
                f"{UNK}: {a_few(unseen)}"
            )
    return Corpus(vocabulary, *arrays, info, tuple(notes))


# Penn Treebank


def _ptb_folder():
    tried = []
    target = data_folder() / "ptb" / "ptb.train.txt"
    if place := first_there(target, tried):
        return place.parent
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
    if wrong := unlike_published(rows):
        raise DataError(
            f"{folder} is not the Penn Treebank as published, with one {EOS} a line: "
            f"{wrong}. Replace the files by those of {PTB_URL}, or use `--data {folder}` to "
            "take them as they are."
        )
