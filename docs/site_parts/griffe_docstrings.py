"""An extension of griffe for mkdocstrings: converts the library's docstrings to Markdown."""

import sys
from pathlib import Path

import griffe

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from site_parts import api, docstrings, pages
from site_parts.repository import ROOT


class Markdown(griffe.Extension):
    """Converts each docstring to Markdown, and adds a link to the source."""

    def on_object(self, *, obj, **kwargs):
        if obj.docstring:
            text = docstrings.to_markdown(obj.docstring.value)
            text = api.with_references(text, public_name(obj))
            obj.docstring.value = f"{text}\n\n{source_link(obj)}"


def public_name(obj):
    """Returns an object's public name: `rnn_kit.layers.GRU`, wherever it is defined."""
    parts = obj.path.split(".")
    return ".".join([*parts[:2], obj.name])


def source_link(obj):
    """Returns a link from a page in api/ to the source line where an object begins."""
    path = Path(obj.filepath).resolve().relative_to(ROOT).as_posix()
    page = pages.relative("api/page.md", pages.source_of(path))
    line = 1 if obj.is_module else obj.lineno
    return f"[`{path}`]({page}#__codelineno-0-{line}){{ .source }}"
