"""Waveform -> latents -> waveform, however the waveform arrives."""

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio.reading import read
from speech_autoencoder.codec import reconstruction, streaming, waveforms
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.waveforms import count_latents, decode_waveform, encode_waveform
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from tests.helpers.common import make_speech
from tests.helpers.tiny_codec import make_codec, record

QUICK = InversionConfig(griffin_lim_rounds=4, segment_s=4.0)


@pytest.fixture(scope="module")
def encoder():
    return Encoder(make_codec(), LatentSearchConfig(steps=2))


def latents_of(encoder, blocks, sr, **options):
    """Return the latents (n_latents, latent_size) of blocks."""
    return np.concatenate(list(encode_waveform(encoder, blocks, sr, **options)))


@pytest.mark.parametrize("sr", [8_000, 11_025])
def test_encode_waveform_and_back_is_the_reconstruction(encoder, tmp_path, sr):
    path = record(tmp_path / "a.wav", 20_011, sr)
    reconstruction.reconstruct_recording(path, encoder, QUICK, tmp_path / "plain.wav")
    latents = latents_of(encoder, [read(path)], sr)
    sound = np.concatenate(list(decode_waveform(encoder.model, [latents], sr, 20_011, QUICK)))
    assert len(sound) == 20_011
    sf.write(tmp_path / "again.wav", np.clip(sound, -1, 1), sr, "PCM_16")
    np.testing.assert_array_equal(read(tmp_path / "again.wav"), read(tmp_path / "plain.wav"))


@pytest.mark.parametrize("size", [1_000, 10_000, 17_000])
def test_encode_waveform_does_not_depend_on_the_blocks(trained, monkeypatch, size):
    """To the bit: with blocks as they come, the products of `classic` differ in their last bits."""
    monkeypatch.setattr(waveforms, "BLOCK_SAMPLES", 10_000)
    encoder, sound = Encoder(trained[0].model, LatentSearchConfig(steps=0)), make_speech(60_000, 22_050)
    blocks = np.split(sound, range(size, len(sound), size))
    np.testing.assert_array_equal(latents_of(encoder, blocks, 22_050), latents_of(encoder, [sound], 22_050))


def test_encode_waveform_in_threads_gives_the_same(encoder, monkeypatch):
    monkeypatch.setattr(streaming, "PART_FRAMES", 64)
    sound = make_speech(40_000, 8_000)
    one, several = (latents_of(encoder, [sound], 8_000, workers=workers) for workers in (1, 3))
    np.testing.assert_array_equal(one, several)


@pytest.mark.parametrize(("n_samples", "sr"), [(1, 8_000), (64, 8_000), (12_345, 8_000), (999, 44_100)])
def test_count_latents_is_what_encode_waveform_yields(encoder, n_samples, sr):
    model = encoder.model
    expected = count_latents(n_samples, sr, model.features, model.config)
    assert latents_of(encoder, [make_speech(n_samples, sr)], sr).shape == (expected, model.config.latent_size)


def test_decode_waveform_of_too_few_latents_ends_in_silence(encoder):
    sound = np.concatenate(list(decode_waveform(encoder.model, [np.ones((9, 6), np.float32)], 8_000, 9_000, QUICK)))
    assert len(sound) == 9_000
    assert np.abs(sound[:1_000]).max() > 0
    assert not sound[8_000:].any()
