"""Labels every character of a text, Python source or prose, with properties that a cell may follow.

A position's label holds after its character has been read: an opening quotation mark is inside the
quotation, the closing one is not.
"""

import re
from dataclasses import dataclass

import numpy as np

BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
INDENTATION = 4  # columns a level

_STRING = re.compile(r"[rRbBuUfFtT]{0,2}('''|\"\"\"|'|\")")
_IF = re.compile(r"(?:el)?if\b")


@dataclass(frozen=True)
class Property:
    """A property of every position of a text.

    Attributes:
        name: The name, in words.
        values: `(T,)`: bool for a binary property, numbers for a counted one.
    """

    name: str
    values: np.ndarray

    @property
    def is_binary(self):
        return self.values.dtype == bool

    @property
    def measure(self):
        return "AUC" if self.is_binary else "r"

    def cut(self, start, stop):
        return Property(self.name, self.values[start:stop])


def python_properties(text):
    """Returns the properties of Python source.

    Quotes, brackets and comments follow the lexical rules of the language; the body of an `if` or
    `elif` extends from the line below it to the next statement that is indented no deeper. (`else` is
    left out: loops and `try` have it too.)
    """
    size = len(text)
    quoted, commented = np.zeros(size, bool), np.zeros(size, bool)
    depth = np.zeros(size, "int32")
    statements = []  # starts of logical lines
    at = level = 0
    begins = True  # whether the next visible character starts a logical line
    while at < size:
        character = text[at]
        string = _STRING.match(text, at) if _starts_word(text, at) else None
        if begins and not character.isspace() and character != "#":
            statements.append(at)
            begins = False
        if character == "#":
            end = text.find("\n", at)
            end = size if end < 0 else end
            commented[at:end] = True
        elif string:
            end, is_closed = _end_of_string(text, string)
            quoted[string.start(1) : end - is_closed] = True
        else:
            level = max(0, level + BRACKETS.get(character, 0))
            continued = at > 0 and text[at - 1] == "\\"
            begins = begins or (character == "\n" and level == 0 and not continued)
            end = at + 1
        depth[at:end] = level
        at = end
    indentation, position = _lines(text)
    return [
        Property("inside quotes", quoted),
        Property("inside a comment", commented),
        Property("inside brackets", depth > 0),
        Property("inside an if body", _in_if(text, statements)),
        Property("bracket depth", depth),
        Property("indentation depth", indentation),
        Property("position in line", position),
    ]


def prose_properties(text):
    """Returns properties of prose: double quotes (which end with their paragraph), brackets, lines."""
    quoted, depth = np.zeros(len(text), bool), np.zeros(len(text), "int32")
    inside, level = False, 0
    for at, character in enumerate(text):
        if character in '"“”':
            inside = {"“": True, "”": False}.get(character, not inside)
        elif character == "\n" and text[at - 1 : at] == "\n":
            inside, level = False, 0
        level = max(0, level + BRACKETS.get(character, 0))
        quoted[at], depth[at] = inside, level
    indentation, position = _lines(text)
    return [
        Property("inside quotes", quoted),
        Property("inside brackets", depth > 0),
        Property("bracket depth", depth),
        Property("indentation depth", indentation),
        Property("position in line", position),
    ]


def _starts_word(text, at):
    """Returns whether a string, with its prefix, may begin here: in `bar"` the r is no prefix."""
    return text[at] in "'\"" or not (at and (text[at - 1].isalnum() or text[at - 1] == "_"))


def _end_of_string(text, opening):
    """Returns where a string ends, and whether by closing quotes (not by the line's or text's end)."""
    mark, at = opening[1], opening.end()
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text.startswith(mark, at):
            return at + len(mark), True
        elif text[at] == "\n" and len(mark) == 1:
            return at, False
        else:
            at += 1
    return len(text), False


def _lines(text):
    """Returns levels of indentation read so far in each line, and characters since its beginning."""
    indentation, position = np.zeros(len(text), "float32"), np.zeros(len(text), "int32")
    at = 0
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        here = slice(at, at + len(line))
        blanks = len(line) - len(line.lstrip(" "))
        indentation[here] = np.minimum(np.arange(1, len(line) + 1), blanks) / INDENTATION
        position[here] = np.arange(1, len(line) + 1)
        if line.endswith("\n"):
            position[at + len(line) - 1] = 0
        at += len(line)
    return indentation, position


def _in_if(text, statements):
    """Returns whether each position is in the body of an `if`, given the starts of logical lines."""
    inside = np.zeros(len(text), bool)
    stack = []  # (indentation, whether an if) of the enclosing statements
    starts = [text.rfind("\n", 0, at) + 1 for at in statements]
    for at, start, end in zip(statements, starts, [*starts, len(text)][1:], strict=True):
        while stack and stack[-1][0] >= at - start:
            stack.pop()
        inside[start:end] = any(is_if for _, is_if in stack)
        stack.append((at - start, _IF.match(text, at) is not None))
    return inside
