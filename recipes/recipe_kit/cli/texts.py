"""What a recipe says of how it reads a text."""


def text_notes(info):
    """Lines on a text of which something was left out, by a limit, whoever set it, or by its reader.

    Args:
        info: Of `recipe_kit.datasets.load_text`.
    """
    notes = list(info.get("notes", ()))
    if "whole_characters" in info:
        notes.append(
            f"Of {info['name']} the first {info['characters']:,} of {info['whole_characters']:,} "
            "characters are used: --limit none takes all."
        )
    return notes
