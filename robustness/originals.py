"""Files of every kind that passes between the scripts, made of a few of the project's recordings."""

import shutil
from pathlib import Path
from typing import NamedTuple

from speech_autoencoder.data import building, dataset

_SPEECHDATA = Path(__file__).parents[2] / "speechdata" / "training"


class Originals(NamedTuple):
    """The paths: an array beside its sidecar, a model that is a codec, a file encoded with it."""

    array: Path
    model: Path
    encoded: Path


def make_originals(folder: Path) -> Originals:
    """An array of a few recordings, a codec trained on them for an epoch, and one of them encoded."""
    from speech_autoencoder.codec import recording_codec as codec
    from speech_autoencoder.codec.latent_search import Encoder
    from speech_autoencoder.config import CodecConfig, LatentSearchConfig, ModelConfig, TrainingConfig, preset
    from speech_autoencoder.training import loop as training

    features = preset("fine", 8_000)
    for path in sorted((_SPEECHDATA / "en-allison").iterdir())[:8]:
        (folder / "audio").mkdir(exist_ok=True)
        shutil.copy(path, folder / "audio")
    originals = Originals(folder / "array.npy", folder / "model.h5", folder / "recording.sae")
    building.build(folder / "audio", originals.array, features, workers=1)
    result = training.train(
        dataset.load(originals.array, ""),
        ModelConfig(features.n_mels, 4, 8, 4, width=16, depth=1),
        TrainingConfig(epochs=1, batch_size=4),
        model_path=originals.model,
        checkpoint_path=folder / "checkpoint.npz",
        codec=CodecConfig(knots=2, qualities=4, groups=2, hidden=4),
    )
    first = sorted((folder / "audio").iterdir())[0]
    codec.encode_recording(first, Encoder(result.model, LatentSearchConfig(steps=0)), originals.encoded, quality=1)
    return originals
