"""Builds and executes the notebooks beside this file from their sources: `make notebooks`.

The sources are the numbered `.py` files (jupytext's py:percent format); each becomes an `.ipynb` of the
same name, with its outputs and pictures in it. Change a source, never a notebook.

    .venv/bin/python notebooks/build.py                 all of them, some minutes each
    .venv/bin/python notebooks/build.py 2_text          those whose names begin so
    .venv/bin/python notebooks/build.py --prose         executes nothing: new text between the cells
    .venv/bin/python notebooks/build.py --smoke         executes them in seconds, and writes nothing

A cell tagged `parameters` says how large the notebook is. Its `smoke` metadata is the line that makes
it small enough for a test: with `--smoke` it is executed after that cell. The picture of the cell
tagged `picture` is the one in README.md, and goes to docs/. The cell tagged `plain-keras` is the model
without a recipe.
"""

import argparse
import base64
import re
import sys
import tempfile
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from traitlets.config import Config

NOTEBOOKS = Path(__file__).resolve().parent
ROOT = NOTEBOOKS.parent
DOCS = ROOT / "docs"
SECONDS_A_CELL = 1800  # of a machine that has other work as well
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}

# What must not be in an output: warnings, addresses of objects, what a terminal would have overwritten,
# folders of this machine.
ANSI = r"\x1b\[[0-9;]*m"
HERE = {ROOT, Path.home(), Path(sys.prefix), Path(sys.base_prefix), Path(tempfile.gettempdir(), "tmp")}
HERE = "|".join(re.escape(str(path)) for path in HERE if len(path.parts) > 1)
LITTER = re.compile(
    r"(^\w*Warning: .*|^WARNING.*|\bat 0x[0-9a-f]{6,}|\x1b\[\S*|\r|\x08"
    rf"|(?<![\w./:-])(?:{HERE}|/root|/home|/Users|[A-Z]:\\+Users)[/\\]?\S*)",
    re.MULTILINE,
)


def sources():
    return sorted(NOTEBOOKS.glob("[0-9]*.py"))


def from_source(path, smoke=False):
    """The notebook of a source, not executed."""
    read = jupytext.read(path, fmt="py:percent")
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
    for cell in read.cells:
        number = len(notebook.cells)
        new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        notebook.cells.append(new(cell.source, id=f"cell-{number:02d}", metadata=cell.metadata))
        if smoke and (line := cell.metadata.get("smoke")):
            notebook.cells.append(nbformat.v4.new_code_cell(line, id=f"cell-{number:02d}-smoke"))
    return notebook


def is_current(path):
    """Whether the notebook that was built from a source is that of the source as it is now."""
    written = path.with_suffix(".ipynb")
    if not written.exists():
        return False
    cells = [nbformat.read(written, 4).cells, from_source(path).cells]
    ours, theirs = ([(c.cell_type, c.source, c.id, dict(c.metadata)) for c in part] for part in cells)
    return ours == theirs


def execute(notebook, folder=NOTEBOOKS):
    """Executes a notebook.

    Args:
        notebook: Not yet executed.
        folder: The working folder of its cells. Default: that of the notebooks, as in Jupyter.

    Returns:
        The notebook, with its outputs; of what was printed piece by piece, each is one.

    Raises:
        CellExecutionError, CellTimeoutError, DeadKernelError: if a cell fails, or does not come back.
    """
    where = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        notebook,
        timeout=SECONDS_A_CELL,
        kernel_name="python3",
        resources=where,
        record_timing=False,
        config=Config(KernelManager={"transport_encryption": "auto"}),  # it warns without
    )
    client.execute()
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
    return notebook


def _joined(outputs):
    """Outputs in which what was printed piece by piece is one."""
    joined = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last["text"] += output.text
        else:
            joined.append(output)
    return joined


def with_outputs_of(notebook, path):
    """A notebook that was not executed, with the outputs of the one in a file, whose code is the same.

    Raises:
        ValueError: if its code is another.
    """
    executed = nbformat.read(path, 4) if path.exists() else nbformat.v4.new_notebook()
    ours, theirs = (
        [cell for cell in of.cells if cell.cell_type == "code"] for of in (notebook, executed)
    )
    if [(c.source, c.metadata) for c in ours] != [(c.source, c.metadata) for c in theirs]:
        raise ValueError("its code has changed since it was executed: build it without --prose")
    for new, old in zip(ours, theirs, strict=True):
        new.outputs, new.execution_count = old.outputs, old.execution_count
    notebook.metadata = executed.metadata
    return notebook


def pictures(notebook):
    """The pictures of the cells tagged `picture`, each as the bytes of a PNG."""
    cells = [cell for cell in notebook.cells if "picture" in cell.metadata.get("tags", ())]
    outputs = [output.get("data", {}) for cell in cells for output in cell.outputs]
    return [base64.b64decode(data["image/png"]) for data in outputs if "image/png" in data]


def faults(notebook):
    """What a reader should not see in a notebook, a line each: nothing, if all is well."""
    found, count = [], 0
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        count += 1
        if cell.execution_count != count:
            found.append(f"cell {number}: executed as {cell.execution_count}, expected {count}")
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"cell {number}: {output.ename}")
            if output.output_type == "stream" and output.name == "stderr":
                found.append(f"cell {number}: wrote to standard error: {output.text[:200]}")
            texts = [output.get("text", "")]
            texts += [v for k, v in output.get("data", {}).items() if k.startswith("text/")]
            for text in texts:
                if litter := LITTER.search(text):
                    found.append(f"cell {number}: {litter[0]!r} in what it wrote")
    if (count := len(pictures(notebook))) != 1:
        found.append(f"{count} pictures of cells tagged `picture`, expected 1")
    return found


def write(path, content):
    """Writes a file aside, and then puts it in its place."""
    aside = path.with_name(f"{path.name}.aside")
    aside.write_bytes(content)
    aside.replace(path)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="beginnings of names (default: all)")
    parser.add_argument("--smoke", action="store_true", help="execute them small, and write nothing")
    parser.add_argument("--prose", action="store_true", help="execute nothing: new text, old outputs")
    flags = parser.parse_args(argv)
    chosen = [p for p in sources() if p.stem.startswith(tuple(flags.names) or "")]
    unknown = [n for n in flags.names if not any(p.stem.startswith(n) for p in chosen)]
    if unknown:
        names = ", ".join(p.stem for p in sources())
        parser.error(f"{' '.join(unknown)}: there is no such notebook; there are {names}")
    return max([build(path, flags.smoke, flags.prose) for path in chosen])


def build(path, smoke=False, prose=False):
    """Builds one notebook from its source, and says how it went. What has a fault is not kept.

    Args:
        path: The source.
        smoke: Whether to execute it small, and write nothing.
        prose: Whether to execute nothing, and keep the outputs that are there.

    Returns:
        0, or 1 if there was a fault.
    """
    began = time.perf_counter()
    try:
        notebook = from_source(path, smoke)
        written = path.with_suffix(".ipynb")
        notebook = with_outputs_of(notebook, written) if prose else execute(notebook)
        found = faults(notebook)
    except (CellExecutionError, CellTimeoutError, DeadKernelError, ValueError) as error:
        found = [re.sub(ANSI, "", str(error))]
    if not (smoke or found):
        write(written, f"{nbformat.writes(notebook)}\n".encode())
        write(DOCS / f"{path.stem}.png", *pictures(notebook))
    lines = [f"{path.stem}: {time.perf_counter() - began:.0f} s", *found]
    print("\n  ".join(lines), flush=True)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
