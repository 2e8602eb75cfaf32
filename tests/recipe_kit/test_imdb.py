"""Film reviews in ids: from IMDB's files and Keras's download, and by the name of a set or a path."""

import hashlib
import io
import json
import os
import urllib.parse
import urllib.request
import zipfile
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from download_server import Handler
from keras.src.datasets import imdb as keras_imdb

from recipe_kit.datasets import DataError, _files, generated_reviews, imdb, load_reviews
from recipe_kit.datasets import reviews as reviews_module
from rnn_kit.text import WordVocabulary

# Frequency ranks of six words, the rarest of them among them; three reviews of each class in each part.
WORDS = ["the", "film", "was", "dull", "bright", "rare"]
TRAIN = ([[1, 2, 3, 4], [2], [1, 2, 3, 5], [6, 5, 5], [2, 4], [1]], [0, 0, 1, 1, 0, 1])
TEST = ([[4, 4], [5, 1, 2], [3], [1, 2, 3], [2, 2, 2, 2, 5], [4, 3]], [0, 1, 1, 0, 1, 0])
EACH = 6


def flat_arrays(train=TRAIN, test=TEST):
    arrays = {}
    for name, (reviews, labels) in (("train", train), ("test", test)):
        arrays[f"{name}_flat"] = np.concatenate(reviews).astype("uint32")
        arrays[f"{name}_len"] = np.array([len(ranks) for ranks in reviews], "uint16")
        arrays[f"{name}_label"] = np.array(labels, "int8")
    return arrays


def write_encoded(path, arrays=None, save=np.savez_compressed):
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, **(flat_arrays() if arrays is None else arrays))
    return path


def index_bytes(words=WORDS):
    """A JSON index, not in the order of the ranks."""
    ranks = {word: rank for rank, word in enumerate(words, 1)}
    return json.dumps(dict(sorted(ranks.items()))).encode()


def put(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def reviews_of(part):
    """A part's reviews with their labels, in its order."""
    return [(ids.tolist(), int(label)) for ids, label in zip(part.sequences, part.labels, strict=True)]


def expected(part):
    return sorted(
        ([1, *(rank + 3 for rank in ranks)], label) for ranks, label in zip(*part, strict=True)
    )


def assert_equal_parts(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.sequences.flat, b.sequences.flat)
        np.testing.assert_array_equal(a.lengths, b.lengths)
        np.testing.assert_array_equal(a.labels, b.labels)


def data_error(function, *args, **kwargs):
    with pytest.raises(DataError) as caught:
        function(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def files_below(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


# The flat file


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_ranks_become_ids_behind_the_start(save, tmp_path):
    parts = imdb.read_encoded(write_encoded(tmp_path / "a.npz", save=save))
    for part, content in zip(parts, (TRAIN, TEST), strict=True):
        assert sorted(reviews_of(part)) == expected(content)
        assert part.sequences.flat.dtype == np.int32 and part.labels.dtype == np.int64


def test_the_order_is_that_of_the_content_alone(tmp_path, rng):
    parts = imdb.read_encoded(write_encoded(tmp_path / "a.npz"))
    for n in range(3):
        orders = [rng.permutation(EACH) for _ in "ab"]
        shuffled = [
            ([reviews[i] for i in order], [labels[i] for i in order])
            for order, (reviews, labels) in zip(orders, (TRAIN, TEST), strict=True)
        ]
        again = imdb.read_encoded(write_encoded(tmp_path / f"{n}.npz", flat_arrays(*shuffled)))
        assert_equal_parts(again, parts)


def test_equal_reviews_of_two_labels_have_one_order_too(tmp_path):
    twins = [([[1], [1]], labels) for labels in ([0, 1], [1, 0])]
    one, other = (
        imdb.read_encoded(write_encoded(tmp_path / f"{n}.npz", flat_arrays(train=twin)))
        for n, twin in enumerate(twins)
    )
    assert_equal_parts(one, other)


def test_a_missing_file_is_named(tmp_path):
    assert f"{tmp_path / 'no.npz'} is missing" in data_error(imdb.read_encoded, tmp_path / "no.npz")
    (tmp_path / "folder.npz").mkdir()
    assert "cannot be read (Is a directory)" in data_error(imdb.read_encoded, tmp_path / "folder.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_that_is_cut_short_is_named(save, tmp_path):
    file = write_encoded(tmp_path / "a.npz", save=save)
    whole = file.read_bytes()
    for length in (0, 1, 10, len(whole) // 3, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert f"{file} is cut short or damaged" in data_error(imdb.read_encoded, file)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_file_is_an_error_or_the_same(save, tmp_path):
    """A bit turned round anywhere: of the zip's flags and methods, of a header, of an array."""
    file = write_encoded(tmp_path / "a.npz", save=save)
    whole, parts = file.read_bytes(), imdb.read_encoded(file)
    places, errors = range(0, len(whole), 7), 0
    for place in places:
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        try:
            assert_equal_parts(imdb.read_encoded(file), parts)
        except DataError as error:
            errors += 1
            assert str(file) in str(error) and "\n" not in str(error)
    assert errors > len(places) / 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text", b"a film\nof no merit\n", "is cut short or damaged"),
        ("npy", None, "is cut short or damaged"),
        ("zip", b"no array", r"an array of shape () and dtype |S8"),
    ],
)
def test_another_file_under_that_name_is_told(name, content, message, tmp_path):
    file = tmp_path / "a.npz"
    if name == "text":
        file.write_bytes(content)
    elif name == "npy":
        with open(file, "wb") as opened:
            np.save(opened, np.arange(3))
    else:
        with zipfile.ZipFile(file, "w") as archive:
            for array in flat_arrays():
                archive.writestr(array, content)
    got = data_error(imdb.read_encoded, file)
    assert str(file) in got and message in got and "expected flat arrays" in got
    assert "pickled" not in got


def test_pickled_objects_are_not_read(tmp_path):
    """As in Keras's own file, whose reviews are an array of lists."""
    arrays = flat_arrays() | {"train_flat": np.array(TRAIN[0], dtype=object)}
    file = write_encoded(tmp_path / "a.npz", arrays)
    assert f"{file} holds pickled Python objects" in data_error(imdb.read_encoded, file)


def test_kerass_own_file_lacks_the_flat_arrays(tmp_path):
    file = put(tmp_path / "imdb.npz", keras_file())
    assert f"{file} has no array train_flat" in data_error(imdb.read_encoded, file)


@pytest.mark.parametrize("name", list(flat_arrays()))
def test_a_missing_array_is_named(name, tmp_path):
    arrays = flat_arrays()
    del arrays[name]
    file = write_encoded(tmp_path / "a.npz", arrays)
    assert f"{file} has no array {name}: expected" in data_error(imdb.read_encoded, file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_flat": np.array([1.0] * 15)}, "dtype float64"),
        ({"test_len": np.array([2.0, 3.0, 1.0, 3.0, 5.0, 2.0])}, "dtype float64"),
        ({"train_label": np.array([0.0, 1.0] * 3)}, "dtype float64"),
        ({"train_flat": np.ones((3, 5), int)}, "shape (3, 5)"),
        ({"train_label": np.array([[0]] * 6)}, "shape (6, 1)"),
        ({"train_label": np.array([0, 1, 2, 0, 1, 0])}, "not 0 or 1"),
        ({"test_label": np.array([0, 1, -1, 0, 1, 0])}, "not 0 or 1"),
        ({"train_label": np.array([0, 1])}, "6 lengths and 2 labels"),
        ({"train_len": np.array([4, 1, 4, 3, 2, 2])}, "add up to 16, and there are 15 ids"),
        ({"test_len": np.array([2, 3, 1, 3, 5, 1])}, "add up to 15, and there are 16 ids"),
        ({"train_len": np.array([5, 0, 4, 3, 2, 1])}, "below 1"),
        ({"train_flat": np.array([0] * 15)}, "below 1"),
        (
            {f"train_{name}": np.zeros(0, int) for name in ("flat", "len", "label")},
            "0 lengths and 0 labels",
        ),
    ],
)
def test_arrays_of_another_form_are_told(change, message, tmp_path):
    file = write_encoded(tmp_path / "a.npz", flat_arrays() | change)
    got = data_error(imdb.read_encoded, file)
    assert str(file) in got and message in got


# The words


def test_the_index_is_sorted_by_rank(tmp_path):
    vocabulary = imdb.read_index(put(tmp_path / "index.json", index_bytes()))
    assert vocabulary == WordVocabulary(WORDS)
    assert vocabulary.id_of("the") == 4  # rank 1


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b'{"the": 1, "fi',
        b"the film",
        b'["the", "film"]',
        b'{"the": 0, "film": 1}',
        b'{"the": 1, "film": 1}',
        b'{"the": 1, "film": 3}',
        b'{"the": "1", "film": "2"}',
        b'{"the": 1, "film": null}',
        b"{}",
        b'{"": 1}',
        b'{"caf\xe9": 1}',
    ],
)
def test_what_is_no_index_is_named(content, tmp_path):
    file = tmp_path / "index.json"
    if content is not None:
        file.write_bytes(content)
    assert f"{file} is no index of words (" in data_error(imdb.read_index, file)


# Finding and fetching


@pytest.fixture
def mine(tmp_path, monkeypatch, server):
    """`$RNN_KIT_DATA`'s folder for the set, empty; the small parts and index are the known ones."""
    checkout = tmp_path / "checkout"
    put(checkout / "pyproject.toml", b"")
    monkeypatch.setattr(_files, "_HOME", checkout)
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(keras.src.backend.config, "_KERAS_DIR", str(tmp_path / "keras"))
    (tmp_path / "keras").mkdir()  # or Keras takes a folder in /tmp
    monkeypatch.setenv("RNN_KIT_DATA", str(tmp_path / "mine"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(imdb, "_EACH", EACH)
    monkeypatch.setattr(imdb, "INDEX_SHA256", hashlib.sha256(index_bytes()).hexdigest())
    monkeypatch.setattr(imdb, "INDEX_URL", server.url + "/" + imdb.INDEX)
    return tmp_path / "mine" / "imdb"


def keras_file(train=TRAIN, test=TEST):
    """The bytes of a file like Keras's: two arrays of lists, and the labels."""
    content = io.BytesIO()
    arrays = {}
    for name, (reviews, labels) in (("train", train), ("test", test)):
        arrays[f"x_{name}"] = np.array(reviews, dtype=object)
        arrays[f"y_{name}"] = np.array(labels)
    np.savez(content, **arrays)
    return content.getvalue()


@pytest.fixture
def public(server, monkeypatch):
    """What the loopback server has in place of Google's; `keras.datasets.imdb` asks there."""
    files = {"/imdb.npz": keras_file(), f"/{imdb.INDEX}": index_bytes()}
    home = SimpleNamespace(files=files, server=server, page="/imdb.npz")
    answer = Handler.do_GET

    def do_get(handler):
        if handler.path not in files:
            return answer(handler)
        server.requests.append(handler.path)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(files[handler.path])))
        handler.end_headers()
        handler.wfile.write(files[handler.path])

    def get_file(fname, origin, file_hash):
        assert urllib.parse.urlsplit(origin).hostname == "storage.googleapis.com"
        page = os.path.basename(urllib.parse.urlsplit(origin).path)
        assert (fname, page) == ("imdb.npz", "imdb.npz") and len(file_hash) == 64
        known = hashlib.sha256(files["/imdb.npz"]).hexdigest()
        return keras.utils.get_file(fname, origin=server.url + home.page, file_hash=known)

    monkeypatch.setattr(Handler, "do_GET", do_get)
    monkeypatch.setattr(keras_imdb, "get_file", get_file)
    return home


def test_the_users_folder_comes_first(mine, public):
    write_encoded(mine / imdb.ENCODED)
    put(mine / imdb.INDEX, index_bytes())
    train, test, vocabulary = imdb.load()
    assert sorted(reviews_of(train)) == expected(TRAIN)
    assert sorted(reviews_of(test)) == expected(TEST)
    assert vocabulary == WordVocabulary(WORDS)
    assert public.server.requests == []


def test_the_checkouts_data_folder_comes_next(mine, public, tmp_path):
    folder = tmp_path / "checkout" / "data" / "imdb"
    write_encoded(folder / imdb.ENCODED)
    put(folder / imdb.INDEX, index_bytes())
    assert sorted(reviews_of(imdb.load()[0])) == expected(TRAIN)
    assert public.server.requests == []


def test_elsewhere_they_are_downloaded_once_and_are_the_same(mine, public, tmp_path):
    """Keras's pickled file and the flat one give the same arrays, and so the same hash."""
    fetched = load_reviews("imdb")
    assert public.server.requests == ["/imdb.npz", f"/{imdb.INDEX}"]
    assert files_below(tmp_path) == [
        f"checkout/data/imdb/{imdb.INDEX}",
        "checkout/pyproject.toml",
        "keras/datasets/imdb.npz",
    ]
    assert load_reviews("imdb").info == fetched.info
    assert len(public.server.requests) == 2
    write_encoded(mine / imdb.ENCODED)
    own = load_reviews("imdb")
    assert_equal_parts(own[:2], fetched[:2])
    assert own.info == fetched.info
    assert 9 in own.train.sequences.flat  # the rarest word, which Keras would take for an unknown one


@pytest.mark.parametrize(
    ("page", "reason"), [("/missing", "404"), ("/broken", "retrieval incomplete"), ("/file", "hash")]
)
def test_a_download_that_fails_is_one_line_that_says_what_to_do(
    page, reason, mine, public, monkeypatch
):
    public.page = page
    message = data_error(imdb.load)
    assert reason in message
    assert f"{mine / imdb.ENCODED} (no such file)" in message
    assert "keras.datasets.imdb (" in message
    assert message.endswith("use `--data generated`, which needs no download.")
    monkeypatch.delenv("RNN_KIT_DATA")
    assert "$RNN_KIT_DATA (not set)" in data_error(imdb.load)


def test_words_that_are_nowhere_are_told(mine, public, monkeypatch):
    write_encoded(mine / imdb.ENCODED)
    monkeypatch.setattr(imdb, "INDEX_URL", public.server.url + "/missing")
    message = data_error(imdb.load)
    assert f"{mine / imdb.INDEX} (no such file)" in message and "404" in message
    assert "--data generated" in message


def test_another_index_than_the_known_one_is_refused(mine, public):
    write_encoded(mine / imdb.ENCODED)
    put(mine / imdb.INDEX, index_bytes(WORDS[::-1]))
    assert "expected SHA-256" in data_error(imdb.load)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("wrong", ["number", "balance"])
def test_other_reviews_than_the_known_ones_are_refused(part, wrong, mine, public):
    reviews, labels = TRAIN
    other = ([*reviews, [1]], [*labels, 0]) if wrong == "number" else (reviews, [0, 0, 1, 1, 0, 0])
    write_encoded(mine / imdb.ENCODED, flat_arrays(**{part: other}))
    message = data_error(imdb.load)
    assert {"train": "The training part", "test": "The test part"}[part] in message
    assert ("has 7 reviews, 3 of" if wrong == "number" else "has 6 reviews, 2 of") in message


# Reviews by name or path


def test_generated_reviews_come_by_name():
    reviews = load_reviews("generated")
    assert (len(reviews.train), len(reviews.test)) == (3000, 1000)
    assert reviews.classes == ("negative", "positive")
    texts = generated_reviews(3000, 0)
    np.testing.assert_array_equal(reviews.train.labels, texts.labels)
    said = reviews.vocabulary.decode(reviews.train.sequences[5])
    assert said[0] == "<start>" and "<unk>" not in said
    assert all(word in texts.texts[5].lower() for word in said[1:])
    assert {
        "name": "generated",
        "reviews": 3000,
        "test_reviews": 1000,
        "distinct_words": len(reviews.vocabulary),
        "classes": ["negative", "positive"],
    }.items() <= reviews.info.items()
    assert json.loads(json.dumps(reviews.info)) == reviews.info
    assert load_reviews("generated").info == reviews.info


def table(path, rows, header="text,label"):
    return put(path, "\n".join([header, *(f"{text},{label}" for text, label in rows)]).encode())


ROWS = [(f"film{n} was {'bright' if n % 3 else 'dull'}", "pos" if n % 3 else "neg") for n in range(90)]


def test_a_table_without_a_test_part_has_a_fixed_fifth_held_out(tmp_path):
    file = table(tmp_path / "reviews.csv", ROWS)
    reviews, again = load_reviews(file), load_reviews(str(file))
    assert_equal_parts(reviews[:2], again[:2])
    assert np.bincount(reviews.train.labels).tolist() == [24, 48]
    assert np.bincount(reviews.test.labels).tolist() == [6, 12]
    assert reviews.classes == ("neg", "pos")
    assert reviews.info["name"] == str(file)
    assert (reviews.info["reviews"], reviews.info["test_reviews"]) == (72, 18)


def test_the_words_are_those_of_the_training_part_alone(tmp_path):
    """Each review has a word of its own: that of one held out is not known."""
    reviews = load_reviews(table(tmp_path / "reviews.csv", ROWS))
    assert len(reviews.vocabulary) == reviews.info["distinct_words"] == 72 + 3
    assert set(reviews.train.lengths) == {4} and set(reviews.test.lengths) == {3}
    own = {word for word in reviews.vocabulary.words if word.startswith("film")}
    assert {reviews.vocabulary.decode(ids)[1] for ids in reviews.train.sequences} == own


def test_a_folder_with_a_test_part_is_taken_as_it_is(tmp_path):
    for part, reviews in (
        ("train", {"neg/0": "Dull!", "pos/0": "Bright, bright.", "pos/1": "A bright film"}),
        ("test", {"neg/0": "a dull one", "pos/0": "Bright"}),
    ):
        for name, text in reviews.items():
            put(tmp_path / "films" / part / f"{name}.txt", text.encode())
    reviews = load_reviews(tmp_path / "films")
    vocabulary = reviews.vocabulary
    assert vocabulary.words == ("bright", "a", "dull", "film")
    assert [vocabulary.decode(ids) for ids in reviews.train.sequences] == [
        ["<start>", "dull"],
        ["<start>", "bright", "bright"],
        ["<start>", "a", "bright", "film"],
    ]
    assert reviews.train.labels.tolist() == [0, 1, 1] and reviews.test.labels.tolist() == [0, 1]
    assert [vocabulary.decode(ids) for ids in reviews.test.sequences] == [
        ["<start>", "a", "dull"],  # "one" is not known
        ["<start>", "bright"],
    ]


def test_columns_are_passed_on(tmp_path):
    file = table(tmp_path / "reviews.csv", ROWS, header="review,opinion")
    assert len(load_reviews(file, "review", "opinion").train) == 72
    assert "text" in data_error(load_reviews, file)


def test_too_few_reviews_to_hold_any_out_are_told(tmp_path):
    file = table(tmp_path / "reviews.csv", [("dull", "neg")] * 4 + [("bright", "pos")] * 20)
    message = data_error(load_reviews, file)
    assert str(file) in message and "4 reviews of one class are too few" in message


def test_an_encoded_file_of_ones_own_needs_its_index(tmp_path):
    file = write_encoded(tmp_path / "Own.NPZ.npz")
    assert str(tmp_path / imdb.INDEX) in data_error(load_reviews, file)
    put(tmp_path / imdb.INDEX, index_bytes())
    reviews = load_reviews(str(file))
    assert sorted(reviews_of(reviews.test)) == expected(TEST)
    assert (reviews.vocabulary.words, reviews.classes) == (tuple(WORDS), imdb.CLASSES)


@pytest.mark.parametrize("source", ["imbd", "no/such/file.csv", "no/such.npz", ""])
def test_an_unknown_source_lists_the_known_ones(source):
    message = data_error(load_reviews, source)
    assert repr(source) in message
    assert "imdb and generated" in message and "folder" in message


@pytest.mark.parametrize("name", ["imdb", "generated"])
def test_a_known_name_means_the_set_where_such_a_file_exists(name, tmp_path, monkeypatch):
    class Asked(Exception):
        pass

    def asked(*args):
        raise Asked

    monkeypatch.setattr(imdb, "load", asked)
    monkeypatch.setattr(reviews_module, "generated_reviews", asked)
    table(tmp_path / name / "train.csv", ROWS)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Asked):
        load_reviews(name)
    assert len(load_reviews(os.path.join(".", name)).train) == 72


@pytest.mark.parametrize("limit", [2, 3, 11, 40])
def test_a_limit_takes_that_many_of_each_part_at_random(limit):
    whole, some = load_reviews("generated"), load_reviews("generated", limit=limit)
    assert load_reviews("generated", limit=limit).info == some.info
    assert (some.info["reviews"], some.info["test_reviews"]) == (limit, limit)
    assert some.info["sha256"] != whole.info["sha256"]
    assert some.vocabulary == whole.vocabulary
    for part, every in ((some.train, whole.train), (some.test, whole.test)):
        assert abs(np.diff(np.bincount(part.labels))) <= 1
        content = reviews_of(every)
        assert len(part) == limit and all(review in content for review in reviews_of(part))
        assert reviews_of(part) != content[:limit]


def test_a_limit_above_the_number_takes_all(tmp_path):
    file = table(tmp_path / "reviews.csv", ROWS)
    assert load_reviews(file, limit=72).info["test_reviews"] == 18
    assert load_reviews(file, limit=72).info["sha256"] == load_reviews(file).info["sha256"]


def test_a_limit_holds_for_a_test_part_of_one_class(tmp_path):
    table(tmp_path / "films" / "train.csv", ROWS)
    table(tmp_path / "films" / "test.csv", [row for row in ROWS if row[1] == "pos"])
    assert load_reviews(tmp_path / "films", limit=6).info["test_reviews"] == 6


@pytest.mark.parametrize("limit", [1, 0, -3])
def test_a_limit_below_two_is_refused(limit, tmp_path):
    file = table(tmp_path / "reviews.csv", ROWS)
    assert f"received {limit}" in data_error(load_reviews, file, limit=limit)


def test_the_hash_is_that_of_ids_lengths_and_labels(tmp_path):
    put(tmp_path / imdb.INDEX, index_bytes())

    def sha256(**parts):
        return load_reviews(write_encoded(tmp_path / "a.npz", flat_arrays(**parts))).info["sha256"]

    reviews, labels = TEST
    hashes = {
        sha256(),
        sha256(test=(reviews, [1, *labels[1:]])),
        sha256(train=TEST, test=TRAIN),
        sha256(test=([[5, 4], *reviews[1:]], labels)),
        sha256(test=([[4], [4, 5, 1, 2], *reviews[2:]], labels)),
    }
    assert len(hashes) == 5 and {len(digest) for digest in hashes} == {64}
    assert sha256() in hashes


# The published reviews themselves


def test_the_published_reviews_have_the_published_figures(real_data, monkeypatch):
    if not (real_data / "imdb" / imdb.ENCODED).is_file():
        pytest.skip(f"$RNN_KIT_DATA holds no imdb/{imdb.ENCODED}")
    reviews = load_reviews("imdb")
    lengths = np.concatenate([reviews.train.lengths, reviews.test.lengths])
    assert len(lengths) == 50_000
    assert (round(lengths.mean(), 2), round(lengths.std(), 2)) == (234.76, 172.91)
    assert len(reviews.vocabulary) == reviews.info["distinct_words"] == 88_584
    for part in (reviews.train, reviews.test):
        assert np.bincount(part.labels).tolist() == [12_500, 12_500]
        flat, starts = part.sequences.flat, part.sequences.starts
        assert (flat[starts] == 1).all() and (flat == 1).sum() == 25_000
        assert flat.max() < reviews.vocabulary.size and np.delete(flat, starts).min() >= 4
    limited = load_reviews("imdb", limit=1000)
    assert np.bincount(limited.train.labels).tolist() == [500, 500]
