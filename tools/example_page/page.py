"""The page itself: sounds as FLAC and small spectrograms, all of them in one file."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from speech_autoencoder import __version__, log_mel, preset
from speech_autoencoder.evaluation.metrics.metric import Sound, match_level
from speech_autoencoder.evaluation.metrics.registry import METRICS, measure_sound
from speech_autoencoder.report import templating
from speech_autoencoder.report.spectrograms import LEVEL_COLOURS, picture
from speech_autoencoder.system.files import atomic_write
from tools.example_page.recordings import HARDEST, LEAST_S, LICENCES, SR, Recording
from tools.example_page.systems import PCA_BITRATE, System

MARK = templating.mark("sounds")
SCORES = ("stoi", "estoi", "pesq_nb", "pesq_wb")
_TEMPLATES = Path(__file__).parent
# Coarse pictures, as there are some sixty: values every 16 ms, in few bands and colours.
_PICTURE = replace(preset("fine", SR), hop_length=256, n_mels=40)
_SHOWN_DB = 60
_N_COLOURS = 16
_LEVEL_DB = (
    -26
)  # RMS relative to full scale: that of listening tests (ITU-T P.800), and FLAC takes less than for louder


@dataclass(frozen=True)
class Entry:
    """A recording of the page, why it was chosen, and what the systems make of it: waveforms, and bytes or NaN."""

    recording: Recording
    reason: str
    waveforms: list[np.ndarray]
    n_bytes: list[float]


def write(path: Path, systems: Sequence[System], entries: Sequence[Entry], left_out: Sequence[str]) -> int:
    """Write the page, and return its size in bytes.

    Parameters
    ----------
    systems
        What the entries' waveforms are made by, the original first.
    left_out
        The codecs and metrics that are not on the page, as they are not installed.
    """
    content = templating.fill_in(
        _TEMPLATES / "page.html",
        style=templating.read_parts(templating.TEMPLATES / "base.css", _TEMPLATES / "page.css"),
        script=templating.read_parts(_TEMPLATES / "page.js"),
        rules={"media-src": "data:"},
        mark=MARK,
        version=__version__,
        systems=systems,
        entries=[_describe(entry, systems) for entry in entries],
        left_out=left_out,
        licences=LICENCES,
        least_s=LEAST_S,
        pca_bitrate=PCA_BITRATE,
        shown_db=_SHOWN_DB,
    ).encode("utf-8")
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
    return len(content)


def _describe(entry: Entry, systems: Sequence[System]) -> dict[str, Any]:
    """Return what the page shows of a recording."""
    recording, original = entry.recording, entry.waveforms[0]
    played = original * np.float32(10 ** (_LEVEL_DB / 20) / np.sqrt(np.mean(original.astype(np.float64) ** 2)))
    levelled = [match_level(played, waveform) for waveform in entry.waveforms]
    log_mels = [log_mel(waveform, SR, _PICTURE) for waveform in levelled]
    loudest = max(float(mel.max()) for mel in log_mels)
    sounds = [
        {
            "system": system,
            "n_bytes": n_bytes,
            "bitrate": None if math.isnan(n_bytes) else 8 * n_bytes / recording.duration_s,
            "scores": scores(original, waveform) if waveform is not original else [],
            "picture": _picture(mel, loudest),
            "sound": to_flac(same_level),
        }
        for system, waveform, n_bytes, same_level, mel in zip(
            systems, entry.waveforms, entry.n_bytes, levelled, log_mels, strict=True
        )
    ]
    title = recording.voice.language + (", the hardest" if entry.reason == HARDEST else "")
    return {"recording": recording, "title": title, "sounds": sounds}


def scores(reference: np.ndarray, estimate: np.ndarray) -> list[tuple[str, str]]:
    """Return (heading, value) of the scores of a waveform (n_samples,) at SR that are defined and installed."""
    measured = measure_sound(Sound(reference, SR), Sound(estimate, SR), SCORES)
    return [
        (METRICS[key].heading, METRICS[key].format(found.value)) for key, found in measured.items() if found.is_known
    ]


def _picture(mel: np.ndarray, loudest: float) -> str:
    """Return the picture of a normalised log-mel (n_mels, n_frames) as a data URI."""
    levels = np.clip(1 + (mel - loudest) * _PICTURE.range_db / _SHOWN_DB, 0, 1)
    return picture(np.round(levels * (_N_COLOURS - 1)) / (_N_COLOURS - 1), LEVEL_COLOURS)


def to_flac(waveform: np.ndarray) -> str:
    """Return a waveform (n_samples,) at SR as FLAC of 16 bits, a data URI: lossless, and every browser plays it."""
    content = io.BytesIO()
    sf.write(content, waveform, SR, format="FLAC", subtype="PCM_16", compression_level=1.0)
    return "data:audio/flac;base64," + base64.b64encode(content.getvalue()).decode("ascii")
