"""Normalised log-mel -> waveform without a network: magnitudes from mel, then phases that fit them."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from scipy.linalg import solve_banded

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
    """Return the waveform of a normalised log-mel (n_mels, n_frames), cut or padded to n_samples, float32."""
    return fit_length(np.concatenate(list(invert_stream([normalised], config, inversion))), n_samples)


def invert_stream(
    chunks: Iterable[np.ndarray], config: FeatureConfig, inversion: InversionConfig
) -> Iterator[np.ndarray]:
    """Yield the waveform of a normalised log-mel that arrives in chunks.

    Inverts overlapping segments, so that memory does not grow with the recording; each continues the sound of the one
    before.

    Parameters
    ----------
    chunks : iterable of np.ndarray, each (n_mels, n_frames)
        In [0, 1].

    Yields
    ------
    np.ndarray, (n_samples,) float32
        Sample 0 is the centre of the first frame; the blocks together reach the centre of the last one.
    """
    hop, half, fade = config.hop_length, config.n_fft // 2, fade_length(config.n_fft)
    segment = max(_LEAST_SEGMENT, round(inversion.segment_s * config.frame_rate))
    overlap = max(_LEAST_OVERLAP, config.n_fft // hop, round(inversion.overlap_s * config.frame_rate))
    pending = np.empty((config.n_mels, 0), np.float32)
    known: np.ndarray | None = None  # the sound so far, from half a window before the segment's first frame
    for chunk in chunks:
        pending = np.concatenate([pending, chunk], axis=1)
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
    mel = np.ascontiguousarray(denormalise(normalised, config).T)
    times = inversion.time_oversampling if config.n_fft // config.hop_length == 2 else 1
    magnitude = interpolate_frames(mel_to_magnitude(mel, config), times)

    def fit(size: np.ndarray) -> np.ndarray:
        # Interpolated frames have no mel to fit: the geometric mean of what they are and what they began as.
        fitted = np.sqrt(size * magnitude) if times > 1 else np.empty_like(size)
        fitted[::times] = fit_to_mel(size[::times], mel, config)
        return fitted

    hop_length = config.hop_length // times
    return griffin_lim(magnitude, hop_length, inversion.griffin_lim_rounds, inversion.momentum, known, fit)


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


def interpolate_frames(magnitude: np.ndarray, times: int) -> np.ndarray:
    """Return magnitudes with interpolated frames between the given ones: cubic splines of their square roots.

    These scored best of linear and cubic interpolation of magnitude, root, square and log (docs/experiments.md).

    From (n_frames, n_bins) to ((n_frames - 1) * times + 1, n_bins).
    """
    if times == 1 or len(magnitude) < 2:
        return magnitude
    roots = np.sqrt(magnitude)
    first, last, slopes = roots[:-1], roots[1:], _spline_slopes(roots)
    between = np.empty((len(first), times, roots.shape[1]), np.float32)
    for number in range(times):
        # Hermite's polynomials: the weights of the values at the ends of a piece, and of the slopes there.
        end = (share := number / times) ** 2 * (3 - 2 * share)
        rise, fall = share * (1 - share) ** 2, share**2 * (1 - share)
        between[:, number] = (1 - end) * first + end * last + rise * slopes[:-1] - fall * slopes[1:]
    roots = np.concatenate([between.reshape(-1, roots.shape[1]), roots[-1:]])
    return np.maximum(roots, 0) ** 2


def _spline_slopes(values: np.ndarray) -> np.ndarray:
    """Return the slopes of the cubic spline through values (n, k), one apart, with not-a-knot ends.

    De Boor (1978), chapter IV; as scipy's CubicSpline, which loads much that is not needed here.
    """
    n = len(values)
    if n < 4:  # the line or the parabola through them
        return np.gradient(values, axis=0, edge_order=n - 1)  # type: ignore[call-overload]
    bands = np.ones((3, n), np.float32)  # above, on and below the diagonal
    bands[0, 1] = bands[2, -2] = 2
    bands[1, 1:-1] = 4
    steps = np.diff(values, axis=0)
    first, last = (5 * steps[0] + steps[1]) / 2, (5 * steps[-1] + steps[-2]) / 2
    wanted = np.concatenate([first[None], 3 * (steps[1:] + steps[:-1]), last[None]])
    return solve_banded((1, 1), bands, wanted, overwrite_b=True, check_finite=False)
