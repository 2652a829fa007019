"""Delays of codecs are found and removed."""

import numpy as np
import pytest

from speech_autoencoder.evaluation.codecs.alignment import delay_of, without_delay
from tests.helpers.common import make_speech

SR = 8_000


@pytest.mark.parametrize("delay", [-77, 0, 1, 240, 700])
def test_delay_of_a_shifted_signal_is_its_shift(delay):
    originals = [np.pad(make_speech(2 * SR + 40 * i, SR, i), 200) for i in range(3)]
    late = [np.pad(x, (max(delay, 0), 0))[max(-delay, 0) :] for x in originals]
    assert delay_of(originals, late, SR) == delay
    for original, shifted in zip(originals, late, strict=True):
        back = without_delay(shifted, delay, len(original))
        assert len(back) == len(original)
        assert np.array_equal(back[max(-delay, 0) :], original[max(-delay, 0) :])


def test_delay_of_does_not_need_the_phase():
    """Noise as loud as speech in every band, as a codec might replace speech by."""
    speech = make_speech(4 * SR, SR)
    loudness = np.convolve(np.abs(speech), np.ones(80) / 80, "same")
    noise = [np.random.default_rng(seed).standard_normal(len(speech)) * loudness for seed in range(8)]
    late = [np.pad(x, (200, 0)) for x in noise]
    assert delay_of([speech] * 8, late, SR) == pytest.approx(200, abs=16)
