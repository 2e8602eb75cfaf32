"""Tiny Shakespeare: 40,000 lines of the plays, the text of Karpathy's char-rnn."""

from recipe_kit.datasets._files import find_or_fetch
from rnn_kit.text import read_text

URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"


def load():
    """Loads the tiny Shakespeare text: 1,115,394 characters, 65 of them distinct.

    Returns:
        A `str`.

    Raises:
        DataError: If the file is not on this machine and cannot be downloaded.
    """
    path = find_or_fetch(
        "Tiny Shakespeare",
        "tinyshakespeare_input.txt",
        SHA256,
        URL,
        "charlm",
        keras_filename="shakespeare.txt",  # the name in TensorFlow's text generation tutorial
    )
    return read_text(path)
