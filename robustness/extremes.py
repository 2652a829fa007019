"""Corpora that no one would record: each is trained on, or refused with a reason, and then reconstructed.

python -m robustness.extremes
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

from speech_autoencoder.audio.recordings import describe, read
from speech_autoencoder.config import InversionConfig, LatentSearchConfig, ModelConfig, TrainingConfig, preset
from speech_autoencoder.data import building, dataset
from speech_autoencoder.errors import InputError

SPEECH = Path(__file__).parents[2] / "speechdata" / "training" / "en-allison"
SR = 8_000
# Below this RMS a recording is silent: the floor of the features is at -100 dBFS.
SILENT = 1e-4
_WINDOW_S, _AROUND_S = 0.005, 0.015


@dataclass(frozen=True)
class Heard:
    """A reconstruction: its peak, its level over the original's (dB, None where that is silent), and its worst click.

    The click is the worst 5 ms: its peak over the original's peak within 15 ms around, in full scales; an offset of the
    original is no sound, and left out.
    """

    name: str
    peak: float
    level_db: float | None
    click: float


def speech(n_recordings: int) -> list[np.ndarray]:
    """Recordings of one voice, at SR."""
    paths = sorted(SPEECH.iterdir())[:n_recordings]
    return [soxr.resample(read(path), describe(path).sr, SR) for path in paths]


def corpora() -> dict[str, dict[str, np.ndarray]]:
    """{corpus: {recording: waveform at SR}}."""
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


def reconstructed(recordings: dict[str, np.ndarray], folder: Path, epochs: int = 2) -> list[Heard]:
    """What a small model, trained on the recordings, makes of each. Raises InputError where it cannot be trained."""
    from speech_autoencoder.codec.latent_search import Encoder
    from speech_autoencoder.codec.reconstruction import reconstruct_recording
    from speech_autoencoder.training import loop as training

    (folder / "audio").mkdir()
    for name, waveform in recordings.items():
        sf.write(folder / "audio" / f"{name}.wav", waveform, SR, "FLOAT")
    features = preset("fine", SR)
    building.build(folder / "audio", folder / "data.npy", features, workers=1)
    result = training.train(
        dataset.load(folder / "data.npy", ""),
        ModelConfig(features.n_mels, 4, 22, 4, width=32, depth=1),
        TrainingConfig(epochs=epochs, batch_size=4),
        model_path=folder / "model.h5",
        checkpoint_path=folder / "model.npz",
    )
    encoder, out = Encoder(result.model, LatentSearchConfig(steps=0)), []
    for name, waveform in recordings.items():
        reconstruct_recording(folder / "audio" / f"{name}.wav", encoder, InversionConfig(), folder / "out.wav")
        out.append(compare(name, waveform, sf.read(folder / "out.wav")[0]))
    return out


def compare(name: str, original: np.ndarray, made: np.ndarray) -> Heard:
    """How a reconstruction compares with its original, both (n_samples,)."""
    if len(made) != len(original) or not np.isfinite(made).all():
        raise ArithmeticError(f"{name}: {len(original)} samples became {len(made)}, or no numbers")
    sound = original - np.mean(original)
    level = np.sqrt(np.mean(sound**2))
    level_db = 20 * np.log10(np.sqrt(np.mean((made - made.mean()) ** 2)) / level) if level > SILENT else None
    window, around = round(_WINDOW_S * SR), round(_AROUND_S * SR)
    excess = [
        np.abs(made[start : start + window]).max()
        - np.abs(sound[max(0, start - around) : start + window + around]).max()
        for start in range(0, len(made), window)
    ]
    return Heard(name, float(np.abs(made).max()), level_db, max(0.0, float(max(excess))))


def rows(names: list[str]) -> Iterator[str]:
    """The lines of a table of these corpora."""
    yield "| corpus | recordings | peak, at most | level, dB: least, most | worst click, full scales |"
    yield "|---|---|---|---|---|"
    for name in names:
        recordings = corpora()[name]
        with tempfile.TemporaryDirectory() as folder:
            try:
                heard = reconstructed(recordings, Path(folder))
            except InputError as error:
                yield f"| {name} | {len(recordings)} | refused: {str(error).replace(folder + os.sep, '')} | | |"
                continue
        levels = [each.level_db for each in heard if each.level_db is not None]
        said = f"{min(levels):+.2f}, {max(levels):+.2f}" if levels else "silent"
        peak, click = max(each.peak for each in heard), max(each.click for each in heard)
        yield f"| {name} | {len(recordings)} | {peak:.3f} | {said} | {click:.3f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", nargs="+", default=list(corpora()))
    for line in rows(parser.parse_args().corpora):
        print(line, flush=True)


if __name__ == "__main__":
    main()
