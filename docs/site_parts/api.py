"""The reference of `rnn_kit`: a page for each of its modules, made of docstrings by mkdocstrings.

Nothing is imported: what a module offers is what its source says in `__all__`.
"""

import ast

from site_parts.repository import ROOT

PACKAGE = "rnn_kit"
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
    """The Markdown of a module's page."""
    lines = [
        f"# {PACKAGE}.{module}",
        f"::: {PACKAGE}.{module}\n    options:\n      members: false\n      show_root_heading: false\n"
        "      show_root_toc_entry: false",
        *(f"::: {PACKAGE}.{module}.{name}" for name in offered(module)),
    ]
    return "\n\n".join(lines)


def targets():
    """Names that prose may use for parts of the library, each with what it is called in full."""
    found = {}
    for module in offered():
        found[f"{PACKAGE}.{module}"] = found[module] = f"{PACKAGE}.{module}"
        for name in offered(module):
            full = f"{PACKAGE}.{module}.{name}"
            found[full] = full
            if name not in AS_IN_KERAS:
                found[name] = full
    return found
