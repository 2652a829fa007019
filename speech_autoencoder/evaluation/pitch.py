"""The pitch of voices: a tracker of F0, and pure functions (reference, estimate, sr) -> number of how it differs."""

from dataclasses import dataclass

import numpy as np
import scipy.fft

from speech_autoencoder.audio.recordings import resample
from speech_autoencoder.evaluation.metrics import require_same_shape

# Boersma (1993), with the weights that Praat has: autocorrelations of windows of three of the longest periods.
_SR, _HOP_S, _LOWEST_HZ, _HIGHEST_HZ, _PERIODS = 16_000, 0.010, 65.0, 500.0, 3
_SILENCE, _VOICING, _OCTAVE, _JUMP, _CHANGE = 0.03, 0.45, 0.01, 0.35, 0.14
# How far off, as a share of F0, is a gross error.
_GROSS = 0.2
# Candidates of a frame beside "unvoiced", and frames analysed at once.
_N_CANDIDATES, _AT_ONCE = 5, 512


@dataclass(frozen=True)
class PitchErrors:
    """How two tracks differ: the median difference, in cents, of the frames voiced in both (NaN without any), and how
    many of these are gross errors; the frames voiced in one alone; all frames.
    """

    median_cents: float
    n_both: int
    n_gross: int
    n_different: int
    n_frames: int


def f0_error_cents(reference: np.ndarray, estimate: np.ndarray, sr: int) -> float:
    """The median absolute difference of F0, in cents (a semitone is 100), over frames that are voiced in both.

    Needs waveforms (n_samples,) of one length that begin together. NaN where no frame is voiced in both. It says
    nothing of frames that are an octave off, which `gross_pitch_error` counts, nor of those in which the voice was
    lost, which `voicing_error` does, and is of little use for whispers, choirs and noise.
    """
    return _compare(reference, estimate, sr).median_cents


def gross_pitch_error(reference: np.ndarray, estimate: np.ndarray, sr: int) -> float:
    """The share of frames voiced in both whose F0 is off by more than a fifth: GPE (Chu and Alwan, 2009).

    NaN where no frame is voiced in both. Most are octaves; it cannot tell one of the voice from one of the tracker.
    """
    errors = _compare(reference, estimate, sr)
    return errors.n_gross / errors.n_both if errors.n_both else float("nan")


def voicing_error(reference: np.ndarray, estimate: np.ndarray, sr: int) -> float:
    """The share of frames that are voiced in one of the two and not in the other, 0 to 1 (VDE).

    Needs waveforms (n_samples,) of one length that begin together. Frames of silence count, and agree: much silence
    makes it small. It cannot tell a hoarse voice from a lost one.
    """
    errors = _compare(reference, estimate, sr)
    return errors.n_different / errors.n_frames


def f0_frame_error(reference: np.ndarray, estimate: np.ndarray, sr: int) -> float:
    """The share of all frames with a gross pitch error or a voicing error: FFE (Chu and Alwan, 2009)."""
    errors = _compare(reference, estimate, sr)
    return (errors.n_gross + errors.n_different) / errors.n_frames


def _compare(reference, estimate, sr):
    """The PitchErrors of two waveforms of one length."""
    require_same_shape(reference, estimate)
    return compare_tracks(track(reference, sr), track(estimate, sr))


def compare_tracks(reference: np.ndarray, estimate: np.ndarray) -> PitchErrors:
    """The PitchErrors of two tracks (n_frames,), 0 where there is no voice."""
    both = (reference > 0) & (estimate > 0)
    ratios = estimate[both] / reference[both]
    return PitchErrors(
        median_cents=float(np.median(np.abs(1_200 * np.log2(ratios)))) if len(ratios) else float("nan"),
        n_both=len(ratios),
        n_gross=int((np.abs(ratios - 1) > _GROSS).sum()),
        n_different=int(((reference > 0) != (estimate > 0)).sum()),
        n_frames=len(both),
    )


def track(waveform: np.ndarray, sr: int) -> np.ndarray:
    """F0 in Hz every 10 ms, 0 where there is no voice, shape (n_frames,).

    Peaks of the autocorrelation from 65 to 500 Hz, and the path through them that jumps least.
    """
    waveform = resample(waveform.astype(np.float64), sr, _SR)
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
