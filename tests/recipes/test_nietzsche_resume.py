"""A run of the recipe that is killed, whatever it is doing, ends as the unbroken one does."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import pytest

import nietzsche_generation as recipe

RECIPE = Path(__file__).parents[2] / "recipes/nietzsche_generation.py"
FLAGS = "--preset smoke --epochs 4 --samples-every 2 --checkpoint-seconds 0.05".split()
FLAGS += "--temperature 0.5 1.0".split()


def start(out, *flags):
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.Popen(
        [sys.executable, str(RECIPE), *flags, "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.fixture
def finish(capsys):
    """`finish(out, *flags)`: runs the recipe to its end, in this process. Returns what it printed."""

    def run(out, *flags):
        recipe.main([*flags, "--out", str(out)])
        return capsys.readouterr().out

    return run


def wait_for(process, ready):
    """Waits until `ready()`; fails if the process ends before."""
    deadline = time.monotonic() + 120
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the run does not get on"
        time.sleep(0.005)


def checkpoints(out):
    return sorted((out / "checkpoints").glob("checkpoint-*.npz"))


def the_end(out):
    """What must be the same: weights bit for bit, samples, history and metrics but for the seconds."""
    rows = (out / "history.csv").read_text().splitlines()
    history = [[v for n, v in enumerate(row.split(",")) if n != 1] for row in rows]
    metrics = json.loads((out / "result.json").read_text())["metrics"]
    del metrics["train_seconds"]
    weights = keras.models.load_model(out / "model.keras").get_weights()
    return [w.tobytes() for w in weights], history, metrics, (out / "samples.txt").read_text()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    out = tmp_path_factory.mktemp("unbroken") / "run"
    recipe.main([*FLAGS, "--out", str(out)])
    return the_end(out)


@pytest.mark.slow
def test_a_kill_in_the_middle_of_an_epoch_leaves_no_trace(unbroken, tmp_path, finish):
    out = tmp_path / "run"
    process = start(out, *FLAGS)
    wait_for(process, lambda: within_an_epoch(out, 39))
    process.kill()
    process.wait()
    assert not (out / "result.json").exists()
    said = finish(out, "--resume")
    assert "Going on after batch" in said
    assert the_end(out) == unbroken


@pytest.mark.slow
def test_a_kill_of_a_many_to_one_training_leaves_no_trace(tmp_path, finish):
    """The lecture's way: windows in shuffled order, which goes on as it was drawn."""
    flags = [*FLAGS, "--no-many-to-many", "--epochs", "1"]  # of 333 batches
    finish(tmp_path / "unbroken", *flags)
    out = tmp_path / "run"
    process = start(out, *flags)
    wait_for(process, lambda: within_an_epoch(out, 333))
    process.kill()
    process.wait()
    assert "Going on after batch" in finish(out, "--resume")
    assert the_end(out) == the_end(tmp_path / "unbroken")


def within_an_epoch(out, batches):
    """Whether a checkpoint lies within an epoch: its number is no multiple of the epoch's batches."""
    return any(int(path.stem[-8:]) % batches for path in checkpoints(out))


@pytest.mark.slow
def test_a_kill_after_the_last_epoch_leaves_no_trace(unbroken, tmp_path, finish):
    out = tmp_path / "run"
    process = start(out, *FLAGS)
    wait_for(process, lambda: (out / "checkpoints/checkpoint-00000156.npz").exists())
    process.kill()
    process.wait()
    assert "Going on after epoch 4." in finish(out, "--resume")
    assert the_end(out) == unbroken


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_says_how_to_go_on(unbroken, tmp_path, finish):
    out = tmp_path / "run"
    process = start(out, *FLAGS)
    wait_for(process, lambda: checkpoints(out))
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130 and "Traceback" not in stderr
    assert f"--resume --out {out}" in stderr.splitlines()[-1]
    finish(out, *FLAGS, "--resume")  # the flags that it was started with are no contradiction
    assert the_end(out) == unbroken


@pytest.mark.long
def test_twenty_random_kills_are_resumed_to_identical_weights(unbroken, tmp_path, finish):
    """At moments drawn over the whole run, from its first file to its last; some are killed twice."""
    out = tmp_path / "whole"
    process = start(out, *FLAGS)
    wait_for(process, (out / "config.json").exists)
    configured = time.monotonic()
    _, stderr = process.communicate(timeout=300)
    seconds = time.monotonic() - configured
    assert process.returncode == 0, stderr
    assert the_end(out) == unbroken
    draw = random.Random(2026)
    same = 0
    for number in range(20):
        out = tmp_path / f"run-{number}"
        moments = [draw.uniform(0, seconds) for _ in range(1 + number % 3 // 2)]
        flags = FLAGS
        for moment in moments:
            process = start(out, *flags)
            wait_for(process, (out / "config.json").exists)
            time.sleep(moment)
            process.kill()
            process.wait()
            flags = ["--resume"]
        at = [p.stem[-8:] for p in checkpoints(out)]
        finish(out, "--resume")
        same += the_end(out) == unbroken
        print(
            f"kill {number + 1}: after {moments} s, checkpoints {at}; {same} of {number + 1} the same"
        )
    assert same == 20


@pytest.mark.slow
def test_other_data_are_refused(tmp_path, without_figures, run_main):
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox " * 100)
    out = str(tmp_path / "run")
    little = "--preset smoke --epochs 1 --cell simple --units 4 --length 2 --temperature 0.5"
    recipe.main([*little.split(), "--data", str(text), "--out", out])
    (tmp_path / "run/result.json").unlink()
    text.write_text("the quick brown dog " * 100)
    code, _, error = run_main(["--resume", "--out", out])
    assert code == 2 and error.count("\n") == 1
    assert "The data are not those that the run" in error
