"""Arguments of the API's functions, checked: each error is one line with the name, what was received and expected."""

import math
import operator
from typing import Any

from speech_autoencoder.errors import InputError


def number(name: str, value: Any, kind: type, *, is_positive: bool = True) -> Any:
    """Return a number as this type, int or float; None as it is.

    Raises
    ------
    InputError
        If it is none, is not finite, or should be above zero and is not.
    """
    if value is None:
        return None
    try:
        if isinstance(value, bool | str | bytes):
            raise TypeError
        result = operator.index(value) if kind is int else float(value)
    except (TypeError, ValueError, OverflowError):
        result = math.nan
    if not (math.isfinite(result) and (result > 0 or not is_positive)):
        what = "a whole number" if kind is int else "a number"
        raise InputError(f"{name} is {value!r}: expected {what}{' above zero' if is_positive else ''}.")
    return result
