"""Extreme corpora: reconstructions keep their level, and comparisons find clicks."""

import numpy as np
import pytest

from robustness import extremes
from robustness.extremes import Comparison


def test_train_and_reconstruct_extremes_do_not_overflow_and_keep_their_level(tmp_path):
    """All in one corpus, as a training takes seconds; python -m robustness.extremes has a corpus of each."""
    names = ("constant", "silent", "an offset of half of full scale", "one sample", "one clip")
    mixed = dict(next(iter(extremes.corpora()[name].items())) for name in names)
    found = {each.name: each for each in extremes.train_and_reconstruct(mixed, tmp_path)}
    assert set(found) == set(mixed)
    assert max(each.peak for each in found.values()) <= 1
    assert {name for name, each in found.items() if each.level_db is None} == {"constant", "silent", "one sample"}
    assert all(abs(each.level_db) <= 1 for each in found.values() if each.level_db is not None)
    assert max(found["constant"].peak, found["silent"].peak) < 1e-3


def test_compare_click_and_bad_samples_are_found():
    t = np.arange(8_000) / 8_000
    reference = 0.2 * np.sin(2 * np.pi * 200 * t)
    assert extremes.compare("", reference, reference) == Comparison("", pytest.approx(0.2), pytest.approx(0), 0.0)
    clicking = reference.copy()
    clicking[4_000] += 0.6
    assert extremes.compare("", reference, clicking).click == pytest.approx(0.4, abs=0.01)
    with pytest.raises(ArithmeticError, match="not finite"):
        extremes.compare("", reference, reference * np.nan)
