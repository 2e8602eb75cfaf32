"""Texts for a word-level language model, in three parts: Penn Treebank, and the user's own files."""

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
        notes: Lines that the user should be told, a tuple: which words are `<unk>`, and how one text
            was cut into three; empty if there is nothing of that.
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

        The words of the training part are the vocabulary, and of the other parts those that are not
        among them become `<unk>`, as of `load_corpus`. A line that does not end in `<eos>` is given
        one; a line without words is passed over.

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
                part has words that the training part has not, and that has but one.

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
    """A corpus by the name of a known set, or from the user's own files.

    Files are UTF-8, or what a byte-order mark or `encoding` says, with any line ends, and are composed
    to Unicode's NFC. Words are what stands between white space, as they are; each line that has any
    ends in `<eos>`, which is added where it is not there. The words of the training part are the
    vocabulary; words of the other parts that are not among them become `<unk>`, and `notes` says
    how many. Where the training part has no `<unk>` for them, the rarest of its words become `<unk>`:
    those that stand there once, and if these are fewer than a thousandth of it, those that stand there
    twice, and so on.

    Args:
        source: `"ptb"`, the Penn Treebank as Mikolov prepared it, which is looked for in
            `$RNN_KIT_DATA/ptb` and `ptb` of the data folder, has no open licence and is never
            downloaded, and whose published counts are checked; or a path to

            - a folder that holds `ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt`; or
              `wiki.train.tokens` (or `.raw`) and so on; or `train.txt`, `valid.txt`
              (`validation.txt`, `val.txt`, `dev.txt`) and `test.txt`, each perhaps packed (`.gz`,
              `.bz2`, `.xz`). If it holds none of the sets whole, its folder `data` is looked into.
            - a `.tgz`, `.tar.gz`, `.tar.xz`, `.tar.bz2`, `.tar` or `.zip` archive of such files in
              any folder, those of folders called `data` first. It is read in memory, and nothing is
              written.
            - one text, such as text8: a file, or a folder or an archive that holds nothing else. It
              is cut into three, nine tenths to train on, and half of the rest for each of the
              others; `notes` says where.

        vocab_size: Number of words to keep, `<eos>` and `<unk>` among them, where there are more:
            rarer words become `<unk>`. `None` keeps all.
        encoding: Of the user's own files: a name of `rnn_kit.text.check_encoding`.

    Returns:
        A `Corpus`.

    Raises:
        DataError: If the source is unknown, cannot be had or read, is not what it should be, lacks
            a part or holds an empty one, if `vocab_size` is below 3, or if the validation or test
            part has words that the training part has not, and that has but one.

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
    """The three texts that are at a path, or one."""
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
