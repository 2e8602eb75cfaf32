"""Texts for a word-level language model, in three parts: Penn Treebank, and the user's own files."""

import hashlib
import io
import itertools
import operator
import os
import stat
import tarfile
import unicodedata
import zipfile
from array import array
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

import numpy as np

from rnn_kit.datasets._files import DataError, data_folder, own_places
from rnn_kit.text import TokenVocabulary
from rnn_kit.text.tokens import END, UNKNOWN

PTB_URL = "http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz"
PTB_TOKENS = (929_589, 73_760, 82_430)  # with one <eos> a line
PTB_WORDS = 10_000  # <unk> and <eos> among them

_SPLITS = ("train", "validation", "test")
_FAMILIES = (  # file names of each split, the families in the order in which they are preferred
    (("ptb.train.txt",), ("ptb.valid.txt",), ("ptb.test.txt",)),
    (("wiki.train.tokens",), ("wiki.valid.tokens",), ("wiki.test.tokens",)),
    (("train.txt",), ("valid.txt", "validation.txt", "dev.txt"), ("test.txt",)),
)
_EXPECTED = (
    "ptb.train.txt, ptb.valid.txt and ptb.test.txt, or wiki.train.tokens, wiki.valid.tokens and "
    "wiki.test.tokens, or train.txt, valid.txt (or validation.txt, dev.txt) and test.txt, in it or in "
    "a folder data of it"
)
_TARS, _ZIPS = (".tgz", ".tar.gz", ".tar"), (".zip",)
_LARGEST = 2 << 30  # bytes of a file in an archive, which is read in memory
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
    def from_lines(cls, name, train, validation, test, vocab_size=None):
        """A corpus of lines that are cut into words already.

        The words of the training part are the vocabulary. A line that does not end in `<eos>` is
        given one; a line without words is passed over.

        Args:
            name: What `info` and errors call the corpus.
            train, validation, test: Iterables of lines, each a list of words; read once.
            vocab_size: Number of words to keep, `<eos>` and `<unk>` among them, where there are
                more: see `TokenVocabulary.from_counts`. `None` keeps all.

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
        texts = zip(_SPLITS, (train, validation, test), strict=True)
        return _corpus(name, *_numbered((f"{name}: {s} part", t) for s, t in texts), vocab_size)


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
        parts, sha256 = _numbered(_in_folder(folder))
        _check_ptb(folder, parts)
    elif not (isinstance(source, os.PathLike) or os.path.lexists(source)):
        raise DataError(
            f"There is no data set and no file or folder called {str(source)!r}. The known set is "
            f"ptb; a path works too: to a folder of {_EXPECTED}, or to an archive of such files "
            f"({', '.join(_TARS + _ZIPS)})."
        )
    elif os.path.isdir(path):
        parts, sha256 = _numbered(_in_folder(path))
    elif not os.path.lexists(path):
        raise DataError(f"{path} is missing: expected a folder of {_EXPECTED}; check the path")
    elif os.path.isfile(path) and path.name.lower().endswith(_TARS + _ZIPS):
        parts, sha256 = _numbered(_in_archive(path))
    else:
        raise DataError(
            f"{path} is one file, not the three parts of a corpus: expected a folder, or an archive "
            f"({', '.join(_TARS + _ZIPS)}), of {_EXPECTED}"
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


def _corpus(name, parts, sha256, vocab_size):
    train = parts[0]
    counts = dict(zip(train.words, np.bincount(train.numbers).tolist(), strict=True))
    vocabulary = TokenVocabulary.from_counts(counts, vocab_size)
    info = {
        "name": str(name),
        "sha256": sha256,
        "vocabulary": len(vocabulary),
        "distinct_words": len(counts),
    }
    arrays, notes = [], []
    for split, part in zip(_SPLITS, parts, strict=True):
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
                f"{UNKNOWN}: {_a_few(unseen)}"
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
        f"which has no {UNKNOWN} for them: {_a_few(unseen)}; {advice}"
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


# Finding the three files


def _in_folder(folder):
    groups, found = [], []
    for below in (folder, folder / "data"):
        entries = _entries(below) if os.path.isdir(below) else []
        found += [e.relative_to(folder).as_posix() + "/" * e.is_dir() for e in entries]
        groups.append([(e.relative_to(folder).as_posix(), e) for e in entries if e.is_file()])
    return [(path, _lines_of(path)) for path in _chosen(folder, groups, found)]


def _entries(folder):
    try:
        return sorted(e for e in folder.iterdir() if not e.name.startswith("."))
    except OSError as error:
        raise _unreadable(folder, error) from error


def _chosen(source, groups, found):
    """What stands for each split.

    Args:
        source: For messages.
        groups: Lists of pairs of a name and what it stands for, the preferred list first.
        found: Names of all that is there, for messages.
    """
    most, missing = 0, _SPLITS
    for group, family in itertools.product(groups, _FAMILIES):
        matches = [[m for m in group if PurePosixPath(m[0]).name in names] for names in family]
        if all(matches):
            for split, each in zip(_SPLITS, matches, strict=True):
                if len(each) > 1:
                    raise DataError(
                        f"{source} holds {len(each)} files for {split}: "
                        f"{_a_few([name for name, _ in each])}; expected one: take the others away"
                    )
            return [each[0][1] for each in matches]
        present = sum(map(bool, matches))
        if present > most:
            most = present
            missing = [
                f"{split} ({' or '.join(names)})"
                for split, names, each in zip(_SPLITS, family, matches, strict=True)
                if not each
            ]
    raise DataError(
        f"{source} has no file for {', '.join(missing)}: expected {_EXPECTED}; it holds "
        f"{_a_few(found) or 'nothing'}"
    )


# Archives


def _in_archive(path):
    with _opened(path) as file:
        try:
            read = _in_zip if path.name.lower().endswith(_ZIPS) else _in_tar
            contents = read(path, file)
        except DataError:
            raise
        except Exception as error:  # whatever the reading of damaged bytes ends in
            reason = str(error).partition("\n")[0].rstrip(": ") or type(error).__name__
            raise DataError(
                f"{path} is cut short or damaged ({reason}): expected a whole, unencrypted archive of "
                f"{_EXPECTED}; get it again, or unpack it and give the folder"
            ) from error
    texts = [(f"{_short(name)} in {path}", io.BytesIO(data)) for name, data in contents]
    return [(where, _lines(where, text)) for where, text in texts]


def _in_tar(path, file):
    members = []
    with tarfile.open(fileobj=file, mode="r:*") as archive:
        for member in archive:
            name = _safe(path, member.name, member.size)
            if not member.isdir():
                members.append((name, member.isreg(), member))
        # The module takes a header that is damaged or cut off for the archive's end, which is zeros.
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("no end of the archive")
        while archive.fileobj.read(1 << 20):  # on to gzip's checksum
            pass
        chosen = _chosen_members(path, members)
        return [(member.name, archive.extractfile(member).read()) for member in chosen]


def _in_zip(path, file):
    members = []
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            name = _safe(path, member.filename, member.file_size)
            kind = stat.S_IFMT(member.external_attr >> 16)  # of Unix; 0 where there is none
            if not member.is_dir():
                members.append((name, kind in (0, stat.S_IFREG), member))
        chosen = _chosen_members(path, members)
        return [(member.filename, archive.read(member)) for member in chosen]


def _safe(path, name, size):
    """The name of an archive's member with slashes, if it can be trusted."""
    slashed = name.replace("\\", "/")
    if slashed.startswith("/") or PureWindowsPath(name).drive or ".." in slashed.split("/"):
        raise DataError(
            f"{path} holds {_short(name)}, which points out of the archive: expected relative paths "
            "without '..'; give an archive that you trust, or a folder"
        )
    if size > _LARGEST:
        raise DataError(
            f"{path} holds {_short(name)} of {size:,} bytes: expected at most {_LARGEST:,}; unpack the "
            "archive and give the folder"
        )
    return slashed


def _chosen_members(path, members):
    files = [(name, member) for name, regular, member in members if regular]
    groups = [m for m in files if PurePosixPath(m[0]).parent.name == "data"], files
    found = [name if regular else f"{name} (a link)" for name, regular, _ in members]
    return _chosen(path, groups, found)


# Reading


def _lines_of(path):
    with _opened(path) as file:
        try:
            yield from _lines(path, file)
        except OSError as error:
            raise _unreadable(path, error) from error


def _lines(where, file):
    """Yields the words of each line of a binary file."""
    offset = 0
    for number, data in enumerate(file, 1):
        place = data.find(b"\0")  # UTF-8 in theory; in practice UTF-16, or no text at all
        if place < 0:
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError as error:
                place = error.start
        if place >= 0:
            raise DataError(
                f"{where} is not UTF-8 text: the byte 0x{data[place]:02x} at byte offset "
                f"{offset + place} (line {number + data.count(13, 0, place)}), where UTF-8 was "
                "expected; save it as UTF-8"
            )
        if not offset:
            text = text.removeprefix("\ufeff")
        if not text.isascii():
            text = unicodedata.normalize("NFC", text)
        offset += len(data)
        for line in text.split("\r"):
            yield line.split()


def _opened(path):
    try:
        return open(path, "rb")
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path, error):
    return DataError(
        f"{path} cannot be read ({error.strerror or error}): expected a file or folder that you may "
        "read; check its permissions"
    )


def _short(name, most=60):
    return repr(name if len(name) <= most else name[: most - 3] + "...")


def _a_few(names, most=8):
    shown = ", ".join(_short(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
