"""What every codec to measure has in common: sound in, sound and bytes out, in place and as long as the original."""

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec

import numpy as np

from speech_autoencoder.audio.resampling import fit_length, resample
from speech_autoencoder.evaluation.codecs.alignment import delay_of, without_delay
from speech_autoencoder.system import extras

NARROW_HZ = 8_000
WIDE_HZ = 16_000


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
    """A codec of others, which needs programs or a library.

    Attributes
    ----------
    key, name
        Its names in evaluation.json and in tables.
    package
        The package of Debian that has its programs, or the name by which its library is imported.
    settings
        From the lowest bitrate to the highest.
    rates
        The sample rates in Hz that it takes, from the lowest to the highest.
    code
        code(setting, waveform, sr) returns the decoded waveform, which may be delayed, and the bytes.
    programs
        Its encoder and decoder, where they are programs.
    delays
        {setting: the delay in samples}, once it is known.
    wide_settings
        Settings with higher bitrates, for sound at WIDE_HZ or more.
    """

    key: str
    name: str
    package: str
    settings: tuple[str, ...]
    rates: tuple[int, ...]
    code: Callable[[str, np.ndarray, int], tuple[np.ndarray, float]]
    programs: tuple[str, ...] = ()
    delays: dict[str, int] = field(default_factory=dict)
    wide_settings: tuple[str, ...] = ()

    def is_installed(self) -> bool:
        """Return whether its programs or its library are installed."""
        return all(map(shutil.which, self.programs)) if self.programs else find_spec(self.package) is not None

    def rate_for(self, sr: int) -> int:
        """Return the rate in Hz at which it takes sound of `sr` Hz: as much of it as the codec can keep."""
        return next((rate for rate in self.rates if rate >= sr), self.rates[-1])

    def as_codec(self, *, workers: int) -> Codec:
        """Return it as a codec that codes so many files at once."""
        return Codec(self.name, self.settings, partial(_code_all, self, workers))


def install_command(package: str) -> str:
    """Return the command that installs the package of an ExternalCodec."""
    return extras.install_command(package) if package in extras.EXTRAS else f"apt install {package}"


def describe_missing(missing: Sequence[tuple[str, str]]) -> str:
    """Return a sentence on codecs that are not installed, each with what installs it.

    Examples
    --------
    >>> describe_missing([("Codec 2", "apt install codec2"), ("Opus", "pip install av"), ("AMR-NB", "pip install av")])
    'Not installed, and left out: Codec 2 (apt install codec2); Opus, AMR-NB (pip install av).'
    """
    names: dict[str, list[str]] = {}
    for name, needs in missing:
        names.setdefault(needs, []).append(name)
    described = [f"{', '.join(some)} ({needs})" for needs, some in names.items()]
    return f"Not installed, and left out: {'; '.join(described)}."


def _code_all(codec: ExternalCodec, workers: int, setting: str, waveforms: list[np.ndarray], sr: int) -> Coded:
    """Return waveforms coded at one setting; they are resampled once to the rate of the codec, and once back."""
    own_sr = codec.rate_for(sr)
    inputs = [resample(waveform, sr, own_sr) for waveform in waveforms]
    with ThreadPoolExecutor(workers) as executor:
        coded = list(executor.map(lambda waveform: codec.code(setting, waveform, own_sr), inputs))
    decoded, n_bytes = [waveform for waveform, _ in coded], [size for _, size in coded]
    if setting not in codec.delays:
        codec.delays[setting] = delay_of(inputs, decoded, own_sr)
    aligned = [without_delay(x, codec.delays[setting], len(y)) for x, y in zip(decoded, inputs, strict=True)]
    outputs = [fit_length(resample(x, own_sr, sr), len(y)) for x, y in zip(aligned, waveforms, strict=True)]
    return Coded(outputs, n_bytes)
