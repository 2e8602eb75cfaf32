"""Pages that show the source: one for each Python file, and a list for each folder."""

import ast
import re

from site_parts import pages
from site_parts.repository import ROOT

ABOUT = "---\nsearch:\n  exclude: true\nhide:\n  - navigation\n  - toc\n---\n\n"


def folders():
    """Yields every folder that has a page, relative to the repository."""
    for top in pages.WITH_SOURCE:
        for path in [ROOT / top, *sorted((ROOT / top).rglob("*"))]:
            if path.is_dir() and files(path):
                yield path.relative_to(ROOT)


def files(folder):
    """Returns the entries of a folder's page: its folders, Python files and JSON files."""
    return [
        path
        for path in sorted((ROOT / folder).iterdir())
        if path.suffix in (".py", ".json") or (path.is_dir() and files(path))
    ]


def first_sentence(path):
    """Returns the first paragraph of a Python file's docstring, in one line."""
    try:
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    except SyntaxError:
        return ""
    return " ".join(text.split("\n\n")[0].split())


def title(name):
    """Returns a file's name with underscores escaped, which Markdown reads as emphasis."""
    return name.replace("_", r"\_")


def trail(page, path):
    """Returns links from a page to the folders that a file is in: `rnn_kit / layers / gru.py`."""
    parts = path.as_posix().split("/")
    names = []
    for depth in range(1, len(parts)):
        target = pages.source_of("/".join(parts[:depth]))
        names.append(f"[{title(parts[depth - 1])}]({pages.relative(page, target)})")
    return " / ".join([*names, title(parts[-1])])


def code(text, first=1, last=None):
    """Returns lines of a Python file as a code block, numbered as in the file."""
    lines = text.split("\n")[first - 1 : last]
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(4, longest + 1)
    body = "\n".join(lines).rstrip("\n")
    return f'{fence} {{ .python linenums="{first}" }}\n{body}\n{fence}\n'


def file_page(path):
    """Returns the page of a Python file."""
    page = pages.source_of(path.as_posix())
    text = (ROOT / path).read_text(encoding="utf-8")
    content = code(text) if text.strip() else "The file is empty."
    return f"{ABOUT}# {title(path.name)}\n\n{trail(page, path)}\n\n{content}"


def folder_page(path):
    """Returns the page of a folder."""
    page = pages.source_of(path.as_posix())
    rows = []
    for file in files(path):
        about = first_sentence(file) if file.suffix == ".py" else ""
        name = f"{file.name}/" if file.is_dir() else file.name
        link = pages.relative(page, pages.source_of(file.relative_to(ROOT).as_posix()))
        rows.append(f"| [`{name}`]({link}) | {about.replace('|', chr(92) + '|')} |")
    init = ROOT / path / "__init__.py"
    about = first_sentence(init) if init.exists() else ""
    table = "\n".join(["| | |", "|---|---|", *rows])
    return f"{ABOUT}# {title(path.name)}/\n\n{trail(page, path)}\n\n{about}\n\n{table}\n"


def all_pages():
    """Yields each page of the source with its Markdown, and each JSON file with its text."""
    for folder in folders():
        yield pages.source_of(folder.as_posix()), folder_page(folder)
        for file in files(folder):
            path = file.relative_to(ROOT)
            if file.suffix:
                content = file_page(path) if file.suffix == ".py" else file.read_text(encoding="utf-8")
                yield pages.source_of(path.as_posix()), content
