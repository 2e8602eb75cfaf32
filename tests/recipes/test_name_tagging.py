"""The name-tagging recipe: words in ids, its scores, and one run end to end."""

import io
import json
import shutil

import keras
import numpy as np
import pytest
from marks import slow_but

import name_tagging as recipe
from parts.name_tagging import comparison, evaluation, sentences, speaking, tagger
from recipe_kit import cli, figures
from recipe_kit.datasets.tagged import Sentence
from rnn_kit import entities
from rnn_kit.text import EOS, UNK, TokenVocabulary

TAGS = entities.all_tags(["LOC", "PER"], "BIO")
ENCODER = sentences.Encoder(
    TokenVocabulary([EOS, UNK, "in", "teddy", "1000"]), TokenVocabulary([EOS, UNK, "e", "T"]), TAGS
)


# Words, letters and batches


def test_words_are_looked_up_in_lower_case_with_zeros_for_digits_and_letters_as_they_are():
    assert ENCODER.word_ids(["Teddy", "IN", "1987", "1987x"]).tolist() == [4, 3, 2, 2]
    assert sentences.normalized("1987x") == "0000x"
    letters = ENCODER.letter_ids(["Te", "x" * 15 + "e" * 15])
    assert letters[0].tolist()[:3] == [4, 3, 0] and letters.shape == (2, sentences.LONGEST_WORD)
    assert letters[1].tolist() == [2] * 12 + [3] * 12  # the first and the last half


def test_a_word_that_is_seen_once_is_read_as_unknown_in_half_of_the_batches(monkeypatch):
    part = [Sentence(["a", "a", f"b{'x' * n}"], ["O", "O", "B-PER"]) for n in range(20)]
    vocabulary = TokenVocabulary.from_counts({"a": 40, **{s.words[2]: 1 for s in part}, EOS: 0, UNK: 0})
    encoder = ENCODER._replace(words=vocabulary, spells=False)
    single = np.array([False, *(token.startswith("b") for token in vocabulary.tokens)])
    held = recipe.sentences.tagged.TaggedSentences(part, part, part, ["PER"], {})
    data = sentences.Data(held, encoder, single, ())
    settings = recipe.Settings(batch_size=5, seed=3)
    dataset, batches, words = sentences.training_batches(settings, data, 0)
    ids, tags = zip(*((x["words"].numpy(), y.numpy()) for x, y in dataset.take(20)), strict=True)
    assert (batches, words) == (4, 60)
    unknown = np.concatenate(ids)[:, 2] == vocabulary.unknown + 1
    assert (
        0.3 < unknown.mean() < 0.7
        and (np.concatenate(ids)[:, :2] == vocabulary.encode(["a"]) + 1).all()
    )
    assert (np.concatenate(tags) == [0, 0, TAGS.index("B-PER")]).all()
    # A run that goes on at batch 7 sees what the unbroken one saw.
    later, *_ = sentences.training_batches(settings, data, 7)
    for (x, _), before in zip(later.take(3), ids[7:10], strict=True):
        np.testing.assert_array_equal(x["words"], before)


@pytest.mark.parametrize("characters", slow_but(["cnn"], ["cnn", "lstm"]))
def test_a_words_letters_count_and_the_padding_behind_them_does_not(characters):
    layer = tagger.LetterVectors(characters, 9, 4, 6)
    ids = np.zeros((1, 3, sentences.LONGEST_WORD), "int32")
    ids[0, 0, :3], ids[0, 1, :4] = [1, 2, 3], [1, 2, 3, 4]
    before = np.asarray(layer(ids))
    np.testing.assert_array_equal(before[0, 2], 0)  # of padding
    assert np.abs(before[0, 0] - before[0, 1]).max() > 1e-4
    layer.vectors.embeddings.assign(np.concatenate([[[9.0] * 4], layer.vectors.get_weights()[0][1:]]))
    np.testing.assert_allclose(np.asarray(layer(ids))[0, :2], before[0, :2], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("cell", cli.CELLS)
def test_every_cell_with_a_crf_and_letters_takes_a_training_step(cell):
    settings = recipe.Settings(
        cell=cell, units=3, embedding=4, character_units=4, scheme="BIO", layers=2
    )
    model = recipe.build_model(settings, ENCODER)
    model.compile("adam", recipe.speed.loss(crf=True))
    inputs = {"words": np.array([[4, 2, 0]]), "letters": np.ones((1, 3, sentences.LONGEST_WORD))}
    assert np.isfinite(model.train_on_batch(inputs, np.array([[3, 4, -1]])))
    assert model(inputs).shape == (1, 3, 5, 5)


# Scores

PART = [
    Sentence("Teddy Hill in Oslo".split(), ["B-PER", "I-PER", "O", "B-LOC"]),
    Sentence("the Hill in Rome".split(), ["O", "O", "O", "B-LOC"]),
    Sentence("a Hill in Oslo".split(), ["O", "O", "O", "B-LOC"]),
    Sentence("Hill left".split(), ["B-PER", "O"]),
]


def test_words_in_doubt_are_names_in_some_places_and_none_in_others():
    assert evaluation.words_in_doubt(PART) == {"hill"}
    said = [list(s.tags) for s in PART]
    said[3] = ["O", "O"]
    by_type = {"PER": {"f1": 0.5}, "all": {"f1": 0.5, "precision": 1, "recall": 0.5}}
    found = evaluation.scores(PART, said, by_type, {"hill"})
    assert found["words_in_doubt"] == 3  # not "Hill" behind "Teddy", which goes on with a name
    assert found["accuracy_in_doubt"] == pytest.approx(2 / 3) and found["accuracy"] == 13 / 14


def test_a_dictionary_finds_the_longest_names_unless_they_mostly_are_none():
    test = [Sentence("Teddy Hill left Oslo".split(), ["B-PER", "I-PER", "O", "B-LOC"])]
    # "Hill" by itself is a name once and none twice; "Teddy Hill" and "Oslo" are found.
    assert evaluation.dictionary_f1(PART, test, TAGS) == 1
    test = [Sentence("Hill saw Paris".split(), ["B-PER", "O", "B-LOC"])]
    assert evaluation.dictionary_f1(PART, test, TAGS) == 0


# A run


def test_a_text_is_split_as_the_data_are_unless_it_is_said_to_be_split():
    text = "(Mr. O'Neill's dogs don't like U.S. news...)"
    words = [word for word, _ in sentences.split_words(text, {"Mr.", "U.S."}.__contains__)]
    assert words == "( Mr. O'Neill 's dogs do n't like U.S. news . . . )".split()
    assert all(text[at:].startswith(word) for word, at in sentences.split_words(text))
    assert [w for w, _ in sentences.split_words("U.S. a,b", whitespace_only=True)] == ["U.S.", "a,b"]
    hindi = "हिन्दी"  # whose vowel signs are marks, no letters
    assert sentences.split_words(hindi) == [(hindi, 0)]
    assert sentences.normalized("Rene\u0301 1987") == "ren\u00e9 0000"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "smoke"
    return out, recipe.main(["--preset", "smoke", "--out", str(out)])


def test_a_run_leaves_what_the_design_promises(saved, written_but_not_declared):
    out, metrics = saved
    assert written_but_not_declared(out) == set()
    result = json.loads((out / "result.json").read_text())
    assert result["metrics"] == metrics and result["data"]["types"] == ["PER"]
    for name in ("f1.png", "by_type.png", "waiting.png"):
        assert figures.about_figure(out / name)["metrics"] == metrics
    lines = (out / "test.txt").read_text().splitlines()
    assert all(len(line.split()) in (0, 3) for line in lines)


def test_both_ways_the_network_is_right_where_only_what_follows_tells(saved):
    assert saved[1]["test_accuracy_in_doubt"] > 0.9 and saved[1]["test_f1_dictionary"] < 0.6


def test_a_saved_run_marks_names_in_a_text_and_tells_programs_where_they_are(saved, run_main):
    out, _ = saved
    text = "He said,  teddy roosevelt was here again."
    code, printed, error = run_main(["tag", text, "--run", str(out)])
    assert (code, error) == (0, "") and "[teddy roosevelt PER " in printed
    code, printed, _ = run_main(["tag", text, "--json", "--run", str(out)])
    (name,) = json.loads(printed)["names"]
    assert text[name["start"] : name["end"]] == name["text"] == "teddy roosevelt"
    assert code == 0 and name["type"] == "PER" and 0.5 < name["p"] <= 1


def test_while_it_reads_the_network_changes_its_mind_of_a_word_in_doubt(saved, run_main):
    out, _ = saved
    drawn = (out / "waiting.png").read_bytes()
    code, printed, _ = run_main(["watch", "he said, teddy bears are on sale", "--run", str(out)])
    assert (out / "watched.png").exists() and (out / "waiting.png").read_bytes() == drawn
    assert code == 0 and "changed by what followed: teddy" in printed
    p = recipe.open_saved(recipe.saved_run(str(out), recipe.RECIPE)).while_reading(
        "he said , teddy bears are on sale".split()
    )
    assert np.isnan(p[np.triu_indices(8, 1)]).all() and not np.isnan(p[np.tril_indices(8)]).any()
    assert p[-1, 3] < 0.5


@pytest.mark.parametrize("crf", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_one_way_nothing_that_follows_changes_what_was_said_unless_a_crf_looks_back(crf):
    settings = recipe.Settings(bidirectional=False, units=3, embedding=4, crf=crf, scheme="BIO")
    network = recipe.build_model(settings, ENCODER)
    for weight in network.trainable_weights:
        weight.assign(np.random.default_rng(0).normal(size=weight.shape))
    p = speaking.Tagger(network, ENCODER).while_reading(["in", "teddy", "in", "1987"])
    changed = max(np.ptp(p[k:, k]) for k in range(4))
    assert changed > 1e-3 if crf else changed < 1e-5


def test_lines_of_standard_input_are_tagged_whatever_is_in_them(saved, run_main, monkeypatch):
    lines = "teddy miller likes to sing\n\n\x0c\nhe said , mark sheets are lovely\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    code, printed, error = run_main(["tag", "-", "--json", "--run", str(saved[0])])
    told = [json.loads(line) for line in printed.splitlines()]
    assert (code, error) == (0, "") and [of["line"] for of in told] == [1, 3, 4]
    assert [len(of["names"]) for of in told] == [1, 0, 0]


def test_several_texts_at_once_have_the_names_that_each_has_alone(saved):
    tagger = recipe.open_saved(recipe.saved_run(str(saved[0]), recipe.RECIPE))
    texts = ["teddy miller likes to sing", "", "i know that rose gardens are lovely", "teddy was here"]
    together = tagger.names(texts)
    for text, names in zip(texts, together, strict=True):
        (alone,) = tagger.names([text])
        assert [name[:4] for name in names] == [name[:4] for name in alone]
        assert [n.p for n in names] == pytest.approx([n.p for n in alone], abs=1e-5)


def test_tags_that_are_not_the_networks_are_one_line(saved, run_main, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(saved[0], copy)
    for text in ('["O"]', "{"):
        (copy / "tags.json").write_text(text)
        code, _, error = run_main(["tag", "teddy", "--run", str(copy)])
        assert code == 2 and error.count("\n") == 1 and "tags.json" in error


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["tag", ""], "A text without words"),
        (["tag", "a " * 10_001], "A text of 10,001 words"),
        (["watch", " "], "A sentence without words"),
        (["watch", "a " * 61], "A sentence of 61 words: 60 are the most"),
    ],
)
def test_a_text_that_cannot_be_tagged_is_one_line(argv, message, saved, run_main):
    code, _, error = run_main([*argv, "--run", str(saved[0])])
    assert code == 2 and error.count("\n") == 1 and message in error


def test_a_type_that_is_not_there_and_a_file_that_is_none_are_one_line(run_main, tmp_path):
    code, _, error = run_main(["--preset", "teddy", "--types", "LOC", "--out", str(tmp_path / "a")])
    assert code == 2 and error.count("\n") == 1 and "teddy has PER alone" in error
    data = sentences.load(recipe.Settings(data="teddy", types=("PER", "PER"), limit=9))
    assert data.sentences.types == ["PER"]
    flags = recipe.parse(["--types", "PER", "ORG"])
    assert recipe.cli.override(recipe.Settings(), flags).types == ("PER", "ORG")
    (tmp_path / "words.txt").write_text("Teddy\nbears\n")
    code, _, error = run_main(["--data", str(tmp_path / "words.txt"), "--out", str(tmp_path / "b")])
    assert code == 2 and error.count("\n") == 1 and "line 1: expected a word and its tag" in error


def test_vectors_of_another_width_are_one_line(run_main, tmp_path):
    (tmp_path / "vectors.txt").write_text("said 1 2 3\nbears 1 2 3\n")
    argv = ["--preset", "smoke", "--word-vectors", str(tmp_path / "vectors.txt")]
    code, _, error = run_main([*argv, "--out", str(tmp_path / "run")])
    assert code == 2 and error.count("\n") == 1 and "add --embedding 3" in error


def test_every_variant_changes_one_or_two_things_of_the_network_in_both_directions():
    for change in comparison.VARIANTS.values():
        assert all(comparison.BASE[name] != value for name, value in change.items())


@pytest.mark.slow
def test_a_run_that_goes_on_ends_as_the_unbroken_one(tmp_path, monkeypatch):
    out = tmp_path / "run"

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations == 60:
                raise KeyboardInterrupt

    callbacks = recipe.kit.StopOnNaN
    monkeypatch.setattr(recipe.kit, "StopOnNaN", Stop)
    argv = ["--preset", "smoke", "--crf", "--characters", "cnn", "--dropout", "0.3"]
    argv += ["--single-dropout", "0.5", "--checkpoint-seconds", "0.001", "--out"]
    with pytest.raises(KeyboardInterrupt):
        recipe.main([*argv, str(out)])
    monkeypatch.setattr(recipe.kit, "StopOnNaN", callbacks)
    unbroken = recipe.main([*argv, str(tmp_path / "unbroken")])
    metrics = recipe.main(["--resume", "--out", str(out)])
    for name, value in unbroken.items():
        if "second" not in name:
            assert metrics[name] == pytest.approx(value, abs=1e-6), name


@pytest.mark.slow
def test_what_a_crf_costs_is_measured_on_the_same_batches(monkeypatch):
    monkeypatch.setattr(recipe.speed, "STEPS", 2)
    told = recipe.main(["measure", "--preset", "smoke"])
    assert told["with_crf"] > 0 and told["without_crf"] > 0 and 0 < told["ratio"] < 5


@pytest.mark.slow
def test_the_comparison_trains_every_variant_and_says_what_the_seeds_allow(tmp_path, run_main):
    argv = ["compare", "--preset", "smoke", "--epochs", "1", "--learning-rate", "0.01"]
    code, printed, _ = run_main([*argv, "--seeds", "0", "1", "--out", str(tmp_path / "compare")])
    assert code == 0 and (tmp_path / "compare/comparison.png").exists()
    assert printed.count("by F1: ") == len(comparison.VARIANTS) - 1
