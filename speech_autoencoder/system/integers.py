"""Exact arithmetic with integers."""

from typing import Any


def ceil_div(dividend: Any, divisor: Any) -> Any:
    """Return the quotient rounded up, exact at any size, as no quotient of floats is.

    Parameters
    ----------
    dividend, divisor : int or np.ndarray of int
        Arrays are divided element by element.

    Returns
    -------
    int or np.ndarray of int

    Examples
    --------
    >>> ceil_div(7, 2)
    4
    """
    return -(-dividend // divisor)
