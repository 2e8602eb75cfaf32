"""Converts settings in a run's `config.json` back to the recipe's dataclass."""

import dataclasses
import typing

from recipe_kit.runs.errors import RunError


def read_settings(values, settings_class, path):
    """Makes a recipe's settings from the content of JSON.

    Args:
        values: Names to values.
        settings_class: The recipe's dataclass.
        path: Their file, for messages.

    Raises:
        RunError: if they do not fit, as they are of another version of the recipe.
    """
    fields = {f.name: f for f in dataclasses.fields(settings_class)}

    def read(name, value):
        if isinstance(value, list) and name in fields and isinstance(fields[name].default, tuple):
            return tuple(value)
        infinite = value in ("NaN", "Infinity", "-Infinity") and name in fields
        return float(value) if infinite and not _is_of(value, fields[name].type) else value

    try:
        settings = settings_class(**{name: read(name, value) for name, value in values.items()})
    except (TypeError, AttributeError) as error:
        raise RunError(
            f"The settings in {path} are of another version of this recipe ({error})."
        ) from None
    for field in fields.values():
        value = getattr(settings, field.name)
        if not _is_of(value, field.type):
            expected = getattr(field.type, "__name__", str(field.type))
            raise RunError(
                f"The settings in {path} have {field.name}={value!r}, and a value of "
                f"type {expected} was expected."
            )
    return settings


def _is_of(value, annotation):
    if typing.get_origin(annotation) is tuple:
        return isinstance(value, tuple)
    # In Python, True is an int; here it is not.
    return isinstance(value, annotation) and (isinstance(value, bool) == (annotation is bool))
