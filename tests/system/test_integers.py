"""Exact arithmetic with integers."""

from fractions import Fraction
from math import ceil

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from speech_autoencoder.system.integers import ceil_div


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**20))
def test_ceil_div_is_exact_at_any_size(dividend, divisor):
    assert ceil_div(dividend, divisor) == ceil(Fraction(dividend, divisor))


def test_ceil_div_arrays_are_divided_element_by_element():
    assert ceil_div(np.array([0, 1, 8, 9]), 4).tolist() == [0, 1, 2, 3]
    assert ceil_div(8, np.array([1, 3])).tolist() == [8, 3]
