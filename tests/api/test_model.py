"""`Model`: latents, reconstructions and bytes that are those of the commands, and arguments that are no sound."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile as sf

import speech_autoencoder as sa
from speech_autoencoder.audio import reading
from speech_autoencoder.audio.writing import write_stream
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.recording_codec import decode_recording, encode_recording
from speech_autoencoder.config import CODEC_SEARCH, InversionConfig, LatentSearchConfig
from speech_autoencoder.model import pretrained
from speech_autoencoder.training.saving import save
from tests.helpers.common import ROOT, make_speech, refused
from tests.helpers.tiny_codec import make_codec

SR = 12_000


@pytest.fixture(scope="module")
def trained():
    """Return a TrainedModel that is a codec."""
    return make_codec()


@pytest.fixture(scope="module")
def model(trained):
    """Return it for programs."""
    return sa.Model(trained, "codec.h5")


@pytest.fixture(scope="module")
def waveform():
    """Return some seconds of sound like speech, longer than a part and than a block, with an offset."""
    return make_speech(20 * SR, SR, 3).astype(np.float32) + np.float32(0.2)


@pytest.fixture
def recording(waveform, tmp_path):
    """Return a file of the waveform as it is, in floats."""
    sf.write(tmp_path / "a.wav", waveform, SR, subtype="FLOAT")
    return tmp_path / "a.wav"


# ---- round trips


def test_encode_and_decode_keep_what_the_model_can_hold(model):
    sound = make_speech(2 * SR, SR, 1)
    again = model.decode(model.encode(sound, SR), SR, len(sound))
    assert again.shape == sound.shape
    assert again.dtype == np.float32
    difference = sa.log_mel(again, SR, model.features) - sa.log_mel(sound, SR, model.features)
    assert np.abs(difference).mean() < np.abs(sa.log_mel(sound, SR, model.features)).mean()


def test_compress_and_decompress_give_the_length_and_rate_back(model, waveform):
    content = model.compress(waveform, SR, 1.6)
    again, sr = model.decompress(content)
    assert (len(again), sr) == (len(waveform), SR)
    assert len(content) * 8 / (len(waveform) / SR) <= 1_600
    assert len(model.compress(waveform, SR, bitrate=6)) > len(content)


@pytest.mark.parametrize("n_samples", [1, 2, 63, 64, 65, 4_001])
def test_model_takes_any_length(model, n_samples):
    sound = make_speech(5_000, SR, 2)[-n_samples:]
    latent = model.encode(sound, SR)
    assert latent.shape == (model.count_latents(n_samples, SR), model.latent_size)
    assert model.reconstruct(sound, SR).shape == (n_samples,)
    assert model.decompress(model.compress(sound, SR))[0].shape == (n_samples,)


# ---- equal to what the scripts and commands make


def test_reconstruct_is_the_sound_of_a_prediction(model, trained, waveform, recording, tmp_path):
    save(tmp_path / "model.h5", trained)
    sa.predict(recording, tmp_path / "model.h5", output=tmp_path / "out.wav")
    write_stream(tmp_path / "same.wav", [model.reconstruct(waveform, SR)], SR)
    assert (tmp_path / "same.wav").read_bytes() == (tmp_path / "out.wav").read_bytes()


@pytest.mark.parametrize("search", [True, False])
def test_compress_gives_the_bytes_of_the_command(model, trained, waveform, recording, tmp_path, search):
    encoder = Encoder(trained, CODEC_SEARCH if search else LatentSearchConfig(steps=0))
    encode_recording(recording, encoder, tmp_path / "a.sae", bitrate=1.1)
    content = model.compress(waveform, SR, 1.1, search=search)
    assert content == (tmp_path / "a.sae").read_bytes()
    decode_recording(tmp_path / "a.sae", trained, tmp_path / "again.wav", InversionConfig())
    write_stream(tmp_path / "same.wav", [model.decompress(content)[0]], SR)
    assert (tmp_path / "same.wav").read_bytes() == (tmp_path / "again.wav").read_bytes()


@pytest.mark.parametrize("search", [True, False])
def test_encode_is_the_same_for_a_waveform_and_for_what_is_read_of_its_file(model, waveform, recording, search):
    read, sr = sa.read(recording)
    assert sr == SR
    assert np.array_equal(read, reading.read(recording))
    assert np.array_equal(model.encode(read, sr, search=search), model.encode(waveform, SR, search=search))


def test_encode_takes_other_floats_and_views(model, waveform):
    sound = waveform[:9_000]
    latent = model.encode(sound, SR, search=False)
    for other in (sound.astype(np.float64), np.repeat(sound, 2)[::2], sound.tolist()):
        assert np.array_equal(model.encode(other, np.int64(SR), search=False), latent)


def test_encode_search_is_closer_than_the_encoder_alone(model):
    sound = make_speech(2 * SR, SR, 4)
    wanted = sa.log_mel(sound, SR, model.features)

    def error(search):
        decoded = model._trained.network.decode(model.encode(sound, SR, search=search))
        return np.square(decoded[:, : wanted.shape[1]] - wanted).mean()

    assert error(search=True) < error(search=False)


def test_model_in_several_threads_gives_the_same(model):
    sounds = [make_speech(6_000, SR, seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as executor:
        together = list(executor.map(lambda sound: model.reconstruct(sound, SR), sounds))
    for sound, estimate in zip(sounds, together, strict=True):
        assert np.array_equal(model.reconstruct(sound, SR), estimate)


# ---- what it says of itself


def test_model_says_what_it_is(model, trained):
    assert (model.features, model.latent_rate) == (trained.features, trained.latent_rate)
    assert (model.latent_size, model.is_codec, model.description) == (6, True, {})
    assert repr(model) == (
        f"<codec codec.h5: preset {trained.features.preset}, {trained.features.sr:,} Hz, latent rate "
        f"{trained.latent_rate:,.0f} values per second (6 values for 4 frames)>"
    )


def test_load_without_a_path_is_the_model_of_the_package():
    model = sa.load()
    assert model.features.preset == "classic"
    assert "pretrained" in repr(model)
    assert model.reconstruct(make_speech(4_000, 8_000), 8_000).shape == (4_000,)
    assert np.array_equal(
        model.encode(make_speech(4_000, 8_000), 8_000, search=False),
        sa.load(pretrained.PATH).encode(make_speech(4_000, 8_000), 8_000, search=False),
    )


def test_model_needs_no_tensorflow_and_is_quiet(without_tensorflow, recording):
    code = (
        "import sys, speech_autoencoder as sa\n"
        "model, (waveform, sr) = sa.load(), sa.read(sys.argv[1])\n"
        "model.reconstruct(waveform[:6_000], sr)\n"
        "assert not {'tensorflow', 'keras', 'matplotlib', 'librosa'} & set(sys.modules)"
    )
    environment = without_tensorflow | {"PATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, recording], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# ---- what is no sound

SOUND = np.zeros(100, np.float32)


@pytest.mark.parametrize(
    ("waveform", "sr", "words"),
    [
        (np.zeros((100, 2), np.float32), SR, ("shape (100, 2)", "expected (n_samples,)", "waveform.mean(axis=1)")),
        (np.zeros((1, 2, 3)), SR, ("shape (1, 2, 3)",)),
        (np.float32(1), SR, ("shape ()",)),
        (SOUND[:0], SR, ("holds no samples",)),
        (np.zeros(9, np.int16), SR, ("int16", "expected floats", "divide it by its full scale, 32,768 for int16")),
        (np.zeros(9, np.uint8), SR, ("uint8", "divide it by its full scale")),
        (np.zeros(9, complex), SR, ("complex128", "expected floats")),
        (["a"], SR, ("expected floats",)),
        ([[0.1], [0.1, 0.2]], SR, ("expected floats",)),
        ("a.wav", SR, ("expected floats",)),
        (None, SR, ("expected floats",)),
        (np.array([0.1, np.nan]), SR, ("not finite",)),
        (np.array([0.1, -np.inf]), SR, ("not finite",)),
        (np.array([0.1, 1e300]), SR, ("not finite",)),
        (np.array([0.1, -700.0]), SR, ("up to 700", "full scale is 1")),
        (SOUND, 0, ("sr is 0",)),
        (SOUND, "8000", ("sr is '8000'",)),
        (SOUND, None, ("sr is None",)),
        (SOUND, True, ("sr is True",)),
        (SOUND, 8_000.5, ("sr is 8000.5", "4,000 to 192,000 Hz")),
        (SOUND, 10**30, ("4,000 to 192,000 Hz",)),
    ],
    ids=lambda value: "",
)
def test_waveform_that_is_no_sound_is_refused_by_everything_that_takes_one(model, waveform, sr, words):
    for do in (model.encode, model.reconstruct, model.compress, sa.log_mel):
        refused(*words, do=lambda do=do: do(waveform, sr))


@pytest.mark.parametrize(
    ("latent", "n_samples", "words"),
    [
        (np.zeros((9, 5), np.float32), 10, ("shape (9, 5)", "expected (n_latents, 6)")),
        (np.zeros(6, np.float32), 10, ("shape (6,)",)),
        (np.zeros((9, 6), int), 10, ("int64", "expected floats")),
        (np.full((9, 6), np.nan), 10, ("not finite",)),
        (np.zeros((2, 6)), 10**12, ("2 rows", "give a smaller n_samples")),
        (np.zeros((2, 6)), 0, ("n_samples is 0", "above zero")),
        (np.zeros((2, 6)), None, ("n_samples is None",)),
        (np.zeros((0, 6)), 1, ("0 rows",)),
    ],
    ids=lambda value: "",
)
def test_decode_latent_that_does_not_fit_is_refused(model, latent, n_samples, words):
    refused(*words, do=lambda: model.decode(latent, SR, n_samples))


def test_decompress_what_is_none_of_its_bytes_is_refused(model):
    content = model.compress(make_speech(4_000, SR), SR)
    refused("The content cannot be decoded", "checksum", do=lambda: model.decompress(content[:-1]))
    refused("not a .sae file", do=lambda: model.decompress(b""))
    refused("expected bytes", do=lambda: model.decompress("a.sae"))
    refused("was made with the model", do=lambda: sa.Model(make_codec(seed=1)).decompress(content))
    assert len(model.decompress(bytearray(content))[0]) == 4_000


def test_compress_without_a_codec_or_a_bitrate_is_refused(model):
    refused("pretrained has no entropy model", "--codec", do=lambda: sa.load().compress(SOUND, SR))
    for bitrate in (0, -1, float("nan"), "1.6", None):
        refused("bitrate is", do=lambda bitrate=bitrate: model.compress(SOUND, SR, bitrate))


def test_load_what_is_no_model_is_refused(recording):
    refused("a.wav is not an HDF5 file", do=lambda: sa.load(recording))
    refused("A path is 5", do=lambda: sa.load(5))
