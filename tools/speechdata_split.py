"""Which clips go to testing: near copies and takes that sound nearly the same stay on one side."""

import hashlib
from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy import fft, signal

from tools.speechdata_clips import SAMPLE_RATE, VOICES, Clip

TESTING_SHARE = 0.2  # of each language and kind
# Copies made with other trimming, gain and a second coding score 0.67 to 1 (median 0.99); the clips of
# these packages score at most 0.42 with each other.
WAVEFORM_THRESHOLD = 0.5
# Above this, two takes are the same word said the same way, or words as close as "b" and "d".
LOG_MEL_THRESHOLD = 0.85


@dataclass(frozen=True)
class Split:
    """The sides of clips, and why: (n,) the group and whether it is in testing, (n, n) the similarities."""

    groups: list[int]
    in_testing: np.ndarray
    waveform_similarity: np.ndarray
    log_mel_similarity: np.ndarray


def split_clips(clips: list[Clip]) -> Split:
    """Return the Split of the clips: groups of similar ones, each on one side."""
    waveform_similarity, log_mel_similarity = similarity_matrices(clips)
    alike = (waveform_similarity >= WAVEFORM_THRESHOLD) | (log_mel_similarity >= LOG_MEL_THRESHOLD)
    groups = connected_components(alike)
    return Split(groups, choose_testing(clips, groups), waveform_similarity, log_mel_similarity)


def choose_testing(clips: list[Clip], groups: list[int]) -> np.ndarray:
    """Return which clips are for testing, as a boolean array (n,).

    Whole groups are taken, in the order of a hash of their first clip's name, as long as no
    language and kind gets more than its share. Groups of one clip fill what larger ones leave.
    """
    room = {cell: round(TESTING_SHARE * n) for cell, n in Counter(clip.cell for clip in clips).items()}
    in_testing = np.zeros(len(clips), dtype=bool)
    order = sorted(set(groups), key=lambda group: hashlib.sha256(clips[group].name.encode()).hexdigest())
    for group in order:
        members = [index for index, other in enumerate(groups) if other == group]
        needed = Counter(clips[index].cell for index in members)
        if all(count <= room[cell] for cell, count in needed.items()):
            in_testing[members] = True
            for cell, count in needed.items():
                room[cell] -= count
    return in_testing


def connected_components(alike: np.ndarray) -> list[int]:
    """Return the index of the first clip of each clip's group; alike (n, n) says which pairs belong together."""
    groups = np.arange(len(alike))
    for first, second in zip(*np.nonzero(np.triu(alike)), strict=True):
        low, high = sorted((groups[first], groups[second]))
        groups[groups == high] = low
    return groups.tolist()


def similarity_matrices(clips: list[Clip]) -> tuple[np.ndarray, np.ndarray]:
    """Return how alike two clips of one voice are, by waveform and by log-mel spectrogram: two (n, n) arrays.

    Clips of different voices get 0: they cannot be copies of one take.
    """
    waveform_similarity = np.zeros((len(clips), len(clips)), dtype=np.float32)
    log_mel_similarity = np.zeros_like(waveform_similarity)
    for voice in sorted(set(VOICES.values())):
        indices = [index for index, clip in enumerate(clips) if clip.voice == voice]
        waveforms = [_pre_emphasise(_trim(clips[index].samples)) for index in indices]
        pairs = np.ix_(indices, indices)
        waveform_similarity[pairs] = peak_cross_correlation([waveform[None] for waveform in waveforms])
        log_mel_similarity[pairs] = peak_cross_correlation([_log_mel(waveform) for waveform in waveforms])
    return waveform_similarity, log_mel_similarity


def peak_cross_correlation(features: list[np.ndarray]) -> np.ndarray:
    """Return the largest normalised cross-correlation over all lags, for every pair of (channels, time) arrays.

    The sign does not count: a copy with inverted polarity is a copy. The diagonal is 0.
    """
    size = fft.next_fast_len(2 * max(feature.shape[1] for feature in features), real=True)
    spectra = np.stack([fft.rfft(feature, size, axis=1) for feature in features])
    norms = np.array([np.linalg.norm(feature) for feature in features])
    similarity = np.zeros((len(features), len(features)), dtype=np.float32)
    for index in range(len(features) - 1):
        cross_spectra = (spectra[index + 1 :] * spectra[index].conj()).sum(axis=1)
        peaks = np.abs(fft.irfft(cross_spectra, size, axis=1)).max(axis=1)
        similarity[index, index + 1 :] = peaks / (norms[index] * norms[index + 1 :])
    return similarity + similarity.T


def _trim(samples: np.ndarray, *, frame: int = 160, threshold_db: float = -40.0) -> np.ndarray:
    """Cut off the frames at both ends that are far below the loudest frame."""
    samples = samples.astype(np.float32)
    energy = (samples[: len(samples) // frame * frame].reshape(-1, frame) ** 2).mean(axis=1)
    loud = np.flatnonzero(energy > energy.max() * 10 ** (threshold_db / 10))
    return samples[loud[0] * frame : (loud[-1] + 1) * frame]


def _pre_emphasise(waveform: np.ndarray) -> np.ndarray:
    # Without it the fundamental dominates, and two different vowels of one pitch correlate up to 0.8.
    return signal.lfilter([1, -0.97], [1], waveform).astype(np.float32)


def _log_mel(
    waveform: np.ndarray, *, n_fft: int = 512, hop_length: int = 80, n_mels: int = 40, floor_db: float = -50.0
) -> np.ndarray:
    """Return the log-mel spectrogram (n_mels, n_frames) less its mean, so that gain does not count."""
    padded = np.pad(waveform, n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    power = np.abs(fft.rfft(frames * np.hanning(n_fft).astype(np.float32))) ** 2
    mel = _mel_filters(n_fft=n_fft, n_mels=n_mels) @ power.T
    log = np.log(np.maximum(mel, mel.max() * 10 ** (floor_db / 10)))
    return (log - log.mean()).astype(np.float32)


def _mel_filters(*, n_fft: int, n_mels: int) -> np.ndarray:
    """Return triangular filters, equally spaced in mel: (n_mels, n_fft // 2 + 1)."""
    highest_mel = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, highest_mel, n_mels + 2) / 2595) - 1)
    frequencies = np.arange(n_fft // 2 + 1) * SAMPLE_RATE / n_fft
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (frequencies - low) / (centre - low)
    falling = (high - frequencies) / (high - centre)
    return np.maximum(0, np.minimum(rising, falling))
