"""From one recording to another: the ends are the reconstructions, what is between stands between."""

import tracemalloc

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio.reading import read
from speech_autoencoder.codec import interpolation
from speech_autoencoder.codec.interpolation import Alignment, EncodedSound, align, between, interpolate_recordings
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct_recording
from speech_autoencoder.codec.waveforms import encode_waveform
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from tests.helpers.common import make_speech, refused
from tests.helpers.tiny_codec import make_codec, record

QUICK = InversionConfig(griffin_lim_rounds=4, segment_s=4.0)


@pytest.fixture(scope="module")
def encoder():
    return Encoder(make_codec(), LatentSearchConfig(steps=2))


def outputs(folder, n):
    """Return the paths of n files."""
    return [folder / f"{i}.wav" for i in range(n)]


def encoded(encoder, sound, sr=8_000):
    """Return a sound as its latents."""
    return EncodedSound(np.concatenate(list(encode_waveform(encoder, [sound], sr))), sr, len(sound))


def slower(sound, times):
    """Return a sound (n_samples,) that is played more slowly."""
    return np.interp(np.arange(round(len(sound) * times)) / times, np.arange(len(sound)), sound).astype(np.float32)


def test_interpolate_recordings_ends_are_the_reconstructions(encoder, tmp_path):
    one, other = record(tmp_path / "a.wav", 9_000, 8_000), record(tmp_path / "b.wav", 30_011, 11_025, seed=1)
    paths = outputs(tmp_path, 4)
    log_mels = interpolate_recordings((one, other), encoder, QUICK, paths)
    for path, written in ((one, paths[0]), (other, paths[-1])):
        reconstruct_recording(path, encoder, QUICK, tmp_path / "plain.wav")
        assert written.read_bytes() == (tmp_path / "plain.wav").read_bytes()
    seconds = [sf.info(path).duration for path in paths]
    np.testing.assert_allclose(seconds, np.linspace(9_000 / 8_000, 30_011 / 11_025, 4), atol=2e-4)
    assert [sf.info(path).samplerate for path in paths] == [8_000, 11_025, 11_025, 11_025]
    assert [log_mel.shape[1] for log_mel in log_mels] == sorted(log_mel.shape[1] for log_mel in log_mels)


def test_interpolate_recordings_two_steps_are_the_ends(encoder, tmp_path):
    path, paths = record(tmp_path / "a.wav", 5_000), outputs(tmp_path, 2)
    interpolate_recordings((path, path), encoder, QUICK, paths)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_interpolate_recordings_of_the_same_stays_the_same(encoder, tmp_path):
    path, paths = record(tmp_path / "a.wav", 9_000), outputs(tmp_path, 5)
    interpolate_recordings((path, path), encoder, QUICK, paths)
    for other in paths[1:]:
        np.testing.assert_array_equal(read(other), read(paths[0]))


@pytest.mark.parametrize("sizes", [(1, 1), (1, 20_000), (40_000, 64)])
def test_interpolate_recordings_of_any_lengths(encoder, tmp_path, sizes):
    one, other = (record(tmp_path / f"in{i}.wav", size, seed=i) for i, size in enumerate(sizes))
    paths = outputs(tmp_path, 3)
    interpolate_recordings((one, other), encoder, QUICK, paths)
    assert [sf.info(path).frames for path in paths] == [sizes[0], round(sum(sizes) / 2), sizes[1]]


def test_interpolate_recordings_towards_silence_gets_quieter(trained, tmp_path):
    sf.write(tmp_path / "silence.wav", np.zeros(8_000), 8_000)
    sf.write(tmp_path / "speech.wav", 3 * make_speech(8_000, 8_000), 8_000)
    paths, encoder = outputs(tmp_path, 4), Encoder(trained[0].model, LatentSearchConfig(steps=2))
    interpolate_recordings((tmp_path / "speech.wav", tmp_path / "silence.wav"), encoder, QUICK, paths)
    levels = [np.sqrt(np.mean(read(path) ** 2)) for path in paths]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] < 1e-3 < 0.01 < levels[0]


def test_interpolate_recordings_levels_are_between(trained, tmp_path):
    """Also where harmonics do not match: half of each would be quieter than both."""
    for name, gain, seed in (("a", 3, 0), ("b", 1, 5)):
        sf.write(tmp_path / f"{name}.wav", gain * make_speech(10_000, 8_000, seed), 8_000)
    paths, encoder = outputs(tmp_path, 5), Encoder(trained[0].model, LatentSearchConfig(steps=2))
    interpolate_recordings((tmp_path / "a.wav", tmp_path / "b.wav"), encoder, QUICK, paths)
    levels = [10 * np.log10(np.mean(read(path) ** 2)) for path in paths]
    np.testing.assert_allclose(levels, np.linspace(levels[0], levels[-1], 5), atol=1)


def test_interpolate_recordings_ticks_count_what_is_encoded_and_written(encoder, tmp_path):
    one, other, ticks = record(tmp_path / "a.wav", 8_000), record(tmp_path / "b.wav", 24_000), []
    interpolate_recordings((one, other), encoder, QUICK, outputs(tmp_path, 3), tick=ticks.append)
    assert sum(ticks) == pytest.approx(4 + 6)


def test_interpolate_recordings_too_long_is_refused_before_it_is_encoded(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(interpolation, "_MOST_LATENTS", 200)
    one, other = record(tmp_path / "a.wav", 8_000), record(tmp_path / "long.wav", 80_000)
    monkeypatch.setattr(interpolation, "encode_waveform", None)
    limit = int(200 * 4 * 64 / 8_000)

    def interpolate():
        interpolate_recordings((one, other), encoder, QUICK, outputs(tmp_path, 3))

    refused("long.wav has 10 s", f"cut it to {limit} s or less", do=interpolate)
    assert not outputs(tmp_path, 1)[0].exists()


def test_align_of_a_sound_that_is_slower_is_a_line(encoder):
    sound = make_speech(16_000, 8_000)
    first, second = encoded(encoder, sound), encoded(encoder, slower(sound, 1.5))
    alignment = align(encoder.model, first, second)
    assert (alignment.first[0], alignment.second[0]) == (0, 0)
    assert (alignment.first[-1], alignment.second[-1]) == (len(first.latents) - 1, len(second.latents) - 1)
    np.testing.assert_allclose(alignment.second, 1.5 * alignment.first, atol=3)


def test_align_finds_what_was_delayed(trained):
    """The same words after pauses of other lengths: they are aligned with one another, not with the pauses."""
    encoder = Encoder(trained[0].model, LatentSearchConfig(steps=0))
    model, sound = encoder.model, 3 * make_speech(22_050, 22_050)
    pauses = [np.zeros(n, np.float32) for n in (22_050, 2_205)]
    first = encoded(encoder, np.concatenate([pauses[0], sound, pauses[1]]), 22_050)
    second = encoded(encoder, np.concatenate([pauses[1], sound, pauses[0]]), 22_050)
    alignment = align(model, first, second)
    per_second = model.features.frame_rate / model.config.frames_per_latent
    middle = np.interp(1.5 * per_second, alignment.first, alignment.second) / per_second
    assert middle == pytest.approx(0.6, abs=0.1)
    for positions in (alignment.first, alignment.second):
        assert (np.diff(positions) >= 0).all()


def test_between_moves_latents_and_times_alike(encoder):
    model = encoder.model
    step = model.config.frames_per_latent * model.features.hop_length
    n = 101
    ramp = np.linspace(0, 1, n, dtype=np.float32)[:, None] * np.ones(6, np.float32)
    first, second = EncodedSound(ramp, 8_000, (n - 1) * step), EncodedSound(5 + ramp[::2], 8_000, (n - 1) * step // 2)
    alignment = Alignment(np.arange(0.0, n), np.arange(0.0, n) / 2)
    assert between(model, first, second, alignment, 0) is first
    assert between(model, first, second, alignment, 1) is second
    quarter = between(model, first, second, alignment, 0.25)
    assert quarter.n_samples == round(0.75 * first.n_samples + 0.25 * second.n_samples)
    np.testing.assert_allclose(quarter.latents[:88], (1.25 + np.arange(88) / 87.5)[:, None] * np.ones(6), atol=1e-5)


def best_cost(distance):
    """Return the cost of the cheapest path by the recursion itself."""
    n, holding = len(distance), interpolation._HOLDING * distance.mean()
    cost = np.full((n + 1, n + 1), np.inf)
    for i in range(n):
        for j in range(n):
            here = distance[i, j]
            ways = (cost[i, j] + 2 * here, cost[i, j + 1] + here + holding, cost[i + 1, j] + here + holding)
            cost[i + 1, j + 1] = here if i == j == 0 else min(ways)
    return cost[n, n]


@pytest.mark.parametrize("n", [1, 2, 3, 17, 40])
def test_warp_finds_the_cheapest_path(n):
    distance = np.random.default_rng(n).random((n, n)) ** 3
    path = interpolation._warp(distance)
    steps = np.diff(path, axis=0)
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [n - 1, n - 1]
    assert set(map(tuple, steps.tolist())) <= {(1, 1), (1, 0), (0, 1)}
    is_both = steps.sum(axis=1) == 2
    cost = distance[0, 0] + (distance[tuple(path[1:].T)] * (1 + is_both)).sum()
    cost += interpolation._HOLDING * distance.mean() * (~is_both).sum()
    assert cost == pytest.approx(best_cost(distance))


def test_align_memory_of_the_longest_is_bounded(encoder):
    sound = EncodedSound(np.random.default_rng(0).random((1_000, 6), np.float32), 8_000, 256_000)
    tracemalloc.start()
    try:
        align(encoder.model, sound, sound)
        assert tracemalloc.get_traced_memory()[1] < 6 * 1_000**2
    finally:
        tracemalloc.stop()
