"""What the tests of recipes share. Each file names its recipe `recipe`."""

import sys

import pytest


@pytest.fixture
def run_main(request, monkeypatch, capsys):
    """`run_main(argv)`: exit code, standard output and error of the file's recipe as a program."""
    recipe = request.module.recipe

    def run(argv):
        monkeypatch.setattr(sys, "argv", [f"{recipe.RECIPE}.py", *argv])
        try:
            recipe.cli.run_recipe(recipe.main)
            code = 0
        except SystemExit as exit:
            code = exit.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def without_pictures(request, monkeypatch):
    """For tests of something else: a run of the file's recipe leaves its pictures out."""
    monkeypatch.setattr(request.module.recipe.pictures, "draw", lambda *args: None)
