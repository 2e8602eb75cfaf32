"""Hooks of `make site` for MkDocs: pages made of files outside docs/, and links to them.

MkDocs calls these by name (`hooks` in mkdocs.yml).
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from site_parts import api, formulas, notebooks, pages, recipes, sources
from site_parts.repository import ROOT

WAYS_IN = """\
[Notebooks](notebooks/index.md){ .md-button .md-button--primary }
[Recipes](recipes/index.md){ .md-button }
[What the slides say, measured](lectures.md){ .md-button }
[The library](library.md){ .md-button }
"""
DOCS = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
FROM = {pages.page_of(path): path for path in (*pages.OF_FILES, *DOCS)}  # page -> file
HAN = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"  # Chinese characters and punctuation


def on_config(config):
    config.nav = navigation()
    return config


def navigation():
    """Returns the whole navigation; new files in recipes/, notebooks/ or rnn_kit are included."""
    return [
        {"Home": pages.HOME},
        {"Recipes": ["recipes/index.md", *({n: f"recipes/{n}.md"} for n in recipes.names())]},
        {"Notebooks": ["notebooks/index.md", *(f"notebooks/{n}.md" for n in notebooks.names())]},
        {"Lectures": "lectures.md"},
        {"Results": "results.md"},
        {"Speed": "speed.md"},
        {"Library": ["library.md", *({m: api.page_of(m)} for m in sorted(api.offered()))]},
        {"Data": ["data.md", {"Data sets": pages.DATA_SETS}]},
        {"Devices": "devices.md"},
        {"Contributing": "contributing.md"},
        {"中文": pages.CHINESE},
    ]


def on_files(files, config):
    for page, content in made():
        files.append(File.generated(config, page, content=content))
    return files


def made():
    """Yields each page and file that is not in docs/, and its text or bytes."""
    for path, page in pages.OF_FILES.items():
        yield page, (ROOT / path).read_text(encoding="utf-8")
    for heading in ("Recipes", "Notebooks"):
        page = f"{heading.lower()}/index.md"
        yield page, recipes.overview(heading, page)
    for name in recipes.names():
        yield pages.page_of(f"recipes/{name}.py"), recipes.page(name)
    for name in notebooks.names():
        markdown, pictures = notebooks.page(name)
        yield pages.page_of(f"notebooks/{name}.ipynb"), markdown
        yield f"notebooks/{name}.ipynb", (ROOT / f"notebooks/{name}.ipynb").read_bytes()
        yield from pictures.items()
    for module in api.offered():
        yield api.page_of(module), api.page(module)
    yield from sources.all_pages()
    yield from formulas.fonts()


def on_page_markdown(markdown, page, config, files):
    path = FROM.get(page.file.src_uri)
    if not path:
        return markdown
    try:
        markdown = pages.rewritten(markdown, path, page.file.src_uri)
    except pages.LinkError as error:
        raise PluginError(str(error)) from None
    if not page.parent:  # its list of pages would be only itself
        page.meta.setdefault("hide", ["navigation"])
    if page.file.src_uri == pages.CHINESE:  # a line break is no space in Chinese
        markdown = re.sub(rf"(?<={HAN})\n(?={HAN})", "", markdown)
    if page.file.src_uri == pages.HOME:  # the links go above the first picture or section
        return re.sub(r"^(?=!\[|<img|## )", f"{WAYS_IN}\n", markdown, count=1, flags=re.MULTILINE)
    return api.with_references(markdown)


def on_page_content(html, page, config, files):
    return formulas.rendered(html)


def on_post_page(output, page, config):
    if page.file.src_uri == pages.CHINESE:
        return output.replace('<html lang="en"', '<html lang="zh"', 1)
    return output
