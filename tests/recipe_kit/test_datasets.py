"""Finding, checking and fetching data sets, and the texts that they hold."""

import doctest
import hashlib
import io
import os
import sys
import sysconfig
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from download_server import BODY

import recipe_kit.datasets
from recipe_kit.datasets import DataError, _files, load_text, nietzsche, shakespeare, stdlib
from rnn_kit.text import TextError

# Read before any test isolates the environment.
REAL_DATA = os.environ.get("RNN_KIT_DATA") and Path(os.environ["RNN_KIT_DATA"]).resolve()

SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    """A checkout, a home and caches of the test's own, and no network but this machine."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    monkeypatch.setattr(_files, "_HOME", folder)
    for name in ("RNN_KIT_DATA", "KERAS_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    urlopen = urllib.request.urlopen

    def local_only(url, *args, **kwargs):
        assert urllib.parse.urlsplit(url).hostname == "127.0.0.1", f"a test asked for {url}"
        return urlopen(url, *args, **kwargs)

    monkeypatch.setattr(urllib.request, "urlopen", local_only)
    return folder


@pytest.fixture
def fetch(server):
    """Asks for the file `set/file.bin` and its content BODY, by default from a working server."""

    def call(page="/file", sha256=SHA256, **kwargs):
        return _files.find_or_fetch(
            "The test file", "file.bin", sha256, server.url + page, "set", **kwargs
        )

    return call


def put(path, data=BODY):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def files_below(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def data_error(function, *args, **kwargs):
    with pytest.raises(DataError) as caught:
        function(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


# Finding


def test_a_data_folder_of_a_user_that_is_not_there_is_one_without_the_file(fetch, monkeypatch):
    monkeypatch.setenv("RNN_KIT_DATA", "~nobody-has-this-name/data")
    with pytest.raises(DataError, match=r"~nobody-has-this-name/data/set/file\.bin \(no such file\)"):
        fetch("/missing")
    assert fetch().read_bytes() == BODY


def test_a_user_without_a_home_has_the_folder_for_temporary_files(monkeypatch, tmp_path):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr(_files, "_HOME", tmp_path / "site-packages")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert _files.data_folder() == Path(tempfile.gettempdir(), ".cache/rnn_kit")
    assert _files._keras_cache() == Path(tempfile.gettempdir(), ".keras/datasets")


def test_the_users_data_folder_comes_first(checkout, tmp_path, monkeypatch, fetch, server):
    monkeypatch.setenv("RNN_KIT_DATA", str(tmp_path / "mine"))
    mine = put(tmp_path / "mine" / "set" / "file.bin")
    put(checkout / "data" / "set" / "file.bin")
    assert fetch() == mine
    assert server.requests == []


def test_the_checkouts_data_folder_comes_before_kerass_cache(checkout, tmp_path, fetch, server):
    put(tmp_path / "home" / ".keras" / "datasets" / "file.bin")
    here = put(checkout / "data" / "set" / "file.bin")
    assert fetch() == here
    assert server.requests == []


def test_kerass_cache_comes_before_a_download(tmp_path, fetch, server):
    cached = put(tmp_path / "home" / ".keras" / "datasets" / "file.bin")
    assert fetch() == cached
    assert server.requests == []


def test_kerass_cache_may_be_elsewhere_and_under_another_name(tmp_path, monkeypatch, fetch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    cached = put(tmp_path / "keras" / "datasets" / "other.bin")
    assert fetch(keras_filename="other.bin") == cached


def test_another_file_in_kerass_cache_is_passed_over(checkout, tmp_path, fetch):
    cached = put(tmp_path / "home" / ".keras" / "datasets" / "file.bin", b"something else")
    assert fetch() == checkout / "data" / "set" / "file.bin"
    assert cached.read_bytes() == b"something else"


@pytest.mark.parametrize("place", ["mine", "checkout/data"])
def test_another_file_in_a_data_folder_is_an_error_and_stays(
    place, tmp_path, monkeypatch, fetch, server
):
    monkeypatch.setenv("RNN_KIT_DATA", str(tmp_path / "mine"))
    file = put(tmp_path / place / "set" / "file.bin", b"something else")
    message = data_error(fetch)
    assert str(file) in message
    assert SHA256 in message
    assert hashlib.sha256(b"something else").hexdigest() in message
    assert file.read_bytes() == b"something else"
    assert server.requests == []


def test_a_data_file_that_may_not_be_read_is_named(checkout, monkeypatch, fetch):
    file = put(checkout / "data" / "set" / "file.bin")

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(_files, "file_sha256", refuse)
    message = data_error(fetch)
    assert str(file) in message
    assert "Permission denied" in message


def test_the_data_folder_is_the_checkouts_if_that_can_be_written_to(checkout, monkeypatch):
    assert _files.data_folder() == checkout / "data"
    monkeypatch.setattr(os, "access", lambda path, mode: path != checkout)
    assert _files.data_folder() != checkout / "data"


@pytest.mark.skipif(os.name == "nt", reason="the cache folder of Windows is another")
def test_without_a_checkout_the_data_folder_is_a_cache(checkout, tmp_path, monkeypatch):
    (checkout / "pyproject.toml").unlink()
    assert _files.data_folder() == tmp_path / "home" / ".cache" / "rnn_kit"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert _files.data_folder() == tmp_path / "xdg" / "rnn_kit"


# Fetching


@pytest.mark.parametrize("page", ["/file", "/unsized"])
def test_a_download_lands_in_the_data_folder_and_is_found_there(page, checkout, fetch, server):
    path = fetch(page)
    assert path == checkout / "data" / "set" / "file.bin"
    assert path.read_bytes() == BODY
    assert files_below(checkout) == ["data/set/file.bin", "pyproject.toml"]
    assert fetch(page) == path
    assert server.requests == [page]


@pytest.mark.parametrize(
    "page, reason",
    [
        ("/missing", "404"),
        ("/broken", "broken off after 128,000 of 256,000 bytes"),
        ("/stalled", "no answer for 0.5 s"),
        ("/silent", "no answer for 0.5 s"),
    ],
)
def test_a_failed_download_leaves_nothing_and_says_what_to_do(
    page, reason, checkout, tmp_path, fetch, server
):
    # A short patience only where it is to run out, so that a busy machine changes nothing.
    timeout = 0.5 if reason.startswith("no answer") else 30
    message = data_error(fetch, page, timeout=timeout)
    assert files_below(checkout) == ["pyproject.toml"]
    assert reason in message
    target = checkout / "data" / "set" / "file.bin"
    assert "$RNN_KIT_DATA (not set)" in message
    assert f"{target} (no such file)" in message
    assert f"{tmp_path / 'home' / '.keras' / 'datasets' / 'file.bin'} (no such file)" in message
    assert f"Get {server.url}{page} by other means and put it at {target}" in message
    assert "--data stdlib" in message


def test_a_download_with_another_checksum_leaves_nothing(checkout, fetch):
    message = data_error(fetch, sha256="0" * 64)
    assert files_below(checkout) == ["pyproject.toml"]
    assert f"expected SHA-256 {'0' * 64}, received {SHA256}" in message


def test_without_a_network_the_error_names_every_place(checkout, tmp_path, monkeypatch, fetch):
    monkeypatch.setenv("RNN_KIT_DATA", str(tmp_path / "mine"))

    def unreachable(*args, **kwargs):
        raise urllib.error.URLError(OSError(101, "Network is unreachable"))

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    message = data_error(fetch, advice="write it yourself")
    assert f"{tmp_path / 'mine' / 'set' / 'file.bin'} (no such file)" in message
    assert "Network is unreachable" in message
    assert message.endswith("or write it yourself.")


def test_an_interrupted_download_leaves_nothing(checkout, monkeypatch, fetch):
    def interrupted(response, file, bar):
        file.write(BODY[:1000])
        assert len(files_below(checkout / "data")) == 1  # there was something to remove
        raise KeyboardInterrupt

    monkeypatch.setattr(_files, "_receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch()
    assert files_below(checkout) == ["pyproject.toml"]


def test_a_data_folder_that_cannot_be_made_is_an_error(checkout, fetch):
    put(checkout / "data", b"a file in the way")
    assert str(checkout / "data") in data_error(fetch)


def test_the_file_appears_under_its_name_only_when_whole(checkout, monkeypatch, fetch):
    target = checkout / "data" / "set" / "file.bin"
    replace, seen = os.replace, []

    def watched(source, destination):
        seen.append((Path(source).parent, Path(source).read_bytes(), target.exists()))
        replace(source, destination)

    monkeypatch.setattr(os, "replace", watched)
    fetch()
    assert seen == [(target.parent, BODY, False)]


def test_where_stderr_is_no_terminal_a_download_prints_one_line(fetch, server, capsys):
    fetch()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert f"Downloading file.bin from {server.url}/file" in captured.err
    assert "\r" not in captured.err


def test_on_a_terminal_a_download_draws_a_bar_that_fills(fetch, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    fetch()
    drawn = terminal.getvalue().split("\r")[1:]
    assert len(drawn) > 1
    assert "0%" in drawn[0] and drawn[0].count("#") < drawn[-1].count("#")
    assert drawn[-1].startswith("Downloading file.bin: 100%") and drawn[-1].endswith("\n")


# The standard library as text


@pytest.fixture
def library(tmp_path, monkeypatch):
    """An empty folder that passes for the standard library."""
    folder = tmp_path / "lib"
    folder.mkdir()
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(folder))
    return folder


def test_the_standard_library_is_large_and_its_vocabulary_small():
    text = stdlib.load()
    assert len(text) > 3_000_000
    assert set(text) == {"\n", *map(chr, range(32, 127))}
    assert "def __init__(self" in text


def test_the_standard_library_reads_the_same_each_time():
    assert stdlib.load(300_000) == stdlib.load(300_000)


@pytest.mark.parametrize("limit", [1, 999, 250_000])
def test_a_limit_takes_the_first_characters(limit):
    text = stdlib.load(250_001)
    assert len(text) == 250_001
    assert stdlib.load(limit) == text[:limit]


def test_a_limit_at_the_end_of_a_file_takes_just_that(library):
    put(library / "a.py", b"aa")
    put(library / "b.py", b"bb")
    whole = stdlib.load()
    assert sorted(whole) == list("\n\n\naabb")
    for limit in range(1, 10):
        assert stdlib.load(limit) == whole[:limit]


def test_tests_tables_and_other_peoples_packages_are_left_out(library):
    put(library / "kept.py", b"kept = 1")
    put(library / "package" / "kept.py", b"kept = 2")
    for name in [
        "test/support.py",
        "package/tests/cases.py",
        "idlelib/idle_test/cases.py",
        "encodings/cp1252.py",
        "pydoc_data/topics.py",
        "site-packages/numpy.py",
        "dist-packages/numpy.py",
        "__pycache__/cached.py",
        "_sysconfigdata__linux.py",
        "config-3.11-machine/python-config.py",
        "html/entities.py",
        "sitecustomize.py",
        "notes.txt",
    ]:
        put(library / name, b"left_out = 1")
    assert sorted(stdlib.load().split()) == ["1", "2", "=", "=", "kept", "kept"]


def test_lines_are_cleaned_and_those_beyond_ascii_dropped(library):
    source = "\ufeffif a:\r\n\tb = 1  \r\n    # na\u00efve\r\nc\x0c\r\n\x0c\r\n\r\nd"
    put(library / "a.py", source.encode())
    assert stdlib.load() == "if a:\n    b = 1\n\nd\n"


def test_files_that_are_not_utf8_or_are_empty_are_left_out(library):
    put(library / "latin.py", b"# -*- coding: latin-1 -*-\n# \xe9")
    put(library / "empty.py", b"\n")
    put(library / "kept.py", b"kept")
    assert stdlib.load() == "kept\n"


def test_the_order_is_that_of_the_hashed_paths(library):
    names = [f"module{i}.py" for i in range(20)]
    for name in names:
        put(library / name, name.encode())
    ordered = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    assert ordered != sorted(names)
    assert stdlib.load().split() == ordered


@pytest.mark.parametrize("exists", [True, False])
def test_a_python_without_its_source_is_an_error(exists, library):
    if not exists:
        library.rmdir()
    assert str(library) in data_error(stdlib.load)


# Texts by name


def test_the_docstrings_examples_hold():
    for module in (recipe_kit.datasets, stdlib):
        result = doctest.testmod(module)
        assert result.attempted > 0
        assert result.failed == 0


def test_a_text_comes_with_what_a_result_should_record(tmp_path):
    file = put(tmp_path / "book.txt", "déjà vu\r\n".encode())
    text, info = load_text(str(file))
    assert text == "déjà vu\n"
    assert info == {
        "name": str(file),
        "sha256": hashlib.sha256("déjà vu\n".encode()).hexdigest(),
        "characters": 8,
        "distinct": 8,
    }


def test_a_limit_holds_for_text_and_record(tmp_path):
    file = put(tmp_path / "book.txt", b"abcabc")
    text, info = load_text(file, limit=2)
    assert text == "ab"
    assert (info["characters"], info["distinct"]) == (2, 2)
    assert info["sha256"] == hashlib.sha256(b"ab").hexdigest()
    assert info["whole_characters"] == 6
    for limit in (6, 100, None):
        text, info = load_text(file, limit=limit)
        assert text == "abcabc" and "whole_characters" not in info


def test_the_standard_library_is_known_by_name():
    text, info = load_text("stdlib", limit=5000)
    assert text == stdlib.load(5000)
    assert info["name"] == "stdlib"


def test_a_folder_is_a_source(tmp_path):
    put(tmp_path / "books" / "b.txt", b"two")
    put(tmp_path / "books" / "a.txt", b"one")
    assert load_text(tmp_path / "books")[0] == "one\ntwo"


@pytest.mark.parametrize("name", ["nietzsche", "shakespeare", "stdlib"])
def test_a_file_named_like_a_known_set_needs_a_separator(name, tmp_path, monkeypatch):
    monkeypatch.setitem(recipe_kit.datasets.TEXTS, name, lambda: "the known set")
    monkeypatch.setattr(stdlib, "load", lambda limit: "the known set")
    monkeypatch.chdir(tmp_path)
    put(tmp_path / name, b"the file")
    put(tmp_path / "book.txt", b"a book")
    assert load_text(name)[0] == "the known set"
    assert load_text(os.path.join(".", name))[0] == "the file"
    assert load_text(Path(name))[0] == "the file"
    assert load_text("book.txt")[0] == "a book"


@pytest.mark.parametrize("source", ["nietsche", "no/such/file.txt", ""])
def test_an_unknown_source_lists_the_known_ones(source):
    message = data_error(load_text, source)
    assert repr(source) in message
    for name in ("stdlib", "nietzsche", "shakespeare", "path"):
        assert name in message


def test_a_path_that_is_no_text_is_named(tmp_path):
    file = put(tmp_path / "picture.png", b"\x89PNG")
    with pytest.raises(TextError, match=r"picture\.png"):
        load_text(file)


@pytest.mark.parametrize("limit", [0, -5, 2.5, "many"])
def test_a_limit_below_one_is_refused(limit):
    assert f"Received: {limit!r}" in data_error(load_text, "stdlib", limit=limit)
    assert f"Received: {limit!r}" in data_error(stdlib.load, limit)


@pytest.mark.parametrize(
    "module, name, place",
    [
        (nietzsche, "nietzsche", "nietzsche/nietzsche.txt"),
        (shakespeare, "shakespeare", "charlm/tinyshakespeare_input.txt"),
    ],
)
def test_a_known_set_is_checked_and_fetched(module, name, place, checkout, server, monkeypatch):
    monkeypatch.setattr(module, "URL", server.url + "/missing")
    message = data_error(load_text, name)
    assert "404" in message
    assert str(checkout / "data" / place) in message
    content = put(checkout / "data" / place, b"First,\r\nSecond").read_bytes()
    assert "expected SHA-256" in data_error(load_text, name)
    monkeypatch.setattr(module, "SHA256", hashlib.sha256(content).hexdigest())
    assert load_text(name)[0] == "First,\nSecond"


# The published files themselves


@pytest.fixture
def real_data(monkeypatch):
    if not REAL_DATA:
        pytest.skip("RNN_KIT_DATA does not name a folder with the published files")
    monkeypatch.setenv("RNN_KIT_DATA", str(REAL_DATA))
    return REAL_DATA


def test_nietzsche_is_the_published_text(real_data):
    if not (real_data / "nietzsche" / "nietzsche.txt").is_file():
        pytest.skip("$RNN_KIT_DATA holds no nietzsche/nietzsche.txt")
    assert len(nietzsche.load()) == 600_893
    assert len(set(nietzsche.load())) == 84
    assert len(set(nietzsche.load(lower=True))) == 57


def test_shakespeare_is_the_published_text(real_data):
    if not (real_data / "charlm" / "tinyshakespeare_input.txt").is_file():
        pytest.skip("$RNN_KIT_DATA holds no charlm/tinyshakespeare_input.txt")
    text, info = load_text("shakespeare")
    assert (info["characters"], info["distinct"]) == (1_115_394, 65)
    assert text.count("\n") == 40_000
