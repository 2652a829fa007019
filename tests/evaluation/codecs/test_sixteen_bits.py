"""Samples of 16 bits."""

import numpy as np
import pytest

from speech_autoencoder.evaluation.codecs.sixteen_bits import from_raw, to_raw
from tests.helpers.common import make_speech


def test_from_raw_gives_samples_back_and_to_raw_clips_them():
    waveform = from_raw(to_raw(make_speech(999, 8_000)))
    assert np.array_equal(from_raw(to_raw(waveform)), waveform)
    assert from_raw(to_raw(np.array([-2.0, 2.0]))) == pytest.approx([-1, 1], abs=1e-4)
