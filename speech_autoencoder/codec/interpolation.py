"""Sounds between two recordings: their latents aligned in time, interpolated, and decoded.

Times are interpolated as latents are: what stands halfway between two recordings lasts half as long as both together.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.fft import dct

from speech_autoencoder.audio.log_mel import denormalise, normalise
from speech_autoencoder.audio.reading import describe, read_stream
from speech_autoencoder.audio.resampling import resampled_length
from speech_autoencoder.audio.writing import write_stream
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import ignore_seconds, to_waveform
from speech_autoencoder.codec.streaming import decode_stream
from speech_autoencoder.codec.waveforms import count_latents, encode_waveform
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.system.files import printable

# Sounds are compared by the shape of their spectra, as so many cepstral coefficients, each without its mean: this is
# nearer to known alignments than latents or log-mels are (docs/experiments.md).
_N_CEPSTRA = 20
# What a step of an alignment costs in which only one sound goes on, as a share of the mean distance of two latents.
_HOLDING = 0.5
# The most latents of a sound: an alignment takes five bytes for each pair of as many as the longer one has.
_MOST_LATENTS = 5_000
# Which sounds go on in a step of an alignment: both, the first, the second.
_STEPS = ((1, 1), (1, 0), (0, 1))


@dataclass(frozen=True)
class EncodedSound:
    """A sound as its latents.

    Attributes
    ----------
    latents : np.ndarray
        (n_latents, latent_size), float32.
    sr, n_samples : int
        The rate (Hz) and the length of the waveform.
    gain : float
        What the decoded magnitudes are multiplied by.
    """

    latents: np.ndarray
    sr: int
    n_samples: int
    gain: float = 1.0

    @property
    def seconds(self) -> float:
        """The duration."""
        return self.n_samples / self.sr


@dataclass(frozen=True)
class Alignment:
    """Positions in two sounds that belong together, in latents: both begin at 0, and neither goes back."""

    first: np.ndarray
    second: np.ndarray


def weights(steps: int) -> list[float]:
    """Return the weight of the second sound in each of some steps, from 0 to 1."""
    return [step / (steps - 1) for step in range(steps)]


def log_mel_of(model: TrainedModel, sound: EncodedSound) -> np.ndarray:
    """Return the normalised log-mel (n_channels, n_frames) that a model decodes a sound as."""
    features = model.features
    n_frames = features.count_frames(resampled_length(sound.n_samples, sound.sr, features.sr))
    frames = _decode(model, sound.latents)[:, :n_frames]
    return frames if sound.gain == 1 else normalise(sound.gain * denormalise(frames, features), features)


def align(model: TrainedModel, first: EncodedSound, second: EncodedSound) -> Alignment:
    """Align two sounds by dynamic time warping (Sakoe and Chiba, 1978) of what the decoder makes of their latents.

    Both are stretched to the same length before, so that it costs nothing if one is simply slower.
    """
    cepstra = [_cepstra(model, sound.latents) for sound in (first, second)]
    n = max(map(len, cepstra))
    positions = [np.linspace(0, len(values) - 1, n) for values in cepstra]
    path = _warp(_distances(*(_at(values, place) for values, place in zip(cepstra, positions, strict=True))))
    return Alignment(positions[0][path[:, 0]], positions[1][path[:, 1]])


def between(
    model: TrainedModel, first: EncodedSound, second: EncodedSound, alignment: Alignment, weight: float
) -> EncodedSound:
    """Return a sound between two that are aligned; with a weight of 0 or 1 it is the first or the second itself.

    The others have the higher one of the two rates, and a level (dB) between those of the two: harmonics that differ
    would leave less of both.
    """
    if weight in (0, 1):
        return (first, second)[int(weight)]
    sr = max(first.sr, second.sr)
    n_samples = max(1, round(((1 - weight) * first.seconds + weight * second.seconds) * sr))
    times = (1 - weight) * alignment.first + weight * alignment.second
    wanted = np.arange(count_latents(n_samples, sr, model.features, model.config))
    one = _at(first.latents, np.interp(wanted, times, alignment.first))
    other = _at(second.latents, np.interp(wanted, times, alignment.second))
    sound = EncodedSound(one + np.float32(weight) * (other - one), sr, n_samples)
    level_db = (1 - weight) * _level_db(model, first) + weight * _level_db(model, second)
    return replace(sound, gain=10 ** ((level_db - _level_db(model, sound)) / 20))


def interpolate_recordings(
    paths: tuple[Path, Path],
    encoder: Encoder,
    inversion: InversionConfig,
    output_paths: Sequence[Path],
    *,
    salvage: bool = False,
    workers: int = 1,
    tick: Callable[[float], object] = ignore_seconds,
) -> list[np.ndarray]:
    """Write WAV files that lead from one recording to another: their reconstructions, and what is between.

    Parameters
    ----------
    output_paths : sequence of Path
        At least two, from the first recording's reconstruction to the second's.
    salvage : bool
        Use what can be decoded of recordings that are not whole.
    workers : int
        The threads of `encode_waveform`.
    tick : callable
        Is called with the seconds of sound that were just encoded or written.

    Returns
    -------
    list of np.ndarray, each (n_mels, n_frames)
        The normalised log-mel of each file.

    Raises
    ------
    InputError
        If a path is not a usable recording or is too long, or an output cannot be written.
    """
    model, features = encoder.model, encoder.model.features
    for path in paths:
        require_short(path, model, salvage=salvage)
    first, second = (_encode(path, encoder, salvage, workers, tick) for path in paths)
    alignment = align(model, first, second)
    log_mels = []
    for weight, path in zip(weights(len(output_paths)), output_paths, strict=True):
        sound = between(model, first, second, alignment, weight)
        log_mel = log_mel_of(model, sound)
        log_mels.append(log_mel[: features.n_mels])
        write_stream(path, to_waveform([log_mel], features, inversion, sound.sr, sound.n_samples), sound.sr)
        tick(sound.seconds)
    return log_mels


def require_short(path: Path, model: TrainedModel, *, salvage: bool = False) -> None:
    """Raise InputError if a recording is too long to be aligned with another."""
    recording = describe(path, salvage=salvage)
    if count_latents(recording.n_samples, recording.sr, model.features, model.config) > _MOST_LATENTS:
        most_s = int(_MOST_LATENTS * model.config.frames_per_latent / model.features.frame_rate)
        raise InputError(
            f"{printable(path)} has {recording.duration_s:,.0f} s, too many to align it with another recording: cut it "
            f"to {most_s} s or less."
        )


def _encode(path: Path, encoder: Encoder, salvage: bool, workers: int, tick: Callable[[float], object]) -> EncodedSound:
    """Return a recording as its latents."""
    recording = describe(path, salvage=salvage)
    blocks = read_stream(path, salvage=salvage)
    latents = np.concatenate(list(encode_waveform(encoder, blocks, recording.sr, workers=workers)))
    tick(recording.duration_s)
    return EncodedSound(latents, recording.sr, recording.n_samples)


def _decode(model: TrainedModel, latents: np.ndarray) -> np.ndarray:
    """Return the normalised log-mel (n_channels, n_frames) of latents."""
    return np.concatenate(list(decode_stream(model, [latents])), axis=1)


def _level_db(model: TrainedModel, sound: EncodedSound) -> float:
    """Return the mean power of a sound's magnitudes in dB, that of silence being floor_db."""
    power = np.square(denormalise(log_mel_of(model, sound), model.features)).mean()
    return 10 * math.log10(float(power) + 10 ** (model.features.floor_db / 10))


def _cepstra(model: TrainedModel, latents: np.ndarray) -> np.ndarray:
    """Return the cepstral coefficients (n_latents, n) of the mean frame of each latent, without their means."""
    frames = _decode(model, latents)[: model.config.n_mels]
    frames = frames.reshape(len(frames), len(latents), -1).mean(axis=2)
    cepstra = dct(frames.T, axis=1, norm="ortho")[:, :_N_CEPSTRA]
    return cepstra - cepstra.mean(axis=0)


def _at(rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return rows (n, k) at fractional positions, by linear interpolation."""
    below = np.minimum(positions.astype(int), len(rows) - 1)
    above = np.minimum(below + 1, len(rows) - 1)
    share = (positions - below)[:, None].astype(np.float32)
    return rows[below] + share * (rows[above] - rows[below])


def _distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of each row (k,) of one array to each of the other: a single array is in memory."""
    distances = one @ other.T
    distances *= -2
    distances += np.square(one).sum(axis=1)[:, None]
    distances += np.square(other).sum(axis=1)
    return np.sqrt(np.maximum(distances, 0, out=distances), out=distances)


def _warp(distance: np.ndarray) -> np.ndarray:
    """Return the cheapest path (k, 2) from the first to the last element of distances (n, n)."""
    n = len(distance)
    if n == 1:
        return np.zeros((1, 2), int)
    holding = _HOLDING * distance.mean()
    flat, taken = distance.ravel(), np.zeros(n * n, np.uint8)
    # The costs of the paths to the elements (i, number - i) of the last two antidiagonals, by i + 1.
    before = np.full(n + 1, np.inf)
    last = np.full(n + 1, np.inf)
    last[1] = flat[0]
    for number in range(1, 2 * n - 1):
        low, high = max(0, number - n + 1), min(number, n - 1) + 1
        # One element of each row: (i, number - i) is n - 1 after (i - 1, number - i + 1).
        here = slice(low * n + number - low, (high - 1) * n + number - high + 2, n - 1)
        step = flat[here]
        ways = np.stack([before[low:high] + 2 * step, last[low:high] + step, last[low + 1 : high + 1] + step])
        ways[1:] += holding
        taken[here] = ways.argmin(axis=0)
        costs = np.full(n + 1, np.inf)
        costs[low + 1 : high + 1] = ways.min(axis=0)
        before, last = last, costs
    return np.array(list(_backwards(taken.reshape(n, n))))[::-1]


def _backwards(taken: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield the elements of a path from the last to the first, by the step that was taken to each of (n, n)."""
    i = j = len(taken) - 1
    yield i, j
    while i or j:
        di, dj = _STEPS[taken[i, j]]
        i, j = i - di, j - dj
        yield i, j
