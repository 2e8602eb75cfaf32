"""Texts for a language model: Penn Treebank, folders and archives, and lines that are made up."""

import gzip
import hashlib
import io
import os
import tarfile
import time
import unicodedata
import urllib.request
import zipfile

import numpy as np
import pytest

from recipe_kit.datasets import (
    Corpus,
    DataError,
    _corpus_archives,
    _corpus_files,
    _files,
    corpus,
    load_corpus,
)
from rnn_kit.text import TokenVocabulary

TRAIN = "the cat sat on the mat\nthe dog sat\nthe <unk> sat on it\n"
VALID = "the dog sat on the cat\n"
TEST = "it sat\nthe cow ran\n"
TEXTS = (TRAIN, VALID, TEST)
PTB = ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt")
WIKI = ("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens")
PLAIN = ("train.txt", "valid.txt", "test.txt")


def put(path, content=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def folder_of(folder, texts=TEXTS, names=PLAIN):
    for name, text in zip(names, texts, strict=True):
        put(folder / name, text)
    return folder


def entries_of(folder="simple-examples/data/", names=PTB, texts=TEXTS):
    """The members of an archive, pairs of a name and content."""
    return [(folder + name, text) for name, text in zip(names, texts, strict=True)]


def write_archive(path, members):
    """An archive of its name's kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members:
                archive.writestr(name, content)
        return path
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            data = content.encode() if isinstance(content, str) else content
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


ARCHIVES = ["a.tgz", "a.tar.gz", "a.tar", "a.zip", "A.TGZ"]


def tree(folder):
    """All that is below a folder, and when it was written."""
    return {p.relative_to(folder).as_posix(): p.stat().st_mtime_ns for p in folder.rglob("*")}


def words_of(loaded):
    decode = loaded.vocabulary.decode
    return [" ".join(decode(part)) for part in (loaded.train, loaded.validation, loaded.test)]


def with_ends(text):
    return " ".join(f"{line} <eos>" for line in text.splitlines())


def data_error(function, *args, **kwargs):
    with pytest.raises(DataError) as caught:
        function(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def assert_is_the_example(loaded):
    words = [with_ends(text) for text in TEXTS]
    words[2] = words[2].replace("cow", "<unk>").replace("ran", "<unk>")
    assert words_of(loaded) == words


@pytest.fixture(autouse=True)
def nothing_on_this_machine(request, monkeypatch, tmp_path):
    """A checkout of the test's own, no folder of data but for the tests of real data, no network."""
    if "real_data" not in request.fixturenames:
        monkeypatch.delenv("RNN_KIT_DATA", raising=False)
    monkeypatch.setattr(_files, "_HOME", tmp_path / "home")
    put(tmp_path / "home" / "pyproject.toml")

    def no_network(*args, **kwargs):
        raise AssertionError("a download was tried")

    monkeypatch.setattr(urllib.request, "urlopen", no_network)


# Words and ids


def test_each_line_ends_in_a_word_of_its_own_and_the_ids_are_those_of_the_training_part(tmp_path):
    loaded = load_corpus(folder_of(tmp_path / "own"))
    assert loaded.vocabulary.tokens == (
        *("the", "<eos>", "sat", "on"),  # 4, 3, 3 and 2 times
        *("<unk>", "cat", "dog", "it", "mat"),
    )
    assert loaded.train.tolist() == [0, 5, 2, 3, 0, 8, 1, 0, 6, 2, 1, 0, 4, 2, 3, 7, 1]
    assert loaded.validation.tolist() == [0, 6, 2, 3, 0, 5, 1]
    assert loaded.test.tolist() == [7, 2, 1, 0, 4, 4, 1]
    for part in (loaded.train, loaded.validation, loaded.test):
        assert part.dtype == np.int32 and part.ndim == 1


def test_what_a_result_records(tmp_path):
    folder = folder_of(tmp_path / "own")
    tokens = "\n\n".join(with_ends(text).replace(" ", "\n") for text in TEXTS) + "\n\n"
    expected = {
        "name": str(folder),
        "sha256": hashlib.sha256(tokens.encode()).hexdigest(),
        "vocabulary": 9,
        "distinct_words": 9,
        "train_tokens": 17,
        "train_unknown": 0,  # its own <unk> is a word like any other
        "validation_tokens": 7,
        "validation_unknown": 0,
        "test_tokens": 7,
        "test_unknown": 2,
    }
    assert load_corpus(folder).info == expected
    assert load_corpus(str(folder)).info == expected
    cut = {"vocabulary": 4, "train_unknown": 6, "validation_unknown": 3, "test_unknown": 3}
    assert load_corpus(folder, 4).info == {**expected, **cut}


def test_the_hash_is_that_of_the_words_and_of_the_parts_they_are_in(tmp_path):
    def sha256(name, *texts):
        return load_corpus(folder_of(tmp_path / name, texts)).info["sha256"]

    expected = sha256("a", "a b\nc <unk>\n", "a\n", "b\n")
    assert sha256("b", " a\tb \r\n\n  c <unk>", "a", "\ufeffb") == expected
    assert sha256("c", "a b\nc <unk>\n", "b\n", "a\n") != expected
    assert sha256("d", "a b\nc <unk>\na\n", "b\n", "b\n") != expected
    assert sha256("e", "a b\nc <unk>\n", "a\n", "c\n") != expected


def test_unseen_words_are_told(tmp_path):
    unseen = [f"new{i}" for i in range(12)]
    folder = folder_of(tmp_path / "own", (TRAIN, VALID, " ".join(["the", *unseen, "new3"]) + "\n"))
    loaded = load_corpus(folder)
    assert loaded.notes == (
        "test: 13 of 15 tokens not in the vocabulary, read as <unk>: 'new0', 'new1', 'new2', 'new3', "
        "'new4', 'new5', 'new6', 'new7' and 4 more",
    )
    assert loaded.test.tolist() == [0] + [loaded.vocabulary.unknown] * 13 + [loaded.vocabulary.end]
    assert load_corpus(folder_of(tmp_path / "known", (TRAIN, VALID, VALID))).notes == ()


def test_the_unknown_word_itself_is_not_counted_as_unseen(tmp_path):
    loaded = load_corpus(folder_of(tmp_path / "own", (TRAIN, VALID, "<unk> <unk> sat\n")))
    assert loaded.info["test_unknown"] == 0 and loaded.notes == ()


def test_a_cut_vocabulary_reads_rare_words_as_unknown(tmp_path):
    texts = ("a a a b b c d\n", "a b c d\n", "a e\n")
    loaded = load_corpus(folder_of(tmp_path / "own", texts), 4)
    assert loaded.vocabulary.tokens == ("a", "<unk>", "b", "<eos>")
    assert words_of(loaded) == [
        "a a a b b <unk> <unk> <eos>",
        "a b <unk> <unk> <eos>",
        "a <unk> <eos>",
    ]
    assert loaded.notes == (
        "train: 2 of 8 tokens read as <unk>, to keep 4 of 5 words",
        "validation: 2 of 5 tokens not in the vocabulary, read as <unk>: 'c', 'd'",
        "test: 1 of 3 tokens not in the vocabulary, read as <unk>: 'e'",
    )
    assert load_corpus(folder_of(tmp_path / "own", texts), np.int64(4)).info == loaded.info


def test_a_size_that_cuts_nothing_off_changes_nothing(tmp_path):
    folder = folder_of(tmp_path / "own")
    for size in (9, 10, 10**9):
        assert load_corpus(folder, size).vocabulary == load_corpus(folder).vocabulary


def test_without_an_unknown_word_the_words_that_come_once_are_read_as_it(tmp_path):
    folder = folder_of(tmp_path / "own", ("a b b c\na a\n", "a b x\n", "a y z\n"))
    for size in (None, 5, 9):  # none of which cuts any off
        loaded = load_corpus(folder, size)
        assert loaded.vocabulary.tokens == ("a", "<eos>", "b", "<unk>")
        assert words_of(loaded) == [
            "a b b <unk> <eos> a a <eos>",
            "a b <unk> <eos>",
            "a <unk> <unk> <eos>",
        ]
        assert loaded.notes[0] == (
            "train: 1 of 8 tokens read as <unk>, its rarest word (1 time), since it has no <unk> for "
            "words that only the others have"
        )
        assert [loaded.info[f"{part}_unknown"] for part in ("train", "validation", "test")] == [1, 1, 2]


def test_without_an_unknown_word_and_without_need_of_one_every_word_has_its_id(tmp_path):
    loaded = load_corpus(folder_of(tmp_path, ("a b b c\n", "a b\n", "c\n")))
    assert loaded.vocabulary.unknown is None and loaded.notes == ()
    assert len(loaded.vocabulary) == 4


def test_so_many_rare_words_become_unknown_that_the_model_can_learn_it(tmp_path):
    # One word comes once, which is less than a thousandth; a hundred come twice.
    twice = " ".join(f"w{i} w{i}" for i in range(100))
    text = f"once {twice} {'often ' * 3000}\n"
    loaded = load_corpus(folder_of(tmp_path, (text, "new\n", "often\n")))
    assert loaded.vocabulary.tokens == ("often", "<unk>", "<eos>")
    assert loaded.info["train_unknown"] == 201 and "at most 2 times each" in loaded.notes[0]


@pytest.mark.parametrize(("train", "known"), [("a b c a b c\n", "a b"), ("x a a a a\n" * 2000, "a")])
def test_some_word_is_always_left_beside_the_unknown_one(train, known, tmp_path):
    loaded = load_corpus(folder_of(tmp_path, (train, "new\n", "a\n")))
    assert set(loaded.vocabulary.tokens) == {*known.split(), "<unk>", "<eos>"}
    assert loaded.info["train_unknown"] > 0


def test_a_text_of_one_word_can_have_no_unknown_one(tmp_path):
    message = data_error(load_corpus, folder_of(tmp_path / "own", ("a a\n", "a x\n", "a\n")))
    assert "'x'" in message and "--vocab-size" not in message and "more text" in message


@pytest.mark.parametrize("size", [2, 0, -5, 3.0, "9", True])
def test_a_size_below_three_is_refused(size, tmp_path):
    folder = folder_of(tmp_path / "own")
    for call in (lambda: load_corpus(folder, size), lambda: Corpus.from_lines("x", [], [], [], size)):
        message = data_error(call)
        assert "at least 3" in message and message.endswith(f"Received: {size!r}")


# Lines of words


def test_lines_of_words_make_the_corpus_that_their_text_makes(tmp_path):
    loaded = load_corpus(folder_of(tmp_path / "own"), 6)
    lines = [[line.split() for line in text.splitlines()] for text in TEXTS]
    made = Corpus.from_lines("made", *(iter(part) for part in lines), vocab_size=6)
    assert made.vocabulary == loaded.vocabulary and made.notes == loaded.notes
    assert words_of(made) == words_of(loaded)
    assert made.info == {**loaded.info, "name": "made"}
    assert lines[1] == [VALID.split()]  # as they were


def test_words_can_be_known_that_the_training_part_does_not_have():
    made = Corpus.from_lines("made", [["b"], ["b"]], [["a"]], [["c", "b"]], words=("a", "b", "c"))
    assert made.vocabulary.tokens == ("<eos>", "b", "a", "c")
    assert made.validation.tolist() == [2, 0] and made.test.tolist() == [3, 1, 0]
    assert made.notes == () and made.info["distinct_words"] == 2


def test_a_line_that_has_its_end_gets_no_second_and_an_empty_one_none():
    made = Corpus.from_lines("made", [["a"], [], ["b", "<eos>"]], [("a",)], [["b", "<eos>", "a"]])
    assert words_of(made) == ["a <eos> b <eos>", "a <eos>", "b <eos> a <eos>"]


def test_errors_about_lines_name_the_corpus_and_the_part():
    for empty in ([], [[]], [["<eos>"]]):
        message = data_error(Corpus.from_lines, "made", [["a"]], empty, [["a"]])
        assert message.startswith("made: validation part holds no word")
    assert "made: train part" in data_error(Corpus.from_lines, "made", [["a"]], [["a"]], [["b"]])
    assert "received one text" in data_error(Corpus.from_lines, "made", ["a b"], [["a"]], [["a"]])


def test_a_corpus_does_not_change_and_is_equal_to_itself_alone(tmp_path):
    folder = folder_of(tmp_path / "own")
    loaded, again = load_corpus(folder), load_corpus(folder)
    with pytest.raises(AttributeError):
        loaded.train = again.train
    assert loaded == loaded and loaded != again


# Text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_make_no_difference(end, last, mark, tmp_path):
    texts = [(text if last else text.removesuffix("\n")).replace("\n", end) for text in TEXTS]
    assert_is_the_example(load_corpus(folder_of(tmp_path, [mark + t.encode() for t in texts])))


def test_blank_lines_are_skipped_and_any_white_space_is_between_words(tmp_path):
    spaced = "\n \n\r\n" + TRAIN.replace(" ", " \t\u00a0 ").replace("\n", " \n\n\t\n") + "\n"
    assert_is_the_example(load_corpus(folder_of(tmp_path, (spaced, VALID, TEST))))


def test_words_are_composed_and_otherwise_as_they_are(tmp_path):
    word = "d\u00e9j\u00e0"
    split = unicodedata.normalize("NFD", word)
    assert split != word
    texts = (f"{word} Film film. <br/>\n", f"{split} film.\n", f"{word}\n")
    loaded = load_corpus(folder_of(tmp_path, texts))
    assert words_of(loaded)[:2] == [f"{word} Film film. <br/> <eos>", f"{word} film. <eos>"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("wrong", "byte"), [(b"\xff", "0xff"), (b"\0", "NUL byte"), (b"\xe9t", "0xe9")]
)
def test_what_is_no_utf8_is_named_with_its_place(wrong, byte, end, tmp_path):
    before = f"the cat{end}{end}sat ".encode()
    folder = folder_of(tmp_path, (TRAIN, before + wrong + b"\n", TEST))
    message = data_error(load_corpus, folder)
    assert str(folder / "valid.txt") in message
    assert f"{byte} at byte offset {len(before)} (line 3)" in message
    archive = write_archive(tmp_path / "a.zip", entries_of("", PLAIN, (TRAIN, before + wrong, TEST)))
    assert f"'valid.txt' in {archive} is not UTF-8 text" in data_error(load_corpus, archive)


@pytest.mark.parametrize("content", ["", "\n \r\n\t\n", "\ufeff", "<eos>\n<eos>\n"])
@pytest.mark.parametrize("place", range(3))
def test_a_file_without_a_word_is_named(content, place, tmp_path):
    texts = list(TEXTS)
    texts[place] = content
    message = data_error(load_corpus, folder_of(tmp_path, texts))
    assert message.startswith(f"{tmp_path / PLAIN[place]} holds no word")


def test_a_long_text_is_quick(tmp_path):
    text = TRAIN * 50_000  # 2.8 MB
    start = time.perf_counter()
    loaded = load_corpus(folder_of(tmp_path, (text, VALID, TEST)))
    assert time.perf_counter() - start < 6  # a quarter of a second on a laptop
    assert len(loaded.train) == 17 * 50_000


# Folders


@pytest.mark.parametrize("names", [PTB, WIKI, PLAIN])
@pytest.mark.parametrize("below", ["", "data"])
def test_a_folder_of_any_known_names_is_taken(names, below, tmp_path):
    folder_of(tmp_path / "own" / below, names=names)
    for source in (tmp_path / "own", f"{tmp_path / 'own'}/"):
        assert_is_the_example(load_corpus(source))


@pytest.mark.parametrize("name", ["valid.txt", "validation.txt", "dev.txt"])
def test_the_validation_part_has_three_names(name, tmp_path):
    assert_is_the_example(load_corpus(folder_of(tmp_path, names=("train.txt", name, "test.txt"))))


def test_of_several_whole_sets_the_first_known_one_is_taken(tmp_path):
    other = ("x\n", "x\n", "x\n")
    folder_of(tmp_path / "data", other, PTB)
    folder_of(tmp_path, other, PLAIN)
    folder_of(tmp_path, other, WIKI)
    folder_of(tmp_path, TEXTS, PTB)
    assert_is_the_example(load_corpus(tmp_path))
    (tmp_path / PTB[2]).unlink()
    folder_of(tmp_path, TEXTS, WIKI)
    assert_is_the_example(load_corpus(tmp_path))
    (tmp_path / WIKI[0]).unlink()
    folder_of(tmp_path, TEXTS, PLAIN)
    assert_is_the_example(load_corpus(tmp_path))


def test_two_files_for_one_part_are_named(tmp_path):
    put(folder_of(tmp_path) / "dev.txt", VALID)
    message = data_error(load_corpus, tmp_path)
    assert f"{tmp_path} holds 2 files for validation: 'dev.txt', 'valid.txt'" in message


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("train.txt", "test.txt"), "validation (valid.txt or validation.txt or val.txt or dev.txt)"),
        (("ptb.train.txt", "ptb.valid.txt"), "test (ptb.test.txt)"),
        (("ptb.test.txt",), "train (ptb.train.txt), validation (ptb.valid.txt)"),
        (("train.txt", "ptb.valid.txt", "ptb.test.txt"), "train (ptb.train.txt)"),
        ((), "train, validation, test"),
    ],
)
def test_a_missing_part_is_named_with_what_is_there(names, missing, tmp_path):
    (tmp_path / "notes").mkdir()
    for name in ("README", ".hidden", *names):
        put(tmp_path / name, TRAIN)
    put(tmp_path / "data" / "more.csv")
    message = data_error(load_corpus, tmp_path)
    assert f"{tmp_path} has no file for {missing}: expected ptb.train.txt, ptb.valid.txt" in message
    for name in ("README", "notes/", "data/", "data/more.csv", *names):
        assert f"'{name}'" in message.partition("it holds")[2]
    assert ".hidden" not in message


def test_an_empty_folder_holds_nothing(tmp_path):
    (tmp_path / "own").mkdir()
    assert data_error(load_corpus, tmp_path / "own").endswith("it holds nothing")


def test_a_folder_of_that_name_is_no_file(tmp_path):
    folder_of(tmp_path)
    (tmp_path / "test.txt").unlink()
    (tmp_path / "test.txt").mkdir()
    message = data_error(load_corpus, tmp_path)
    assert "no file for test" in message and "'test.txt/'" in message


def test_a_folder_or_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    folder_of(tmp_path)

    def forbidden(path, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(corpus.Path, "iterdir", forbidden)
        assert f"{tmp_path} cannot be read (Permission denied)" in data_error(load_corpus, tmp_path)
    archive = write_archive(tmp_path / "a.zip", entries_of())
    monkeypatch.setattr("builtins.open", forbidden)
    for source, file in ((tmp_path, tmp_path / "train.txt"), (archive, archive)):
        assert f"{file} cannot be read (Permission denied)" in data_error(load_corpus, source)


def test_a_file_whose_reading_fails_is_named(tmp_path, monkeypatch):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError(5, "Input/output error")

    folder = folder_of(tmp_path)
    monkeypatch.setattr(_corpus_files, "open_binary", lambda path: Broken())
    message = data_error(load_corpus, folder)
    assert f"{folder / 'train.txt'} cannot be read (Input/output error)" in message


# Names and paths


@pytest.mark.parametrize("source", ["nonsense", "", "no/such/folder", "missing.tgz", "PTB"])
def test_an_unknown_name_is_told_what_there_is(source):
    message = data_error(load_corpus, source)
    assert f"called {source!r}" in message
    for known in ("ptb", "ptb.train.txt", "train.txt", ".tgz", ".zip"):
        assert known in message


def test_a_missing_path_is_named(tmp_path):
    for name in ("own", "own.tgz"):
        assert f"{tmp_path / name} is missing" in data_error(load_corpus, tmp_path / name)


def test_a_pipe_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "a.tgz")
    assert "neither a regular file nor a folder" in data_error(load_corpus, tmp_path / "a.tgz")
    folder = folder_of(tmp_path / "own")
    (folder / "test.txt").unlink()
    os.mkfifo(folder / "test.txt")
    assert "no file for test" in data_error(load_corpus, folder)


def test_the_known_name_means_the_known_set_where_a_folder_is_called_so_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder_of(tmp_path / "ptb")
    assert "Penn Treebank" in data_error(load_corpus, "ptb")
    for source in ("./ptb", corpus.Path("ptb")):
        assert_is_the_example(load_corpus(source))


# Archives


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("prefix", ["./simple-examples/data/", "data/", "", "a/b/"])
@pytest.mark.parametrize("names", [PTB, WIKI, PLAIN])
def test_an_archive_is_read_as_it_is_and_nothing_is_written(name, prefix, names, tmp_path, monkeypatch):
    path = write_archive(tmp_path / name, entries_of(prefix, names))
    path.chmod(0o400)
    monkeypatch.chdir(tmp_path)
    before = tree(tmp_path)
    loaded = load_corpus(path)
    assert_is_the_example(loaded)
    assert tree(tmp_path) == before
    assert loaded.info["name"] == str(path)
    folder = folder_of(tmp_path / "own")
    assert load_corpus(folder).info["sha256"] == loaded.info["sha256"]


@pytest.mark.parametrize("name", ARCHIVES)
def test_mikolovs_archive_has_more_in_it_that_is_passed_over(name, tmp_path):
    other = [
        *entries_of("./simple-examples/data/", ["ptb.char.train.txt", "ptb.char.valid.txt", "README"]),
        *entries_of("./simple-examples/models/", PTB, ("x\n", "x\n", "x\n")),
        *entries_of("./simple-examples/", PLAIN, ("x\n", "x\n", "x\n")),
        ("./simple-examples/rnnlm-0.2b/rnnlm", b"\x7fELF\0\xff"),
    ]
    wanted = entries_of("./simple-examples/data/")
    for n, members in enumerate((other + wanted[::-1], wanted + other)):
        assert_is_the_example(load_corpus(write_archive(tmp_path / str(n) / name, members)))


@pytest.mark.parametrize("name", ARCHIVES)
def test_two_members_for_one_part_are_named(name, tmp_path):
    members = [*entries_of("a/"), ("b/ptb.valid.txt", VALID)]
    message = data_error(load_corpus, write_archive(tmp_path / name, members))
    assert "2 files for validation: 'a/ptb.valid.txt', 'b/ptb.valid.txt'" in message
    assert str(tmp_path / name) in message


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ARCHIVES)
def test_one_member_put_in_twice_is_two(name, tmp_path):
    members = [*entries_of("data/"), ("data/ptb.test.txt", VALID)]
    message = data_error(load_corpus, write_archive(tmp_path / name, members))
    assert "2 files for test: 'data/ptb.test.txt', 'data/ptb.test.txt'" in message


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize(
    "bad",
    [
        "../evil.txt",
        "/etc/evil.txt",
        "data/../../evil.txt",
        "data/..",
        "..\\evil.txt",
        "\\evil.txt",
        "C:\\evil.txt",
        "c:evil.txt",
    ],
)
def test_a_member_that_points_out_of_the_archive_is_refused_wherever_it_is(name, bad, tmp_path):
    for n, members in enumerate(([(bad, "x"), *entries_of()], [*entries_of(), (bad, "x")])):
        message = data_error(load_corpus, write_archive(tmp_path / str(n) / name, members))
        assert repr(bad) in message and "points out of the archive" in message
        assert str(tmp_path / str(n) / name) in message


@pytest.mark.parametrize("name", ["a.tgz", "a.zip"])
@pytest.mark.parametrize("good", ["..evil.txt", "a..b/x.txt", "data/...", "notes: 1.txt"])
def test_two_dots_in_a_name_are_no_path(name, good, tmp_path):
    members = [(good, "x"), *entries_of()]
    assert_is_the_example(load_corpus(write_archive(tmp_path / name, members)))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_what_is_no_file_in_a_tar_archive_is_not_followed(kind, tmp_path):
    secret = put(tmp_path / "secret.txt", TEST)
    path = tmp_path / "a.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for entry, text in entries_of("data/")[:2]:
            info = tarfile.TarInfo(entry)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("data/ptb.test.txt")
        link.type = kind
        link.linkname = str(secret) if kind == tarfile.SYMTYPE else "data/ptb.valid.txt"
        archive.addfile(link)
    message = data_error(load_corpus, path)
    assert f"{path} has no file for test (ptb.test.txt)" in message
    assert ("'data/ptb.test.txt (a link)'" in message) == (kind != tarfile.DIRTYPE)


def test_a_link_in_a_zip_archive_is_not_followed(tmp_path):
    path = write_archive(tmp_path / "a.zip", entries_of("data/")[:2])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo("data/test.txt/"), "")  # a folder
        link = zipfile.ZipInfo("data/ptb.test.txt")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "ptb.valid.txt")
    message = data_error(load_corpus, path)
    assert "'data/ptb.test.txt (a link)'" in message and "data/test.txt" not in message


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_member_that_is_too_large_is_refused_before_it_is_read(name, tmp_path, monkeypatch):
    path = write_archive(tmp_path / name, entries_of())
    monkeypatch.setattr(_corpus_archives, "_LARGEST", len(TRAIN))
    assert_is_the_example(load_corpus(path))
    monkeypatch.setattr(_corpus_archives, "_LARGEST", len(TRAIN) - 1)

    def read(*args, **kwargs):
        raise AssertionError("it was read")

    monkeypatch.setattr(tarfile.TarFile, "extractfile", read)
    monkeypatch.setattr(zipfile.ZipFile, "read", read)
    message = data_error(load_corpus, path)
    assert f"'simple-examples/data/ptb.train.txt' of {len(TRAIN)} bytes" in message


def test_a_member_that_declares_three_gigabytes_is_refused_at_once(tmp_path):
    info = tarfile.TarInfo("data/ptb.train.txt")
    info.size = 3 << 30
    path = tmp_path / "a.tgz"
    path.write_bytes(gzip.compress(info.tobuf() + bytes(10_240)))
    assert "of 3,221,225,472 bytes: expected at most 2,147,483,648" in data_error(load_corpus, path)


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_lacks_a_part_tells_what_it_holds(name, tmp_path):
    members = [*entries_of("data/")[:2], ("data/ptb.char.test.txt", "x")]
    message = data_error(load_corpus, write_archive(tmp_path / name, members))
    assert f"{tmp_path / name} has no file for test (ptb.test.txt): expected" in message
    assert "'data/ptb.char.test.txt'" in message
    assert data_error(load_corpus, write_archive(tmp_path / name, [])).endswith("it holds nothing")


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_is_cut_short_is_told(name, tmp_path, rng):
    # So large that cuts fall into each of the files.
    long = ["<unk> " + " ".join(map(str, rng.integers(0, 10**6, 600))) for _ in range(3)]
    path = write_archive(tmp_path / name, entries_of(texts=long))
    whole = path.read_bytes()
    end = len(whole)
    if path.suffix == ".tar":  # whose end is blocks of zeros, of which the first will do
        end = (len(whole.rstrip(b"\0")) // 512 + 2) * 512
        path.write_bytes(whole[:end])
        load_corpus(path)
    for length in (0, 1, 10, 600, 1024, *range(100, end, end // 25), end - 512, end - 30, end - 1):
        path.write_bytes(whole[:length])
        message = data_error(load_corpus, path)
        assert f"{path} is cut short or damaged (" in message


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_bit_turned_round_anywhere_is_one_line_or_another_text(name, tmp_path, rng):
    """Whatever the modules for archives make of it; a compressed text is whole or refused."""
    path = write_archive(tmp_path / name, entries_of())
    whole, expected = path.read_bytes(), load_corpus(path)
    errors = 0
    places = np.unique(rng.integers(0, len(whole.rstrip(b"\0")), 250))
    for place in places:
        bit = bytes([whole[place] ^ 1 << place % 8])
        path.write_bytes(whole[:place] + bit + whole[place + 1 :])
        try:
            loaded = load_corpus(path)
        except DataError as error:
            errors += 1
            assert str(path) in str(error) and "\n" not in str(error)
        else:
            if path.suffix != ".tar":  # which has no checksum of the files' content
                assert words_of(loaded) == words_of(expected)
    assert errors > len(places) / 4


def test_a_tar_archive_whose_later_header_is_damaged_is_told(tmp_path):
    path = write_archive(tmp_path / "a.tar", [*entries_of(), ("more", "x")])
    data = bytearray(path.read_bytes())
    data[data.index(b"more")] ^= 1
    path.write_bytes(data)
    assert f"{path} is cut short or damaged (" in data_error(load_corpus, path)


def test_an_encrypted_zip_archive_is_told(tmp_path):
    path = write_archive(tmp_path / "a.zip", entries_of())
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    data[6] |= 1
    path.write_bytes(data)
    message = data_error(load_corpus, path)
    assert "encrypted" in message.partition(": expected")[0] and str(path) in message


@pytest.mark.parametrize("name", ARCHIVES)
def test_what_is_no_archive_is_told(name, tmp_path):
    path = put(tmp_path / name, TRAIN * 100)
    assert f"{path} is cut short or damaged (" in data_error(load_corpus, path)


# Penn Treebank


def test_where_the_treebank_is_nowhere_the_error_says_what_to_do(tmp_path, monkeypatch):
    target = tmp_path / "home" / "data" / "ptb"
    message = data_error(load_corpus, "ptb")
    assert f"Tried: $RNN_KIT_DATA (not set); {target / 'ptb.train.txt'} (no such file)." in message
    assert "http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz" in message
    assert f"into {target}," in message
    assert "`--data simple-examples.tgz`" in message and "`--preset smoke`" in message
    monkeypatch.setenv("RNN_KIT_DATA", str(tmp_path / "shared"))
    message = data_error(load_corpus, "ptb")
    place = tmp_path / "shared" / "ptb" / "ptb.train.txt"
    assert f"Tried: {place} (no such file); {target}" in message
    place.mkdir(parents=True)
    assert f"Tried: {place} (a folder, not a file); {target}" in data_error(load_corpus, "ptb")


@pytest.fixture
def small_treebank(monkeypatch):
    monkeypatch.setattr(corpus, "PTB_TOKENS", (17, 7, 4))
    monkeypatch.setattr(corpus, "PTB_WORDS", 9)
    return (TRAIN, VALID, "it sat on\n")


def test_the_treebank_is_looked_for_in_the_users_folder_and_then_in_the_projects(
    tmp_path, monkeypatch, small_treebank
):
    monkeypatch.setenv("RNN_KIT_DATA", str(tmp_path / "shared"))
    folder_of(tmp_path / "home" / "data" / "ptb", small_treebank, PTB)
    assert words_of(load_corpus("ptb"))[2] == "it sat on <eos>"
    folder_of(tmp_path / "shared" / "ptb", (*small_treebank[:2], "on it sat\n"), PTB)
    loaded = load_corpus("ptb")
    assert words_of(loaded)[2] == "on it sat <eos>"
    assert loaded.info["name"] == "ptb" and loaded.notes == ()


def test_a_treebank_that_lacks_a_part_is_told(tmp_path, small_treebank):
    folder = folder_of(tmp_path / "home" / "data" / "ptb", small_treebank, PTB)
    (folder / PTB[1]).unlink()
    message = data_error(load_corpus, "ptb")
    assert f"{folder} has no file for validation (ptb.valid.txt)" in message


def test_a_treebank_with_other_counts_is_refused_and_can_be_used_by_its_path(tmp_path, small_treebank):
    folder = tmp_path / "home" / "data" / "ptb"
    texts = (TRAIN.replace("mat", "cat"), VALID + "the\n", "it sat\n")
    folder_of(folder, texts, PTB)
    message = data_error(load_corpus, "ptb")
    assert message.startswith(f"{folder} is not the Penn Treebank as published")
    assert "9 tokens in ptb.valid.txt, 2 more than 7;" in message
    assert "3 tokens in ptb.test.txt, 1 fewer than 4;" in message
    assert "8 distinct words in ptb.train.txt, 1 fewer than 9." in message
    assert "tokens in ptb.train.txt" not in message
    assert f"`--data {folder}`" in message
    assert len(load_corpus(str(folder)).test) == 3
    for part, text in enumerate(small_treebank):
        folder_of(folder, small_treebank, PTB)
        put(folder / PTB[part], text + "the\n")
        assert f"in {PTB[part]}, 2 more than" in data_error(load_corpus, "ptb")


def test_a_damaged_treebank_is_told_by_its_counts_where_it_also_lacks_the_unknown_word(
    tmp_path, small_treebank
):
    texts = (TRAIN.replace("<unk>", "cat"), VALID, "it sat off\n")
    folder_of(tmp_path / "home" / "data" / "ptb", texts, PTB)
    message = data_error(load_corpus, "ptb")
    assert "8 distinct words in ptb.train.txt, 1 fewer than 9" in message


def test_the_counts_of_the_treebank_are_checked_before_it_is_cut(tmp_path, small_treebank):
    folder_of(tmp_path / "home" / "data" / "ptb", small_treebank, PTB)
    loaded = load_corpus("ptb", 5)
    assert loaded.info["vocabulary"] == 5 and loaded.info["distinct_words"] == 9


@pytest.fixture
def treebank(real_data):
    if not all((real_data / "ptb" / name).is_file() for name in PTB):
        pytest.skip(f"$RNN_KIT_DATA holds no ptb/{', ptb/'.join(PTB)}")
    return real_data / "ptb"


def test_the_treebank_itself_has_the_published_counts_and_the_tutorials_ids(treebank):
    loaded = load_corpus("ptb")
    assert [len(p) for p in (loaded.train, loaded.validation, loaded.test)] == [929_589, 73_760, 82_430]
    assert len(loaded.vocabulary) == loaded.info["distinct_words"] == 10_000
    assert loaded.notes == () and loaded.info["test_unknown"] == 0
    assert loaded.vocabulary.tokens[:5] == ("the", "<unk>", "<eos>", "N", "of")
    # What TensorFlow's PTB tutorial reads, whose order is the same.
    assert loaded.train[:8].tolist() == [9970, 9971, 9972, 9974, 9975, 9976, 9980, 9981]
    found = np.bincount(loaded.train)
    assert (np.diff(found) <= 0).all() and found[0] == 50_770 and found.min() == 1
    assert (loaded.train == loaded.vocabulary.end).sum() == 42_068


def test_the_treebank_can_be_read_from_an_archive(treebank, tmp_path):
    expected = load_corpus("ptb")
    texts = [(treebank / name).read_bytes() for name in PTB]
    path = write_archive(tmp_path / "simple-examples.tgz", entries_of(texts=texts))
    loaded = load_corpus(path)
    assert loaded.info == {**expected.info, "name": str(path)}
    np.testing.assert_array_equal(loaded.test, expected.test)
    cut = load_corpus(path, 5000)
    assert len(cut.vocabulary) == 5000 and isinstance(cut.vocabulary, TokenVocabulary)
    assert (np.diff(np.bincount(cut.train)) <= 0).all()
    assert len(cut.notes) == 3 and "5,000 of 10,000 words" in cut.notes[0]
