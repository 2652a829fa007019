"""The figure of a recording is a readable file, whatever its name and sound; no warning is printed."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct_recording
from speech_autoencoder.config import CLASSIC, InversionConfig, LatentSearchConfig
from speech_autoencoder.report import recording_figure
from tests.helpers.common import TINY, is_figure

pytestmark = pytest.mark.usefixtures("no_warning")


def draw_recording(path, name="a.wav", waveform=None, frames=None, **options):
    """Write the figure of a sound that is its own reconstruction."""
    waveform = np.sin(np.arange(4_000) / 5).astype(np.float32) if waveform is None else waveform
    frames = np.random.default_rng(0).random((TINY.n_mels, 63), np.float32) if frames is None else frames
    recording_figure.draw_recording(path, name, (waveform, waveform), TINY.sr, (frames, frames), TINY, **options)


@pytest.mark.parametrize(
    "name",
    [
        "$x$.wav",
        "$_{$.wav",
        "$",
        "a\nb.wav",
        "\\frac{1}{2}$.wav",
        "_^{.wav",
        "日本語.wav",
        "عربى.wav",
        "\udcff.wav",
        "x" * 250,
        "🎙.wav",
    ],
    ids=ascii,
)
def test_draw_recording_odd_name_writes_a_figure(tmp_path, name):
    draw_recording(tmp_path / "figure.png", name)
    assert is_figure(tmp_path / "figure.png")


@pytest.mark.parametrize(
    ("waveform", "frames"),
    [
        (np.zeros(4_000, np.float32), np.zeros((TINY.n_mels, 63), np.float32)),
        (np.ones(1, np.float32), np.ones((TINY.n_mels, 2), np.float32)),
        (np.zeros(1, np.float32), np.zeros((TINY.n_mels, 2), np.float32)),
    ],
    ids=["silent", "one sample", "one silent sample"],
)
def test_draw_recording_odd_sound_writes_a_figure(tmp_path, waveform, frames):
    draw_recording(tmp_path / "figure.png", waveform=waveform, frames=frames)
    assert is_figure(tmp_path / "figure.png")


@pytest.mark.parametrize(
    ("sr", "seconds"), [(16_000, 0.5), (44_100, 0.02), (8_000, 27.0), (16_000, 1 / 16_000)], ids=str
)
def test_excerpt_any_recording_writes_a_figure(shaken, tmp_path, sr, seconds):
    sound = 0.3 * np.random.default_rng(0).standard_normal(max(1, round(sr * seconds)))
    sf.write(tmp_path / "in.wav", sound, sr)
    excerpt = recording_figure.Excerpt(tmp_path / "in.wav", shaken.features)
    quick = InversionConfig(griffin_lim_rounds=1)
    encoder = Encoder(shaken, LatentSearchConfig(steps=1))
    reconstruct_recording(tmp_path / "in.wav", encoder, quick, tmp_path / "out.wav", watch=excerpt.watch)
    excerpt.draw(tmp_path / "figure.png")
    assert is_figure(tmp_path / "figure.png")


def test_excerpt_long_recording_keeps_only_its_beginning(tmp_path):
    sf.write(tmp_path / "in.wav", np.zeros(8_000 * 60), 8_000)
    excerpt = recording_figure.Excerpt(tmp_path / "in.wav", CLASSIC)
    for _ in range(60):
        excerpt.watch("waveform", np.ones(7_000, np.float32))
        excerpt.watch("mel", np.ones((CLASSIC.n_mels, 44), np.float32))
    assert sum(map(len, excerpt.blocks["waveform"])) == 8_000 * excerpt.seconds < 8_000 * 60
    assert sum(block.shape[1] for block in excerpt.blocks["mel"]) < 44 * 30


def test_excerpt_draws_the_recording_beside_its_reconstruction(tmp_path, monkeypatch):
    sound = np.linspace(-0.5, 0.5, 8_000)
    sf.write(tmp_path / "in.wav", sound, 8_000, "FLOAT")
    excerpt = recording_figure.Excerpt(tmp_path / "in.wav", replace(TINY))
    excerpt.watch("mel", np.full((TINY.n_mels, 126), 0.25, np.float32))
    excerpt.watch("reconstructed_mel", np.full((TINY.n_mels, 126), 0.75, np.float32))
    excerpt.watch("waveform", np.full(5_000, 0.125, np.float32))
    excerpt.watch("waveform", np.full(3_000, 0.125, np.float32))
    drawn = []
    monkeypatch.setattr(
        recording_figure, "draw_recording", lambda *arguments, **options: drawn.append((arguments, options))
    )
    excerpt.draw(tmp_path / "figure.png")
    (path, name, waveforms, sr, log_mels, _), options = drawn[0]
    assert (path, name, sr, options) == (tmp_path / "figure.png", "in.wav", 8_000, {"shortened": False})
    np.testing.assert_allclose(waveforms[0], sound, atol=1e-6)
    np.testing.assert_array_equal(waveforms[1], np.full(8_000, 0.125))
    assert [frames.mean() for frames in log_mels] == [0.25, 0.75]
