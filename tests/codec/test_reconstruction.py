"""A recording of any length is reconstructed as if in one piece, in bounded memory."""

import gc
import threading
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio import decoding
from speech_autoencoder.audio.inversion import invert
from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.audio.reading import read
from speech_autoencoder.codec import reconstruction, streaming
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import InversionConfig, LatentSearchConfig, LossConfig, ModelConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import pca
from speech_autoencoder.model.keras_network import build, start_at_pca, to_network
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.network import Network
from tests.helpers.common import TINY, make_dataset, shake

# Few steps: how well the phase is found is tested elsewhere.
QUICK = InversionConfig(griffin_lim_rounds=4, segment_s=4.0)


def tiny_encoder(frames_per_latent=8, latent_size=6, depth=1, *, steps=0, moved=0.2):
    """Return the Encoder of a small model whose weights are moved away from PCA."""
    data = make_dataset([f"{i}.wav" for i in range(8)], range(50, 90, 5))
    config = ModelConfig(TINY.n_mels, frames_per_latent, latent_size, width=8, depth=depth)
    baseline = pca.fit(data, np.arange(8), frames_per_latent, latent_size)
    network = build(config)
    start_at_pca(network, config, baseline)
    shake(network, moved)
    return Encoder(
        TrainedModel(to_network(network, config), TINY, LossConfig(), baseline, {}), LatentSearchConfig(steps=steps)
    )


def at_once(encoder, frames):
    """Return what the network makes of frames in one piece."""
    network = encoder.model.network
    return network.decode(network.encode(frames))[:, : frames.shape[1]]


@pytest.fixture(scope="module")
def encoder():
    return tiny_encoder()


def noise_frames(n_frames, n_mels=TINY.n_mels, seed=0):
    """Return normalised log-mel (n_mels, n_frames) of noise."""
    return np.random.default_rng(seed).random((n_mels, n_frames), np.float32)


def in_chunks(frames, size):
    """Return chunks of `size` frames."""
    return (frames[:, start : start + size] for start in range(0, frames.shape[1], size))


def voice(sr, seconds, seed=0):
    """Return a sound with harmonics and pauses (n_samples,), float32."""
    t = np.arange(round(seconds * sr)) / sr
    f0 = 120 + 30 * np.sin(2 * np.pi * 0.7 * t + seed)
    phase = 2 * np.pi * np.cumsum(f0) / sr
    sound = sum(np.sin(k * phase) / k for k in range(1, max(2, int(sr / 2 / 200))))
    return (0.1 * sound * (np.sin(2 * np.pi * 1.5 * t) > -0.5)).astype(np.float32)


@pytest.mark.parametrize("sizes", [(2, 4), (8, 1), (16, 3)], ids=["2 frames per latent, deep", "8", "16 and deep"])
@pytest.mark.parametrize("chunk", [613, 5_000])
def test_reconstruct_stream_in_chunks_equals_the_whole(sizes, chunk):
    encoder = tiny_encoder(sizes[0], depth=sizes[1])
    frames = noise_frames(7_001)
    whole = at_once(encoder, frames)
    parts = np.concatenate(list(reconstruction.reconstruct_stream(encoder, in_chunks(frames, chunk))), axis=1)
    assert parts.shape == whole.shape
    np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_reconstruct_stream_of_speech_features_equals_the_whole(shaken, small_arrays):
    frames = np.concatenate([small_arrays[0].frames(i % 15) for i in range(60)], axis=1)[:, :4_444]
    encoder = Encoder(shaken, LatentSearchConfig(steps=0))
    whole = at_once(encoder, frames)
    parts = np.concatenate(list(reconstruction.reconstruct_stream(encoder, in_chunks(frames, 300))), axis=1)
    np.testing.assert_allclose(parts, whole, atol=1e-5)


@pytest.mark.parametrize("n_frames", [1, 7, 8, 2_047, 2_048, 2_049, 2_080, 2_081, 4_096, 4_138])
def test_reconstruct_stream_any_length_loses_no_frame(encoder, n_frames):
    chunks = reconstruction.reconstruct_stream(encoder, in_chunks(noise_frames(n_frames), 1_000))
    assert sum(chunk.shape[1] for chunk in chunks) == n_frames


def test_reconstruct_stream_of_nothing_is_nothing(encoder):
    assert list(reconstruction.reconstruct_stream(encoder, [])) == []


def test_reconstruct_stream_encodes_parts_of_bounded_length(encoder, monkeypatch):
    seen, encode = [], Network.encode

    def watched(network, frames):
        seen.append(frames.shape[1])
        return encode(network, frames)

    monkeypatch.setattr(Network, "encode", watched)
    longest = []
    for n_frames in (7_000, 12_000):
        seen.clear()
        list(reconstruction.reconstruct_stream(encoder, in_chunks(noise_frames(n_frames), 512)))
        longest.append(max(seen))
    assert longest[0] == longest[1] < 2_300


@pytest.mark.parametrize("n_frames", [5, 5_003])
def test_reconstruct_stream_with_a_search_is_better_in_every_part(n_frames):
    plain, searching = tiny_encoder(moved=0.05), tiny_encoder(moved=0.05, steps=60)
    frames = 0.5 + 0.3 * np.sin(np.arange(n_frames) / 9 + np.arange(TINY.n_mels)[:, None]).astype(np.float32)
    errors = [np.square(reconstruction.reconstruct(encoder, frames) - frames) for encoder in (plain, searching)]
    for part in np.array_split(np.arange(n_frames), max(1, n_frames // 500)):
        assert errors[1][:, part].mean() < errors[0][:, part].mean()


@pytest.mark.parametrize("workers", [2, 5])
def test_reconstruct_stream_in_threads_gives_the_same(encoder, workers, monkeypatch):
    monkeypatch.setattr(streaming, "PART_FRAMES", 64)
    search = Encoder(encoder.model, LatentSearchConfig(steps=2))
    frames = noise_frames(500)
    one, several = (
        np.concatenate(list(reconstruction.reconstruct_stream(search, [frames], workers=n)), axis=1)
        for n in (1, workers)
    )
    np.testing.assert_array_equal(one, several)


def test_reconstruct_stream_in_threads_that_is_not_read_on_ends(encoder, monkeypatch):
    monkeypatch.setattr(streaming, "PART_FRAMES", 64)
    before, taken = threading.active_count(), 0

    def chunks():
        nonlocal taken
        for taken in range(1, 1_000):  # noqa: B007 (counts what was read)
            yield np.full((encoder.model.config.n_mels, 64), 0.5, np.float32)

    stream = reconstruction.reconstruct_stream(encoder, chunks(), workers=3)
    next(stream)
    stream.close()
    assert taken < 20  # the memory is bounded
    gc.collect()
    assert threading.active_count() == before


def test_reconstruct_stream_yields_before_the_recording_ends(encoder):
    taken = []

    def chunks():
        for number in range(100):
            taken.append(number)
            yield noise_frames(512)

    next(reconstruction.reconstruct_stream(encoder, chunks()))
    assert len(taken) < 10


@pytest.mark.parametrize("sr", [4_000, 8_000, 11_025, 44_100, 192_000])
@pytest.mark.parametrize("n_samples", [1, 333, 20_011])
def test_to_waveform_has_the_given_rate_and_length(sr, n_samples):
    n_frames = TINY.count_frames(-(-n_samples * TINY.sr // sr))
    blocks = reconstruction.to_waveform([noise_frames(n_frames)], TINY, QUICK, sr, n_samples)
    assert sum(map(len, blocks)) == n_samples


def test_reconstruct_recording_equals_features_network_and_inversion(encoder, tmp_path):
    sound = voice(TINY.sr, 1.7)
    sf.write(tmp_path / "in.wav", sound, TINY.sr, "FLOAT")
    n_samples = reconstruction.reconstruct_recording(tmp_path / "in.wav", encoder, QUICK, tmp_path / "out.wav")
    assert n_samples == len(sound)
    frames = at_once(encoder, log_mel(sound, TINY))
    expected = np.clip(invert(frames, TINY, QUICK, len(sound)), -1, 1)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(read(tmp_path / "out.wav"), expected, atol=1e-4)


def test_reconstruct_recording_latent_of_full_size_gives_the_recording(tmp_path):
    """A latent that loses nothing gives the recording: nothing is shifted, swapped or scaled on the way."""
    features = replace(TINY, n_mels=64, n_frames=32)
    data = make_dataset([f"{i}.wav" for i in range(20)], [32] * 20, features=features)
    config = ModelConfig(64, 2, latent_size=128, width=8)
    baseline = pca.fit(data, np.arange(20), 2, 128)
    network = build(config)
    start_at_pca(network, config, baseline)
    sound = voice(8_000, 2.0)
    sf.write(tmp_path / "in.wav", sound, 8_000)
    encoder = Encoder(
        TrainedModel(to_network(network, config), features, LossConfig(), baseline, {}), LatentSearchConfig()
    )
    inversion = InversionConfig(griffin_lim_rounds=30)
    reconstruction.reconstruct_recording(tmp_path / "in.wav", encoder, inversion, tmp_path / "out.wav")
    output = read(tmp_path / "out.wav")
    expected = log_mel(sound, features)
    error = log_mel(output, features) - expected
    assert np.sqrt(np.mean(error**2)) * features.range_db < 4
    heard = expected > expected.max() - 40 / features.range_db
    assert np.sqrt(np.mean(error[heard] ** 2)) * features.range_db < 1.2
    assert np.mean(output**2) == pytest.approx(np.mean(sound**2), rel=0.2)


@pytest.mark.parametrize(
    ("sr", "n_samples", "channels"),
    [(8_000, 160, 1), (192_000, 57_611, 1), (4_000, 3_001, 1), (44_100, 20_000, 2), (48_000, 9_999, 6), (8_000, 1, 1)],
    ids=["20 ms", "192 kHz", "4 kHz", "stereo", "six channels", "one sample"],
)
def test_reconstruct_recording_keeps_rate_and_length(encoder, tmp_path, sr, n_samples, channels):
    sound = np.resize(voice(sr, 0.5), (channels, n_samples)).T
    sf.write(tmp_path / "in.wav", sound, sr)
    reconstruction.reconstruct_recording(tmp_path / "in.wav", encoder, QUICK, tmp_path / "out.wav")
    info = sf.info(tmp_path / "out.wav")
    assert (info.samplerate, info.frames, info.channels, info.subtype) == (sr, n_samples, 1, "PCM_16")


def test_reconstruct_recording_silence_stays_silent(trained, tmp_path):
    sf.write(tmp_path / "in.wav", np.zeros(16_000), 16_000)
    encoder = Encoder(trained[0].model, LatentSearchConfig())
    reconstruction.reconstruct_recording(tmp_path / "in.wav", encoder, QUICK, tmp_path / "out.wav")
    assert np.abs(read(tmp_path / "out.wav")).max() < 1e-3


def other_sound(kind, sr, n_samples):
    """Return a sound (n_samples,) other than speech, at half of full scale or below."""
    t = np.arange(n_samples) / sr
    return {
        "tone": lambda: 0.5 * np.sin(2 * np.pi * 1_000 * t),
        "chord": lambda: sum(0.12 * np.sin(2 * np.pi * f * t) * np.exp(-3 * (t % 0.5)) for f in (262, 330, 392, 523)),
        "noise": lambda: 0.1 * np.random.default_rng(0).standard_normal(n_samples),
        "clicks": lambda: 0.5 * (np.arange(n_samples) % 2_000 == 0),
        "offset": lambda: np.full(n_samples, 0.3),
    }[kind]()


@pytest.mark.parametrize("kind", ["tone", "chord", "noise", "clicks", "offset"])
def test_reconstruct_recording_other_sound_is_not_much_louder(trained, tmp_path, kind):
    sound, encoder = other_sound(kind, 22_050, 33_000), Encoder(trained[0].model, LatentSearchConfig(steps=20))
    sf.write(tmp_path / "in.wav", sound, 22_050)
    reconstruction.reconstruct_recording(tmp_path / "in.wav", encoder, QUICK, tmp_path / "out.wav")
    output = read(tmp_path / "out.wav")
    assert np.sqrt(np.mean(output**2)) < 2 * np.sqrt(np.mean(sound**2))


def test_reconstruct_recording_reports_what_passes(encoder, tmp_path):
    sound, seen = voice(8_000, 9.0), {"mel": [], "reconstructed_mel": [], "waveform": []}
    sf.write(tmp_path / "in.wav", sound, 8_000, "FLOAT")
    reconstruction.reconstruct_recording(
        tmp_path / "in.wav", encoder, QUICK, tmp_path / "out.wav", watch=lambda kind, block: seen[kind].append(block)
    )
    mel = np.concatenate(seen["mel"], axis=1)
    np.testing.assert_allclose(mel, log_mel(sound, TINY), atol=1e-6)
    assert np.concatenate(seen["reconstructed_mel"], axis=1).shape == mel.shape
    assert len(np.concatenate(seen["waveform"])) == len(sound)


@pytest.mark.parametrize("content", [None, b"", b"no sound at all"], ids=["missing", "empty", "text"])
def test_reconstruct_recording_unusable_input_leaves_the_old_output(encoder, tmp_path, content):
    if content is not None:
        (tmp_path / "in.wav").write_bytes(content)
    (tmp_path / "out.wav").write_bytes(b"before")
    with pytest.raises(InputError, match=r"in\.wav"):
        reconstruction.reconstruct_recording(tmp_path / "in.wav", encoder, QUICK, tmp_path / "out.wav")
    assert (tmp_path / "out.wav").read_bytes() == b"before"


def test_reconstruct_recording_memory_does_not_grow_with_length(encoder, tmp_path, monkeypatch):
    # Files are read some minutes at a time: smaller blocks show the same with less sound.
    monkeypatch.setattr(decoding, "BLOCK_SAMPLES", 20_000)
    peaks, short = [], replace(QUICK, griffin_lim_rounds=1, segment_s=2.0)
    for seconds in (60, 180):
        sf.write(tmp_path / "in.wav", np.tile(voice(8_000, 1.0), seconds), 8_000)
        tracemalloc.start()
        try:
            reconstruction.reconstruct_recording(tmp_path / "in.wav", encoder, short, tmp_path / "out.wav")
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]
