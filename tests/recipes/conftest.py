"""What the tests of recipes share. Each file names its recipe `recipe`."""

import json
import re
import sys
from pathlib import Path

import pytest

from recipe_kit.runs import OWN_FILES

RESULTS = Path(__file__).parents[2] / "recipes/results"


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
def without_figures(request, monkeypatch):
    """For tests of something else: a run of the file's recipe leaves its figures out."""
    monkeypatch.setattr(request.module.recipe.run_figures, "draw", lambda *args: None)


@pytest.fixture
def written_but_not_declared(request):
    """`written_but_not_declared(out)`: what a run has written over in a user's folder, unasked."""

    def others(out):
        return {path.name for path in out.iterdir()} - {
            *OWN_FILES,
            *request.module.recipe.Settings.FILES,
        }

    return others


@pytest.fixture
def recorded_but_not_measured(request):
    """`recorded_but_not_measured(metrics)`: metrics of the ledger that are not among these of a run.

    Numbers in a name are settings (the width of a beam, steps back), and any will do.
    """

    def others(metrics):
        recorded = set()
        for path in RESULTS.glob(f"{request.module.recipe.RECIPE}-*.json"):
            recorded |= set(json.loads(path.read_text(encoding="utf-8"))["metrics"])
        assert recorded
        ours, theirs = (
            {re.sub(r"\d+(\.\d+)?", "#", name) for name in names} for names in (metrics, recorded)
        )
        return theirs - ours

    return others
