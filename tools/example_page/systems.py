"""What you hear of each recording on the page: the original, our models, our codec, PCA and other codecs."""

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.codec import anchors, lyra_codec, pca_codec
from benchmarks.running import run_script
from speech_autoencoder import Model, load
from speech_autoencoder.evaluation.codecs.codec import Codec, Coded
from speech_autoencoder.evaluation.codecs.codec_2 import CODEC_2
from speech_autoencoder.evaluation.codecs.ffmpeg_codecs import OPUS
from tools.example_page.recordings import SR

# The models, by the names of their files: the preset, and what their training is told.
MODELS = {"classic": ("classic", []), "fine": ("fine", []), "codec": ("fine", ["--codec"])}
BITRATES = (0.8, 1.6, 3.2)  # kbit/s, of our codec
# Of other codecs, by the words of anchors: the name, the setting nearest to ours, its kbit/s, and what the codec is.
_OTHERS = {
    "codec2": (CODEC_2.name, "1600", "1.6", "a vocoder for radio, of sound up to 4 kHz"),
    "opus": (OPUS.name, "6", "6", "the codec of calls on the internet, at its lowest bitrate"),
    "lyra": (lyra_codec.NAME, "3.2", "3.2", "Google's neural codec, for all voices, at its lowest bitrate"),
}
PCA_BITRATE = "1.6"  # kbit/s, a setting of pca_codec


@dataclass(frozen=True)
class System:
    """Something to listen to.

    Attributes
    ----------
    title, rate, description
        Its name, the rate that it is asked for, and what it is.
    code
        code(waveforms) returns what it makes of waveforms (n_samples,) at SR; its bytes are NaN if it is no codec.
    """

    title: str
    rate: str
    description: str
    code: Callable[[list[np.ndarray]], Coded]


def train_missing(folder: Path, training_dir: Path, minutes: float) -> None:
    """Train those of MODELS that folder does not hold, with the scripts."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (preset, options) in MODELS.items():
        if (folder / f"{name}.h5").exists():
            continue
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            run_script("train_data_generator", Path(temporary), "--audio-dir", training_dir, "--preset", preset)
            run_script("autoencoder_for_many_data", Path(temporary), "--minutes", minutes, *options)
            (Path(temporary) / "my_model_for_many_data.h5").rename(folder / f"{name}.h5")


def pca_system(training_dir: Path) -> System:
    """Return the PCA baseline as a codec, fitted to the recordings below training_dir."""
    codec = pca_codec.make_codec(pca_codec.fit(training_dir, SR), workers=1)
    return _other(codec, PCA_BITRATE, PCA_BITRATE, "the linear baseline; its bytes are the ideal code length")


def systems_of(models_dir: Path, pca: System, lyra: Path | None) -> tuple[list[System], list[str]]:
    """Return (the systems, the original first; the names of the codecs that are not installed)."""
    classic, fine, codec = (load(models_dir / f"{name}.h5") for name in MODELS)
    installed = anchors.installed([*_OTHERS], SR, lyra=lyra, opus_ml=None, workers=1)
    others = {codec.name: codec for codec in installed}
    return [
        System("Original", "256 kbit/s", "the recording as it is, in 16 bits at 16 kHz", _original),
        _reconstruction("classic", "the default model, with a spectrum every 23 ms", classic),
        _reconstruction("fine", "the model with --preset fine, with a spectrum every 8 ms", fine),
        *(_our_codec(codec, bitrate) for bitrate in BITRATES),
        pca,
        *(_other(others[name], *how) for name, *how in _OTHERS.values() if name in others),
    ], [name for name, *_ in _OTHERS.values() if name not in others]


def _our_codec(model: Model, bitrate: float) -> System:
    """Return our codec at a bitrate in kbit/s."""

    def code(waveforms: list[np.ndarray]) -> Coded:
        contents = [model.compress(waveform, SR, bitrate) for waveform in waveforms]
        return Coded([model.decompress(content)[0] for content in contents], [float(len(x)) for x in contents])

    return System("Our codec", f"{bitrate:g} kbit/s", "the codec of this project", code)


def _original(waveforms: list[np.ndarray]) -> Coded:
    return Coded(waveforms, [2.0 * len(waveform) for waveform in waveforms])


def _reconstruction(title: str, description: str, model: Model) -> System:
    """Return a model that is no codec."""

    def code(waveforms: list[np.ndarray]) -> Coded:
        return Coded([model.reconstruct(waveform, SR) for waveform in waveforms], [math.nan] * len(waveforms))

    return System(title, f"{model.latent_rate:,.0f} values/s", description, code)


def _other(codec: Codec, setting: str, bitrate: str, description: str) -> System:
    """Return another codec at one of its settings."""

    def code(waveforms: list[np.ndarray]) -> Coded:
        return codec.code(setting, waveforms, SR)

    return System(codec.name, f"{bitrate} kbit/s", description, code)
