"""Quality by rate: the model, PCA and the codecs that are installed, on the same few segments."""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from speech_autoencoder.audio.reading import read
from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.recording_codec import decode_recording, encode_recording
from speech_autoencoder.config import CODEC_SEARCH, InversionConfig
from speech_autoencoder.data.dataset import Dataset, Progress
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.codecs.codec import Coded, ExternalCodec, describe_missing, install_command
from speech_autoencoder.evaluation.codecs.registry import external_codecs
from speech_autoencoder.evaluation.codecs.sixteen_bits import write_wav
from speech_autoencoder.evaluation.metrics.metric import Sound
from speech_autoencoder.evaluation.metrics.recognition import SPEAKERS
from speech_autoencoder.evaluation.metrics.registry import measure_sound
from speech_autoencoder.evaluation.recognition.recogniser import Recognition, recognised
from speech_autoencoder.evaluation.results import Measurements, MissingCodec, RateRow, Rates, Scores, SegmentResult
from speech_autoencoder.evaluation.scoring import read_original
from speech_autoencoder.evaluation.segments import cut, join
from speech_autoencoder.evaluation.systems import ORIGINAL, ORIGINAL_TITLE, PCA, SYSTEMS, waveform_of
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.system.wording import counted

MOST_SEGMENTS = 6  # enough for a figure; codecs cost two processes a file
SOUND_METRICS = ("stoi", "estoi", "pesq_nb", "visqol", "dnsmos")
METRICS = (*SOUND_METRICS, SPEAKERS.key)
OWN_CODEC = "own_codec"  # the key of the model as a codec, beside those of systems and of external codecs
# Of the codecs that are measured: more of them would say no more, and each takes seconds.
_SETTINGS = {"opus": ("6", "8", "12"), "amr_nb": ("4.75", "6.7", "12.2"), "codec_2": ("450", "700C", "1600", "3200")}
_PCA_SHARES = (0.25, 0.5)  # of its values that are kept
_OWN_BITRATES = (0.8, 1.6, 3.2)  # kbit/s


@dataclass(frozen=True)
class _Segment:
    """A segment: its scores, its recordings and their names, their waveforms at one rate, and these joined."""

    result: SegmentResult
    recordings: list[int]
    names: list[str]
    waveforms: list[np.ndarray]
    joined: np.ndarray


def installed(sr: int) -> tuple[list[ExternalCodec], list[ExternalCodec]]:
    """Return the codecs of _SETTINGS that can be measured at `sr` Hz, and those that are not installed."""
    known = {codec.key: codec for codec in external_codecs(sr)}
    wanted = [known[key] for key in _SETTINGS]
    return [codec for codec in wanted if codec.is_installed()], [codec for codec in wanted if not codec.is_installed()]


def measure(
    measured: Measurements,
    dataset: Dataset,
    model: TrainedModel,
    inversion: InversionConfig,
    *,
    workers: int,
    speakers: Recognition | None = None,
    progress: Progress = lambda items, total: items,
) -> Rates | None:
    """Return the scores of systems and codecs at their rates; None where nothing was scored as sound.

    Parameters
    ----------
    measured
        What `evaluation.evaluate` measured on the dataset.
    dataset
        The testing recordings, whose files must still be there.
    model
        The model; with an entropy model, its own codec is measured too.
    inversion
        How sound is made of log-mels.
    workers
        The number of threads.
    speakers
        The recognition of speakers, if there is one.
    progress
        Wraps the settings as they are measured.
    """
    chosen = _some_segments(measured)
    if not chosen:
        return None
    sr = max(int(dataset.sr[i]) for _, recordings in chosen for i in recordings)
    segments = [_read(dataset, result, recordings, sr) for result, recordings in chosen]
    references = [segment.joined for segment in segments]
    present, missing = installed(sr)
    rows = [
        _row(key, "", [segment.result.scores[key] for segment in segments], latent_rate=system.latent_rate(model))
        for key, system in SYSTEMS.items()
    ]
    of_originals = _row(ORIGINAL, "", [segment.result.originals for segment in segments])
    if any(value is not None for value in of_originals.scores.values()):
        rows.append(of_originals)
    work: list[tuple[str, str, float | None, Callable[[], Coded]]] = []
    for share in _PCA_SHARES:
        latent_rate = share * model.baseline.latent_rate(model.features)
        work.append((PCA.key, "", latent_rate, partial(_code_by_pca, share, segments, dataset, model, inversion, sr)))
    for codec in present:
        code = codec.as_codec(workers=1).code
        work += [(codec.key, setting, None, partial(code, setting, references, sr)) for setting in _SETTINGS[codec.key]]
    if model.entropy is not None:
        own = partial(_code_by_model, references, sr, model, inversion)
        work += [(OWN_CODEC, f"{bitrate:g}", None, partial(own, bitrate)) for bitrate in _OWN_BITRATES]
    external = {codec.key: codec for codec in present}
    failed: dict[str, str] = {}

    def score(item: tuple[str, str, float | None, Callable[[], Coded]]) -> RateRow | None:
        key, setting, latent_rate, code = item
        try:
            coded = code()
        except InputError as error:
            if key not in external:
                raise
            failed[key] = str(error)  # of others, which the evaluation can do without
            return None
        scores = [_score(*pair, sr, speakers) for pair in zip(segments, coded.waveforms, strict=True)]
        if latent_rate is not None:
            return _row(key, setting, scores, latent_rate=latent_rate)
        return _row(key, setting, scores, bitrate=8 * sum(coded.n_bytes) / sum(map(len, references)) * sr / 1_000)

    with ThreadPoolExecutor(workers) as executor:
        rows += filter(None, progress(executor.map(score, work), len(work)))
    return Rates(
        n_segments=len(segments),
        seconds=sum(map(len, references)) / sr,
        rows=rows,
        missing=[MissingCodec(codec.name, codec.package) for codec in missing]
        + [MissingCodec(external[key].name, external[key].package, reason) for key, reason in failed.items()],
    )


def describe(rates: Rates) -> list[str]:
    """Return sentences on what the codecs score, and how to install those that are missing."""
    cells = [
        f"{name_of(row)}: STOI {row.scores['stoi']:.3f} at {row.bitrate:.2f} kbit/s"
        for row in rates.rows
        if row.bitrate and row.scores["stoi"] is not None
    ]
    lines = [f"Codecs, on {counted(rates.n_segments, 'segment')}: {'; '.join(cells)}."] if cells else []
    return lines + say_missing(rates.missing)


def name_of(row: RateRow) -> str:
    """Return what tables call a system or a codec, with its setting."""
    return f"{title_of(row.system)} {row.setting}".strip()


def title_of(key: str) -> str:
    """Return what tables call the system or codec with a key."""
    titles = {key: system.title for key, system in SYSTEMS.items()}
    titles |= {ORIGINAL: ORIGINAL_TITLE, OWN_CODEC: "the model's codec"}
    return titles.get(key) or next(codec.name for codec in external_codecs(0) if codec.key == key)


def say_missing(missing: list[MissingCodec]) -> list[str]:
    """Return a sentence on the codecs that are not installed, and one on each that failed."""
    absent = [(codec.name, install_command(codec.package)) for codec in missing if not codec.reason]
    failed = [f"{codec.name} is left out: {codec.reason.rstrip('.')}." for codec in missing if codec.reason]
    return [describe_missing(absent), *failed] if absent else failed


def _some_segments(measured: Measurements) -> list[tuple[SegmentResult, list[int]]]:
    """Return up to MOST_SEGMENTS segments and their recordings, evenly over all that have recordings."""
    members: dict[int, list[int]] = {}
    for i, recording in enumerate(measured.recordings):
        if recording.segment is not None:
            members.setdefault(recording.segment, []).append(i)
    found = [(measured.segments[number], recordings) for number, recordings in sorted(members.items())]
    n = min(len(found), MOST_SEGMENTS)
    return [found[i * len(found) // n] for i in range(n)]


def _read(dataset: Dataset, result: SegmentResult, recordings: list[int], sr: int) -> _Segment:
    """Return a segment of recordings, read at `sr` Hz."""
    waveforms = [_at(sr, read_original(dataset, i), dataset, i) for i in recordings]
    return _Segment(result, recordings, [dataset.names[i] for i in recordings], waveforms, join(waveforms, sr))


def _at(sr: int, waveform: np.ndarray, dataset: Dataset, recording: int) -> np.ndarray:
    """Return the waveform of a recording, which is at its own rate, at `sr` Hz."""
    return resample(waveform, int(dataset.sr[recording]), sr)


def _row(
    system: str, setting: str, scores: list[Scores], *, latent_rate: float | None = None, bitrate: float | None = None
) -> RateRow:
    """Return the row of a system, with the means of its known scores of the segments."""
    means: Scores = {}
    for metric in METRICS:
        values = [value for entry in scores if (value := entry.get(metric)) is not None]
        # A mean without the segments on which a library failed would not compare with the others.
        means[metric] = float(np.mean(values)) if values and np.isfinite(values).all() else None
    return RateRow(system, setting, latent_rate, bitrate, means)


def _score(segment: _Segment, estimate: np.ndarray, sr: int, speakers: Recognition | None) -> Scores:
    """Return the scores of one segment, None where a metric could not be measured, NaN where a library failed."""
    found = measure_sound(Sound(segment.joined, sr), Sound(estimate, sr), SOUND_METRICS)
    scores = {key: each.value if each.is_known or each.failure else None for key, each in found.items()}
    if speakers:
        sounds = cut(estimate, [len(waveform) for waveform in segment.waveforms], sr)
        are_right = recognised(speakers, sounds, segment.names, sr=sr)
        scores[SPEAKERS.key] = float(are_right.mean()) if len(are_right) else None
    return scores


def _code_by_pca(
    share: float,
    segments: list[_Segment],
    dataset: Dataset,
    model: TrainedModel,
    inversion: InversionConfig,
    sr: int,
) -> Coded:
    """Return the segments through PCA with a share of its values, those with the most variance."""
    n = max(1, round(share * model.baseline.encode.shape[1]))
    pca = replace(model.baseline, encode=model.baseline.encode[:, :n], decode=model.baseline.decode[:n])
    waveforms = []
    for segment in segments:
        sounds = [waveform_of(dataset, i, pca.reconstruct(dataset.frames(i)), inversion) for i in segment.recordings]
        parts = [_at(sr, sound, dataset, i) for sound, i in zip(sounds, segment.recordings, strict=True)]
        waveforms.append(join(parts, sr))
    return Coded(waveforms, [])


def _code_by_model(
    references: list[np.ndarray], sr: int, model: TrainedModel, inversion: InversionConfig, bitrate: float
) -> Coded:
    """Return segments through files of the model's own codec at a bitrate in kbit/s."""
    encoder, waveforms, n_bytes = Encoder(model, CODEC_SEARCH), [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for reference in references:
            source = write_wav(folder / "in.wav", reference, sr)
            n_bytes.append(float(encode_recording(source, encoder, folder / "coded.sae", bitrate=bitrate).n_bytes))
            decode_recording(folder / "coded.sae", model, folder / "out.wav", inversion)
            waveforms.append(read(folder / "out.wav"))
    return Coded(waveforms, n_bytes)
