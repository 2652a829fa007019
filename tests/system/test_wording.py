"""Words that agree with their numbers."""

import pytest

from speech_autoencoder.system.wording import counted, duration


@pytest.mark.parametrize(("count", "expected"), [(0, "0 clips"), (1, "1 clip"), (2_000, "2,000 clips")])
def test_counted_number_agrees_with_the_noun(count, expected):
    assert counted(count, "clip") == expected


def test_duration_takes_the_unit_that_suits_it():
    assert [duration(seconds) for seconds in (0, 0.464, 7.8, 12, 119.4, 120, 606, 7_200, 4e6)] == (
        ["0 s", "0.46 s", "7.8 s", "12 s", "119.4 s", "2.0 minutes", "10.1 minutes", "2.0 hours", "1,111.1 hours"]
    )
