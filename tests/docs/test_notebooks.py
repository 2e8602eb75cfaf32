"""The notebooks are built from their sources as they are, show results and nothing else, and run."""

import ast
import importlib.util
import re
import sys
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


def test_every_notebook_has_a_source():
    notebooks = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert notebooks == {path.stem for path in build.sources()}


@each
def test_a_notebook_is_that_of_its_source(source):
    assert build.is_current(source), "say `make notebooks`"


@each
def test_a_notebook_shows_results_and_nothing_else(source):
    assert build.faults(written(source)) == []


@pytest.mark.slow
@each
def test_a_notebook_runs_at_smoke_size_and_from_another_folder(source, tmp_path, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", str(source.with_suffix(".ipynb")))  # as Jupyter does
    notebook = build.execute(build.from_source(source, smoke=True), tmp_path)
    assert build.faults(notebook) == []
    assert list(tmp_path.iterdir()) == []


def code_of(source):
    return [cell for cell in build.from_source(source).cells if cell.cell_type == "code"]


@pytest.fixture
def find_project(monkeypatch):
    """Runs the first cell of a notebook as a kernel does. Returns the folder that it finds."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)

    def find(source, working_folder, environ=None, installed=False, **kernel):
        monkeypatch.chdir(working_folder)
        for name, value in (environ or {}).items():
            monkeypatch.setenv(name, value)
        if not installed:
            monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        lines = code_of(source)[0].source.splitlines()
        exec("\n".join(line for line in lines if not line.startswith("%")), kernel)
        assert sys.path[:3] == [str(kernel["root"] / name) for name in ("", "recipes", "docs")]
        return kernel["root"]

    return find


@each
@pytest.mark.parametrize("folder", ["", "notebooks", "docs/results_parts"])
def test_a_notebook_finds_the_project_around_the_working_folder(source, folder, find_project):
    assert find_project(source, ROOT / folder) == ROOT


@pytest.mark.slow
@each
def test_a_notebook_finds_the_project_from_elsewhere(source, find_project, tmp_path):
    notebook = str(source.with_suffix(".ipynb"))
    assert find_project(source, tmp_path, {"JPY_SESSION_NAME": notebook}) == ROOT


@pytest.mark.slow
@each
def test_a_notebook_in_vs_code_finds_the_project_from_elsewhere(source, find_project, tmp_path):
    notebook = str(source.with_suffix(".ipynb"))
    assert find_project(source, tmp_path, __vsc_ipynb_file__=notebook) == ROOT


@pytest.mark.slow
@each
def test_a_notebook_finds_the_project_of_the_package_that_is_installed(source, find_project, tmp_path):
    assert find_project(source, tmp_path, installed=True) == ROOT


@each
def test_a_notebook_that_finds_no_project_says_what_to_do(source, find_project, tmp_path):
    message = rf"with recipes/ in it, is not around {re.escape(str(tmp_path))}\. Put the line %cd "
    with pytest.raises(FileNotFoundError, match=message):
        find_project(source, tmp_path, {"JPY_SESSION_NAME": str(tmp_path / "a.ipynb")})


OWN = {"parts", "recipe_kit", "rnn_kit", *(path.stem for path in (ROOT / "recipes").glob("*.py"))}
LINES = 18  # of a cell in plain Keras that are not blank


def names_from_the_project(cells):
    """Names that cells import from the recipes, what they share, and the library."""
    nodes = [node for cell in cells for node in ast.walk(ast.parse(cell.source.replace("%", "#")))]
    found = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in OWN:
            found |= {alias.asname or alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            own = [alias for alias in node.names if alias.name.split(".")[0] in OWN]
            found |= {alias.asname or alias.name.split(".")[0] for alias in own}
    return found


@each
def test_a_notebook_shows_its_model_in_plain_keras_before_the_recipe_trains_one(source):
    cells = [cell for cell in written(source).cells if cell.cell_type == "code"]
    (at,) = (n for n, cell in enumerate(cells) if "plain-keras" in cell.metadata.get("tags", ()))
    plain = cells[at].source
    assert len([line for line in plain.splitlines() if line.strip()]) <= LINES
    assert re.search(r"keras\.(Sequential|Model)\(", plain)
    assert ".compile(" in plain and ".fit(" in plain
    used = {node.id for node in ast.walk(ast.parse(plain)) if isinstance(node, ast.Name)}
    imported = names_from_the_project(cells[:2])
    assert len(imported) > 2 and not used & imported
    for cell in cells[:at]:
        assert not re.search(r"\b(build_model|train)\(", cell.source)
    (output,) = cells[at].outputs
    assert re.search(r"\d\.\d", output.text) and len(output.text.splitlines()) <= 3


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
    assert [(ROOT / f"docs/{source.stem}.png").read_bytes()] == build.pictures(written(source))


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


PICTURE = "from matplotlib.figure import Figure\nfigure = Figure((1, 1))\nfigure.subplots()\nfigure"


def executed(*sources, tags=("picture",)):
    cells = [nbformat.v4.new_code_cell(source) for source in ("%matplotlib inline", *sources, PICTURE)]
    cells[-1].metadata["tags"] = list(tags)
    return build.execute(nbformat.v4.new_notebook(cells=cells))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("print('in /home/somebody/runs')", "'/home/somebody/runs'"),
        ("import tempfile; print(tempfile.mkdtemp())", "/tmp"),
        ("print('1%\\r2%')", r"'\r'"),
        ("print('\\x1b[1mbold')", "x1b[1mbold'"),
        ("import warnings; warnings.warn('old')", "standard error"),
        ("print('WARNING:tensorflow:slow')", "WARNING:tensorflow:slow"),
        ("object()", "'at 0x"),
    ],
)
def test_litter_in_an_output_is_found(line, fault):
    found = build.faults(executed(line))
    assert fault in found[0], found


def test_what_only_looks_like_a_path_is_none():
    assert build.faults(executed("print('and/workers https://x.org/home/page a/home/b')")) == []


def test_a_cell_that_was_not_executed_is_found():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    assert "cell 0: executed as None, expected 1" in build.faults(notebook)


def test_a_notebook_without_its_picture_is_found():
    assert build.faults(executed(tags=())) == ["0 pictures of cells tagged `picture`, expected 1"]


GOOD = f'# %%\n# %matplotlib inline\n\n# %% tags=["picture"]\n{PICTURE}\n'


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """`build.py` in a folder of its own, with one source."""
    monkeypatch.setattr(build, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(build, "DOCS", tmp_path)
    (tmp_path / "1_a.py").write_text(GOOD)
    return tmp_path


@pytest.mark.slow
def test_a_notebook_is_written_with_its_picture_and_at_smoke_size_neither(elsewhere, capsys):
    assert build.main(["--smoke"]) == 0
    assert [path.name for path in elsewhere.iterdir()] == ["1_a.py"]
    assert build.main([]) == 0
    assert (elsewhere / "1_a.png").read_bytes().startswith(b"\x89PNG")
    assert build.is_current(elsewhere / "1_a.py")
    assert "1_a: " in capsys.readouterr().out


@pytest.mark.slow
def test_what_fails_leaves_what_was_there_and_the_others_are_built(elsewhere, capsys):
    (elsewhere / "1_a.ipynb").write_text("as it was")
    (elsewhere / "1_a.py").write_text(GOOD + "\n# %%\n1 / 0\n")
    (elsewhere / "2_b.py").write_text(GOOD)
    assert build.main([]) == 1
    assert (elsewhere / "1_a.ipynb").read_text() == "as it was"
    assert build.is_current(elsewhere / "2_b.py")
    assert "division by zero" in capsys.readouterr().out


@pytest.mark.slow
def test_a_notebook_with_a_fault_is_not_kept(elsewhere, capsys):
    (elsewhere / "1_a.py").write_text(GOOD + "\n# %%\nprint('/home/x/y')\n")
    assert build.main([]) == 1
    assert not (elsewhere / "1_a.ipynb").exists()
    assert "'/home/x/y' in what it wrote" in capsys.readouterr().out


@pytest.mark.slow
def test_new_prose_keeps_the_outputs_and_new_code_does_not(elsewhere, capsys):
    source = elsewhere / "1_a.py"
    assert build.main([]) == 0
    before = written(source).cells[-1].outputs
    source.write_text("# %% [markdown]\n# Said better.\n\n" + GOOD)
    assert build.main(["--prose"]) == 0
    assert build.is_current(source) and written(source).cells[-1].outputs == before
    source.write_text(source.read_text().replace("(1, 1)", "(2, 1)"))
    assert build.main(["--prose"]) == 1
    assert "its code has changed" in capsys.readouterr().out
    assert not build.is_current(source)


@pytest.mark.slow
@each
def test_the_smoke_line_makes_later_cells_small(source):
    cells = build.from_source(source, smoke=True).cells
    (at,) = (n for n, cell in enumerate(cells) if cell.id.endswith("-smoke"))
    names = re.match(r"[\w, ]+(?= = )", cells[at].source)[0].split(", ")
    later = "\n".join(cell.source for cell in cells[at + 1 :] if cell.cell_type == "code")
    assert all(re.search(rf"\b{name}\b", later) for name in names), names


def test_a_name_that_no_notebook_has_is_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        build.main(["9_nothing"])
    assert stopped.value.code == 2
    assert "9_nothing: there is no such notebook" in capsys.readouterr().err
