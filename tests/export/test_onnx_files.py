"""Models as ONNX files: they give what numpy gives, from latents to sound, and say what another program must know."""

import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio.inversion import invert
from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.config import InversionConfig, LossConfig, ModelConfig, preset
from speech_autoencoder.evaluation.metrics.intelligibility import stoi
from speech_autoencoder.model import model_file, pretrained
from speech_autoencoder.model.architecture import context_latents
from speech_autoencoder.model.layers import ACTIVATIONS, LAYERS
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.pca import PCA
from speech_autoencoder.model.quantisation import Predictor, quantise, to_fixed, to_floats
from tests.helpers.common import ROOT, make_entropy
from tests.helpers.onnx_sessions import make_network, session_of

pytest.importorskip("onnx")
from speech_autoencoder.export import onnx_files, onnx_graphs

PROGRAM = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "export.md").read_text(encoding="utf-8"), re.DOTALL)[1]
QUICK = InversionConfig(griffin_lim_rounds=4)
FINE = preset("fine", 16_000)
CLASSIC = preset("classic", 16_000)
# The networks of both presets, of a codec, and one that halves its resolution, with several frames in its stem.
NETWORKS = {
    "classic": (CLASSIC, ModelConfig(128, 2, 32, width=32)),
    "fine": (FINE, ModelConfig(80, 4, 22, stem_frames=4, width=32)),
    "codec": (FINE, ModelConfig(80, 4, 44, stem_frames=4, width=32, depth=6)),
    "two downsamplings": (CLASSIC, ModelConfig(128, 16, 64, stem_frames=4, width=16, depth=3)),
    "no depth": (CLASSIC, ModelConfig(128, 2, 5, stem_frames=1, width=8, depth=0)),
}


def make(features, config, *, entropy=None):
    """Return a TrainedModel of random weights."""
    frames, size = config.baseline_shape
    n_values = frames * config.n_mels
    baseline = PCA(frames, np.zeros((n_values, size)), np.zeros((size, n_values)), np.zeros(n_values))
    return TrainedModel(make_network(config), features, LossConfig(), baseline, {}, entropy)


@pytest.fixture(scope="module")
def shipped():
    """Return the model that comes with the package, and its ONNX models."""
    model = model_file.load(pretrained.PATH)
    return model, onnx_files.onnx_models(model)


# The same as numpy


def test_every_kind_of_layer_has_its_onnx_function():
    assert onnx_graphs.ONNX_LAYERS.keys() == LAYERS.keys()
    assert onnx_graphs.ONNX_ACTIVATIONS.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_models_give_the_latents_and_frames_of_numpy(name):
    features, config = NETWORKS[name]
    model = make(features, config)
    made = onnx_files.onnx_models(model)
    encode, decode = session_of(made["encoder"]), session_of(made["decoder"])
    for n_frames in (1, 2, 31, 48):
        clips = np.random.default_rng(n_frames).random((3, config.n_mels, n_frames)).astype(np.float32)
        clips[1] = 0  # silence
        (latents,) = encode(log_mel=clips)
        (frames,) = decode(latent=latents)
        for clip, latent, output in zip(clips, latents, frames, strict=True):
            expected = model.network.encode(clip)
            np.testing.assert_allclose(latent, expected, atol=1e-4, rtol=1e-5)
            np.testing.assert_allclose(output, model.network.decode(expected), atol=1e-4)


def test_onnx_models_reconstruct_recordings_as_numpy_does(shipped, testing_recordings):
    """Thirty recordings, from waveform to sound; STOI needs some seconds, so it is of several recordings joined."""
    model, made = shipped
    encode, decode = session_of(made["encoder"]), session_of(made["decoder"])
    sounds = ([], [], [])
    for waveform, sr in testing_recordings[:30]:
        waveform = resample(waveform, sr, model.features.sr)
        frames = log_mel(waveform, model.features)
        latent = model.network.encode(frames)
        (theirs,) = encode(log_mel=frames[None])
        np.testing.assert_allclose(theirs[0], latent, atol=1e-4)
        (output,) = decode(latent=theirs)
        sounds[0].append(waveform)
        for sound, mel in zip(sounds[1:], (model.network.decode(latent), output[0]), strict=True):
            own = mel[: model.features.n_mels, : frames.shape[1]]
            sound.append(invert(own, model.features, QUICK, len(waveform)))
    reference, ours, theirs = map(np.concatenate, sounds)
    score = stoi(reference, ours, model.features.sr)
    assert score > 0.9
    assert stoi(reference, theirs, model.features.sr) == pytest.approx(score, abs=1e-3)


def test_encoder_in_parts_with_context_is_the_whole(shipped):
    """As docs/export.md says."""
    model, made = shipped
    encode, step = session_of(made["encoder"]), model.config.frames_per_latent
    context = json.loads(encoder_metadata(made)["context_latents"])
    frames = np.random.default_rng(0).random((1, model.config.n_mels, 200 * step)).astype(np.float32)
    (whole,) = encode(log_mel=frames)
    first, last = 80, 120
    (part,) = encode(log_mel=frames[..., (first - context) * step : (last + context) * step])
    np.testing.assert_allclose(part[0, context:-context], whole[0, first:last], atol=1e-5)


# A codec


@pytest.mark.parametrize("quality", [0, 2])
def test_quantiser_gives_the_symbols_and_latents_of_numpy_to_the_bit(quality):
    entropy = make_entropy(44, 6, n_hidden=8, weights=0.3)
    made = onnx_files.onnx_models(make(*NETWORKS["codec"], entropy=entropy))
    latent = (3 * np.random.default_rng(0).normal(size=(50, 44))).astype(np.float32)
    latent[0, :3] = np.nan, np.inf, -1e9
    expected, _, decoded = quantise(Predictor(entropy, quality), to_fixed(latent))
    symbols, quantised = session_of(made["quantiser"])(latent=latent, quality=quality)
    np.testing.assert_array_equal(symbols, expected)
    np.testing.assert_array_equal(quantised, to_floats(decoded))
    (again,) = session_of(made["dequantiser"])(symbols=symbols, quality=quality)
    np.testing.assert_array_equal(again, quantised)


def test_onnx_models_without_codec_are_encoder_and_decoder(shipped):
    assert list(shipped[1]) == ["encoder", "decoder"]


# The metadata


def encoder_metadata(made):
    return {entry.key: entry.value for entry in made["encoder"].metadata_props}


def test_metadata_says_what_a_program_needs(shipped):
    model, made = shipped
    found = encoder_metadata(made)
    assert json.loads(found["features"]) == model.features.to_json()
    assert json.loads(found["context_latents"]) == context_latents(model.config)
    assert found["fingerprint"] == model.fingerprint.hex()
    assert found["licence"] == "cc-by-sa-3.0"
    assert json.loads(found["source"])["attribution"].startswith("Asterisk core sounds")
    assert (made["encoder"].producer_name, made["encoder"].opset_import[0].version) == ("speech-autoencoder", 13)


def test_metadata_keys_are_those_of_the_page():
    codec = make(*NETWORKS["codec"], entropy=make_entropy(44, 6))
    table = (ROOT / "docs" / "export.md").read_text(encoding="utf-8").partition("| key |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()[2:]]
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(onnx_files.metadata(codec))


def test_metadata_of_a_hostile_description_is_text():
    model = make(*NETWORKS["classic"])
    model.description.update(source={"licence": {"a": 1}, "x": "\n---\n\x00"}, codec=[1])
    found = encoder_metadata(onnx_files.onnx_models(model))
    assert found["licence"] == "{'a': 1}"
    assert "\n" not in found["source"]


# The program of docs/export.md


def test_program_of_the_page_sounds_as_ours(shipped, tmp_path, monkeypatch, testing_recordings):
    pytest.importorskip("librosa")
    pytest.importorskip("onnxruntime")
    assert len([line for line in PROGRAM.splitlines() if line.strip()]) <= 40
    assert "speech_autoencoder" not in PROGRAM
    model, made = shipped
    for name, graph in made.items():
        onnx_files.write(tmp_path / f"model_{name}.onnx", graph)
    sr = model.features.sr
    sound = np.concatenate([resample(waveform, own_sr, sr) for waveform, own_sr in testing_recordings[:40:8]])
    sf.write(tmp_path / "in.wav", sound, sr, "FLOAT")
    (tmp_path / "reconstruct.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["reconstruct.py", "in.wav", "out.wav"])
    variables = runpy.run_path("reconstruct.py")
    frames = log_mel(sound, model.features)
    np.testing.assert_allclose(variables["log_mel"](sound), frames, atol=0.01 / model.features.range_db)
    ours = invert(
        model.network.decode(model.network.encode(frames))[:, : frames.shape[1]],
        model.features,
        InversionConfig(),
        len(sound),
    )
    theirs, own_sr = sf.read("out.wav", dtype="float32")
    assert (own_sr, len(theirs)) == (sr, len(sound))
    assert stoi(sound, theirs, sr) > stoi(sound, ours, sr) - 0.015


# The files


def test_onnx_path_begins_with_the_name():
    assert onnx_files.onnx_path(Path("a/b"), "encoder") == Path("a/b_encoder.onnx")
    assert onnx_files.onnx_path(Path("a/b.onnx"), "encoder") == Path("a/b_encoder.onnx")
