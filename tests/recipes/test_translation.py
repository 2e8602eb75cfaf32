"""The translation recipe: its network, how it writes, and one run end to end."""

import json

import keras
import numpy as np
import pytest

import translation as recipe
from parts.translation import comparison, decoding, drawing, lessons, scores
from parts.translation.lessons import Lessons, Part
from parts.translation.translator import Translator
from recipe_kit import figures, validation
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


@pytest.mark.parametrize("way", WAYS)
def test_word_by_word_gives_the_logits_of_the_whole(way):
    model, source, ids = network(way), sources(), words()
    whole = logits_of(model, source, ids)
    memory, state = model.encode({"source": source})
    for step in range(ids.shape[1]):
        logits, state, looked = model.decode(ids[:, step : step + 1], memory, state)
        np.testing.assert_allclose(np.asarray(logits)[:, 0], whole[:, step], atol=1e-5)
        assert (looked is None) == (WAYS[way]["attention"] == "none")


@pytest.mark.parametrize("way", WAYS)
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


@pytest.mark.parametrize("way", WAYS)
def test_padding_of_the_source_changes_nothing(way):
    model, source, ids = network(way), sources(), words()
    padded = np.pad(source, [(0, 0), (0, 3)])
    np.testing.assert_allclose(logits_of(model, padded, ids), logits_of(model, source, ids), atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
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


# Scores


def test_bleu_takes_any_number_of_references_and_exact_matches_are_counted():
    references = [["the cat sat on the mat today", "a cat sat"], ["the dog ran to the park again"]]
    found, signature = scores.score([of[0] for of in references], references)
    assert found["bleu"] == pytest.approx(100) and found["exact"] == 100 and "tok:none" in signature
    found, _ = scores.score(["the cat sat on the mat today", "the dog ran to a park again"], references)
    assert found["exact"] == 50 and 0 < found["bleu"] < 100


def test_bleu_by_length_leaves_out_lengths_of_few_sentences():
    texts = ["a b c d e f"] * 25 + ["x y z w"] * 3
    groups = scores.by_length(texts, [[t] for t in texts], [6] * 25 + [40] * 3)
    assert [(g["least"], g["most"], g["sentences"]) for g in groups] == [(6, 10, 25)]


# A run


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "smoke"
    return out, recipe.main(["--preset", "smoke", "--out", str(out)])


def test_a_run_leaves_what_the_design_promises(saved, written_but_not_declared):
    out, metrics = saved
    assert written_but_not_declared(out) == set()
    result = json.loads((out / "result.json").read_text())
    assert result["metrics"] == metrics and result["data"]["languages"] == ["pinyin", "english"]
    for name in ("perplexity.png", "attention.png"):
        assert figures.about_figure(out / name)["metrics"] == metrics
    assert 0 <= metrics["test_truth"] <= 1 and metrics["test_perplexity"] > 1
    assert "reference    " in (out / "translations.txt").read_text()


def test_a_saved_run_translates_scores_and_draws(saved, run_main, tmp_path):
    out, _ = saved
    code, printed, error = run_main(["translate", "--run", str(out), "wo chi ping guo ."])
    assert (code, error) == (0, "") and "alignment.png" in printed
    assert (out / "alignment.png").exists()
    code, printed, _ = run_main(["score", "--run", str(out), "wo chi ping guo .", "i eat apples ."])
    assert code == 0 and "p(target | source) = exp(" in printed
    assert [line.split()[1] for line in printed.splitlines()[:5]] == "i eat apples . <eos>".split()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["translate", "zzz qqq"], "None of the words"),
        (["translate", "wo " * 1000], "A sentence of 1,000 words"),
        (["translate", ""], "A sentence without words"),
        (["score", "wo chi .", "xyzzy"], "None of the words"),
    ],
)
def test_a_sentence_that_cannot_be_translated_is_one_line(argv, message, saved, run_main):
    code, _, error = run_main([argv[0], "--run", str(saved[0]), *argv[1:]])
    assert code == 2 and error.count("\n") == 1 and message in error


def test_flags_that_cannot_be_together_are_one_line(run_main, tmp_path):
    argv = ["--preset", "smoke", "--shared-weights", "--out", str(tmp_path / "run")]
    code, _, error = run_main(argv)
    assert code == 2 and error.count("\n") == 1 and "--no-bidirectional" in error


def test_every_tip_changes_one_thing_of_the_slides_network():
    for tip, change in comparison.TIPS.items():
        assert len(change) == (tip != "last state first")
        assert all(comparison.BASE[name] != value for name, value in change.items())


def test_an_alignment_has_a_row_for_each_word_that_was_written():
    figure = drawing.alignment(["wo", "chi", "<eos>"], ["i", "eat", "$5", "<eos>"], np.eye(4, 3))
    (axes, _) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["i", "eat", r"\$5", "<eos>"]
    assert len(axes.get_xticklabels()) == 3


@pytest.mark.slow
def test_the_grammar_is_learned_to_be_true(tmp_path):
    metrics = recipe.main(
        ["--preset", "grammar", "--epochs", "2", "--out", str(tmp_path / "run"), "--seed", "1"]
    )
    assert metrics["test_truth"] > 0.5
