"""Normalised log-mel -> waveform, with no network: a magnitude and a phase that fit each other, and the mel."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

import numpy as np
import scipy.fft
from scipy.linalg import solve_banded

from speech_autoencoder.audio.log_mel import denormalise, hann, scaled_filters
from speech_autoencoder.audio.recordings import fit_length
from speech_autoencoder.config import FeatureConfig, InversionConfig

_TINY = 1e-12
# The share of a window over which sound that is known fades into what continues it: at its end they fit only nearly.
_FADE = 4
# The bins on either side that follow a peak: half as many again as a Hann window's main lobe has in all. Where a
# spectrum is smoother, as a network's output of noise is, locking more would make a click of it (docs/decisions.md).
_FOLLOWING = 6
# Rounds that magnitudes are fitted for at first; with less, tones lose level.
_FITTING_ROUNDS = 10
# Rounds that the magnitudes are kept for as they are: before, a sound's own are those of phases that do not fit yet.
_SETTLING_ROUNDS = 3


def stft(waveform: np.ndarray, n_fft: int, hop_length: int) -> np.ndarray:
    """The spectrum of every full frame of a waveform, shape (n_frames, n_bins), complex64; nothing is padded."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, n_fft)[::hop_length]
    # Of float32, scipy is half as fast again as numpy.
    return scipy.fft.rfft(frames * hann(n_fft), axis=-1)


def istft(spectrum: np.ndarray, n_fft: int, hop_length: int) -> np.ndarray:
    """The waveform whose `stft` is nearest to spectrum in the least squares sense, shape (n_fft + (n - 1) hop,).

    Griffin and Lim (1984), equation 6: windowed overlap-add divided by the overlapping squared windows. Samples
    that no window reaches are zero. hop_length must divide n_fft.
    """
    n_frames, overlap = len(spectrum), n_fft // hop_length
    frames = scipy.fft.irfft(spectrum, n=n_fft, axis=-1)
    frames *= hann(n_fft)
    total = _overlap_add(frames.reshape(n_frames, overlap, hop_length))
    # What the windows add up to differs at the first and last samples alone.
    n_edge = min(n_frames, overlap)
    squared = (hann(n_fft) ** 2).reshape(overlap, hop_length)
    weight = _overlap_add(np.broadcast_to(squared, (n_edge, overlap, hop_length)))
    rows = np.arange(len(total))
    # Where they all but vanish dividing would only amplify rounding.
    weight = np.where(weight > 1e-3, weight, np.float32(np.inf))
    total /= weight[np.maximum(np.minimum(rows, n_edge - 1), rows - (n_frames - n_edge))]
    return total.ravel()


def _overlap_add(frames):
    """The sum (n_frames + overlap - 1, hop_length) of frames (n_frames, overlap, hop_length), each a hop later."""
    n_frames, overlap, hop_length = frames.shape
    total = np.zeros((n_frames + overlap - 1, hop_length), np.float32)
    for part in range(overlap):
        total[part : part + n_frames] += frames[:, part]
    return total


@lru_cache(maxsize=4)
def _mel_solver(config: FeatureConfig) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Filters (n_bins, n_mels) from STFT magnitude to mel, their pseudo-inverse, and the share of each in its bins."""
    filters = scaled_filters(config)
    total = filters.sum(axis=1)
    return filters, np.linalg.pinv(filters), (filters / np.where(total > 0, total, 1)[:, None]).T


def mel_to_magnitude(mel: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Linear magnitudes, shape (n_frames, n_bins), whose mel is near mel (n_frames, n_mels), none negative."""
    magnitude = np.maximum(mel @ _mel_solver(config)[1], 0)
    for _ in range(_FITTING_ROUNDS):
        magnitude = fit_to_mel(magnitude, mel, config)
    return magnitude


def fit_to_mel(magnitude: np.ndarray, mel: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """The magnitudes (n_frames, n_bins) with each bin made louder or quieter as its mel (n_frames, n_mels) asks for.

    One step of Richardson (1972) and Lucy's (1974) iteration, which keeps what mel does not tell: the pattern of bins
    within a filter. What lies below the floor of log-mel hardly counts.
    """
    filters, _, shares = _mel_solver(config)
    floor = np.float32(10 ** (config.floor_db / 20))
    return magnitude * (((mel + floor) / (magnitude @ filters + floor)) @ shares)


def interpolate_frames(magnitude: np.ndarray, times: int) -> np.ndarray:
    """Magnitudes (n_frames, n_bins) -> ((n_frames - 1) * times + 1, n_bins), by cubic splines of their roots.

    Splines of the square root scored best of linear, root, square, log and their cubic kin (docs/decisions.md).
    """
    if times == 1 or len(magnitude) < 2:
        return magnitude
    roots = np.sqrt(magnitude)
    first, last, slopes = roots[:-1], roots[1:], _spline_slopes(roots)
    between = np.empty((len(first), times, roots.shape[1]), np.float32)
    for number in range(times):
        # Hermite's polynomials: the weights of a curve's ends, and of its slopes there.
        end = (share := number / times) ** 2 * (3 - 2 * share)
        rise, fall = share * (1 - share) ** 2, share**2 * (1 - share)
        between[:, number] = (1 - end) * first + end * last + rise * slopes[:-1] - fall * slopes[1:]
    roots = np.concatenate([between.reshape(-1, roots.shape[1]), roots[-1:]])
    return np.maximum(roots, 0) ** 2


def _spline_slopes(values):
    """The slopes at values (n, k), one apart, of their cubic spline with not-a-knot ends (de Boor, 1978, chapter IV).

    As of scipy's CubicSpline, which loads much that is not needed here.
    """
    n = len(values)
    if n < 4:  # the line, or the parabola, through them
        return np.gradient(values, axis=0, edge_order=n - 1)
    bands = np.ones((3, n), np.float32)  # above, on and below the diagonal
    bands[0, 1] = bands[2, -2] = 2
    bands[1, 1:-1] = 4
    steps = np.diff(values, axis=0)
    first, last = (5 * steps[0] + steps[1]) / 2, (5 * steps[-1] + steps[-2]) / 2
    wanted = np.concatenate([first[None], 3 * (steps[1:] + steps[:-1]), last[None]])
    return solve_banded((1, 1), bands, wanted, overwrite_b=True, check_finite=False)


def single_pass_phase(magnitude: np.ndarray, n_fft: int, hop_length: int, before=None) -> np.ndarray:
    """A first phase (radians) for magnitudes (n_frames, n_bins): each peak's sinusoid advances, its bins follow.

    Single-pass spectrogram inversion (Beauregard, Harish and Wyse, 2015): the frequency of each peak by parabolic
    interpolation, the bins around it locked to its phase, up to the valley on either side; those further away advance
    at their own frequency. Sound goes on from the phases (n_bins,) of the frame before, or begins as a chirp over a
    quarter of the window (Schroeder, 1970): from phases of 0 its first frame would be a click.
    """
    n_bins = magnitude.shape[1]
    bins = np.arange(n_bins)
    own_advance = 2 * np.pi * bins / n_fft * hop_length
    phase = np.zeros(magnitude.shape, np.float64)
    accumulated = -np.pi / 4 * bins**2 / n_bins if before is None else before
    for frame, row in enumerate(magnitude):
        peaks = np.flatnonzero((row[1:-1] > row[:-2]) & (row[1:-1] >= row[2:])) + 1
        if len(peaks):
            left, middle, right = row[peaks - 1], row[peaks], row[peaks + 1]
            offset = 0.5 * (left - right) / np.minimum(left - 2 * middle + right, -_TINY)
            advance = 2 * np.pi * (peaks + np.clip(offset, -0.5, 0.5)) / n_fft * hop_length
            owner = np.searchsorted((peaks[1:] + peaks[:-1]) / 2, bins)
            distance = bins - peaks[owner]
            # Neighbouring bins of a stationary sinusoid under a centred window differ by pi.
            locked = (accumulated[peaks] + advance)[owner] + np.pi * (distance % 2)
            accumulated = np.where(np.abs(distance) > _FOLLOWING, accumulated + own_advance, locked)
        phase[frame] = accumulated
    return phase


def griffin_lim(
    magnitude: np.ndarray,
    hop_length: int,
    rounds: int,
    momentum: float,
    known: np.ndarray | None = None,
    fit: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """A waveform of n_fft + (n_frames - 1) hop samples whose STFT magnitudes are near magnitude (n_frames, n_bins).

    Fast Griffin-Lim (Perraudin, Balazs and Søndergaard, 2013) from single-pass phases. The waveform is kept within full
    scale in every round, so that phases are found with which it fits: clipped afterwards, a loud one would lose level.
    Where `known` gives the first samples, what follows continues them: their phases are where the others begin, and
    they are put back in every round. With `fit`, magnitudes are no more than where it begins: after some rounds, each
    round asks for fit(those that the waveform has).
    """
    n_fft = 2 * (magnitude.shape[1] - 1)
    if known is None:
        phase = single_pass_phase(magnitude, n_fft, hop_length)
    else:
        given = np.angle(stft(known, n_fft, hop_length))
        rest = single_pass_phase(magnitude[len(given) :], n_fft, hop_length, given[-1])
        phase = np.concatenate([given, rest])
    spectrum = (magnitude * np.exp(1j * phase)).astype(np.complex64)
    previous = np.zeros_like(spectrum)
    for number in range(rounds):
        waveform = _as_written(istft(spectrum, n_fft, hop_length), known, n_fft // _FADE)
        consistent = stft(waveform, n_fft, hop_length)
        if fit and number >= _SETTLING_ROUNDS:
            magnitude = fit(_size(consistent))
        # In place, and divided as real numbers: half of the time of what one would write.
        np.subtract(consistent, previous, out=spectrum)
        spectrum *= np.float32(momentum)
        spectrum += consistent
        size = _size(spectrum)
        spectrum *= np.divide(magnitude, np.maximum(size, np.float32(_TINY), out=size), out=size)
        previous = consistent
    return _as_written(istft(spectrum, n_fft, hop_length), known, n_fft // _FADE)


def _size(spectrum):
    """The magnitudes of a complex spectrum: some times quicker than numpy's, which minds numbers near overflow."""
    size = np.square(spectrum.real) + np.square(spectrum.imag)
    return np.sqrt(size, out=size)


def _as_written(waveform: np.ndarray, known: np.ndarray | None, fade: int) -> np.ndarray:
    """The waveform within full scale, its first samples replaced by the known ones, the last of which fade."""
    waveform = np.clip(waveform, -1, 1)
    if known is not None:
        share = np.minimum(1, np.arange(len(known), 0, -1, dtype=np.float32) / fade)
        waveform[: len(known)] += share * (known - waveform[: len(known)])
    return waveform


def invert_stream(
    chunks: Iterable[np.ndarray], config: FeatureConfig, inversion: InversionConfig
) -> Iterator[np.ndarray]:
    """Blocks of the waveform (n_samples,) whose normalised log-mel (n_mels, n_frames) arrives in chunks.

    Works on segments that overlap, so that memory does not grow with the recording; each continues the sound of
    the one before. Sample 0 is the centre of the first frame. All blocks together reach the centre of the last.
    """
    hop, half, fade = config.hop_length, config.n_fft // 2, config.n_fft // _FADE
    segment = max(16, round(inversion.segment_s * config.frame_rate))
    overlap = max(8, config.n_fft // hop, round(inversion.overlap_s * config.frame_rate))
    pending = np.empty((config.n_mels, 0), np.float32)
    known = None  # the sound already made, from half a window before the segment's first frame
    for chunk in chunks:
        pending = np.concatenate([pending, chunk], axis=1)
        while pending.shape[1] >= segment + overlap:
            waveform = _invert_segment(pending[:, :segment], config, inversion, known)
            # The last half of the overlap has no right context yet: the next segment makes it anew.
            end = half + (segment - overlap // 2) * hop
            yield waveform[half if known is None else len(known) - fade : end - fade]
            known = waveform[(segment - overlap) * hop : end]
            pending = pending[:, segment - overlap :]
    if pending.shape[1]:
        waveform = _invert_segment(pending, config, inversion, known)
        yield waveform[half if known is None else len(known) - fade : len(waveform) - half]


def _invert_segment(normalised, config, inversion, known):
    """The waveform from half a window before the first frame's centre to half a window after the last's."""
    mel = np.ascontiguousarray(denormalise(normalised, config).T)
    times = inversion.time_oversampling if config.n_fft // config.hop_length == 2 else 1
    magnitude = interpolate_frames(mel_to_magnitude(mel, config), times)

    def fit(size):
        # Of the frames between frames no mel is known: half-way between what they are and what they began as.
        fitted = np.sqrt(size * magnitude) if times > 1 else np.empty_like(size)
        fitted[::times] = fit_to_mel(size[::times], mel, config)
        return fitted

    hop_length = config.hop_length // times
    return griffin_lim(magnitude, hop_length, inversion.griffin_lim_rounds, inversion.momentum, known, fit)


def invert(normalised: np.ndarray, config: FeatureConfig, inversion: InversionConfig, n_samples: int) -> np.ndarray:
    """The waveform (n_samples,) of normalised log-mel (n_mels, n_frames), float32."""
    return fit_length(np.concatenate(list(invert_stream([normalised], config, inversion))), n_samples)
