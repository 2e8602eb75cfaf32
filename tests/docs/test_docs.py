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

import recipe_kit
import rnn_kit
from recipe_kit.cli import command_line

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    module.name
    for package in (rnn_kit, recipe_kit)
    for module in pkgutil.walk_packages(package.__path__, prefix=f"{package.__name__}.")
)
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
PAGES = ["README.md", "README.zh.md", *PAGES]


@pytest.fixture(autouse=True)
def any_path(monkeypatch):
    """What a page names, such as `my_notes/`, need not be there."""
    monkeypatch.setattr(command_line, "check_paths", lambda *args: None)


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["rnn_kit", "recipe_kit", *MODULES])
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(name)
    results = doctest.testmod(module, extraglobs={"np": np, "keras": keras, "rnn_kit": rnn_kit})
    assert results.failed == 0


@pytest.mark.parametrize("page", PAGES)
def test_the_makefile_has_the_targets_that_a_page_names(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", text_of(page)))
    assert named <= targets
    if page == "README.md":
        assert {"demo", "test"} <= named


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_links_to_exists(page):
    folder = (ROOT / page).parent
    for path in re.findall(r"\]\((?!https?:|#)([^)#]+)", text_of(page)):
        assert (folder / path).exists(), path
    for path in re.findall(r'src="([^"]+)"', text_of(page)):
        assert (folder / path).exists(), path


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_a_page_prints_is_one_that_its_recipe_takes(page):
    text = text_of(page)
    for path in re.findall(r"python (recipes/\w+\.py)", text):
        assert (ROOT / path).exists(), path
    commands = re.findall(r"(\w+)\.py((?: [^\n`]*)?)", text)
    commands = [(recipe, a) for recipe, a in commands if (ROOT / f"recipes/{recipe}.py").exists()]
    assert len(commands) > 5 or page not in ("README.md", "docs/results.md")
    for recipe, arguments in commands:
        importlib.import_module(recipe).parse(shlex.split(arguments, comments=True))


def test_the_readme_is_two_screens_and_leads_to_every_page():
    readme = text_of("README.md")
    assert len(readme.splitlines()) <= 150
    led_to = set(re.findall(r"\]\(([\w/.]+\.md)\)", readme))
    assert led_to == {page for page in PAGES if page != "README.md"}


def test_the_chinese_readme_has_the_commands_figures_and_pictures_of_the_english_one():
    english, chinese = text_of("README.md"), text_of("README.zh.md")
    for what in (
        r"^    .*?(?=\s+#|$)",  # commands without their comments, and what they print
        r"```python\n.*?```",
        r"`[a-z_]+\.py[^`\n]*`",
        r'src="[^"]+"',
        r"\]\((?!README)[^)]+\)",
        r"\b\d[\d.,]*\b(?= \||,000)",  # minutes of the table, thousands of tests
    ):
        found = [re.findall(what, page, re.MULTILINE | re.DOTALL) for page in (english, chinese)]
        assert found[0] == found[1], what


def test_every_command_in_a_recipes_docstring_is_one_that_it_takes():
    for path in (ROOT / "recipes").glob("*.py"):
        recipe = importlib.import_module(path.stem)
        for line in re.findall(rf"python recipes/{path.stem}\.py(.*)", recipe.__doc__ or ""):
            recipe.parse(shlex.split(re.split(r"\s{2,}|$", line, maxsplit=1)[0]))


def test_python_blocks_in_the_readme_run():
    readme = text_of("README.md")
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


def test_pins_are_one_version_each_and_agree_with_what_is_installed():
    import importlib.metadata

    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if pin := re.fullmatch(r"([a-z_]+)==([\w.]+)", line):
            assert importlib.metadata.version(pin[1]) == pin[2]
