"""The one error of this package."""


class RunError(Exception):
    """A run's folder, checkpoint or result that cannot be used: one line for the user."""
