"""Image captioning, end to end at smoke size, and everything it says to bad input."""

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import image_captioning as recipe
from parts.image_captioning import captioning, comparison, data, run_figures
from recipe_kit.datasets import is_true
from recipe_kit.runs import Run, RunError, summary
from rnn_kit.text import TokenVocabulary

TINY = "--preset smoke --pictures 60 --epochs 1 --units 8 --embedding 4".split()
COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 128, 0)}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """One smoke run, which the tests read."""
    out = tmp_path_factory.mktemp("runs") / "smoke"
    metrics = recipe.main(["--preset", "smoke", "--out", str(out)])
    return out, metrics


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A user's folder: 30 images of one colour, two captions each; and files of features of them."""
    path = tmp_path_factory.mktemp("mine")
    rng, rows, names = np.random.default_rng(0), ["image,caption"], []
    for n in range(30):
        colour = [*COLOURS][n % 3]
        names.append(f"{n:02}.png")
        Image.new("RGB", (20, 12), COLOURS[colour]).save(path / names[-1])
        rows += [f'{names[-1]},"A {colour} picture, plain."', f"{names[-1]},all of it is {colour}"]
    (path / "captions.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    hue = np.eye(3)[np.arange(30) % 3]
    pooled = np.hstack([hue, rng.normal(0, 0.1, (30, 5))]).astype("float16")
    grid = np.round(100 * np.stack([hue, hue, hue, rng.random((30, 3))], axis=1)).astype("int8")
    np.savez(path / "pooled.npz", image_id=np.array(names), features=pooled)
    scale = np.full(3, 0.01, "float32")
    np.savez(path / "grid.npz", image_id=np.array(names), grid=grid, scale=scale)
    return path


def of(folder, *features):
    flags = "--epochs 12 --units 16 --embedding 8 --min-count 1 --learning-rate 0.02 --batch-size 8"
    quick = "--length 8 --beam-widths 2 --length-penalties 0.7"
    return ["--data", str(folder), "--features", *features, *flags.split(), *quick.split()]


@pytest.fixture(scope="module")
def attentive(folder, tmp_path_factory):
    """A run on the user's folder that looks at a grid."""
    out = tmp_path_factory.mktemp("runs") / "attentive"
    flags = [*of(folder, "pooled.npz", "grid.npz"), "--decoder", "attention", "--epochs", "24"]
    return out, recipe.main([*flags, "--out", str(out)])


# A run


def test_the_ledger_has_no_metric_that_a_run_has_not(saved, recorded_but_not_measured):
    assert recorded_but_not_measured(saved[1]) == set()


def test_a_run_leaves_what_the_design_promises(saved, written_but_not_declared):
    out, metrics = saved
    assert written_but_not_declared(out) == set()
    assert {path.name for path in out.iterdir()} == {
        *("config.json", "history.csv", "result.json", "model.keras", "vocabulary.json", "samples.txt"),
        *("captions.txt", "perplexity.png", "captions.png", "best.png", "worst.png", "checkpoints"),
        "example.png",
    }
    assert json.loads((out / "result.json").read_text())["metrics"] == metrics
    assert metrics["epochs"] == 2 and 0 <= metrics["test_truth"] <= 1
    for image in out.glob("*.png"):
        assert image.read_bytes().startswith(b"\x89PNG")


def test_the_saved_captions_are_as_true_as_reported(saved):
    out, metrics = saved
    held = recipe.load_data(recipe.PRESETS["smoke"])
    lines = [line.split("\t") for line in (out / "captions.txt").read_text().splitlines()]
    assert [name for name, _ in lines] == held.test.names
    true = [is_true(scene, text) for scene, (_, text) in zip(held.test.scenes, lines, strict=True)]
    assert np.mean(true) == metrics["test_truth"]


@pytest.mark.slow
def test_the_seed_fixes_the_run(tmp_path, without_figures):
    runs = {}
    for name, seed in (("one", "3"), ("again", "3"), ("other", "4")):
        metrics = recipe.main([*TINY, "--seed", seed, "--out", str(tmp_path / name)])
        runs[name] = {k: v for k, v in metrics.items() if "second" not in k}
    assert runs["one"] == runs["again"] != runs["other"]


@pytest.mark.slow
def test_a_run_that_goes_on_ends_as_the_unbroken_one(tmp_path, without_figures, monkeypatch):
    flags = [*TINY, "--epochs", "2", "--data", "shapes"]
    unbroken = recipe.main([*flags, "--out", str(tmp_path / "unbroken")])
    batches = []

    class Kill(recipe.kit.StopOnNaN):
        def on_train_batch_end(self, batch, logs=None):
            batches.append(batch)
            if len(batches) == 7:
                raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(recipe.kit, "StopOnNaN", Kill)
        with pytest.raises(RuntimeError, match="killed"):
            recipe.main([*flags, "--checkpoint-seconds", "1e-9", "--out", str(tmp_path / "killed")])
    resumed = recipe.main(["--resume", "--out", str(tmp_path / "killed")])
    timeless = [{k: v for k, v in m.items() if "second" not in k} for m in (unbroken, resumed)]
    assert timeless[0] == timeless[1]


@pytest.mark.slow
def test_a_users_pictures_are_learned_from_feature_files(attentive, folder):
    out, metrics = attentive
    assert metrics["test_bleu_1"] > 60
    assert (out / "attention.png").exists()
    config = json.loads((out / "config.json").read_text())
    assert config["data"]["images_train"] == 24
    words = TokenVocabulary.load(out / "vocabulary.json")
    assert {"red", "picture", "plain", "<unk>", "<eos>"} <= set(words.tokens)


def test_rare_words_are_unknown_to_the_network_and_not_to_the_references(folder, tmp_path):
    settings = recipe.Settings(data=str(folder), features=("pooled.npz",), decoder="init", min_count=21)
    held = recipe.load_data(settings)
    assert "plain" in held.vocabulary.tokens and "green" not in held.vocabulary.tokens
    assert any("green" in words for image in held.test.words + held.train.words for words in image)
    colour = next(words for image in held.train.words for words in image if "green" in words)
    unknown = [word if word != "green" else "<unk>" for word in colour]
    part = data.Part(["x"], {}, [[colour]], [None])
    assert recipe.evaluation.judge([unknown], part)["bleu_1"] < 90
    assert recipe.evaluation.judge([colour], part)["bleu_1"] == pytest.approx(100)


def test_what_is_not_learned_of_a_users_captions_is_said(folder):
    """Of 10 distinct words the three colours are rarer than 21; every caption has 4 words or 5."""
    settings = recipe.Settings(data=str(folder), features=("pooled.npz",), decoder="init")
    held = recipe.load_data(dataclasses.replace(settings, min_count=21, length=4))
    captions = [words for image in held.train.words for words in image]
    words = [word for caption in captions for word in caption]
    rare = [word for word in words if words.count(word) < 21]
    share = len(rare) / len(words)
    expected = (
        f"{len(set(rare))} of {len(set(words))} distinct words stand less than 21 times in the "
        f"captions and become <unk>, {share:.1%} of all words"
    )
    assert any(expected in note for note in held.notes)
    longer = sum(len(caption) > 4 for caption in captions)
    said = [note for note in held.notes if "--length" in note]
    assert [note.split(" of ")[0] for note in said] == ([str(longer)] if longer else [])
    whole = recipe.load_data(dataclasses.replace(settings, min_count=1))
    assert not any("--min-count" in note or "--length" in note for note in whole.notes)


@pytest.mark.slow
def test_word_vectors_of_a_file_stay_as_they_are(folder, tmp_path, capsys):
    vectors = tmp_path / "vectors.txt"
    vectors.write_bytes(b"\xef\xbb\xbfred 1 2 3\nblue 4 5 6\ncaf\xe9 7 8 9\n\n")
    flags = [*of(folder, "pooled.npz"), "--word-vectors", str(vectors), "--embedding", "3"]
    recipe.main([*flags, "--decoder", "init", "--epochs", "1", "--out", str(tmp_path / "run")])
    model, vocabulary = recipe.open_saved(Run.open(tmp_path / "run", recipe.RECIPE))
    table = model.word_vectors.get_weights()[0]
    assert table[vocabulary.id_of("red")].tolist() == [1, 2, 3]
    assert table[vocabulary.id_of("blue")].tolist() == [4, 5, 6]
    assert "1 line whose word is not UTF-8, 1 empty line" in capsys.readouterr().out
    used = json.loads((tmp_path / "run" / "result.json").read_text())["data"]
    for name, file in (("word_vectors", vectors), ("features", folder / "pooled.npz")):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert used[name] == {"source": file.name, "sha256": digest}
    vectors.unlink()  # they are in the model now
    assert recipe.main(["measure", "--run", str(tmp_path / "run")])


@pytest.mark.slow
def test_a_users_pictures_are_seen_by_a_network_of_keras(folder, tmp_path, run_main, monkeypatch):
    """From photos on, with random weights: and a network that has learned nothing may say nothing."""
    network = recipe.keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(64, 64, 3), alpha=0.35
    )
    found = {"mobilenetv2": (lambda **_: network, recipe.keras.applications.mobilenet_v2)}
    monkeypatch.setattr(data.extraction, "backbones", lambda: found)
    monkeypatch.setattr(data.extraction, "SIZES", {"mobilenetv2": 64})
    flags = "--weights none --min-count 1 --epochs 1 --units 8 --embedding 8 --beam-widths 1".split()
    where = ["--cache", str(tmp_path / "kept"), "--out", str(tmp_path / "run")]
    code, said, error = run_main(["--data", str(folder), *flags, *where])
    assert code == 0, error
    assert [path.suffix for path in (tmp_path / "kept").iterdir()] == [".npz"]
    code, said, error = run_main(["caption", str(folder / "01.png"), "--run", str(tmp_path / "run")])
    assert code == 0 and "nats a word" in said


@pytest.mark.slow
def test_a_truncated_photo_does_not_stop_a_training(folder, tmp_path, monkeypatch):
    """It is left out, counted and named; and so is its part of what a result says of the data."""
    mine = shutil.copytree(folder, tmp_path / "mine")
    (mine / "07.png").write_bytes((mine / "07.png").read_bytes()[:60])
    network = {"mobilenetv2": (lambda **_: OneNumber(), recipe.keras.applications.mobilenet_v2)}
    monkeypatch.setattr(data.extraction, "backbones", lambda: network)
    settings = recipe.Settings(
        data=str(mine), cache=str(tmp_path / "kept"), weights="none", min_count=1, decoder="init"
    )
    held = recipe.load_data(settings)
    names = held.train.names + held.validation.names + held.test.names
    assert len(names) == 29 and "07.png" not in names
    assert sum(held.info[f"images_{part}"] for part in ("train", "validation", "test")) == 29
    assert held.info["captions"] == 58
    (note,) = [note for note in held.notes if "cannot be read" in note]
    assert note.startswith("1 image that cannot be read is left out: '07.png'; ")


class OneNumber:
    """A network that sees the mean of an image."""

    def predict_on_batch(self, batch):
        return batch.mean(axis=(1, 2, 3)).reshape(-1, 1, 1, 1)


@pytest.mark.slow
def test_captions_of_another_encoding_are_learned_from(folder, tmp_path, run_main):
    mine = shutil.copytree(folder, tmp_path / "mine")
    text = (mine / "captions.csv").read_text().replace("picture", "M\xe4dchen")
    (mine / "captions.csv").write_bytes(text.encode("latin-1"))
    flags = [*of(mine, "pooled.npz"), "--decoder", "init", "--out", str(tmp_path / "run")]
    code, _, error = run_main(flags)
    assert one_line(code, error) and "--encoding" in error
    parsed = recipe.parse([*flags, "--encoding", "latin-1"])
    held = recipe.load_data(recipe.cli.override(recipe.PRESETS["cpu"], parsed))
    assert "m\xe4dchen" in held.vocabulary.tokens


def test_a_photo_that_cannot_be_opened_is_drawn_as_its_name(tmp_path, capsys):
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    part = data.Part(["cut.jpg"], {}, [[["a"]]], [tmp_path / "cut.jpg"])
    assert run_figures.image_of(part, 0) is None
    said = capsys.readouterr().out
    assert said.startswith("drawn without the photo: ") and "cut.jpg" in said


# A saved run


def test_a_saved_run_says_what_it_sees(saved, tmp_path, run_main):
    out = shutil.copytree(saved[0], tmp_path / "run")
    code, said, _ = run_main(["caption", str(out / "example.png"), "--run", str(out)])
    assert code == 0 and "nats a word" in said and "sampled" in said
    assert (out / "caption-example.png").exists()


@pytest.mark.slow
def test_an_attentive_run_draws_where_it_looked(attentive, folder, tmp_path, run_main):
    out = shutil.copytree(attentive[0], tmp_path / "run")
    code, said, _ = run_main(["caption", str(folder / "00.png"), "--run", str(out)])
    assert code == 0 and "red" in said
    assert (out / "attention-00.png").exists() and (out / "caption-00.png").exists()


@pytest.mark.slow
def test_a_grid_whose_rows_are_not_known_is_learned_from_and_not_drawn(folder, tmp_path, run_main):
    with np.load(folder / "grid.npz") as whole:
        three = whole["grid"][:, :3]
        np.savez(tmp_path / "three.npz", image_id=whole["image_id"], grid=three)
    flags = [*of(folder, "pooled.npz", str(tmp_path / "three.npz")), "--epochs", "2"]
    out = tmp_path / "run"
    code, _, error = run_main([*flags, "--decoder", "attention", "--out", str(out)])
    assert code == 0, error
    assert (out / "captions.png").exists() and not (out / "attention.png").exists()


@pytest.mark.slow
def test_each_of_several_pictures_has_a_drawing_of_its_own(saved, tmp_path, run_main):
    out = shutil.copytree(saved[0], tmp_path / "run")
    photos = [tmp_path / name for name in ("a.bmp", "a.png", "a-2.gif", "A.gif")]
    for colour, photo in zip(("red", "blue", "green", "white"), photos, strict=True):
        Image.new("RGB", (32, 32), colour).save(photo)
    code, said, _ = run_main(["caption", *map(str, photos), "--run", str(out)])
    assert code == 0
    drawn = [out / f"caption-{name}.png" for name in ("a", "a-3", "a-2", "A-4")]
    for path in drawn:
        assert f"drawn in {path}\n" in said and path.exists()
    assert len({path.read_bytes() for path in drawn}) == 4


@pytest.mark.slow
def test_a_truncated_picture_takes_no_caption_from_the_others(saved, tmp_path, run_main):
    out, cut = shutil.copytree(saved[0], tmp_path / "run"), tmp_path / "cut.png"
    whole = out / "example.png"
    cut.write_bytes(whole.read_bytes()[:200])
    names = [str(cut), str(whole), str(tmp_path / "none.png")]
    code, said, error = run_main(["caption", *names, "--run", str(out)])
    assert f"{whole}, by a beam of" in said and (out / "caption-example.png").exists()
    assert one_line(code, error) and "2 of 3 images cannot be read: " in error
    assert str(cut) in error and "none.png" in error


def test_no_two_drawings_have_one_name():
    for names in (
        ["a.jpg", "a.png", "a-2.jpg"],
        ["a-2.jpg", "x/a.jpg", "a.png"],
        ["A.jpg", "a.jpg", "a"],
    ):
        made = captioning.drawing_names(names)
        assert len({name.lower() for name in made}) == 3
    assert captioning.drawing_names(["b.jpg", "a.jpg", "b.png"]) == ["b", "a", "b-2"]


@pytest.mark.slow
def test_a_run_in_a_folder_that_cannot_be_written_says_what_it_sees_of_every_picture(
    saved, folder, run_main, monkeypatch
):
    tried = []

    def read_only(run, name, figure):
        tried.append(name)
        raise RunError(f"Cannot write {run.file(name)} (Read-only file system).")

    monkeypatch.setattr(captioning.figures, "save", read_only)
    photos = [str(folder / f"{n:02}.png") for n in range(3)]
    code, said, error = run_main(["caption", *photos, "--run", str(saved[0])])
    assert code == 0 and all(f"{photo}, by a beam of" in said for photo in photos)
    assert tried == ["caption-00.png"] and error.count("\n") == 1
    assert error.startswith("No figure is drawn: Cannot write") and "Read-only" in error


@pytest.mark.slow
def test_measure_times_one_picture_and_many(attentive, capsys):
    speeds = recipe.main(["measure", "--run", str(attentive[0])])
    assert speeds[1] > 0 and "captions/s" in capsys.readouterr().out


@pytest.mark.slow
def test_compare_trains_every_decoder_on_both_vectors(folder, tmp_path, run_main, monkeypatch):
    monkeypatch.setattr(run_figures, "draw", lambda *args: None)
    flags = ["compare", *of(folder, "pooled.npz", "grid.npz"), "--epochs", "1"]
    code, said, error = run_main([*flags, "--out", str(tmp_path / "all")])
    assert code == 0, error
    table = said[said.index("validation, beam 2") :]
    assert table.count("mean of grid") == 3 and table.count("pooled features") == 3
    assert (tmp_path / "all/decoders.png").exists()
    assert len([*(tmp_path / "all").glob("*/result.json")]) == 7
    assert not (tmp_path / "all/tuning").exists()
    assert "one seed: this is no ranking" in table


def compared(tmp_path, truths, *flags):
    """What compare of drawn images returns, and trains, where trainings come to these truths."""
    trained = []

    def train_runs(flags):
        trained.append((flags.decoder, flags.learning_rate, flags.seeds))
        scores = truths[flags.decoder][flags.learning_rate]
        metrics = dict.fromkeys([f"bleu_{n}" for n in (1, 2, 3, 4)] + ["cider"], 1 - scores[0])
        metrics = {f"validation_beam_3_{name}": [value] * 2 for name, value in metrics.items()}
        metrics |= {"validation_beam_3_truth": scores, "weights": [1000 + len(flags.decoder)] * 2}
        seeds = range(len(flags.seeds or [0]))
        if flags.seeds is None:
            return {name: values[0] for name, values in metrics.items()}
        return {name: summary(values[n] for n in seeds) for name, values in metrics.items()}

    argv = ["compare", "--preset", "shapes", "--out", str(tmp_path / "all"), *flags]
    parsed = recipe.parse(argv)
    (tmp_path / "all").mkdir()
    comparison.compare(recipe.RECIPE, parsed, recipe.PRESETS, train_runs)
    return trained


TRUTHS = {  # the middle rate is best for one, the highest for the other
    "merge": {1e-3: [0.2, 0.3], 2e-3: [0.6, 0.7], 4e-3: [0.5, 0.9]},
    "attention": {1e-3: [0.7, 0.6], 2e-3: [0.8, 0.8], 4e-3: [0.95, 0.96]},
}


@pytest.fixture
def two_decoders(monkeypatch):
    monkeypatch.setattr(comparison, "PAIRS", [("merge", "grid"), ("attention", "grid")])


def test_compare_gives_each_decoder_the_rate_that_is_best_for_it_on_validation(
    two_decoders, tmp_path, capsys
):
    trained = compared(tmp_path, TRUTHS, "--seeds", "0", "1")
    assert [t for t in trained if t[2] == [0]] == [
        (decoder, rate, [0]) for decoder in TRUTHS for rate in (1e-3, 2e-3, 4e-3)
    ]
    assert trained[6:] == [("merge", 2e-3, [0, 1]), ("attention", 4e-3, [0, 1])]
    table = capsys.readouterr().out.split("validation, beam 3")[1]
    assert " 0.002      1,005" in table and " 0.004      1,009" in table
    found = (
        "attention, grid against merge, grid: no difference is shown, +0.305 (95 %: -0.305 to +0.915)"
    )
    assert found in table  # of two seeds, 0.6 and 0.7 against 0.95 and 0.96


def test_compare_of_one_seed_says_that_it_ranks_nothing(two_decoders, tmp_path, capsys):
    trained = compared(tmp_path, TRUTHS, "--learning-rate", "0.002")
    assert trained == [("merge", 2e-3, None), ("attention", 2e-3, None)]  # the rate is given
    assert "one seed: this is no ranking" in capsys.readouterr().out


def test_compare_refuses_features_that_some_decoder_lacks_before_it_trains(folder, tmp_path, run_main):
    flags = ["compare", *of(folder, "pooled.npz"), "--epochs", "1", "--out", str(tmp_path / "all")]
    code, _, error = run_main(flags)
    assert one_line(code, error) and "a grid" in error
    assert not (tmp_path / "all").exists()


@pytest.mark.slow
def test_a_run_goes_on_only_with_the_features_that_it_was_started_with(folder, tmp_path, run_main):
    other = shutil.copytree(folder, tmp_path / "other")
    out = tmp_path / "run"
    flags = [*of(other, "pooled.npz"), "--decoder", "init", "--epochs", "1", "--out", str(out)]
    assert run_main(flags)[0] == 0
    (out / "result.json").unlink()
    with np.load(other / "pooled.npz") as file:
        arrays = dict(file)
    np.savez(other / "pooled.npz", **{**arrays, "features": arrays["features"] + 1})
    code, _, error = run_main(["--resume", "--out", str(out)])
    assert one_line(code, error) and "The features are not those" in error


# Bad input


def one_line(code, error):
    return code == 2 and error.startswith("image_captioning.py: error: ") and error.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--data", "no-such-folder"], "no-such-folder"),
        (["--run", "x"], "caption"),
        (["compare", "--decoder", "init"], "--decoder"),
        (["caption", "a.jpg", "--epochs", "3"], "--epochs"),
        (["--data", "shapes", "--features", "x.npz"], "--features"),
        (["--data", "shapes", "--encoding", "latin-1"], "--encoding"),
        (["--preset", "smoke", "--min-count", "100000"], "--min-count"),
        (["--label-smoothing", "1.5"], "--label-smoothing"),
    ],
)
def test_flags_that_cannot_be_are_refused_in_one_line(flags, words, tmp_path, run_main, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, error = run_main(flags)
    assert one_line(code, error) and words in error


def test_a_feature_file_without_what_the_decoder_needs_is_refused(folder, tmp_path, run_main):
    flags = [*of(folder, "pooled.npz"), "--decoder", "attention", "--out", str(tmp_path / "run")]
    code, _, error = run_main(flags)
    assert one_line(code, error) and "a grid" in error
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_features_of_another_width_than_the_saved_runs_are_refused(
    folder, attentive, tmp_path, run_main
):
    other = tmp_path / "other.npz"
    np.savez(other, image_id=np.array(["00.png"]), features=np.ones((1, 9), "float16"))
    flags = ["caption", str(folder / "00.png"), "--run", str(attentive[0])]
    code, _, error = run_main([*flags, "--features", str(other), str(folder / "grid.npz")])
    assert one_line(code, error) and "(8,)" in error and "(9,)" in error


@pytest.mark.slow
def test_a_picture_that_the_feature_file_does_not_have_is_named(folder, attentive, tmp_path, run_main):
    photo = tmp_path / "holiday.png"
    shutil.copy(folder / "00.png", photo)
    code, _, error = run_main(["caption", str(photo), "--run", str(attentive[0])])
    assert one_line(code, error) and "holiday.png" in error


@pytest.mark.parametrize("kind", ["missing", "text", "folder", "cut"])
def test_what_is_no_picture_is_refused_by_name(kind, saved, tmp_path, run_main):
    path = tmp_path / "photo.jpg"
    if kind == "text":
        path.write_text("no image")
    elif kind == "folder":
        path.mkdir()
    elif kind == "cut":
        Image.effect_noise((64, 64), 50).save(path)
        path.write_bytes(path.read_bytes()[:600])
    code, _, error = run_main(["caption", str(path), "--run", str(saved[0])])
    assert one_line(code, error) and "photo.jpg" in error


def test_word_vectors_of_another_size_are_refused(folder, tmp_path, run_main):
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("red 1 2 3\n")
    flags = [*of(folder, "pooled.npz"), "--decoder", "init", "--word-vectors", str(vectors)]
    flags += ["--out", str(tmp_path / "run")]
    code, _, error = run_main(flags)
    assert one_line(code, error) and "--embedding 3" in error
    assert not (tmp_path / "run").exists()


def test_word_vectors_that_are_not_there_are_said_before_the_pictures_are_read(
    folder, tmp_path, run_main, monkeypatch
):
    monkeypatch.setattr(data, "load", lambda settings: pytest.fail("the images were read"))
    flags = [*of(folder, "pooled.npz"), "--word-vectors", str(tmp_path / "none.txt")]
    code, _, error = run_main([*flags, "--out", str(tmp_path / "run")])
    assert one_line(code, error) and "none.txt: there is no such file" in error
    assert not (tmp_path / "run").exists()


def test_a_saved_run_whose_vocabulary_is_anothers_is_refused(saved, tmp_path, run_main):
    shutil.copytree(saved[0], tmp_path / "run")
    TokenVocabulary(["<eos>", "a"]).save(tmp_path / "run/vocabulary.json")
    code, _, error = run_main(["caption", "x.png", "--run", str(tmp_path / "run")])
    assert one_line(code, error) and "vocabulary.json" in error


# Real data


FLICKR8K = Path(os.environ.get("RNN_KIT_DATA", "")) / "flickr8k"
POOLED = "flickr8k_mobilenetv2_pool1280_f16.npz"


@pytest.mark.slow
@pytest.mark.skipif(
    not (os.environ.get("RNN_KIT_DATA") and (FLICKR8K / POOLED).is_file()),
    reason=f"$RNN_KIT_DATA names no folder with flickr8k/{POOLED}",
)
def test_a_small_run_on_flickr8k_says_of_each_image_what_people_say_of_it(tmp_path, without_figures):
    """Two epochs of a small network: its captions fit their own images better than the next ones."""
    small = "--decoder init --units 128 --embedding 64 --epochs 2 --batch-size 64 --learning-rate 0.004"
    plain = "--output-dropout 0 --image-dropout 0 --embedding-dropout 0 --label-smoothing 0"
    quick = "--beam-widths 1 --length-penalties 0.7"
    flags = f"--features {POOLED} {small} {plain} {quick}".split()
    metrics = recipe.main([*flags, "--out", str(tmp_path / "run")])
    lines = (tmp_path / "run/captions.txt").read_text().splitlines()
    captions = [line.split("\t")[1].split() for line in lines]
    test = recipe.load_data(Run.open(tmp_path / "run", recipe.RECIPE).settings(recipe.Settings)).test
    assert len(captions) == len(test) == 1000
    assert recipe.evaluation.scores.cider(captions, test.words) == pytest.approx(metrics["test_cider"])
    of_others = recipe.evaluation.scores.cider(captions, test.words[1:] + test.words[:1])
    assert metrics["test_cider"] > 1.5 * of_others
    assert metrics["test_perplexity"] < 40
