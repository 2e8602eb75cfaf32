"""Converts docstrings of this project to Markdown.

They are plain text in Google's order: paragraphs, equations and commands indented by four, and sections
(`Args:`, `Weights, in this order:`, ...) whose content is indented. Sections become headings with lists
of their items, indented text a block that keeps its columns, an example a block of Python.
"""

import re
import textwrap

# Headings of sections on the page that differ from the docstring's.
HEADINGS = {"Args": "Arguments"}
OF_ITEMS = ("Args", "Attributes", "Call arguments", "Raises", "Weights")
NAME = r"\*{0,2}[\w.]+"
ITEM = re.compile(rf"({NAME}(?:(?:, | \.\.\. | and ){NAME})*):\s+(.*)")


def to_markdown(docstring):
    """Returns the Markdown of a docstring that has the indentation of its first line."""
    return "\n\n".join(_blocks(docstring.strip("\n").split("\n")))


def _blocks(lines):
    """Yields the Markdown of each paragraph, section, example or indented block."""
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
        elif lines[at].startswith("    "):
            end = _end_of_indented(lines, at)
            yield _fence("text", lines[at:end])
            at = end
        else:
            end = at
            while end < len(lines) and lines[end].strip() and not lines[end].startswith("    "):
                end += 1
            paragraph = lines[at:end]
            indented = end < len(lines) and lines[end].startswith("    ")
            if indented and paragraph[-1].endswith(":"):
                last = _end_of_indented(lines, end)
                yield _section(" ".join(paragraph)[:-1], lines[end:last])
                end = last
            elif paragraph[0].startswith(">>>"):
                yield _fence("pycon", paragraph)
            elif paragraph == ["Example:"]:
                yield _heading("Example")
            else:
                yield _paragraph(paragraph)
            at = end


def _end_of_indented(lines, at):
    """Returns the index after the indented lines that begin at `at`, including blank ones between."""
    end = at
    for index in range(at, len(lines)):
        if lines[index].startswith("    "):
            end = index + 1
        elif lines[index].strip():
            break
    return end


def _paragraph(lines):
    text = "\n".join(lines)
    if not text.startswith("Source: "):
        return text
    text = text.removeprefix("Source: ")
    return f"{_heading('Source')}\n\n{text[0].upper()}{text[1:]}"


def _heading(text):
    return f"**{text}**{{ .section }}"


def _section(heading, lines):
    lines = textwrap.dedent("\n".join(lines)).split("\n")
    items = _items(lines) if heading.split(",")[0] in OF_ITEMS else None
    content = "\n".join(items) if items else "\n\n".join(_blocks(lines))
    return f"{_heading(HEADINGS.get(heading, heading))}\n\n{content}"


def _items(lines):
    """Returns the list of a section's items, `name: description`; `None` if they have another form."""
    items = []
    for line in lines:
        if line.startswith(" ") and items:
            items[-1].append(line)
        elif line.strip():
            items.append([line])
    found = [ITEM.fullmatch(_joined(item)) for item in items]
    if not all(found):
        return None
    names = [re.sub(NAME, r"`\g<0>`", match[1]).replace("`...`", "...") for match in found]
    return [f"- {name}: {match[2]}" for name, match in zip(names, found, strict=True)]


def _joined(lines):
    return " ".join(line.strip() for line in lines)


def _fence(language, lines):
    lines = textwrap.dedent("\n".join(lines)).strip("\n")
    return f"``` {language}\n{lines}\n```"
