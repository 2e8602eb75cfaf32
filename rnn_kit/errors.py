"""The errors that may end a training."""


class CheckpointError(ValueError):
    """Checkpoints cannot be written, read or used; the message is one line for the user."""


class DivergedError(ArithmeticError):
    """The loss is no finite number; the message is one line for the user."""
