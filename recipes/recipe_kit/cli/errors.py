"""The one error of this package."""


class UserError(Exception):
    """Something the user asked for that cannot be done: one line, and exit code 2."""
