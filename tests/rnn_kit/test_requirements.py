"""What the project says it needs: that it is what it imports, and the releases it is tested with."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from rnn_kit import _internals as internals

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LIBRARY = {r.name: r for r in map(Requirement, PROJECT["dependencies"])}
RECIPES = {r.name: r for r in map(Requirement, PROJECT["optional-dependencies"]["recipes"])}


def pinned_in(name):
    """The releases that a file of requirements pins: packages to versions."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    pairs = [line.split("==") for line in lines if "==" in line and not line.startswith("#")]
    return {package.strip(): version.split()[0] for package, version in pairs}


PINNED = pinned_in("requirements.txt")
PACKAGE_OF = {
    **{"sklearn": "scikit-learn", "PIL": "pillow", "ml_dtypes": "ml-dtypes"},
    **{"math_core": "math-core", "Bio": "biopython"},
}
# IPython comes with ipykernel, and griffe with mkdocstrings-python.
BROUGHT = {"IPython", "griffe"}


def packages_imported_in(folder):
    """The packages that sources import, those that are neither Python's nor the project's own."""
    sources = sorted((ROOT / folder).rglob("*.py"))
    homes = [ROOT, ROOT / folder, ROOT / "recipes", ROOT / "docs"]  # of modules of the project's own
    own = {path.stem for home in homes for path in home.iterdir()}
    modules = set()
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add(node.module.partition(".")[0])
    return {PACKAGE_OF.get(m, m) for m in modules - set(sys.stdlib_module_names) - own}


# PyTorch is never installed for it (gigabytes), and imported only where a user hands in its modules;
# pyrodigal, under another licence, only where a user has installed it.
BY_THE_USER = {"torch", "pyrodigal"}


@pytest.mark.parametrize("folder", ["rnn_kit", "recipes"])
def test_what_is_imported_is_declared(folder):
    imported = packages_imported_in(folder)
    assert "keras" in imported
    assert imported <= {*LIBRARY, *RECIPES} | BY_THE_USER


@pytest.mark.parametrize("folder", ["docs", "notebooks"])
def test_what_is_imported_to_build_pages_and_notebooks_is_pinned(folder):
    assert packages_imported_in(folder) <= {*PINNED, *pinned_in("requirements-site.txt")} | BROUGHT


def test_the_pinned_releases_are_in_the_declared_ranges():
    for name, requirement in {**LIBRARY, **RECIPES}.items():
        assert requirement.specifier.contains(PINNED[name]), name


def test_what_is_used_privately_has_a_ceiling_and_is_the_range_that_errors_name():
    declared = {**LIBRARY, **RECIPES}
    for package, supported in internals.SUPPORTED.items():
        assert declared[package].specifier == Requirement(package + supported).specifier
        assert any(s.operator == "<" for s in declared[package].specifier)
