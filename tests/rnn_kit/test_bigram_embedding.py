"""The bag of bigrams, against a loop in Python."""

import itertools
from pathlib import Path

import keras
import numpy as np
import pytest

import rnn_kit

pytestmark = pytest.mark.backends

BigramEmbedding = rnn_kit.layers.BigramEmbedding
V = 12


def layer_that_knows(pairs, size=3):
    layer = BigramEmbedding(len(pairs), V, size, "random_normal")
    layer.set_vocabulary(pairs)
    return layer


def by_hand(layer, rows):
    """The vectors stand in the order of the codes."""
    codes = np.asarray(keras.ops.convert_to_numpy(layer.codes)).tolist()
    vectors = keras.ops.convert_to_numpy(layer.embeddings)
    bags = np.zeros((len(rows), vectors.shape[1]))
    for row, bag in zip(rows, bags, strict=True):
        known = [V * a + b for a, b in itertools.pairwise(row) if a and b]
        known = [codes.index(code) for code in known if code in codes]
        bag += sum((vectors[i] for i in known), np.zeros(vectors.shape[1])) / max(len(known), 1) ** 0.5
    return bags


def test_it_is_the_sum_of_the_known_pairs_over_the_root_of_their_number(rng):
    layer = layer_that_knows([(7, 4), (4, 5), (5, 4), (11, 11), (4, 7)])
    rows = rng.choice([4, 5, 7, 11], (6, 9))
    bags = keras.ops.convert_to_numpy(layer(rows))
    np.testing.assert_allclose(bags, by_hand(layer, rows), atol=1e-6)
    assert np.abs(bags).min() > 0


def test_padding_and_unknown_pairs_count_for_nothing():
    layer = layer_that_knows([(4, 5), (9, 4)])
    rows = np.array([[4, 5, 0, 0], [4, 5, 6, 7], [6, 7, 4, 5]])
    bags = keras.ops.convert_to_numpy(layer(rows))
    np.testing.assert_array_equal(bags[0], bags[1])
    np.testing.assert_array_equal(bags[0], bags[2])
    np.testing.assert_allclose(bags[0], by_hand(layer, rows[:1])[0], atol=1e-6)


@pytest.mark.parametrize("row", [[4], [4, 4], [0, 0, 0], [0, 4, 5]])
def test_a_text_without_a_known_pair_gives_zeros(row):
    layer = layer_that_knows([(5, 4), (11, 10)])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(np.array([row]))), np.zeros((1, 3)))


def test_texts_of_one_word_are_a_batch_like_any_other():
    layer = layer_that_knows([(5, 4)])
    model = keras.Sequential([keras.Input((None,), dtype="int32"), layer])
    np.testing.assert_array_equal(model.predict(np.array([[4], [5]]), verbose=0), np.zeros((2, 3)))


def test_a_zero_is_no_word_even_where_its_code_is_known():
    """V a + 0 is the code of (a, 0), and that of no pair of words."""
    layer = layer_that_knows([(0, 4), (4, 0)])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(np.array([[4, 0, 4]]))), 0)


def test_the_vectors_are_trained_and_the_codes_are_not(rng):
    layer = layer_that_knows([(4, 5), (5, 6)])
    assert [v.name for v in layer.trainable_variables] == ["embeddings"]
    model = keras.Sequential([keras.Input((None,), dtype="int32"), layer, keras.layers.Dense(1)])
    before = keras.ops.convert_to_numpy(layer.embeddings).copy()
    model.compile("sgd", "mse")
    model.fit(np.array([[4, 5], [6, 4]]), np.ones((2, 1)), verbose=0)
    after = keras.ops.convert_to_numpy(layer.embeddings)
    assert np.abs(after[0] - before[0]).max() > 0
    np.testing.assert_array_equal(after[1], before[1])


def test_a_saved_model_knows_its_pairs(tmp_path, rng):
    layer = layer_that_knows([(4, 5), (5, 6), (6, 4)])
    model = keras.Sequential([keras.Input((None,), dtype="int32"), layer])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    rows = rng.integers(4, 7, (3, 8))
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(m(rows)) for m in (model, again)))


def test_half_precision_finds_the_same_pairs(rng):
    """Codes above 2048 would be rounded in float16."""
    big = 40_000
    pairs = np.array([[39_000, 38_001], [39_000, 38_002]])
    bags = []
    for policy in ("float32", "mixed_float16"):
        layer = BigramEmbedding(2, big, 1, "ones", dtype=policy)
        layer.set_vocabulary(pairs)
        layer.embeddings.assign([[1.0], [2.0]])
        bags.append(keras.ops.convert_to_numpy(layer(pairs)).ravel().tolist())
    assert bags[0] == bags[1] == [1.0, 2.0]


@pytest.mark.parametrize(("count", "size"), [(0, 10), (1, 46_341)])
def test_sizes_that_do_not_do_are_refused(count, size):
    with pytest.raises(ValueError, match=str(size)):
        BigramEmbedding(count, size, 2)
    BigramEmbedding(1, 46_340, 1)


def test_as_many_pairs_as_were_announced():
    with pytest.raises(ValueError, match="Expected 2 different pairs"):
        BigramEmbedding(2, V, 1).set_vocabulary([(4, 5), (4, 5)])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_ids_of_a_plain_input_are_exact_in_half_precision(policy):
    """A plain `keras.Input` is float32; float16 rounds 2051 to 2052, bfloat16 259 to 260."""
    layer = BigramEmbedding(1, 3000, 3, "ones", dtype=policy)
    layer.set_vocabulary([(2051, 259)])
    model = keras.Sequential([keras.Input((3,)), layer])
    bags = keras.ops.convert_to_numpy(model(np.array([[2051, 259, 0], [2052, 260, 0]], "float32")))
    np.testing.assert_array_equal(bags, [[1, 1, 1], [0, 0, 0]])
    assert keras.backend.standardize_dtype(layer.compute_dtype) == policy.removeprefix("mixed_")


def test_a_model_of_before_the_renaming_loads():
    """Of the class `WordPairs`, whose name is in the model's config and in the paths of its weights."""
    model = keras.models.load_model(Path(__file__).parent / "saved" / "word_pairs.keras")
    assert isinstance(model.get_layer("pairs"), BigramEmbedding)
    ids = np.array([[4, 5, 6, 0], [4, 6, 5, 7], [1, 4, 5, 6]])
    expected = [[-0.02286354824900627], [0.0], [-0.02286354824900627]]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(ids)), expected, rtol=1e-5)


def test_a_model_is_saved_under_the_new_name_and_loads(tmp_path):
    ids = keras.Input((None,), dtype="int32")
    layer = BigramEmbedding(2, V, 3, "random_normal")
    model = keras.Model(ids, layer(ids))
    layer.set_vocabulary([(4, 5), (5, 6)])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again.layers[-1]) is BigramEmbedding
    x = np.array([[4, 5, 6, 0]])
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(m(x)) for m in (model, again)))
