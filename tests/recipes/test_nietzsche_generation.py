"""The text-generation recipe, end to end at smoke size, and everything it says to bad input."""

import dataclasses
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import nietzsche_generation as recipe
from parts.nietzsche_generation import writing
from recipe_kit import figures
from recipe_kit.datasets import find_or_fetch
from recipe_kit.runs import Run, rows_of
from rnn_kit.generation import Generator
from rnn_kit.sampling import TemperatureSampler
from rnn_kit.text import CharVocabulary

ROOT = Path(__file__).parents[2]
TEXT = "the quick brown fox jumps over a lazy dog. " * 125
LITTLE = "--preset smoke --limit 2000 --cell simple --units 4 --embedding 4 --temperature 0.5".split()
TWO_SEEDS = ["--preset", "smoke", "--seeds", "0", "5"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """One smoke run, which the tests read."""
    out = tmp_path_factory.mktemp("runs") / "smoke"
    metrics = recipe.main(["--preset", "smoke", "--out", str(out)])
    return out, metrics


@pytest.fixture(scope="module")
def two_seeds(saved, tmp_path_factory):
    """The same twice more, after another run in the process: with its seed, and with another one."""
    out = tmp_path_factory.mktemp("seeds")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(recipe, "LEDGER", out / "results")
        spread = recipe.main([*TWO_SEEDS, "--record", "--out", str(out / "runs")])
    return out / "runs", spread


@pytest.fixture(scope="module")
def lecture(tmp_path_factory):
    """One run of the lecture's preset, small, which the tests read."""
    folder = tmp_path_factory.mktemp("lecture")
    (folder / "fox.txt").write_text(TEXT)
    flags = f"--preset lecture --data {folder / 'fox.txt'} --units 24 --epochs 4 --length 5"
    return folder / "run", recipe.main([*flags.split(), "--out", str(folder / "run")])


def test_the_ledger_has_no_metric_that_a_run_has_not(saved, recorded_but_not_measured):
    assert recorded_but_not_measured(saved[1]) == set()


def test_a_run_leaves_what_the_design_promises(saved, written_but_not_declared):
    out, metrics = saved
    assert written_but_not_declared(out) == set()
    names = {path.name for path in out.iterdir()}
    assert names == {
        *("config.json", "history.csv", "result.json", "model.keras"),
        *("vocabulary.json", "samples.txt", "loss.png", "temperatures.png", "checkpoints"),
    }
    result = json.loads((out / "result.json").read_text())
    assert result["metrics"] == metrics
    assert 0 < metrics["test_nats"] < np.log(97)
    assert metrics["test_bits"] == pytest.approx(metrics["test_nats"] / np.log(2))
    assert result["data"]["train"] + result["data"]["validation"] + result["data"]["test"] == 20_000
    for picture in ("loss.png", "temperatures.png"):
        assert figures.about_figure(out / picture)["metrics"] == metrics
    assert len(list((out / "checkpoints").iterdir())) == 2
    for temperature in recipe.Settings().temperatures:
        assert f"temperature {temperature}\n" in (out / "samples.txt").read_text()


@pytest.mark.slow
def test_the_seed_fixes_the_run(saved, two_seeds):
    out, metrics = saved
    folder, _ = two_seeds
    again, other = (
        json.loads((folder / f"seed-{seed}/result.json").read_text())["metrics"] for seed in (0, 5)
    )
    assert {k: v for k, v in again.items() if k != "train_seconds"} == {
        k: v for k, v in metrics.items() if k != "train_seconds"
    }
    assert (folder / "seed-0/samples.txt").read_text() == (out / "samples.txt").read_text()
    assert other["test_nats"] != metrics["test_nats"]


@pytest.mark.slow
def test_the_saved_model_has_the_held_out_loss_that_was_reported(saved):
    out, metrics = saved
    model = keras.models.load_model(out / "model.keras")
    settings = recipe.Settings(**json.loads((out / "config.json").read_text())["settings"])
    text = recipe.load_data(settings)
    assert CharVocabulary.load(out / "vocabulary.json") == text.vocabulary
    ids = np.concatenate([text.validation[-1:], text.test])
    logits = np.asarray(model(ids[None, :-1]), "float64")[0]
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    nats = -log_p[np.arange(len(text.test)), text.test].mean()
    assert metrics["test_nats"] == pytest.approx(nats, abs=1e-5)


@pytest.mark.slow
def test_it_learns_a_text_by_heart(tmp_path, without_figures):
    """Forty-three characters over and over: hardly anything is left to guess after a few epochs."""
    (tmp_path / "fox.txt").write_text(TEXT)
    metrics = recipe.main(
        f"--preset smoke --data {tmp_path / 'fox.txt'} --out {tmp_path / 'run'} --cell kit-gru "
        "--epochs 12 --dropout 0 --learning-rate 0.02".split()
    )
    assert metrics["test_nats"] < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("cell", recipe.cli.CELLS)
def test_every_cell_trains_saves_and_writes(cell, tmp_path, capsys, without_figures, run_main):
    (tmp_path / "fox.txt").write_text(TEXT[:430])
    out = str(tmp_path / "run")
    recipe.main(
        f"--preset smoke --data {tmp_path / 'fox.txt'} --out {out} --cell {cell} --epochs 1 --layers 2 "
        "--length 5 --temperature 0.5 --lower".split()
    )
    capsys.readouterr()
    argv = ["sample", "--run", out, "--prompt", "The", "--length", "7", "--temperature", "0"]
    code, written, _ = run_main(argv)
    assert code == 0
    assert written.startswith("the") and len(written) == 10 + len("\n")


def test_a_prompt_is_written_on_from_and_its_unseen_characters_are_named(saved, run_main):
    out, _ = saved
    argv = ["sample", "--run", str(out), "--length", "6", "--temperature", "0"]
    _, written, _ = run_main([*argv, "--prompt", "dÉf中 "])
    assert "'É'" in written and "'中'" in written
    assert written.splitlines()[1].startswith("df ")
    _, written, _ = run_main([*argv, "--prompt", "中"])
    assert "starting from '\\n'" in written
    assert written.endswith(greedy(out, "\n", 6) + "\n")


def greedy(out, prompt, length):
    model = keras.models.load_model(out / "model.keras")
    vocabulary = CharVocabulary.load(out / "vocabulary.json")
    ids = Generator(model).generate(vocabulary.encode(prompt)[None], length, TemperatureSampler(0))
    return vocabulary.decode(ids[0])


def test_several_temperatures_stand_side_by_side(saved, monkeypatch, run_main):
    monkeypatch.setenv("COLUMNS", "100")
    argv = [
        "sample",
        "--run",
        str(saved[0]),
        "--length",
        "9",
        "--prompt",
        "def",
        "--temperature",
    ]
    _, written, _ = run_main([*argv, "0", "1"])
    heading, _, text, *_ = written.splitlines()
    assert heading.split("  ")[0] == "temperature 0.0" and heading.endswith("temperature 1.0")
    assert text.startswith(greedy(saved[0], "def", 9).split("\n")[0].rstrip())
    assert text[51:54] == "def"


def test_interactive_answers_one_prompt_after_the_other(saved, monkeypatch, run_main):
    monkeypatch.setattr(sys, "stdin", io.StringIO("def\n\nclass\n"))
    argv = ["sample", "--interactive", "--run", str(saved[0]), "--length", "5", "--temperature", "0"]
    code, written, _ = run_main(argv)
    start = "Nothing to start from: starting from '\\n'.\n"
    answers = [greedy(saved[0], prompt, 5) for prompt in ("def", "\n", "class")]
    assert code == 0 and written == f"{answers[0]}\n{start}{answers[1]}\n{answers[2]}\n"


def _file(tmp_path, content):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    return ["--preset", "smoke", "--data", str(path), "--out", str(tmp_path / "run")]


def _other(tmp_path):
    """A run of another recipe."""
    (tmp_path / "other").mkdir()
    config = {"recipe": "imdb_sentiment", "preset": "cpu", "settings": {}}
    (tmp_path / "other/config.json").write_text(json.dumps(config))
    return str(tmp_path / "other")


BAD = {
    "unknown preset": (lambda p, s: ["--preset", "huge"], "--preset"),
    "unknown flag": (lambda p, s: ["--epoch", "3"], "--epoch"),
    "unknown data": (lambda p, s: ["--data", "nietsche", "--out", str(p / "r")], "nietsche"),
    "missing file": (lambda p, s: ["--data", str(p / "no.txt"), "--out", str(p / "r")], "no.txt"),
    "empty file": (lambda p, s: _file(p, b""), "empty"),
    "no text": (lambda p, s: _file(p, b"\0\1\2" * 9999), "not UTF-8 text"),
    "too short": (lambda p, s: _file(p, b"ab"), "2 characters leave 1 to train on"),
    "one character": (lambda p, s: _file(p, b"a" * 9999), "one character over and over"),
    "folder of nothing": (lambda p, s: ["--data", str(p), "--out", str(p / "r")], "no text files"),
    "epochs of 0": (lambda p, s: ["--epochs", "0"], "--epochs"),
    "epochs of x": (lambda p, s: ["--epochs", "x"], "--epochs"),
    "dropout of 1": (lambda p, s: ["--dropout", "1"], "--dropout"),
    "learning rate of nan": (lambda p, s: ["--learning-rate", "nan"], "--learning-rate"),
    "seed below 0": (lambda p, s: ["--preset", "smoke", "--seed", "-1"], "--seed"),
    "seed of 80 bits": (lambda p, s: ["sample", "--seed", str(2**80)], "--seed"),
    "out of 300 characters": (lambda p, s: ["--preset", "smoke", "--out", "x" * 300], "Cannot write"),
    "length of 0": (lambda p, s: ["sample", "--length", "0"], "--length"),
    "temperature below 0": (lambda p, s: ["sample", "--temperature", "-1"], "--temperature"),
    "temperature of nan": (lambda p, s: ["sample", "--temperature", "nan"], "--temperature"),
    "top-p of 0": (lambda p, s: ["sample", "--top-p", "0"], "--top-p"),
    "top-k of 0": (lambda p, s: ["sample", "--top-k", "0"], "--top-k"),
    "epochs to sample": (lambda p, s: ["sample", "--epochs", "3"], "--epochs has no meaning"),
    "data to sample": (
        lambda p, s: ["sample", "--interactive", "--data", "stdlib"],
        "--data has no meaning",
    ),
    "resume to sample": (lambda p, s: ["sample", "--resume"], "--resume has no meaning"),
    "run to train": (lambda p, s: ["--run", str(s)], "sample"),
    "resume what is not there": (lambda p, s: ["--resume", "--out", str(p / "r")], "no run in"),
    "resume with other units": (
        lambda p, s: ["--resume", "--out", str(s), "--units", "33"],
        "--units 33: the run in",
    ),
    "resume with another preset": (
        lambda p, s: ["--resume", "--out", str(s), "--preset", "cpu"],
        "--preset cpu: the run in",
    ),
    "resume with fewer epochs": (
        lambda p, s: ["--resume", "--out", str(s), "--epochs", "1"],
        "is in epoch 2 already",
    ),
    "out of another recipe": (
        lambda p, s: ["--preset", "smoke", "--out", _other(p)],
        "already holds a run",
    ),
    "resume of another recipe": (
        lambda p, s: ["--resume", "--out", _other(p)],
        "a run of the recipe 'imdb_sentiment'",
    ),
    "no capitals to sample": (
        lambda p, s: ["sample", "--no-lower"],
        "--no-lower has no meaning",
    ),
    "dropout of 0 to sample": (
        lambda p, s: ["sample", "--dropout", "0"],
        "--dropout has no meaning",
    ),
    "a listing of too little": (
        lambda p, s: ["measure", *_file(p, b"abcdefghij" * 3)[2:4]],
        "starts from 40 characters",
    ),
    "seed and seeds": (lambda p, s: ["--seed", "1", "--seeds", "2"], "leave one out"),
    "a seed twice": (lambda p, s: ["--seeds", "2", "2"], "each seed is given once"),
    "seeds in a run": (lambda p, s: ["--seeds", "2", "--out", str(s)], "a single run already"),
    "resume of seeds nowhere": (lambda p, s: ["--seeds", "2", "--resume"], "needs --out"),
    "out that holds a run": (lambda p, s: ["--preset", "smoke", "--out", str(s)], "already holds"),
    "out under a file": (
        lambda p, s: ["--preset", "smoke", "--out", str(s / "result.json" / "r")],
        "Cannot write",
    ),
    "run that is none": (lambda p, s: ["sample", "--run", str(p)], "no run in"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_exit_code_2(name, saved, tmp_path, run_main):
    argv, message = BAD[name]
    argv = argv(tmp_path, saved[0])
    before = {path: path.stat().st_mtime_ns for path in saved[0].iterdir()}
    code, _, err = run_main(argv)
    assert code == 2
    assert err.count("\n") == 1 and err.startswith("nietzsche_generation.py: error: "), err
    assert message in err
    assert {path: path.stat().st_mtime_ns for path in saved[0].iterdir()} == before
    assert not (tmp_path / "run").exists() and not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("/file", "expected SHA-256"),
        ("/broken", "broken off after"),
        ("/stalled", "no answer for 0.2 s"),
        ("/silent", "no answer for 0.2 s"),
        ("/missing", "404"),
    ],
)
def test_a_download_that_fails_is_one_line(page, message, server, tmp_path, monkeypatch, run_main):
    for name in ("RNN_KIT_DATA", "KERAS_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "nothing here"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("recipe_kit.datasets._files.data_folder", lambda: tmp_path / "data")
    monkeypatch.setattr("recipe_kit.datasets.nietzsche.URL", server.url + page)
    monkeypatch.setitem(find_or_fetch.__kwdefaults__, "timeout", 0.2)
    code, _, err = run_main(["--out", str(tmp_path / "run")])
    *progress, error = err.splitlines()
    assert code == 2 and len(progress) <= 1 and message in error and "--data stdlib" in error
    assert not (tmp_path / "run").exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def _spoil(saved, tmp_path, name, content):
    copy = shutil.copytree(saved, tmp_path / "copy")
    (copy / name).write_bytes(content(copy / name))
    return copy


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.keras", lambda p: p.read_bytes()[:5000], "Cannot load"),
        ("vocabulary.json", lambda p: p.read_bytes()[:20], "cut short"),
        (
            "vocabulary.json",
            lambda p: b'{"format": "rnn_kit.CharVocabulary", "characters": "abc"}',
            "vocabulary.json has 3",
        ),
        (
            "config.json",
            lambda p: p.read_bytes().replace(b'"temperatures": [', b'"temperatures": 1, "x": ['),
            "another version",
        ),
        (
            "config.json",
            lambda p: p.read_bytes().replace(b'"length": 40', b'"length": "forty"'),
            "length='forty'",
        ),
        ("config.json", lambda p: b'{"recipe": "imdb_sentiment", "settings": {}}', "imdb_sentiment"),
    ],
)
def test_a_spoiled_run_is_one_line(name, content, message, saved, tmp_path, run_main):
    copy = _spoil(saved[0], tmp_path, name, content)
    code, _, err = run_main(["sample", "--run", str(copy)])
    assert code == 2 and err.count("\n") == 1 and message in err


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_the_run(tmp_path, run_main):
    argv = [*LITTLE, "--learning-rate", "1e38", "--out", str(tmp_path / "run")]
    code, _, err = run_main(argv)
    assert code == 2 and "diverged" in err and "learning rate" in err


@pytest.mark.slow
def test_an_interrupt_keeps_what_was_learned_and_ends_with_130(tmp_path, monkeypatch, run_main):
    class Interrupts(recipe.kit.StopOnNaN):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    monkeypatch.setattr(recipe.kit, "StopOnNaN", Interrupts)
    out = str(tmp_path / "run")
    code, _, err = run_main(["--preset", "smoke", "--out", out])
    assert code == 130 and f"sample --run {out}" in err and f"--resume --out {out}" in err
    argv = ["sample", "--run", out, "--length", "3", "--temperature", "1"]
    assert run_main(argv)[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "flags", "message"),
    [({"KERAS_BACKEND": "jax"}, [], b"KERAS_BACKEND is jax"), ({}, ["-S", "-E"], b"not installed in")],
)
def test_a_python_that_cannot_run_recipes_is_one_line(env, flags, message):
    """`-S` leaves site-packages out, where TensorFlow is."""
    recipe_path = ROOT / "recipes/nietzsche_generation.py"
    done = subprocess.run(
        [sys.executable, *flags, str(recipe_path)],
        capture_output=True,
        env={"PATH": os.environ["PATH"], "SYSTEMROOT": os.environ.get("SYSTEMROOT", ""), **env},
    )
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1 and message in done.stderr


@pytest.mark.slow
def test_a_picture_of_a_text_that_the_font_cannot_draw_gives_no_warning(tmp_path, recwarn):
    text = "月光在水上，月光在山上。\n" * 400
    path = tmp_path / "月光 $_$.txt"
    path.write_text(text, encoding="utf-8")
    flags = [*LITTLE, "--epochs", "1", "--out", str(tmp_path / "run")]
    recipe.main([*flags, "--data", str(path)])
    assert not [w for w in recwarn if "Glyph" in str(w.message)]


def test_an_interrupt_elsewhere_says_so(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as exit:
        recipe.cli.run_recipe(interrupted)
    assert exit.value.code == 130 and capsys.readouterr().err == "\nInterrupted.\n"


def test_a_terminal_that_cannot_show_a_character_gets_its_escape(saved):
    """The help has a Σ in it."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "recipes/nietzsche_generation.py"), "--help"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0 and b"\\u03a3" in done.stdout


@pytest.mark.slow
def test_importing_the_recipe_does_nothing_and_says_nothing(tmp_path):
    env = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", "import nietzsche_generation"],
        capture_output=True,
        cwd=tmp_path,
        env={**env, "PYTHONPATH": str(ROOT / "recipes")},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not list(tmp_path.iterdir())


def test_help_names_presets_and_says_how_to_run_it(run_main):
    code, said, _ = run_main(["--help"])
    assert code == 0
    for word in (*recipe.PRESETS, "sample", "measure", "How to run it"):
        assert word in said


def test_real_nietzsche_has_the_published_size(real_data):
    text = recipe.load_data(recipe.PRESETS["cpu"])
    assert text.info["characters"] == 600_893 and len(text.vocabulary) == 57
    assert [len(part) for part in (text.train, text.validation, text.test)] == [480714, 60089, 60090]


@pytest.mark.parametrize("preset", recipe.PRESETS)
def test_what_a_preset_does_to_its_own_text_it_does_not_do_to_anothers(preset, tmp_path, monkeypatch):
    """Lower case is for Nietzsche, as the lecture has it, and a prompt of Python for Python."""
    monkeypatch.chdir(tmp_path)
    for name in ("my_text.txt", "nietzsche"):
        (tmp_path / name).touch()
    own = recipe.PRESETS[preset]
    assert own.lower == (preset in ("lecture", "cpu"))

    def settings(*flags):
        return recipe.cli.override(own, recipe.parse(["--preset", preset, *flags]))

    assert settings("--data", own.data) == own
    for data in ("shakespeare", "my_text.txt", "./nietzsche"):
        expected = dataclasses.replace(own, data=data, lower=False, prompt=None)
        assert settings("--data", data) == expected
        asked = dataclasses.replace(expected, lower=True, prompt="Thou")
        assert settings("--data", data, "--lower", "--prompt", "Thou") == asked


@pytest.mark.slow
def test_a_users_text_keeps_its_capitals_and_what_a_limit_leaves_out_of_it_is_said(
    tmp_path, capsys, without_figures
):
    (tmp_path / "mine.txt").write_text("Don't lower ME. " * 1500)  # 24,000 characters
    flags = f"--preset smoke --data {tmp_path / 'mine.txt'} --epochs 1 --units 4 --length 3".split()

    def distinct(*more):
        out = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        recipe.main([*flags, *more, "--out", str(out)])
        return "".join(CharVocabulary.load(out / "vocabulary.json").characters)

    assert distinct() == " '.DEMelnortw"
    said = capsys.readouterr().out
    assert "mine.txt: 20,000 characters" in said
    assert "the first 20,000 of 24,000 characters are used: --limit none takes all" in said
    assert distinct("--limit", "none", "--lower") == " '.delmnortw"
    said = capsys.readouterr().out
    assert "mine.txt, in lower case: 24,000 characters" in said and "--limit" not in said


@pytest.mark.slow
def test_the_papers_preset_trains_and_writes(tmp_path, without_figures, capsys, run_main):
    """At a size for tests: 12 epochs reach the schedule's late part, and two layers its stack."""
    (tmp_path / "fox.txt").write_text(TEXT[:1075])
    metrics = recipe.main(
        f"--preset paper --data {tmp_path / 'fox.txt'} --out {tmp_path / 'run'} --units 24 "
        "--epochs 12 --length 5 --samples-every 12 --temperature 0.5".split()
    )
    assert metrics["epochs"] == 12 and metrics["test_nats"] < np.log(28)
    capsys.readouterr()
    writes_four_characters(tmp_path / "run", run_main)


@pytest.mark.slow
def test_the_lectures_preset_trains_and_writes(lecture, run_main):
    out, metrics = lecture
    assert metrics["epochs"] == 4 and metrics["test_nats"] < np.log(28)
    writes_four_characters(out, run_main)


def writes_four_characters(out, run_main):
    argv = ["sample", "--run", str(out), "--prompt", "the", "--length", "4"]
    code, written, _ = run_main([*argv, "--temperature", "0"])
    assert code == 0 and written.startswith("the") and len(written) == 8


def test_the_lectures_settings_are_the_slides():
    slide = recipe.PRESETS["lecture"]
    model = recipe.build_model(slide, 57)
    assert [type(layer).__name__ for layer in model.layers] == ["Embedding", "LSTM", "Dense"]
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], np.eye(57))
    assert model.layers[1].units == 128 and model.output_shape == (None, 57)
    assert (slide.window, slide.step, slide.batch_size, slide.learning_rate) == (40, 3, 128, 0.01)
    assert slide.optimizer == "rmsprop" and slide.lower and slide.temperatures == (0.2, 0.5, 1.0, 1.2)
    assert recipe.optimizers.learning_rate(slide, 1000) == 0.01


@pytest.mark.slow
def test_many_to_one_is_held_out_like_many_to_many(lecture):
    """Each character of the test part once, from the window before it: the mean of log p by hand."""
    out, metrics = lecture
    settings = Run.open(out, recipe.RECIPE).settings(recipe.Settings)
    text = recipe.load_data(settings)
    ids = np.concatenate([text.train, text.validation, text.test])
    first = len(text.train) + len(text.validation)
    windows = np.stack([ids[n - 40 : n] for n in range(first, len(ids))])
    logits = np.asarray(keras.models.load_model(out / "model.keras")(windows), "float64")
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    nats = -log_p[np.arange(len(windows)), text.test].mean()
    assert metrics["test_nats"] == pytest.approx(nats, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("many_to_many", ["--many-to-many", "--no-many-to-many"])
@pytest.mark.parametrize("characters", [10, 60, 700])
def test_batch_and_window_shrink_to_a_small_file(characters, many_to_many, tmp_path, capsys):
    text = "月光在水上，\n月光在山上。" * 100
    (tmp_path / "moon.txt").write_text(text[:characters], encoding="utf-8")
    metrics = recipe.main(
        f"--preset smoke --data {tmp_path / 'moon.txt'} --out {tmp_path / 'run'} --epochs 1 "
        f"--cell simple --temperature 0.5 --length 3 {many_to_many}".split()
    )
    assert np.isfinite(metrics["test_nats"])
    assert "A small text: read in batches of" in capsys.readouterr().out


@pytest.mark.parametrize("many_to_many", [True, False])
def test_only_as_much_is_shrunk_as_a_text_needs(many_to_many):
    settings = dataclasses.replace(recipe.Settings(), many_to_many=many_to_many)
    assert recipe.batches.batch_and_window(settings, 480_714, 60_089) == (64, 32)
    least = 20 * 64 * (32 if many_to_many else 3) + (1 if many_to_many else 32)
    assert recipe.batches.batch_and_window(settings, least, 64) == (64, 32)
    assert recipe.batches.batch_and_window(settings, least - 1, 64) == (32, 32)
    assert recipe.batches.batch_and_window(settings, least, 63) == (32, 32)
    assert recipe.batches.batch_and_window(settings, 9, 1) == (1, 8)
    assert recipe.batches.batch_and_window(settings, 2, 1) == (1, 1)


@pytest.mark.slow
def test_seeds_are_runs_of_their_own_recorded_with_their_spread(saved, two_seeds, run_main):
    folder, spread = two_seeds
    one = json.loads((folder / "seed-0/result.json").read_text())["metrics"]
    assert one["test_nats"] == saved[1]["test_nats"]  # after another run in the process, too
    entry = json.loads((folder.parent / "results/nietzsche_generation-smoke.json").read_text())
    assert entry["seeds"] == [0, 5] and entry["differs"] == {} and entry["metrics"] == spread
    nats = entry["metrics"]["test_nats"]
    assert nats["values"][0] == one["test_nats"] != nats["values"][1]
    assert nats["mean"] == pytest.approx(np.mean(nats["values"]))
    assert nats["std"] == pytest.approx(np.std(nats["values"], ddof=1))
    names = "recipe preset settings differs data seeds metrics minutes machine versions commit history"
    assert set(entry) == set(names.split())
    for seed in entry["seeds"]:  # as the run's history.csv has it
        assert rows_of(entry, seed) == Run.open(folder / f"seed-{seed}", recipe.RECIPE).history()


@pytest.mark.slow
def test_seeds_that_are_done_are_not_trained_again(two_seeds, tmp_path, monkeypatch, run_main):
    folder, spread = two_seeds
    monkeypatch.setattr(recipe, "LEDGER", tmp_path)
    flags = [*TWO_SEEDS, "--record", "--out", str(folder)]
    written = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    code, _, err = run_main(flags)
    assert code == 2 and "seed-0 already holds a run" in err
    assert recipe.main([*flags, "--resume"]) == spread  # nothing is left to do
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == written


@pytest.mark.slow
def test_the_ledger_names_what_differs_from_the_preset(tmp_path, monkeypatch, without_figures):
    monkeypatch.setattr(recipe, "LEDGER", tmp_path)
    little = dataclasses.replace(recipe.PRESETS["smoke"], limit=2000, cell="simple")
    monkeypatch.setitem(recipe.PRESETS, "smoke", little)
    recipe.main(f"--preset smoke --epochs 1 --units 8 --record --out {tmp_path / 'run'}".split())
    entry = json.loads((tmp_path / "nietzsche_generation-smoke-epochs_1-units_8.json").read_text())
    assert (
        entry["differs"] == {"epochs": 1, "units": 8} and entry["metrics"]["test_nats"]["std"] is None
    )


@pytest.mark.slow
def test_two_presets_on_one_text_come_into_one_picture(tmp_path, monkeypatch, capsys):
    drawn = {}
    monkeypatch.setattr(
        recipe.run_figures.figures,
        "loss_curves",
        lambda runs, title: drawn.update(runs) or recipe.run_figures.figures.Figure(),
    )
    for name in ("lecture", "cpu"):
        little = {"cell": "simple", "units": 4, "temperatures": (0.5,)}
        settings = dataclasses.replace(recipe.PRESETS[name], **little)
        monkeypatch.setitem(recipe.PRESETS, name, settings)
    (tmp_path / "fox.txt").write_text(TEXT[:860])
    flags = f"--data {tmp_path / 'fox.txt'} --epochs 2 --length 2".split()
    recipe.main(["--preset", "lecture", "--out", str(tmp_path / "runs/lecture"), *flags])
    assert list(drawn) == ["lecture"]
    drawn.clear()
    capsys.readouterr()
    recipe.main(["--preset", "cpu", "--out", str(tmp_path / "runs/cpu"), *flags])
    assert list(drawn) == ["cpu", "lecture"]
    out = capsys.readouterr().out
    assert "lecture's validation loss after epoch 2" in out

    def beside_a_lecture_of(machine):
        path = tmp_path / "runs/lecture/result.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "machine": machine}))
        run = Run.open(tmp_path / "runs/cpu", recipe.RECIPE)
        return list(recipe.comparison.comparable_runs(run, recipe.PRESETS, tmp_path / "runs"))

    here = recipe.comparison.machine()
    before_cpus_were_recorded = {
        k: here[k] for k in ("processor", "cores", "memory_gib", "accelerator")
    }
    assert beside_a_lecture_of(before_cpus_were_recorded) == ["cpu", "lecture"]
    assert beside_a_lecture_of({**here, "cores": here["cores"] + 1}) == ["cpu"]
    assert beside_a_lecture_of("no machine") == ["cpu"]
    assert beside_a_lecture_of(here) == ["cpu", "lecture"]
    (tmp_path / "fox.txt").write_text(TEXT[:860] + "!")
    drawn.clear()
    recipe.main(["--preset", "cpu", "--out", str(tmp_path / "runs/other"), *flags])
    assert list(drawn) == ["cpu"]  # another text is no comparison
    (tmp_path / "fox.txt").write_text(TEXT[:860])
    drawn.clear()
    recipe.main(["--preset", "cpu", "--units", "8", "--out", str(tmp_path / "runs/small"), *flags])
    assert list(drawn) == ["cpu, with other settings", "lecture"]  # and is not called cpu
    assert "validation loss after epoch" not in capsys.readouterr().out.split("held out:")[-1]


def test_the_verdict_compares_seconds_at_the_same_loss():
    def history(*rows):
        return [{"epoch": n + 1.0, "seconds": s, "val_loss": v} for n, (s, v) in enumerate(rows)]

    slow = history(*((50 * n, 2 - n / 10) for n in range(1, 13)))
    fast = history((20, 1.5), (40, 0.99), (60, 0.9))
    sentence = recipe.comparison.verdict({"cpu": fast, "lecture": slow})
    assert "after epoch 10, 1.0000 nats, after 40 s" in sentence and "500 s: 0.080 of" in sentence
    assert "did not reach" in recipe.comparison.verdict({"cpu": fast[:1], "lecture": slow})
    assert recipe.comparison.verdict({"cpu": fast}) is None


def test_against_listing_prints_its_table(tmp_path, monkeypatch, capsys):
    (tmp_path / "fox.txt").write_text(TEXT)
    measured = {}
    monkeypatch.setattr(
        recipe.listing, "measure", lambda *models: measured.update(models=models) or {"x": 1}
    )
    monkeypatch.setattr(recipe.listing, "report", lambda *a: "the table")
    flags = ["measure", "--data", str(tmp_path / "fox.txt")]
    assert recipe.main(flags) == {"x": 1} and capsys.readouterr().out.endswith("\nthe table\n")
    every, one, *_ = measured["models"]
    assert every.output_shape[:2] == (None, None) and len(one.output_shape) == 2


@pytest.mark.parametrize("preset", [p for p in recipe.PRESETS if p != "smoke"])
def test_no_preset_is_shrunk_on_its_own_text(preset):
    settings = recipe.PRESETS[preset]
    characters = {"nietzsche": 600_893, "stdlib": settings.limit}[settings.data]
    sizes = recipe.batches.batch_and_window(settings, characters * 8 // 10, characters // 10)
    assert sizes == (settings.batch_size, settings.window)


@pytest.mark.parametrize("batches", [1, 100])
def test_the_late_schedule_falls_between_the_last_step_of_an_epoch_and_the_next(batches):
    settings = dataclasses.replace(recipe.PRESETS["paper"], epochs=13)
    schedule = recipe.optimizers.learning_rate(settings, batches)
    for epoch, rate in enumerate([2e-3] * 10 + [2e-3 * 0.97**n for n in (1, 2, 3)]):
        for step in (batches * epoch, batches * epoch + batches - 1):  # its first and its last
            assert float(schedule(step)) == pytest.approx(rate, rel=1e-6), (epoch, step)


@pytest.mark.slow
def test_a_training_takes_its_steps_at_the_rates_of_the_late_schedule():
    """In `fit`: the loss is the weight itself, so that every step takes its rate away from it."""
    settings = dataclasses.replace(recipe.PRESETS["paper"], epochs=12)
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
    )
    rate = recipe.optimizers.learning_rate(settings, batches=3)
    model.compile(keras.optimizers.SGD(rate), lambda _, predicted: predicted)
    weights = [0.0]
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: weights.append(float(model.get_weights()[0][0, 0]))
    )
    ones = np.ones((3, 1), "float32")
    model.fit(ones, ones, batch_size=1, epochs=12, verbose=0, callbacks=[note])
    rates = [2e-3] * 30 + [2e-3 * 0.97] * 3 + [2e-3 * 0.97**2] * 3
    np.testing.assert_allclose(-np.diff(weights), rates, rtol=1e-4)


@pytest.mark.slow
def test_a_finished_run_goes_on_for_more_epochs_and_an_interrupt_of_that_too(
    saved, tmp_path, monkeypatch, run_main, without_figures
):
    """The old result does not stand for the model that is being trained on."""
    out = shutil.copytree(saved[0], tmp_path / "run")
    more = ["--resume", "--out", str(out), "--epochs", "3"]

    class Interrupts(recipe.kit.StopOnNaN):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 20:
                os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(recipe.kit, "StopOnNaN", Interrupts)
        code, _, err = run_main(more)
    assert code == 130 and not (out / "result.json").exists()
    *_, go_on = err.splitlines()
    assert go_on.startswith("Go on: ") and go_on.endswith(f"--resume --out {out}")
    metrics = recipe.main(["--resume", "--out", str(out)])
    assert metrics["epochs"] == 3 and len(Run.open(out, recipe.RECIPE).history()) == 3
    assert json.loads((out / "config.json").read_text())["settings"]["epochs"] == 3


@pytest.mark.slow
def test_a_damaged_model_of_a_finished_run_is_written_anew(saved, tmp_path, without_figures):
    out = shutil.copytree(saved[0], tmp_path / "run")
    (out / "model.keras").write_bytes((out / "model.keras").read_bytes()[:5000])
    metrics = recipe.main(["--resume", "--out", str(out)])
    assert metrics["test_nats"] == saved[1]["test_nats"]
    assert Run.open(out, recipe.RECIPE).is_complete()


@pytest.mark.slow
def test_a_torn_row_of_the_history_is_mended(saved, tmp_path, without_figures):
    out = shutil.copytree(saved[0], tmp_path / "run")
    (out / "result.json").unlink()
    with open(out / "history.csv", "a") as file:
        file.write("3,0.1,9")
    assert recipe.main(["--resume", "--out", str(out)])["test_nats"] == saved[1]["test_nats"]


@pytest.mark.slow
def test_more_epochs_for_a_run_that_stopped_early_are_refused(tmp_path, run_main, without_figures):
    out = str(tmp_path / "run")
    flags = [*LITTLE, "--learning-rate", "1e-9", "--patience", "1", "--epochs", "9", "--length", "2"]
    stopped = recipe.main([*flags, "--clip-norm", "1e-9", "--out", out])["epochs"]
    assert stopped < 9
    argv = ["--resume", "--out", out, "--epochs", "20"]
    code, _, err = run_main(argv)
    assert code == 2 and err.count("\n") == 1 and f"stopped early, after epoch {stopped:.0f}" in err
    assert json.loads((tmp_path / "run/config.json").read_text())["settings"]["epochs"] == 9


@pytest.mark.slow
def test_seeds_that_go_on_are_all_of_the_settings_they_were_started_with(
    tmp_path, monkeypatch, without_figures
):
    """Interrupted in the first of two: the second is made like the first, without its flags."""
    out = str(tmp_path / "runs")
    flags = [*LITTLE, "--units", "5", "--epochs", "1", "--length", "2"]

    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(recipe, "evaluate", interrupted)
        with pytest.raises(KeyboardInterrupt, match=r"Go on: .*--units 5.*--resume"):
            recipe.main([*flags, "--seeds", "0", "1", "--out", out])
    recipe.main(["--seeds", "0", "1", "--resume", "--out", out])
    configs = [json.loads((tmp_path / f"runs/seed-{n}/config.json").read_text()) for n in (0, 1)]
    assert configs[0]["preset"] == configs[1]["preset"] == "smoke"
    for config, seed in zip(configs, (0, 1), strict=True):
        assert config["settings"].pop("seed") == seed
    assert configs[0]["settings"] == configs[1]["settings"] and configs[0]["settings"]["units"] == 5


def test_optional_settings_can_be_taken_away_by_flag():
    flags = recipe.parse("--embedding none --clip-norm none --patience none".split())
    settings = recipe.cli.override(recipe.PRESETS["cpu"], flags)
    assert (settings.embedding, settings.clip_norm, settings.patience) == (None, None, None)


@pytest.mark.slow
def test_a_disk_that_fills_up_amid_the_pictures_costs_a_line_and_no_result(
    tmp_path, monkeypatch, run_main
):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recipe.run_figures.figures.Figure, "savefig", full)
    argv = [*LITTLE, "--epochs", "1", "--out", str(tmp_path / "run")]
    code, _, err = run_main(argv)
    assert code == 0 and err.count("\n") == 1 and "loss.png (No space left on device)" in err
    assert (tmp_path / "run/result.json").exists()
    assert not list((tmp_path / "run").glob(".part-*"))


def test_help_has_its_table_filled_in():
    assert "@" not in recipe.__doc__


# --- known words ------------------------------------------------------------------------------------


class Copying:
    """Writes the same ids after every prompt."""

    def __init__(self, ids):
        self.ids = ids

    def generate(self, prompts, length, sampler):
        return np.concatenate([prompts, np.tile(self.ids, (len(prompts), 1))], axis=1)


def test_known_words_are_those_of_the_training_text_whole_and_of_four_letters_or_more():
    train, validation = "some words are known here ", "some other words " * 8
    vocabulary = CharVocabulary.from_text(train + validation + "mwrdskx")
    text = SimpleNamespace(
        vocabulary=vocabulary,
        train=vocabulary.encode(train),
        validation=vocabulary.encode(validation),
    )
    # "ome" and "ar" are too short; of the others the first and the last are left out.
    written = vocabulary.encode("ome words ar wordsk known hereh known")
    shares = writing.known_words(Copying(written), text, seed=0)
    assert shares == (pytest.approx(1 / 3), pytest.approx(2 / 3))


def test_a_text_without_such_words_has_no_share_of_them():
    vocabulary = CharVocabulary.from_text("1 2 3 ab\n")
    ids = vocabulary.encode("1 2 3 ab\n" * 10)
    text = SimpleNamespace(vocabulary=vocabulary, train=ids, validation=ids)
    assert writing.known_words(Copying(ids), text, seed=0) is None


def test_a_network_that_writes_no_words_has_a_share_of_zero():
    vocabulary = CharVocabulary.from_text("some words are known 1 ")
    ids = vocabulary.encode("some words are known 1 " * 4)
    text = SimpleNamespace(vocabulary=vocabulary, train=ids, validation=ids)
    assert writing.known_words(Copying(vocabulary.encode("1 1 1 1 ")), text, seed=0)[0] == 0
