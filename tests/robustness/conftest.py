"""Fixtures of the tests of robustness."""

import numpy as np
import pytest

from robustness.sample_files import SampleFiles
from speech_autoencoder.audio.writing import write_stream
from speech_autoencoder.codec import recording_codec
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import LatentSearchConfig, LossConfig
from speech_autoencoder.data import building
from speech_autoencoder.model import pca
from speech_autoencoder.model.keras_network import build, to_network
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.training.saving import save
from tests.helpers.common import TINY_MODEL, make_dataset, make_entropy, make_speech, shake


@pytest.fixture(scope="session")
def originals(tmp_path_factory):
    """Return SampleFiles with random weights, made in a moment."""
    folder = tmp_path_factory.mktemp("originals")
    data = make_dataset([f"{i}.wav" for i in range(4)], [40, 50, 60, 70])
    sr = data.features.sr
    (folder / "audio").mkdir()
    for i in range(3):
        write_stream(folder / "audio" / f"{i}.wav", [make_speech(4_000 + 1_000 * i, sr, i)], sr)
    files = SampleFiles(folder / "array.npy", folder / "model.h5", folder / "recording.sae")
    building.build(folder / "audio", files.array, data.features, workers=1)
    network = build(TINY_MODEL)
    shake(network)
    baseline = pca.fit(data, np.arange(4), *TINY_MODEL.baseline_shape)
    entropy = make_entropy(TINY_MODEL.latent_size, 2)
    network = to_network(network, TINY_MODEL)
    model = TrainedModel(network, data.features, LossConfig(), baseline, {"history": {}}, entropy)
    save(files.model, model)
    encoder = Encoder(model, LatentSearchConfig(steps=0))
    recording_codec.encode_recording(folder / "audio" / "0.wav", encoder, files.encoded, quality=1)
    return files
