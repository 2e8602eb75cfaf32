"""A page for each recipe: its docstring, its pictures, and its whole source."""

import ast
import re

from site_parts import docstrings, pages, sources
from site_parts.repository import ROOT

ABOUT = "---\nhide:\n  - toc\n---\n\n"  # files and tables need the room


def names():
    """Returns the recipes in the order of README's table, followed by others."""
    shown = re.findall(r"\(recipes/(\w+)\.py\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    there = sorted(path.stem for path in (ROOT / "recipes").glob("*.py"))
    return [*dict.fromkeys(name for name in shown if name in there), *sorted({*there} - {*shown})]


def pictures(name):
    """Returns the pictures of README.md and docs/results.md that a recipe drew: (text, file) pairs.

    A picture's file records the run, or the files of the ledger, that it was drawn from.
    """
    texts = [(ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "docs/results.md")]
    shown = re.findall(r"!\[([^\]]+)\]\((?:docs/)?([\w-]+\.png)\)", "\n".join(texts))
    drawn = re.compile(rb'"recipe": "%s"|"ledger": \["%s-' % (name.encode(), name.encode()))
    return [(text, file) for text, file in shown if drawn.search((ROOT / "docs" / file).read_bytes())]


def page(name):
    """Returns the Markdown of a recipe's page."""
    here = pages.page_of(f"recipes/{name}.py")
    text = (ROOT / f"recipes/{name}.py").read_text(encoding="utf-8")
    module = ast.parse(text)
    about = docstrings.to_markdown(ast.get_docstring(module) or "")
    drawn = "".join(f"![{text}](../{file})\n\n" for text, file in pictures(name))
    seen = (
        f"## Pictures\n\nWhat they show is told in [Results](../results.md).\n\n{drawn}"
        if drawn
        else ""
    )
    parts = f"recipes/parts/{name}"
    beside = ""
    if (ROOT / parts).is_dir():
        link = pages.relative(here, pages.source_of(parts))
        beside = f" What stands beside the lecture's path is in [`{parts}/`]({link})."
    kit = pages.relative(here, pages.source_of("recipes/recipe_kit"))
    first = module.body[0].end_lineno + 1 if ast.get_docstring(module) else 1
    while not text.split("\n")[first - 1].strip():
        first += 1
    return (
        f"{ABOUT}# {name}\n\n{about}\n\n{seen}## The file\n\n"
        f"`recipes/{name}.py`, below its docstring.{beside} "
        f"What all recipes share is in [`recipes/recipe_kit/`]({kit}).\n\n{sources.code(text, first)}"
    )


def section(heading):
    """Returns a section of README.md, without its heading."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)
    if not found:
        raise pages.LinkError(f"README.md has no section {heading!r}, which the site shows on a page")
    return found[1]


def overview(heading, page):
    """Returns a page with README's section of that heading."""
    return ABOUT + pages.rewritten(f"# {heading}\n\n{section(heading)}", "README.md", page)
