"""The short-time Fourier transform and its inverse."""

import numpy as np
import pytest
import scipy.signal

from speech_autoencoder.audio.stft import istft, stft
from tests.helpers.common import make_speech


@pytest.mark.parametrize(("n_fft", "hop_length"), [(1_024, 512), (1_024, 256), (256, 64), (704, 176)])
def test_stft_istft_round_trip(n_fft, hop_length):
    waveform = make_speech(22_050, 22_050)[: n_fft + 20 * hop_length]
    back = istft(stft(waveform, n_fft, hop_length), n_fft, hop_length)
    assert len(back) == len(waveform)
    # The first and last hop have one window only, which vanishes towards the end.
    inside = slice(hop_length, -hop_length)
    assert np.abs(back - waveform)[inside].max() < 1e-6
    assert np.abs(back).max() <= np.abs(waveform).max() + 1e-6


def test_stft_equals_scipy():
    waveform = make_speech(5_000, 8_000)
    _, _, expected = scipy.signal.stft(waveform, nperseg=256, noverlap=192, boundary=None, padded=False)
    window_sum = scipy.signal.get_window("hann", 256).sum()  # scipy divides by it
    assert stft(waveform, 256, 64) == pytest.approx(expected.T * window_sum, abs=1e-5)
