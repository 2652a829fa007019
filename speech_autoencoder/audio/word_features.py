"""What a word recogniser is given of a waveform: the log-mel of its first second, at a fixed level."""

import numpy as np

from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.config import FeatureConfig

# A frame every 16 ms; the range of levels is that of waveforms at _LEVEL.
FEATURES = FeatureConfig("recogniser", 8_000, 256, 128, n_mels=40, n_frames=63, floor_db=-70.0, ceiling_db=10.0)
# The part of a recording that is used.
_LONGEST_S = 1.0
# The RMS to which every waveform is brought.
_LEVEL = 0.05


def word_features(waveform: np.ndarray, *, sr: int) -> np.ndarray:
    """Return the padded log-mel (n_mels, n_frames, 1) in [0, 1] of a waveform's first second, at a fixed level."""
    waveform = resample(waveform, sr, FEATURES.sr)
    waveform = waveform[: round(_LONGEST_S * FEATURES.sr)].astype(np.float32)
    power = float(np.mean(waveform.astype(np.float64) ** 2)) if len(waveform) else 0.0
    if power > 0:
        waveform = waveform * np.float32(_LEVEL / np.sqrt(power))
    frames = log_mel(waveform, FEATURES)[:, : FEATURES.n_frames]
    return np.pad(frames, ((0, 0), (0, FEATURES.n_frames - frames.shape[1])))[..., None]
