"""Vectors of words from text files: the two forms, and everything that can be wrong with one."""

import gzip
import lzma
import zipfile

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


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfdog 1 2\ncat 3 4\n",
        b"\xef\xbb\xbf2 2\ndog 1 2\ncat 3 4\n",
        b"dog 1 2\r\ncat 3 4\r\n",
        b"2 2\r\ndog 1 2\r\ncat 3 4\r\n",
        b"dog 1 2 \ncat 3 4 \t \n",
        b"dog\t1\t2\ncat\t3\t4\n",
        b"2\t2\ndog\t1 2\ncat\t3 4",
        b"dog  1  2\ncat  3  4\n",
        b"dog 1 2\n\ncat 3 4\n\n\n",
        b"at the end 8 9\ndog 1 2\ncat 3 4\nbird 5 6\n",
        b". . . 8 9\ndog 1 2\ncat 3 4\n",
        b"2 2 8 9\ndog 1 2\ncat 3 4\nbird 5 6\n",
        b"caf\xe9 8 9\ndog 1 2\n\xff\xfe 8 9\ncat 3 4\n",
        b"dog 1 2\n 8 9\ncat 3 4\n",
        "dog 1 2\r\ncat 3 4\r\n".encode("utf-16"),
        "2 2\ndog\t1\t2\ncat\t3\t4\n\n".encode("utf-16-be").join([b"\xfe\xff", b""]),
        gzip.compress(b"dog 1 2\ncat 3 4\n", mtime=0),
        lzma.compress(b"dog 1 2\ncat 3 4\n"),
    ],
    ids=[
        "a byte-order mark",
        "and a heading",
        "CRLF",
        "and a heading, CRLF",
        "spaces at the end",
        "tabs",
        "tabs and spaces, no last line end",
        "two spaces",
        "empty lines",
        "a word with spaces first",
        "one of signs",
        "one that begins with numbers",
        "words that are not UTF-8",
        "a line without a word",
        "UTF-16",
        "UTF-16 with a heading, tabs, a blank last line",
        "gzip by its first bytes",
        "xz by its first bytes",
    ],
)
def test_the_same_vectors_are_read_however_the_file_is_written(content, tmp_path):
    (tmp_path / "vectors.txt").write_bytes(content)
    vectors, found = read_vectors(tmp_path / "vectors.txt", ["cat", "dog"])
    assert vectors.tolist() == [[3, 4], [1, 2]]
    assert found.all()


def test_of_vectors_of_one_number_the_first_line_is_a_heading_only_where_it_fits(tmp_path):
    words = ["2", "dog"]
    assert read_vectors(file_of(tmp_path, "2 3\ndog 4\n"), words)[0].tolist() == [[3], [4]]
    vectors, found = read_vectors(file_of(tmp_path, "2 1\ndog 4\ncat 5\n"), words)
    assert vectors.tolist() == [[0], [4]] and found.tolist() == [False, True]


def test_a_word_is_found_however_its_accents_are_written(tmp_path):
    file = file_of(tmp_path, "cafe\u0301 1 2\nna\u00efve 3 4\n")
    assert read_vectors(file, ["caf\u00e9", "na\u00efve"])[0].tolist() == [[1, 2], [3, 4]]


def test_what_was_passed_over_is_counted(tmp_path):
    content = b"dog 1 2\n\n\xff 8 9\n 8 9\ncaf\xe9 8 9\ncat 3 4\n\n"
    (tmp_path / "vectors.txt").write_bytes(content)
    notes = []
    read_vectors(tmp_path / "vectors.txt", ["dog"], notes=notes)
    (note,) = notes
    assert note.endswith("2 lines whose word is not UTF-8, 1 line without a word, 2 empty lines.")
    notes.clear()
    read_vectors(file_of(tmp_path, "dog 1 2\n"), ["dog"], notes=notes)
    assert notes == []


def test_words_are_a_list_of_distinct_ones(tmp_path):
    file = file_of(tmp_path, "dog 1 2\n")
    for words, expected in ((["dog", "dog"], "more than once"), ("dog", "list of words")):
        with pytest.raises(TextError, match=expected):
            read_vectors(file, words)


def test_what_is_wrong_is_said_with_its_place(tmp_path):
    whole = gzip.compress(b"dog 1 2\n" * 1000)
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "utf16.txt").write_bytes("dog 1 2\ncat 3 4\n".encode("utf-16-le"))
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04" + bytes(30))
    (tmp_path / "binary.bin").write_bytes(b"1 2\ndog \xff\xfe\x80?\x00\x00\x80?\n")
    (tmp_path / "zeros.bin").write_bytes(b"1 2\ndog \x00\x00\x00\x00\x00\x00\x00\x00")
    (tmp_path / "folder").mkdir()
    cases = {
        "missing.txt": ["missing.txt", "cannot be read"],
        "folder": ["is a folder", "a text file"],
        "cut.gz": ["cut short or damaged"],
        "cut.zip": ["cut short or damaged"],
        "utf16.txt": ["UTF-16", "save it as UTF-8"],
        "binary.bin": ["line 2", "text form"],
        "zeros.bin": ["line 2", "text form"],
    }
    texts = {
        "short.txt": ("dog 1 2\ncat 1\n", ["line 2", "2 numbers"]),
        "word.txt": ("dog 1 two\n", ["line 1", "dog"]),
        "nan.txt": ("cat 1 2\ndog 1 nan\n", ["line 2", "finite"]),
        "numbered.txt": ("dog 1 2\n1999 1\n", ["line 2", "2 numbers", "1999"]),
        "heading.txt": ("9 3\ndog 1 2\ncat 3 4\n", ["line 1", "3 numbers", "have 2"]),
        "large.txt": ("dog 1 1e39\n", ["line 1", "finite"]),
        "headed.txt": ("9 3\n", ["none of the 2 words"]),
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


def archive_of(path, sizes):
    """An archive of files of vectors of these sizes, as GloVe's are published."""
    with zipfile.ZipFile(path, "w") as archive:
        for size in sizes:
            lines = [f"{word} {' '.join([str(n)] * size)}\n" for n, word in enumerate(("dog", "cat"))]
            archive.writestr(f"glove.6B.{size}d.txt", "".join(lines))
        archive.writestr("__MACOSX/._glove.6B.50d.txt", b"\0\5")
    return path


def test_an_archive_of_one_file_is_read_as_it_is(tmp_path):
    path = archive_of(tmp_path / "glove.zip", [3])
    assert read_vectors(path, ["cat"])[0].tolist() == [[1, 1, 1]]
    assert read_vectors(path, ["cat"], size=50)[0].tolist() == [[1, 1, 1]]


def test_of_an_archive_of_several_files_the_one_of_the_wanted_size_is_read(tmp_path):
    path = archive_of(tmp_path / "glove.6B.zip", [50, 100])
    assert read_vectors(path, ["cat"], size=100)[0].shape == (1, 100)
    for size in (None, 256):
        with pytest.raises(TextError) as error:
            read_vectors(path, ["cat"], size=size)
        message = str(error.value)
        assert "glove.6B.50d.txt (vectors of 50), glove.6B.100d.txt (vectors of 100)" in message
        assert "unpack it" in message and ("256" in message) == (size == 256) and "\n" not in message


def test_an_archive_whose_file_is_damaged_is_named(tmp_path):
    path = archive_of(tmp_path / "glove.zip", [50])
    data = bytearray(path.read_bytes())
    data[data.index(b"dog")] ^= 1
    path.write_bytes(data)
    with pytest.raises(TextError, match="cut short or damaged"):
        read_vectors(path, ["cat"])
