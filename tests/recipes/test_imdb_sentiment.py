"""The sentiment recipe, end to end at smoke size, and everything it says to bad input."""

import dataclasses
import functools
import io
import itertools
import json
import re
import sys

import keras
import numpy as np
import pytest

import imdb_sentiment as recipe
from parts.imdb_sentiment import baseline, comparison, opinions
from recipe_kit.datasets import generated_reviews
from recipe_kit.runs import Run
from rnn_kit.text import LabelledSequences, Sequences, WordVocabulary, tokenize

TINY = "--preset smoke --limit 120 --epochs 1 --units 4 --embedding 4".split()
PLAIN = [*TINY, "--cell", "simple", "--no-bidirectional"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """One smoke run with the baseline beside it, which the tests read."""
    out = tmp_path_factory.mktemp("runs") / "smoke"
    metrics = recipe.main(["--preset", "smoke", "--baseline", "--out", str(out)])
    return out, metrics


@pytest.fixture
def predict(monkeypatch, run_main):
    """`predict(out, review, lines)`: what the run in `out` makes of a review, or of the lines."""

    def run(out, review, lines=None):
        if lines is not None:
            monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        return run_main(["predict", review, "--run", str(out)])

    return run


# --- a run ----------------------------------------------------------------------------------------


def test_the_ledger_has_no_metric_that_a_run_has_not(saved, recorded_but_not_measured):
    assert recorded_but_not_measured({*saved[1], "test_accuracy_last_epoch"}) == set()


def test_a_run_leaves_what_the_design_promises(saved, written_but_not_declared):
    out, metrics = saved
    assert written_but_not_declared(out) == set()
    assert {path.name for path in out.iterdir()} == {
        *("config.json", "history.csv", "result.json", "model.keras", "vocabulary.json", "checkpoints"),
        *("curves.png", "test.png", "length.png", "wrong.png"),
    }
    result = json.loads((out / "result.json").read_text())
    assert result["metrics"] == metrics
    assert result["data"]["train"] + result["data"]["validation"] == result["data"]["reviews"] == 3000
    assert result["data"]["test"] == 1000
    for picture in out.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_order_of_words_tells_the_network_what_a_bag_of_words_cannot_know(saved):
    _, metrics = saved
    assert metrics["test_accuracy"] > metrics["test_accuracy_tfidf"] + 0.03
    assert metrics["test_accuracy_tfidf"] < metrics["test_accuracy_tfidf_with_pairs"] < 0.95


@pytest.mark.slow
def test_the_saved_model_has_the_test_accuracy_that_was_reported(saved):
    """Each review by itself, so that there is no padding, from the texts on."""
    out, metrics = saved
    model = keras.models.load_model(out / "model.keras")
    vocabulary = WordVocabulary.load(out / "vocabulary.json")
    test = generated_reviews(1000, seed=1)
    some = range(0, 1000, 125)
    p = [float(model(vocabulary.encode(tokenize(test.texts[i]))[None])[0, 0]) for i in some]
    settings = Run.open(out, recipe.RECIPE).settings(recipe.Settings)
    data = recipe.load_data(settings)
    of_all = recipe.evaluate(model, settings, vocabulary, data.test.sequences)
    assert np.mean((of_all > 0.5) == data.test.labels) == pytest.approx(metrics["test_accuracy"])
    by_ids = {data.test.sequences[i].tobytes(): of_all[i] for i in range(1000)}
    expected = [
        by_ids[vocabulary.encode(tokenize(test.texts[i]), replace_oov=False).tobytes()] for i in some
    ]
    np.testing.assert_allclose(p, expected, atol=1e-5)


@pytest.mark.slow
def test_the_seed_fixes_the_run_and_draws_the_split(tmp_path, without_figures):
    runs = {}
    for name, seed in (("one", "3"), ("again", "3"), ("other", "4")):
        metrics = recipe.main([*PLAIN, "--seed", seed, "--out", str(tmp_path / name)])
        runs[name] = {k: v for k, v in metrics.items() if k != "train_seconds"}
    assert runs["one"] == runs["again"] != runs["other"]
    one, other = (recipe.load_data(recipe.Settings(data="generated", seed=s)) for s in (3, 4))
    assert one.test.sequences.flat.tolist() == other.test.sequences.flat.tolist()
    assert one.validation.sequences.flat.tolist() != other.validation.sequences.flat.tolist()
    for data in (one, other):
        assert np.bincount(data.validation.labels).tolist() == [150, 150]


@pytest.mark.slow
@pytest.mark.parametrize("cell", recipe.cli.CELLS)
def test_every_cell_trains_and_judges(cell, tmp_path, without_figures, predict):
    """One layer on the other, each in one direction: both at once do not change what a cell does."""
    out = tmp_path / "run"
    flags = ["--cell", cell, "--layers", "2", "--no-bidirectional", "--pooling", "max"]
    recipe.main([*TINY, *flags, "--out", str(out)])
    code, said, _ = predict(out, "A superb film.")
    assert code == 0 and "3 words read" in said


@pytest.mark.slow
@pytest.mark.parametrize("cell", recipe.cli.CELLS)
def test_every_cell_learns_in_both_directions_and_is_saved(cell, tmp_path):
    settings = recipe.Settings(cell=cell, layers=2, units=3, embedding=4, pairs=None)
    model = recipe.build_model(settings, 50)
    recipe.compile_model(model, settings, 1)
    model.run_eagerly = True
    before, ids = model.get_weights(), np.random.default_rng(0).integers(4, 50, (6, 3))
    model.train_on_batch(ids, np.array([[0], [1]] * 3))
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(ids), model(ids), atol=1e-6)


def test_the_lectures_settings_are_the_slides():
    settings = recipe.PRESETS["lecture"]
    assert (settings.words, settings.maxlen, settings.batch_size, settings.epochs) == (
        20000,
        80,
        32,
        15,
    )
    model = recipe.build_model(settings, settings.words)
    assert [type(layer).__name__ for layer in model.layers] == [
        *("InputLayer", "Embedding", "LSTM", "Dense")
    ]
    _, embedding, lstm, dense = model.layers
    assert (embedding.output_dim, embedding.mask_zero) == (128, False)
    assert (lstm.units, lstm.dropout, lstm.recurrent_dropout) == (128, 0.2, 0.2)
    assert (dense.units, dense.activation) == (1, keras.activations.sigmoid)
    recipe.compile_model(model, settings, 100)
    assert type(model.optimizer).__name__ == "Adam"
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)
    assert settings.patience is None


def test_the_lectures_batches_are_those_of_pad_sequences():
    """Zeros before a short review, and of a long one the last 80 words."""
    settings = recipe.PRESETS["lecture"]
    reviews = [np.arange(5, 5 + n, dtype="int32") for n in (3, 80, 200)]
    sequences = recipe.reading.readable(settings, WordVocabulary(["w"], 20_000), Sequences.of(reviews))
    batches = recipe.pipelines.sequence_batches(sequences, None, 3, **recipe.reading.padded(settings))
    (ids,) = batches.as_numpy_iterator()
    np.testing.assert_array_equal(ids, keras.utils.pad_sequences(reviews, maxlen=80))


@pytest.mark.slow
def test_without_early_stopping_the_last_epoch_is_told_beside_the_best(
    tmp_path, capsys, without_figures
):
    out = tmp_path / "run"
    flags = "--preset lecture --data generated --limit 200 --epochs 12 --units 8 --learning-rate 0.02"
    metrics = recipe.main([*flags.split(), "--out", str(out)])
    said = capsys.readouterr().out
    assert metrics["epochs"] == 12 and metrics["kept_epoch"] < 12
    assert f"epoch {metrics['kept_epoch']:.0f} " in said and "epoch 12, its last" in said
    model = keras.models.load_model(out / "model.keras")
    settings = Run.open(out, recipe.RECIPE).settings(recipe.Settings)
    data = recipe.load_data(settings)
    p = recipe.evaluate(model, settings, data.vocabulary, data.test.sequences)
    assert recipe.accuracy(p, data.test.labels) == metrics["test_accuracy"]
    assert metrics["test_accuracy"] != metrics["test_accuracy_last_epoch"]


@pytest.mark.slow
def test_the_test_reviews_are_read_once_and_after_the_training(tmp_path, monkeypatch, without_figures):
    order, evaluate, train = [], recipe.evaluate, recipe.train

    def watched_train(settings, data, run):
        order.append("trained")
        return train(settings, data._replace(test=None), run)  # it has no business with them

    def watched_evaluate(model, settings, vocabulary, sequences):
        order.append(len(sequences))
        return evaluate(model, settings, vocabulary, sequences)

    monkeypatch.setattr(recipe, "train", watched_train)
    monkeypatch.setattr(recipe, "evaluate", watched_evaluate)
    recipe.main([*PLAIN, "--out", str(tmp_path / "run")])
    assert order[0] == "trained" and order.count(120) == 1


def test_dropped_words_and_averaged_weights_are_in_the_model_by_their_flags():
    names = {
        flags: {
            type(layer).__name__
            for layer in recipe.build_model(recipe.Settings(**dict(flags)), 50).layers
        }
        for flags in (
            (("word_dropout", 0.0), ("embedding_dropout", 0.0), ("output_dropout", 0.0)),
            (("word_dropout", 0.1), ("pooling", "last"), ("bidirectional", False)),
        )
    }
    plain, other = names.values()
    assert not plain & {"WordDropout", "SpatialDropout1D", "Dropout"}
    assert {"Bidirectional", "MaskedGlobalMaxPooling1D", "GlobalAveragePooling1D"} <= plain
    assert "WordDropout" in other and not other & {"Bidirectional", "MaskedGlobalMaxPooling1D"}
    model = recipe.build_model(recipe.PRESETS["smoke"], 50)
    recipe.compile_model(model, recipe.Settings(average=0.9), 5)
    assert model.optimizer.use_ema and model.optimizer.ema_momentum == 0.9


def test_padding_does_not_change_what_the_network_says():
    settings = recipe.PRESETS["cpu"]
    model = recipe.build_model(settings, 50)
    ids = np.random.default_rng(0).integers(4, 50, (3, 9))
    wide = np.pad(ids, [(0, 0), (0, 7)])
    np.testing.assert_allclose(model(ids), model(wide), atol=1e-6)


# --- judging a review -----------------------------------------------------------------------------


def test_the_opinion_after_each_word_is_that_of_the_review_that_ends_there(saved):
    out, _ = saved
    run = Run.open(out, recipe.RECIPE)
    model, settings = run.load_model(), run.settings(recipe.Settings)
    vocabulary = WordVocabulary.load(out / "vocabulary.json")
    words = tokenize("the acting was zxq superb but")
    opinion = recipe.opinion_of(model, settings, vocabulary)(words)
    assert opinion.words == words and opinion.left_out == 0 and 3 in opinion.marked
    for n in range(1, len(words) + 1):
        alone = float(model(vocabulary.encode(words[:n])[None])[0, 0])
        assert opinion.probabilities[n - 1] == pytest.approx(alone, abs=1e-5)
    assert opinion.probabilities[3] == opinion.probabilities[2]  # never seen, so passed over


@pytest.mark.parametrize("count", [4, 5, 6, 7, 300])
def test_of_a_long_review_the_last_words_are_read_as_in_training(count):
    """Five ids: the start and four words, or the last five words."""
    vocabulary = WordVocabulary([f"w{n}" for n in range(300)])
    read = []

    def judge(sequences):
        read.extend(sequences[i].tolist() for i in range(len(sequences)))
        return np.array([ids[-1] for ids in read], "float64")

    words = [f"w{n}" for n in range(count)]
    (opinion,) = opinions.of_reviews(judge, vocabulary, 5, [words])
    whole = Sequences.of([vocabulary.encode(words)]).last(5)[0].tolist()
    assert read[-1] == whole
    assert opinion.words == words[-5:] and opinion.left_out == max(0, count - 5)
    ends = [vocabulary.id_of(word) for word in opinion.words]
    assert opinion.probabilities.tolist() == ends


def test_words_never_seen_leave_the_opinion_as_it_is():
    """Those before any known one that of the empty review, though the known ones fill what is read."""
    vocabulary = WordVocabulary(["a", "b", "c"])

    def judge(sequences):
        return np.array([sequences[i].sum() for i in range(len(sequences))], "float64")

    (opinion,) = opinions.of_reviews(judge, vocabulary, 3, [["zz", "a", "zz", "b", "c"]])
    a, b, c = (vocabulary.id_of(word) for word in "abc")
    assert opinion.probabilities.tolist() == [1, 1 + a, 1 + a, 1 + a + b, a + b + c]
    assert opinion.marked == {0, 2}


def test_a_word_is_known_however_its_accents_are_written(saved, monkeypatch, predict):
    out = saved[0]
    asked = []
    monkeypatch.setattr(opinions, "tokenize", lambda text: asked.append(text) or ["film"])
    predict(out, "-", "\ufeffcafe\u0301\n")
    assert asked == ["caf\u00e9"]
    (out / "opinion.png").unlink()


@pytest.mark.slow
def test_a_test_review_of_unknown_words_is_no_trouble(tmp_path):
    """It is among those judged wrong, and there is nothing in it to draw."""
    reviews = generated_reviews(60, seed=5)
    for part in ("train", "test"):
        for label, name in enumerate(("neg", "pos")):
            folder = tmp_path / "data" / part / name
            folder.mkdir(parents=True)
            texts = [t for t, y in zip(reviews.texts, reviews.labels, strict=True) if y == label]
            for n, text in enumerate(texts[:20] if part == "train" else ["zxq wvu"] * 3):
                (folder / f"{n}.txt").write_text(text)
    flags = [*PLAIN, "--data", str(tmp_path / "data"), "--out", str(tmp_path / "run")]
    assert recipe.main(flags)["test_accuracy"] == 0.5


def test_a_review_is_judged_word_by_word_and_drawn(saved, monkeypatch, predict):
    out, _ = saved
    monkeypatch.setenv("COLUMNS", "70")
    (out / "opinion.png").unlink(missing_ok=True)
    code, said, error = predict(out, "The acting was SUPERB, <br /> zxq!")
    assert (code, error) == (0, "")
    first, *rest = said.splitlines()
    probability = float(first.split()[1].strip("("))
    assert first.endswith("6 words read, 2 not in the vocabulary")
    assert first.startswith("positive (" if probability > 0.5 else "negative (")
    assert "[zxq]" in said and "[br]" in said and re.search(r"\w+\([+-]0\.\d\d\)", said)
    assert all(len(line) <= 70 for line in rest if "drawn" not in line)
    assert (out / "opinion.png").read_bytes().startswith(b"\x89PNG")
    (out / "opinion.png").unlink()


def test_a_terminal_gets_colours(saved, monkeypatch, predict):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    _, said, _ = predict(saved[0], "a superb film")
    assert "\x1b[" in said
    (saved[0] / "opinion.png").unlink()


@pytest.mark.slow
def test_each_line_of_standard_input_is_a_review(saved, predict):
    out, _ = saved
    code, said, error = predict(out, "-", "a superb film\nno chore\n")
    assert (code, error) == (0, "")
    assert said.count("words read") == 2
    code, said, error = predict(out, "-", "a superb film\n\n ,.\nno chore\n\n")
    assert code == 2 and said.count("words read") == 2  # the good ones are judged
    assert error.count("\n") == 1 and "error: line 3 of standard input:" in error
    code, _, error = predict(out, "-", "")
    assert code == 2 and error.count("\n") == 1 and "standard input" in error
    (out / "opinion.png").unlink()


@pytest.mark.slow
def test_a_review_of_one_word_and_one_of_a_hundred_thousand_are_judged(saved, predict):
    out, _ = saved
    code, said, _ = predict(out, "superb")
    assert code == 0 and "1 word read" in said
    code, said, _ = predict(out, "superb film " * 50_000)
    assert code == 0 and "400 words read, the 99,600 before them not" in said
    (out / "opinion.png").unlink()


@pytest.mark.slow
def test_classes_have_the_users_names(tmp_path, predict, without_figures):
    reviews = generated_reviews(100, seed=5)
    table = tmp_path / "mails.TSV"
    rows = [
        f"{['ham', 'spam'][y]}\t{text}" for text, y in zip(reviews.texts, reviews.labels, strict=True)
    ]
    table.write_text("kind\tbody\n" + "\n".join(rows), encoding="utf-8-sig")
    out = tmp_path / "run"
    flags = f"{' '.join(PLAIN)} --data {table} --text-column body --label-column kind"
    recipe.main([*flags.split(), "--out", str(out)])
    data = json.loads((out / "result.json").read_text())["data"]
    assert data["classes"] == ["ham", "spam"] and data["test"] == 20
    _, said, _ = predict(out, "superb")
    assert " spam); 1 word read" in said


# --- bad input ------------------------------------------------------------------------------------

TABLE = "text,label\n" + "\n".join(f"word{n} good,{n % 2}" for n in range(40)) + "\n"
BAD_FILES = {
    "a column that is not there": ("a.csv", TABLE.replace("text,", "words,"), "--text-column"),
    "three classes": ("a.csv", TABLE + "so so,2\n", "'2'"),
    "one class": ("a.csv", TABLE.replace(",1\n", ",0\n"), "'0'"),
    "no rows": ("a.csv", "text,label\n", "a.csv"),
    "an npz that is none": ("a.npz", "no zip file", "a.npz"),
    "too few": ("a.csv", "text,label\ngood,1\nbad,0\n", "a.csv"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_one_line_and_exit_code_2(name, tmp_path, run_main):
    filename, content, message = BAD_FILES[name]
    path = tmp_path / filename
    path.write_text(content)
    argv = ["--preset", "smoke", "--data", str(path), "--out", str(tmp_path / "run")]
    code, _, error = run_main(argv)
    assert code == 2 and error.count("\n") == 1, error
    assert error.startswith("imdb_sentiment.py: error:") and message in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["cut short", "pickled"])
def test_an_unfit_npz_is_one_line_and_exit_code_2(kind, tmp_path, run_main):
    path = tmp_path / "reviews.npz"
    if kind == "pickled":
        np.savez(path, train_flat=np.array([[1], [2, 3]], dtype=object))
    else:
        np.savez(path, train_flat=np.arange(1000))
        path.write_bytes(path.read_bytes()[:3000])
    code, _, error = run_main(["--data", str(path), "--out", str(tmp_path / "r")])
    assert code == 2 and error.count("\n") == 1, error
    assert str(path) in error and kind in error


BAD_FLAGS = {
    "--data nowhere.csv": "nowhere.csv",
    "--words 3": "--words",
    "--validation 0": "--validation",
    "--pooling median": "--pooling",
    "predict x --epochs 2": "--epochs",
    "predict x --preset smoke": "--preset",
    "predict x --run nowhere": "nowhere",
    "predict x --encoding latin-1": "say predict -",
    "compare --cell gru": "--cell",
    "compare --seed 3": "--seed has no meaning with compare",
    "compare --resume": "--out",
    "compare --baseline": "--baseline",
    "measure --epochs 3": "--epochs",
    "--preset smoke --words 50000": "--pairs none",
    "--preset smoke --limit 2": "--limit",
    "compare --predict x": "--predict is a verb now: imdb_sentiment.py predict TEXT",
    "--compare --against-padding": "--compare is a verb now",
    "measure --out x": "--out",
    "--run x": "predict",
    "--preset smoke --limit 1": "--limit",
    "measure --preset lecture": "--mask",
}


@pytest.mark.parametrize("flags", BAD_FLAGS)
def test_bad_flags_are_one_line_and_exit_code_2(flags, tmp_path, monkeypatch, run_main):
    monkeypatch.chdir(tmp_path)
    code, _, error = run_main(flags.split())
    assert code == 2 and error.count("\n") == 1, error
    assert BAD_FLAGS[flags] in error
    assert not list(tmp_path.iterdir())


def test_a_vocabulary_of_another_run_is_one_line(saved, tmp_path, predict):
    out = tmp_path / "run"
    out.mkdir()
    for name in ("config.json", "model.keras"):
        (out / name).write_bytes((saved[0] / name).read_bytes())
    WordVocabulary(["a", "few", "words"]).save(out / "vocabulary.json")
    code, _, error = predict(out, "a few words")
    assert code == 2 and error.count("\n") == 1 and "not of one run" in error


# --- the baseline, the comparison, the padding ------------------------------------------------------


@pytest.mark.slow
def test_the_baseline_is_scikit_learns_on_the_training_part_alone():
    """Two words tell the classes apart; what the other parts hold changes nothing."""
    vocabulary = WordVocabulary(["good", "bad", "film", "no"])

    def part(*texts):
        ids = [vocabulary.encode(text.split()) for text in texts]
        return LabelledSequences(Sequences.of(ids), np.array([int("good" in text) for text in texts]))

    class Parts:
        train = part(*["good film", "bad film"] * 20)
        validation = part("no good", "no bad")
        test = part("good", "bad", "film bad bad bad")

    fitted = baseline.fit(Parts)
    for forms in fitted.values():
        assert ((forms.test > 0.5) == [True, False, False]).all()
        assert ((forms.validation > 0.5) == [True, False]).all()
    assert fitted["tf-idf"].features == 3  # "no" is in no training review
    assert fitted["tf-idf with pairs"].features == 5


build = functools.cache(recipe.build_model)  # which the tests of one table ask for the same models


@pytest.mark.slow
@pytest.mark.parametrize("cell", comparison.CELLS)
@pytest.mark.parametrize("flags", [{}, {"bidirectional": True, "layers": 2, "units": 20}])
def test_cells_are_compared_with_equally_many_weights(cell, flags):
    settings = recipe.Settings(**{"cell": "lstm", "bidirectional": False, "embedding": 24, **flags})

    def weights(cell, units):
        model = build(dataclasses.replace(settings, cell=cell, units=units), 10)
        return comparison.beside_the_embedding(model)

    units = comparison.equal_units(settings, build, cell=cell)
    budget = weights("lstm", settings.units)
    ours = abs(weights(cell, units) - budget)
    assert ours <= min(abs(weights(cell, units + step) - budget) for step in (-1, 1))
    assert ours < 0.05 * budget
    assert comparison.equal_units(settings, build, cell="lstm") == settings.units


@pytest.mark.slow
def test_compare_trains_each_cell_at_its_better_rate_and_goes_on_where_it_ended(
    tmp_path, monkeypatch, capsys, run_main, without_figures
):
    out = tmp_path / "all"
    flags = "compare --data generated --limit 60 --epochs 1 --units 4 --embedding 4 --seeds 0 1".split()
    monkeypatch.setattr(comparison, "CELLS", ("simple", "lstm"))
    monkeypatch.setattr(recipe, "LEDGER", tmp_path / "ledger")
    results = recipe.main([*flags, "--out", str(out), "--record"])
    said = capsys.readouterr().out
    assert list(results) == ["simple", "lstm"]
    for cell, metrics in results.items():
        assert len(metrics["test_accuracy"]["values"]) == 2
        reached = {}
        for rate in comparison.RATES:
            of_first = json.loads((out / cell / f"rate-{rate:g}/seed-0/result.json").read_text())
            reached[rate] = of_first["metrics"]["validation_accuracy"]
            assert of_first["settings"]["cell"] == cell
        chosen = max(reached, key=reached.get)
        other = next(rate for rate in reached if rate != chosen)
        assert (out / cell / f"rate-{chosen:g}/seed-1/result.json").exists()
        assert not (out / cell / f"rate-{other:g}/seed-1").exists()
        assert f"{chosen:6g}" in next(line for line in said.splitlines() if line.startswith(f"{cell} "))
    assert (out / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "ledger").iterdir())) == 2
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("model.keras")}
    assert len(stamps) == 6

    code, _, error = run_main([*flags, "--out", str(out)])
    assert code == 2 and "--resume" in error
    argv = [*flags, "--units", "5", "--out", str(out), "--resume"]
    code, _, error = run_main(argv)
    assert code == 2 and "other settings" in error
    again = recipe.main([*flags, "--out", str(out), "--resume"])
    assert again == results
    assert {path: path.stat().st_mtime_ns for path in out.rglob("model.keras")} == stamps


@pytest.mark.slow
def test_against_padding_trains_one_model_on_all_forms_and_says_the_ratio(capsys):
    metrics = recipe.main("measure --preset smoke --limit 40 --cell simple --units 4".split())
    said = capsys.readouterr().out
    assert metrics["greatest_difference"] < 1e-5
    ratio = metrics["padded_seconds"] / metrics["bucketed_seconds"]
    assert metrics["padded_over_bucketed"] == pytest.approx(ratio)
    assert f"takes {ratio:.2f} times as long" in said
    counts = [
        int(line.split("words with padding")[0].split()[-1].replace(",", ""))
        for line in said.splitlines()
        if "words with padding" in line
    ]
    assert counts == sorted(counts) and counts[-1] == 36 * 400


# --- going on ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("average", ["none", "0.9"])
def test_a_run_that_is_interrupted_and_resumed_ends_as_the_unbroken_one(
    average, tmp_path, monkeypatch, run_main, without_figures
):
    flags = [*PLAIN, "--epochs", "2", "--average", average, "--checkpoint-seconds", "0.000001"]
    unbroken = recipe.main([*flags, "--out", str(tmp_path / "unbroken")])
    out = tmp_path / "run"
    seen = itertools.count()

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if next(seen) == 5:  # of four batches an epoch: in the middle of the second
                raise KeyboardInterrupt

    stopping = recipe.kit.EarlyStopping
    monkeypatch.setattr(recipe.kit, "EarlyStopping", type("Stopping", (Interrupt, stopping), {}))
    code, _, error = run_main([*flags, "--out", str(out)])
    assert code == 130 and f"--resume --out {out}" in error.splitlines()[-1]
    assert (out / "model.keras").exists() and not (out / "result.json").exists()
    code, said, error = run_main(["--resume", "--out", str(out)])
    assert code == 0, error
    assert "Going on after batch 1 of epoch 2." in said
    ours, theirs = (keras.models.load_model(p / "model.keras") for p in (out, tmp_path / "unbroken"))
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    resumed = json.loads((out / "result.json").read_text())["metrics"]
    assert resumed | {"train_seconds": 0} == unbroken | {"train_seconds": 0}
    ours, theirs = (
        [row | {"seconds": 0} for row in Run.open(path, recipe.RECIPE).history()]
        for path in (out, tmp_path / "unbroken")
    )
    assert ours == theirs  # of the last epoch too, whose weights need not be those that were kept


# --- the real reviews -------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_lectures_remark_about_tf_idf_holds_on_the_real_reviews(real_data, monkeypatch):
    monkeypatch.setenv("RNN_KIT_DATA", str(real_data))
    data = recipe.load_data(recipe.Settings())
    assert data.info["train"] == 22_500 and data.info["test"] == 25_000
    monkeypatch.setattr(baseline, "FORMS", {"tf-idf": (1, 1)})
    (fitted,) = baseline.fit(data).values()
    assert recipe.accuracy(fitted.test, data.test.labels) == pytest.approx(0.8845, abs=0.003)


def test_the_table_in_the_docstring_is_the_ledgers():
    entries = {
        n: json.loads((recipe.LEDGER / f"imdb_sentiment-{n}.json").read_text())
        for n in ("cpu", "lecture")
    }
    cpu, lecture = (entry["metrics"] for entry in entries.values())
    for metrics, names in (
        (cpu, ("test_accuracy", "test_accuracy_tfidf", "test_accuracy_tfidf_with_pairs")),
        (lecture, ("test_accuracy", "test_accuracy_last_epoch")),
    ):
        for name in names:
            figure = f"{metrics[name]['mean']:.3f}"
            if metrics[name]["std"] is not None:
                figure += f" ± {metrics[name]['std']:.3f}"
            assert figure in recipe.__doc__, figure
    assert f"{cpu['train_seconds']['mean']:.0f} s" in recipe.__doc__
    assert f"{lecture['train_seconds']['mean']:,.0f} s" in recipe.__doc__


def test_what_is_not_read_of_a_users_reviews_is_said(tmp_path):
    """Of 10 distinct words the 4 most frequent are known, of 5 words of a review the last 3 read."""
    rows = ["text,label"]
    rows += [f"a film so w{n % 6} {word},{word}" for n in range(20) for word in ("good", "bad")]
    rows += ["short good,good", "short bad,bad"] * 2
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    settings = dataclasses.replace(
        recipe.PRESETS["smoke"], data=str(tmp_path / "mine.csv"), words=8, maxlen=3, pairs=None
    )
    data = recipe.load_data(settings)
    distinct, reviews = len(data.vocabulary), data.train.sequences
    known, longer = recipe.reading.what_is_not_read(settings, data)
    unknown = sum(int((reviews[n] >= 8).sum()) for n in range(len(reviews)))
    words = sum(len(reviews[n]) - 1 for n in range(len(reviews)))
    assert f"The 4 most frequent of {distinct} distinct words" in known and "--words" in known
    assert f"{unknown / words:.1%} of all" in known
    long = sum(len(reviews[n]) == 6 for n in range(len(reviews)))
    assert f"Of {long} of {len(reviews)} training reviews" in longer and "last 3 words" in longer
    whole = dataclasses.replace(settings, words=4 + distinct, maxlen=5)
    assert recipe.reading.what_is_not_read(whole, recipe.load_data(whole)) == []
