"""The recordings to listen to on the page: which ones, which part of each, their sounds and pictures."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct, to_waveform
from speech_autoencoder.config import FeatureConfig, InversionConfig
from speech_autoencoder.data.dataset import Dataset, Progress
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import rates
from speech_autoencoder.evaluation.codecs.codec import Codec
from speech_autoencoder.evaluation.metrics.metric import match_level
from speech_autoencoder.evaluation.results import RecordingResult
from speech_autoencoder.evaluation.scoring import read_original
from speech_autoencoder.report.spectrograms import pictures_of
from speech_autoencoder.system.integers import ceil_div

# Kinds of recordings, in the order of the page.
KINDS = ("best", "median", "worst")
# Recordings of each kind.
_N_EACH = 2
# The most bytes that the sounds of all recordings may take together.
_SOUND_BYTES = 6_000_000
# The longest part of a recording, in seconds.
_LONGEST_S = 10.0
# The loudest part of a long recording is found in this many steps per length of the part.
_STEPS_PER_PART = 50
# Every browser plays 16-bit WAV up to this rate (Hz); a compressed format would blur what is compared.
_HIGHEST_SR = 48_000
_BYTES_PER_SAMPLE = 2
# The highest peak of sounds that would clip otherwise.
_PEAK = 0.99

# The sounds of each recording: the key in the file's name, and the label.
SOUNDS = {"original": "original", "reconstruction": "reconstruction", "copy_synthesis": "copy-synthesis"}
# The key of the sound of another codec, if one is installed.
CODEC = "codec"


@dataclass(frozen=True)
class Sample:
    """An excerpt of a recording to listen to.

    `recording` is its index; `kind` is one of KINDS; `is_whole` tells whether it is the whole recording; `sounds` are
    waveforms (n_samples,) at `sr` Hz, at one level; `pictures` are those of `spectrograms.pictures_of`.
    """

    recording: int
    kind: str
    start_s: float
    is_whole: bool
    sr: int
    sounds: dict[str, np.ndarray]
    pictures: dict[str, str]

    @property
    def duration_s(self) -> float:
        """The length of the excerpt."""
        return len(self.sounds["original"]) / self.sr


def choose(recordings: list[RecordingResult]) -> dict[int, str]:
    """Choose recordings to listen to, among those scored as sound.

    They are ranked by STOI if enough of them are long enough for it, else by log-mel error.

    Returns
    -------
    dict
        The kind of each chosen recording, by its index, in the order of the page.
    """
    scored = [i for i, entry in enumerate(recordings) if entry.scores["level_db"] is not None]
    stoi = {i: value for i in scored if (value := recordings[i].scores["stoi"]) is not None}
    if len(stoi) >= len(KINDS) * _N_EACH:
        ranked = sorted(stoi, key=lambda i: (-stoi[i], i))
    else:
        ranked = sorted(scored, key=lambda i: (recordings[i].scores["log_mel_db"], i))
    n, middle = len(ranked), len(ranked) // 2 - _N_EACH // 2
    # Of few recordings, the best and the worst are the more interesting ones.
    ranks = {
        "best": range(_N_EACH),
        "worst": range(n - 1, n - 1 - _N_EACH, -1),
        "median": range(middle, middle + _N_EACH),
    }
    kinds: dict[int, str] = {}
    for kind, wanted in ranks.items():
        for rank in wanted:
            if 0 <= rank < n:
                kinds.setdefault(ranked[rank], kind)
    return dict(sorted(kinds.items(), key=lambda item: KINDS.index(item[1])))


def make_samples(
    recordings: list[RecordingResult],
    dataset: Dataset,
    encoder: Encoder,
    inversion: InversionConfig,
    *,
    workers: int,
    progress: Progress,
) -> list[Sample]:
    """Return the samples of the chosen recordings, except those whose sound is no longer available."""
    chosen = choose(recordings)
    sample_rates = [min(int(dataset.sr[i]), _HIGHEST_SR) for i in chosen]
    longest_s = _LONGEST_S
    if chosen:
        n_sounds = len(SOUNDS) + 1
        longest_s = min(_LONGEST_S, _SOUND_BYTES / (_BYTES_PER_SAMPLE * n_sounds * sum(sample_rates)))

    def make(item: tuple[int, str]) -> Sample | None:
        return _make_sample(*item, dataset, encoder, inversion, longest_s)

    with ThreadPoolExecutor(workers) as executor:
        made = executor.map(make, chosen.items())
        return [sample for sample in progress(made, len(chosen)) if sample]


def _make_sample(
    recording: int, kind: str, dataset: Dataset, encoder: Encoder, inversion: InversionConfig, longest_s: float
) -> Sample | None:
    """Return the sample of a recording, of the loudest part if it is long; None if its sound is not available."""
    features, sr = encoder.model.features, int(dataset.sr[recording])
    try:
        original = read_original(dataset, recording)
    except InputError:
        return None
    frames, first_frame = dataset.frames(recording), 0
    if features.lacks_between:
        frames = np.concatenate([frames, dataset.frames_between(recording, original)])
    is_whole = len(original) <= longest_s * sr
    if not is_whole:
        n_samples = int(longest_s * sr)
        first_frame = loudest_start(original, n_samples) * features.sr // sr // features.hop_length
        start = round(first_frame * features.hop_length * sr / features.sr)
        original = original[start : start + n_samples]
        n_frames = features.count_frames(ceil_div(len(original) * features.sr, sr))
        frames = frames[:, first_frame : first_frame + n_frames]
    output, frames = reconstruct(encoder, frames), frames[: features.n_mels]
    sounds = {"original": original}
    for key, log_mel in (("reconstruction", output), ("copy_synthesis", frames)):
        sounds[key] = _invert(log_mel, features, inversion, sr, len(original))
    codec = find_codec()
    if codec:
        (sounds[CODEC],) = codec.code(codec.settings[0], [original], sr).waveforms
    return Sample(
        recording,
        kind,
        first_frame / features.frame_rate,
        is_whole,
        min(sr, _HIGHEST_SR),
        _prepare(sounds, sr),
        pictures_of(frames, output[: features.n_mels], features),
    )


def _invert(
    log_mel: np.ndarray, features: FeatureConfig, inversion: InversionConfig, sr: int, n_samples: int
) -> np.ndarray:
    return np.concatenate(list(to_waveform([log_mel], features, inversion, sr, n_samples)))


def _prepare(sounds: dict[str, np.ndarray], sr: int) -> dict[str, np.ndarray]:
    """Return the sounds at one level and at a rate that browsers play."""
    original = sounds["original"]
    levelled = {key: x if key == "original" else match_level(original, x) for key, x in sounds.items()}
    levelled = {key: resample(x, sr, min(sr, _HIGHEST_SR)) for key, x in levelled.items()}
    # One gain for all: none is clipped, and the level does not tell them apart.
    peak = max(float(np.abs(x).max()) for x in levelled.values())
    return {key: x / max(1.0, peak / _PEAK) for key, x in levelled.items()}


def find_codec() -> Codec | None:
    """Return the first installed codec to compare with by ear, or None."""
    installed, _ = rates.installed(_HIGHEST_SR)
    return installed[0].as_codec(workers=1) if installed else None


def loudest_start(waveform: np.ndarray, length: int) -> int:
    """Return where the part of this length with the most power begins, in samples."""
    step = max(1, length // _STEPS_PER_PART)
    power = np.add.reduceat(waveform.astype(np.float64) ** 2, np.arange(0, len(waveform), step))
    n_steps = length // step
    sums = np.convolve(power, np.ones(n_steps), "valid") if len(power) > n_steps else power[:1]
    return min(int(np.argmax(sums)) * step, len(waveform) - length)


def sound_name(number: int, key: str) -> str:
    """Return the name of a sound's file; it has no part of the recording's name, which may hold anything."""
    return f"{number}-{key}.wav"


def is_sound_name(name: str) -> bool:
    """Return whether a file has a name that `sound_name` gives."""
    return re.fullmatch(r"\d+-\w+\.wav", name) is not None


def write_sounds(folder: Path, samples: list[Sample]) -> None:
    """Write the sounds of the samples to a new folder, as 16-bit WAV."""
    folder.mkdir()
    for number, sample in enumerate(samples, 1):
        for key, waveform in sample.sounds.items():
            sf.write(folder / sound_name(number, key), waveform, sample.sr, subtype="PCM_16", format="WAV")
