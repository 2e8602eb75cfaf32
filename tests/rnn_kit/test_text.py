"""Reading text, numbering characters, splitting into streams."""

import ast
import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import rnn_kit.text
from rnn_kit.text import (
    CharVocabulary,
    TextError,
    read_text,
    split_text,
    streams,
    text_sha256,
)


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def error_line(function, *args, **kwargs):
    with pytest.raises(TextError) as caught:
        function(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_package_and_what_it_imports_of_the_kit_need_numpy_and_the_standard_library_only():
    root = Path(rnn_kit.__file__).parents[1]
    waiting, read, imported = [*Path(rnn_kit.text.__file__).parent.glob("*.py")], set(), set()
    while waiting:
        module = waiting.pop()
        if module in read:
            continue
        read.add(module)
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            of_the_kit = [name for name in names if name.startswith("rnn_kit.")]
            waiting += [root.joinpath(*name.split(".")).with_suffix(".py") for name in of_the_kit]
            imported |= {name.partition(".")[0] for name in names if name not in of_the_kit}
    assert root / "rnn_kit" / "files.py" in read
    assert imported - set(sys.stdlib_module_names) == {"numpy"}


# Reading


@pytest.mark.parametrize(
    "data",
    [b"one\ntwo", b"one\r\ntwo", b"one\rtwo", b"\xef\xbb\xbfone\r\ntwo"],
    ids=["lf", "crlf", "cr", "bom-crlf"],
)
def test_a_file_reads_the_same_whatever_its_line_ends_and_byte_order_mark(tmp_path, data):
    assert read_text(write(tmp_path / "a.txt", data)) == "one\ntwo"


def test_characters_are_composed(tmp_path):
    decomposed = "e\u0301".encode()
    assert read_text(write(tmp_path / "a.txt", decomposed)) == "\u00e9"


def test_a_path_may_be_a_string(tmp_path):
    assert read_text(str(write(tmp_path / "a.txt", b"text"))) == "text"


def test_a_folder_is_read_recursively_in_the_order_of_relative_paths(tmp_path):
    # "b-c.txt" < "b/a.txt" as POSIX paths, though not folder by folder.
    for name in ["z.txt", "b/a.txt", "a.txt", "b-c.txt", "b/deep/down.md"]:
        write(tmp_path / name, name.encode())
    assert read_text(tmp_path) == "a.txt\nb-c.txt\nb/a.txt\nb/deep/down.md\nz.txt"


def test_a_folder_passes_over_hidden_names_caches_and_what_is_not_text(tmp_path):
    write(tmp_path / "kept.txt", b"kept")
    write(tmp_path / ".hidden.txt", b"hidden")
    write(tmp_path / ".git" / "config", b"hidden")
    write(tmp_path / "__pycache__" / "module.txt", b"cache")
    write(tmp_path / "picture.png", b"\x89PNG\r\n")
    write(tmp_path / "zeros.bin", b"a\0b")
    assert read_text(tmp_path) == "kept"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "neither a regular file nor a folder" in error_line(read_text, tmp_path / "pipe")
    write(tmp_path / "kept.txt", b"kept")
    assert read_text(tmp_path) == "kept"


def test_a_missing_path_is_named(tmp_path):
    message = error_line(read_text, tmp_path / "nowhere.txt")
    assert str(tmp_path / "nowhere.txt") in message
    assert "missing" in message


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf"], ids=["nothing", "only a mark"])
def test_an_empty_file_is_refused(tmp_path, data):
    file = write(tmp_path / "empty.txt", data)
    message = error_line(read_text, file)
    assert str(file) in message
    assert "empty" in message


def test_a_folder_without_text_is_refused(tmp_path):
    write(tmp_path / "picture.png", b"\x89PNG\r\n")
    message = error_line(read_text, tmp_path)
    assert str(tmp_path) in message
    assert "no text files" in message


@pytest.mark.parametrize(
    "data, offset",
    [(b"abc\xff\xfe", 3), (b"\xef\xbb\xbfabc\xff", 6), (b"ab\0c", 2), ("é".encode("latin-1"), 0)],
    ids=["no utf-8", "after a mark", "nul", "latin-1"],
)
def test_the_byte_that_is_not_utf8_is_named(tmp_path, data, offset):
    file = write(tmp_path / "bad.txt", data)
    message = error_line(read_text, file)
    assert str(file) in message
    assert f"at byte offset {offset} (line 1)" in message


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    file = write(tmp_path / "secret.txt", b"secret")

    def refuse(path, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("builtins.open", refuse)
    for path in (file, tmp_path):  # in a folder too: a text is not left out in silence
        message = error_line(read_text, path)
        assert str(file) in message
        assert "Permission denied" in message


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    message = error_line(read_text, tmp_path)
    assert str(tmp_path) in message
    assert "Permission denied" in message


def test_the_hash_is_that_of_the_utf8_bytes():
    assert text_sha256("naïve ☃") == hashlib.sha256("naïve ☃".encode()).hexdigest()


# Characters and ids

MIXED = "a\nz é\u4e2d\U0001f600"


def test_a_vocabulary_of_a_text_is_its_sorted_distinct_characters():
    vocabulary = CharVocabulary.from_text("banana\n")
    assert vocabulary.characters == "\nabn"
    assert len(vocabulary) == 4


def test_ids_follow_the_order_given():
    np.testing.assert_array_equal(CharVocabulary("zay").encode("ayz"), [1, 2, 0])


def test_encoding_gives_int32_ids_that_decode_to_the_text():
    vocabulary = CharVocabulary.from_text(MIXED)
    ids = vocabulary.encode(MIXED * 3)
    assert ids.dtype == np.int32
    assert ids.shape == (3 * len(MIXED),)
    assert vocabulary.decode(ids) == MIXED * 3


def test_encoding_agrees_with_a_dictionary():
    vocabulary = CharVocabulary.from_text(MIXED)
    table = {c: i for i, c in enumerate(vocabulary.characters)}
    text = MIXED[::-1] + MIXED
    assert vocabulary.encode(text).tolist() == [table[c] for c in text]


def test_an_empty_text_encodes_and_decodes():
    vocabulary = CharVocabulary("ab")
    assert vocabulary.encode("").shape == (0,)
    assert vocabulary.decode([]) == ""


@pytest.mark.parametrize("stranger", ["0", "n", "z", "\U0001f600", "\udcff"])
def test_unseen_characters_are_refused_and_named(stranger):
    # Below, between and above the code points of the vocabulary; and a byte that was no UTF-8.
    vocabulary = CharVocabulary("am")
    assert vocabulary.unseen(f"ma{stranger}a") == stranger
    assert repr(stranger) in error_line(vocabulary.encode, f"ma{stranger}a")


def test_of_many_unseen_characters_a_few_are_named():
    message = error_line(CharVocabulary("a").encode, "zyxwvutsrqponm")
    assert "14 characters" in message
    assert "'z', 'y', 'x'" in message
    assert "'m'" not in message


def test_unseen_keeps_the_order_of_appearance_and_drops_repetitions():
    assert CharVocabulary("ab").unseen("zaybzx") == "zyx"
    assert CharVocabulary("ab").unseen("abba") == ""


@pytest.mark.parametrize("ids", [[0, 2], [-1], np.array([7], dtype=np.uint8)])
def test_ids_out_of_range_are_refused(ids):
    message = error_line(CharVocabulary("ab").decode, ids)
    assert "0 to 1" in message
    assert message.endswith(f"received {next(i for i in ids if i not in (0, 1))}")


@pytest.mark.parametrize("ids", [[[0, 1]], [0.0, 1.0], 1, [True]])
def test_what_is_no_row_of_integers_is_not_decoded(ids):
    assert "one-dimensional array of integers" in error_line(CharVocabulary("ab").decode, ids)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_ids_of_any_integer_dtype_are_decoded(dtype):
    assert CharVocabulary("ab").decode(np.array([1, 0], dtype=dtype)) == "ba"


def test_vocabularies_are_equal_when_characters_and_order_are():
    assert CharVocabulary("ab") == CharVocabulary(["a", "b"])
    assert hash(CharVocabulary("ab")) == hash(CharVocabulary(["a", "b"]))
    assert CharVocabulary("ab") != CharVocabulary("ba")
    assert CharVocabulary("ab") != "ab"


def test_what_is_no_vocabulary_is_refused():
    assert "'b'" in error_line(CharVocabulary, "abcb")
    assert "at least one" in error_line(CharVocabulary, "")
    assert "at least one" in error_line(CharVocabulary.from_text, "")
    assert "'bc'" in error_line(CharVocabulary, ["a", "bc"])
    assert "1" in error_line(CharVocabulary, ["a", 1])


def test_a_saved_vocabulary_loads_equal_and_leaves_nothing_aside(tmp_path):
    file = tmp_path / "vocabulary.json"
    CharVocabulary("xy").save(file)
    vocabulary = CharVocabulary.from_text(MIXED)
    vocabulary.save(file)
    assert CharVocabulary.load(file) == vocabulary
    assert os.listdir(tmp_path) == ["vocabulary.json"]


def test_a_save_that_fails_leaves_the_old_file_and_nothing_aside(tmp_path, monkeypatch):
    file = tmp_path / "vocabulary.json"
    CharVocabulary("old").save(file)

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        CharVocabulary("new").save(file)
    assert CharVocabulary.load(file) == CharVocabulary("old")
    assert os.listdir(tmp_path) == ["vocabulary.json"]


def test_a_missing_vocabulary_is_named(tmp_path):
    message = error_line(CharVocabulary.load, tmp_path / "vocabulary.json")
    assert str(tmp_path / "vocabulary.json") in message
    assert "missing" in message


def test_a_vocabulary_cut_short_is_named(tmp_path):
    file = tmp_path / "vocabulary.json"
    CharVocabulary.from_text(MIXED).save(file)
    write(file, file.read_bytes()[:-10])
    message = error_line(CharVocabulary.load, file)
    assert str(file) in message
    assert "cut short" in message


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        "abc",
        {"characters": "abc"},
        {"format": "another", "characters": "abc"},
        {"format": "rnn_kit.CharVocabulary"},
        {"format": "rnn_kit.CharVocabulary", "characters": ["a", "b"]},
        {"format": "rnn_kit.CharVocabulary", "characters": "aa"},
        {"format": "rnn_kit.CharVocabulary", "characters": ""},
    ],
)
def test_json_that_is_no_vocabulary_is_named(tmp_path, content):
    file = write(tmp_path / "other.json", json.dumps(content).encode())
    message = error_line(CharVocabulary.load, file)
    assert str(file) in message
    assert "not a" in message


# Splitting


def test_the_parts_are_contiguous_and_whole():
    text = "".join(map(chr, range(100, 1113)))
    parts = split_text(text)
    assert "".join(parts) == text
    assert [len(part) for part in parts] == [810, 101, 102]  # cuts at floor(810.4), floor(911.7)


@pytest.mark.parametrize("n", [10, 100, 1000, 10**6])
def test_a_tenth_is_a_tenth_exactly(n):
    for tenths in range(1, 5):
        fraction = tenths / 10
        train, validation, test = split_text(np.zeros(n), validation=fraction, test=fraction)
        assert len(test) == len(validation) == tenths * n // 10
        assert len(train) == n - 2 * tenths * n // 10


def test_no_binary_rounding_moves_a_cut():
    # In binary floating point 1 - 0.9 is a little less than a tenth: int(10 * (1 - 0.9)) is 0.
    assert [len(part) for part in split_text("abcdefghij", validation=0, test=0.9)] == [1, 0, 9]


def test_parts_of_no_size_are_empty():
    assert split_text("abc", validation=0, test=0) == ("abc", "", "")


def test_an_array_is_split_into_views():
    ids = np.arange(20)
    train, validation, test = split_text(ids, validation=0.25, test=0.25)
    np.testing.assert_array_equal(validation, np.arange(10, 15))
    assert all(np.shares_memory(part, ids) for part in (train, validation, test))


@pytest.mark.parametrize(
    "fractions", [(-0.1, 0.1), (0.1, 1.0), (0.5, 0.5), (float("nan"), 0.1), (0.7, 0.4)]
)
def test_fractions_that_leave_no_training_part_are_refused(fractions):
    assert "received" in error_line(split_text, "abcdef", *fractions)


@pytest.mark.parametrize("offset", [0, 3])
def test_each_row_of_the_streams_is_one_unbroken_stretch(offset):
    ids = np.arange(1000, 1107)
    x, y = streams(ids, batch_size=4, window=5, offset=offset)
    assert x.shape == y.shape == (5, 4, 5)
    assert x.dtype == y.dtype == np.int32
    for b in range(4):
        row = np.concatenate(x[:, b])
        start = 1000 + offset + b * 25
        np.testing.assert_array_equal(row, np.arange(start, start + 25))
    np.testing.assert_array_equal(y, x + 1)  # the next id, across the ends of windows and rows too


def test_only_the_last_ids_are_dropped():
    x, y = streams(np.arange(107), batch_size=4, window=5)
    np.testing.assert_array_equal(np.unique(x), np.arange(100))
    assert y.max() == 100


def test_the_streams_are_views_of_int32_ids():
    ids = np.arange(100, dtype=np.int32)
    x, y = streams(ids, batch_size=2, window=5)
    assert np.shares_memory(x, ids)
    assert np.shares_memory(y, ids)


def test_one_window_takes_one_id_more_than_its_inputs():
    x, _ = streams(np.arange(13), batch_size=3, window=4)
    assert x.shape == (1, 3, 4)
    message = error_line(streams, np.arange(12), batch_size=3, window=4)
    assert "12 ids" in message
    assert "13 are needed" in message


@pytest.mark.parametrize("offset", [1, 13, 99])
def test_the_offset_counts_against_the_length(offset):
    message = error_line(streams, np.arange(13), batch_size=3, window=4, offset=offset)
    assert f"{max(13 - offset, 0)} ids after offset {offset}" in message


@pytest.mark.parametrize(
    "name, value", [("batch_size", 0), ("window", -1), ("offset", -1), ("window", 2.5)]
)
def test_arguments_out_of_range_are_named(name, value):
    arguments = {"batch_size": 2, "window": 2, name: value}
    assert f"`{name}`" in error_line(streams, np.arange(50), **arguments)


def test_text_is_not_taken_for_ids():
    assert "integers" in error_line(streams, "some text", batch_size=1, window=2)
