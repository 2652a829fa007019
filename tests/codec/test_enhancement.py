"""What latents leave out comes on top where the bitrate has room for it, and is nearer to the recording by that."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.audio.reading import read
from speech_autoencoder.codec import container
from speech_autoencoder.codec.container import BLOCK_LATENTS
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.range_coder import LatentCoder
from speech_autoencoder.codec.recording_codec import blocks_of, encode_recording, open_encoded
from speech_autoencoder.config import CODEC_SEARCH, InversionConfig, LatentSearchConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model.enhancement import Weighting
from tests.helpers.common import TINY, make_speech
from tests.helpers.tiny_codec import make_codec, record, with_enhancement

QUICK = InversionConfig(griffin_lim_rounds=1, segment_s=4.0)
# Samples of a block of the tiny codec.
BLOCK_SAMPLES = BLOCK_LATENTS * 4 * TINY.hop_length


@pytest.fixture(scope="module")
def plain():
    return make_codec()


@pytest.fixture(scope="module")
def model(plain):
    return with_enhancement(plain)


@pytest.fixture(scope="module")
def encoder(model):
    return Encoder(model, LatentSearchConfig(steps=0))


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return record(tmp_path_factory.mktemp("sound") / "x.wav", 24_000)


def decoded_frames(path, model):
    """Return the log-mel (n_mels, n_frames) that a .sae file holds."""
    chunks = []
    for _ in open_encoded(path, model, QUICK, watch=lambda kind, block: chunks.append((kind, block)))[1]:
        pass
    return np.concatenate([block for kind, block in chunks if kind == "reconstructed_mel"], axis=1)


def blocks(path, model):
    return list(blocks_of(path, model, LatentCoder(model.entropy)))


def error_of(path, recording, model):
    """Return the mean square error of what a file holds, weighted as the layer weights it."""
    frames, weighting = log_mel(read(recording), TINY), Weighting(TINY, model.loss, 4)
    values = weighting.to_values(decoded_frames(path, model), frames, weighting.level(frames))
    return float(np.mean(np.square(values)))


@pytest.mark.parametrize("steps", [0, CODEC_SEARCH.steps], ids=["quick", "search"])
def test_finer_steps_take_more_bytes_and_are_nearer(model, recording, tmp_path, steps):
    encoder, errors, sizes = Encoder(model, LatentSearchConfig(steps=steps)), [], []
    for quality in (model.n_base - 1, model.n_base + 12, model.n_qualities - 1):
        path = tmp_path / f"{quality}.sae"
        encoded = encode_recording(recording, encoder, path, quality=quality)
        assert encoded.qualities == (quality,)
        errors.append(error_of(path, recording, model))
        sizes.append(encoded.n_bytes)
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.65 * errors[0]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("steps", [0, CODEC_SEARCH.steps], ids=["quick", "search"])
def test_bitrate_with_room_is_used_for_the_layer(model, recording, tmp_path, steps):
    path, encoder = tmp_path / "x.sae", Encoder(model, LatentSearchConfig(steps=steps))
    encoded = encode_recording(recording, encoder, path, bitrate=4.5)
    assert model.n_base <= encoded.qualities[0] < model.n_qualities - 1
    assert 0.95 * 4.5 < encoded.bitrate <= 4.5
    assert encoded.is_within
    assert not encoded.is_finest


def test_no_bitrate_is_exceeded(encoder, recording, tmp_path):
    for bitrate in np.geomspace(1.2, 12, 40):
        encoded = encode_recording(recording, encoder, tmp_path / "x.sae", bitrate=bitrate)
        assert encoded.is_within
        assert encoded.bitrate <= bitrate


def test_loud_block_after_a_quiet_one_has_its_own_level_and_step(model, encoder, tmp_path):
    """The quiet one leaves its bits to the loud one."""
    speech = make_speech(BLOCK_SAMPLES, TINY.sr)
    sf.write(tmp_path / "x.wav", np.concatenate([0.2 * speech, speech]), TINY.sr, "FLOAT")
    for bitrate in (1.7, 3.0, 6.0):
        encoded = encode_recording(tmp_path / "x.wav", encoder, tmp_path / "x.sae", bitrate=bitrate)
        assert encoded.is_within
    quiet, loud, *_ = blocks(tmp_path / "x.sae", model)
    assert quiet.enhancement[0] < loud.enhancement[0]
    weighting, wanted, size, errors = Weighting(TINY, model.loss, 4), log_mel(read(tmp_path / "x.wav"), TINY), 4_096, []
    for quality in (model.n_base - 1, model.n_qualities - 1):
        encode_recording(tmp_path / "x.wav", encoder, tmp_path / "x.sae", quality=quality)
        frames = decoded_frames(tmp_path / "x.sae", model)
        parts = [(frames[:, part], wanted[:, part]) for part in (slice(size), slice(size, 2 * size))]
        values = [weighting.to_values(frames, right, weighting.level(right)) for frames, right in parts]
        errors.append([np.mean(np.square(each)) for each in values])
    assert (np.array(errors[1]) < 0.8 * np.array(errors[0])).all()


def test_end_of_a_recording_takes_no_bits_beyond_it(model, encoder, tmp_path):
    """A latent may reach beyond the last frame: what it makes there is not heard, and not corrected."""
    sizes = []
    for n_frames in (60, 61):
        path = record(tmp_path / "x.wav", (n_frames - 1) * TINY.hop_length)
        sizes.append(encode_recording(path, encoder, tmp_path / "x.sae", quality=model.n_qualities - 1).n_bytes)
    assert sizes[1] - sizes[0] < 1.3 * sizes[0] / 15


def test_low_bitrate_is_coded_as_without_the_layer(plain, model, recording, tmp_path):
    kept = []
    for each in (plain, model):
        path = tmp_path / "x.sae"
        encode_recording(recording, Encoder(each, LatentSearchConfig(steps=0)), path, bitrate=0.8)
        kept.append(blocks(path, each))
    assert kept[0] == kept[1]
    assert kept[1][0].enhancement is None


def test_blocks_with_and_without_the_layer_are_decoded_where_they_were(model, encoder, tmp_path):
    """A block of silence between two of speech has none."""
    speech = make_speech(BLOCK_SAMPLES - 1_000, TINY.sr)
    waveform = np.concatenate([speech, np.zeros(BLOCK_SAMPLES + 2_000, np.float32), speech])
    sf.write(tmp_path / "x.wav", waveform, TINY.sr)
    weighting, wanted, size, errors = Weighting(TINY, model.loss, 4), log_mel(waveform, TINY), BLOCK_LATENTS * 4, []
    for quality in (model.n_base - 1, model.n_qualities - 1):
        encode_recording(tmp_path / "x.wav", encoder, tmp_path / "x.sae", quality=quality)
        frames = decoded_frames(tmp_path / "x.sae", model)
        assert frames.shape == wanted.shape
        values = weighting.to_values(frames, wanted, weighting.level(wanted))
        parts = (slice(5, size // 4 - 5), slice(2 * size // 4 + 8, 3 * size // 4 - 8))
        errors.append([np.mean(np.square(values[part])) for part in parts])
    first, silent, *_ = blocks(tmp_path / "x.sae", model)
    assert first.enhancement
    assert (silent.quality, silent.enhancement) == (0, None)
    assert (np.array(errors[1]) < 0.65 * np.array(errors[0])).all()


def test_damaged_layer_is_refused_in_a_line(model, encoder, recording, tmp_path):
    path = tmp_path / "x.sae"
    encode_recording(recording, encoder, path, quality=model.n_qualities - 1)
    header, (block,) = container.read_header(path), blocks(path, model)
    for damaged in (b"", b"\xff" * len(block.enhancement)):
        container.write(path, header, [block._replace(enhancement=damaged)])
        with pytest.raises(InputError, match=r"^\S*x\.sae cannot be decoded: a block is damaged") as error:
            decoded_frames(path, model)
        assert "\n" not in str(error.value)


def test_file_of_a_model_with_another_layer_is_refused(plain, model, encoder, recording, tmp_path):
    encode_recording(recording, encoder, tmp_path / "x.sae", quality=0)
    for other in (plain, replace(model, enhancement=with_enhancement(plain, 3.0).enhancement)):
        with pytest.raises(InputError, match="made with the model"):
            decoded_frames(tmp_path / "x.sae", other)
