"""`--distribute`: the recipes train on two devices as on one. The devices are halves of the CPU.

TensorFlow must be told of them before it starts, so each test has a process of its own.
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[2] / "recipes"

# Masks of dropout are drawn by each device for its rows, so that two draw others than one.
NO_DROPOUT = ["--word-dropout", "0", "--embedding-dropout", "0", "--output-dropout", "0"]
FLAGS = {
    "nietzsche_generation": ["--dropout", "0"],
    "ptb_language_model": ["--cell", "peephole"],
    "imdb_sentiment": NO_DROPOUT,
    "image_captioning": ["--pictures", "100", "--epochs", "1"],
}

TWO_DEVICES = """
import sys
import recipe_kit.quiet_tensorflow
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
"""

TRAIN_TWICE = (
    TWO_DEVICES
    + """
import importlib, csv
import numpy as np
from recipe_kit import cli

name, out, *flags = sys.argv[1:]
recipe = importlib.import_module(name)
recipe.run_figures.draw = lambda *arguments: None

def losses(folder, *more):
    recipe.main(["--preset", "smoke", *flags, "--out", f"{out}/{folder}", *more])
    with open(f"{out}/{folder}/history.csv") as file:
        return [[float(row[n]) for n in ("loss", "val_loss")] for row in csv.DictReader(file)]

np.testing.assert_allclose(losses("two", "--distribute"), losses("one"), rtol=2e-5)
print("the same losses")
"""
)


def in_a_process(code, *arguments):
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=RECIPES,
        env={**environment, "MPLBACKEND": "agg"},
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", FLAGS)
def test_two_devices_come_to_the_losses_of_one(name, tmp_path):
    done = in_a_process(TRAIN_TWICE, name, tmp_path, *FLAGS[name])
    assert done.returncode == 0, done.stderr[-2000:]
    assert "on 2 devices, CPU:0 CPU:1" in done.stdout
    assert done.stdout.endswith("the same losses\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("nietzsche_generation", ["measure"]),
        ("ptb_language_model", ["measure", "20"]),
        ("imdb_sentiment", ["measure"]),
    ],
)
def test_what_measures_one_device_does_not_take_it(name, mode, capsys):
    with pytest.raises(SystemExit) as stop:
        importlib.import_module(name).parse([*mode, "--distribute"])
    assert stop.value.code == 2
    assert f"--distribute has no meaning with {mode[0]}" in capsys.readouterr().err


@pytest.mark.slow
def test_a_batch_that_the_devices_cannot_share_is_one_line_and_no_folder(tmp_path):
    code = (
        TWO_DEVICES + "import nietzsche_generation as n; n.cli.run_recipe(lambda: n.main(sys.argv[1:]))"
    )
    flags = ["--preset", "smoke", "--batch-size", "15", "--distribute", "--out", tmp_path / "run"]
    done = in_a_process(code, *flags)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "2 devices cannot share batches of 15 evenly" in done.stderr
    assert not (tmp_path / "run").exists()
