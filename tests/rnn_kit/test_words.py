"""Splitting text into words, and numbering them as `keras.datasets.imdb` does."""

import json
import os
import time
from collections import Counter

import numpy as np
import pytest

from rnn_kit.text import (
    FIRST_WORD_ID,
    OOV_ID,
    PAD_ID,
    START_ID,
    CharVocabulary,
    TextError,
    WordVocabulary,
    tokenize,
    tokenize_alphanumeric,
)


def error_line(function, *args, **kwargs):
    with pytest.raises(TextError) as caught:
        function(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


# Splitting


@pytest.mark.parametrize("separator", [*'!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n ', "  ", "\n\t.", "..."])
def test_a_separator_ends_a_word_and_leaves_no_empty_one(separator):
    assert tokenize(f"{separator}one{separator}two{separator}") == ["one", "two"]


@pytest.mark.parametrize("kept", ["'", "\x96", "\u0301", "\u200d", "\u20ac"])
def test_other_marks_stay_in_their_word(kept):
    assert tokenize(f"one{kept}two") == [f"one{kept}two"]


@pytest.mark.parametrize(
    "separator", [*"\r\x0b\x0c\u00a0\u2003\u3000\u200b\ufeff\u2013\u2014\u201c\u2026\u00bf\u3002"]
)
def test_white_space_and_punctuation_beyond_ascii_end_a_word(separator):
    assert tokenize(f"{separator}one{separator}two") == ["one", "two"]


@pytest.mark.parametrize("cut", [tokenize, tokenize_alphanumeric])
def test_a_typographic_apostrophe_is_an_apostrophe(cut):
    assert cut("Don\u2019t") == ["don't"]


def test_characters_of_scripts_without_spaces_are_words_of_their_own():
    assert tokenize("我爱NLP\uff01东京タワー") == ["我", "爱", "nlp", "东", "京", "タ", "ワ", "ー"]
    assert tokenize("great\U0001f600\U0001f600 \u2764\ufe0f") == [
        "great",
        "\U0001f600",
        "\U0001f600",
        "\u2764",
    ]


@pytest.mark.parametrize(
    "text, words",
    [
        ("A dog, wet, doesn't move .", ["a", "dog", "wet", "doesn't", "move"]),
        ("Zwei M\u00e4dchen (mit 3 Hunden)_!", ["zwei", "m\u00e4dchen", "mit", "3", "hunden"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("一只狗 runs \U0001f600 $5", ["一", "只", "狗", "runs", "5"]),
        ("\u20ac \u00a9 ...", []),
    ],
)
def test_letters_with_their_marks_digits_and_apostrophes_are_words(text, words):
    assert tokenize_alphanumeric(text) == words


def test_words_are_lower_case():
    assert tokenize("The ÉTÉ of '42") == ["the", "été", "of", "'42"]


def test_a_line_break_of_a_web_page_is_the_word_br():
    assert tokenize("Dull.<br /><br />Really?") == ["dull", "br", "br", "really"]


@pytest.mark.parametrize("text", ["", " ", "\t\n", "...!?"])
def test_a_text_without_words_gives_none(text):
    assert tokenize(text) == []


# Words and ids

WORDS = ["the", "film", "don't", "été", "dull"]


def test_the_numbering_is_that_of_keras():
    # keras.datasets.imdb.load_data(start_char=1, oov_char=2, index_from=3)
    assert (PAD_ID, START_ID, OOV_ID, FIRST_WORD_ID) == (0, 1, 2, 4)
    vocabulary = WordVocabulary(WORDS)
    assert [vocabulary.id_of(word) for word in WORDS] == [4, 5, 6, 7, 8]
    assert vocabulary.id_of("absent") is None
    assert len(vocabulary) == 5


def test_encoding_begins_with_the_start():
    ids = WordVocabulary(WORDS).encode(["film", "the", "film"])
    assert ids.tolist() == [START_ID, 5, 4, 5]
    assert ids.dtype == np.int32
    nothing = WordVocabulary(WORDS).encode([])
    assert nothing.tolist() == [START_ID]
    assert nothing.dtype == np.int32


def test_ids_are_below_the_size_and_rarer_words_unknown():
    vocabulary = WordVocabulary(WORDS, size=6)
    assert vocabulary.encode(WORDS).tolist() == [START_ID, 4, 5, OOV_ID, OOV_ID, OOV_ID]
    assert vocabulary.encode(WORDS, replace_oov=False).tolist() == [START_ID, 4, 5, 6, 7, 8]
    assert [vocabulary.id_of(word) for word in WORDS] == [4, 5, 6, 7, 8]
    assert len(vocabulary) == 5
    assert vocabulary.rare(["dull", "the", "absent", "don't", "dull"]) == ["dull", "don't"]


def test_without_a_size_every_word_has_its_id():
    vocabulary = WordVocabulary(WORDS)
    assert vocabulary.size == 9
    assert vocabulary.encode(WORDS).max() == 8
    assert vocabulary.rare(WORDS) == []


def test_words_that_are_not_in_the_vocabulary_are_left_out():
    vocabulary = WordVocabulary(WORDS, size=5)
    words = ["old", "the", "new", "dull", "old"]
    assert vocabulary.encode(words).tolist() == [START_ID, 4, OOV_ID]
    assert vocabulary.unseen(words) == ["old", "new"]
    assert vocabulary.rare(words) == ["dull"]


def test_ids_decode_to_words_whatever_the_size():
    vocabulary = WordVocabulary(WORDS, size=5)
    words = ["<start>", "the", "été", "<unk>", "<pad>"]
    assert vocabulary.decode([START_ID, 4, 7, OOV_ID, PAD_ID]) == words
    assert vocabulary.decode(np.array([8], np.uint8)) == ["dull"]
    assert vocabulary.decode([]) == []


@pytest.mark.parametrize("wrong", [-1, 3, 9, 10_000])
def test_an_id_that_stands_for_nothing_is_named(wrong):
    message = error_line(WordVocabulary(WORDS).decode, [1, 4, wrong])
    assert "0 to 8" in message
    assert message.endswith(f"received {wrong}")


@pytest.mark.parametrize("ids", [[[4, 5]], [4.0], 4])
def test_what_is_no_row_of_integers_is_not_decoded(ids):
    assert "one-dimensional array of integers" in error_line(WordVocabulary(WORDS).decode, ids)


def test_a_vocabulary_of_counts_is_sorted_by_frequency_then_alphabet():
    counts = Counter({"b": 2, "z": 9, "a": 2, "c": 3})
    assert WordVocabulary.from_counts(counts) == WordVocabulary(["z", "c", "a", "b"])
    assert WordVocabulary.from_counts(counts, size=6) == WordVocabulary(["z", "c", "a", "b"], size=6)


def test_a_vocabulary_of_texts_counts_their_words():
    texts = ["A film: the film!", "the <br /> FILM"]
    vocabulary = WordVocabulary.from_texts(iter(texts), size=5)
    assert vocabulary.words == ("film", "the", "a", "br")
    assert vocabulary.size == 5


def test_vocabularies_are_equal_when_words_order_and_size_are():
    assert WordVocabulary(WORDS) == WordVocabulary(tuple(WORDS), size=9)
    assert hash(WordVocabulary(WORDS)) == hash(WordVocabulary(WORDS, size=9))
    assert WordVocabulary(WORDS) != WordVocabulary(WORDS, size=8)
    assert WordVocabulary(WORDS) != WordVocabulary(WORDS[::-1])
    assert WordVocabulary(["a", "b"]) != CharVocabulary("ab")


def test_what_is_no_vocabulary_is_refused():
    assert "'film'" in error_line(WordVocabulary, ["the", "film", "a", "film"])
    assert "at least one word" in error_line(WordVocabulary, [])
    assert "at least one word" in error_line(WordVocabulary.from_texts, ["...", ""])
    assert "received ''" in error_line(WordVocabulary, ["the", ""])
    assert "received 7" in error_line(WordVocabulary, ["the", 7])


@pytest.mark.parametrize("size", [4, 0, -1, 5.5, "5"])
def test_a_size_that_leaves_no_word_an_id_is_refused(size):
    assert f"at least 5. Received: {size!r}" in error_line(WordVocabulary, WORDS, size)


def test_a_text_is_not_taken_for_words():
    # Its characters would be looked up one by one, and "a" and "i" found.
    vocabulary = WordVocabulary(WORDS)
    for function in (vocabulary.encode, vocabulary.unseen, vocabulary.rare, WordVocabulary):
        assert "tokenize" in error_line(function, "the film")
    assert "one text" in error_line(WordVocabulary.from_texts, "the film")


def test_many_words_are_quick():
    words = [f"w{i}" for i in range(88_584)]
    review = words[:50_000] + [f"x{i}" for i in range(50_000)]
    start = time.perf_counter()
    vocabulary = WordVocabulary(words, size=20_000)
    ids = vocabulary.encode(review)
    vocabulary.decode(ids)
    assert len(vocabulary.unseen(review)) == 50_000
    assert len(vocabulary.rare(review)) == 50_000 - (20_000 - FIRST_WORD_ID)
    assert time.perf_counter() - start < 2  # a tenth of a second on a laptop


# Files


def test_a_saved_vocabulary_loads_equal_and_leaves_nothing_aside(tmp_path):
    file = tmp_path / "vocabulary.json"
    WordVocabulary(["old"]).save(file)
    vocabulary = WordVocabulary([*WORDS, "\udcff"], size=6)
    vocabulary.save(file)
    assert WordVocabulary.load(str(file)) == vocabulary
    assert os.listdir(tmp_path) == ["vocabulary.json"]


def test_a_save_that_fails_leaves_the_old_file_and_nothing_aside(tmp_path, monkeypatch):
    file = tmp_path / "vocabulary.json"
    WordVocabulary(["old"]).save(file)

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        WordVocabulary(["new"]).save(file)
    assert WordVocabulary.load(file) == WordVocabulary(["old"])
    assert os.listdir(tmp_path) == ["vocabulary.json"]


def test_a_missing_vocabulary_is_named(tmp_path):
    message = error_line(WordVocabulary.load, tmp_path / "vocabulary.json")
    assert str(tmp_path / "vocabulary.json") in message
    assert "missing" in message


@pytest.mark.parametrize("damage", [lambda data: data[:-10], lambda data: b"\xff" + data])
def test_a_damaged_vocabulary_is_named(tmp_path, damage):
    file = tmp_path / "vocabulary.json"
    WordVocabulary(WORDS).save(file)
    file.write_bytes(damage(file.read_bytes()))
    message = error_line(WordVocabulary.load, file)
    assert str(file) in message
    assert "damaged" in message


GOOD = {"format": "rnn_kit.WordVocabulary", "size": 6, "words": ["a", "b"]}


@pytest.mark.parametrize(
    "content",
    [
        ["a", "b"],
        {**GOOD, "format": "rnn_kit.CharVocabulary"},
        {**GOOD, "words": "ab"},
        {**GOOD, "words": ["a", "a"]},
        {**GOOD, "words": ["a", ["b"]]},
        {**GOOD, "words": []},
        {**GOOD, "size": None},
        {**GOOD, "size": True},
        {**GOOD, "size": 4},
        {"format": GOOD["format"], "words": ["a"]},
        {"format": GOOD["format"], "size": 6},
    ],
)
def test_json_that_is_no_vocabulary_is_named(tmp_path, content):
    file = tmp_path / "other.json"
    file.write_text(json.dumps(GOOD))
    assert WordVocabulary.load(file) == WordVocabulary(["a", "b"])
    file.write_text(json.dumps(content))
    message = error_line(WordVocabulary.load, file)
    assert str(file) in message
    assert "not a" in message


# The published files themselves


def test_the_encoded_imdb_reviews_survive_decoding_and_cutting(real_data):
    index_file = real_data / "imdb" / "imdb_word_index.json"
    reviews_file = real_data / "imdb" / "imdb_encoded.npz"
    if not index_file.is_file() or not reviews_file.is_file():
        pytest.skip("$RNN_KIT_DATA holds no imdb/imdb_word_index.json and imdb/imdb_encoded.npz")
    index = json.loads(index_file.read_bytes())
    vocabulary = WordVocabulary(sorted(index, key=index.get))
    assert len(vocabulary) == 88_584
    assert all(vocabulary.id_of(word) == rank + 3 for word, rank in index.items())

    # The index was made with Python 2, which left capital letters with accents as they were, and every
    # mark beyond ASCII in its word: these words come out of no text any more.
    odd = [word for word in vocabulary.words if tokenize(word) != [word]]
    assert len(odd) == 734 and sum(word != word.lower() for word in odd) == 21
    odd = {vocabulary.id_of(word) for word in odd}

    with np.load(reviews_file) as arrays:
        ranks, lengths = arrays["train_flat"], arrays["train_len"][:1000]
    reviews = np.split(ranks[: lengths.sum()].astype(np.int32) + 3, np.cumsum(lengths)[:-1])
    kept = [review for review in reviews if odd.isdisjoint(review.tolist())]
    assert len(kept) == 989
    for ids in kept:
        words = tokenize(" ".join(vocabulary.decode(ids)))
        np.testing.assert_array_equal(vocabulary.encode(words), [START_ID, *ids])
