"""Reads the texts of a corpus from an archive in memory, without writing any file."""

import io
import stat
import tarfile
import zipfile
from pathlib import PurePosixPath, PureWindowsPath

from recipe_kit.datasets._corpus_files import EXPECTED, chosen, short, words_of
from recipe_kit.datasets._files import DataError, unreadable
from rnn_kit.text.decoding import open_compressed

_ZIPS = (".zip",)
_TARS = (".tgz", ".tar.gz", ".tar", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tbz")
ARCHIVES = (*_TARS, *_ZIPS)
_LARGEST = 2 << 30  # bytes of a file in an archive


def is_archive(path):
    """Returns whether a file is an archive, by its name, or by its content for tar archives."""
    if path.name.lower().endswith(ARCHIVES):
        return True
    try:
        return tarfile.is_tarfile(path)
    except Exception:  # another file may raise anything
        return False


def texts_in_archive(path, encoding=None):
    """Returns the texts of an archive, in the form of `texts_in_folder`.

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
        except Exception as error:  # damaged bytes may raise anything
            reason = str(error).partition("\n")[0].rstrip(": ") or type(error).__name__
            raise DataError(
                f"{path} is cut short or damaged ({reason}): expected a whole, unencrypted archive of "
                f"{EXPECTED}; get it again, or unpack it and give the folder"
            ) from error
    return [_text(f"{short(name)} in {path}", data, encoding) for name, data in contents]


def _opened(path):
    try:
        return open(path, "rb")
    except OSError as error:
        raise unreadable(path, error) from error


def _text(where, data, encoding):
    def opened():
        return open_compressed(data[:10], io.BytesIO(data)) or io.BytesIO(data)

    return where, words_of(where, opened, encoding)


def _in_tar(path, file):
    members = []
    with tarfile.open(fileobj=file, mode="r:*") as archive:
        for member in archive:
            name = safe_member(path, member.name, member.size)
            if not member.isdir():
                members.append((name, member.isreg(), member))
        # The module takes a damaged or cut header for the archive's end, a block of zeros.
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("no end of the archive")
        while archive.fileobj.read(1 << 20):  # on to gzip's checksum
            pass
        wanted = _wanted(path, members)
        return [(member.name, archive.extractfile(member).read()) for member in wanted]


def _in_zip(path, file):
    members = []
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            name = safe_member(path, member.filename, member.file_size)
            kind = stat.S_IFMT(member.external_attr >> 16)  # Unix's; 0 if there is none
            if not member.is_dir():
                members.append((name, kind in (0, stat.S_IFREG), member))
        wanted = _wanted(path, members)
        return [(member.filename, archive.read(member)) for member in wanted]


def safe_member(path, name, size):
    """Returns the name of an archive's member with slashes. Raises `DataError` if it is unsafe."""
    slashed = name.replace("\\", "/")
    if slashed.startswith("/") or PureWindowsPath(name).drive or ".." in slashed.split("/"):
        raise DataError(
            f"{path} holds {short(name)}, which points out of the archive: expected relative paths "
            "without '..'; give an archive that you trust, or a folder"
        )
    if size > _LARGEST:
        raise DataError(
            f"{path} holds {short(name)} of {size:,} bytes: expected at most {_LARGEST:,}; unpack the "
            "archive and give the folder"
        )
    return slashed


def _wanted(path, members):
    members = [each for each in members if not _is_hidden(each[0])]
    files = [(name, member) for name, regular, member in members if regular]
    groups = [m for m in files if PurePosixPath(m[0]).parent.name == "data"], files
    found = [name if regular else f"{name} (a link)" for name, regular, _ in members]
    return chosen(path, groups, found)


def _is_hidden(name):
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)
