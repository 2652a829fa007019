"""Magnitude -> waveform: a first phase in a single pass, then Fast Griffin-Lim."""

from collections.abc import Callable

import numpy as np

from speech_autoencoder.audio.stft import istft, stft

# Avoids divisions by zero.
_TINY = 1e-12
# The bins on either side that follow a peak: 1.5 times the main lobe of a Hann window. If more were locked to their
# peak, a smooth spectrum, such as a network gives for noise, would become a click (docs/experiments.md).
FOLLOWING_BINS = 6
# Rounds before magnitudes are fitted: those of the first rounds belong to phases that are not consistent yet.
SETTLING_ROUNDS = 3
# Known sound fades into its continuation over 1 / _FADE of a window: at its end the two differ a little.
_FADE = 4


def fade_length(n_fft: int) -> int:
    """Return the samples over which known sound fades into its continuation."""
    return n_fft // _FADE


def single_pass_phase(
    magnitude: np.ndarray, n_fft: int, hop_length: int, before: np.ndarray | None = None
) -> np.ndarray:
    """Return a first phase for magnitudes: the sinusoid of each peak advances, and the bins around it follow.

    Single-pass spectrogram inversion (Beauregard, Harish and Wyse, 2015): the frequency of each peak by parabolic
    interpolation, the bins around it locked to its phase, up to the valley on either side; those further away advance
    at their own frequency.

    Parameters
    ----------
    magnitude : np.ndarray, (n_frames, n_bins)
    n_fft, hop_length : int
        Samples.
    before : np.ndarray, (n_bins,), optional
        The phases of the preceding frame. Without them, sound begins as a chirp over a quarter of the window
        (Schroeder, 1970): from phases of 0 its first frame would be a click.

    Returns
    -------
    np.ndarray, (n_frames, n_bins) float64
        Radians.
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
            accumulated = np.where(np.abs(distance) > FOLLOWING_BINS, accumulated + own_advance, locked)
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
    """Return a waveform whose STFT magnitudes are near the given ones.

    Fast Griffin-Lim (Perraudin, Balazs and Søndergaard, 2013) from single-pass phases. The waveform is clipped to
    full scale in every round, so that the phases fit it: clipped only at the end, a loud one would lose level.

    Parameters
    ----------
    magnitude : np.ndarray, (n_frames, n_bins)
    hop_length : int
        Samples.
    rounds, momentum
        The count of iterations, and how far each goes beyond its result: `InversionConfig` has the defaults.
    known : np.ndarray, (n_known,), optional
        The first samples of the waveform. Their phases come first, and the samples replace the estimate in every
        round, so that the rest continues them.
    fit : callable, optional
        Takes the magnitudes of the waveform, and returns those that the next round aims for. After the first rounds
        they replace `magnitude`, which is then only a start.

    Returns
    -------
    np.ndarray, (n_fft + (n_frames - 1) * hop_length,) float32
        In [-1, 1].
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
        waveform = _as_written(istft(spectrum, n_fft, hop_length), known, fade_length(n_fft))
        consistent = stft(waveform, n_fft, hop_length)
        if fit and number >= SETTLING_ROUNDS:
            magnitude = fit(_magnitude(consistent))
        # In place, and divided as real numbers: takes half the time of the plain expression.
        np.subtract(consistent, previous, out=spectrum)
        spectrum *= np.float32(momentum)
        spectrum += consistent
        size = _magnitude(spectrum)
        spectrum *= np.divide(magnitude, np.maximum(size, np.float32(_TINY), out=size), out=size)
        previous = consistent
    return _as_written(istft(spectrum, n_fft, hop_length), known, fade_length(n_fft))


def _magnitude(spectrum: np.ndarray) -> np.ndarray:
    """Return the magnitudes of a complex spectrum; np.abs takes several times as long, as it guards from overflow."""
    size = np.square(spectrum.real) + np.square(spectrum.imag)
    return np.sqrt(size, out=size)


def _as_written(waveform: np.ndarray, known: np.ndarray | None, fade: int) -> np.ndarray:
    """Return the waveform clipped to full scale; the known samples replace its first ones and fade at their end."""
    waveform = np.clip(waveform, -1, 1)
    if known is not None:
        share = np.minimum(1, np.arange(len(known), 0, -1, dtype=np.float32) / fade)
        waveform[: len(known)] += share * (known - waveform[: len(known)])
    return waveform
