"""The network that translates: encoder, decoder and attention, its lessons, and how it writes."""

import keras
import numpy as np
import pytest

import translation as recipe
from parts.translation import decoding, lessons
from parts.translation.lessons import Lessons, Part
from parts.translation.translator import Translator
from recipe_kit import validation
from rnn_kit.text import TokenVocabulary

SOURCE = TokenVocabulary(["<eos>", "<unk>", "wo", "ni", "chi", "ping", "guo"])
TARGET = TokenVocabulary(["<eos>", "<unk>", "i", "you", "eat", "apples"])
WAYS = {
    "first": {"attention": "none", "bidirectional": False},
    "every": {"attention": "none", "context": "every"},
    "shared": {"attention": "none", "bidirectional": False, "shared_weights": True, "cell": "lstm"},
    "additive": {"attention": "additive", "layers": 2},
    "dot": {"attention": "dot", "cell": "lstm", "tied": False},
    "general": {"attention": "general", "bidirectional": False, "cell": "peephole"},
}
SLOW = ("every", "dot")
every_way = pytest.mark.parametrize(
    "way", [pytest.param(way, marks=[pytest.mark.slow] if way in SLOW else []) for way in WAYS]
)


def network(way, seed=0, **kwargs):
    sizes = {"units": 8, "embedding": 6}
    model = Translator(len(SOURCE) + 1, len(TARGET), **{**sizes, **WAYS[way], **kwargs})
    model.build()
    rng = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return model


def sources(batch=3, steps=5, seed=1):
    ids = np.random.default_rng(seed).integers(2, len(SOURCE), (batch, steps)).astype("int32")
    return ids


def words(batch=3, steps=4, seed=2):
    ids = np.random.default_rng(seed).integers(1, len(TARGET), (batch, steps)).astype("int32")
    ids[:, 0] = TARGET.end
    return ids


def logits_of(model, source, ids):
    return keras.ops.convert_to_numpy(model({"source": source, "words": ids}))


@every_way
def test_word_by_word_gives_the_logits_of_the_whole(way):
    model, source, ids = network(way), sources(), words()
    whole = logits_of(model, source, ids)
    memory, state = model.encode({"source": source})
    for step in range(ids.shape[1]):
        logits, state, looked = model.decode(ids[:, step : step + 1], memory, state)
        np.testing.assert_allclose(np.asarray(logits)[:, 0], whole[:, step], atol=1e-5)
        assert (looked is None) == (WAYS[way]["attention"] == "none")


@every_way
def test_what_is_written_depends_on_the_source_its_order_and_the_words_before_alone(way):
    model, source, ids = network(way), sources(), words()
    before = logits_of(model, source, ids)
    # keras-io#1906: a decoder that never gets the encoder's state says the same of every source.
    assert np.abs(logits_of(model, source % (len(SOURCE) - 2) + 2, ids) - before).max() > 1e-3
    assert np.abs(logits_of(model, source[:, ::-1].copy(), ids) - before).max() > 1e-3
    changed = ids.copy()
    changed[:, 2] = changed[:, 2] % (len(TARGET) - 1) + 1
    after = logits_of(model, source, changed)
    np.testing.assert_array_equal(after[:, :2], before[:, :2])
    assert np.abs(after[:, 2:] - before[:, 2:]).max() > 1e-3


@every_way
def test_padding_of_the_source_changes_nothing(way):
    model, source, ids = network(way), sources(), words()
    padded = np.pad(source, [(0, 0), (0, 3)])
    np.testing.assert_allclose(logits_of(model, padded, ids), logits_of(model, source, ids), atol=1e-5)


@every_way
def test_a_saved_network_says_the_same(way, tmp_path):
    model, source, ids = network(way), sources(), words()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(logits_of(loaded, source, ids), logits_of(model, source, ids), atol=1e-6)


def test_shared_weights_are_fewer_and_need_an_encoder_that_reads_as_the_decoder_does():
    assert network("shared").count_params() < network("shared", shared_weights=False).count_params()
    with pytest.raises(ValueError, match="`shared_weights` needs"):
        network("additive", shared_weights=True)


# Lessons


def part_of(pairs):
    found = {}
    for source, target in pairs:
        found.setdefault(source, []).append(target)
    return Part(
        [source.split() for source in found],
        [[target.split() for target in targets] for targets in found.values()],
    )


PAIRS = [("wo chi", "i eat"), ("wo chi ping guo", "i eat apples"), ("wo chi", "i eat eat")]


def held(pairs=PAIRS):
    part = part_of(pairs)
    return Lessons(part, part, part, {}, SOURCE, TARGET, None, ())


def test_a_lesson_begins_with_the_end_and_is_one_word_behind_and_padding_has_no_weight():
    settings = recipe.Settings(batch_size=3)
    dataset, batches, count = lessons.training_batches(settings, held(), 0)
    inputs, targets, weights = next(iter(dataset.as_numpy_iterator()))
    assert batches == 1 and count == 3 + 4 + 4
    seen = set()
    for source, before, after, weight in zip(
        inputs["source"], inputs["words"], targets, weights, strict=True
    ):
        length = int((weight > 0).sum())
        assert before[0] == TARGET.end and (before[1:length] == after[: length - 1]).all()
        assert after[length - 1] == TARGET.end
        read = [SOURCE.tokens[n - 1] for n in source if n]
        assert read[-1] == "<eos>"
        seen.add((" ".join(read[:-1]), " ".join(TARGET.decode(after[: length - 1]))))
    assert seen == set(PAIRS)
    assert weights.mean() == pytest.approx(1)


def test_a_reversed_source_is_read_from_its_end():
    ids = lessons.source_ids([["wo", "chi"]], SOURCE, reverse=True)
    assert SOURCE.decode(ids.flat - 1) == ["chi", "wo", "<eos>"]


@pytest.mark.slow
def test_perplexity_is_a_mean_over_words_and_not_over_padding():
    model, data = network("additive"), held()
    nats = validation.Nats(model, *lessons.evaluation_batches(data.test, data, False))()
    writer = decoding.TranslationWriter(model, SOURCE, TARGET)
    costs = [writer.log_p(source.split(), target.split()) for source, target in PAIRS]
    assert nats == pytest.approx(-np.concatenate(costs).mean(), abs=1e-5)


def test_words_are_cut_by_level():
    assert lessons.split_words("l'été, peut-être?", "words") == ["l'", "été", ",", "peut-être", "?"]
    assert lessons.split_words("l'été , oui", "tokens") == ["l'été", ",", "oui"]
    assert lessons.split_words("a b", "characters") == ["a", " ", "b"]


# Writing


@pytest.mark.slow
@pytest.mark.parametrize("reverse", [False, True])
def test_translations_stand_in_order_whatever_their_lengths(reverse):
    writer = decoding.TranslationWriter(network("additive"), SOURCE, TARGET, reverse, max_length=5)
    texts = [["wo"], ["wo", "chi"] * 6, ["ni", "chi", "ping", "guo"], ["guo"] * 20]
    together = [best.words for best, *_ in writer.beam(texts, 2)]
    assert together == [writer.beam([text], 2)[0][0].words for text in texts]
    assert [best.words for best, *_ in writer.beam(texts, 1)] == [s.words for s in writer.greedy(texts)]


@pytest.mark.parametrize("reverse", [False, True])
def test_where_it_looked_is_a_distribution_over_the_source_in_its_own_order(reverse):
    model = network("additive")
    writer = decoding.TranslationWriter(model, SOURCE, TARGET, reverse)
    source, target = ["wo", "chi", "ping", "guo"], ["i", "eat"]
    looked = writer.look(source, target)
    assert looked.shape == (3, 5)
    np.testing.assert_allclose(looked.sum(1), 1, atol=1e-5)
    ids = lessons.source_ids([source], SOURCE, reverse).flat[None]
    memory, state = model.encode({"source": ids})
    before = np.append(TARGET.end, TARGET.encode(target))[None]
    raw = np.asarray(model.decode(before, memory, state)[2])[0]
    order = [3, 2, 1, 0, 4] if reverse else [0, 1, 2, 3, 4]
    np.testing.assert_allclose(looked, raw[:, order], atol=1e-5)


def test_p_of_a_pair_is_the_product_of_its_words():
    model = network("general")
    writer = decoding.TranslationWriter(model, SOURCE, TARGET)
    log_p = writer.log_p(["wo", "chi"], ["i", "eat"])
    ids = np.append(TARGET.encode(["i", "eat"]), TARGET.end)
    source = lessons.source_ids([["wo", "chi"]], SOURCE).flat[None]
    logits = logits_of(model, source, np.append(TARGET.end, ids[:-1])[None])[0]
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(np.exp(log_p), p[np.arange(3), ids], rtol=1e-5)
