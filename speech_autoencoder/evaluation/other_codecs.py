"""Other codecs, run as programs: Codec 2, Opus and Speex. What they decode is aligned with the original.

Each is a record beside its function. To add one, write both, and list the record in `_ALL`.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from scipy.ndimage import uniform_filter1d

from speech_autoencoder.audio.reading import read
from speech_autoencoder.audio.resampling import fit_length, resample
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import ogg
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.integers import ceil_div
from speech_autoencoder.system.isolation import describe_status

NARROW_HZ = 8_000
WIDE_HZ = 16_000
_FULL_SCALE = 32_768
# Samples and bits of a frame, by mode. c2enc fills each frame up to whole bytes; the bits are counted as if packed.
_CODEC_2_FRAMES = {
    "700C": (320, 28),
    "1200": (320, 48),
    "1300": (320, 52),
    "1600": (320, 64),
    "2400": (160, 48),
    "3200": (160, 64),
}
_OPUS_FRAME_MS = 40  # with 40 ms it does better on fewer bits than with its usual 20, or with 60
_SPEEX_FRAMES = 10  # in a packet: alone, each frame is filled up to whole bytes
# speexdec takes 10 ms off the start, but not where all of the sound is on one page, the third of the file.
_SPEEX_LEAST_PAGES = 3
_SPEEX_LATE = 80  # samples
_PROGRAM_LIMIT_S = 600  # for one segment; they take milliseconds for a second of sound
# Delays are found by the envelopes of octaves, smoothed over some pitch periods, as not every codec keeps the phase.
_LONGEST_DELAY_S = 0.1
_SMOOTHING_S = 0.02
_LOWEST_HZ = 100
_N_OCTAVES = 5


@dataclass(frozen=True)
class Coded:
    """Decoded files, each aligned with the original and of its length, and the bytes that each took."""

    waveforms: list[np.ndarray]
    n_bytes: list[float]


@dataclass(frozen=True)
class Codec:
    """A codec to measure: its name, its settings, and code(setting, waveforms, sr), which codes files at a setting."""

    name: str
    settings: Sequence[str]
    code: Callable[[str, list[np.ndarray], int], Coded]


@dataclass(frozen=True)
class ExternalCodec:
    """A codec that needs programs.

    Attributes
    ----------
    key, name
        Its names in evaluation.json and in tables.
    programs, package
        Its encoder and decoder, and the package of Debian that has them.
    settings
        From the lowest bitrate to the highest.
    is_narrow
        Whether it takes sound at NARROW_HZ only.
    code
        code(setting, waveform, sr, folder) returns the decoded waveform, which may be delayed, and the bytes.
    delays
        {setting: the delay in samples}, once it is known.
    wide_settings
        Settings with higher bitrates, for sound at WIDE_HZ or more.
    """

    key: str
    name: str
    programs: tuple[str, str]
    package: str
    settings: tuple[str, ...]
    is_narrow: bool
    code: Callable[[str, np.ndarray, int, Path], tuple[np.ndarray, float]]
    delays: dict[str, int] = field(default_factory=dict)
    wide_settings: tuple[str, ...] = ()

    def is_installed(self) -> bool:
        """Return whether both programs are installed."""
        return all(map(shutil.which, self.programs))

    def as_codec(self, *, workers: int) -> Codec:
        """Return it as a codec that runs this many programs at once."""
        return Codec(self.name, self.settings, partial(_code_all, self, workers))


def _codec_2(mode: str, waveform: np.ndarray, sr: int, folder: Path) -> tuple[np.ndarray, float]:
    """Return (decoded, bytes) of Codec 2, which takes whole frames only."""
    n_samples, n_bits = _CODEC_2_FRAMES[mode]
    n_frames = ceil_div(len(waveform), n_samples)
    (folder / "in.raw").write_bytes(to_raw(fit_length(waveform, n_frames * n_samples)))
    _run("c2enc", mode, folder / "in.raw", folder / "coded")
    _run("c2dec", mode, folder / "coded", folder / "out.raw")
    return from_raw((folder / "out.raw").read_bytes()), n_frames * n_bits / 8


CODEC_2 = ExternalCodec(
    key="codec_2",
    name="Codec 2",
    programs=("c2enc", "c2dec"),
    package="codec2",
    settings=tuple(_CODEC_2_FRAMES),
    is_narrow=True,
    code=_codec_2,
)


def _opus(bitrate: str, waveform: np.ndarray, sr: int, folder: Path) -> tuple[np.ndarray, float]:
    """Return (decoded, bytes) of Opus at its variable bitrate, which is its best; opusdec aligns what it writes."""
    source, coded, decoded = write_wav(folder / "in.wav", waveform, sr), folder / "coded.opus", folder / "out.wav"
    _run("opusenc", "--quiet", "--bitrate", bitrate, "--framesize", _OPUS_FRAME_MS, source, coded)
    _run("opusdec", "--quiet", "--float", "--rate", sr, coded, decoded)  # below 8 kHz it writes 48 kHz
    return read(decoded, sr), ogg.payload_bytes(coded.read_bytes())


_OPUS_BITRATES = ("6", "7", "8", "12")  # kbit/s
_OPUS_WIDE_BITRATES = ("16",)
OPUS = ExternalCodec(
    key="opus",
    name="Opus",
    programs=("opusenc", "opusdec"),
    package="opus-tools",
    settings=_OPUS_BITRATES,
    is_narrow=False,
    code=_opus,
    delays=dict.fromkeys(_OPUS_BITRATES + _OPUS_WIDE_BITRATES, 0),
    wide_settings=_OPUS_WIDE_BITRATES,
)


def _speex(quality: str, waveform: np.ndarray, sr: int, folder: Path) -> tuple[np.ndarray, float]:
    """Return (decoded, bytes) of narrowband Speex."""
    source, coded, decoded = write_wav(folder / "in.wav", waveform, sr), folder / "coded.spx", folder / "out.wav"
    _run("speexenc", "--narrowband", "--quality", quality, "--nframes", _SPEEX_FRAMES, source, coded)
    _run("speexdec", coded, decoded)
    data = coded.read_bytes()
    late = _SPEEX_LATE if data.count(b"OggS") <= _SPEEX_LEAST_PAGES else 0
    return read(decoded)[late:], ogg.payload_bytes(data)


SPEEX = ExternalCodec(
    key="speex",
    name="Speex",
    programs=("speexenc", "speexdec"),
    package="speex",
    settings=("0", "1", "2", "3", "5"),
    is_narrow=True,
    code=_speex,
)
_ALL = (CODEC_2, OPUS, SPEEX)


def external_codecs(sr: int) -> list[ExternalCodec]:
    """Return the codecs to compare with at `sr` Hz, installed or not, each with delays of its own."""

    def prepare(codec: ExternalCodec) -> ExternalCodec:
        settings = codec.settings + (codec.wide_settings if sr >= WIDE_HZ else ())
        return replace(codec, settings=settings, delays=dict(codec.delays))

    return [prepare(codec) for codec in _ALL]


def delay_of(references: list[np.ndarray], estimates: list[np.ndarray], sr: int) -> int:
    """Return the common delay of the estimates against the references in samples (negative: they are early).

    It is the shift at which the envelopes of octaves correlate most, summed over octaves and pairs.

    Parameters
    ----------
    references, estimates
        Waveforms (n_samples,), in pairs.
    sr
        Their sample rate in Hz.
    """
    n_lags = round(_LONGEST_DELAY_S * sr)
    total = np.zeros(2 * n_lags + 1)
    for reference, estimate in zip(references, estimates, strict=True):
        # With silence behind them, since the correlation is circular.
        n_samples = max(len(reference), len(estimate)) + n_lags
        one, other = (_envelopes(fit_length(x, n_samples), sr) for x in (reference, estimate))
        products = np.fft.irfft(np.fft.rfft(other) * np.fft.rfft(one).conj(), n_samples)
        norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1) + 1e-12
        total += (products[:, np.arange(-n_lags, n_lags + 1)] / norms[:, None]).sum(axis=0)
    return int(total.argmax()) - n_lags


def without_delay(waveform: np.ndarray, delay: int, n_samples: int) -> np.ndarray:
    """Return n_samples of a waveform without its delay; segments end in a pause, so no sound is lost."""
    return fit_length(np.pad(waveform, (max(0, -delay), 0))[max(0, delay) :], n_samples)


def _code_all(codec: ExternalCodec, workers: int, setting: str, waveforms: list[np.ndarray], sr: int) -> Coded:
    """Return waveforms coded at one setting."""
    own_sr = NARROW_HZ if codec.is_narrow else sr
    inputs = [resample(waveform, sr, own_sr) for waveform in waveforms]

    def code(waveform: np.ndarray) -> tuple[np.ndarray, float]:
        with tempfile.TemporaryDirectory() as folder:
            try:
                return codec.code(setting, waveform, own_sr, Path(folder))
            except OSError as error:
                raise InputError(f"{codec.name} wrote no sound that can be read.") from error

    with ThreadPoolExecutor(workers) as executor:
        decoded, n_bytes = zip(*executor.map(code, inputs), strict=True)
    if setting not in codec.delays:
        codec.delays[setting] = delay_of(inputs, decoded, own_sr)
    aligned = [without_delay(x, codec.delays[setting], len(y)) for x, y in zip(decoded, inputs, strict=True)]
    outputs = [fit_length(resample(x, own_sr, sr), len(y)) for x, y in zip(aligned, waveforms, strict=True)]
    return Coded(outputs, list(n_bytes))


def _envelopes(waveform: np.ndarray, sr: int) -> np.ndarray:
    """Return the envelope of each octave, (n_octaves, n_samples), compressed as in hearing and with a mean of zero."""
    spectrum = np.fft.rfft(waveform.astype(np.float64))
    hz = np.fft.rfftfreq(len(waveform), 1 / sr)
    lowest = _LOWEST_HZ * 2.0 ** np.arange(_N_OCTAVES)[:, None]
    octaves = np.fft.irfft(np.where((hz >= lowest) & (hz < 2 * lowest), spectrum, 0), len(waveform))
    envelopes = np.sqrt(uniform_filter1d(np.abs(octaves), round(_SMOOTHING_S * sr), axis=1))
    return envelopes - envelopes.mean(axis=1, keepdims=True)


def _run(*command: Any) -> None:
    """Run a program and hide its output; raise InputError if it fails, crashes or does not end."""
    try:
        done = subprocess.run(
            [*map(str, command)], capture_output=True, stdin=subprocess.DEVNULL, timeout=_PROGRAM_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{command[0]} did not end within {_PROGRAM_LIMIT_S} s.") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").split("\n")
        reason = next((line.strip() for line in reversed(lines) if line.strip()), describe_status(done.returncode))
        raise InputError(f"{command[0]} failed ({printable(reason)}).")


def write_wav(path: Path, waveform: np.ndarray, sr: int) -> Path:
    """Write a waveform (n_samples,) at `sr` Hz as 16-bit WAV, and return the path."""
    sf.write(path, _to_16_bits(waveform), sr)
    return path


def to_raw(waveform: np.ndarray) -> bytes:
    """Return a waveform as 16-bit samples, little-endian, without a header; `from_raw` is the inverse."""
    return _to_16_bits(waveform).astype("<i2").tobytes()


def from_raw(data: bytes) -> np.ndarray:
    """Return the waveform (n_samples,) of 16-bit samples that `to_raw` wrote."""
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / _FULL_SCALE


def _to_16_bits(waveform: np.ndarray) -> np.ndarray:
    """Return a waveform as int16, exactly the samples that it was read from."""
    return np.clip(np.round(waveform * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
