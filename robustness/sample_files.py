"""Undamaged files of every kind that the scripts exchange, made from a few of the project's recordings."""

import shutil
from pathlib import Path
from typing import NamedTuple

from benchmarks.running import ROOT
from speech_autoencoder.codec import recording_codec
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import CodecConfig, LatentSearchConfig, ModelConfig, TrainingConfig, preset
from speech_autoencoder.data import building, dataset

_RECORDINGS = ROOT / "speechdata" / "training" / "en-allison"
_N_RECORDINGS = 8  # enough to train something, and a second's work


class SampleFiles(NamedTuple):
    """The paths of an array beside its sidecar, of a model for the codec, and of a file that was encoded with it."""

    array: Path
    model: Path
    encoded: Path


def make_sample_files(folder: Path) -> SampleFiles:
    """Make an array of a few recordings, train a model for the codec for one epoch, and encode a recording."""
    # Here, as the workers and other Pythons that only read the files need no TensorFlow.
    from speech_autoencoder.training import loop

    features = preset("fine", 8_000)
    (folder / "audio").mkdir(exist_ok=True)
    for path in sorted(_RECORDINGS.iterdir())[:_N_RECORDINGS]:
        shutil.copy(path, folder / "audio")
    files = SampleFiles(folder / "array.npy", folder / "model.h5", folder / "recording.sae")
    building.build(folder / "audio", files.array, features, workers=1)
    result = loop.train(
        dataset.load(files.array, ""),
        ModelConfig(features.n_mels, 4, 8, 4, width=16, depth=1),
        TrainingConfig(epochs=1, batch_size=4),
        model_path=files.model,
        checkpoint_path=folder / "checkpoint.npz",
        codec=CodecConfig(knots=2, qualities=4, groups=2, hidden=4),
    )
    first = sorted((folder / "audio").iterdir())[0]
    encoder = Encoder(result.model, LatentSearchConfig(steps=0))
    recording_codec.encode_recording(first, encoder, files.encoded, quality=1)
    return files
