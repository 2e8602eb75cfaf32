"""Finding and reading the three files of a corpus, in a folder or in an archive."""

import io
import itertools
import os
import stat
import tarfile
import unicodedata
import zipfile
from pathlib import PurePosixPath, PureWindowsPath

from rnn_kit.datasets._files import DataError

SPLITS = ("train", "validation", "test")
_FAMILIES = (  # file names of each split, the families in the order in which they are preferred
    (("ptb.train.txt",), ("ptb.valid.txt",), ("ptb.test.txt",)),
    (("wiki.train.tokens",), ("wiki.valid.tokens",), ("wiki.test.tokens",)),
    (("train.txt",), ("valid.txt", "validation.txt", "dev.txt"), ("test.txt",)),
)
EXPECTED = (
    "ptb.train.txt, ptb.valid.txt and ptb.test.txt, or wiki.train.tokens, wiki.valid.tokens and "
    "wiki.test.tokens, or train.txt, valid.txt (or validation.txt, dev.txt) and test.txt, in it or in "
    "a folder data of it"
)
_ZIPS = (".zip",)
ARCHIVES = (".tgz", ".tar.gz", ".tar", *_ZIPS)
_LARGEST = 2 << 30  # bytes of a file in an archive, which is read in memory


def lines_in_folder(folder):
    """Of each split a name for messages, and the words of each line of its file, read when iterated.

    Raises:
        DataError: If the folder lacks a split, has two files for one, or cannot be read.
    """
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
    most, missing = 0, SPLITS
    for group, family in itertools.product(groups, _FAMILIES):
        matches = [[m for m in group if PurePosixPath(m[0]).name in names] for names in family]
        if all(matches):
            for split, each in zip(SPLITS, matches, strict=True):
                if len(each) > 1:
                    raise DataError(
                        f"{source} holds {len(each)} files for {split}: "
                        f"{a_few([name for name, _ in each])}; expected one: take the others away"
                    )
            return [each[0][1] for each in matches]
        present = sum(map(bool, matches))
        if present > most:
            most = present
            missing = [
                f"{split} ({' or '.join(names)})"
                for split, names, each in zip(SPLITS, family, matches, strict=True)
                if not each
            ]
    raise DataError(
        f"{source} has no file for {', '.join(missing)}: expected {EXPECTED}; it holds "
        f"{a_few(found) or 'nothing'}"
    )


# Archives


def lines_in_archive(path):
    """The same of a `.tar`, `.tgz` or `.zip` archive, in memory: nothing is written.

    Raises:
        DataError: If the archive lacks a split, has two files for one, is cut short or damaged, or
            holds a path out of its own folder, or a file of more than 2 GiB.
    """
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
                f"{EXPECTED}; get it again, or unpack it and give the folder"
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


def a_few(names, most=8):
    shown = ", ".join(_short(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
