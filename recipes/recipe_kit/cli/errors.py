"""The one error of this package."""


class UserError(Exception):
    """A request of the user that cannot be met: one line, and exit code 2."""
