"""A recording is encoded within a bitrate, and decoded with its rate and length."""

import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio import decoding
from speech_autoencoder.audio.log_mel import log_mel, mel_spectrogram_stream
from speech_autoencoder.audio.reading import read, read_stream
from speech_autoencoder.codec import container, rate_control, recording_codec, streaming
from speech_autoencoder.codec.container import BLOCK_LATENTS, Header
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.range_coder import LatentCoder
from speech_autoencoder.codec.recording_codec import blocks_of, decode_recording, encode_recording
from speech_autoencoder.config import CLASSIC, InversionConfig, LatentSearchConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import quantisation
from speech_autoencoder.model.entropy_model import RADIUS, TABLE_BITS
from tests.helpers.common import TINY, names_in, refused
from tests.helpers.tiny_codec import N_QUALITIES, make_codec, record

# How well the phase is found is tested elsewhere.
QUICK = InversionConfig(griffin_lim_rounds=1, segment_s=4.0)


@pytest.fixture(scope="module")
def model():
    return make_codec()


@pytest.fixture(scope="module")
def encoder(model):
    return Encoder(model, LatentSearchConfig(steps=0))


def encode_and_decode(path, encoder, **how):
    """Encode a recording and decode it, and return the Encoded and the paths of both files, which are beside it."""
    encoded = encode_recording(path, encoder, path.with_suffix(".sae"), **how)
    output = path.with_name("decoded.wav")
    decode_recording(path.with_suffix(".sae"), encoder.model, output, QUICK)
    return encoded, path.with_suffix(".sae"), output


def latents_in(path, model):
    """Return the latents (n, C) in a .sae file."""
    return np.concatenate(list(recording_codec.latents_of(path, model, LatentCoder(model.entropy))))


# Lengths


def test_encode_decode_any_recording_keeps_rate_and_length(encoder, tmp_path):
    rng = np.random.default_rng(0)
    rates = (4_000, 8_000, 11_025, 16_000, 22_050)
    lengths = {1, 2, 63, 64, 65, 255, 256, 257}
    for number in range(200):
        sr = rates[number % len(rates)]
        n_samples = [*lengths][number] if number < len(lengths) else int(10 ** rng.uniform(0, np.log10(10 * sr)))
        path = record(tmp_path / "x.wav", n_samples, sr, number)
        encoded, _, output = encode_and_decode(path, encoder, bitrate=0.7)
        info = sf.info(output)
        assert (info.samplerate, info.frames) == (sr, n_samples)
        assert encoded.seconds == n_samples / sr


@pytest.mark.parametrize("features", [TINY, CLASSIC, replace(TINY, sr=11_025)], ids=["tiny", "classic", "odd rate"])
def test_count_frames_equals_what_encoding_makes(features, tmp_path):
    """The file does not say how many latents it has: both sides must count the same number."""
    rng = np.random.default_rng(1)
    for number in range(60):
        sr = int(rng.choice([4_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000, rng.integers(4_000, 192_000)]))
        n_samples = int(rng.integers(1, 12_000))
        path = record(tmp_path / "x.wav", n_samples, sr, number)
        n_frames = sum(chunk.shape[1] for chunk in mel_spectrogram_stream(read_stream(path, features.sr), features))
        assert Header(b"1234", sr, n_samples).count_frames(features) == n_frames, (sr, n_samples)


@pytest.mark.parametrize("share", [0.97, 1.03])
def test_encode_lossy_file_of_another_length_keeps_the_length_in_its_header(encoder, tmp_path, monkeypatch, share):
    path = record(tmp_path / "x.wav", 40_000)
    kept = np.resize(read(path), round(40_000 * share))
    monkeypatch.setattr(recording_codec, "read_stream", lambda *_, **__: iter([kept[:7_000], kept[7_000:]]))
    _, _, output = encode_and_decode(path, encoder, quality=3)
    assert sf.info(output).frames == 40_000


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory):
    """Return the path of a recording of 100 s: four blocks."""
    return record(tmp_path_factory.mktemp("long") / "long.wav", 800_000)


def test_encode_blocks_join_to_one_latent(encoder, long_recording, tmp_path):
    """Every block is decoded to within half a step, the last, shorter one too."""
    path = tmp_path / "long.sae"
    encoded = encode_recording(long_recording, encoder, path, quality=4)
    header = container.read_header(path)
    assert encoded.qualities == (4,) * 4
    assert header.count_latents(TINY, 4) == 3 * BLOCK_LATENTS + 54
    found = latents_in(path, encoder.model)
    given = encoder.model.network.encode(log_mel(read(long_recording), TINY))
    assert found.shape == given.shape
    assert np.abs(found - given).max() <= 0.5 * 2 * 0.75**4 + 1 / 256


def test_encode_and_decode_memory_does_not_grow_with_length(encoder, tmp_path, monkeypatch):
    """Smaller blocks and parts show the same with less sound."""
    monkeypatch.setattr(decoding, "BLOCK_SAMPLES", 20_000)
    monkeypatch.setattr(streaming, "PART_FRAMES", 512)
    for module in (recording_codec, container):
        monkeypatch.setattr(module, "BLOCK_LATENTS", 100)
    peaks = []
    for n_samples in (80_000, 320_000):
        path = record(tmp_path / "x.wav", n_samples)
        tracemalloc.start()
        try:
            encode_recording(path, encoder, tmp_path / "x.sae", quality=0)
            for _ in recording_codec.decode_stream(
                encoder.model, recording_codec.latents_of(tmp_path / "x.sae", *for_reading(encoder))
            ):
                pass
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def for_reading(encoder):
    """Return the model and the coder that recording_codec._latents needs."""
    return encoder.model, LatentCoder(encoder.model.entropy)


# Sizes


@pytest.mark.parametrize("bitrate", [1.1, 1.2, 1.3])
def test_encode_uses_the_finest_step_within_the_bitrate(encoder, tmp_path, bitrate):
    path, most = record(tmp_path / "x.wav", 36_000), bitrate * 1_000 * 4.5 / 8
    encoded = encode_recording(path, encoder, tmp_path / "x.sae", bitrate=bitrate)
    (quality,) = encoded.qualities
    content = (tmp_path / "x.sae").read_bytes()
    assert encoded.is_within
    assert encoded.n_bytes == len(content) <= most
    assert encoded.bitrate == pytest.approx(8 * len(content) / 4_500)
    assert 0 < quality < N_QUALITIES - 1
    encode_recording(path, encoder, tmp_path / "same.sae", quality=quality)
    assert (tmp_path / "same.sae").read_bytes() == content
    assert encode_recording(path, encoder, tmp_path / "finer.sae", quality=quality + 1).n_bytes > most


def test_encode_many_blocks_stay_within_the_bitrate_together(encoder, long_recording, tmp_path):
    encoded = encode_recording(long_recording, encoder, tmp_path / "long.sae", bitrate=1.1)
    assert 0.8 * 1.1 < encoded.bitrate <= 1.1
    assert len(encoded.qualities) == 4
    assert encoded.is_within


def test_encode_many_blocks_tries_few_steps_for_each(encoder, long_recording, tmp_path, monkeypatch):
    tried, one = [], rate_control.encode_block
    monkeypatch.setattr(rate_control, "encode_block", lambda *arguments: tried.append(arguments[-1]) or one(*arguments))
    encoded = encode_recording(long_recording, encoder, tmp_path / "a.sae", bitrate=3.0)
    assert len(tried) < 5 + 3 * (len(encoded.qualities) - 1)


def test_encode_too_low_bitrate_uses_the_coarsest_step_and_reports_it(encoder, tmp_path):
    encoded = encode_recording(record(tmp_path / "x.wav", 8_000), encoder, tmp_path / "x.sae", bitrate=0.05)
    assert encoded.qualities == (0,)
    assert not encoded.is_within
    assert encoded.bitrate > 0.05


def test_encode_very_high_bitrate_uses_the_finest_step(encoder, tmp_path):
    encoded = encode_recording(record(tmp_path / "x.wav", 8_000), encoder, tmp_path / "x.sae", bitrate=1e6)
    assert encoded.qualities == (N_QUALITIES - 1,)


def test_encode_short_recording_has_little_overhead(encoder, tmp_path):
    path = tmp_path / "x.sae"
    encode_recording(record(tmp_path / "x.wav", 36_000), encoder, path, quality=3)
    header, (block,) = (
        container.read_header(path),
        list(blocks_of(path, encoder.model, LatentCoder(encoder.model.entropy))),
    )
    assert path.stat().st_size - len(block.payload) <= 21
    values = quantisation.to_fixed(encoder.model.network.encode(log_mel(read(tmp_path / "x.wav"), TINY)))
    symbols, classes, _ = quantisation.quantise(quantisation.Predictor(encoder.model.entropy, 3), values)
    tables = encoder.model.entropy.tables
    bits = -np.log2(tables[classes, symbols + RADIUS] / 2**TABLE_BITS).sum()
    assert header.n_samples == 36_000
    assert 8 * len(block.payload) < bits + 9


def test_encode_decode_ticks_sum_to_the_recording(encoder, long_recording, tmp_path):
    ticks = []
    encode_recording(long_recording, encoder, tmp_path / "x.sae", quality=0, tick=ticks.append)
    assert sum(ticks) == pytest.approx(100)
    short, ticks = record(tmp_path / "x.wav", 20_000), []
    encode_recording(short, encoder, tmp_path / "x.sae", quality=0)
    decode_recording(tmp_path / "x.sae", encoder.model, tmp_path / "y.wav", QUICK, tick=ticks.append)
    assert sum(ticks) == pytest.approx(2.5)


def test_encode_with_a_search_gives_another_file(model, encoder, tmp_path):
    path = record(tmp_path / "x.wav", 8_000)
    encode_recording(path, encoder, tmp_path / "x.sae", quality=9)
    encode_recording(path, Encoder(model, LatentSearchConfig(steps=5)), tmp_path / "y.sae", quality=9)
    assert (tmp_path / "x.sae").read_bytes() != (tmp_path / "y.sae").read_bytes()


# Bad input


def test_decode_with_another_model_is_refused_and_leaves_the_old_file(encoder, tmp_path):
    encode_recording(record(tmp_path / "x.wav", 8_000), encoder, tmp_path / "x.sae", quality=0)
    (tmp_path / "y.wav").write_bytes(b"before")
    other = make_codec(seed=1)
    refused(
        "x.sae",
        "made with the model",
        "--model",
        do=lambda: decode_recording(tmp_path / "x.sae", other, tmp_path / "y.wav", QUICK),
    )
    assert (tmp_path / "y.wav").read_bytes() == b"before"
    assert names_in(tmp_path) == ["x.sae", "x.wav", "y.wav"]


def test_decode_truncated_and_hostile_are_refused(encoder, tmp_path):
    path, output = tmp_path / "x.sae", tmp_path / "y.wav"
    encode_recording(record(tmp_path / "x.wav", 8_000), encoder, path, quality=5)
    whole = path.read_bytes()
    body = whole[:-4]

    def decode():
        decode_recording(path, encoder.model, output, QUICK)

    for size in range(0, len(body), 7):
        path.write_bytes(whole[:size])
        refused("x.sae", do=decode)
        cut = body[:size]
        path.write_bytes(cut + zlib.crc32(cut).to_bytes(4, "big"))
        refused("x.sae", do=decode)
    (payload,) = [block.payload for block in _blocks_of(whole, encoder.model, path)]
    hostile = body[: -len(payload)] + b"\xff" * len(payload)
    path.write_bytes(hostile + zlib.crc32(hostile).to_bytes(4, "big"))
    refused("x.sae cannot be decoded", "no symbols", "encode it again", do=decode)
    assert not output.exists()


def _blocks_of(content, model, path):
    """Write the content to path, and return its blocks."""
    path.write_bytes(content)
    return _blocks_in(path, model)


def _blocks_in(path, model):
    return list(blocks_of(path, model, LatentCoder(model.entropy)))


def test_model_without_entropy_model_is_refused(model, tmp_path):
    bare = replace(model, entropy=None)
    path = record(tmp_path / "x.wav", 800)
    refused(
        "--codec",
        do=lambda: encode_recording(path, Encoder(bare, LatentSearchConfig(steps=0)), tmp_path / "x.sae", quality=0),
    )
    refused("--codec", do=lambda: decode_recording(path, bare, tmp_path / "y.wav", QUICK))


@pytest.mark.parametrize("quality", [-1, N_QUALITIES])
def test_encode_unknown_quality_is_refused(encoder, tmp_path, quality):
    path = record(tmp_path / "x.wav", 800)
    refused("0 to 9", do=lambda: encode_recording(path, encoder, tmp_path / "x.sae", quality=quality))
    assert names_in(tmp_path) == ["x.wav"]


def test_encode_cut_short_is_refused_or_encodes_what_is_there(encoder, tmp_path):
    path = record(tmp_path / "a.wav", 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="cut short"):
        encode_recording(path, encoder, tmp_path / "a.sae", quality=0)
    encoded = encode_recording(path, encoder, tmp_path / "a.sae", quality=0, salvage=True)
    assert encoded.seconds == pytest.approx(1, abs=0.01)


def test_encode_longer_than_a_day_is_refused(encoder, tmp_path, monkeypatch):
    path = record(tmp_path / "x.wav", 800)
    real = recording_codec.describe
    monkeypatch.setattr(
        recording_codec, "describe", lambda path, **_: replace(real(path), n_samples=8_000 * 86_400 + 1)
    )
    refused("x.wav", "86,400 s", do=lambda: encode_recording(path, encoder, tmp_path / "x.sae", quality=0))


@pytest.mark.parametrize("how", [{}, {"bitrate": 1.0, "quality": 1}])
def test_encode_needs_one_of_bitrate_and_quality(encoder, tmp_path, how):
    with pytest.raises(ValueError, match="either"):
        encode_recording(record(tmp_path / "x.wav", 800), encoder, tmp_path / "x.sae", **how)
