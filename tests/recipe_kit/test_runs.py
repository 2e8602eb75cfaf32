"""A run's folder: nothing half-written, nothing overwritten, and errors of one line."""

import dataclasses
import enum
import errno
import gc
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

import recipe_kit
from recipe_kit.runs import (
    Checkpoints,
    Run,
    RunError,
    atomic_write,
    check_new,
    commit,
    entry_text,
    finished_runs,
    json_text,
    jsonable,
    latest_run,
    latest_unfinished_run,
    ledger_entry,
    ledger_name,
    new_folder,
    rows_of,
    summary,
)
from rnn_kit.errors import CheckpointError


@dataclasses.dataclass(frozen=True)
class Settings:
    units: int = 3


@pytest.fixture
def run(tmp_path):
    return Run.create("a_recipe", "smoke", Settings(), tmp_path / "run")


def test_a_new_run_writes_its_settings_and_can_be_opened(run):
    config = json.loads(run.file("config.json").read_text())
    assert config["recipe"] == "a_recipe" and config["settings"] == {"units": 3}
    assert Run.open(run.path, "a_recipe").config == config


def test_a_temporary_run_is_a_run_and_its_folder_goes_away_with_it():
    run = Run.temporary("a_recipe", Settings(), data={"name": "x"})
    assert Run.open(run.path, "a_recipe").config["data"] == {"name": "x"}
    path = run.path
    del run
    gc.collect()
    assert not path.exists()


def test_the_default_folder_names_recipe_and_preset_and_never_meets_another(tmp_path):
    runs = [Run.create("r", "cpu", Settings(), root=tmp_path) for _ in range(3)]
    assert len({run.path for run in runs}) == 3
    assert all(run.path.parent == tmp_path / "r" and run.path.name[:4] == "cpu-" for run in runs)


def test_a_folder_that_holds_a_run_is_refused_and_left_as_it_was(run):
    before = run.file("config.json").read_text()
    with pytest.raises(RunError, match="already holds a run"):
        Run.create("a_recipe", "cpu", Settings(5), run.path)
    assert run.file("config.json").read_text() == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file"):
        Run.create("r", "cpu", Settings(), tmp_path / "file" / "run")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no run in"),
        ("{", "Cannot read"),
        ("[]", "Cannot read"),
        ('{"recipe": "other", "settings": {}}', "recipe 'other'"),
    ],
)
def test_what_is_no_run_of_the_recipe_is_named(content, message, tmp_path):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(RunError, match=message) as error:
        Run.open(tmp_path, "a_recipe")
    assert "\n" not in str(error.value)


def test_latest_is_the_last_that_has_a_model(tmp_path):
    with pytest.raises(RunError, match="no trained run"):
        latest_run("r", tmp_path)
    runs = [Run.create("r", "cpu", Settings(), root=tmp_path) for _ in range(3)]
    runs[1].write_text("model.keras", "")
    assert latest_run("r", tmp_path).path == runs[1].path


def test_a_write_that_breaks_off_leaves_the_old_file_and_no_new_one(run):
    run.write_text("notes.txt", "old")
    with pytest.raises(KeyboardInterrupt), run.atomic_write("notes.txt") as tmp:
        tmp.write_text("ne")
        raise KeyboardInterrupt
    assert run.file("notes.txt").read_text() == "old"
    assert sorted(p.name for p in run.path.iterdir()) == ["config.json", "notes.txt"]


def test_a_model_comes_back_and_a_broken_one_is_one_line(run):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(RunError, match=r"has no model\.keras"):
        run.load_model()
    run.save_model(model)
    x = np.ones((1, 2), "float32")
    np.testing.assert_array_equal(run.load_model()(x), model(x))
    whole = run.file("model.keras").read_bytes()
    run.file("model.keras").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match="Cannot load") as error:
        run.load_model()
    assert "\n" not in str(error.value)


def test_history_is_one_line_an_epoch(run):
    for epoch in (1, 2):
        run.append_history({"epoch": epoch, "loss": 1 / epoch})
    assert run.history() == [{"epoch": 1.0, "loss": 1.0}, {"epoch": 2.0, "loss": 0.5}]


def test_the_result_says_what_ran_where(run):
    result = run.write_result({"name": "d", "sha256": "0"}, 7, {"test_nats": np.float32(1.5)})
    assert json.loads(run.file("result.json").read_text()) == result
    assert set(result) == set(
        "recipe preset settings data seed metrics minutes machine versions commit".split()
    )
    assert result["metrics"] == {"test_nats": 1.5} and result["seed"] == 7
    assert result["versions"]["keras"] == keras.__version__
    assert result["machine"]["cores"] >= 1
    assert commit() is None or len(commit().rstrip("+")) == 40


def test_the_latest_unfinished_run_is_the_last_started_without_a_result(tmp_path):
    with pytest.raises(RunError, match="no unfinished run"):
        latest_unfinished_run("r", tmp_path)
    runs = [Run.create("r", "cpu", Settings(), root=tmp_path) for _ in range(3)]
    for n, run in enumerate(runs):
        run.write_json("config.json", {**run.config, "started": f"2026-01-0{3 - n}"})
    runs[0].write_result({}, 0, {"x": 1})
    assert latest_unfinished_run("r", tmp_path).path == runs[1].path
    Run.open(runs[1].path, "r").resume({})  # which writes its config anew
    runs[2].write_json("config.json", {**runs[2].config, "started": "2026-01-04"})
    assert latest_unfinished_run("r", tmp_path).path == runs[2].path
    runs[2].write_result({}, 0, {"x": 1})
    assert latest_unfinished_run("r", tmp_path).path == runs[1].path


def test_finished_runs_are_those_with_a_result_of_one_seed_or_of_several(tmp_path):
    plain = Run.create("r", "cpu", Settings(), tmp_path / "plain")
    seeded = Run.create("r", "cpu", Settings(), tmp_path / "many" / "seed-3")
    other = Run.create("another", "cpu", Settings(), tmp_path / "other")
    Run.create("r", "cpu", Settings(), tmp_path / "unfinished")
    for n, run in enumerate((seeded, plain, other)):
        run.write_result({}, 0, {"x": 1})
        os.utime(run.file("result.json"), (n, n))
    assert [run.path for run in finished_runs("r", {tmp_path})] == [seeded.path, plain.path]


def test_growing_files_are_cut_back_to_where_they_were(run):
    run.append_history({"epoch": 1, "loss": 0.5})
    sizes = run.sizes()
    run.append_history({"epoch": 2, "loss": 0.25})
    run.append_sample("text")
    run.truncate_logs(sizes)
    assert run.history() == [{"epoch": 1.0, "loss": 0.5}] and not run.file("samples.txt").exists()


def test_a_run_is_whole_with_its_result_and_a_model_that_is_whole(run):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    run.save_model(model)
    assert not run.is_complete()
    run.write_result({}, 0, {"x": 1})
    assert run.is_complete()
    whole = run.file("model.keras").read_bytes()
    run.file("model.keras").write_bytes(whole[: len(whole) // 2])
    assert not run.is_complete()


def test_going_on_takes_the_old_result_and_what_a_kill_left_away(run):
    run.write_result({}, 0, {"x": 1})
    run.checkpoints.save(1, {}, {})
    left = [run.file(".part-model.keras"), run.checkpoints.folder / ".part-checkpoint-00000002.npz"]
    for path in left:
        path.write_text("half")
    run.resume({"units": 4})
    assert not run.file("result.json").exists() and not any(path.exists() for path in left)
    assert run.resumed and Run.open(run.path, "a_recipe").config["settings"] == {"units": 4}


def test_a_folder_with_checkpoints_of_another_run_is_refused(tmp_path):
    Checkpoints(tmp_path / "checkpoints").save(1, {}, {})
    with pytest.raises(RunError, match="already holds a run"):
        Run.create("r", "p", Settings(), tmp_path)


@pytest.mark.parametrize(
    "name", ["samples.txt", "history.csv", "model.keras", "result.json", "loss.png"]
)
def test_a_file_of_the_users_that_a_run_would_write_over_is_named_and_kept(name, tmp_path):
    (tmp_path / name).write_text("mine")
    (tmp_path / "notes.md").write_text("mine, and in nobody's way")
    with pytest.raises(RunError, match=f"holds {name} already") as error:
        Run.create("r", "p", Settings(), tmp_path, files=["vocabulary.json", "loss.png"])
    assert "\n" not in str(error.value) and "notes" not in str(error.value)
    assert (tmp_path / name).read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == sorted([name, "notes.md"])


def test_all_that_would_be_written_over_is_named(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "samples.txt").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"holds samples\.txt, checkpoints already"):
        check_new(tmp_path)
    check_new(tmp_path / "not there yet")


def test_a_run_in_a_folder_with_files_of_other_names_leaves_them_alone(tmp_path):
    (tmp_path / "notes.md").write_text("mine")
    run = Run.create("r", "p", Settings(), tmp_path, files=["loss.png"])
    assert run.names() == ["config.json", "notes.md"]


def test_a_run_that_cannot_begin_takes_back_what_it_wrote_and_nothing_else(tmp_path):
    (tmp_path / "notes.md").write_text("mine")
    run = Run.create("r", "p", Settings(), tmp_path, files=["vocabulary.json", "loss.png"])
    run.write_text("vocabulary.json", "[]")
    run.append_sample("text")
    run.checkpoints.folder.mkdir()
    assert run.withdraw() and os.listdir(tmp_path) == ["notes.md"]


def test_a_run_with_an_epoch_or_a_checkpoint_takes_nothing_back(run):
    run.append_history({"epoch": 1})
    assert not run.withdraw()
    run.file("history.csv").unlink()
    run.checkpoints.save(1, {}, {})
    assert not run.withdraw() and run.names() == ["checkpoints", "config.json"]
    opened = Run.open(run.path, "a_recipe")
    shutil.rmtree(run.checkpoints.folder)
    assert not opened.withdraw() and run.names() == ["config.json"]


def test_a_path_whose_bytes_are_not_utf8_is_written_and_read_again_as_it_was(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Paths:
        data: str = os.fsdecode(b"caf\xe9.txt")

    run = Run.create("r", "p", Paths(), tmp_path / "run", data={"name": Paths.data})
    run.write_result({"name": Paths.data}, 0, {"x": 1})
    assert b"caf\\udce9.txt" in run.file("config.json").read_bytes()
    again = Run.open(run.path, "r")
    assert again.settings(Paths) == Paths() and again.config["data"] == {"name": Paths.data}
    assert again.result()["data"]["name"] == Paths.data


def test_a_text_whose_bytes_are_not_utf8_is_written_with_escapes(run):
    run.append_sample("caf\udce9")
    run.write_text("captions.txt", "caf\udce9.jpg\ta dog")
    assert run.file("samples.txt").read_bytes() == b"caf\\udce9\n"
    assert run.file("captions.txt").read_bytes() == b"caf\\udce9.jpg\ta dog"


def test_minutes_count_the_sessions_before(run):
    run.seconds = 600.0
    assert 10 <= run.write_result({}, 0, {})["minutes"] < 10.5


NUMBERS = {
    "float32": np.float32(0.5),
    "float64": np.float64(0.1),
    "float16": np.float16(2),
    "bfloat16": ml_dtypes.bfloat16(1.5),
    "int64": np.int64(7),
    "bool": np.bool_(True),
    "0-d array": np.array(3.25),
    "tensor": tf.constant(4.5),
    "int tensor": tf.constant(6),
    "bfloat16 tensor": tf.constant(2.5, tf.bfloat16),
    "variable": keras.Variable(1.25),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_stay_numbers_whoever_made_them(kind):
    value = jsonable(NUMBERS[kind])
    assert type(value) in (int, float, bool)
    assert value == NUMBERS[kind] and json.loads(json_text({"x": value}, "x")) == {"x": value}


def test_containers_and_paths_become_those_of_json():
    mixed = {"shape": (2, np.int32(3)), "file": Path("a/b"), np.int64(4): np.eye(2), "none": None}
    assert jsonable(mixed) == {
        "shape": [2, 3],
        "file": "a/b",
        "4": [[1.0, 0.0], [0.0, 1.0]],
        "none": None,
    }


def _strictly(text):
    """Reads JSON as other languages do, which know no NaN."""

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_what_is_no_finite_number_is_valid_json_and_read_again_as_a_number(run):
    metrics = {"a": float("nan"), "b": np.float32("inf"), "c": -np.inf, "d": np.array(np.nan)}
    run.write_result({}, 0, metrics)
    written = _strictly(run.file("result.json").read_text())["metrics"]
    assert written == {"a": "NaN", "b": "Infinity", "c": "-Infinity", "d": "NaN"}
    for name, value in metrics.items():
        np.testing.assert_equal(run.result()["metrics"][name], float(value))


def test_a_setting_that_is_no_finite_number_comes_back_as_it_was(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Clipped:
        clip_norm: float = float("inf")
        name: str = "Infinity"

    run = Run.create("r", "p", Clipped(), tmp_path / "run")
    _strictly(run.file("config.json").read_text())
    for there in (run, Run.open(run.path, "r")):
        assert there.settings(Clipped) == Clipped()


@pytest.mark.parametrize(
    "write",
    [
        lambda run, value: run.write_json("x.json", {"data": {"rows": [1, value]}}),
        lambda run, value: run.write_result({"data": {"rows": [1, value]}}, 0, {}),
        lambda run, value: run.checkpoints.save(1, {}, {"data": {"rows": [1, value]}}),
    ],
    ids=["write_json", "result", "checkpoint"],
)
@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, b"bytes", 1j, np.array([{}])],
    ids=["object", "set", "bytes", "complex", "array of objects"],
)
def test_what_json_has_not_is_an_error_that_names_the_entry(write, value, run):
    """`default=str` wrote it as text, and nobody saw it."""
    before = sorted(run.path.rglob("*"))
    with pytest.raises(ValueError, match=r"\['data'\]\['rows'\]\[1\] is .* cannot be written") as error:
        write(run, value)
    assert "\n" not in str(error.value) and sorted(run.path.rglob("*")) == before


def test_a_metric_that_is_no_number_is_named(run):
    for value in ("good", None, np.zeros(2)):
        with pytest.raises(ValueError, match="bleu"):
            run.write_result({}, 0, {"test_nats": 1.0, "bleu": value})
    assert not run.file("result.json").exists()


def test_a_history_takes_tensors_and_arrays(run):
    row = {"loss": tf.constant(0.5), "hits": np.array(3), "f1": np.float32([0.25, 0.75]), "lr": 1e-3}
    run.append_history(row)
    assert run.history() == [{"loss": 0.5, "hits": 3.0, "f1_0": 0.25, "f1_1": 0.75, "lr": 1e-3}]
    with pytest.raises(ValueError, match="note is 'good'"):
        run.append_history({"note": "good"})


def test_two_that_write_one_file_at_once_do_not_write_into_each_other(run):
    with run.atomic_write("notes.txt") as one:
        one.write_text("one, which is longer")
        with run.atomic_write("notes.txt") as other:
            other.write_text("other")
        assert run.file("notes.txt").read_text() == "other"
    assert run.file("notes.txt").read_text() == "one, which is longer"
    assert sorted(p.name for p in run.path.iterdir()) == ["config.json", "notes.txt"]


def test_two_checkpoints_of_one_number_at_once_are_whole(run, monkeypatch):
    """Two sessions of one run: what the second writes must not be what the first gives its name."""
    savez, asides = np.savez, []

    def save(file, **arrays):
        asides.append(file.name)
        if len(asides) == 1:
            run.checkpoints.save(1, {"w": np.zeros(3)}, {"of": 2})
        savez(file, **arrays)

    monkeypatch.setattr(np, "savez", save)
    run.checkpoints.save(1, {"w": np.ones(3)}, {"of": 1})
    arrays, notes = run.checkpoints.load()
    assert notes == {"of": 1} and arrays["w"].tolist() == [1, 1, 1] and len(set(asides)) == 2


def test_an_error_of_the_block_that_is_not_one_of_writing_goes_through(run, tmp_path):
    missing = tmp_path / "missing.txt"
    with pytest.raises(FileNotFoundError) as error, run.atomic_write("notes.txt") as tmp:
        tmp.write_text(missing.read_text())
    assert str(missing) in str(error.value) and not run.file("notes.txt").exists()
    with pytest.raises(TimeoutError), run.atomic_write("notes.txt"):
        raise TimeoutError("a download")


@pytest.mark.parametrize(
    "fail",
    [
        lambda tmp: (_ for _ in ()).throw(OSError(28, "No space left on device")),
        lambda tmp: (_ for _ in ()).throw(OSError(28, "No space left on device", str(tmp))),
        lambda tmp: (tmp.mkdir(), tmp.write_text("")),
    ],
    ids=["disk full", "disk full, with its name", "not to be written"],
)
def test_an_error_of_writing_is_one_line_that_names_the_file(fail, run):
    with pytest.raises(RunError, match=r"Cannot write .*run/notes\.txt \(") as error:  # noqa: SIM117
        with run.atomic_write("notes.txt") as tmp:
            fail(tmp)
    assert "\n" not in str(error.value)


def at_once(count, work):
    """What `work` returns, or raises, in so many threads that start together."""
    gate, done = threading.Barrier(count), [None] * count

    def one(n):
        gate.wait()
        try:
            done[n] = work()
        except Exception as error:
            done[n] = error

    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def test_runs_that_start_in_the_same_second_have_a_folder_each(tmp_path):
    """Before any of them has written into it: they read their data first."""
    folders = at_once(8, lambda: new_folder("r", "cpu", tmp_path))
    assert len(set(folders)) == 8 and all(folder.is_dir() for folder in folders)


def test_of_two_runs_in_one_folder_the_second_is_refused(tmp_path):
    made = at_once(8, lambda: Run.create("r", "p", Settings(), tmp_path / "run"))
    (won,) = [run for run in made if isinstance(run, Run)]
    refused = [error for error in made if not isinstance(error, Run)]
    assert all(isinstance(e, RunError) and "already holds a run" in str(e) for e in refused)
    assert [p.name for p in won.path.iterdir()] == ["config.json"]
    assert Run.open(won.path, "r").config == won.config


def test_a_file_that_is_to_be_new_is_refused_where_links_are_unknown(tmp_path, monkeypatch):
    def link(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", link)
    for expected in ("first", "second"):
        try:
            with atomic_write(tmp_path / "x", only_new=True) as tmp:
                tmp.write_text(expected)
        except FileExistsError:
            assert expected == "second"
    assert (tmp_path / "x").read_text() == "first" and len(list(tmp_path.iterdir())) == 1


def git(folder, *arguments):
    name = ["-c", "user.name=A", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", str(folder), *name, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=clean,
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """A repository with one commit, and a copy of the package in `recipes`."""
    shutil.copytree(Path(recipe_kit.__file__).parent / "runs", tmp_path / "recipes/recipe_kit/runs")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "rnn_kit"\n')
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "x")
    return tmp_path


def test_the_commit_is_that_of_the_projects_own_checkout(checkout):
    head = git(checkout, "rev-parse", "HEAD")
    assert commit(checkout / "recipes") == head
    (checkout / "pyproject.toml").write_text('[project]\nname = "rnn_kit"\nversion = "2"\n')
    assert commit(checkout / "recipes") == head + "+"


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="names there are Unicode")
def test_a_checkout_whose_path_is_not_utf8_has_its_commit(checkout):
    moved = checkout.with_name(os.fsdecode(b"caf\xe9"))
    checkout.rename(moved)
    assert commit(moved / "recipes") == git(moved, "rev-parse", "HEAD")


@pytest.mark.parametrize("where", [".venv/lib/python3/site-packages", "third_party"])
def test_a_package_inside_of_another_checkout_has_no_commit(where, checkout):
    (checkout / where).mkdir(parents=True)
    shutil.move(checkout / "recipes", checkout / where / "recipes")
    assert commit(checkout / where / "recipes") is None


def test_a_copy_at_the_root_of_another_project_has_no_commit(checkout):
    (checkout / "pyproject.toml").write_text('[project]\nname = "mine"\n')
    assert commit(checkout / "recipes") is None
    (checkout / "pyproject.toml").unlink()
    assert commit(checkout / "recipes") is None


def test_the_commit_is_not_that_of_a_repository_whose_hook_runs(
    checkout, tmp_path_factory, monkeypatch
):
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "-q")
    git(other, "commit", "-q", "--allow-empty", "-m", "y")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert commit(checkout / "recipes") == git(checkout, "rev-parse", "HEAD")


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "checkpoints")


def test_a_checkpoint_comes_back_bit_for_bit(checkpoints):
    arrays = {"a": np.float32([np.pi, -0.0, np.nan]), "b/c": np.int32(7), "notes": np.zeros((0, 2))}
    notes = {"best": 0.1 + 0.2, "none": None, "lost": float("inf")}
    assert checkpoints.load() is None
    checkpoints.save(3, arrays, notes)
    loaded, its_notes = checkpoints.load()
    assert its_notes == notes and set(loaded) == set(arrays)
    for name, array in arrays.items():
        assert loaded[name].tobytes() == array.tobytes() and loaded[name].dtype == array.dtype


def test_a_checkpoint_keeps_types_that_are_not_numpys_own(checkpoints):
    arrays = {"w": np.array([1.5, -2], ml_dtypes.bfloat16), "s": np.array(3, ml_dtypes.bfloat16)}
    checkpoints.save(1, arrays, {})
    loaded, _ = checkpoints.load()
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype and loaded[name].tobytes() == array.tobytes()


def test_notes_take_the_numbers_of_numpy_and_tensors(checkpoints):
    notes = {"best": np.float32(0.5), "wait": np.int64(2), "loss": tf.constant(1.5), "all": np.zeros(2)}
    checkpoints.save(1, {}, notes)
    assert checkpoints.load()[1] == {"best": 0.5, "wait": 2, "loss": 1.5, "all": [0.0, 0.0]}


def test_the_last_two_checkpoints_are_kept_by_number(checkpoints):
    for number in (8, 9, 10, 11):
        checkpoints.save(number, {}, {"number": number})
    assert [path.name[-6:-4] for path in checkpoints.paths()] == ["10", "11"]
    assert checkpoints.load()[1] == {"number": 11}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data.replace(b"\x11" * 64, b"\x12" * 64),
        lambda data: b"not a zip file",
    ],
    ids=["cut", "empty", "changed", "other"],
)
def test_a_damaged_checkpoint_is_passed_over_and_named(spoil, checkpoints):
    for number in (1, 2):
        checkpoints.save(number, {"w": np.full(400, 17, "uint8")}, {"number": number})
    newest = checkpoints.paths()[-1]
    newest.write_bytes(spoil(newest.read_bytes()))
    said = []
    assert checkpoints.load(said.append)[1] == {"number": 1}
    assert newest.name in said[0] and "going on from checkpoint-00000001.npz" in said[0]
    checkpoints.paths()[0].write_bytes(b"")
    with pytest.raises(CheckpointError, match="No checkpoint is left"):
        checkpoints.load(said.append)


def test_going_on_from_before_a_damaged_checkpoint_replaces_it(checkpoints):
    for number in (10, 20):
        checkpoints.save(number, {}, {"number": number})
    checkpoints.paths()[-1].write_bytes(b"")
    checkpoints.load(lambda line: None)
    for number in (11, 12):
        checkpoints.save(number, {}, {"number": number})
    assert [path.name[-6:-4] for path in checkpoints.paths()] == ["11", "12"]


def test_no_flipped_bit_goes_unseen(checkpoints):
    """Wherever it is, the checkpoint is refused or as it was: nothing else, and no other error."""
    arrays = {"w": np.arange(40, dtype="uint8"), "v": np.float32([1, 2])}
    checkpoints.save(1, arrays, {"epoch": 3})
    (path,) = checkpoints.paths()
    whole = path.read_bytes()
    for at in range(0, len(whole), 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        try:
            loaded, notes = checkpoints.load()
        except CheckpointError:
            continue
        assert notes == {"epoch": 3} and set(loaded) == set(arrays)
        assert all((loaded[name] == arrays[name]).all() for name in arrays)


def test_a_checkpoint_of_objects_is_refused_and_nothing_is_left(checkpoints):
    with pytest.raises(TypeError, match="Python objects"):
        checkpoints.save(1, {"w": np.array([{}])}, {})
    assert not checkpoints.paths()


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(checkpoints, monkeypatch):
    checkpoints.save(1, {}, {})

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(CheckpointError, match="No space left"):
        checkpoints.save(2, {}, {})
    assert [path.name for path in checkpoints.folder.iterdir()] == ["checkpoint-00000001.npz"]


def _result(seed, nats, **changes):
    result = {
        "recipe": "r",
        "preset": "cpu",
        "settings": {"units": 4, "epochs": 2, "seed": seed},
        "data": {"sha256": "0"},
        "seed": seed,
        "metrics": {"test_nats": nats},
        "minutes": 2.0,
        "machine": {"cores": 2},
        "versions": {"keras": "3"},
        "commit": "c",
    }
    return {**result, **changes}


def test_a_ledger_entry_holds_mean_and_sample_deviation_over_seeds():
    results = [_result(0, 1.0), _result(1, 2.0), _result(2, 4.0)]
    entry = ledger_entry(results, {"units": 3, "epochs": 2, "seed": 0})
    assert entry["seeds"] == [0, 1, 2] and entry["settings"] == {"units": 4, "epochs": 2}
    assert entry["differs"] == {"units": 4} and entry["commit"] == "c"
    nats = entry["metrics"]["test_nats"]
    assert nats["values"] == [1.0, 2.0, 4.0] and nats["mean"] == pytest.approx(7 / 3)
    assert nats["std"] == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert ledger_name(entry) == "r-cpu-units_4.json"


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"data": {"sha256": "1"}}, "data"),
        ({"versions": {"keras": "4"}}, "versions"),
        ({"settings": {"units": 5, "epochs": 2, "seed": 1}}, "settings"),
    ],
)
def test_runs_that_differ_in_more_than_the_seed_are_not_recorded_together(changes, what):
    with pytest.raises(RunError, match=f"seeds 0 and 1.*differ in {what}"):
        ledger_entry([_result(0, 1.0), _result(1, 2.0, **changes)], {})


ROWS = [{"epoch": 1.0, "loss": 0.1 + 0.2}, {"epoch": 2.0, "loss": 0.25}]


def test_a_ledger_entry_keeps_the_learning_curve_of_every_seed():
    results = [_result(0, 1.0), _result(7, 2.0)]
    histories = [ROWS, [{"epoch": 1.0, "loss": 0.5}]]
    entry = json.loads(entry_text(ledger_entry(results, {}, (), histories)))
    assert [rows_of(entry, 0), rows_of(entry, 7)] == histories
    with pytest.raises(LookupError, match=r"seeds \[0, 7\], and not 1"):
        rows_of(entry, 1)


def test_a_loss_that_is_no_number_comes_back_from_the_ledger():
    entry = ledger_entry([_result(0, 1.0)], {}, (), [[{"epoch": 1.0, "loss": float("nan")}]])
    text = entry_text(entry)
    assert '"loss": ["NaN"]' in text and np.isnan(rows_of(json.loads(text), 0)[0]["loss"])


def test_runs_without_a_learning_curve_have_none_in_the_ledger():
    entry = ledger_entry([_result(0, 1.0)], {}, (), [[]])
    assert "history" not in entry
    with pytest.raises(LookupError, match="no histories: record it anew"):
        rows_of(entry, 0)


def test_an_entrys_file_has_a_column_of_a_history_in_a_line():
    entry = ledger_entry([_result(0, 1.0)], {}, (), [ROWS])
    lines = entry_text(entry).splitlines()
    assert '      "loss": [0.30000000000000004, 0.25]' in lines
    assert json.loads(entry_text(entry)) == entry
    del entry["history"]
    assert entry_text(entry) == json.dumps(entry, indent=2) + "\n"


def test_a_ledger_name_is_a_file_name_whatever_the_settings(tmp_path):
    entry = ledger_entry([_result(0, 1.0, settings={"data": "/a/b c", "seed": 0})], {})
    assert ledger_name(entry) == "r-cpu-data__a_b_c.json"


def test_metrics_of_a_training_that_diverged_are_numbers_again_and_have_a_spread(tmp_path):
    run = Run.create("toy", "smoke", Settings(), tmp_path / "run")
    metrics = {"loss": float("nan"), "perplexity": np.float32(np.inf), "epochs": 3}
    for result in (run.write_result({}, 0, metrics), run.result()):
        found = result["metrics"]
        assert np.isnan(found["loss"]) and found["perplexity"] == np.inf and found["epochs"] == 3
    spread = summary([found["perplexity"], 2.0])
    assert np.isnan(spread["mean"]) and np.isnan(spread["std"])


def test_settings_of_an_enumeration_are_its_text():
    class Cell(str, enum.Enum):  # noqa: UP042  whose `str` gives its name
        GRU = "gru"

    assert jsonable({Cell.GRU: Cell.GRU}) == {"gru": "gru"}


def test_keys_that_json_cannot_tell_apart_are_refused():
    with pytest.raises(ValueError, match="several keys that are the same in JSON"):
        jsonable({1: "a", "1": "b"}, "data")


def test_settings_that_cannot_be_written_leave_no_folder(tmp_path):
    with pytest.raises(ValueError, match="cannot be written"):
        Run.create("toy", "smoke", Settings(), root=tmp_path / "runs", data={"name": object()})
    assert not (tmp_path / "runs").exists()


def test_a_disk_that_fails_is_one_clear_error(tmp_path):
    with pytest.raises(RunError, match="Cannot write"), atomic_write(tmp_path / "file"):
        raise OSError(errno.EIO, "Input/output error")
