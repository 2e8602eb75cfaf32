"""Bytes to text: encodings, byte-order marks, packed files, and what is no text."""

import bz2
import gzip
import io
import lzma

import pytest

from recipe_kit.datasets import load_text
from rnn_kit.text import TextError, check_encoding, decoding, read_text
from rnn_kit.text.decoding import NotTextError, decode

TEXT = "Zwei Häuser,\nЖизнь 好"


def error_line(function, *args, **kwargs):
    with pytest.raises(TextError) as caught:
        function(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(encoding):
    assert decode(TEXT.encode(encoding), "a.txt") == TEXT


@pytest.mark.parametrize("order", ["le", "be"])
def test_utf_16_without_a_mark_is_named_and_can_be_asked_for(order):
    data = "Two houses".encode(f"utf-16-{order}")
    message = error_line(decode, data, "a.txt")
    assert f"encoding='utf-16-{order}'" in message
    assert decode(data, "a.txt", f"utf-16-{order}") == "Two houses"


@pytest.mark.parametrize("encoding", ["latin-1", "CP1252", "utf8", "gb18030", "koi8-r"])
def test_a_named_encoding_is_taken(encoding):
    text = "Häuser" if encoding != "koi8-r" else "Жизнь"
    assert decode(text.encode(encoding), "a.txt", encoding) == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
def test_a_mark_is_no_character_of_a_named_encoding(encoding):
    mark = "" if encoding == "utf-16" else "\ufeff"  # which Python's utf-16 writes by itself
    assert decode((mark + TEXT).encode(encoding), "a.txt", encoding) == TEXT


@pytest.mark.parametrize("data", [b"plain", "Two houses".encode("utf-16-be")])
def test_utf_16_that_is_asked_for_needs_a_mark(data):
    message = error_line(decode, data, "a.txt", "utf-16")
    assert "has no byte-order mark" in message
    assert ("encoding='utf-16-be'" in message) == (data != b"plain")


def test_line_ends_are_one_kind():
    assert decode(b"a\r\nb\rc\n", "a.txt") == "a\nb\nc\n"
    assert decode("a\r\nb".encode("utf-16"), "a.txt") == "a\nb"


@pytest.mark.parametrize(
    "data, encoding, words",
    [
        (b"a\ncaf\xe9", None, ("byte 0xe9 at byte offset 5 (line 2)", "encoding='cp1252'")),
        (b"caf\xe9", "ascii", ("not ASCII text", "name another with `encoding`")),
        (b"\xff\xfea\0b", None, ("not UTF-16 text",)),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", None, ("not UTF-8 text",)),
        (b"abc\0\0\0def", None, ("a NUL byte at byte offset 3",)),
        ("a\0b".encode("utf-16"), None, ("U+0000",)),
    ],
)
def test_what_is_no_text_is_refused_in_a_line_that_says_why(data, encoding, words):
    with pytest.raises(NotTextError):
        decode(data, "a.txt", encoding)
    message = error_line(decode, data, "a.txt", encoding)
    assert "a.txt" in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "name", ["no-such", "hex", "unicode_escape", "raw-unicode-escape", "base64", "zip", "", "utf\0"]
)
def test_what_is_no_encoding_of_text_is_refused(name):
    assert "is not an encoding of text" in error_line(check_encoding, name)
    assert check_encoding(None) is None


@pytest.mark.parametrize("packed", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_texts_are_unpacked_by_their_first_bytes(tmp_path, packed):
    file = tmp_path / "text.txt"
    file.write_bytes(packed(TEXT.encode() * 50))
    assert read_text(file) == TEXT * 50
    file.write_bytes(packed(TEXT.encode() * 50)[:-9])
    assert "cut short or damaged" in error_line(read_text, file)


def test_a_text_that_begins_like_a_packed_one_is_text(tmp_path):
    file = tmp_path / "text.txt"
    file.write_bytes(b"BZh is a beginning")
    assert read_text(file) == "BZh is a beginning"


def seven_files(folder):
    for n in range(7):
        (folder / f"{n}.txt").write_bytes(f"text {n} é".encode("utf-8" if n < 3 else "latin-1"))


def test_what_is_passed_over_in_a_folder_is_told_and_recorded(tmp_path):
    seven_files(tmp_path)
    notes = []
    assert read_text(tmp_path, notes=notes) == "text 0 é\ntext 1 é\ntext 2 é"
    assert notes == [
        f"Read 3 of 7 files in {tmp_path}; passed over as not UTF-8: '3.txt', '4.txt', '5.txt', "
        "'6.txt' (another encoding may be named)."
    ]
    _, info = load_text(str(tmp_path))
    assert info["notes"] == notes
    assert "notes" not in load_text(tmp_path / "0.txt")[1]


def test_a_folder_is_read_in_a_named_encoding(tmp_path):
    seven_files(tmp_path)
    for n in range(3):
        (tmp_path / f"{n}.txt").unlink()
    assert "`encoding`" in error_line(read_text, tmp_path)
    assert read_text(tmp_path, "latin-1").count("é") == 4
    assert load_text(tmp_path, encoding="latin-1")[0].count("é") == 4


@pytest.fixture(params=[4, 5, 7])
def small_blocks(request, monkeypatch):
    monkeypatch.setattr(decoding, "_BLOCK", request.param)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_text_that_is_decoded_in_blocks_is_the_same(encoding, small_blocks):
    text = "\r\n".join(["Häuser\r", "Жизнь", "", "好"]) + "\r"
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    pieces = list(decoding.iter_decode(io.BytesIO(text.encode(encoding)), "a.txt"))
    assert "".join(pieces) == expected and max(map(len, pieces)) <= decoding._BLOCK


@pytest.mark.parametrize(
    "data, encoding, place",
    [
        (b"the cat\r\r\nsat \xff\n", None, "byte 0xff at byte offset 14 (line 3)"),
        (b"\xef\xbb\xbfab\rcd\xff", None, "byte 0xff at byte offset 8 (line 2)"),
        (b"ab\r\nc\xe2\x82", None, "byte 0xe2 at byte offset 5 (line 2)"),  # ends within a character
        (b"ab\r\ncd\xe2\x82x", None, "byte 0xe2 at byte offset 6 (line 2)"),
        (b"ab\r\nabcdefgh\0", None, "a NUL byte at byte offset 12 (line 2)"),
        (b"\xc4\xe3\n\xff", "gb18030", "byte 0xff at byte offset 3 (line 2)"),
        (b"\xff\xfea\0\n\0\0", None, "byte 0x00 at byte offset 6 (line 2)"),
    ],
)
def test_a_wrong_byte_has_the_same_place_however_it_is_read(data, encoding, place, small_blocks):
    assert place in error_line(decode, data, "a.txt", encoding)


@pytest.mark.parametrize(
    "head, what",
    [
        (b"%PDF-1.4\n\xe2\xe3", "a PDF document"),
        (b"PK\x03\x04\x14\0\x06\0", "a zip archive"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7z archive"),
        (b"\x28\xb5\x2f\xfd\x24\x05", "packed by zstd"),
    ],
)
def test_what_people_take_for_a_text_is_named(head, what):
    message = error_line(decode, head, "book.txt")
    assert message.startswith(f"book.txt is {what}") and ("unpack" in message or "save" in message)
