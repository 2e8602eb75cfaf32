"""Converts executed notebooks to pages: their prose, code, and outputs."""

import base64
import json
import re

from site_parts import pages
from site_parts.repository import ROOT

PYTHON = "```` { .python }\n%s\n````"
WRITTEN = "```` { .text .written }\n%s\n````"


def names():
    return sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def page(name):
    """Returns the Markdown of a notebook's page, and its pictures: paths below docs/ to bytes."""
    path = f"notebooks/{name}.ipynb"
    notebook = json.loads((ROOT / path).read_text(encoding="utf-8"))
    parts, pictures = [], {}
    for number, cell in enumerate(notebook["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(pages.rewritten(prose(source), path, pages.page_of(path)))
            continue
        parts.append(PYTHON % source)
        for index, output in enumerate(cell["outputs"]):
            data = output.get("data", {})
            if "image/png" in data:
                file = f"{name}-{number}-{index}.png"
                pictures[f"notebooks/{file}"] = base64.b64decode("".join(data["image/png"]))
                parts.append(f"![What the cell above draws]({file})")
            elif text := "".join(output.get("text") or data.get("text/plain", "")).strip("\n"):
                parts.append(WRITTEN % text)
    download = f'[Download the notebook]({name}.ipynb){{ .md-button download="{name}.ipynb" }}'
    title, *rest = "\n\n".join(parts).split("\n", 1)
    return "\n".join([title, "", download, *rest]), pictures


def prose(markdown):
    """Returns Markdown of a notebook's cell for the site, with Markdown in folded parts."""
    return re.sub(r"<details>", "<details markdown>", markdown)
