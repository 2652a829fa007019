"""A pitch tracker: F0 every 10 ms, after Boersma (1993)."""

import numpy as np
import scipy.fft

from speech_autoencoder.audio.resampling import resample

_SR = 16_000
_HOP_S = 0.010
_LOWEST_HZ = 65.0
_HIGHEST_HZ = 500.0
_PERIODS = 3  # of the lowest pitch in a window
# The weights are those of Praat.
_SILENCE = 0.03  # a frame below this share of the loudest sample is hardly voiced
_VOICING = 0.45  # a peak of the autocorrelation below this is unvoiced
_OCTAVE = 0.01  # how much a higher pitch is preferred, per octave
_JUMP = 0.35  # what a jump costs, per octave
_CHANGE = 0.14  # what a change between voiced and unvoiced costs
_N_CANDIDATES = 5  # of a frame, beside "unvoiced"
_FRAMES_AT_ONCE = 512  # bounds the memory


def track(waveform: np.ndarray, sr: int) -> np.ndarray:
    """Return F0 every 10 ms.

    The candidates of each frame are the peaks of the autocorrelation of its window, divided by that of the window
    function (Boersma, 1993, equations 9 and 10); the path through them is the one with the best sum of strengths less
    the costs of its jumps (Viterbi).

    Parameters
    ----------
    waveform
        The waveform (n_samples,).
    sr
        Its sample rate in Hz.

    Returns
    -------
    np.ndarray
        F0 in Hz, 65 to 500, and 0 where there is no voice, (n_frames,).
    """
    waveform = resample(waveform.astype(np.float64), sr, _SR)
    size, hop = round(_PERIODS * _SR / _LOWEST_HZ), round(_HOP_S * _SR)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(waveform, (size // 2, size - size // 2)), size)[::hop]
    loudest = float(np.abs(waveform).max(initial=0))
    if not loudest:
        return np.zeros(len(frames))
    parts = [
        _candidates(frames[start : start + _FRAMES_AT_ONCE], loudest)
        for start in range(0, len(frames), _FRAMES_AT_ONCE)
    ]
    return _best_path(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _candidates(frames: np.ndarray, loudest: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the F0 of the candidates of frames (n, size), 0 for unvoiced, and their strengths, (n, n_candidates)."""
    size, n = frames.shape[1], len(frames)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
    n_fft = scipy.fft.next_fast_len(size + int(_SR / _LOWEST_HZ) + 2, real=True)
    frames = frames - frames.mean(axis=1, keepdims=True)
    own = _autocorrelation(window[None], n_fft)
    correlation = _autocorrelation(frames * window, n_fft)
    lags = np.arange(int(_SR / _HIGHEST_HZ), int(_SR / _LOWEST_HZ) + 2)
    power = np.maximum(correlation[:, :1], 1e-12 * loudest**2)
    values = correlation[:, lags[0] - 1 : lags[-1] + 2] / power / (own / own[0, 0])[:, lags[0] - 1 : lags[-1] + 2]
    before, here, after = values[:, :-2], values[:, 1:-1], values[:, 2:]
    # The top of the parabola through three values lies between them.
    bend = np.minimum(before - 2 * here + after, -1e-9)
    shift = np.clip((before - after) / (2 * bend), -0.5, 0.5)
    top = here - (before - after) * shift / 4
    is_peak = (here >= before) & (here > after) & (top > 0)
    strength = np.where(is_peak, np.minimum(top, 1) - _OCTAVE * np.log2(_LOWEST_HZ * lags / _SR), -np.inf)
    best = np.argpartition(-strength, _N_CANDIDATES, axis=1)[:, :_N_CANDIDATES]
    pitch_hz, score = np.zeros((n, 1 + _N_CANDIDATES)), np.empty((n, 1 + _N_CANDIDATES))
    pitch_hz[:, 1:] = _SR / np.take_along_axis(lags + shift, best, 1)
    score[:, 1:] = np.take_along_axis(strength, best, 1)
    level = np.abs(frames).max(axis=1) / loudest
    score[:, 0] = _VOICING + np.maximum(0, 2 - level * (1 + _VOICING) / _SILENCE)
    return pitch_hz, score


def _autocorrelation(frames: np.ndarray, n_fft: int) -> np.ndarray:
    """Return the autocorrelation of each row."""
    return scipy.fft.irfft(np.abs(scipy.fft.rfft(frames, n_fft, axis=1)) ** 2, n_fft, axis=1)


def _best_path(pitch_hz: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return the F0 of each frame on the path with the highest score, less the costs of its jumps."""
    octaves = np.log2(np.where(pitch_hz > 0, pitch_hz, 1))
    voiced = np.arange(pitch_hz.shape[1]) > 0
    change = _CHANGE * (voiced[:, None] != voiced[None])
    both = voiced[:, None] & voiced[None]
    total, came_from = score[0], np.zeros(pitch_hz.shape, int)
    columns = np.arange(pitch_hz.shape[1])
    for i in range(1, len(pitch_hz)):
        jump = _JUMP * np.abs(octaves[i - 1][:, None] - octaves[i][None]) * both + change
        reached = total[:, None] - jump
        came_from[i] = reached.argmax(axis=0)
        total = reached[came_from[i], columns] + score[i]
    state, path = int(total.argmax()), np.empty(len(pitch_hz))
    for i in range(len(pitch_hz) - 1, -1, -1):
        path[i] = pitch_hz[i, state]
        state = came_from[i, state]
    return path
