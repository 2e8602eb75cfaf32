"""The reference of `rnn_kit`: a page for each module, made of docstrings by mkdocstrings.

Imports nothing: reads what a module offers from `__all__` in its source.
"""

import ast
import re

from site_parts.repository import ROOT

PACKAGE = "rnn_kit"
FENCED = re.compile(r"(^(```+).*?^\2$)", re.DOTALL | re.MULTILINE)
CODE_SPAN = re.compile(r"(?<![\[`])`([\w.]+)`(?![\]`])")
AS_IN_KERAS = ("GRU", "GRUCell", "EarlyStopping")  # names that in prose may mean Keras's own


def source(name):
    """Returns the file of a module of the package."""
    path = ROOT / PACKAGE / name
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def offered(module=""):
    """Returns the `__all__` of the package or a module of it, or else its public definitions."""
    body = ast.parse(source(module).read_text(encoding="utf-8")).body
    for node in body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "__all__":
            return ast.literal_eval(node.value)
    defined = [n.name for n in body if isinstance(n, (ast.ClassDef, ast.FunctionDef))]
    return [name for name in defined if not name.startswith("_")]


def page_of(module):
    return f"api/{module}.md"


def page(module):
    """Returns the Markdown of a module's page: its docstring, then its names, constants last."""
    lines = [
        f"# {PACKAGE}.{module}",
        f"::: {PACKAGE}.{module}\n    options:\n      members: false\n      show_root_heading: false\n"
        "      show_root_toc_entry: false",
        *(f"::: {PACKAGE}.{module}.{name}" for name in sorted(offered(module), key=str.isupper)),
    ]
    return "\n\n".join(lines)


def targets():
    """Returns the names that prose may use for parts of the library, to their full names."""
    found = {}
    for module in offered():
        for name in offered(module):
            full = f"{PACKAGE}.{module}.{name}"
            found[full] = full
            if name not in AS_IN_KERAS:
                found[name] = full
    return found


def with_references(markdown, name=None):
    """Returns Markdown with links from names of the library, written as code, to the reference.

    Args:
        markdown: The text.
        name: The text's own subject, which gets no link.
    """
    names = targets()

    def link(match):
        full = names.get(match[1])
        return f"[{match[0]}][{full}]" if full and full != name else match[0]

    parts = FENCED.split(markdown)  # unfenced text, a fenced block, its fence, unfenced text, ...
    return "".join(
        CODE_SPAN.sub(link, part) if index % 3 == 0 else part
        for index, part in enumerate(parts)
        if index % 3 < 2
    )
