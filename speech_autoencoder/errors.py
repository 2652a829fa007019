"""The one error that is meant for users."""


class InputError(Exception):
    """What is wrong, what was received and what to do next, in one line that needs no traceback.

    The scripts print it on stderr and end with exit status 2. Every other exception is a bug of ours.
    """
