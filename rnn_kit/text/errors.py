"""The error of this package."""


class TextError(ValueError):
    """A text, a vocabulary or a split that cannot be used; the message is one line for the user."""
