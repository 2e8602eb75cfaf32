"""What a training may end with, apart from its end."""


class CheckpointError(ValueError):
    """Checkpoints that cannot be written, read or used; the message is one line for the user."""


class DivergedError(ArithmeticError):
    """A loss that is no finite number: one line for the user."""
