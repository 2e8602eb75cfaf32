"""Nietzsche in English translation: the text of Keras's character-level generation example."""

from recipe_kit.datasets._files import find_or_fetch
from rnn_kit.text import read_text

URL = "https://s3.amazonaws.com/text-datasets/nietzsche.txt"
SHA256 = "23cf69874ab69d3d256099ab530ea4be24d47d9675b673bcc67cbcd6298ec647"


def load(lower=False):
    """Loads the Nietzsche text: 600,893 characters, 84 of them distinct.

    Args:
        lower: Whether to put it into lower case, as the lectures' example does, which leaves 57
            distinct characters.

    Returns:
        A `str`.

    Raises:
        DataError: If the file is not on this machine and cannot be downloaded.
    """
    path = find_or_fetch("The Nietzsche text", "nietzsche.txt", SHA256, URL, "nietzsche")
    text = read_text(path)
    return text.lower() if lower else text
