"""The systems that are compared: what each makes of a log-mel, and its latent rate."""

import numpy as np
import pytest

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
