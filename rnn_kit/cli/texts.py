"""What a recipe says of how it reads a text."""


def limit_note(info):
    """A line on a text of which a limit left something out, whoever set it; or `None`.

    Args:
        info: Of `rnn_kit.datasets.load_text`.
    """
    if "whole_characters" not in info:
        return None
    return (
        f"Of {info['name']} the first {info['characters']:,} of {info['whole_characters']:,} "
        "characters are used: --limit none takes all."
    )
