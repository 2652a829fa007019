"""The systems from the program that this one replaces to this one, one mend after another."""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality import old_program
from benchmarks.running import run
from speech_autoencoder.audio.log_mel import denormalise, hann, join_clips
from speech_autoencoder.audio.reading import read
from speech_autoencoder.codec.reconstruction import reconstruct, to_waveform
from speech_autoencoder.config import CLASSIC, InversionConfig, LatentSearchConfig
from speech_autoencoder.data import dataset as datasets
from speech_autoencoder.data.dataset import Dataset

# Numbers per second: of the latent, of the log-mel, and of each clip's extremes, which the old decoder is told too.
_LATENT_RATE = 768 / CLASSIC.n_frames * CLASSIC.frame_rate
_MEL_RATE = CLASSIC.n_mels * CLASSIC.frame_rate
_EXTREMES_RATE = 2 / CLASSIC.n_frames * CLASSIC.frame_rate


@dataclass(frozen=True)
class System:
    """A row: what it is, a function from a recording's index to its sound at the features' rate, its costs."""

    name: str
    sound: Callable[[int], np.ndarray]
    numbers_per_second: float
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
    """The arrays of `classic` features of the corpus that args name, made by the scripts in folder."""
    run("train_data_generator", folder, "--audio-dir", args.training_dir.resolve(), "--preset", CLASSIC.preset)
    run("test_data_generator", folder, "--audio-dir", args.testing_dir.resolve())
    arrays = [datasets.load(folder / f"{side}_data.npy", f"{side}_data_generator.py") for side in ("train", "test")]
    return Material(*arrays, folder, args)


def systems(material: Material) -> Iterator[System]:
    """The rows, each trained when it is asked for."""
    frames = material.testing.frames
    yield System("the old features, inverted its way", _old_sound(material), _MEL_RATE)
    yield System("our features, inverted our way", lambda i: _our_inversion(frames(i)), _MEL_RATE)

    yield the_old_program(material)

    clips = material.training.clips
    network, costs = _train_old(old_program.stretch(clips), material.args)
    stretched = _through(material.testing, network, stretched=True)
    rate = _LATENT_RATE + _EXTREMES_RATE
    yield System("+ features", lambda i: _old_inversion(stretched(i), material.args), rate, **costs)

    network, costs = _train_old(clips, material.args)
    plain = _through(material.testing, network, stretched=False)
    yield System("+ normalisation", lambda i: _old_inversion(plain(i), material.args), _LATENT_RATE, **costs)
    yield System("+ inversion", lambda i: _our_inversion(plain(i)), _LATENT_RATE, **costs)

    network, costs = _train_original(material)
    yield System("+ training", _original_sound(network, frames), _LATENT_RATE, **costs)

    model, costs = _train_ours(material)
    yield System("+ network", _model_sound(model, frames, steps=0), _LATENT_RATE, **costs)
    steps = LatentSearchConfig().steps
    yield System(
        "+ search of the latent: this program", _model_sound(model, frames, steps=steps), _LATENT_RATE, **costs
    )
    floor = model.baseline.reconstruct
    yield System("PCA, as many numbers, our way", lambda i: _our_inversion(floor(frames(i))), _LATENT_RATE)


def the_old_program(material: Material) -> System:
    """The program that this one replaces, trained."""
    clips = np.concatenate([_old_clip(material.training, i) for i in range(len(material.training.names))])
    network, costs = _train_old(old_program.stretch(clips), material.args)
    return System("the old program", _old_sound(material, network), _LATENT_RATE + _EXTREMES_RATE, **costs)


def _old_clip(dataset, i):
    """(1, 128, 48, 1) dB of a recording, as the old program saw it."""
    return old_program.analyse(read(dataset.path(i), CLASSIC.sr))[None, :, :, None]


def _old_sound(material, network=None):
    """A function from a recording's index to the old program's sound of it, or with no network in between."""

    def sound(i):
        clips = _old_clip(material.testing, i)
        if network:
            clips = old_program.through(network, clips, stretched=True)
        return old_program.synthesise(clips[0, :, :, 0], seed=material.args.seed)

    return sound


def _through(dataset, network, *, stretched):
    """A function from a recording's index to what a network trained on single clips makes of its frames."""

    def frames(i):
        clips = np.asarray(dataset.clips[dataset.first_row[i] : dataset.first_row[i + 1]])
        return join_clips(old_program.through(network, clips, stretched=stretched), dataset.n_frames[i])

    return frames


def _old_inversion(frames, args):
    """The waveform of our normalised log-mel (n_mels, n_frames), inverted as the old program did."""
    mel = denormalise(frames, CLASSIC) * (hann(CLASSIC.n_fft).sum() / 2)
    return old_program.invert(mel, seed=args.seed, power=1.0, norm=None)


def _our_inversion(frames):
    """The waveform of our normalised log-mel (n_mels, n_frames), inverted as the scripts do."""
    n_samples = (frames.shape[1] - 1) * CLASSIC.hop_length
    return np.concatenate(list(to_waveform([frames], CLASSIC, InversionConfig(), CLASSIC.sr, n_samples)))


def _train_old(clips, args):
    """(the network trained on clips as the old program did, its costs)."""
    start = time.monotonic()
    network, epochs = old_program.train(clips, minutes=args.minutes, seed=args.seed)
    return network, _costs(network.count_params(), start, epochs)


def _train_original(material):
    """Return the old program's network, trained as the scripts train theirs, and its costs."""
    from benchmarks.quality import original_network

    start, args = time.monotonic(), material.args
    network, epochs = original_network.train(material.training, minutes=args.minutes, seed=args.seed)
    return network, _costs(network.count_params(), start, epochs)


def _original_sound(network, frames):
    """Return a function from a recording's index to its sound through the old program's network."""
    from benchmarks.quality import original_network

    return lambda i: _our_inversion(original_network.reconstruct(network, frames(i)))


def _train_ours(material):
    """Return the TrainedModel of the scripts, and its costs."""
    from speech_autoencoder.model import model_file

    start, args = time.monotonic(), material.args
    options = ("--minutes", args.minutes, "--seed", args.seed)
    run("autoencoder_for_many_data", material.folder, *options)
    model = model_file.load(material.folder / "my_model_for_many_data.h5")
    return model, _costs(model.network.n_weights, start, len(model.description["history"]["minutes"]))


def _costs(n_weights, start, epochs):
    """What a training that began at start cost, as a System has it."""
    return {"n_weights": n_weights, "training_s": time.monotonic() - start, "epochs": epochs}


def _model_sound(model, frames, *, steps):
    """Return a function from a recording's index to its sound through our model, with so many search steps."""
    from speech_autoencoder.codec.latent_search import Encoder

    encoder = Encoder(model, LatentSearchConfig(steps=steps))
    return lambda i: _our_inversion(reconstruct(encoder, frames(i)))
