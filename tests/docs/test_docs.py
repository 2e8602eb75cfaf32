"""The prose is run too: doctests of every module, and what the README promises."""

import doctest
import importlib
import pkgutil
import re
import shlex
from pathlib import Path

import keras
import numpy as np
import pytest

import rnn_kit

ROOT = Path(__file__).parents[2]
MODULES = sorted(module.name for module in pkgutil.walk_packages(rnn_kit.__path__, prefix="rnn_kit."))


@pytest.mark.parametrize("name", ["rnn_kit", *MODULES])
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(name)
    results = doctest.testmod(module, extraglobs={"np": np, "keras": keras, "rnn_kit": rnn_kit})
    assert results.failed == 0


def test_the_makefile_has_the_targets_that_the_readme_names():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", readme))
    assert {"demo", "test"} <= named <= targets


def test_every_file_and_flag_that_the_readme_names_exists():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)]+)\)", readme)
    for path in links + re.findall(r"python (recipes/\w+\.py)", readme):
        assert (ROOT / path).exists(), path
    commands = re.findall(r"(\w+)\.py((?: [^\n`]*)?)", readme)
    commands = [(recipe, a) for recipe, a in commands if (ROOT / f"recipes/{recipe}.py").exists()]
    assert len(commands) > 5
    for recipe, arguments in commands:
        importlib.import_module(recipe).parse(shlex.split(arguments, comments=True))


def test_every_command_in_a_recipes_docstring_is_one_that_it_takes():
    for path in (ROOT / "recipes").glob("*.py"):
        recipe = importlib.import_module(path.stem)
        for line in re.findall(rf"python recipes/{path.stem}\.py(.*)", recipe.__doc__ or ""):
            recipe.parse(shlex.split(re.split(r"\s{3,}|$", line, maxsplit=1)[0]))


def test_python_blocks_in_the_readme_run():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


def test_pins_are_one_version_each_and_agree_with_what_is_installed():
    import importlib.metadata

    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if pin := re.fullmatch(r"([a-z_]+)==([\w.]+)", line):
            assert importlib.metadata.version(pin[1]) == pin[2]
