"""The reference of `rnn_kit`: a page for each of its modules, made of docstrings by mkdocstrings.

Nothing is imported: what a module offers is what its source says in `__all__`.
"""

import ast
import re

from site_parts.repository import ROOT

PACKAGE = "rnn_kit"
FENCED = re.compile(r"(^(```+).*?^\2$)", re.DOTALL | re.MULTILINE)
CODE_SPAN = re.compile(r"(?<![\[`])`([\w.]+)`(?![\]`])")
AS_IN_KERAS = ("GRU", "GRUCell", "EarlyStopping")  # names that in prose may mean Keras's own


def source(name):
    """The file of a module of the package."""
    path = ROOT / PACKAGE / name
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def offered(module=""):
    """What the package, or a module of it, has in `__all__`, or else its public definitions."""
    body = ast.parse(source(module).read_text(encoding="utf-8")).body
    for node in body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "__all__":
            return ast.literal_eval(node.value)
    defined = [n.name for n in body if isinstance(n, (ast.ClassDef, ast.FunctionDef))]
    return [name for name in defined if not name.startswith("_")]


def page_of(module):
    return f"api/{module}.md"


def page(module):
    """The Markdown of a module's page: what it is, then its names in their order, constants last."""
    lines = [
        f"# {PACKAGE}.{module}",
        f"::: {PACKAGE}.{module}\n    options:\n      members: false\n      show_root_heading: false\n"
        "      show_root_toc_entry: false",
        *(f"::: {PACKAGE}.{module}.{name}" for name in sorted(offered(module), key=str.isupper)),
    ]
    return "\n\n".join(lines)


def targets():
    """Names that prose may use for parts of the library, each with what it is called in full."""
    found = {}
    for module in offered():
        for name in offered(module):
            full = f"{PACKAGE}.{module}.{name}"
            found[full] = full
            if name not in AS_IN_KERAS:
                found[name] = full
    return found


def with_references(markdown, name=None):
    """Returns Markdown in which names of the library, written as code, lead to their place here.

    Args:
        markdown: The text.
        name: What the text is about, which leads nowhere.
    """
    names = targets()

    def link(match):
        full = names.get(match[1])
        return f"[{match[0]}][{full}]" if full and full != name else match[0]

    parts = FENCED.split(markdown)  # what is not fenced, a fenced block, its fence, what is not, ...
    return "".join(
        CODE_SPAN.sub(link, part) if index % 3 == 0 else part
        for index, part in enumerate(parts)
        if index % 3 < 2
    )
