"""What a word recogniser is given: one shape, one level."""

import numpy as np
import pytest

from speech_autoencoder.audio.word_features import FEATURES, word_features
from tests.helpers.common import make_speech

SR = 8_000


@pytest.mark.parametrize("n_samples", [0, 100, 3 * SR])
def test_word_features_of_any_length_have_one_shape(n_samples):
    waveform = make_speech(n_samples, SR) if n_samples > 100 else np.zeros(n_samples, np.float32)
    assert word_features(waveform, sr=SR).shape == (FEATURES.n_mels, FEATURES.n_frames, 1)


def test_word_features_do_not_depend_on_level():
    speech = make_speech(SR // 2, SR)
    np.testing.assert_allclose(word_features(speech * 0.01, sr=SR), word_features(speech, sr=SR), atol=1e-3)
