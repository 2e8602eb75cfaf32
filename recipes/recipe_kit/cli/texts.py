"""Notes on how a recipe reads a text."""


def text_notes(info):
    """Returns lines on what was left out of a text, by a limit or by its reader.

    Args:
        info: From `recipe_kit.datasets.load_text`.
    """
    notes = list(info.get("notes", ()))
    if "whole_characters" in info:
        notes.append(
            f"Of {info['name']} the first {info['characters']:,} of {info['whole_characters']:,} "
            "characters are used: --limit none takes all."
        )
    return notes
