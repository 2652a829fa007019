"""Train on corpora that nobody would record, and reconstruct them: each is trained on, or refused with a reason.

    python -m robustness.extremes

prints the table of docs/reliability.md, "Numbers": per corpus the peak, the level and the worst click of the
reconstructions of a small model, trained for two epochs.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from benchmarks.running import ROOT
from speech_autoencoder.audio.reading import describe, read
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct_recording
from speech_autoencoder.config import InversionConfig, LatentSearchConfig, ModelConfig, TrainingConfig, preset
from speech_autoencoder.data import building, dataset
from speech_autoencoder.errors import InputError

SPEECH_DIR = ROOT / "speechdata" / "training" / "en-allison"
SR = 8_000  # Hz
SILENT = 1e-4  # RMS below which a recording is silent: the lowest level of the features is -100 dBFS
_WINDOW_S = 0.005  # of a click
_AROUND_S = 0.015  # before and after the window, where the original may be as loud


@dataclass(frozen=True)
class Comparison:
    """How a reconstruction compares with its original.

    Attributes
    ----------
    name
        The recording.
    peak
        The largest absolute sample.
    level_db
        The level over the original's in dB, None if the original is silent. An offset is not sound, and left out.
    click
        The worst 5 ms, in full scales: their peak over the original's peak within 15 ms around them.
    """

    name: str
    peak: float
    level_db: float | None
    click: float


def speech(n_recordings: int) -> list[np.ndarray]:
    """Return recordings of one voice at SR."""
    paths = sorted(SPEECH_DIR.iterdir())[:n_recordings]
    return [soxr.resample(read(path), describe(path).sr, SR) for path in paths]


def corpora() -> dict[str, dict[str, np.ndarray]]:
    """Return {corpus: {recording: waveform at SR}}."""
    voices, rng = speech(6), np.random.default_rng(0)
    first = voices[0]
    noise = [rng.normal(0, 10**-0.5 * np.std(voice), len(voice)) for voice in voices]
    return {
        "constant": {"constant": np.full(SR, 0.5)},
        "silent": {"silent": np.zeros(SR)},
        "clipped": {f"clipped {i}": np.clip(4 * voice / np.abs(voice).max(), -1, 1) for i, voice in enumerate(voices)},
        "an offset of half of full scale": {f"offset {i}": voice / 2 + 0.5 for i, voice in enumerate(voices)},
        "one sample": {"one sample": np.array([0.5])},
        "one clip": {"one clip": first},
        "six times the same": {f"same {i}": first for i in range(6)},
        "10 dB from speech to noise": {f"noisy {i}": voices[i] + noise[i] for i in range(6)},
        "120 dB from the loudest to the quietest": {
            f"{-24 * i} dB": voice / np.abs(voice).max() * 10 ** (-1.2 * i) for i, voice in enumerate(voices)
        },
    }


def train_and_reconstruct(recordings: dict[str, np.ndarray], folder: Path, epochs: int = 2) -> list[Comparison]:
    """Train a small model on the recordings and compare its reconstruction of each with the original.

    Raises
    ------
    InputError
        If the recordings cannot be trained on.
    """
    # After --help, which does not wait for TensorFlow.
    from speech_autoencoder.training import loop

    (folder / "audio").mkdir()
    for name, waveform in recordings.items():
        sf.write(folder / "audio" / f"{name}.wav", waveform, SR, "FLOAT")
    features = preset("fine", SR)
    building.build(folder / "audio", folder / "data.npy", features, workers=1)
    result = loop.train(
        dataset.load(folder / "data.npy", ""),
        ModelConfig(features.n_mels, 4, 22, 4, width=32, depth=1),
        TrainingConfig(epochs=epochs, batch_size=4),
        model_path=folder / "model.h5",
        checkpoint_path=folder / "model.npz",
    )
    encoder, comparisons = Encoder(result.model, LatentSearchConfig(steps=0)), []
    for name, waveform in recordings.items():
        reconstruct_recording(folder / "audio" / f"{name}.wav", encoder, InversionConfig(), folder / "out.wav")
        comparisons.append(compare(name, waveform, sf.read(folder / "out.wav")[0]))
    return comparisons


def compare(name: str, reference: np.ndarray, estimate: np.ndarray) -> Comparison:
    """Return how a reconstruction compares with its original, both (n_samples,)."""
    if len(estimate) != len(reference) or not np.isfinite(estimate).all():
        raise ArithmeticError(f"{name}: {len(reference)} samples became {len(estimate)}, or some are not finite")
    sound = reference - np.mean(reference)
    level = np.sqrt(np.mean(sound**2))
    level_db = 20 * np.log10(np.sqrt(np.mean((estimate - estimate.mean()) ** 2)) / level) if level > SILENT else None
    window, around = round(_WINDOW_S * SR), round(_AROUND_S * SR)
    excess = [
        np.abs(estimate[start : start + window]).max()
        - np.abs(sound[max(0, start - around) : start + window + around]).max()
        for start in range(0, len(estimate), window)
    ]
    return Comparison(name, float(np.abs(estimate).max()), level_db, max(0.0, float(max(excess))))


def rows(names: list[str]) -> Iterator[str]:
    """Yield the lines of the table of these corpora."""
    yield "| corpus | recordings | highest peak | level, dB: lowest, highest | worst click, full scale |"
    yield "|---|---|---|---|---|"
    for name in names:
        recordings = corpora()[name]
        with tempfile.TemporaryDirectory() as folder:
            try:
                comparisons = train_and_reconstruct(recordings, Path(folder))
            except InputError as error:
                yield f"| {name} | {len(recordings)} | refused: {str(error).replace(folder + os.sep, '')} | | |"
                continue
        levels = [each.level_db for each in comparisons if each.level_db is not None]
        range_db = f"{min(levels):+.2f}, {max(levels):+.2f}" if levels else "silent"
        peak, click = max(each.peak for each in comparisons), max(each.click for each in comparisons)
        yield f"| {name} | {len(recordings)} | {peak:.3f} | {range_db} | {click:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", nargs="+", default=list(corpora()), help="of the table (default: all)")
    for line in rows(parser.parse_args().corpora):
        print(line, flush=True)


if __name__ == "__main__":
    main()
