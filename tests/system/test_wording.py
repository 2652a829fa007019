"""Words that agree with their numbers."""

import pytest

from speech_autoencoder.system.wording import counted


@pytest.mark.parametrize(("count", "expected"), [(0, "0 clips"), (1, "1 clip"), (2_000, "2,000 clips")])
def test_counted_number_agrees_with_the_noun(count, expected):
    assert counted(count, "clip") == expected
