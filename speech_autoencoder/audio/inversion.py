"""Normalised log-mel -> waveform without a network: magnitudes from mel, then phases that fit them."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np

from speech_autoencoder.audio.between import in_time_order, with_between
from speech_autoencoder.audio.griffin_lim import fade_length, griffin_lim
from speech_autoencoder.audio.log_mel import denormalise, scaled_filters
from speech_autoencoder.audio.resampling import fit_length
from speech_autoencoder.config import FeatureConfig, InversionConfig

# Rounds of `fit_to_mel` for the first magnitudes; with fewer, tones lose level.
FITTING_ROUNDS = 10
# The least frames of a segment, and of the overlap of two.
_LEAST_SEGMENT = 16
_LEAST_OVERLAP = 8


def invert(normalised: np.ndarray, config: FeatureConfig, inversion: InversionConfig, n_samples: int) -> np.ndarray:
    """Return the waveform of a normalised log-mel, cut or padded to n_samples, float32; see `invert_stream`."""
    return fit_length(np.concatenate(list(invert_stream([normalised], config, inversion))), n_samples)


def invert_stream(
    chunks: Iterable[np.ndarray], config: FeatureConfig, inversion: InversionConfig
) -> Iterator[np.ndarray]:
    """Yield the waveform of a normalised log-mel that arrives in chunks.

    Inverts overlapping segments, so that memory does not grow with the recording; each continues the sound of the one
    before.

    Parameters
    ----------
    chunks : iterable of np.ndarray, each (n_mels, k), or (2 * n_mels, k) with the frames between
        In [0, 1]. Frames between that are needed and not there are interpolated.

    Yields
    ------
    np.ndarray, (n_samples,) float32
        Sample 0 is the centre of the first frame; the blocks together reach the centre of the last one.
    """
    hop, half, fade = config.hop_length, config.n_fft // 2, fade_length(config.n_fft)
    segment = max(_LEAST_SEGMENT, round(inversion.segment_s * config.frame_rate))
    overlap = max(_LEAST_OVERLAP, config.n_fft // hop, round(inversion.overlap_s * config.frame_rate))
    pending = np.empty((0, 0), np.float32)
    known: np.ndarray | None = None  # the sound so far, from half a window before the segment's first frame
    for chunk in chunks:
        pending = np.concatenate([pending, chunk], axis=1) if pending.size else chunk
        while pending.shape[1] >= segment + overlap:
            waveform = _invert_segment(pending[:, :segment], config, inversion, known)
            # The second half of the overlap has no context after it yet: the next segment inverts it again.
            end = half + (segment - overlap // 2) * hop
            yield waveform[half if known is None else len(known) - fade : end - fade]
            known = waveform[(segment - overlap) * hop : end]
            pending = pending[:, segment - overlap :]
    if pending.shape[1]:
        waveform = _invert_segment(pending, config, inversion, known)
        yield waveform[half if known is None else len(known) - fade : len(waveform) - half]


def _invert_segment(
    normalised: np.ndarray, config: FeatureConfig, inversion: InversionConfig, known: np.ndarray | None
) -> np.ndarray:
    """Return the waveform from half a window before the first frame's centre to half a window after the last's."""
    if config.lacks_between:
        # Without the frame after the last one.
        normalised, config = in_time_order(with_between(normalised, config), config)[:, :-1], config.finer
    mel = np.ascontiguousarray(denormalise(normalised, config).T)
    magnitude = mel_to_magnitude(mel, config)

    def fit(size: np.ndarray) -> np.ndarray:
        return fit_to_mel(size, mel, config)

    rounds, momentum = inversion.griffin_lim_rounds, inversion.momentum
    return griffin_lim(magnitude, config.hop_length, rounds, momentum, known, fit)


def mel_to_magnitude(mel: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Return linear magnitudes (n_frames, n_bins), none negative, whose mel is near the given (n_frames, n_mels)."""
    _, inverse, _ = _mel_solver(config)
    magnitude = np.maximum(mel @ inverse, 0)
    for _ in range(FITTING_ROUNDS):
        magnitude = fit_to_mel(magnitude, mel, config)
    return magnitude


def fit_to_mel(magnitude: np.ndarray, mel: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Return magnitudes with each bin made louder or quieter towards a mel.

    One step of the iteration of Richardson (1972) and Lucy (1974), which keeps what the mel does not determine: the
    pattern of bins within a filter. What lies below floor_db hardly counts.

    Parameters
    ----------
    magnitude : np.ndarray, (n_frames, n_bins)
    mel : np.ndarray, (n_frames, n_mels)

    Returns
    -------
    np.ndarray, (n_frames, n_bins)
    """
    filters, _, shares = _mel_solver(config)
    floor = np.float32(10 ** (config.floor_db / 20))
    return magnitude * (((mel + floor) / (magnitude @ filters + floor)) @ shares)


@lru_cache(maxsize=4)
def _mel_solver(config: FeatureConfig) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the filters (n_bins, n_mels), their pseudo-inverse, and the share (n_mels, n_bins) of each in its bins."""
    filters = scaled_filters(config)
    total = filters.sum(axis=1)
    return filters, np.linalg.pinv(filters), (filters / np.where(total > 0, total, 1)[:, None]).T
