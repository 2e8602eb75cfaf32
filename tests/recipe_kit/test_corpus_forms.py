"""Forms in which people have a corpus: packed parts, other names, other encodings, one big text."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from recipe_kit.datasets import DataError, load_corpus

TEXTS = ("the cat sat\nthe <unk> sat\n", "the cat\n", "the dög sat\n")
WORDS = ["the cat sat <eos> the <unk> sat <eos>", "the cat <eos>", "the <unk> sat <eos>"]
PLAIN = ("train.txt", "valid.txt", "test.txt")
PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def folder_of(folder, names=PLAIN, contents=TEXTS):
    folder.mkdir(exist_ok=True)
    for name, content in zip(names, contents, strict=True):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def words_of(loaded):
    parts = (loaded.train, loaded.validation, loaded.test)
    return [" ".join(loaded.vocabulary.decode(part)) for part in parts]


def data_error(*args, **kwargs):
    with pytest.raises(DataError) as caught:
        load_corpus(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


# Three files


@pytest.mark.parametrize(
    "names",
    [
        ("train.txt", "val.txt", "test.txt"),
        ("wiki.train.raw", "wiki.valid.raw", "wiki.test.raw"),
        ("train.tokens", "dev.tokens", "test.tokens"),
        ("train.raw", "validation.raw", "test.raw"),
        ("Train.TXT", "VALID.txt", "test.Txt"),
    ],
)
def test_the_names_that_people_give_the_parts_are_known(names, tmp_path):
    assert words_of(load_corpus(folder_of(tmp_path, names))) == WORDS


@pytest.mark.parametrize("suffix", PACKERS)
def test_packed_parts_are_unpacked_as_they_are_read(suffix, tmp_path):
    packed = [PACKERS[suffix](text.encode()) for text in TEXTS]
    folder_of(tmp_path, [name + suffix for name in PLAIN], packed)
    assert words_of(load_corpus(tmp_path)) == WORDS


def test_of_a_part_and_its_packed_twin_the_one_is_read_that_needs_no_unpacking(tmp_path):
    folder_of(tmp_path)
    (tmp_path / "train.txt.gz").write_bytes(gzip.compress(b"other words\n"))
    assert words_of(load_corpus(tmp_path)) == WORDS


def test_a_packed_part_that_is_cut_short_is_named(tmp_path):
    packed = gzip.compress(TEXTS[0].encode() * 100)[:-12]
    folder_of(tmp_path, ("train.txt.gz", *PLAIN[1:]), (packed, *TEXTS[1:]))
    message = data_error(tmp_path)
    assert f"{tmp_path / 'train.txt.gz'} is cut short or damaged" in message


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le", "utf-16", "utf-8-sig"])
def test_an_encoding_is_named_or_told_by_its_mark(encoding, tmp_path):
    texts = [text.replace("cat", "kätzchen") for text in TEXTS]
    folder_of(tmp_path, contents=[text.encode(encoding) for text in texts])
    told = encoding in ("utf-16", "utf-8-sig")
    loaded = load_corpus(tmp_path, encoding=None if told else encoding)
    assert words_of(loaded) == [words.replace("cat", "kätzchen") for words in WORDS]
    if not told:
        assert "encoding" in data_error(tmp_path)


def test_words_that_lie_across_the_blocks_in_which_a_file_is_read_are_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("rnn_kit.text.decoding._BLOCK", 5)
    texts = ("a-very-long-word the\r\n\r\n the  cat \u00a0\rsat", "the\n cat", "sat \n\n")
    loaded = load_corpus(folder_of(tmp_path, contents=texts))
    assert words_of(loaded) == [
        "a-very-long-word the <eos> the cat <eos> sat <eos>",
        "the <eos> cat <eos>",
        "sat <eos>",
    ]


# Archives


def tar_of(path, how, members):
    with tarfile.open(path, how) as archive:
        for name, text in members:
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return path


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.tar.xz", "w:xz"),
        ("a.txz", "w:xz"),
        ("a.tar.bz2", "w:bz2"),
        ("a.tbz2", "w:bz2"),
        ("simple-examples", "w:gz"),  # by its content
        ("simple-examples.gz", "w:gz"),
    ],
)
def test_every_common_archive_is_read(name, how, tmp_path):
    members = [
        ("c/wiki.train.raw", TEXTS[0]),
        ("c/wiki.valid.raw", TEXTS[1]),
        ("c/wiki.test.raw", TEXTS[2]),
    ]
    path = tar_of(tmp_path / name, how, members)
    assert words_of(load_corpus(path)) == WORDS
    whole = path.read_bytes()
    if name.startswith("a."):
        path.write_bytes(whole[: len(whole) // 2])
        assert f"{path} is cut short or damaged (" in data_error(path)


def test_packed_parts_in_an_archive_are_read_and_what_macos_adds_is_passed_over(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, text in zip(PLAIN, TEXTS, strict=True):
            archive.writestr(f"my/{name}.gz", gzip.compress(text.encode()))
            archive.writestr(f"__MACOSX/my/{name}", b"\0\5\x16\7")
    assert words_of(load_corpus(tmp_path / "a.zip")) == WORDS


# One text

LINES = [f"w{i} w{i % 7} w{i % 3}" for i in range(100)]  # 400 tokens with their ends


@pytest.mark.parametrize(
    "text",
    ["\n".join(LINES), "\n".join(LINES) + "\n", "\r\n\r\n".join(LINES)],
)
def test_one_text_is_cut_into_three_at_line_ends_and_that_is_said(text, tmp_path):
    (tmp_path / "book.txt").write_text(text, newline="")
    loaded = load_corpus(tmp_path / "book.txt", vocab_size=8)
    assert [loaded.info[f"{part}_tokens"] for part in ("train", "validation", "test")] == [360, 20, 20]
    assert loaded.train[-1] == loaded.vocabulary.end
    assert loaded.notes[0].startswith(
        f"{tmp_path / 'book.txt'} is one text, and is cut into three: its first 360 words are to train "
        "on, the next 20 to validate on, the last 20 for the test."
    )


def test_a_text_of_one_line_is_cut_between_words(tmp_path):
    words = [f"w{i % 10}" for i in range(1000)]
    (tmp_path / "text8").write_text(" ".join(words))
    loaded = load_corpus(tmp_path / "text8")
    assert words_of(loaded) == [
        " ".join([*part, "<eos>"]) for part in (words[:900], words[900:950], words[950:])
    ]


def test_the_parts_of_one_text_are_those_of_three_files(tmp_path):
    (tmp_path / "book.txt").write_text("\n".join(LINES))
    three = ["\n".join(part) for part in (LINES[:90], LINES[90:95], LINES[95:])]
    (tmp_path / "own").mkdir()
    expected = load_corpus(folder_of(tmp_path / "own", contents=three))
    loaded = load_corpus(tmp_path / "book.txt")
    assert loaded.info == {**expected.info, "name": str(tmp_path / "book.txt")}
    assert loaded.vocabulary == expected.vocabulary


@pytest.mark.parametrize("form", ["folder", "zip", "gz", "tar"])
def test_one_text_in_a_folder_or_archive_of_its_own_is_cut_too(form, tmp_path):
    text = "\n".join(LINES)
    source = tmp_path / f"text8.{form}"
    if form == "folder":
        folder_of(source, ("text8", ".hidden"), (text, "x"))
    elif form == "zip":
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("text8", text)
            archive.writestr("__MACOSX/._text8", "x")
    elif form == "gz":
        source.write_bytes(gzip.compress(text.encode()))
    else:
        tar_of(source, "w", [("text8", text)])
    assert load_corpus(source).info["train_tokens"] == 360


def test_one_of_the_three_files_is_no_text_of_its_own(tmp_path):
    folder_of(tmp_path)
    message = data_error(tmp_path / "train.txt")
    assert f"give the folder, {tmp_path}" in message


def test_a_text_that_is_too_short_for_three_is_said_to_be(tmp_path):
    (tmp_path / "book.txt").write_text("a b c d e\n")
    assert "6 words, too few to be cut into three" in data_error(tmp_path / "book.txt")


def test_what_is_no_text_is_named(tmp_path):
    (tmp_path / "book.pdf").write_bytes(b"%PDF-1.7\n\xe2\xe3\xcf\xd3")
    assert "is a PDF document" in data_error(tmp_path / "book.pdf")
    (tmp_path / "notes.docx").write_bytes(b"PK\x03\x04\x14\0\x06\0")
    assert "is a zip archive, as .docx" in data_error(tmp_path / "notes.docx")
