"""Reviews that are judged together: the lines of standard input, their order, and what stops them."""

import contextlib
import io
import os
import sys

import numpy as np
import pytest

from parts.imdb_sentiment import opinions
from recipe_kit import cli, standard_input
from recipe_kit.runs import Run, RunError
from recipe_kit.standard_input import lines_as_they_come
from rnn_kit.text import WordVocabulary

VOCABULARY = WordVocabulary(["a", "film", "superb", "dull"], 7)


class Judge:
    """The share of the last id; counts how often it is asked."""

    def __init__(self, fails_at=None):
        self.asked, self.fails_at = 0, fails_at

    def __call__(self, sequences):
        self.asked += 1
        if self.asked == self.fails_at:
            raise KeyboardInterrupt
        return np.array([sequences[i][-1] / 8 for i in range(len(sequences))])

    def opinions_of(self, reviews):
        return opinions.of_reviews(self, VOCABULARY, 4, reviews)


@pytest.fixture
def drawn(monkeypatch):
    """What was drawn, instead of drawing it."""
    drawn = []
    monkeypatch.setattr(opinions.figures, "opinion_traces", lambda traces, **_: traces)
    monkeypatch.setattr(opinions.figures, "save", lambda run, name, traces: drawn.extend(traces))
    return drawn


@pytest.fixture
def judged(monkeypatch, capsys, tmp_path):
    """`judged(judge, text)`: standard output of the judgements of the lines of a text."""

    def judged(judge, text, review="-"):
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        opinions.judge_reviews(judge.opinions_of, Run(tmp_path, {}), review)
        return capsys.readouterr().out

    return judged


@contextlib.contextmanager
def piped():
    """A stream that reads a pipe, and a function that writes to it."""
    read, write = os.pipe()
    with open(write, "wb", buffering=0) as writer, open(read, encoding="utf-8") as stream:
        yield stream, writer


# Judging


def test_lines_are_judged_together_and_answered_in_order_as_one_by_one(judged, drawn):
    lines = [f"{'superb ' * (n % 7)}film {'dull ' * (n % 3)}zq{n}" for n in range(200)]
    alone = "".join(judged(Judge(), "", review=line) for line in lines)
    judge = Judge()
    together = judged(judge, "\n".join(lines))
    assert judge.asked == 1
    answers = [line for line in alone.splitlines() if "drawn in" not in line]
    assert together.splitlines() == [*answers, together.splitlines()[-1]]
    assert together.endswith("opinion.png (the first 6 of 200)\n")
    assert len(drawn) == 200 + opinions.IN_FIGURE


def test_of_long_reviews_fewer_are_judged_at_once(judged, drawn, monkeypatch):
    monkeypatch.setattr(opinions, "TOGETHER", 40)
    judge = Judge()
    out = judged(judge, "a film superb a film superb a film superb\n" * 3 + "dull\n" * 5)
    assert judge.asked == 4 and out.count("words read") == 3 and out.count("1 word read") == 5


def test_an_interrupt_keeps_what_was_answered_and_says_how_far_that_is(
    judged, drawn, monkeypatch, capsys
):
    monkeypatch.setattr(opinions, "TOGETHER", 1)
    with pytest.raises(KeyboardInterrupt, match="line 3 of standard input is the last"):
        judged(Judge(fails_at=3), "a superb film\n\na dull film\na film\n")
    assert capsys.readouterr().out.count("words read") == 2


def test_where_no_picture_can_be_written_every_review_is_answered(
    judged, monkeypatch, capsys, tmp_path
):
    def save(*args):
        raise RunError(f"Cannot write {tmp_path} (Read-only file system).")

    monkeypatch.setattr(opinions.figures, "opinion_traces", lambda traces, **_: traces)
    monkeypatch.setattr(opinions.figures, "save", save)
    monkeypatch.setattr(sys, "stdin", io.StringIO("a superb film\n" * 9))
    opinions.judge_reviews(Judge().opinions_of, Run(tmp_path, {}), "-")
    out, error = capsys.readouterr()
    assert out.count("3 words read") == 9 and "drawn" not in out
    assert "(Read-only file system)" in error and error.endswith("every review is judged\n")
    assert error.count("\n") == 1


def test_words_are_those_of_the_line_however_it_is_written(judged, drawn):
    assert "[cafe" not in judged(Judge(), "\ufeffcafe\u0301 superb\r\n")
    assert judged(Judge(), "\n\ufeff \na film\n").count("read") == 1


# Lines


def test_lines_come_as_they_are_there():
    with piped() as (stream, writer):
        writer.write(b"one\n\ntwo\nthr")
        blocks = lines_as_they_come(stream)
        assert next(blocks) == [
            ("line 1 of standard input", "one"),
            ("line 3 of standard input", "two"),
        ]
        writer.write(b"ee\nfour")
        assert next(blocks) == [("line 4 of standard input", "three")]
        writer.close()
        assert next(blocks) == [("line 5 of standard input", "four")]
        assert list(blocks) == []


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("caf\u00e9\r\nna\u00efve\r\n".encode("utf-16"), None),
        ("caf\u00e9\rna\u00efve".encode(), None),
        ("caf\u00e9\nna\u00efve".encode("latin-1"), "latin-1"),
        ("caf\u00e9\nna\u00efve".encode("utf-16-be"), "utf-16-be"),
    ],
)
def test_lines_are_decoded_by_their_mark_or_as_is_said(data, encoding, monkeypatch):
    for block in (3, 1 << 20):
        monkeypatch.setattr(standard_input, "_BLOCK", block)
        stream = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")
        lines = [line for block in lines_as_they_come(stream, encoding) for _, line in block]
        assert lines == ["caf\u00e9", "na\u00efve"]


def test_what_is_no_utf_8_in_a_line_is_left_to_it():
    stream = io.TextIOWrapper(io.BytesIO(b"a\xe9b\nc\n"), encoding="utf-8", errors="surrogateescape")
    assert [line for block in lines_as_they_come(stream) for _, line in block] == ["a\udce9b", "c"]


def test_a_standard_input_that_cannot_be_read_is_one_line(tmp_path):
    class Folder(io.BytesIO):
        def read1(self, size=-1):
            raise IsADirectoryError(21, "Is a directory")

    with pytest.raises(cli.UserError, match=r"cannot be read .*: expected lines"):
        list(lines_as_they_come(io.TextIOWrapper(Folder(), encoding="utf-8")))
    assert list(lines_as_they_come(None)) == []


# Progress


def drawn_bar(counts, monkeypatch, capsys, live=True, seen=False, patience=0):
    """What standard error is told as so many reviews are judged."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: live, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: seen, raising=False)
    monkeypatch.setattr(opinions, "PATIENCE", patience)
    with opinions.reviews_bar() as bar:
        for count in counts:
            bar.update(count - bar.n)
    out, error = capsys.readouterr()
    assert out == ""
    return error


def test_progress_is_told_on_a_terminal_to_who_waits_long(monkeypatch, capsys):
    error = drawn_bar((0, 1000, 4000), monkeypatch, capsys)
    assert "4000 reviews" in error.split("\r")[-1] and error.endswith("\n")


@pytest.mark.parametrize("how", [{"live": False}, {"seen": True}, {"patience": 99}])
def test_no_progress_is_told_to_a_file_or_beside_the_answers_or_to_who_waits_briefly(
    how, monkeypatch, capsys
):
    assert drawn_bar((0, 1000, 4000), monkeypatch, capsys, **how) == ""
