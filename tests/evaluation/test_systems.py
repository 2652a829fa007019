"""The systems that are compared: what each makes of a log-mel, and its latent rate."""

import numpy as np
import pytest

from speech_autoencoder.codec import streaming
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from speech_autoencoder.evaluation.systems import COPY_SYNTHESIS, MODEL, PCA, SYSTEMS, other_model, waveform_of

NO_SEARCH = LatentSearchConfig(steps=0)


def test_systems_log_mels_are_those_of_model_baseline_and_recording(small_arrays, shaken):
    frames, encoder = small_arrays[1].frames(0), Encoder(shaken, NO_SEARCH)
    assert list(SYSTEMS) == ["model", "pca", "copy_synthesis"]
    assert np.array_equal(MODEL.log_mel(encoder, frames), reconstruct(encoder, frames))
    assert np.array_equal(PCA.log_mel(encoder, frames), shaken.baseline.reconstruct(frames))
    assert np.array_equal(COPY_SYNTHESIS.log_mel(encoder, frames), frames)
    assert [system.changes_log_mel for system in SYSTEMS.values()] == [True, True, False]


def test_systems_encode_gives_what_decode_takes(small_arrays, shaken):
    frames, encoder = small_arrays[1].frames(0), Encoder(shaken, NO_SEARCH)
    latents = {key: system.encode(encoder, frames) for key, system in SYSTEMS.items()}
    assert np.array_equal(latents["model"], shaken.network.encode(frames))
    assert np.array_equal(latents["copy_synthesis"], frames.T)
    seconds = frames.shape[1] / shaken.features.frame_rate
    for key in ("model", "pca"):
        size = latents[key].shape[1]
        assert abs(latents[key].size - SYSTEMS[key].latent_rate(shaken) * seconds) <= size
        assert SYSTEMS[key].decode(encoder, latents[key][:1], 3).shape == (len(frames), 3)


def test_systems_long_recordings_are_the_same_to_the_bit(small_arrays, shaken, monkeypatch):
    monkeypatch.setattr(streaming, "PART_FRAMES", 64)
    frames = np.concatenate([small_arrays[1].frames(i) for i in range(6)] * 2, axis=1)
    assert frames.shape[1] > 4 * 64
    encoder = Encoder(shaken, LatentSearchConfig(steps=2))
    assert np.array_equal(MODEL.log_mel(encoder, frames), reconstruct(encoder, frames))


def test_systems_latent_rates_are_those_of_the_model_file(shaken):
    rates = [system.latent_rate(shaken) for system in SYSTEMS.values()]
    assert rates == [shaken.latent_rate, shaken.baseline.latent_rate(shaken.features), None]
    assert rates[1] == pytest.approx(rates[0])


def test_other_model_reconstructs_with_its_own_encoder(small_arrays, shaken, trained):
    frames, other = small_arrays[1].frames(0), Encoder(trained[0].model, NO_SEARCH)
    log_mel = other_model(other).log_mel(Encoder(shaken, NO_SEARCH), frames)
    assert np.array_equal(log_mel, reconstruct(other, frames))


def test_waveform_of_has_the_length_of_the_recording(small_arrays):
    testing = small_arrays[1]
    waveform = waveform_of(testing, 1, testing.frames(1), InversionConfig(griffin_lim_rounds=2))
    assert waveform.shape == (testing.n_samples[1],)
