"""Vocabularies on disk: JSON, whole or not at all."""

import json
import os
from pathlib import Path

from rnn_kit.text.errors import TextError
from rnn_kit.text.reading import read_bytes


def save_json(path, content):
    """Writes JSON aside and renames it, so that a file is never left half-written."""
    path = Path(path)
    aside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(aside, "w", encoding="ascii", newline="\n") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def load_vocabulary(cls, path, form, fields):
    """A vocabulary from the JSON that its `save` wrote.

    Args:
        cls: The vocabulary's class.
        path: The file.
        form: What the file's "format" must be.
        fields: Names of the class's arguments to their types in JSON.

    Raises:
        TextError: if the file is missing, cannot be read, is cut short, or holds no such vocabulary.
    """
    path, name = Path(path), cls.__name__
    if not os.path.isfile(path):
        what = "a folder" if os.path.isdir(path) else "missing"
        raise TextError(f"{path} is {what}: expected the file of a vocabulary that {name}.save wrote")
    try:
        content = json.loads(read_bytes(path))
    except ValueError as error:
        if isinstance(error, TextError):
            raise
        raise TextError(
            f"{path} is cut short or damaged: expected a vocabulary in JSON ({error})"
        ) from None
    if (
        not isinstance(content, dict)
        or content.get("format") != form
        or any(type(content.get(field)) is not kind for field, kind in fields.items())
    ):
        *first, last = [f'"format": "{form}"', *(f'"{field}"' for field in fields)]
        raise TextError(
            f"{path} is not a vocabulary: expected JSON with {', '.join(first)} and {last}, as "
            f"{name}.save writes it"
        )
    try:
        return cls(**{field: content[field] for field in fields})
    except TextError as error:
        raise TextError(f"{path} is not a usable vocabulary: {error}") from None
