"""Numbering the words of a language model, of which the end of a line and the unknown word are two."""

import json
import os
import time
from collections import Counter

import numpy as np
import pytest

from rnn_kit.text import EOS, UNK, CharVocabulary, TextError, TokenVocabulary, WordVocabulary

WORDS = ["the", "<unk>", "cat", "<eos>", "été"]
CLOSED = ["the", "cat", "<eos>"]  # without an unknown word


def error_line(function, *args, **kwargs):
    with pytest.raises(TextError) as caught:
        function(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


# Words and ids


def test_ids_are_places_from_zero_on():
    vocabulary = TokenVocabulary(WORDS)
    assert (EOS, UNK) == ("<eos>", "<unk>")
    assert vocabulary.tokens == tuple(WORDS)
    assert [vocabulary.id_of(word) for word in WORDS] == [0, 1, 2, 3, 4]
    assert vocabulary.id_of("absent") is None
    assert len(vocabulary) == 5
    assert (vocabulary.end, vocabulary.unknown) == (3, 1)
    assert (TokenVocabulary(CLOSED).end, TokenVocabulary(CLOSED).unknown) == (2, None)
    assert repr(vocabulary) == "<TokenVocabulary of 5 words>"


def test_words_become_ids_and_unseen_ones_unknown():
    vocabulary = TokenVocabulary(WORDS)
    ids = vocabulary.encode(["a", "cat", "<unk>", "The", "été", "<eos>"])
    assert ids.tolist() == [1, 2, 1, 1, 4, 3]
    assert ids.dtype == np.int32 and ids.shape == (6,)
    nothing = vocabulary.encode([])
    assert nothing.shape == (0,) and nothing.dtype == np.int32


def test_any_iterable_of_words_is_taken():
    for vocabulary in (TokenVocabulary(WORDS), TokenVocabulary(iter(CLOSED))):
        end = vocabulary.end
        assert vocabulary.encode(w for w in ("the", "<eos>")).tolist() == [0, end]
        assert vocabulary.encode(("<eos>",)).tolist() == [end]


def test_without_an_unknown_word_the_unseen_ones_are_named():
    vocabulary = TokenVocabulary(CLOSED)
    assert vocabulary.encode(CLOSED).tolist() == [0, 1, 2]
    message = error_line(vocabulary.encode, (w for w in ["a", "cat", "a", "dog"]))
    assert message.startswith("2 words are not in this vocabulary of 3")
    assert message.endswith("'a', 'dog'") and "'<unk>'" in message
    assert error_line(vocabulary.encode, ["x"]).startswith("1 word is not")
    many = error_line(vocabulary.encode, [f"w{i}" for i in range(30)])
    assert "30 words" in many and many.endswith("'w7' and 22 more")


def test_unseen_words_come_once_in_the_order_of_their_first_appearance():
    words = ["z", "the", "a", "z", "<eos>", "m", "a"]
    assert TokenVocabulary(WORDS).unseen(words) == ["z", "a", "m"]
    assert TokenVocabulary(CLOSED).unseen(iter(words)) == ["z", "a", "m"]
    assert TokenVocabulary(CLOSED).unseen(["<unk>"]) == ["<unk>"]
    assert TokenVocabulary(WORDS).unseen(WORDS) == []


def test_ids_decode_to_words():
    vocabulary = TokenVocabulary(WORDS)
    assert vocabulary.decode(range(5)) == WORDS
    assert vocabulary.decode(np.array([4, 0, 1], np.uint8)) == ["été", "the", "<unk>"]
    assert vocabulary.decode([]) == []


@pytest.mark.parametrize("wrong", [-1, 5, 10_000])
def test_an_id_that_stands_for_nothing_is_named(wrong):
    message = error_line(TokenVocabulary(WORDS).decode, [1, 4, wrong])
    assert "0 to 4" in message
    assert message.endswith(f"received {wrong}")


@pytest.mark.parametrize("ids", [[[1, 2]], [1.0], 1])
def test_what_is_no_row_of_integers_is_not_decoded(ids):
    assert "one-dimensional array of integers" in error_line(TokenVocabulary(WORDS).decode, ids)


def test_vocabularies_are_equal_when_words_and_order_are():
    assert TokenVocabulary(WORDS) == TokenVocabulary(tuple(WORDS))
    assert hash(TokenVocabulary(WORDS)) == hash(TokenVocabulary(tuple(WORDS)))
    assert TokenVocabulary(WORDS) != TokenVocabulary(WORDS[::-1])
    assert TokenVocabulary(CLOSED) != WordVocabulary(CLOSED)
    assert TokenVocabulary(CLOSED) != CharVocabulary("ab")


def test_what_is_no_vocabulary_is_refused():
    assert "more than once: 'the'" in error_line(TokenVocabulary, ["the", "<eos>", "the"])
    assert "received ''" in error_line(TokenVocabulary, ["<eos>", ""])
    assert "received 7" in error_line(TokenVocabulary, ["<eos>", 7])
    assert "at least one word" in error_line(TokenVocabulary, [])
    message = error_line(TokenVocabulary, ["the", "<unk>"])
    assert "'<eos>'" in message and "2 words" in message


def test_a_text_is_not_taken_for_words():
    vocabulary = TokenVocabulary([*"abc", "<eos>", "<unk>"])
    for function in (vocabulary.encode, vocabulary.unseen, TokenVocabulary):
        assert "received one text" in error_line(function, "abc")


# Counts


def test_the_most_frequent_come_first_and_ties_in_alphabetical_order():
    counts = Counter({"b": 2, "<eos>": 5, "a": 2, "z": 9, "c": 3})
    words = ("z", "<eos>", "c", "a", "b")
    assert TokenVocabulary.from_counts(counts).tokens == words
    for size in (5, 6, 10_000):  # nothing to cut off
        assert TokenVocabulary.from_counts(counts, size).tokens == words


def test_what_is_cut_off_counts_as_the_unknown_word():
    counts = Counter({"a": 9, "<eos>": 7, "b": 6, "c": 5, "d": 4, "e": 4, "f": 1})
    before = dict(counts)
    for size, words in [
        (6, ["a", "<eos>", "b", "<unk>", "c", "d"]),  # e and f: 5, as "c", which "<" is before
        (5, ["<unk>", "a", "<eos>", "b", "c"]),  # d, e and f: 9
        (4, ["<unk>", "a", "<eos>", "b"]),  # 14
        (3, ["<unk>", "a", "<eos>"]),
    ]:
        assert TokenVocabulary.from_counts(counts, size).tokens == tuple(words)
    assert counts == before


def test_ids_stay_in_the_order_of_frequency_after_a_cut(rng):
    for size in (3, 4, 10, 40, 99):
        words = [f"w{i}" for i in rng.zipf(1.3, 5000) % 120] + [EOS] * 60
        vocabulary = TokenVocabulary.from_counts(Counter(words), size)
        assert len(vocabulary) == size
        found = np.bincount(vocabulary.encode(words), minlength=size)
        assert (np.diff(found) <= 0).all() and found.sum() == len(words)


def test_an_unknown_word_that_was_counted_keeps_its_count():
    counts = {"<unk>": 3, "<eos>": 4, "a": 6, "b": 2, "c": 2}
    assert TokenVocabulary.from_counts(counts).tokens == ("a", "<eos>", "<unk>", "b", "c")
    assert TokenVocabulary.from_counts(counts, 4).tokens == ("a", "<unk>", "<eos>", "b")
    assert TokenVocabulary.from_counts(counts, 3).tokens == ("<unk>", "a", "<eos>")


def test_the_end_of_a_line_is_kept_however_rare():
    counts = {"<eos>": 1, "a": 5, "b": 4, "c": 3, "d": 2}
    assert TokenVocabulary.from_counts(counts, 4).tokens == ("<unk>", "a", "b", "<eos>")
    del counts["<eos>"]
    assert TokenVocabulary.from_counts(counts, 3).tokens == ("<unk>", "a", "<eos>")
    assert "'<eos>'" in error_line(TokenVocabulary.from_counts, counts)


@pytest.mark.parametrize("size", [2, 0, -1, 3.5, "5"])
def test_a_size_without_room_for_a_word_is_refused(size):
    counts = {"<eos>": 1, "a": 5}
    assert f"at least 3. Received: {size!r}" in error_line(TokenVocabulary.from_counts, counts, size)


def test_many_words_are_quick():
    words = [f"w{i}" for i in range(100_000)]
    start = time.perf_counter()
    vocabulary = TokenVocabulary.from_counts(Counter([*words, EOS]), 50_000)
    ids = vocabulary.encode(words * 5)
    vocabulary.decode(ids)
    assert time.perf_counter() - start < 3  # a fifth of a second on a laptop


# Files


def test_a_saved_vocabulary_loads_equal_and_leaves_nothing_aside(tmp_path):
    file = tmp_path / "vocabulary.json"
    TokenVocabulary(CLOSED).save(file)
    vocabulary = TokenVocabulary([*WORDS, "\udcff", '"'])
    vocabulary.save(str(file))
    assert TokenVocabulary.load(str(file)) == vocabulary
    assert os.listdir(tmp_path) == ["vocabulary.json"]


@pytest.mark.parametrize("damage", [lambda data: data[:-10], lambda data: b"\xff" + data])
def test_a_missing_or_damaged_vocabulary_is_named(tmp_path, damage):
    file = tmp_path / "vocabulary.json"
    message = error_line(TokenVocabulary.load, file)
    assert str(file) in message and "missing" in message
    assert f"{tmp_path} is a folder" in error_line(TokenVocabulary.load, tmp_path)
    TokenVocabulary(WORDS).save(file)
    file.write_bytes(damage(file.read_bytes()))
    message = error_line(TokenVocabulary.load, file)
    assert str(file) in message and "damaged" in message


GOOD = {"format": "rnn_kit.TokenVocabulary", "tokens": ["a", "<eos>"]}


@pytest.mark.parametrize(
    "content",
    [
        ["a", "<eos>"],
        {**GOOD, "format": "rnn_kit.WordVocabulary"},
        {**GOOD, "tokens": "<eos>"},
        {**GOOD, "tokens": ["a", "a", "<eos>"]},
        {**GOOD, "tokens": ["a", ["<eos>"]]},
        {**GOOD, "tokens": ["a"]},
        {**GOOD, "tokens": []},
        {"format": GOOD["format"]},
    ],
)
def test_json_that_is_no_vocabulary_is_named(tmp_path, content):
    file = tmp_path / "other.json"
    file.write_text(json.dumps(GOOD))
    assert TokenVocabulary.load(file) == TokenVocabulary(["a", "<eos>"])
    file.write_text(json.dumps(content))
    message = error_line(TokenVocabulary.load, file)
    assert str(file) in message and "not a" in message
