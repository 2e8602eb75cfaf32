"""Vectors of words from text files: the two forms, and everything that can be wrong with one."""

import gzip

import numpy as np
import pytest

from rnn_kit.text import TextError, read_vectors


def file_of(path, text, name="vectors.txt"):
    (path / name).write_text(text, encoding="utf-8")
    return path / name


def test_word2vecs_heading_is_no_word(tmp_path):
    file = file_of(tmp_path, "2 3\n2 1 2 3\ndog 4 5 6\n")
    vectors, found = read_vectors(file, ["dog", "2", "3"])
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[4, 5, 6], [1, 2, 3], [0, 0, 0]]
    assert found.tolist() == [True, True, False]


def test_gloves_form_has_no_heading(tmp_path):
    vectors, found = read_vectors(file_of(tmp_path, "dog 4 5 6.5\ncat -1 0 1e-3\n"), ["cat"])
    np.testing.assert_allclose(vectors, [[-1, 0, 1e-3]])
    assert found.all()


def test_a_word_may_have_spaces_and_the_first_of_two_counts(tmp_path):
    file = file_of(tmp_path, "dog 1 2\n. . . 3 4\ndog 5 6\n")
    assert read_vectors(file, ["dog", ". . ."])[0].tolist() == [[1, 2], [3, 4]]


def test_a_compressed_file_is_read_as_it_is(tmp_path):
    with gzip.open(tmp_path / "vectors.txt.gz", "wt", encoding="utf-8") as file:
        file.write("dog 1 2\n")
    assert read_vectors(tmp_path / "vectors.txt.gz", ["dog"])[0].tolist() == [[1, 2]]


def test_case_is_kept(tmp_path):
    assert read_vectors(file_of(tmp_path, "Dog 1\ndog 2\n"), ["dog"])[0].tolist() == [[2]]


def test_what_is_wrong_is_said_with_its_place(tmp_path):
    whole = gzip.compress(b"dog 1 2\n" * 1000)
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "plain.gz").write_text("dog 1 2\n")
    (tmp_path / "binary.bin").write_bytes(b"1 2\ndog \xff\xfe\x80?\x00\x00\x80?\n")
    (tmp_path / "folder").mkdir()
    cases = {
        "missing.txt": ["missing.txt", "cannot be read"],
        "folder": ["cannot be read"],
        "cut.gz": ["cut short or damaged"],
        "plain.gz": ["damaged"],
        "binary.bin": ["line 2", "text form"],
    }
    texts = {
        "short.txt": ("dog 1 2\ncat 1\n", ["line 2", "2 numbers"]),
        "word.txt": ("dog 1 two\n", ["line 1", "dog"]),
        "nan.txt": ("cat 1 2\ndog 1 nan\n", ["line 2", "finite"]),
        "none.txt": ("horse 1 2\n", ["none of the 2 words"]),
        "empty.txt": ("", ["none of the 2 words"]),
    }
    for name, (text, words) in texts.items():
        file_of(tmp_path, text, name)
        cases[name] = words
    for name, words in cases.items():
        with pytest.raises(TextError) as error:
            read_vectors(tmp_path / name, ["dog", "cat"])
        message = str(error.value)
        assert all(word in message for word in [name, *words]), message
        assert "\n" not in message
