"""The systems from the program that this one replaces to this one, one change after another."""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.quality import old_program, original_network
from benchmarks.running import run_script
from speech_autoencoder.audio.log_mel import denormalise, hann, join_clips
from speech_autoencoder.audio.reading import read
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct, to_waveform
from speech_autoencoder.config import CLASSIC, InversionConfig, LatentSearchConfig
from speech_autoencoder.data import dataset
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.model import model_file
from speech_autoencoder.model.model_file import TrainedModel

# Values per second.
_LATENT_RATE = original_network.LATENT_RATE
_MEL_RATE = CLASSIC.n_mels * CLASSIC.frame_rate
_EXTREMES_RATE = 2 / CLASSIC.n_frames * CLASSIC.frame_rate  # of each clip, which the old decoder is told too

Sound = Callable[[int], np.ndarray]  # recording's index -> its waveform at the features' rate
Frames = Callable[[int], np.ndarray]  # recording's index -> its normalised log-mel (n_mels, n_frames)


@dataclass(frozen=True)
class System:
    """A row of the table: a system's name, its sound of each recording, its latent rate and its costs."""

    name: str
    sound: Sound
    latent_per_second: float
    n_weights: int = 0
    training_s: float | None = None
    epochs: int | None = None


@dataclass(frozen=True)
class Material:
    """The arrays to train on and to test with, the folder that they are in, and the options of the command line."""

    training: Dataset
    testing: Dataset
    folder: Path
    args: argparse.Namespace


def make_material(args: argparse.Namespace, folder: Path) -> Material:
    """Make the arrays of `classic` features of the corpus that args name, with the scripts, in folder."""
    training_dir, testing_dir = args.training_dir.resolve(), args.testing_dir.resolve()
    run_script("train_data_generator", folder, "--audio-dir", training_dir, "--preset", CLASSIC.preset)
    run_script("test_data_generator", folder, "--audio-dir", testing_dir)
    training, testing = (
        dataset.load(folder / f"{side}_data.npy", f"{side}_data_generator.py") for side in ("train", "test")
    )
    return Material(training, testing, folder, args)


def systems(material: Material) -> Iterator[System]:
    """Yield the rows; each is trained when it is asked for."""
    frames = material.testing.frames
    yield System("old features and inversion, no network", _old_sound(material), _MEL_RATE)
    yield System("our features and inversion, no network", lambda i: _our_inversion(frames(i)), _MEL_RATE)

    yield the_old_program(material)

    clips = material.training.clips[:]
    network, costs = _train_old(old_program.stretch(clips), material.args)
    stretched = _apply_to_clips(material.testing, network, stretched=True)
    rate = _LATENT_RATE + _EXTREMES_RATE
    yield System("+ features", lambda i: _old_inversion(stretched(i), material.args), rate, **costs)

    network, costs = _train_old(clips, material.args)
    plain = _apply_to_clips(material.testing, network, stretched=False)
    yield System("+ normalisation", lambda i: _old_inversion(plain(i), material.args), _LATENT_RATE, **costs)
    yield System("+ inversion", lambda i: _our_inversion(plain(i)), _LATENT_RATE, **costs)

    network, costs = _train_original(material)
    yield System("+ training", _original_sound(network, frames), _LATENT_RATE, **costs)

    model, costs = _train_ours(material)
    yield System("+ network", _model_sound(model, frames, steps=0), _LATENT_RATE, **costs)
    searched = _model_sound(model, frames, steps=LatentSearchConfig().steps)
    yield System("+ latent search: this program", searched, _LATENT_RATE, **costs)
    baseline = model.baseline.reconstruct
    pca = "PCA baseline, our features and inversion"
    yield System(pca, lambda i: _our_inversion(baseline(frames(i))), _LATENT_RATE)


def the_old_program(material: Material) -> System:
    """Train the program that this one replaces, and return it as a row."""
    clips = np.concatenate([_old_clip(material.training, i) for i in range(len(material.training.names))])
    network, costs = _train_old(old_program.stretch(clips), material.args)
    return System("the old program", _old_sound(material, network), _LATENT_RATE + _EXTREMES_RATE, **costs)


def _old_clip(data: Dataset, i: int) -> np.ndarray:
    """Return (1, 128, 48, 1) dB of a recording, as the old program sees it."""
    return old_program.analyse(read(data.path(i), CLASSIC.sr))[None, :, :, None]


def _old_sound(material: Material, network: keras.Model | None = None) -> Sound:
    """Return the old program's sound of each recording, without a network if there is none."""

    def sound(i: int) -> np.ndarray:
        clips = _old_clip(material.testing, i)
        if network:
            clips = old_program.apply_network(network, clips, stretched=True)
        return old_program.synthesise(clips[0, :, :, 0], seed=material.args.seed)

    return sound


def _apply_to_clips(data: Dataset, network: keras.Model, *, stretched: bool) -> Frames:
    """Return the output of a network that was trained on single clips, for each recording."""

    def frames(i: int) -> np.ndarray:
        clips = np.asarray(data.clips[data.first_row[i] : data.first_row[i + 1]])
        return join_clips(old_program.apply_network(network, clips, stretched=stretched), data.n_frames[i])

    return frames


def _old_inversion(frames: np.ndarray, args: argparse.Namespace) -> np.ndarray:
    """Return the waveform of our normalised log-mel (n_mels, n_frames), inverted as the old program does."""
    mel = denormalise(frames, CLASSIC) * (hann(CLASSIC.n_fft).sum() / 2)
    return old_program.invert(mel, seed=args.seed, power=1.0, norm=None)


def _our_inversion(frames: np.ndarray) -> np.ndarray:
    """Return the waveform of our normalised log-mel (n_mels, n_frames), inverted as the scripts do."""
    n_samples = (frames.shape[1] - 1) * CLASSIC.hop_length
    return np.concatenate(list(to_waveform([frames], CLASSIC, InversionConfig(), CLASSIC.sr, n_samples)))


def _train_old(clips: np.ndarray, args: argparse.Namespace) -> tuple[keras.Model, dict[str, Any]]:
    """Train the old network on clips as the old program does; return it with its costs."""
    start = time.monotonic()
    network, epochs = old_program.train(clips, minutes=args.minutes, seed=args.seed)
    return network, _costs(network.count_params(), start, epochs)


def _train_original(material: Material) -> tuple[keras.Model, dict[str, Any]]:
    """Train the old network as the scripts train theirs; return it with its costs."""
    start, args = time.monotonic(), material.args
    network, epochs = original_network.train(material.training, minutes=args.minutes, seed=args.seed)
    return network, _costs(network.count_params(), start, epochs)


def _original_sound(network: keras.Model, frames: Frames) -> Sound:
    """Return the sound of each recording through the old program's network."""
    return lambda i: _our_inversion(original_network.reconstruct(network, frames(i)))


def _train_ours(material: Material) -> tuple[TrainedModel, dict[str, Any]]:
    """Train a model with the script; return it with its costs."""
    start, args = time.monotonic(), material.args
    options = ("--minutes", args.minutes, "--seed", args.seed)
    run_script("autoencoder_for_many_data", material.folder, *options)
    model = model_file.load(material.folder / "my_model_for_many_data.h5")
    return model, _costs(model.network.n_weights, start, len(model.description["history"]["minutes"]))


def _costs(n_weights: int, start: float, epochs: int) -> dict[str, Any]:
    """Return the costs of a training that began at start, as a System has them."""
    return {"n_weights": n_weights, "training_s": time.monotonic() - start, "epochs": epochs}


def _model_sound(model: TrainedModel, frames: Frames, *, steps: int) -> Sound:
    """Return the sound of each recording through our model, with these steps of latent search."""
    encoder = Encoder(model, LatentSearchConfig(steps=steps))
    return lambda i: _our_inversion(reconstruct(encoder, frames(i)))
