"""Exact arithmetic with integers."""

from typing import Any


def ceil_div(dividend: Any, divisor: Any) -> Any:
    """Return the quotient of integers, or of arrays of them, rounded up: exact at any size, unlike floats.

    Examples
    --------
    >>> ceil_div(7, 2)
    4
    """
    return -(-dividend // divisor)
