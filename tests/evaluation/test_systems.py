"""The systems that are compared: what each makes of a log-mel, and its latent rate."""

from dataclasses import replace

import numpy as np
import pytest

from speech_autoencoder.codec import streaming
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct
from speech_autoencoder.config import CLASSIC, InversionConfig, LatentSearchConfig, preset
from speech_autoencoder.evaluation.scoring import Scorer
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


def test_scorer_gives_the_model_the_frames_between_of_recordings_that_are_there(small_arrays, shaken, tmp_path):
    testing, received = small_arrays[1], {}

    def system_of(key, sees_between):
        def encode(encoder, frames):
            received.setdefault(key, []).append(frames)
            return COPY_SYNTHESIS.encode(encoder, frames[: testing.features.n_mels])

        return replace(COPY_SYNTHESIS, key=key, encode=encode, sees_between=sees_between)

    systems = [system_of("model", sees_between=True), system_of("pca", sees_between=False)]
    inversion = InversionConfig(griffin_lim_rounds=1)
    for data in (testing, replace(testing, audio_dir=tmp_path)):
        Scorer(data, Encoder(shaken, NO_SEARCH), inversion, systems)([0], as_segment=False)
    frames = testing.frames(0)
    expected = np.concatenate([frames, testing.frames_between(0, testing.read(0))])
    for given, wanted in zip(received["model"] + received["pca"], [expected, frames, frames, frames], strict=True):
        np.testing.assert_array_equal(given, wanted)


def test_system_frame_ms_is_half_as_long_for_the_model_where_features_lack_frames_between():
    assert [system.frame_ms(CLASSIC) for system in SYSTEMS.values()] == pytest.approx([11.61, 23.22, 23.22], abs=0.01)
    assert {system.frame_ms(preset("fine", 8_000)) for system in SYSTEMS.values()} == {8.0}
