"""Words that depend on numbers."""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1.

    Examples
    --------
    >>> counted(1, "recording"), counted(2_000, "recording")
    ('1 recording', '2,000 recordings')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
