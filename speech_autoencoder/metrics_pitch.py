"""The pitch of voices: a tracker of F0, and pure functions (reference, estimate, sr) -> number of how it differs."""

import numpy as np
import scipy.fft
import soxr

from speech_autoencoder.metrics import require_same_shape

# Boersma (1993), with the weights that Praat has: autocorrelations of windows of three of the longest periods.
_SR, _HOP_S, _LOWEST_HZ, _HIGHEST_HZ, _PERIODS = 16_000, 0.010, 65.0, 500.0, 3
_SILENCE, _VOICING, _OCTAVE, _JUMP, _CHANGE = 0.03, 0.45, 0.01, 0.35, 0.14
# Candidates of a frame beside "unvoiced", and frames analysed at once.
_N_CANDIDATES, _AT_ONCE = 5, 512


def f0_error_cents(reference: np.ndarray, estimate: np.ndarray, sr: int) -> float:
    """The root mean square difference of F0, in cents (a semitone is 100), over frames that are voiced in both.

    Needs waveforms (n_samples,) of one length that begin together. NaN where no frame is voiced in both. An octave that
    the tracker takes wrongly counts 1,200 cents, and a few of these are most of the number. It says nothing of frames
    in which the voice was lost, which `voicing_error` counts, and is of little use for whispers, choirs and noise.
    """
    require_same_shape(reference, estimate)
    squares, n_both, _, _ = pitch_sums(track(reference, sr), track(estimate, sr))
    return float(np.sqrt(squares / n_both)) if n_both else float("nan")


def voicing_error(reference: np.ndarray, estimate: np.ndarray, sr: int) -> float:
    """The share of frames that are voiced in one of the two and not in the other, 0 to 1.

    Needs waveforms (n_samples,) of one length that begin together. Frames of silence count, and agree: much silence
    makes it small. It cannot tell a hoarse voice from a lost one.
    """
    require_same_shape(reference, estimate)
    _, _, n_different, n_frames = pitch_sums(track(reference, sr), track(estimate, sr))
    return n_different / n_frames


def pitch_sums(reference: np.ndarray, estimate: np.ndarray) -> tuple[float, int, int, int]:
    """Of two tracks: the sum of squared differences in cents^2, the frames voiced in both, in one alone, and all."""
    both = (reference > 0) & (estimate > 0)
    cents = 1_200 * np.log2(estimate[both] / reference[both])
    return float((cents**2).sum()), int(both.sum()), int(((reference > 0) != (estimate > 0)).sum()), len(both)


def track(waveform: np.ndarray, sr: int) -> np.ndarray:
    """F0 in Hz every 10 ms, 0 where there is no voice, shape (n_frames,).

    Peaks of the autocorrelation from 65 to 500 Hz, and the path through them that jumps least.
    """
    waveform = soxr.resample(waveform.astype(np.float64), sr, _SR) if sr != _SR else waveform.astype(np.float64)
    size, hop = round(_PERIODS * _SR / _LOWEST_HZ), round(_HOP_S * _SR)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(waveform, (size // 2, size - size // 2)), size)[::hop]
    loudest = float(np.abs(waveform).max(initial=0))
    if not loudest:
        return np.zeros(len(frames))
    parts = [_candidates(frames[start : start + _AT_ONCE], loudest) for start in range(0, len(frames), _AT_ONCE)]
    return _path(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _candidates(frames, loudest):
    """(F0 (n, 1 + _N_CANDIDATES), 0 for unvoiced, and how strongly each speaks for itself) of frames (n, size)."""
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
    # A parabola through three values has its top between them.
    bend = np.minimum(before - 2 * here + after, -1e-9)
    shift = np.clip((before - after) / (2 * bend), -0.5, 0.5)
    top = here - (before - after) * shift / 4
    is_peak = (here >= before) & (here > after) & (top > 0)
    strength = np.where(is_peak, np.minimum(top, 1) - _OCTAVE * np.log2(_LOWEST_HZ * lags / _SR), -np.inf)
    best = np.argpartition(-strength, _N_CANDIDATES, axis=1)[:, :_N_CANDIDATES]
    pitch, score = np.zeros((n, 1 + _N_CANDIDATES)), np.empty((n, 1 + _N_CANDIDATES))
    pitch[:, 1:] = _SR / np.take_along_axis(lags + shift, best, 1)
    score[:, 1:] = np.take_along_axis(strength, best, 1)
    level = np.abs(frames).max(axis=1) / loudest
    score[:, 0] = _VOICING + np.maximum(0, 2 - level * (1 + _VOICING) / _SILENCE)
    return pitch, score


def _autocorrelation(frames, n_fft):
    """The autocorrelation of each row."""
    return scipy.fft.irfft(np.abs(scipy.fft.rfft(frames, n_fft, axis=1)) ** 2, n_fft, axis=1)


def _path(pitch, score):
    """The F0 of each frame, on the path that speaks best for itself with few jumps."""
    octaves = np.log2(np.where(pitch > 0, pitch, 1))
    voiced = np.arange(pitch.shape[1]) > 0
    change = _CHANGE * (voiced[:, None] != voiced[None])
    both = voiced[:, None] & voiced[None]
    total, came_from = score[0], np.zeros(pitch.shape, int)
    columns = np.arange(pitch.shape[1])
    for i in range(1, len(pitch)):
        jump = _JUMP * np.abs(octaves[i - 1][:, None] - octaves[i][None]) * both + change
        reached = total[:, None] - jump
        came_from[i] = reached.argmax(axis=0)
        total = reached[came_from[i], columns] + score[i]
    state, track = int(total.argmax()), np.empty(len(pitch))
    for i in range(len(pitch) - 1, -1, -1):
        track[i] = pitch[i, state]
        state = came_from[i, state]
    return track
