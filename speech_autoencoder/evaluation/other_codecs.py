"""The codecs that people have, through their own programs: Codec 2, Opus and Speex, aligned with what they coded."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import soundfile as sf
from scipy.ndimage import uniform_filter1d

from speech_autoencoder.audio.reading import read
from speech_autoencoder.audio.resampling import fit_length, resample
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import ogg
from speech_autoencoder.system.files import printable

NARROW_HZ = 8_000
_FULL_SCALE = 32_768
# Samples and bits of a frame. c2enc fills each up to whole bytes; what is counted is the bits, as if they were packed.
_CODEC_2_FRAMES = {"700C": (320, 28), "1200": (320, 48), "1300": (320, 52), "1600": (320, 64)}
_CODEC_2_FRAMES |= {"2400": (160, 48), "3200": (160, 64)}
# Frames that Speex puts in a packet: alone, each is filled up to whole bytes.
_SPEEX_FRAMES = 10
# speexdec takes 10 ms off the start, but not where all of the sound is on one page, the third of the file.
_SPEEX_LEAST_PAGES, _SPEEX_LATE = 3, 80
# With 40 ms, Opus does better on fewer bits than with its usual 20, or with 60.
_OPUS_FRAME_MS = 40
# No codec is later than this. Envelopes of octaves from this frequency on are smoothed over some pitch periods, as not
# every codec keeps the phase.
_LONGEST_DELAY_S, _SMOOTHING_S, _LOWEST_HZ, _N_OCTAVES = 0.1, 0.02, 100, 5


@dataclass(frozen=True)
class Coded:
    """Files as they were decoded, each aligned with the original and as long, and the bytes that each took."""

    waveforms: list[np.ndarray]
    n_bytes: list[float]


@dataclass(frozen=True)
class System:
    """A codec: its name, its settings, and code(setting, waveforms, sr) -> Coded of all files at one of them."""

    name: str
    settings: Sequence[str]
    code: Callable[[str, list[np.ndarray], int], Coded]


@dataclass
class Tool:
    """A codec that programs are needed for: `code(setting, waveform, sr, folder)` -> (decoded waveform, bytes).

    The waveform is at NARROW_HZ where it is narrow, otherwise at any rate; what is decoded may come late. delays:
    setting -> by how many samples, once it is known.
    """

    name: str
    programs: tuple[str, str]
    package: str
    settings: tuple[str, ...]
    narrow: bool
    code: Callable[[str, np.ndarray, int, Path], tuple[np.ndarray, float]]
    delays: dict[str, int] = field(default_factory=dict)

    def is_there(self) -> bool:
        """Whether both programs are installed."""
        return all(map(shutil.which, self.programs))


def tools(sr: int) -> list[Tool]:
    """The codecs that sound at sr Hz is measured against."""
    kilobits = ("6", "7", "8", "12", "16") if sr >= 16_000 else ("6", "7", "8", "12")
    return [
        Tool("Codec 2", ("c2enc", "c2dec"), "codec2", tuple(_CODEC_2_FRAMES), True, _codec_2),
        Tool("Opus", ("opusenc", "opusdec"), "opus-tools", kilobits, False, _opus, dict.fromkeys(kilobits, 0)),
        Tool("Speex", ("speexenc", "speexdec"), "speex", ("0", "1", "2", "3", "5"), True, _speex),
    ]


def system_of(tool: Tool, *, workers: int) -> System:
    """The tool as a codec to measure."""
    return System(tool.name, tool.settings, partial(_code_all, tool, workers))


def delay_of(references: list[np.ndarray], estimates: list[np.ndarray], sr: int) -> int:
    """The samples at sr Hz by which the estimates come later than the references (negative: earlier), of all together.

    Where the envelopes of octaves correlate most, summed over them and over all pairs.
    """
    n_lags = round(_LONGEST_DELAY_S * sr)
    total = np.zeros(2 * n_lags + 1)
    for reference, estimate in zip(references, estimates, strict=True):
        # With silence after them, since the correlation is of sounds that go round in a circle.
        n_samples = max(len(reference), len(estimate)) + n_lags
        one, other = (_envelopes(fit_length(x, n_samples), sr) for x in (reference, estimate))
        products = np.fft.irfft(np.fft.rfft(other) * np.fft.rfft(one).conj(), n_samples)
        norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1) + 1e-12
        total += (products[:, np.arange(-n_lags, n_lags + 1)] / norms[:, None]).sum(axis=0)
    return int(total.argmax()) - n_lags


def earlier(waveform: np.ndarray, delay: int, n_samples: int) -> np.ndarray:
    """n_samples of the waveform without its delay (samples); strings end in a pause, so that no sound is lost."""
    return fit_length(np.pad(waveform, (max(0, -delay), 0))[max(0, delay) :], n_samples)


def _code_all(tool, workers, setting, waveforms, sr):
    """Coded of the waveforms at one setting of the tool."""
    own_sr = NARROW_HZ if tool.narrow else sr
    inputs = [resample(waveform, sr, own_sr) for waveform in waveforms]

    def code(waveform):
        with tempfile.TemporaryDirectory() as folder:
            return tool.code(setting, waveform, own_sr, Path(folder))

    with ThreadPoolExecutor(workers) as executor:
        decoded, n_bytes = zip(*executor.map(code, inputs), strict=True)
    if setting not in tool.delays:
        tool.delays[setting] = delay_of(inputs, decoded, own_sr)
    aligned = [earlier(x, tool.delays[setting], len(y)) for x, y in zip(decoded, inputs, strict=True)]
    outputs = [fit_length(resample(x, own_sr, sr), len(y)) for x, y in zip(aligned, waveforms, strict=True)]
    return Coded(outputs, list(n_bytes))


def _envelopes(waveform, sr):
    """How loud each octave (n_octaves, n_samples) is by and by, compressed as in hearing, and around zero."""
    spectrum = np.fft.rfft(waveform.astype(np.float64))
    hz = np.fft.rfftfreq(len(waveform), 1 / sr)
    lowest = _LOWEST_HZ * 2.0 ** np.arange(_N_OCTAVES)[:, None]
    octaves = np.fft.irfft(np.where((hz >= lowest) & (hz < 2 * lowest), spectrum, 0), len(waveform))
    envelopes = np.sqrt(uniform_filter1d(np.abs(octaves), round(_SMOOTHING_S * sr), axis=1))
    return envelopes - envelopes.mean(axis=1, keepdims=True)


def _codec_2(mode, waveform, sr, folder):
    """(decoded, bytes) of Codec 2, which takes whole frames only."""
    n_samples, n_bits = _CODEC_2_FRAMES[mode]
    n_frames = -(-len(waveform) // n_samples)
    (folder / "in.raw").write_bytes(to_raw(fit_length(waveform, n_frames * n_samples)))
    _run("c2enc", mode, folder / "in.raw", folder / "coded")
    _run("c2dec", mode, folder / "coded", folder / "out.raw")
    return from_raw((folder / "out.raw").read_bytes()), n_frames * n_bits / 8


def _opus(kilobits, waveform, sr, folder):
    """(decoded, bytes) of Opus at its variable rate, which is its best; opusdec aligns what it writes."""
    source, coded, decoded = write(folder / "in.wav", waveform, sr), folder / "coded.opus", folder / "out.wav"
    _run("opusenc", "--quiet", "--bitrate", kilobits, "--framesize", _OPUS_FRAME_MS, source, coded)
    _run("opusdec", "--quiet", "--float", "--rate", sr, coded, decoded)  # below 8 kHz it gives 48
    return read(decoded, sr), ogg.payload_bytes(coded.read_bytes())


def _speex(quality, waveform, sr, folder):
    """(decoded, bytes) of narrowband Speex."""
    source, coded, decoded = write(folder / "in.wav", waveform, sr), folder / "coded.spx", folder / "out.wav"
    _run("speexenc", "--narrowband", "--quality", quality, "--nframes", _SPEEX_FRAMES, source, coded)
    _run("speexdec", coded, decoded)
    data = coded.read_bytes()
    late = _SPEEX_LATE if data.count(b"OggS") <= _SPEEX_LEAST_PAGES else 0
    return read(decoded)[late:], ogg.payload_bytes(data)


def _run(*command):
    """Nothing; a program has run, without what it says. Raises InputError when it fails."""
    done = subprocess.run([*map(str, command)], capture_output=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = done.stderr.decode(errors="replace").split("\n")
        reason = next((line.strip() for line in reversed(said) if line.strip()), f"status {done.returncode}")
        raise InputError(f"{command[0]} failed ({printable(reason)}).")


def write(path: Path, waveform: np.ndarray, sr: int) -> Path:
    """path, a WAV of 16 bits of the waveform."""
    sf.write(path, _to_16_bits(waveform), sr)
    return path


def to_raw(waveform: np.ndarray) -> bytes:
    """The waveform as 16-bit samples, the least significant byte first, without a header."""
    return _to_16_bits(waveform).astype("<i2").tobytes()


def from_raw(data: bytes) -> np.ndarray:
    """The waveform (n_samples,) of such samples."""
    return np.frombuffer(data, "<i2").astype(np.float32) / _FULL_SCALE


def _to_16_bits(waveform):
    """The waveform as int16, exactly that of which it was read."""
    return np.clip(np.round(waveform * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
