"""The one error that is meant for users."""


class InputError(ValueError):
    """An error that the user can correct: one line with what is wrong, what was received and what to do next.

    The scripts and commands print it to stderr, without a traceback, and exit with status 2. Any other exception is a
    bug.
    """
