"""The notebooks are built from their sources as they are, show results and nothing else, and run."""

import importlib.util
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = load(ROOT / "notebooks/build.py")
each = pytest.mark.parametrize("source", build.sources(), ids=lambda path: path.stem)


def written(source):
    return nbformat.read(source.with_suffix(".ipynb"), 4)


@each
def test_a_notebook_is_that_of_its_source(source):
    assert build.is_current(source), "say `make notebooks`"


@each
def test_a_notebook_shows_results_and_nothing_else(source):
    assert build.faults(written(source)) == []


@each
def test_a_notebook_runs_at_smoke_size(source):
    notebook = build.execute(build.from_source(source, smoke=True))
    assert build.faults(notebook) == []


@each
def test_a_notebook_has_equations_pictures_an_experiment_and_folded_answers(source):
    notebook = written(source)
    prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    assert "$$" in prose
    assert "**Change " in prose or "**Write " in prose
    assert prose.count("<details><summary>Answer</summary>") == prose.count("</details>") >= 2
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert sum("image/png" in o.get("data", {}) for o in outputs) >= 2


@each
def test_the_readme_shows_a_notebook_with_its_picture(source):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"(notebooks/{source.stem}.ipynb)" in readme
    assert f"docs/{source.stem}.png" in readme
    assert (ROOT / f"docs/{source.stem}.png").read_bytes() == build.picture(written(source))


# --- and the checks themselves ----------------------------------------------------------------------


@pytest.fixture
def a_source(tmp_path):
    path = tmp_path / "1_a.py"
    path.write_text("# %% [markdown]\n# # Title\n\n# %%\nx = 1\n")
    nbformat.write(build.from_source(path), path.with_suffix(".ipynb"))
    return path


def test_a_source_that_was_changed_leaves_its_notebook_stale(a_source):
    assert build.is_current(a_source)
    a_source.write_text(a_source.read_text().replace("x = 1", "x = 2"))
    assert not build.is_current(a_source)


def test_a_source_whose_notebook_was_never_built_is_stale(a_source):
    a_source.with_suffix(".ipynb").unlink()
    assert not build.is_current(a_source)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("print('in /home/somebody/runs')", "'/home/somebody/runs'"),
        ("print('1%\\r2%')", "'\\r'"),
        ("print('\\x1b[1mbold')", "'\\x1b[1mbold'"),
        ("import warnings; print('UserWarning: old')", "'UserWarning: old'"),
        ("import sys; print('oh', file=sys.stderr)", "standard error"),
    ],
)
def test_litter_in_an_output_is_found(line, fault):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(line)])
    (found,) = build.faults(build.execute(notebook))
    assert fault in found


def test_a_cell_that_was_not_executed_is_found():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    assert build.faults(notebook) == ["cell 0: executed as None, expected 1"]


def test_a_name_that_no_notebook_has_is_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        build.main(["9_nothing"])
    assert stopped.value.code == 2
    assert "9_nothing: there is no such notebook" in capsys.readouterr().err
