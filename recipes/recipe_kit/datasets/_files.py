"""Finds, checks and downloads data files in one way for every data set."""

import functools
import hashlib
import http.client
import os
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from recipe_kit.progress import progress_bar
from rnn_kit import checks
from rnn_kit.files import atomic_write

# The checkout of the project.
_HOME = Path(__file__).resolve().parents[3]
_BLOCK = 1 << 16
_NO_DOWNLOAD = "use `--data stdlib`, which needs no download"


class DataError(Exception):
    """Data that are unavailable as asked; the message is one paragraph that says what to do."""


def find_or_fetch(
    name,
    filename,
    sha256,
    url,
    folder,
    advice=_NO_DOWNLOAD,
    *,
    keras_filename=None,
    timeout=30.0,
):
    """Returns the path of a data file identified by its SHA-256, downloading it if necessary.

    Searches, in this order:

    1. `$RNN_KIT_DATA/<folder>/<filename>`
    2. `<data folder>/<folder>/<filename>`, see `data_folder`
    3. Keras's cache, `~/.keras/datasets/<keras_filename>` (`$KERAS_HOME` in place of `~/.keras`)
    4. `url`, downloaded to the second place

    An unexpected file in the first or second place is an error, and is never replaced; in Keras's
    cache, whose file names are not reserved, it is skipped. A download is checked as it arrives and
    renamed when complete: a failed or interrupted one leaves nothing behind.

    Args:
        name: The data's name, for messages.
        filename: Name of the file.
        sha256: Hexadecimal SHA-256 of its bytes.
        url: The download's address.
        folder: Name of the data set's own folder.
        advice: A clause on what to do without the file, for messages.
        keras_filename: Its name in Keras's cache, by default `filename`.
        timeout: Seconds to wait for the server.

    Returns:
        A `pathlib.Path`.

    Raises:
        DataError: If the file is missing and cannot be downloaded, or is not the expected one.
    """
    target = data_folder() / folder / filename
    tried = []
    if place := first_there(target, tried):
        _check(place, name, sha256, url)
        return place

    cached = _keras_cache() / (keras_filename or filename)
    if not os.path.isfile(cached):
        tried.append(not_there(cached))
    elif _is_the_file(cached, sha256):
        return cached
    else:
        tried.append(f"{cached} (another file of that name)")

    try:
        _download(url, target, sha256, timeout)
    except (OSError, http.client.HTTPException, _BadDownload) as error:
        tried.append(f"a download from {url} ({_reason(error, timeout)})")
        raise DataError(
            f"{name} is not on this machine and could not be downloaded. Tried: "
            f"{'; '.join(tried)}. Get {url} by other means and put it at {target} (SHA-256 "
            f"{sha256}), or {advice}."
        ) from error
    return target


def data_folder():
    """Returns the folder for downloads: `data/` of the checkout, or a cache folder without one.

    A checkout has a `pyproject.toml` and must be writable. The cache
    folder is `rnn_kit` in `$XDG_CACHE_HOME` or `~/.cache`, and in `%LOCALAPPDATA%` on Windows.

    Returns:
        A `pathlib.Path`, which need not exist yet.
    """
    if (_HOME / "pyproject.toml").is_file() and os.access(_HOME, os.W_OK):
        return _HOME / "data"
    variable = "LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME"
    cache = os.environ.get(variable)
    return (Path(cache) if cache else _home() / ".cache") / "rnn_kit"


at_least = functools.partial(checks.at_least, error=DataError)


def check_limit(limit):
    """Returns a limit of at least 1 character, or `None`. Raises `DataError` for anything else."""
    return None if limit is None else at_least("limit", limit, 1)


# Finding


def own_places(target, tried):
    """Yields the places of a file before any cache: under `$RNN_KIT_DATA`, and `target` itself.

    Args:
        target: Its path in the data folder, `<data folder>/<folder>/<filename>`.
        tried: A list that gets an entry if the variable is not set.
    """
    root = os.environ.get("RNN_KIT_DATA")
    if root:
        # Unchanged if it begins with ~ and no user has that name.
        yield Path(os.path.expanduser(root)) / target.parent.name / target.name
    else:
        tried.append("$RNN_KIT_DATA (not set)")
    yield target


def first_there(target, tried):
    """Returns the first file of `own_places(target, tried)` or `None`; adds misses to `tried`."""
    for place in own_places(target, tried):
        if os.path.isfile(place):
            return place
        tried.append(not_there(place))
    return None


def unlike_published(counts):
    """Returns how counts differ from the published ones, in words; empty if they agree.

    Args:
        counts: Triples of a noun, its count here, and its published count.
    """
    return "; ".join(
        f"{found:,} {what}, {abs(found - expected):,} {'more' if found > expected else 'fewer'} than "
        f"{expected:,}"
        for what, found, expected in counts
        if found != expected
    )


def unreadable(path, error):
    """Returns the error for an unreadable file or folder of the user's."""
    return DataError(
        f"{path} cannot be read ({error.strerror or error}): expected a file or folder that you may "
        "read; check its permissions"
    )


def not_there(place):
    """Returns a tried place, and what is there instead of the file, for messages."""
    return f"{place} ({'a folder, not a file' if os.path.isdir(place) else 'no such file'})"


def _home():
    """Returns the home directory, or the one for temporary files if there is none (in containers)."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir())


def _keras_cache():
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else _home() / ".keras") / "datasets"


def _check(path, name, sha256, url):
    try:
        found = file_sha256(path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}): {name} was expected there; check "
            "its permissions."
        ) from error
    if found != sha256:
        raise DataError(
            f"{path} is not {name} as published: expected SHA-256 {sha256}, found {found}. Delete "
            f"it, and a fresh copy comes from {url}; or give its path with --data to use it as it "
            "is."
        )


def _is_the_file(path, sha256):
    try:
        return file_sha256(path) == sha256
    except OSError:
        return False


def file_sha256(path):
    """Returns the SHA-256 of a file, in hexadecimal, reading in pieces as it may have gigabytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# Fetching


class _BadDownload(Exception):
    """A completed download that is not the expected file."""


def _download(url, target, sha256, timeout):
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(target) as tmp_path:  # leaves nothing behind, even after Ctrl-C
        try:
            with urllib.request.urlopen(url, timeout=timeout) as response, open(tmp_path, "wb") as file:
                label = f"Downloading {target.name}"
                if not sys.stderr.isatty():  # no bar is drawn
                    sys.stderr.write(f"{label} from {url} to {target.parent}\n")
                binary = {"unit_scale": True, "unit_divisor": 1024}
                with progress_bar(response.length, "B", label, **binary) as bar:
                    found = _receive(response, file, bar)
        except urllib.error.HTTPError as error:
            error.close()  # the error is also the response, and holds the connection
            raise
        if found != sha256:
            raise _BadDownload(f"expected SHA-256 {sha256}, received {found}")


def _receive(response, file, bar):
    """Writes the body of a response to a file. Returns its SHA-256."""
    expected, received = response.length, 0
    digest = hashlib.sha256()
    while block := response.read(_BLOCK):
        file.write(block)
        digest.update(block)
        received += len(block)
        bar.update(len(block))
    # http.client treats a closed connection as the end of the body.
    if expected is not None and received < expected:
        raise _BadDownload(f"broken off after {received:,} of {expected:,} bytes")
    return digest.hexdigest()


def _reason(error, timeout):
    cause = getattr(error, "reason", None)  # a URLError's underlying OSError
    if isinstance(error, TimeoutError) or isinstance(cause, TimeoutError):
        return f"no answer for {timeout:g} s"
    return str(error) or type(error).__name__
