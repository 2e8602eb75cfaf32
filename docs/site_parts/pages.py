"""Maps files of the repository to pages of the site, and rewrites links between them."""

import posixpath
import re

from site_parts import api
from site_parts.repository import ROOT

HOME, CHINESE, DATA_SETS = "index.md", "zh.md", "data_sets.md"
OF_FILES = {"README.md": HOME, "README.zh.md": CHINESE, "data/README.md": DATA_SETS}
WITH_SOURCE = (api.PACKAGE, "recipes")  # folders

MARKDOWN_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
NAMED_BY_PATH = re.compile(r"\[([\w./]+\.md)\](?=\(\1\))")  # [docs/data.md](docs/data.md)
HTML_LINK = re.compile(r'((?:src|href)=")([^"]+)(")')
ELSEWHERE = re.compile(r"[a-z][a-z+.-]*:|#|//")


class LinkError(Exception):
    """A link to a file that has no place in the site."""


def page_of(path):
    """Returns the page, as a path below docs/, that shows a file or folder of the repository.

    Args:
        path: Relative to the repository, with `/` between its parts.

    Raises:
        LinkError: if no page shows it.
    """
    folder, _, name = path.rpartition("/")
    stem, suffix = posixpath.splitext(name)
    if path in OF_FILES:
        return OF_FILES[path]
    if (folder == "recipes" and suffix == ".py") or (folder == "notebooks" and suffix == ".ipynb"):
        return f"{folder}/{stem}.md"
    if path.startswith("docs/") and suffix in (".md", ".png"):
        return path.removeprefix("docs/")
    if folder == api.PACKAGE and stem in api.offered():
        return api.page_of(stem)
    return source_of(path)


def source_of(path):
    """Returns the page, as a path below docs/, of a source file or of a folder of source files.

    Raises:
        LinkError: if there is none.
    """
    suffix = posixpath.splitext(path)[1]
    if path.split("/")[0] not in WITH_SOURCE or not (ROOT / path).exists():
        raise LinkError(f"{path} has no page in the site")
    if suffix == ".json":
        return f"source/{path}"
    return f"source/{path.removesuffix('.py')}.md" if suffix else f"source/{path}/index.md"


def relative(page, target):
    """Returns a link from one page to another, both below docs/."""
    return posixpath.relpath(target, posixpath.dirname(page) or ".")


def address(page):
    """Returns a page's address in the browser: `api/layers.html` for `api/layers.md`."""
    return re.sub(r"\.md$", ".html", page)


def rewritten(markdown, path, page):
    """Returns a file's Markdown with links that are valid on its page.

    Markdown links lead to pages' sources, which MkDocs checks and converts to addresses; HTML links
    (`<img src=...>`), which it does not change, lead to addresses. The title of a page replaces its
    path as a link's text.

    Args:
        markdown: The text.
        path: The text's file in the repository.
        page: The page for it.

    Raises:
        LinkError: if a link's target has no page.
    """

    def replace(match, finish):
        before, link, after = match.groups()
        if ELSEWHERE.match(link):
            return match[0]
        file, mark, fragment = link.partition("#")
        file = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
        try:
            target = page_of(file)
        except LinkError as error:
            raise LinkError(f"{path} links to {link}: {error}") from None
        return f"{before}{finish(relative(page, target))}{mark}{fragment}{after}"

    def title(match):
        file = ROOT / posixpath.dirname(path) / match[1]
        if not file.exists():
            return match[0]
        return f"[{file.read_text(encoding='utf-8').split(chr(10), 1)[0].lstrip('# ')}]"

    markdown = NAMED_BY_PATH.sub(title, markdown)
    markdown = MARKDOWN_LINK.sub(lambda match: replace(match, str), markdown)
    return HTML_LINK.sub(lambda match: replace(match, address), markdown)
